"""Pixels and channels rearranged, grids of coordinates, sequences padded, distances: functions that layers are made of."""

from __future__ import annotations

from modelpack.dims import Dim, maximum, may_equal
from modelpack.dtypes import DType
from modelpack.layers.base import Layer, aten, choice, example, flag, number, operation, setting, size
from modelpack.layers.distance import PairwiseDistance as PairwiseDistanceLayer
from modelpack.layers.functional import result_of
from modelpack.layers.kinds import Integer, Integers, Number
from modelpack.layers.rules import FLOATS, of_dtypes, of_rank, of_rank_from
from modelpack.layers.vision import ChannelShuffle as ChannelShuffleLayer
from modelpack.layers.vision import PixelShuffle as PixelShuffleLayer
from modelpack.layers.vision import PixelUnshuffle as PixelUnshuffleLayer
from modelpack.tensors import Mismatch, TensorSpec

__all__ = [
    "AffineGrid",
    "ChannelShuffle",
    "PDist",
    "PadSequence",
    "PairwiseDistance",
    "PixelShuffle",
    "PixelUnshuffle",
]


@operation(source=aten("torch.nn.functional.pixel_shuffle"), name="pixel_shuffle")
class PixelShuffle(Layer):
    """Makes an image `upscale_factor` times as high and as wide out of groups of channels.

    Shapes: as `PixelShuffle` has them. Paper: Shi et al. 2016 (arXiv:1609.05158).
    """

    upscale_factor: int = size("how many times as high and as wide the output is")

    examples = (
        example("float32[batch, 8, height, width]", upscale_factor=2),
        example("int64[18, 2, width]", upscale_factor=3),
        example("float64[batch, 2, 4*channels, 1, 2]", upscale_factor=2),
    )

    def infer(self, input: TensorSpec) -> TensorSpec:
        return result_of(PixelShuffleLayer(**vars(self)), input)


@operation(source=aten("torch.nn.functional.pixel_unshuffle"), name="pixel_unshuffle")
class PixelUnshuffle(Layer):
    """The inverse of `pixel_shuffle`.

    Shapes: as `PixelUnshuffle` has them.
    """

    downscale_factor: int = size("how many times as high and as wide the input is")

    examples = (
        example("float32[batch, 2, 2*height, 2*width]", downscale_factor=2),
        example("int64[channels, 3, 6]", downscale_factor=3),
        example("float64[batch, 2, 1, 4, 2]", downscale_factor=1),
    )

    def infer(self, input: TensorSpec) -> TensorSpec:
        return result_of(PixelUnshuffleLayer(**vars(self)), input)


@operation(source=aten("torch.nn.functional.channel_shuffle"), name="channel_shuffle")
class ChannelShuffle(Layer):
    """Splits the channels into `groups` and takes one of each in turn.

    Shapes: ``[batch, channels, *sizes]`` with one size at least, unchanged. Paper: Zhang et al. 2018 (arXiv:1707.01083).
    """

    groups: int = size("groups of channels")

    examples = (
        example("float32[batch, 6, height, width]", groups=3),
        example("int64[batch, 4, length]", groups=2),
        example("float64[batch, 2*channels, 1, 2, 3]", groups=2),
    )

    def infer(self, input: TensorSpec) -> TensorSpec:
        return result_of(ChannelShuffleLayer(**vars(self)), input)


@operation(source=aten("torch.nn.functional.affine_grid"), name="affine_grid_generator")
class AffineGrid(Layer):
    """The coordinates, from -1 to 1, of the elements of an image of `size`, mapped by the matrices in `theta`.

    Shapes: ``[batch, n, n + 1]`` to ``[batch, *sizes, n]``, where `size` is ``[batch, channels, *sizes]``, n two or three.
    Paper: Jaderberg et al. 2015, "Spatial Transformer Networks".
    """

    size: tuple[Dim, ...] = setting(
        Integers(Integer(1, symbolic=True)), "batch, channels and sizes of the image"
    )
    align_corners: bool = flag(
        "whether -1 and 1 are the centres of the corner elements, not their outer corners"
    )

    examples = (
        example("float32[batch, 2, 3]", size=("batch", 3, 4, 5), align_corners=False),
        example("float32[2, 3, 4]", size=(2, 3, 4, 5, 6), align_corners=True),
        example("float64[batch, 2, 3]", size=("batch", 1, 2, 3), align_corners=True),
    )

    def infer(self, theta: TensorSpec) -> TensorSpec:
        of_rank(of_dtypes(theta, FLOATS), 3)
        n = len(self.size) - 2
        if n not in (2, 3):
            raise Mismatch(
                f"size must have 4 or 5 numbers, not {len(self.size)}", code="MP302", setting="size"
            )
        wanted = (self.size[0], n, n + 1)
        if not all(map(may_equal, theta.shape, wanted)):
            told = ", ".join(map(str, wanted))
            raise Mismatch(f"its theta must have the shape [{told}], not {theta}", port="theta")
        return theta.with_shape(theta.shape[0], *self.size[2:], n)


@operation(source=aten("torch.nn.utils.rnn.pad_sequence"), name="pad_sequence")
class PadSequence(Layer):
    """Sequences of different lengths in one tensor, the shorter ones padded.

    Shapes: ``[length, …]`` each to ``[longest, count, …]``, or ``[count, longest, …]``.
    """

    batch_first: bool = flag("whether the sequences are counted by the first axis", default=False)
    padding_value: float = setting(Number(finite=False), "what fills the rest", default=0.0)
    padding_side: str = choice("left", "right", doc="where it is filled", default="right")

    examples = (
        example("float32[length, 3]", "float32[4, 3]"),
        example("float32[5]", "float32[batch]", "float32[2]", batch_first=True, padding_side="left"),
        example("int64[batch, 2]", "int64[3, 2]", padding_value=-1.0),
    )

    def infer(self, *sequences: TensorSpec) -> TensorSpec:
        if not sequences:
            raise Mismatch("needs a sequence at least", port="sequences")
        first = of_rank_from(sequences[0], 1)
        for each in sequences:
            if each.dtype is not first.dtype or each.rank != first.rank:
                raise Mismatch(f"its sequences must be alike, not {first} and {each}", code="MP306")
            if not all(map(may_equal, each.shape[1:], first.shape[1:])):
                raise Mismatch(f"its sequences {first} and {each} may differ in length only", code="MP305")
        longest = first.shape[0]
        for each in sequences[1:]:
            longest = maximum(longest, each.shape[0])
        front = (len(sequences), longest) if self.batch_first else (longest, len(sequences))
        return first.with_shape(*front, *first.shape[1:])


@operation(source=aten("torch.nn.functional.pairwise_distance"), name="pairwise_distance")
class PairwiseDistance(Layer):
    """The p-norm of ``x1 - x2 + eps`` along the last axis.

    Shapes: `x1` and `x2`, broadcast, to the same without the last axis.
    """

    p: float = setting(Number(finite=False), "p of the norm", default=2.0)
    eps: float = number("added to each difference", default=1e-6)
    keepdim: bool = flag("whether the last axis stays, with one element", default=False)

    examples = (
        example("float32[batch, 3]", "float32[batch, 3]"),
        example("float64[batch, 2, 3]", "float64[2, 1]", p=1.0, eps=0.01, keepdim=True),
        example("float32[batch, 3]", "float32[3]", p=float("inf")),
    )

    def infer(self, x1: TensorSpec, x2: TensorSpec) -> TensorSpec:
        result = PairwiseDistanceLayer(**vars(self)).infer(x1, x2)
        assert isinstance(result, TensorSpec)
        return result


@operation(source=aten("torch.nn.functional.pdist"), name="pdist")
class PDist(Layer):
    """The p-norm of the difference of each two rows.

    Shapes: ``[n, size]`` to ``[n * (n - 1) / 2]``, where n is known.
    """

    p: float = setting(Number(0, finite=False), "p of the norm", default=2.0)

    examples = (
        example("float32[4, size]"),
        example("float32[3, 2]", p=1.0),
        example("float64[2, batch]", p=float("inf")),
    )

    def infer(self, input: TensorSpec) -> TensorSpec:
        of_rank(of_dtypes(input, frozenset({DType.FLOAT32, DType.FLOAT64})), 2)
        n = input.shape[0]
        if not isinstance(n, int):
            raise Mismatch(f"its input {input} needs a known number of rows")
        return input.with_shape(n * (n - 1) // 2)
