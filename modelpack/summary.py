"""Network -> Summary: one row a layer, with output shapes and counts, for `modelpack show`; no framework is needed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import prod

from modelpack.layers.base import Tensor
from modelpack.match import stored_names
from modelpack.network import Again, Body, Child, Leaf, Network, Specs, Step, TensorEntry
from modelpack.tensors import TensorSpec

__all__ = ["Row", "SpecTexts", "Summary", "counted", "size_text", "spec_text", "summarize"]


@dataclass(frozen=True, slots=True)
class Row:
    """A layer, operation, block or call. `elements` are those of its own tensors, which a call shares: it has none; `parameters`
    those of them that aren't in buffers.
    """

    name: str
    kind: str
    outputs: str
    elements: int
    parameters: int
    depth: int
    """how many blocks it is inside"""


@dataclass(frozen=True, slots=True)
class Summary:
    """What a network is, in numbers. Elements are counted once where tensors are tied."""

    name: str
    inputs: Mapping[str, str]
    rows: tuple[Row, ...]
    outputs: str
    parameters: int
    trainable: int
    buffers: int
    bytes: int
    """of all parameters and saved buffers"""


def summarize(network: Network) -> Summary:
    """The rows of `network` in the order of its steps, a block before what is in it, and the sums."""
    entries = stored_names(network).values()
    return Summary(
        name=network.architecture.name,
        inputs={name: spec_text(specs) for name, specs in network.inputs.items()},
        rows=tuple(_rows(network.main, "", 0, SpecTexts())),
        outputs=spec_text(network.outputs),
        parameters=sum(prod(each.shape) for each in entries if each.is_parameter),
        trainable=sum(prod(each.shape) for each in entries if each.requires_grad),
        buffers=sum(prod(each.shape) for each in entries if not each.is_parameter),
        bytes=sum((prod(each.shape) * each.dtype.bits + 7) // 8 for each in entries if each.persistent),
    )


def size_text(network: Network) -> str:
    """How large a network is, in a few words: `21 steps, 61,706 parameters`."""
    parameters = sum(prod(each.shape) for each in stored_names(network).values() if each.is_parameter)
    return f"{counted(network.main.size, 'step')}, {counted(parameters, 'parameter')}"


def counted(count: int, thing: str) -> str:
    """`1 step`, `12 steps`."""
    return f"{count:,} {thing}" if count == 1 else f"{count:,} {thing}s"


def spec_text(specs: Specs) -> str:
    """Specs as they would be written: `float32[batch, 10]`, several in brackets or braces."""
    if isinstance(specs, TensorSpec):
        return str(specs)
    if isinstance(specs, tuple):
        return f"({', '.join(map(spec_text, specs))})"
    if isinstance(specs, Mapping):
        return f"{{{', '.join(f'{name}: {spec_text(each)}' for name, each in specs.items())}}}"
    return "nothing"


class SpecTexts:
    """`spec_text`, once for each value: thousands of uses of a block may share one of thousands of tensors."""

    def __init__(self) -> None:
        self._known: dict[int, tuple[Specs, str]] = {}

    def __call__(self, specs: Specs) -> str:
        known = self._known.get(id(specs))
        if known is None:
            known = self._known[id(specs)] = (
                specs,
                spec_text(specs),
            )  # with it, so that its identity stays its own
        return known[1]


def _rows(body: Body, prefix: str, depth: int, text: SpecTexts) -> Iterator[Row]:
    for step in body.steps:
        kind, own = _kind_and_tensors(step)
        if step.node.when is not None:
            kind += f" (in {step.node.when} mode)"
        elements = sum(prod(each.shape) for each in own)
        parameters = sum(prod(each.shape) for each in own if each.is_parameter)
        yield Row(prefix + step.name, kind, text(step.outputs), elements, parameters, depth)
        if isinstance(step.does, Child):
            yield from _rows(step.does.body, f"{prefix}{step.name}.", depth + 1, text)


def _kind_and_tensors(step: Step) -> tuple[str, Sequence[Tensor | TensorEntry]]:
    does = step.does
    if isinstance(does, Leaf):
        return does.eval.type.name, does.eval.tensors()
    if isinstance(does, Again):
        return f"call {does.target}", ()
    return does.body.name, does.body.raw
