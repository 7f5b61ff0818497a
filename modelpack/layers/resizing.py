"""Operations that give images, signals and volumes another size."""

from __future__ import annotations

from modelpack.dims import Dim
from modelpack.layers.base import Layer, aten, example, flag, operation, setting
from modelpack.layers.functional import result_of
from modelpack.layers.kinds import Integer, ListOf, Nullable, Number
from modelpack.layers.upsampling import Upsample
from modelpack.tensors import TensorSpec

__all__ = ["RESIZED"]

_NEW_SIZES = "the new sizes; or else `scale_factors`"
_FACTORS = "what each size is multiplied by"
_RESIZED = """Shapes: ``[batch, channels, *sizes]`` to ``[batch, channels, *output_size]``, or each ``floor(size * scale)``."""


def _nearest(name: str, doc: str, mode: str, n: int) -> type[Layer]:
    axes = ", ".join(("height", "width", "6")[:n])

    @operation(source=aten("torch.nn.functional.interpolate"), name=name)
    class Nearest(Layer):
        __doc__ = f"{doc}\n\n{_RESIZED}"

        output_size: tuple[Dim, ...] | None = setting(_sizes_or_null(n), _NEW_SIZES, default=None)
        scale_factors: tuple[float, ...] | None = setting(_factors_or_null(n), _FACTORS, default=None)

        examples = (
            example(f"float32[batch, 2, {axes}]", output_size=(5, 4, 3)[:n]),
            example(f"float32[batch, 2, {axes}]", scale_factors=(2.0, 0.5, 1.5)[:n]),
            example(f"float64[batch, 2, {axes}]", output_size=(7, 8, 9)[:n]),
        )

        def infer(self, input: TensorSpec) -> TensorSpec:
            return _upsampled(input, mode, self.output_size, self.scale_factors, None)

    return Nearest


def _smooth(name: str, doc: str, mode: str, n: int) -> type[Layer]:
    axes = ", ".join(("height", "width", "6")[:n])

    @operation(source=aten("torch.nn.functional.interpolate"), name=name)
    class Smooth(Layer):
        __doc__ = f"{doc}\n\n{_RESIZED}"

        output_size: tuple[Dim, ...] | None = setting(_sizes_or_null(n), _NEW_SIZES, default=None)
        scale_factors: tuple[float, ...] | None = setting(_factors_or_null(n), _FACTORS, default=None)
        align_corners: bool = flag("whether the centres of the corner elements stay where they are")

        examples = (
            example(f"float32[batch, 2, {axes}]", output_size=(5, 4, 3)[:n], align_corners=False),
            example(f"float32[batch, 2, {axes}]", scale_factors=(2.0, 0.5, 1.5)[:n], align_corners=True),
            example(f"float64[batch, 2, {axes}]", output_size=(7, 8, 9)[:n], align_corners=True),
        )

        def infer(self, input: TensorSpec) -> TensorSpec:
            return _upsampled(input, mode, self.output_size, self.scale_factors, self.align_corners)

    return Smooth


def _sizes_or_null(n: int) -> Nullable:
    return Nullable(ListOf(Integer(1, symbolic=True), n))


def _factors_or_null(n: int) -> Nullable:
    return Nullable(ListOf(Number(), n))


def _upsampled(
    x: TensorSpec,
    mode: str,
    size: tuple[Dim, ...] | None,
    factors: tuple[float, ...] | None,
    corners: bool | None,
) -> TensorSpec:
    # The layer wants sizes that are fixed; what else it wants doesn't depend on them.
    fixed = None if size is None else tuple(each if isinstance(each, int) else 1 for each in size)
    result = result_of(Upsample(size=fixed, scale_factor=factors, mode=mode, align_corners=corners), x)
    return result if size is None else x.with_shape(*x.shape[:2], *size)


_CLOSEST = "Another size, by the nearest element."
_EXACT = "Another size, by the element nearest to the middle: `nearest` as Pillow and scikit-image have it."
_PILLOW = (
    "over as many elements as are merged into one where it shrinks, so that nothing is lost (`antialias`)"
)

RESIZED = (
    *(_nearest(f"upsample_nearest{n}d", _CLOSEST, "nearest", n) for n in (1, 2, 3)),
    *(_nearest(f"upsample_nearest_exact{n}d", _EXACT, "nearest-exact", n) for n in (1, 2, 3)),
    _smooth("upsample_linear1d", "Another length, by the line between two elements.", "linear", 1),
    _smooth("upsample_bilinear2d", "Another size, by lines between elements of both axes.", "bilinear", 2),
    _smooth(
        "upsample_bicubic2d", "Another size, by cubics through four elements of both axes.", "bicubic", 2
    ),
    _smooth("upsample_trilinear3d", "Another size, by lines between elements of three axes.", "trilinear", 3),
    _smooth("upsample_bilinear2d_aa", f"Another size, by lines {_PILLOW}.", "bilinear", 2),
    _smooth("upsample_bicubic2d_aa", f"Another size, by cubics {_PILLOW}.", "bicubic", 2),
    _smooth("upsample_lanczos2d_aa", f"Another size, by Lanczos' window {_PILLOW}.", "bicubic", 2),
)
