"""`einsum`: products of tensors by an equation over axes."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

from modelpack.dims import Dim, may_equal
from modelpack.dtypes import DType
from modelpack.layers.base import Layer, aten, example, operation, setting
from modelpack.layers.kinds import Text
from modelpack.layers.rules import COMPLEX, FLOATS, one_dtype
from modelpack.tensors import Mismatch, TensorSpec, broadcast

__all__ = ["Einsum", "axes_of"]

_DTYPES = FLOATS | COMPLEX | {DType.INT64}
"""Sums of narrower integers are int64, products are not, so that theirs depends on the order in which torch contracts."""

_TERM = re.compile(r"([A-Za-z]*)(\.\.\.)?([A-Za-z]*)")


@operation(source=aten("torch.einsum"), name="einsum")
class Einsum(Layer):
    """A product of tensors, each axis named by a letter: those that the result hasn't are summed over.

    Shapes: by `equation`; without an arrow, the result has the letters that stand once, in alphabetical order. All inputs
    have one dtype: floats, complex numbers or int64.
    """

    equation: str = setting(
        Text(), "letters of each input's axes, between commas; an arrow; those of the result"
    )

    examples = (
        example("float32[batch, 3, 4]", "float32[batch, 4, 5]", equation="bij,bjk->bik"),
        example("float32[batch, 2, 3]", "float32[3, 4]", equation="...d, de -> ...e"),
        example("float32[batch, 3]", "float32[batch, 3]", equation="bi,bi->b"),
        example("float32[4, 4, batch]", equation="iib"),
        example("int64[batch, 3]", "int64[batch, 2]", equation="bi,bj->bij"),
    )

    def infer(self, *tensors: TensorSpec) -> TensorSpec:
        inputs, output = _parse(self.equation)
        if not tensors or len(inputs) != len(tensors):
            raise Mismatch(
                f"equation '{self.equation}' has {len(inputs)} operands, but there are {len(tensors)} inputs",
                setting="equation",
            )
        one_dtype(tensors[0], *tensors[1:], allowed=_DTYPES)
        sizes: dict[str, Dim] = {}
        fronts: list[tuple[Dim, ...]] = []
        for term, x in zip(inputs, tensors, strict=True):
            fronts.append(_name_axes(term, x, sizes, self.equation))
        front = broadcast(fronts)
        before, dots, after = _split(_result(inputs, output), self.equation)
        letters = before + after
        for letter in letters:
            if letter not in sizes or letters.count(letter) > 1:
                raise Mismatch(
                    f"'{letter}' stands in the result of equation '{self.equation}' twice, or in no input",
                    setting="equation",
                )
        shape = (*(sizes[a] for a in before), *(front if dots else ()), *(sizes[a] for a in after))
        return tensors[0].with_shape(*shape)


def _parse(equation: str) -> tuple[list[str], str | None]:
    """The terms of the inputs, and of the result if it is told."""
    text = equation.replace(" ", "")
    left, arrow, right = text.partition("->")
    return left.split(","), right if arrow else None


def _result(inputs: list[str], output: str | None) -> str:
    """The term of the result, the letters that stand once if it isn't told."""
    if output is not None:
        return output
    counts = Counter(letter for term in inputs for letter in term.replace("...", ""))
    return "..." + "".join(sorted(letter for letter, count in counts.items() if count == 1))


def axes_of(
    equation: str, inputs: Sequence[TensorSpec]
) -> tuple[list[tuple[str | int, ...]], frozenset[str | int]]:
    """The names of each input's axes and those that the result has: letters, and numbers from the last on for those of dots."""
    terms, output = _parse(equation)
    named: list[tuple[str | int, ...]] = []
    for term, x in zip(terms, inputs, strict=True):
        before, dots, after = _split(term, equation)
        front = range(x.rank - len(before) - len(after), 0, -1) if dots else ()
        named.append((*before, *front, *after))
    before, dots, after = _split(_result(terms, output), equation)
    front = {axis for term in named for axis in term if isinstance(axis, int)} if dots else ()
    return named, frozenset((*before, *front, *after))


def _split(term: str, equation: str) -> tuple[str, bool, str]:
    match = _TERM.fullmatch(term)
    if match is None:
        raise Mismatch(f"equation '{equation}' has '{term}' where letters should stand", setting="equation")
    return match[1], match[2] is not None, match[3]


def _name_axes(term: str, x: TensorSpec, sizes: dict[str, Dim], equation: str) -> tuple[Dim, ...]:
    """Notes the size of each letter; gives the axes that the dots stand for.

    Raises:
        Mismatch: the term hasn't as many letters as the input has axes, or a letter has two sizes.
    """
    before, dots, after = _split(term, equation)
    named = len(before) + len(after)
    if named > x.rank or (not dots and named < x.rank):
        raise Mismatch(
            f"'{term}' in equation '{equation}' doesn't name the {x.rank} axes of {x}",
            code="MP302",
            setting="equation",
        )
    behind = x.rank - len(after)
    own: dict[str, Dim] = {}
    for letter, size in zip(before + after, (*x.shape[: len(before)], *x.shape[behind:]), strict=True):
        if not may_equal(own.setdefault(letter, size), size):
            raise Mismatch(f"'{letter}' names axes of {own[letter]} and {size} in {x}", setting="equation")
        known = sizes.get(letter, 1)
        if known == 1:
            sizes[letter] = size
        elif size != 1:
            if not may_equal(known, size):
                raise Mismatch(
                    f"'{letter}' in equation '{equation}' is {known} in one input and {size} in {x}",
                    code="MP305",
                    setting="equation",
                )
            sizes[letter] = size if isinstance(size, int) else known
    return x.shape[len(before) : behind]
