"""What a rule refuses is what torch refuses: every example with its inputs changed, torch as the judge.

A rule has no mode, and some modules take in evaluation what they refuse in training (dropout of integers). So what a
rule takes must run in evaluation with the inferred specs, and what it refuses must fail in training.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from modelpack.backends.torch.bindings import ROWS
from modelpack.backends.torch.rows import ModuleRow
from modelpack.dtypes import DType, Kind
from modelpack.errors import CODES
from modelpack.layers import BUILTIN, Layer
from modelpack.tensors import Mismatch, TensorSpec
from tests.contract.cases import examples, flat, inputs_of, layer_of, original, run, spec_of, tensors_of

pytestmark = pytest.mark.filterwarnings("ignore")

HALVES = (DType.FLOAT16, DType.BFLOAT16)
"""Some kernels exist in half precision on accelerators only, and a rule knows no device."""

_FEWER_LENGTHS = "torch takes fewer lengths than sequences where it sorts them, and drops the others"

STRICTER = {
    **dict.fromkeys(
        ("InstanceNorm1d", "InstanceNorm2d", "InstanceNorm3d", "GroupNorm"),
        "torch takes another number of channels than the declared one where there are no tensors",
    ),
    **dict.fromkeys(
        ("AdaptiveAvgPool1d", "AdaptiveAvgPool2d", "AdaptiveAvgPool3d"),
        "torch takes a mean, of any rank and dtype, where all output sizes are 1; it documents two ranks",
    ),
    **dict.fromkeys(("FractionalMaxPool2d", "FractionalMaxPool3d"), "torch gives an output without elements"),
    **dict.fromkeys(
        ("LPPool1d", "LPPool2d", "LPPool3d"),
        "torch takes integers: their power averages are floats, their maxima aren't, which nothing documents",
    ),
    "StochasticDepth": "torch multiplies integers by zeros and ones where nothing is scaled; of what is scaled none are taken",
    "LocalResponseNorm": "torch averages integers as integers",
    "CrossMapLRN2d": "torch takes complex numbers, of whose squares the sum is no norm",
    **dict.fromkeys(
        (
            ("MultiheadAttention", 3),
            ("TransformerEncoderLayer", 2),
            ("TransformerDecoderLayer", 2),
            ("TransformerEncoder", 2),
            ("TransformerDecoder", 2),
            ("Transformer", 2),
        ),
        "torch doesn't look at a mask of which it's told that it is causal, not even at its shape",
    ),
    **dict.fromkeys(
        (("EmbeddingBag", 1), ("EmbeddingBag", 2)),
        "torch takes small integers and booleans as indices beside offsets; it documents int32 and int64",
    ),
    (
        "PairwiseDistance",
        1,
    ): "torch takes complex64 beside float64, which are complex128, a dtype that no weight file has",
    ("UpsamplingNearest2d", 0): "torch takes any number of axes with one scale_factor; it documents four",
    ("RNN", 4): _FEWER_LENGTHS,
    ("LSTM", 5): _FEWER_LENGTHS,
    ("GRU", 4): _FEWER_LENGTHS,
}
"""Rules that refuse what torch takes, with the reason: of a type, or for one of its examples."""


def changed(spec: TensorSpec) -> Iterator[TensorSpec]:
    """`spec` with another shape or dtype (floats below 16 bits are for storage, and aren't judged)."""
    yield spec.with_shape(*spec.shape[1:])
    yield spec.with_shape(*spec.shape[2:])
    yield spec.with_shape(2, *spec.shape)
    yield spec.with_shape(2, 3, *spec.shape)
    for axis in range(spec.rank):
        yield from (spec.with_axis(axis, size) for size in (1, 2, 3, 4, 7))
    for size in (1, 2, 3, 4):
        yield spec.with_shape(*spec.shape[:2], *(size for _ in spec.shape[2:]))
    yield from (spec.with_dtype(dtype) for dtype in DType if dtype.kind is not Kind.FLOAT or dtype.bits >= 16)


def outcome(layer: Layer, row: ModuleRow, inputs: tuple[TensorSpec | None, ...], mode: bool) -> object:
    """The specs of the outputs, or the error."""
    try:
        outputs = run(layer, row, original(layer, row).train(mode), tensors_of(inputs))
        return [spec_of(each) for each in outputs]
    except Exception as error:
        return error


def _told(specs: object) -> str:
    return ", ".join(map(str, specs)) if isinstance(specs, list | tuple) else repr(specs)


@pytest.mark.parametrize(("name", "number"), list(examples(ModuleRow)))
def test_rule_and_torch_agree_on_changed_inputs(name: str, number: int) -> None:
    layer_type, row = BUILTIN[name], ROWS[name]
    assert isinstance(row, ModuleRow)
    example = layer_type.examples[number]
    layer = layer_of(layer_type, example)
    first, *others = inputs_of(example, 2)
    assert first is not None
    wrong = []
    for spec in changed(first):
        inputs = (spec, *others)
        try:
            inferred = list(flat(layer_type.infer(layer, inputs)))
        except Mismatch as refusal:
            if refusal.code not in CODES:
                wrong.append(f"{layer} on {_told(inputs)}: {refusal.code} is no code of modelpack.errors")
            real = outcome(layer, row, inputs, True)
            if not isinstance(real, Exception) and not STRICTER.keys() & {name, (name, number)}:
                wrong.append(f"{layer} on {_told(inputs)}: torch gives {_told(real)}, but: {refusal.message}")
            continue
        real = outcome(layer, row, inputs, False)
        if real != inferred and not (
            isinstance(real, NotImplementedError | RuntimeError) and spec.dtype in HALVES
        ):
            wrong.append(f"{layer} on {_told(inputs)}: torch gives {_told(real)}, the rule {_told(inferred)}")
    assert not wrong, "\n".join(wrong)
