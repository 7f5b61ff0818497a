"""Losses of classes as functions: the target holds their numbers."""

from __future__ import annotations

from modelpack.dims import Dim, may_equal
from modelpack.dtypes import DType
from modelpack.layers.base import Layer, aten, example, number, operation, setting
from modelpack.layers.kinds import Integer, Scalar
from modelpack.layers.losses import reduced, reduction
from modelpack.layers.rules import FLOATS, of_dtypes, of_rank, of_rank_from, of_shape
from modelpack.tensors import Mismatch, TensorSpec

__all__ = ["CrossEntropyLoss", "MultiLabelMarginLoss", "MultiMarginLoss", "NLLLoss"]

_IGNORED = "a class at which there is no loss"
_SHAPES = """Shapes: ``[classes]`` and ``[]``, or ``[batch, classes, …]`` and ``[batch, …]``; to that of the target, or to ``[]``
    where the losses are reduced. `weight`, one number for each class: ``[classes]``."""
_WIDE = frozenset({DType.FLOAT32, DType.FLOAT64})


def _of_classes(input: TensorSpec, target: TensorSpec) -> tuple[Dim, TensorSpec]:
    """How many classes there are, and the losses."""
    of_rank_from(of_dtypes(input, FLOATS), 1)
    if target.dtype is not DType.INT64:
        raise Mismatch(f"its target must be int64, not {target}", code="MP306", port="target")
    if input.rank == 1:
        if target.rank > 1 or (target.rank and not may_equal(target.shape[0], 1)):
            raise Mismatch(f"its target must be one number, not {target}", port="target")
        return input.shape[0], input.with_shape()
    of_shape(target, (input.shape[0], *input.shape[2:]), "target")
    return input.shape[1], input.with_shape(*target.shape)


def _weights(weight: TensorSpec | None, input: TensorSpec, classes: Dim) -> None:
    if weight is None:
        return
    of_shape(weight, (classes,), "weight")
    if weight.dtype is not input.dtype:
        raise Mismatch(f"its weight {weight} must be {input.dtype}", code="MP306", port="weight")


@operation(source=aten("torch.nn.functional.cross_entropy"), name="cross_entropy_loss")
class CrossEntropyLoss(Layer):
    __doc__ = f"""``-log(softmax(input)[target])``; a target shaped as the input holds the probability of each class.

    {_SHAPES}
    """

    reduction: str = reduction()
    ignore_index: int = setting(Integer(), _IGNORED, default=-100)
    label_smoothing: float = number(
        "what share of the target is every class alike", default=0.0, minimum=0, maximum=1
    )

    examples = (
        example("float32[batch, 3]", "int64[batch]"),
        example("float32[batch, 3, 4]", "int64[batch, 4]", "float32[3]", reduction="none", ignore_index=2),
        example("float64[3]", "int64[]", reduction="sum"),
        example("float32[batch, 3]", "float32[batch, 3]", label_smoothing=0.1),
    )

    def infer(self, input: TensorSpec, target: TensorSpec, weight: TensorSpec | None = None) -> TensorSpec:
        if target.dtype not in FLOATS:
            classes, losses = _of_classes(input, target)
            _weights(weight, input, classes)
            return reduced(losses, self.reduction)
        of_rank_from(of_dtypes(input, FLOATS), 1)
        if target.dtype is not input.dtype:
            raise Mismatch(f"its target {target} must be {input.dtype}", code="MP306", port="target")
        of_shape(target, input.shape, "target")
        if self.ignore_index >= 0:
            raise Mismatch(
                "ignore_index goes with numbers of classes as target only",
                code="MP308",
                setting="ignore_index",
            )
        at = min(1, input.rank - 1)
        _weights(weight, input, input.shape[at])
        return reduced(input.with_shape(*input.shape[:at], *input.shape[at + 1 :]), self.reduction)


@operation(source=aten("torch.nn.functional.nll_loss"), name="nll_loss")
class NLLLoss(Layer):
    __doc__ = f"""``-input[target]``; the input holds logarithms of probabilities.

    {_SHAPES}
    """

    reduction: str = reduction()
    ignore_index: int = setting(Integer(), _IGNORED, default=-100)

    examples = (
        example("float32[batch, 3]", "int64[batch]"),
        example("float32[batch, 3, 4]", "int64[batch, 4]", "float32[3]", reduction="none", ignore_index=2),
        example("float64[3]", "int64[]", reduction="sum"),
    )

    def infer(self, input: TensorSpec, target: TensorSpec, weight: TensorSpec | None = None) -> TensorSpec:
        classes, losses = _of_classes(input, target)
        _weights(weight, input, classes)
        return reduced(losses, self.reduction)


@operation(source=aten("torch.nn.functional.multi_margin_loss"), name="multi_margin_loss")
class MultiMarginLoss(Layer):
    """The mean of ``max(0, margin - input[target] + input[each other class]) ** p``.

    Shapes: ``[classes]`` and ``[]``, or ``[batch, classes]`` and ``[batch]``; to that of the target, or to ``[]`` where the
    losses are reduced. `weight`, one number for each class: ``[classes]``.
    """

    p: object = setting(Scalar(), "the power: 1 or 2", default=1)
    margin: object = setting(Scalar(), "what the right class should be ahead", default=1)
    reduction: str = reduction()

    examples = (
        example("float32[batch, 3]", "int64[batch]"),
        example("float32[batch, 3]", "int64[batch]", "float32[3]", p=2, margin=0.5, reduction="none"),
        example("float64[3]", "int64[]", reduction="sum"),
    )

    def infer(self, input: TensorSpec, target: TensorSpec, weight: TensorSpec | None = None) -> TensorSpec:
        if self.p not in (1, 2):
            raise Mismatch(f"p is {self.p}; it must be 1 or 2", code="MP308", setting="p")
        of_rank(of_dtypes(input, _WIDE), 1, 2)
        classes, losses = _of_classes(input, target)
        _weights(weight, input, classes)
        return reduced(losses, self.reduction)


@operation(source=aten("torch.nn.functional.multilabel_margin_loss"), name="multilabel_margin_loss")
class MultiLabelMarginLoss(Layer):
    """The sum of ``max(0, 1 - input[right class] + input[wrong class])`` over all pairs, divided by the number of classes.

    A target lists the right classes and ends with -1.
    Shapes: ``[classes]`` or ``[batch, classes]`` for both; to the same without classes, or to ``[]`` where reduced.
    """

    reduction: str = reduction()

    examples = (
        example("float32[batch, 3]", "int64[batch, 3]"),
        example("float32[batch, 3]", "int64[batch, 3]", reduction="none"),
        example("float64[3]", "int64[3]", reduction="sum"),
    )

    def infer(self, input: TensorSpec, target: TensorSpec) -> TensorSpec:
        of_rank(of_dtypes(input, _WIDE), 1, 2)
        if target.dtype is not DType.INT64:
            raise Mismatch(f"its target must be int64, not {target}", code="MP306", port="target")
        of_shape(target, input.shape, "target")
        return reduced(input.with_shape(*input.shape[:-1]), self.reduction)
