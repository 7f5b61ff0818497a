"""Normalisations as functions: their weights are inputs."""

from __future__ import annotations

from math import prod

from modelpack.dims import Dim, may_equal
from modelpack.dtypes import DType
from modelpack.layers.base import (
    Layer,
    aten,
    choice,
    example,
    flag,
    number,
    operation,
    optional_number,
    setting,
    size,
)
from modelpack.layers.functional import exactly
from modelpack.layers.kinds import Integer, Nullable, Shape
from modelpack.layers.matrix import one_dtype
from modelpack.layers.rules import ARITHMETIC, BOOLEAN, COMPLEX, FLOATS, of_rank_from, of_result, show_shape
from modelpack.tensors import Mismatch, TensorSpec

__all__ = ["BatchNorm", "GroupNorm", "LayerNorm", "RMSNorm", "SpectralNorm", "WeightNorm"]

_COMPUTED = FLOATS | COMPLEX

_EPS = "added to the variance"


def _scale(x: TensorSpec, shape: tuple[Dim, ...], **tensors: TensorSpec | None) -> None:
    """Refuse weights of another shape than `shape`, or another dtype than `x` (float32 goes with 16 bits too)."""
    given = [(port, each) for port, each in tensors.items() if each is not None]
    for port, each in given:
        exactly(each, shape, port)
        if each.dtype is not given[0][1].dtype or (
            each.dtype is not x.dtype and not (each.dtype is DType.FLOAT32 and x.dtype.bits == 16)
        ):
            raise Mismatch(f"its {port} {each} doesn't go with its input {x}", code="MP306", port=port)


def _last_axes(x: TensorSpec, shape: tuple[int, ...]) -> None:
    if len(shape) > x.rank or not all(map(may_equal, x.shape[-len(shape) :], shape)):
        raise Mismatch(
            f"normalized_shape is {show_shape(shape)}, but its input is {x}",
            code="MP303",
            setting="normalized_shape",
        )


@operation(source=aten("torch.nn.functional.layer_norm"), name="layer_norm")
class LayerNorm(Layer):
    """Brought to mean 0 and variance 1 over the last axes, those of `normalized_shape`, then scaled.

    Shapes: ``[…, *normalized_shape]``, unchanged. Paper: Ba et al. 2016, "Layer Normalization".
    """

    normalized_shape: tuple[int, ...] = setting(Shape(), "lengths of the input's last axes")
    eps: float = number(_EPS, default=1e-5)

    examples = (
        example("float32[batch, length, 8]", "float32[8]", "float32[8]", normalized_shape=8),
        example("float32[batch, 3, 4]", normalized_shape=(3, 4), eps=0.001),
        example("float64[8]", "float64[8]", normalized_shape=8),
    )

    def infer(
        self, input: TensorSpec, weight: TensorSpec | None = None, bias: TensorSpec | None = None
    ) -> TensorSpec:
        _last_axes(of_result(input, FLOATS), self.normalized_shape)
        _scale(input, self.normalized_shape, weight=weight, bias=bias)
        return input


@operation(source=aten("torch.nn.functional.rms_norm"), name="rms_norm")
class RMSNorm(Layer):
    """Divided by the root of the mean square over the last axes, those of `normalized_shape`, then scaled.

    Shapes: ``[…, *normalized_shape]``, unchanged. Paper: Zhang and Sennrich 2019, "Root Mean Square Layer Normalization".
    """

    normalized_shape: tuple[int, ...] = setting(Shape(), "lengths of the input's last axes")
    eps: float | None = optional_number("added to the mean square; null for the least step of the dtype at 1")

    examples = (
        example("float32[batch, length, 8]", "float32[8]", normalized_shape=8),
        example("float32[batch, 3, 4]", normalized_shape=(3, 4), eps=0.001),
        example("float64[8]", "float64[8]", normalized_shape=8),
    )

    def infer(self, input: TensorSpec, weight: TensorSpec | None = None) -> TensorSpec:
        _last_axes(of_result(input, _COMPUTED), self.normalized_shape)
        if weight is not None:
            exactly(weight, self.normalized_shape, "weight")
            of_result(weight, ARITHMETIC | BOOLEAN)
        return input


@operation(source=aten("torch.nn.functional.group_norm"), name="group_norm")
class GroupNorm(Layer):
    """Brought to mean 0 and variance 1 over groups of channels, then scaled.

    Shapes: ``[batch, channels, …]``, unchanged. Paper: Wu and He 2018, "Group Normalization".
    """

    num_groups: int = size("into how many groups the channels are split")
    eps: float = number(_EPS, default=1e-5)

    examples = (
        example("float32[batch, 6, height, width]", "float32[6]", "float32[6]", num_groups=3),
        example("float32[batch, 6, length]", num_groups=1, eps=0.001),
        example("float64[batch, 6, 2]", "float64[6]", num_groups=6),
    )

    def infer(
        self, input: TensorSpec, weight: TensorSpec | None = None, bias: TensorSpec | None = None
    ) -> TensorSpec:
        of_rank_from(of_result(input, FLOATS), 2)
        channels = input.shape[1]
        if not may_equal(channels % self.num_groups, 0):
            raise Mismatch(
                f"the {channels} channels of its input {input} can't be split into {self.num_groups} groups",
                setting="num_groups",
            )
        _scale(input, (channels,), weight=weight, bias=bias)
        return input


@operation(source=aten("torch.nn.functional.batch_norm"), name="batch_norm")
class BatchNorm(Layer):
    """Each channel brought to mean 0 and variance 1, by the batch or by running statistics, then scaled.

    In training, `running_mean` and `running_var` are updated where they stand. `training` is usually
    ``{train: true, eval: false}``.
    Shapes: ``[batch, channels, …]``, unchanged; the others ``[channels]``.
    Paper: Ioffe and Szegedy 2015, "Batch Normalization".
    """

    training: bool = flag("whether the statistics are those of the batch")
    momentum: float = number("the new share of the running statistics", default=0.1)
    eps: float = number(_EPS, default=1e-5)

    examples = (
        example(
            "float32[batch, 3, 4]", "float32[3]", "float32[3]", "float32[3]", "float32[3]", training=True
        ),
        example("float32[batch, 3]", None, None, "float32[3]", "float32[3]", training=False, eps=0.001),
        example("float64[batch, 3, 4, 4]", "float64[3]", training=True, momentum=0.5),
    )

    def infer(
        self,
        input: TensorSpec,
        weight: TensorSpec | None = None,
        bias: TensorSpec | None = None,
        running_mean: TensorSpec | None = None,
        running_var: TensorSpec | None = None,
    ) -> TensorSpec:
        of_rank_from(of_result(input, FLOATS), 2)
        if (running_mean is None) != (running_var is None) or (running_mean is None and not self.training):
            raise Mismatch(
                "needs both running_mean and running_var, or in training neither", port="running_mean"
            )
        if self.eps < 0 or (self.training and self.eps == 0):
            least = "positive in training" if self.training else "0 or more"
            raise Mismatch(f"eps is {self.eps}; it must be {least}", code="MP308", setting="eps")
        channels = (input.shape[1],)
        _scale(input, channels, weight=weight, bias=bias)
        _scale(input, channels, running_mean=running_mean, running_var=running_var)
        return input


@operation(source=aten("torch.nn.utils.parametrizations.weight_norm"), name="weight_norm")
class WeightNorm(Layer):
    """``g * v / norm(v)``, the norm over all axes but `dim`.

    Shapes: `v` any; `g` ``[1, …, size of dim, …, 1]``, without `dim` ``[]``; to that of `v`.
    Paper: Salimans and Kingma 2016, "Weight Normalization".
    """

    dim: int | None = setting(
        Nullable(Integer(0)),
        "the axis along which each slice has a norm of its own; null for one norm of the whole",
        default=0,
    )

    examples = (
        example("float32[batch, 3]", "float32[batch, 1]"),
        example("float32[2, 3, batch]", "float32[1, 3, 1]", dim=1),
        example("float64[2, 4]", "float64[1, 4]", dim=1),
        example("float32[2, 3, batch]", "float32[]", dim=None),
    )

    def infer(self, v: TensorSpec, g: TensorSpec) -> TensorSpec:
        one_dtype(v, g, allowed=FLOATS)
        if self.dim is None:
            exactly(g, (), "g")
            return v
        if self.dim >= v.rank:
            raise Mismatch(f"its v {v} has no axis {self.dim}", code="MP302", setting="dim")
        exactly(g, tuple(size if at == self.dim else 1 for at, size in enumerate(v.shape)), "g")
        return v


@operation(source=aten("torch.nn.utils.parametrizations.spectral_norm"), name="spectral_norm")
class SpectralNorm(Layer):
    """``weight / sigma``, where `sigma` is about the largest singular value of `weight` as a matrix.

    The matrix has `dim` as its rows and all other axes as its columns; ``sigma = u @ matrix @ v``. In training, `u` and `v` come
    closer to the singular vectors by `n_power_iterations` steps, where they stand: ``u = normalize(matrix @ v)`` and
    ``v = normalize(matrix.T @ u)``, without gradients. `training` is usually ``{train: true, eval: false}``.
    Shapes: `weight` any; `u` ``[rows]``, `v` ``[columns]``; to that of `weight`.
    Paper: Miyato et al. 2018, "Spectral Normalization for Generative Adversarial Networks".
    """

    training: bool = flag("whether `u` and `v` are brought closer first")
    n_power_iterations: int = size("how many steps in each training call", default=1)
    dim: int = setting(Integer(0), "the axis that becomes the rows of the matrix", default=0)
    eps: float = number("the least norm that a vector is divided by", default=1e-12, minimum=0)
    first: str = choice(
        "u", "v", doc="which vector a step renews first: `v` in torch.nn.utils.spectral_norm", default="u"
    )

    examples = (
        example("float32[batch, 3]", "float32[batch]", "float32[3]", training=False),
        example(
            "float32[3, 4, batch, 2]",
            "float32[4]",
            "float32[6 * batch]",
            training=True,
            dim=1,
            n_power_iterations=2,
        ),
        example("float64[4, 3]", "float64[4]", "float64[3]", training=True, eps=0.001, first="v"),
    )

    def infer(self, weight: TensorSpec, u: TensorSpec, v: TensorSpec) -> TensorSpec:
        one_dtype(weight, u, v, allowed=FLOATS)
        if self.dim >= weight.rank:
            raise Mismatch(f"its weight {weight} has no axis {self.dim}", code="MP302", setting="dim")
        exactly(u, (weight.shape[self.dim],), "u")
        columns = prod(each for at, each in enumerate(weight.shape) if at != self.dim)
        exactly(v, (columns,), "v")
        return weight
