"""Losses as functions: for networks that return one."""

from __future__ import annotations

from modelpack.layers.base import Layer, aten, choice, example, flag, number, operation, setting
from modelpack.layers.kinds import Number
from modelpack.layers.matrix import one_dtype
from modelpack.layers.rules import FLOATS, elementwise, of_dtypes, of_result, of_shape
from modelpack.layers.shape import stretched
from modelpack.tensors import Mismatch, TensorSpec, broadcast

__all__ = [
    "BinaryCrossEntropy",
    "BinaryCrossEntropyWithLogits",
    "CosineEmbeddingLoss",
    "HingeEmbeddingLoss",
    "HuberLoss",
    "KLDiv",
    "L1Loss",
    "MSELoss",
    "MarginRankingLoss",
    "PoissonNLLLoss",
    "SmoothL1Loss",
    "SoftMarginLoss",
    "TripletMarginLoss",
    "reduced",
    "reduction",
]

_BROADCAST = (
    "Shapes: `input` and `target` broadcast; to that shape, or to ``[]`` where the losses are reduced."
)


def reduction() -> str:
    """The setting of all losses."""
    return choice(
        "none",
        "mean",
        "sum",
        doc="what becomes of the losses: all are given, their mean, or their sum",
        default="mean",
    )


def reduced(losses: TensorSpec, how: str) -> TensorSpec:
    """What is left of `losses`."""
    return losses if how == "none" else losses.with_shape()


def floats(*specs: TensorSpec) -> TensorSpec:
    """What floats broadcast to.

    Raises:
        Mismatch: one isn't of floats, or they don't broadcast.
    """
    return elementwise(*(of_dtypes(each, FLOATS) for each in specs))


@operation(source=aten("torch.nn.functional.mse_loss"), name="mse_loss")
class MSELoss(Layer):
    __doc__ = f"""``(input - target) ** 2``.

    {_BROADCAST}
    """

    reduction: str = reduction()

    examples = (
        example("float32[batch, 3]", "float32[batch, 3]"),
        example("float32[batch, 3]", "float32[3]", reduction="none"),
        example("float64[batch]", "float32[batch]", reduction="sum"),
    )

    def infer(self, input: TensorSpec, target: TensorSpec) -> TensorSpec:
        return reduced(of_result(elementwise(input, target), FLOATS), self.reduction)


@operation(source=aten("torch.nn.functional.l1_loss"), name="l1_loss")
class L1Loss(Layer):
    __doc__ = f"""``abs(input - target)``.

    {_BROADCAST}
    """

    reduction: str = reduction()

    examples = (
        example("float32[batch, 3]", "float32[batch, 3]"),
        example("float32[batch, 3]", "float32[3]", reduction="none"),
        example("float64[batch]", "float32[batch]", reduction="sum"),
    )

    def infer(self, input: TensorSpec, target: TensorSpec) -> TensorSpec:
        return reduced(floats(input, target), self.reduction)


@operation(source=aten("torch.nn.functional.smooth_l1_loss"), name="smooth_l1_loss")
class SmoothL1Loss(Layer):
    __doc__ = f"""``d ** 2 / (2 * beta)`` where ``d = abs(input - target)`` is less than `beta`, else ``d - beta / 2``.

    {_BROADCAST} Paper: Girshick 2015, "Fast R-CNN".
    """

    reduction: str = reduction()
    beta: float = number("where the square becomes a line", default=1.0, minimum=0)

    examples = (
        example("float32[batch, 3]", "float32[batch, 3]"),
        example("float32[batch, 3]", "float32[3]", reduction="none", beta=0.5),
        example("float64[batch]", "float32[batch]", reduction="sum"),
    )

    def infer(self, input: TensorSpec, target: TensorSpec) -> TensorSpec:
        return reduced(of_result(elementwise(input, target), FLOATS), self.reduction)


@operation(source=aten("torch.nn.functional.huber_loss"), name="huber_loss")
class HuberLoss(Layer):
    __doc__ = f"""``d ** 2 / 2`` where ``d = abs(input - target)`` is less than `delta`, else ``delta * (d - delta / 2)``.

    {_BROADCAST} Paper: Huber 1964, "Robust Estimation of a Location Parameter".
    """

    reduction: str = reduction()
    delta: float = setting(Number(5e-324), "where the square becomes a line", default=1.0)

    examples = (
        example("float32[batch, 3]", "float32[batch, 3]"),
        example("float32[batch, 3]", "float32[3]", reduction="none", delta=0.5),
        example("float64[batch]", "float64[batch]", reduction="sum"),
    )

    def infer(self, input: TensorSpec, target: TensorSpec) -> TensorSpec:
        return reduced(floats(input, target).with_dtype(input.dtype), self.reduction)


@operation(source=aten("torch.nn.functional.soft_margin_loss"), name="soft_margin_loss")
class SoftMarginLoss(Layer):
    """``log(1 + exp(-target * input))``; the target holds 1 and -1.

    Shapes: `target` broadcasts to that of `input`; to that shape, or to ``[]`` where the losses are reduced.
    """

    reduction: str = reduction()

    examples = (
        example("float32[batch, 3]", "float32[batch, 3]"),
        example("float32[batch, 3]", "float32[3]", reduction="none"),
        example("float64[batch]", "float64[batch]", reduction="sum"),
    )

    def infer(self, input: TensorSpec, target: TensorSpec) -> TensorSpec:
        of_dtypes(input, FLOATS)
        stretched(of_dtypes(target, FLOATS), input.shape, None, "target")
        return reduced(input, self.reduction)


@operation(source=aten("torch.nn.functional.kl_div"), name="kl_div")
class KLDiv(Layer):
    __doc__ = f"""``target * (log(target) - input)``: the divergence of the target from the input, which holds logarithms.

    {_BROADCAST}
    """

    reduction: str = reduction()
    log_target: bool = flag("whether the target holds logarithms too", default=False)

    examples = (
        example("float32[batch, 3]", "float32[batch, 3]"),
        example("float32[batch, 3]", "float32[3]", reduction="none", log_target=True),
        example("float64[batch]", "float32[batch]", reduction="sum"),
    )

    def infer(self, input: TensorSpec, target: TensorSpec) -> TensorSpec:
        return reduced(floats(input, target), self.reduction)


@operation(source=aten("torch.nn.functional.hinge_embedding_loss"), name="hinge_embedding_loss")
class HingeEmbeddingLoss(Layer):
    __doc__ = f"""`input` where the target is 1, ``max(0, margin - input)`` where it is -1.

    {_BROADCAST}
    """

    margin: float = number("what dissimilar pairs should be apart", default=1.0)
    reduction: str = reduction()

    examples = (
        example("float32[batch, 3]", "float32[batch, 3]"),
        example("float32[batch, 3]", "float32[3]", reduction="none", margin=0.5),
        example("float64[batch]", "float64[batch]", reduction="sum"),
    )

    def infer(self, input: TensorSpec, target: TensorSpec) -> TensorSpec:
        return reduced(floats(input, target).with_dtype(input.dtype), self.reduction)


@operation(source=aten("torch.nn.functional.poisson_nll_loss"), name="poisson_nll_loss")
class PoissonNLLLoss(Layer):
    __doc__ = f"""``exp(input) - target * input``, or without the logarithm ``input - target * log(input + eps)``.

    {_BROADCAST}
    """

    log_input: bool = flag("whether the input holds logarithms")
    full: bool = flag("whether Stirling's approximation of ``log(target!)`` is added")
    eps: float = number("keeps the logarithm from 0")
    reduction: str = reduction()

    examples = (
        example("float32[batch, 3]", "float32[batch, 3]", log_input=True, full=False, eps=1e-8),
        example("float32[batch, 3]", "float32[3]", log_input=False, full=True, eps=0.001, reduction="none"),
        example("float64[batch]", "float32[batch]", log_input=True, full=True, eps=1e-8, reduction="sum"),
    )

    def infer(self, input: TensorSpec, target: TensorSpec) -> TensorSpec:
        return reduced(floats(input, target), self.reduction)


_WEIGHTED = """Shapes: `input` and `target` alike, to which `weight` broadcasts; to that shape, or to ``[]`` where reduced."""


@operation(source=aten("torch.nn.functional.binary_cross_entropy"), name="binary_cross_entropy")
class BinaryCrossEntropy(Layer):
    __doc__ = f"""``-(target * log(input) + (1 - target) * log(1 - input))``; the input holds probabilities.

    {_WEIGHTED}
    """

    reduction: str = reduction()

    examples = (
        example("float32[batch, 3]", "float32[batch, 3]"),
        example("float32[batch, 3]", "float32[batch, 3]", "float32[3]", reduction="none"),
        example("float64[batch]", "float64[batch]", reduction="sum"),
    )

    def infer(self, input: TensorSpec, target: TensorSpec, weight: TensorSpec | None = None) -> TensorSpec:
        return reduced(_weighted(input, target, weight=weight), self.reduction)


@operation(
    source=aten("torch.nn.functional.binary_cross_entropy_with_logits"),
    name="binary_cross_entropy_with_logits",
)
class BinaryCrossEntropyWithLogits(Layer):
    __doc__ = f"""`binary_cross_entropy` of ``sigmoid(input)``; `pos_weight` counts where the target is 1.

    {_WEIGHTED}
    """

    reduction: str = reduction()

    examples = (
        example("float32[batch, 3]", "float32[batch, 3]"),
        example("float32[batch, 3]", "float32[batch, 3]", "float32[3]", "float32[3]", reduction="none"),
        example("float64[batch]", "float64[batch]", reduction="sum"),
    )

    def infer(
        self,
        input: TensorSpec,
        target: TensorSpec,
        weight: TensorSpec | None = None,
        pos_weight: TensorSpec | None = None,
    ) -> TensorSpec:
        return reduced(_weighted(input, target, weight=weight, pos_weight=pos_weight), self.reduction)


def _weighted(input: TensorSpec, target: TensorSpec, **weights: TensorSpec | None) -> TensorSpec:
    one_dtype(input, target, allowed=FLOATS)
    of_shape(target, input.shape, "target")
    for port, each in weights.items():
        if each is not None:
            stretched(of_dtypes(each, FLOATS), input.shape, None, port)
    return input


@operation(source=aten("torch.nn.functional.margin_ranking_loss"), name="margin_ranking_loss")
class MarginRankingLoss(Layer):
    """``max(0, -target * (input1 - input2) + margin)``; the target holds 1 and -1.

    Shapes: all broadcast; to that shape, or to ``[]`` where the losses are reduced.
    """

    margin: float = number("what the two should be apart", default=0.0)
    reduction: str = reduction()

    examples = (
        example("float32[batch, 3]", "float32[batch, 3]", "float32[batch, 3]"),
        example("float32[batch, 3]", "float32[batch, 1]", "float32[1, 3]", reduction="none", margin=0.5),
        example("float64[batch]", "float32[batch]", "float32[batch]", reduction="sum"),
    )

    def infer(self, input1: TensorSpec, input2: TensorSpec, target: TensorSpec) -> TensorSpec:
        return reduced(floats(input1, input2, target), self.reduction)


def _one_rank(*specs: TensorSpec) -> None:
    if len({each.rank for each in specs}) > 1:
        told = ", ".join(map(str, specs))
        raise Mismatch(f"its inputs {told} must have the same number of axes", code="MP302")


@operation(source=aten("torch.nn.functional.cosine_embedding_loss"), name="cosine_embedding_loss")
class CosineEmbeddingLoss(Layer):
    """``1 - cos(input1, input2)`` where the target is 1, ``max(0, cos(input1, input2) - margin)`` where it is -1.

    Shapes: ``[batch, size]`` twice and ``[batch]``, or without batch; to ``[batch]``, or to ``[]`` where reduced.
    """

    margin: float = number("the cosine that dissimilar pairs may have", default=0.0)
    reduction: str = reduction()

    examples = (
        example("float32[batch, 3]", "float32[batch, 3]", "float32[batch]"),
        example("float32[batch, 3]", "float32[batch, 3]", "float32[batch]", reduction="none", margin=0.5),
        example("float64[3]", "float64[3]", "float64[]", reduction="sum"),
    )

    def infer(self, input1: TensorSpec, input2: TensorSpec, target: TensorSpec) -> TensorSpec:
        both = floats(input1, input2)
        of_dtypes(target, FLOATS)
        for port, each in (("input1", input1), ("input2", input2)):
            if target.rank not in (0, 1) or each.rank != target.rank + 1:
                raise Mismatch(
                    f"its target must have 0 axes or 1, and its {port} one more: {target}, {each}",
                    code="MP302",
                    port=port,
                )
        shape = broadcast([both.shape[:-1], target.shape])
        return reduced(both.with_shape(*shape), self.reduction)


@operation(source=aten("torch.nn.functional.triplet_margin_loss"), name="triplet_margin_loss")
class TripletMarginLoss(Layer):
    """``max(0, distance(anchor, positive) - distance(anchor, negative) + margin)``, distances along the last axis.

    Shapes: all of one rank, broadcast; to the same without the last axis, or to ``[]`` where reduced.
    Paper: Balntas et al. 2016, "Learning local feature descriptors with triplets and shallow convolutional neural networks".
    """

    margin: float = setting(Number(5e-324), "what the two distances should differ by", default=1.0)
    p: float = number("p of the norm", default=2.0)
    eps: float = number("added to each difference", default=1e-6)
    swap: bool = flag(
        "whether the distance from positive to negative counts where it is less than that from the anchor",
        default=False,
    )
    reduction: str = reduction()

    examples = (
        example("float32[batch, 3]", "float32[batch, 3]", "float32[batch, 3]"),
        example(
            "float32[batch, 3]",
            "float32[1, 3]",
            "float32[batch, 3]",
            margin=0.5,
            p=1.0,
            eps=0.001,
            swap=True,
            reduction="none",
        ),
        example("float64[3]", "float64[3]", "float64[3]", reduction="sum"),
    )

    def infer(self, anchor: TensorSpec, positive: TensorSpec, negative: TensorSpec) -> TensorSpec:
        _one_rank(anchor, positive, negative)
        if not anchor.rank:
            raise Mismatch("its inputs need an axis", code="MP302")
        pairs = [(anchor, positive), (anchor, negative), *([(positive, negative)] if self.swap else [])]
        distances = [_distances(*pair) for pair in pairs]
        return reduced(elementwise(*distances), self.reduction)


def _distances(first: TensorSpec, second: TensorSpec) -> TensorSpec:
    both = floats(first, second)
    return both.with_shape(*both.shape[:-1])
