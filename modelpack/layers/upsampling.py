"""Upsample, UpsamplingNearest2d, UpsamplingBilinear2d."""

from __future__ import annotations

from modelpack.dims import Dim, floor_div
from modelpack.dtypes import DType
from modelpack.layers.base import Layer, choice, example, layer, setting, torch_nn
from modelpack.layers.kinds import Boolean, Either, Integer, Integers, ListOf, Nullable, Number
from modelpack.layers.rules import FLOATS, of_dtypes, of_rank
from modelpack.tensors import Mismatch, TensorSpec

__all__ = ["Upsample", "UpsamplingBilinear2d", "UpsamplingNearest2d"]

_RANKS = {
    "nearest": (3, 4, 5),
    "nearest-exact": (3, 4, 5),
    "area": (3, 4, 5),
    "linear": (3,),
    "bilinear": (4,),
    "bicubic": (4,),
    "trilinear": (5,),
}
"""How many axes an input has for each mode, with batch and channels."""

_OF_BYTES = ("nearest", "nearest-exact", "bilinear", "bicubic")
"""The modes that take uint8 too."""

_WITHOUT_CORNERS = ("nearest", "nearest-exact", "area")

_MOST_BITS = 20
"""Numerator and denominator of a scale for free dimensions: so that a product with one is exact as a float, too."""

_Scale = float | tuple[float, ...]


@layer(source=torch_nn("Upsample"))
class Upsample(Layer):
    """Interpolates to another size.

    Shapes: ``[batch, channels, *sizes]`` with one to three sizes to ``[batch, channels, *size]``, where `size` is given or
    each is ``floor(before * scale_factor)``. `linear` goes with one size, `bilinear` and `bicubic` with two, `trilinear`
    with three, the others with all.
    """

    size: int | tuple[int, ...] | None = setting(
        Nullable(Either((Integer(1), Integers(Integer(1))))),
        "new sizes, or one for all; or else `scale_factor`",
        default=None,
    )
    scale_factor: float | tuple[float, ...] | None = setting(
        Nullable(Either((Number(), ListOf(Number())))),
        "what each size is multiplied by, or one for all",
        default=None,
    )
    mode: str = choice(*_RANKS, doc="how values between elements are found", default="nearest")
    align_corners: bool | None = setting(
        Nullable(Boolean()),
        "whether the centres of the corner elements, and not their outer corners, stay where they are",
        default=None,
    )
    recompute_scale_factor: bool | None = setting(
        Nullable(Boolean()),
        "whether positions are found by the ratio of the sizes, and not by `scale_factor`",
        default=None,
    )

    examples = (
        example("float32[batch, 2, height, 4]", scale_factor=2.0),
        example("float32[batch, 2, length]", size=5, mode="linear", align_corners=True),
        example(
            "float32[batch, 2, 5, 7]", scale_factor=(1.5, 0.3), mode="bilinear", recompute_scale_factor=True
        ),
        example("float64[batch, 1, 3, height, 2]", size=(2, 3, 4), mode="trilinear", align_corners=False),
        example("uint8[batch, 2, height, width]", scale_factor=(0.5, 1.25), mode="nearest-exact"),
        example("float32[batch, 2, height, 5]", size=(4, 3), mode="bicubic", align_corners=True),
        example("float32[batch, 2, 5]", scale_factor=1.7, mode="area"),
    )

    def infer(self, input: TensorSpec) -> TensorSpec:
        if self.align_corners is not None and self.mode in _WITHOUT_CORNERS:
            raise Mismatch(
                f"align_corners says nothing in mode '{self.mode}'", code="MP308", setting="align_corners"
            )
        if self.recompute_scale_factor and self.size is not None:
            raise Mismatch(
                "recompute_scale_factor needs scale_factor", code="MP308", setting="recompute_scale_factor"
            )
        return _resized(input, self.size, self.scale_factor, self.mode)


@layer(source=torch_nn("UpsamplingNearest2d"))
class UpsamplingNearest2d(Layer):
    """`Upsample` in mode `nearest` over two axes.

    Shapes: ``[batch, channels, height, width]`` to ``[batch, channels, *size]``, or each
    ``floor(before * scale_factor)``.
    """

    size: tuple[int, ...] | None = setting(
        Nullable(Integers(Integer(1), 2)), "new height and width, or else `scale_factor`", default=None
    )
    scale_factor: _Scale | None = setting(
        Nullable(Either((Number(), ListOf(Number(), 2)))),
        "what height and width are multiplied by",
        default=None,
    )

    examples = (
        example("float32[batch, 2, height, width]", scale_factor=2.0),
        example("uint8[batch, 2, height, 5]", scale_factor=(1.5, 0.7)),
        example("float64[batch, 1, height, width]", size=(3, 5)),
    )

    def infer(self, input: TensorSpec) -> TensorSpec:
        return _resized(of_rank(input, 4), self.size, self.scale_factor, "nearest")


@layer(source=torch_nn("UpsamplingBilinear2d"))
class UpsamplingBilinear2d(Layer):
    """`Upsample` in mode `bilinear` with `align_corners`.

    Shapes: ``[batch, channels, height, width]`` to ``[batch, channels, *size]``, or each
    ``floor(before * scale_factor)``.
    """

    size: tuple[int, ...] | None = setting(
        Nullable(Integers(Integer(1), 2)), "new height and width, or else `scale_factor`", default=None
    )
    scale_factor: _Scale | None = setting(
        Nullable(Either((Number(), ListOf(Number(), 2)))),
        "what height and width are multiplied by",
        default=None,
    )

    examples = (
        example("float32[batch, 2, height, width]", scale_factor=2.0),
        example("uint8[batch, 2, height, 5]", scale_factor=(1.5, 0.7)),
        example("float64[batch, 1, height, width]", size=(3, 5)),
    )

    def infer(self, input: TensorSpec) -> TensorSpec:
        return _resized(of_rank(input, 4), self.size, self.scale_factor, "bilinear")


def _resized(
    x: TensorSpec, size: int | tuple[int, ...] | None, scale: _Scale | None, mode: str
) -> TensorSpec:
    of_dtypes(x, FLOATS | {DType.UINT8} if mode in _OF_BYTES else FLOATS)
    if x.rank not in _RANKS[mode]:
        wanted = " or ".join(map(str, _RANKS[mode]))
        raise Mismatch(
            f"mode '{mode}' needs {wanted} axes, its input {x} has {x.rank}", code="MP302", setting="mode"
        )
    if 0 in x.shape[1:]:
        raise Mismatch(f"its input {x} has no elements", code="MP307")
    return x.with_shape(*x.shape[:2], *_sizes(x, size, scale))


def _sizes(x: TensorSpec, size: int | tuple[int, ...] | None, scale: _Scale | None) -> tuple[Dim, ...]:
    count = x.rank - 2
    if size is not None and scale is None:
        sizes = size if isinstance(size, tuple) else (size,) * count
        _check_count(x, len(sizes), "size")
        return sizes
    if scale is not None and size is None:
        factors = scale if isinstance(scale, tuple) else (scale,) * count
        _check_count(x, len(factors), "scale_factor")
        return tuple(_scaled(x, before, factor) for before, factor in zip(x.shape[2:], factors, strict=True))
    told = "both of them" if size is not None else "neither"
    raise Mismatch(f"it needs size or scale_factor, and has {told}", code="MP308", setting="size")


def _check_count(x: TensorSpec, count: int, name: str) -> None:
    if count != x.rank - 2:
        raise Mismatch(
            f"{name} is a list of {count}, but its input {x} has {x.rank - 2} axes behind batch and channels",
            code="MP302",
            setting=name,
        )


def _scaled(x: TensorSpec, before: Dim, factor: float) -> Dim:
    """``floor(before * factor)``, as torch computes it: in double precision.

    Raises:
        Mismatch: it isn't positive, or `before` is free and the product would be rounded before it's floored.
    """
    if isinstance(before, int):
        after = int(before * factor)
        if after < 1:
            raise Mismatch(
                f"scale_factor {factor} makes {after} of the {before} of its input {x}",
                code="MP307",
                setting="scale_factor",
            )
        return after
    numerator, denominator = factor.as_integer_ratio()
    if factor <= 0 or max(numerator, denominator).bit_length() > _MOST_BITS:
        raise Mismatch(
            f"scale_factor {factor} times '{before}', which is free, has no exact size",
            setting="scale_factor",
            hint="fix this axis of the input, or give size, or a scale_factor such as 0.5 or 1.25",
        )
    return floor_div(before * numerator, denominator)
