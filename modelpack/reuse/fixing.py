"""Steps -> sizes that only one number can have: what a layer takes says what an axis is that nobody could work out.

Behind `flatten` an axis is `16 * ((height - 4) // 2) * …`; a `Linear` of 400 features takes it, so it is 400.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from modelpack.dims import Expr
from modelpack.lookup import enter
from modelpack.network import Again, Body, Child, Leaf, Slot, Specs, Step, Wiring
from modelpack.tensors import TensorSpec

__all__ = ["fixed_sizes"]


def fixed_sizes(body: Body, steps: Iterable[Step]) -> Mapping[Expr, int]:
    """The axes of what `steps` of `body` take, and what is inside of them, whose size a setting of a layer tells."""
    return dict(_fixed(body, steps))


def _fixed(body: Body, steps: Iterable[Step]) -> Iterator[tuple[Expr, int]]:
    for step in steps:
        does = step.does.of if isinstance(step.does, Again) else step.does
        if isinstance(does, Child):
            yield from _fixed(does.body, does.body.steps)
        elif step.inputs:
            yield from _told(does, _specs(body, step.inputs[0]))


def _told(leaf: Leaf, first: Specs) -> Iterator[tuple[Expr, int]]:
    for each in leaf.eval.type.settings.values():
        size = getattr(leaf.eval, each.name)
        if each.axis is None or not isinstance(size, int) or not isinstance(first, TensorSpec):
            continue
        if -first.rank <= each.axis < first.rank and isinstance(axis := first.shape[each.axis], Expr):
            yield axis, size


def _specs(body: Body, wiring: Wiring) -> Specs:
    """The tensor at `wiring`, if it is one."""
    if not isinstance(wiring, Slot):
        return None
    before = len(body.inputs) + len(body.raw)
    if len(body.inputs) <= wiring.index < before:
        return None
    inputs = list(body.inputs.values())
    specs = inputs[wiring.index] if wiring.index < len(inputs) else body.steps[wiring.index - before].outputs
    for key in wiring.path:
        specs, _ = enter(specs, str(key))
    return specs
