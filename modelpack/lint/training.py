"""What training changes though it looks as if it couldn't."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

from modelpack.errors import Problem
from modelpack.findings import Severity
from modelpack.lint.rule import Rule
from modelpack.lint.subject import Subject
from modelpack.network import Again, Body, Child, Leaf, Step

__all__ = ["RULES"]

_STATISTICS = "its running statistics change in training"
_DROPS = "it drops in training"


def frozen_but_training(subject: Subject) -> Iterator[Problem]:
    """All parameters of the layer are frozen by name, so that it looks as if training left it as it is; but in training mode
    the running statistics of a normalisation still change, and dropout still drops. *Way out:* `frozen: true` keeps the
    layer, and all that is in it, to evaluation mode; or leave one parameter out of the list, if it is to be trained.

    ```yaml bad
    modelpack: 1
    name: net
    inputs:
      image: {dtype: float32, shape: [batch, 3, 32, 32]}
    layers:
      norm: {BatchNorm2d: {num_features: 3}, frozen: [weight, bias]}
    ```

    ```yaml good
    modelpack: 1
    name: net
    inputs:
      image: {dtype: float32, shape: [batch, 3, 32, 32]}
    layers:
      norm: {BatchNorm2d: {num_features: 3}, frozen: true}
    ```
    """
    known: dict[int, str | None] = {}
    for name, body in subject.bodies.items() if subject.trains else ():
        graph = subject.graphs[name]
        seen: set[str] = set()
        for step in body.steps:
            node = step.node
            if not isinstance(node.frozen, tuple) or not node.frozen or node.name in seen:
                continue
            seen.add(node.name)  # repetitions are alike
            why = _active(step, known) if _all_frozen(step, frozenset(node.frozen)) else None
            if why is not None:
                at = node.places.get("frozen", node.place)
                message = f"all its parameters are frozen, but {why}"
                path = graph.path(f"layers.{node.name}")
                yield subject.problem("MP823", message, at, path, "frozen: true")


def _all_frozen(step: Step, frozen: frozenset[str]) -> bool:
    """Whether all parameters below a step, of which there are some, are among those; no more are looked at than are named."""
    names = list(islice(_parameters(step, ""), len(frozen) + 1))
    return bool(names) and frozen.issuperset(names)


def _parameters(step: Step, prefix: str) -> Iterator[str]:
    if isinstance(step.does, Leaf):
        yield from (prefix + each.name for each in step.does.tensors if each.is_parameter)
    elif isinstance(step.does, Child) and step.does.body.tensor_count:
        yield from (prefix + each.name for each in step.does.body.raw if each.is_parameter)
        for inner in step.does.body.steps:
            yield from _parameters(inner, f"{prefix}{inner.name}.")


def _active(step: Step, known: dict[int, str | None]) -> str | None:
    """What training does to a step, though it has no parameters to train; each body is looked through once."""
    does = step.does.of if isinstance(step.does, Again) else step.does
    if isinstance(does, Leaf):
        return _active_leaf(does)
    if step.node.frozen is True:
        return None
    if id(does.body) not in known:
        known[id(does.body)] = _active_body(does.body, known)
    return known[id(does.body)]


def _active_body(body: Body, known: dict[int, str | None]) -> str | None:
    for step in body.steps:
        why = None if step.node.frozen is True else _active(step, known)
        if why is not None:
            return why if why.startswith("'") else f"'{step.name}' in it isn't: {why}"
    return None


def _active_leaf(leaf: Leaf) -> str | None:
    layer = vars(leaf.train)
    name = leaf.train.type.name
    if layer.get("track_running_stats") is True:
        return _STATISTICS
    drops = "p" if "dropout" in name.lower() or name == "StochasticDepth" else "dropout"
    probability = layer.get(drops, 0)
    if isinstance(probability, int | float) and probability > 0 and layer.get("train", True) is True:
        return _DROPS
    return None


RULES = (Rule("MP823", Severity.WARNING, frozen_but_training),)
