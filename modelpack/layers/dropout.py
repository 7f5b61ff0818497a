"""Dropouts: random zeros in training, nothing in evaluation."""

from __future__ import annotations

from modelpack.layers.base import Layer, choice, example, flag, layer, number, torch_nn
from modelpack.layers.rules import FLOATS, of_dtypes, of_rank, of_rank_from
from modelpack.tensors import TensorSpec

_HINTON = (
    'Paper: Hinton et al. 2012, "Improving neural networks by preventing co-adaptation of feature detectors".'
)
_TOMPSON = 'Paper: Tompson et al. 2014, "Efficient Object Localization Using Convolutional Networks".'
_KLAMBAUER = 'Paper: Klambauer et al. 2017, "Self-Normalizing Neural Networks".'


def _dropout(
    name: str, what: str, shapes: str, paper: str, ranks: tuple[int, ...], *inputs: str
) -> type[Layer]:
    """A dropout on inputs of `ranks`: one number for "at least", two for either."""

    @layer(source=torch_nn(name), name=name)
    class Dropout(Layer):
        __doc__ = f"""In training, {what} with probability `p`; in evaluation, its input as it is.

        Shapes: {shapes}, unchanged. {paper}
        """

        p: float = number("probability of being dropped", default=0.5, minimum=0, maximum=1)
        inplace: bool = flag("whether the input's memory is reused", default=False)

        examples = (example(inputs[0]), example(inputs[0], p=0.1), example(inputs[-1], p=0.25, inplace=True))

        def infer(self, input: TensorSpec) -> TensorSpec:
            of_dtypes(input, FLOATS)
            return of_rank_from(input, ranks[0]) if len(ranks) == 1 else of_rank(input, *ranks)

    return Dropout


_MATRIX, _LINE = "float32[batch, 16]", "float32[batch, 16, length]"
_PLANE, _VOLUME = "float32[batch, 16, height, width]", "float32[batch, 8, depth, height, width]"
_SCALE = "of the rest is scaled by ``1 / (1 - p)``"

Dropout = _dropout(
    "Dropout", f"each element becomes 0 and each {_SCALE},", "any", _HINTON, (0,), _MATRIX, "float32[16]"
)
Dropout1d = _dropout(
    "Dropout1d",
    f"each channel becomes 0 and each {_SCALE},",
    "``[batch, channels, length]`` or ``[channels, length]``",
    _TOMPSON,
    (2, 3),
    _LINE,
    "float32[16, length]",
)
Dropout2d = _dropout(
    "Dropout2d",
    f"each channel becomes 0 and each {_SCALE},",
    "``[batch, channels, …]`` (other than ``[batch, channels, height, width]`` is deprecated in torch)",
    _TOMPSON,
    (2,),
    _PLANE,
)
Dropout3d = _dropout(
    "Dropout3d",
    f"each channel becomes 0 and each {_SCALE},",
    "``[batch, channels, depth, height, width]`` or without batch (others are deprecated in torch)",
    _TOMPSON,
    (1,),
    _VOLUME,
    "float32[8, depth, height, width]",
)
AlphaDropout = _dropout(
    "AlphaDropout",
    "each element becomes SELU's negative limit, all then scaled so that mean and variance stay,",
    "any",
    _KLAMBAUER,
    (0,),
    _MATRIX,
    "float32[16]",
)
FeatureAlphaDropout = _dropout(
    "FeatureAlphaDropout",
    "each channel becomes SELU's negative limit, all then scaled so that mean and variance stay,",
    "``[batch, channels, …]``",
    _KLAMBAUER,
    (2,),
    _PLANE,
    _MATRIX,
)


@layer(source="https://docs.pytorch.org/vision/stable/generated/torchvision.ops.stochastic_depth.html")
class StochasticDepth(Layer):
    """In training, all of it becomes 0 with probability `p`, by rows or as a whole; in evaluation, its input as it is.

    Shapes: ``[batch, …]``, unchanged; as a whole also ``[]``.
    Paper: Huang et al. 2016, "Deep Networks with Stochastic Depth".
    """

    p: float = number("probability of being dropped", default=0.5, minimum=0, maximum=1)
    mode: str = choice(
        "row", "batch", doc="what is dropped together: a row, or all of the batch", default="row"
    )
    scale_by_keep: bool = flag("whether what is kept is scaled by ``1 / (1 - p)``", default=True)
    draw: str = choice(
        "bernoulli",
        "uniform",
        doc="how chance is asked, which matters only where results must be the same from one seed: for a truth value, as "
        "torchvision and timm do, or for a number, as transformers does, which scales before it drops",
        default="bernoulli",
    )

    examples = (
        example("float32[batch, 16]"),
        example("float32[batch, 16, height, width]", p=0.1, scale_by_keep=False),
        example("float32[batch, length, 16]", p=0.25, draw="uniform"),
        example("float32[16]", p=0.25, mode="batch"),
    )

    def infer(self, input: TensorSpec) -> TensorSpec:
        of_dtypes(input, FLOATS)
        return of_rank_from(input, 1 if self.mode == "row" else 0)
