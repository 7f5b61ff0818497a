"""Operations that keep the values, or most of them: other dtypes, other layouts, dropouts."""

from __future__ import annotations

from modelpack.dtypes import DType
from modelpack.layers.base import Layer, aten, choice, example, flag, number, operation, setting
from modelpack.layers.kinds import DTypeName, Nullable
from modelpack.layers.rules import FLOATS, of_dtypes
from modelpack.tensors import Mismatch, TensorSpec

__all__ = ["Contiguous", "Dropouts", "To", "TypeAs"]


def _dropout(name: str, doc: str, accepts: frozenset[DType], least: int) -> type[Layer]:
    @operation(source=aten("torch.nn.functional.dropout"), name=name)
    class Dropout(Layer):
        __doc__ = f"""{doc}

        Shapes: any of at least {least} axes where anything is dropped, unchanged. `train` is usually
        ``{{train: true, eval: false}}``.
        """

        p: float = number("probability of being dropped", minimum=0, maximum=1)
        train: bool = flag("whether anything is dropped")

        examples = (
            example("float32[batch, 4]", p=0.5, train=False),
            example("float32[batch, 4, 6]", p=0.1, train=True),
            example("float64[batch, 3]", p=0.0, train=True),
        )

        def infer(self, input: TensorSpec) -> TensorSpec:
            if not self.train or self.p == 0:
                return input
            if input.rank < least:
                raise Mismatch(
                    f"its input must have at least {least} axes, {input} has {input.rank}", code="MP302"
                )
            return of_dtypes(input, accepts)

    return Dropout


Dropouts = (
    _dropout(
        "dropout",
        "In training, each element 0 with probability `p`, the others divided by ``1 - p``.",
        FLOATS,
        0,
    ),
    _dropout("feature_dropout", "In training, whole channels (axis 1) 0 with probability `p`.", FLOATS, 2),
    _dropout(
        "alpha_dropout", "In training, elements set so that mean and variance stay as they are.", FLOATS, 0
    ),
    _dropout(
        "feature_alpha_dropout",
        "In training, whole channels (axis 1) set so that mean and variance stay as they are.",
        FLOATS,
        2,
    ),
)


@operation(source=aten("torch.Tensor.to"), name="to")
class To(Layer):
    """Its input in another dtype.

    Shapes: any, unchanged.
    """

    dtype: DType | None = setting(
        Nullable(DTypeName()), "the new dtype; null: the one that it has", default=None
    )

    examples = (
        example("float32[batch, 3]", dtype="float64"),
        example("int64[batch]", dtype="bool"),
        example("float32[batch]"),
    )

    def infer(self, input: TensorSpec) -> TensorSpec:
        return input if self.dtype is None else input.with_dtype(self.dtype)


@operation(source=aten("torch.Tensor.type_as"), name="type_as")
class TypeAs(Layer):
    """Its first input in the dtype of the second.

    Shapes: any, unchanged.
    """

    examples = (
        example("float32[batch, 3]", "float64[2]"),
        example("int64[batch]", "float32[]"),
        example("bool[batch]", "int64[batch]"),
    )

    def infer(self, input: TensorSpec, other: TensorSpec) -> TensorSpec:
        return input.with_dtype(other.dtype)


@operation(source=aten("torch.Tensor.contiguous"), name="contiguous")
class Contiguous(Layer):
    """The same values, laid out row by row (or, for images, pixel by pixel).

    Shapes: any, unchanged.
    """

    memory_format: str = choice(
        "contiguous_format",
        "channels_last",
        "channels_last_3d",
        "preserve_format",
        doc="the order in memory: row by row, the channels of a pixel together (2d, 3d), or as it is",
        default="contiguous_format",
    )

    examples = (
        example("float32[batch, 3]"),
        example("float32[batch, 3, 4, 4]", memory_format="channels_last"),
        example("float32[batch, 3, 2, 4, 4]", memory_format="channels_last_3d"),
    )

    def infer(self, input: TensorSpec) -> TensorSpec:
        rank = {"channels_last": 4, "channels_last_3d": 5}.get(self.memory_format, input.rank)
        if input.rank != rank:
            raise Mismatch(
                f"{self.memory_format} is for inputs of {rank} axes, not {input}",
                code="MP302",
                setting="memory_format",
            )
        return input
