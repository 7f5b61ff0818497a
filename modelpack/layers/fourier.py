"""Discrete Fourier transforms, of all elements along axes: there and back, of real and complex signals."""

from __future__ import annotations

from collections.abc import Sequence

from modelpack.dims import Dim, exceeds, floor_div
from modelpack.dtypes import DType
from modelpack.layers.axes import axes_of, existing_axis
from modelpack.layers.base import Layer, aten, example, number, operation, setting
from modelpack.layers.kinds import Axes, Choice, DTypeName, Integer, Integers, Nullable
from modelpack.layers.rules import COMPLEX, COUNTABLE, FLOATS, of_dtypes, of_result
from modelpack.tensors import Mismatch, TensorSpec

__all__ = ["ALONG_AXES", "ALONG_AXIS", "FREQUENCIES", "SHIFTS"]

_NORM = Nullable(Choice(("forward", "backward", "ortho")))
_NORM_DOC = "what it is divided by: the number of elements, nothing (as null does there), or its square root"
_REAL = COUNTABLE - {DType.FLOAT16, DType.BFLOAT16}
"""torch transforms half precision on some accelerators only."""
_SINGLE = _REAL - {DType.FLOAT64}
"""Of float64 complex128 would come, which no weight file has."""

_AXIS = Nullable(Integer(1, symbolic=True))
_LENGTHS = Nullable(Integers(Integer(1, symbolic=True)))

_KINDS = {
    # name: (what it says, whether it takes complex numbers, whether it gives them, how the last length changes)
    "fft": ("The discrete Fourier transform", True, True, None),
    "ifft": ("The inverse of the discrete Fourier transform", True, True, None),
    "rfft": ("The discrete Fourier transform of a real signal, whose second half is left out", False, True, "half"),
    "irfft": ("The inverse of `fft_rfft`", True, False, "double"),
    "hfft": ("The discrete Fourier transform of half of a Hermitian signal, which is real", True, False, "double"),
    "ihfft": ("The inverse of `fft_hfft`", False, True, "half"),
}  # fmt: skip


def _transformed(x: TensorSpec, kind: str, axes: Sequence[int], lengths: Sequence[Dim | None]) -> TensorSpec:
    """The spec of the transform along `axes` (counted from the front), cut or filled up to `lengths`."""
    _, of_complex, to_complex, change = _KINDS[kind]
    allowed = _SINGLE if to_complex else _REAL
    of_dtypes(x, allowed | COMPLEX if of_complex else allowed)
    if change is not None and not axes:
        raise Mismatch(f"there is no axis to transform in its input {x}", code="MP302", setting="dim")
    result = x
    for axis, length in zip(axes, lengths, strict=True):
        result = result.with_axis(axis, result.shape[axis] if length is None else length)
    if change is not None:
        last = axes[-1]
        size = result.shape[last]
        if change == "half":
            result = result.with_axis(last, floor_div(size, 2) + 1)
        elif lengths[-1] is None:
            result = result.with_axis(last, 2 * (size - 1))
    if any(exceeds(1, x.shape[axis]) or exceeds(1, result.shape[axis]) for axis in axes):
        raise Mismatch(f"an axis of its input {x} has too few elements", code="MP307")
    if to_complex:
        return result.with_dtype(DType.COMPLEX64)
    return result.with_dtype(DType.FLOAT64 if x.dtype is DType.FLOAT64 else DType.FLOAT32)


def _lasts(kind: str) -> str:
    return {
        "half": " ``[…, n]`` to ``[…, n // 2 + 1]``",
        "double": " ``[…, m]`` to ``[…, 2 * (m - 1)]``, or to the length that is given",
    }.get(_KINDS[kind][3] or "", " unchanged, or to the length that is given")


def _gives(kind: str) -> str:
    return "complex64" if _KINDS[kind][2] else "float32 (of float64, float64)"


def _sample(kind: str) -> str:
    return "complex64" if kind in ("irfft", "hfft", "ifft") else "float32"


def _along_axis(kind: str) -> type[Layer]:
    @operation(source=aten(f"torch.fft.{kind}"), name=f"fft_{kind}")
    class AlongAxis(Layer):
        __doc__ = (
            f"{_KINDS[kind][0]}, along one axis.\n\nShapes: the axis{_lasts(kind)}; gives {_gives(kind)}."
        )

        n: Dim | None = setting(_AXIS, "the axis is cut or filled up with 0 for this length", default=None)
        dim: int = setting(Integer(), "the axis", default=-1)
        norm: str | None = setting(_NORM, _NORM_DOC, default=None)

        examples = (
            example(f"{_sample(kind)}[batch, 8]"),
            example(f"{_sample(kind)}[batch, 8, 3]", n=6, dim=1, norm="ortho"),
            example("float32[batch, 7]", dim=0, norm="forward", bind={"batch": 4}),
        )

        def infer(self, input: TensorSpec) -> TensorSpec:
            return _transformed(input, kind, (existing_axis(input, self.dim),), (self.n,))

    return AlongAxis


ALONG_AXIS = tuple(map(_along_axis, _KINDS))


def _along_axes(kind: str, ending: str) -> type[Layer]:
    two = ending == "2"
    axes = (
        setting(Axes(), "the axes", default=(-2, -1))
        if two
        else setting(
            Axes(all_by_default=True), "the axes; null for all, or the last ones that `s` has", default=None
        )
    )

    @operation(source=aten(f"torch.fft.{kind}{ending}"), name=f"fft_{kind}{ending}")
    class AlongAxes(Layer):
        __doc__ = (
            f"{_KINDS[kind][0]}, along {'two axes' if two else 'axes'}.\n\n"
            f"Shapes: the last of the axes{_lasts(kind)}; gives {_gives(kind)}."
        )

        s: tuple[Dim, ...] | None = setting(
            _LENGTHS, "the axes are cut or filled up with 0 for these lengths", default=None
        )
        dim: tuple[int, ...] | None = axes
        norm: str | None = setting(_NORM, _NORM_DOC, default=None)

        examples = (
            example(f"{_sample(kind)}[batch, 6, 8]"),
            example(f"{_sample(kind)}[batch, 8, 3]", s=(6, 4), dim=(2, 1), norm="ortho"),
            example("float32[2, batch, 7]", dim=(0, 2), norm="forward"),
        )

        def infer(self, input: TensorSpec) -> TensorSpec:
            return _transformed(input, kind, *_axes_and_lengths(input, self.s, self.dim))

    return AlongAxes


def _axes_and_lengths(
    x: TensorSpec, lengths: tuple[Dim, ...] | None, dim: tuple[int, ...] | None
) -> tuple[tuple[int, ...], tuple[Dim | None, ...]]:
    for axis in dim or ():
        existing_axis(x, axis)
    if dim is None and lengths is not None:
        if len(lengths) > x.rank:
            raise Mismatch(f"s names more axes than its input {x} has", code="MP302", setting="s")
        axes = tuple(range(x.rank - len(lengths), x.rank))
    else:
        axes = axes_of(x, dim)
    if lengths is not None and len(lengths) != len(axes):
        raise Mismatch("s must have one length for each axis in dim", code="MP308", setting="s")
    return axes, (None,) * len(axes) if lengths is None else lengths


ALONG_AXES = tuple(_along_axes(kind, ending) for kind in _KINDS for ending in ("2", "n"))


def _shift(name: str, doc: str) -> type[Layer]:
    @operation(source=aten(f"torch.fft.{name}"), name=f"fft_{name}")
    class Shift(Layer):
        __doc__ = f"{doc}\n\nShapes: any, unchanged."

        dim: tuple[int, ...] | None = setting(
            Axes(all_by_default=True), "the axes; null for all", default=None
        )

        examples = (
            example("float32[batch, 5]"),
            example("complex64[batch, 5, 4]", dim=(1, 2)),
            example("int64[batch]", dim=-1),
        )

        def infer(self, input: TensorSpec) -> TensorSpec:
            for axis in self.dim or (0,):
                existing_axis(input, axis)
            return input

    return Shift


SHIFTS = (
    _shift("fftshift", "The frequencies in order: the first half of each axis after the second."),
    _shift("ifftshift", "The inverse of `fft_fftshift`."),
)


def _frequencies(name: str, doc: str, *, half: bool) -> type[Layer]:
    @operation(source=aten(f"torch.fft.{name}"), name=f"fft_{name}")
    class Frequencies(Layer):
        __doc__ = f"{doc}\n\nShapes: takes nothing, gives ``[{'n // 2 + 1' if half else 'n'}]``."

        n: int = setting(Integer(0), "how many elements the signal has")
        d: float = number("how far apart they are", default=1.0)
        dtype: DType | None = setting(
            Nullable(DTypeName()), "dtype of the result; null: float32", default=None
        )

        examples = (
            example(n=5),
            example(n=8, d=0.5),
            example(n=4, dtype="float64"),
        )

        def infer(self) -> TensorSpec:
            size = self.n // 2 + 1 if half else self.n
            return of_result(TensorSpec(self.dtype or DType.FLOAT32, (size,)), FLOATS | COMPLEX)

    return Frequencies


FREQUENCIES = (
    _frequencies("fftfreq", "The frequencies of which `fft_fft` tells the parts, in cycles.", half=False),
    _frequencies("rfftfreq", "The frequencies of which `fft_rfft` tells the parts, in cycles.", half=True),
)
