"""Paddings of the last one, two or three axes."""

from __future__ import annotations

from dataclasses import replace
from math import inf

from modelpack.dims import Dim, exceeds
from modelpack.dtypes import DType
from modelpack.layers.base import Example, Layer, example, layer, setting, sizes, torch_nn
from modelpack.layers.kinds import Number
from modelpack.layers.rules import COMPLEX, NUMBERS, holds, of_dtypes, of_rank, of_rank_from
from modelpack.layers.windows import axis_names, with_spatial
from modelpack.tensors import Mismatch, TensorSpec

__all__ = [
    "CircularPad1d",
    "CircularPad2d",
    "CircularPad3d",
    "ConstantPad1d",
    "ConstantPad2d",
    "ConstantPad3d",
    "ReflectionPad1d",
    "ReflectionPad2d",
    "ReflectionPad3d",
    "ReplicationPad1d",
    "ReplicationPad2d",
    "ReplicationPad3d",
    "ZeroPad1d",
    "ZeroPad2d",
    "ZeroPad3d",
]

_ANY = NUMBERS | COMPLEX | {DType.BOOL, DType.UINT16, DType.UINT32, DType.UINT64}
_PADDING = (
    "elements added before and after the last axis, then the one before it, and so on; negative ones cut off"
)


def _shapes(n: int) -> str:
    return f"``[batch, channels, {axis_names(n)}]`` or ``[channels, {axis_names(n)}]`` to the same with longer axes"


def _examples(n: int, **settings: float) -> tuple[Example, ...]:
    axes = axis_names(n)
    examples = (
        example(f"float32[batch, 3, {axes}]", padding=1),
        example(f"float32[3, {axes}]", padding=(1, 2, 0, 4, 3, 3)[: 2 * n]),
        example(f"float64[batch, 2, {axes}]", padding=(3, 0) * n),
    )
    return tuple(replace(each, settings={**each.settings, **settings}) for each in examples)


def _padded(x: TensorSpec, padding: tuple[int, ...]) -> TensorSpec:
    """`x` with `padding`, the last axis first."""
    n = len(padding) // 2
    before: tuple[Dim, ...] = x.shape[-n:]
    pairs = [(padding[2 * i], padding[2 * i + 1]) for i in reversed(range(n))]
    return with_spatial(x, [size + left + right for size, (left, right) in zip(before, pairs, strict=True)])


def _at_most(x: TensorSpec, padding: tuple[int, ...], less: int, why: str) -> None:
    """Refuse to add more than an axis has, less `less`.

    Raises:
        Mismatch: it would.
    """
    for i, amount in enumerate(padding):
        size = x.shape[-1 - i // 2]
        if exceeds(amount, size - less):
            told = f"can't add {amount} to an axis of {size} of its input {x}: {why}"
            raise Mismatch(told, code="MP304", setting="padding")


def _constant(n: int) -> type[Layer]:
    @layer(source=torch_nn(f"ConstantPad{n}d"), name=f"ConstantPad{n}d")
    class Constant(Layer):
        __doc__ = f"""The last {n} axes made longer with a constant.

        Shapes: {_shapes(n)}; more leading axes are allowed.
        """

        padding: tuple[int, ...] = sizes(2 * n, _PADDING, minimum=-(2**31))
        value: float = setting(Number(finite=False), "the constant")

        examples = (*_examples(n, value=1.5), *_examples(n, value=-inf)[:1])

        def infer(self, input: TensorSpec) -> TensorSpec:
            holds(of_dtypes(input, _ANY), self.value, "value")
            return _padded(of_rank_from(input, n), self.padding)

    return Constant


def _zero(n: int) -> type[Layer]:
    @layer(source=torch_nn(f"ZeroPad{n}d"), name=f"ZeroPad{n}d")
    class Zero(Layer):
        __doc__ = f"""The last {n} axes made longer with zeros.

        Shapes: {_shapes(n)}; more leading axes are allowed.
        """

        padding: tuple[int, ...] = sizes(2 * n, _PADDING, minimum=-(2**31))

        examples = (*_examples(n), example(f"float32[batch, 3, {axis_names(n)}]", padding=(-1, 2) * n))

        def infer(self, input: TensorSpec) -> TensorSpec:
            return _padded(of_rank_from(of_dtypes(input, _ANY), n), self.padding)

    return Zero


def _reflection(n: int) -> type[Layer]:
    @layer(source=torch_nn(f"ReflectionPad{n}d"), name=f"ReflectionPad{n}d")
    class Reflection(Layer):
        __doc__ = f"""The last {n} axes continued by their reflection at the border, which isn't repeated: ``c b | a b c``.

        Shapes: {_shapes(n)}. Each axis must be longer than what is added on one side.
        """

        padding: tuple[int, ...] = sizes(2 * n, _PADDING, minimum=-(2**31))

        examples = _examples(n)

        def infer(self, input: TensorSpec) -> TensorSpec:
            of_rank(of_dtypes(input, NUMBERS | COMPLEX), n + 1, n + 2)
            _at_most(input, self.padding, 1, "a reflection is one shorter than the axis")
            return _padded(input, self.padding)

    return Reflection


def _replication(n: int) -> type[Layer]:
    @layer(source=torch_nn(f"ReplicationPad{n}d"), name=f"ReplicationPad{n}d")
    class Replication(Layer):
        __doc__ = f"""The last {n} axes continued by their border: ``a a | a b c``.

        Shapes: {_shapes(n)}.
        """

        padding: tuple[int, ...] = sizes(2 * n, _PADDING, minimum=-(2**31))

        examples = _examples(n)

        def infer(self, input: TensorSpec) -> TensorSpec:
            of_rank(of_dtypes(input, NUMBERS | COMPLEX), n + 1, n + 2)
            return _padded(input, self.padding)

    return Replication


def _circular(n: int) -> type[Layer]:
    @layer(source=torch_nn(f"CircularPad{n}d"), name=f"CircularPad{n}d")
    class Circular(Layer):
        __doc__ = f"""The last {n} axes continued as if they were rings: ``b c | a b c``.

        Shapes: {_shapes(n)}. Each axis must be at least as long as what is added on one side.
        """

        padding: tuple[int, ...] = sizes(2 * n, _PADDING, minimum=-(2**31))

        examples = _examples(n)

        def infer(self, input: TensorSpec) -> TensorSpec:
            of_rank(of_dtypes(input, _ANY), n + 1, n + 2)
            _at_most(input, self.padding, 0, "the ring is no longer")
            return _padded(input, self.padding)

    return Circular


ConstantPad1d, ConstantPad2d, ConstantPad3d = (_constant(n) for n in (1, 2, 3))
ZeroPad1d, ZeroPad2d, ZeroPad3d = (_zero(n) for n in (1, 2, 3))
ReflectionPad1d, ReflectionPad2d, ReflectionPad3d = (_reflection(n) for n in (1, 2, 3))
ReplicationPad1d, ReplicationPad2d, ReplicationPad3d = (_replication(n) for n in (1, 2, 3))
CircularPad1d, CircularPad2d, CircularPad3d = (_circular(n) for n in (1, 2, 3))
