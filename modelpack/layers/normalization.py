"""Normalizations: over the batch, an instance, a layer, groups of channels, neighbouring channels."""

from __future__ import annotations

from math import prod

from modelpack.dims import Dim, may_equal
from modelpack.dtypes import DType
from modelpack.layers.base import (
    Layer,
    Tensor,
    buffer,
    example,
    flag,
    layer,
    number,
    optional_number,
    parameter,
    parameter_dtype,
    setting,
    size,
    torch_nn,
)
from modelpack.layers.initial import ONES, ZEROS
from modelpack.layers.kinds import Integer, Shape
from modelpack.layers.rules import COMPLEX, FLOATS, of_dtype, of_dtypes, of_rank, of_rank_from
from modelpack.layers.windows import axis_names, divides
from modelpack.tensors import Mismatch, TensorSpec

__all__ = [
    "BatchNorm1d",
    "BatchNorm2d",
    "BatchNorm3d",
    "CrossMapLRN2d",
    "GroupNorm",
    "InstanceNorm1d",
    "InstanceNorm2d",
    "InstanceNorm3d",
    "LayerNorm",
    "LocalResponseNorm",
    "RMSNorm",
    "SyncBatchNorm",
]

_HALVES = frozenset({DType.FLOAT16, DType.BFLOAT16})
_EPS = "added to the variance before its root is taken"
_MOMENTUM = "weight of the newest batch in the running statistics; null for a plain average of all"
_BIAS = "whether `affine` adds `bias` too"


def _scale(shape: tuple[int, ...], bias: bool, dtype: DType) -> tuple[Tensor, ...]:
    weight = parameter("weight", shape, dtype, ONES)
    return (weight, parameter("bias", shape, dtype, ZEROS)) if bias else (weight,)


def _tracked(channels: int, dtype: DType) -> tuple[Tensor, ...]:
    return (
        buffer("running_mean", (channels,), dtype, ZEROS),
        buffer("running_var", (channels,), dtype, ONES),
        buffer("num_batches_tracked", (), DType.INT64, ZEROS),
    )


def _floats(x: TensorSpec, dtype: DType, has_tensors: bool) -> TensorSpec:
    """`x`, of the parameters' dtype if there are any; half precision goes with float32 too.

    Raises:
        Mismatch: it has another.
    """
    if has_tensors and not (dtype is DType.FLOAT32 and x.dtype in _HALVES):
        of_dtype(x, dtype)
    return of_dtypes(x, FLOATS)


def _more_than_one(x: TensorSpec, elements: Dim, of: str) -> None:
    if elements == 1:
        raise Mismatch(f"its input {x} has one element per {of}, which is its own mean", code="MP304")


def _batch_norm(name: str, what: str, ranks: tuple[int, ...], *inputs: str) -> type[Layer]:
    @layer(source=torch_nn(name), name=name)
    class BatchNorm(Layer):
        __doc__ = f"""Each channel brought to mean 0 and variance 1 over the batch, then scaled{what}.

        Training uses the statistics of the batch and updates the running ones, evaluation uses the running ones.
        Shapes: ``{"``, ``".join(text.split("float32")[1].replace("16", "num_features") for text in inputs)}``, unchanged.
        Paper: Ioffe and Szegedy 2015, "Batch Normalization".
        """

        num_features: int = size("channels, axis 1 of the input", axis=1)
        eps: float = number(_EPS, default=1e-5)
        momentum: float | None = optional_number(_MOMENTUM, default=0.1)
        affine: bool = flag(
            "whether the result is scaled by learned `weight` and moved by `bias`", default=True
        )
        track_running_stats: bool = flag("whether there are running statistics", default=True)
        bias: bool = flag(_BIAS, default=True)
        dtype: DType = parameter_dtype()

        examples = (
            example(inputs[0], num_features=16),
            example(inputs[-1], num_features=16, eps=0.001, momentum=0.01, bias=False),
            example(inputs[0], num_features=16, momentum=None, affine=False),
            example(inputs[0], num_features=16, track_running_stats=False),
            example(inputs[0].replace("float32", "float64"), num_features=16, dtype="float64"),
        )

        def tensors(self) -> tuple[Tensor, ...]:
            scale = _scale((self.num_features,), self.bias, self.dtype) if self.affine else ()
            return scale + (_tracked(self.num_features, self.dtype) if self.track_running_stats else ())

        def infer(self, input: TensorSpec) -> TensorSpec:
            of_rank_from(input, ranks[0]) if len(ranks) == 1 else of_rank(input, *ranks)
            if self.eps <= 0:
                raise Mismatch(
                    f"eps is {self.eps}; to train, it must be positive", code="MP308", setting="eps"
                )
            if not self.track_running_stats:
                _more_than_one(input, prod((input.shape[0], *input.shape[2:])), "channel")
            return _floats(input, self.dtype, self.affine or self.track_running_stats)

    return BatchNorm


_PLANES, _VOLUMES = "float32[batch, 16, height, width]", "float32[batch, 16, depth, height, width]"
BatchNorm1d = _batch_norm("BatchNorm1d", "", (2, 3), "float32[batch, 16]", "float32[batch, 16, length]")
BatchNorm2d = _batch_norm("BatchNorm2d", "", (4, 4), _PLANES)
BatchNorm3d = _batch_norm("BatchNorm3d", "", (5, 5), _VOLUMES)
SyncBatchNorm = _batch_norm(
    "SyncBatchNorm",
    "; over the batches of all processes that train together",
    (2,),
    "float32[batch, 16]",
    _PLANES,
)


def _instance_norm(n: int) -> type[Layer]:
    axes = axis_names(n)

    @layer(source=torch_nn(f"InstanceNorm{n}d"), name=f"InstanceNorm{n}d")
    class InstanceNorm(Layer):
        __doc__ = f"""Each channel of each instance brought to mean 0 and variance 1 over its last {n} axes.

        Shapes: ``[batch, num_features, {axes}]`` or ``[num_features, {axes}]``, unchanged. (Without tensors torch only
        warns where `num_features` isn't the number of channels; here it's an error.)
        Paper: Ulyanov et al. 2016, "Instance Normalization: The Missing Ingredient for Fast Stylization".
        """

        num_features: int = size("channels of the input", axis=-(n + 1))
        eps: float = number(_EPS, default=1e-5)
        momentum: float | None = optional_number(_MOMENTUM, default=0.1)
        affine: bool = flag(
            "whether the result is scaled by learned `weight` and moved by `bias`", default=False
        )
        track_running_stats: bool = flag("whether evaluation uses running statistics", default=False)
        bias: bool = flag(_BIAS, default=True)
        dtype: DType = parameter_dtype()

        examples = (
            example(f"float32[batch, 3, {axes}]", num_features=3),
            example(f"float32[batch, 3, {axes}]", num_features=3, affine=True, eps=0.001),
            example(f"float32[3, {axes}]", num_features=3, affine=True, bias=False),
            example(
                f"float64[batch, 3, {axes}]",
                num_features=3,
                track_running_stats=True,
                momentum=0.5,
                dtype="float64",
            ),
        )

        def tensors(self) -> tuple[Tensor, ...]:
            scale = _scale((self.num_features,), self.bias, self.dtype) if self.affine else ()
            return scale + (_tracked(self.num_features, self.dtype) if self.track_running_stats else ())

        def infer(self, input: TensorSpec) -> TensorSpec:
            of_rank(input, n + 1, n + 2)
            if not self.track_running_stats:
                _more_than_one(input, prod(input.shape[-n:]), "channel")
            return _floats(input, self.dtype, self.affine or self.track_running_stats)

    return InstanceNorm


InstanceNorm1d, InstanceNorm2d, InstanceNorm3d = (_instance_norm(n) for n in (1, 2, 3))


def _check_last_axes(x: TensorSpec, shape: tuple[int, ...]) -> None:
    last = x.shape[-len(shape) :]
    if x.rank < len(shape) or not all(map(may_equal, last, shape)):
        told = f"normalized_shape is {list(shape)}, but the last axes of its input {x} are not"
        raise Mismatch(told, code="MP303", setting="normalized_shape")


@layer(source=torch_nn("LayerNorm"))
class LayerNorm(Layer):
    """Brought to mean 0 and variance 1 over the last axes, those of `normalized_shape`, then scaled.

    Shapes: ``[…, *normalized_shape]``, unchanged. Paper: Ba et al. 2016, "Layer Normalization".
    """

    normalized_shape: tuple[int, ...] = setting(Shape(), "lengths of the input's last axes")
    eps: float = number(_EPS, default=1e-5)
    elementwise_affine: bool = flag(
        "whether the result is scaled by learned `weight` and moved by `bias`", default=True
    )
    bias: bool = flag("whether `elementwise_affine` adds `bias` too", default=True)
    dtype: DType = parameter_dtype()

    examples = (
        example("float32[batch, length, 8]", normalized_shape=8),
        example("float32[batch, 3, 4]", normalized_shape=(3, 4), eps=0.001, bias=False),
        example("float32[batch, 3, 4]", normalized_shape=4, elementwise_affine=False),
        example("float64[8]", normalized_shape=8, dtype="float64"),
    )

    def tensors(self) -> tuple[Tensor, ...]:
        return _scale(self.normalized_shape, self.bias, self.dtype) if self.elementwise_affine else ()

    def infer(self, input: TensorSpec) -> TensorSpec:
        _check_last_axes(input, self.normalized_shape)
        return _floats(input, self.dtype, self.elementwise_affine)


@layer(source=torch_nn("RMSNorm"))
class RMSNorm(Layer):
    """Divided by the root of the mean square over the last axes, those of `normalized_shape`, then scaled.

    Shapes: ``[…, *normalized_shape]``, unchanged.
    Paper: Zhang and Sennrich 2019, "Root Mean Square Layer Normalization".
    """

    normalized_shape: tuple[int, ...] = setting(Shape(), "lengths of the input's last axes")
    eps: float | None = optional_number("added to the mean square; null for the least step of the dtype at 1")
    elementwise_affine: bool = flag("whether the result is scaled by a learned `weight`", default=True)
    dtype: DType = parameter_dtype()

    examples = (
        example("float32[batch, length, 8]", normalized_shape=8),
        example("float32[batch, 3, 4]", normalized_shape=(3, 4), eps=0.001),
        example("float32[batch, 3, 4]", normalized_shape=4, elementwise_affine=False),
        example("float64[8]", normalized_shape=8, dtype="float64"),
    )

    def tensors(self) -> tuple[Tensor, ...]:
        return _scale(self.normalized_shape, False, self.dtype) if self.elementwise_affine else ()

    def infer(self, input: TensorSpec) -> TensorSpec:
        _check_last_axes(input, self.normalized_shape)
        return of_dtypes(input, FLOATS | COMPLEX)


@layer(source=torch_nn("GroupNorm"))
class GroupNorm(Layer):
    """Brought to mean 0 and variance 1 over groups of channels, then scaled.

    Shapes: ``[batch, num_channels, …]``, unchanged. Paper: Wu and He 2018, "Group Normalization".
    """

    num_groups: int = size("into how many groups the channels are split")
    num_channels: int = size("channels, axis 1 of the input", axis=1)
    eps: float = number(_EPS, default=1e-5)
    affine: bool = flag("whether the result is scaled by learned `weight` and moved by `bias`", default=True)
    bias: bool = flag(_BIAS, default=True)
    dtype: DType = parameter_dtype()

    examples = (
        example("float32[batch, 6, height, width]", num_groups=3, num_channels=6),
        example("float32[batch, 6, length]", num_groups=1, num_channels=6, eps=0.001, bias=False),
        example("float32[batch, 6]", num_groups=2, num_channels=6, affine=False),
        example("float64[batch, 6, height, width]", num_groups=6, num_channels=6, dtype="float64"),
    )

    def tensors(self) -> tuple[Tensor, ...]:
        divides("num_groups", self.num_groups, "num_channels", self.num_channels)
        return _scale((self.num_channels,), self.bias, self.dtype) if self.affine else ()

    def infer(self, input: TensorSpec) -> TensorSpec:
        divides("num_groups", self.num_groups, "num_channels", self.num_channels)
        of_rank_from(input, 2)
        elements = prod((input.shape[0], self.num_channels // self.num_groups, *input.shape[2:]))
        if elements == 1:
            raise Mismatch(
                f"its input {input} has one element per group, which is its own mean", code="MP304"
            )
        return _floats(input, self.dtype, self.affine)


@layer(source=torch_nn("LocalResponseNorm"))
class LocalResponseNorm(Layer):
    """``x / (k + alpha / size * sum(x ** 2)) ** beta``, the sum over `size` neighbouring channels.

    Shapes: ``[batch, channels, …]`` with at least 3 axes, unchanged.
    Paper: Krizhevsky et al. 2012, "ImageNet Classification with Deep Convolutional Neural Networks".
    """

    size: int = setting(Integer(1), "how many neighbouring channels count")
    alpha: float = number("factor of the sum", default=1e-4)
    beta: float = number("the power", default=0.75)
    k: float = number("added to the sum", default=1.0)

    examples = (
        example("float32[batch, 6, height, width]", size=2),
        example("float32[batch, 6, length]", size=5, alpha=0.1, beta=0.5, k=2.0),
        example("float64[batch, 3, depth, height, width]", size=3),
    )

    def infer(self, input: TensorSpec) -> TensorSpec:
        return of_dtypes(of_rank_from(input, 3), FLOATS)


@layer(source=torch_nn("CrossMapLRN2d"))
class CrossMapLRN2d(Layer):
    """Local response normalization as the first Torch computed it: `LocalResponseNorm` with 4 axes.

    Shapes: ``[batch, channels, height, width]``, unchanged.
    Paper: Krizhevsky et al. 2012, "ImageNet Classification with Deep Convolutional Neural Networks".
    """

    size: int = setting(Integer(1), "how many neighbouring channels count")
    alpha: float = number("factor of the sum", default=1e-4)
    beta: float = number("the power", default=0.75)
    k: float = number("added to the sum", default=1.0)

    examples = (
        example("float32[batch, 6, height, width]", size=3),
        example("float32[batch, 6, height, width]", size=5, alpha=0.1, beta=0.5, k=2.0),
        example("float64[batch, 3, height, width]", size=1),
    )

    def infer(self, input: TensorSpec) -> TensorSpec:
        return of_dtypes(of_rank(input, 4), FLOATS)
