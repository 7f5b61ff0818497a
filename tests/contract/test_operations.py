"""Operations x torch: each example, changed inputs with torch as the judge, and the schemas of what capture reads."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from modelpack.backends.torch.bindings import ROWS
from modelpack.backends.torch.rows import OperationRow
from modelpack.dims import evaluate, symbol
from modelpack.dtypes import DType, Kind
from modelpack.layers import BUILTIN, Layer
from modelpack.layers.base import example
from modelpack.tensors import Mismatch, TensorSpec
from tests.contract.cases import (
    BATCH_SIZES,
    binding,
    bits,
    bound,
    canonical,
    inputs_of,
    spec_of,
    tensors_of,
)
from tests.contract.operations import (
    LANGUAGE,
    call,
    infer,
    layer_for,
    operations,
    substituted,
    tensors_for,
    values_for,
)

pytestmark = pytest.mark.filterwarnings("ignore")

OPERATIONS = [name for name, kind in BUILTIN.items() if kind.is_operation and name not in LANGUAGE]
EXAMPLES = list(operations())
each_operation = pytest.mark.parametrize("name", OPERATIONS)
each_example = pytest.mark.parametrize(("name", "number"), EXAMPLES)

HALVES = (DType.FLOAT16, DType.BFLOAT16)
"""Some kernels exist in half precision on accelerators only, and a rule knows no device."""

STORED = frozenset(each for each in DType if each.kind is Kind.FLOAT and each.bits < 16) | {
    DType.UINT16,
    DType.UINT32,
    DType.UINT64,
}
"""dtypes for storage: torch has kernels for some operations and not for others, the rules compute in none of them."""

LINES = "float32[batch, 3]"
BATCH = symbol("batch")


def _other_than_floats(inputs: tuple[TensorSpec | None, ...]) -> bool:
    """Several float dtypes at once, or something else beside them."""
    dtypes = {each.dtype for each in inputs if each is not None}
    return len(dtypes) > 1 or not all(each.kind is Kind.FLOAT for each in dtypes)


STRICTER: dict[str, Callable[[tuple[TensorSpec | None, ...]], bool]] = {
    # Deprecated: torch warns that it will want bool.
    "where": lambda inputs: inputs[0] is not None and inputs[0].dtype is DType.UINT8,
    # What torch takes beside floats follows from its kernels: one counts in integers, another in the target's dtype.
    **dict.fromkeys(
        (
            "l1_loss",
            "huber_loss",
            "soft_margin_loss",
            "hinge_embedding_loss",
            "poisson_nll_loss",
            "margin_ranking_loss",
            "cosine_embedding_loss",
            "triplet_margin_loss",
            "kl_div",
        ),
        _other_than_floats,
    ),
    # A target of another shape is refused by torch's Python, not by its operator.
    **dict.fromkeys(
        ("binary_cross_entropy", "binary_cross_entropy_with_logits"),
        lambda inputs: (
            _other_than_floats(inputs) or len({each.shape for each in inputs[:2] if each is not None}) > 1
        ),
    ),
    # Numbers of classes may be uint8, but only for some ranks; a target of probabilities is converted.
    **dict.fromkeys(
        ("cross_entropy_loss", "nll_loss"),
        lambda inputs: inputs[1] is not None and inputs[1].dtype is not DType.INT64,
    ),
    # A bias is added, whatever its dtype is, and stretched.
    **dict.fromkeys(
        ("conv_transpose1d", "conv_transpose2d", "conv_transpose3d", "conv_tbc", "bilinear"),
        lambda inputs: (
            inputs[-1] is not None
            and inputs[0] is not None
            and (inputs[-1].dtype is not inputs[0].dtype or inputs[-1].rank != 1)
        ),
    ),
    **dict.fromkeys(
        ("rnn_tanh_cell", "rnn_relu_cell", "gru_cell"),
        lambda inputs: any(
            each is not None and (each.rank != 1 or each.shape == (1,)) for each in inputs[4:]
        ),
    ),
    # torch looks at few of the weights, and reads beyond the others: it ends the process with some.
    **dict.fromkeys(("lstm", "gru", "rnn_tanh", "rnn_relu", "lstm_cell"), lambda inputs: True),
    # Statistics are kept in another dtype than the input's.
    "instance_norm": _other_than_floats,
    # Coordinates are fractions.
    "affine_grid_generator": _other_than_floats,
    # The first sequence tells dtype and shape, the others are converted and stretched.
    "pad_sequence": lambda inputs: (
        len({(each.dtype, each.shape[1:]) for each in inputs if each is not None}) > 1
    ),
    # A negative number is wrapped around.
    "threshold": lambda inputs: inputs[0] is not None and inputs[0].dtype is DType.UINT8,
    # torch takes samples for more images than there are.
    **dict.fromkeys(
        ("fractional_max_pool2d", "fractional_max_pool3d"),
        lambda inputs: inputs[1] is not None and inputs[1].rank == 3,
    ),
    # A single class without an axis is nothing that torch documents.
    **dict.fromkeys(
        ("multi_margin_loss", "multilabel_margin_loss"),
        lambda inputs: any(each is not None and each.rank == 0 for each in inputs),
    ),
    # torch stretches a `g` of any shape, and ends the process with some.
    "weight_norm": lambda inputs: True,
    # torch gives its vectors the lengths that they need.
    "spectral_norm": lambda inputs: True,
    # The imaginary part of a value would be lost, where there is one.
    "masked_fill": lambda inputs: inputs[-1] is not None and inputs[-1].dtype is DType.COMPLEX64,
    # With a matrix as input, and no other, torch adds a matrix as bias.
    "linear": lambda inputs: len(inputs) == 3 and inputs[2] is not None and inputs[2].rank > 1,
    # For one window torch takes the mean, and there more axes and complex numbers.
    **dict.fromkeys(
        ("adaptive_avg_pool1d", "adaptive_avg_pool2d", "adaptive_avg_pool3d"),
        lambda inputs: inputs[0] is not None and (inputs[0].dtype is DType.COMPLEX64 or inputs[0].rank > 4),
    ),
    # torch compares counts: a scalar is a weight of one channel to it.
    "batch_norm": lambda inputs: any(each is not None and not each.rank for each in inputs[1:]),
    # Scalars pass for vectors of one element in some places and not in others.
    **dict.fromkeys(
        ("index_add", "index_copy", "index_reduce", "index_fill"),
        lambda inputs: any(each is not None and not each.rank for each in inputs),
    ),
    # torch converts truth values beside numbers, and has no order for them otherwise.
    **dict.fromkeys(
        ("bucketize", "searchsorted"),
        lambda inputs: any(each is not None and each.dtype is DType.BOOL for each in inputs),
    ),
    # torch reads the memory of the second as if it had the dtype of the first.
    "linalg_solve_triangular": lambda inputs: len({each.dtype for each in inputs if each is not None}) > 1,
    # torch stretches places of other shapes, and counts the axis from the front of the longer.
    **dict.fromkeys(
        ("trapezoid", "cumulative_trapezoid"),
        lambda inputs: len({each.shape for each in inputs if each is not None}) > 1,
    ),
    # torch converts a weight without axes.
    "lerp": lambda inputs: len(inputs) == 3 and inputs[2] is not None and not inputs[2].rank,
    # Deprecated likewise, and what a mask picks depends on its values.
    **dict.fromkeys(
        ("index", "index_put"),
        lambda inputs: any(
            each is not None and each.dtype in (DType.UINT8, DType.BOOL) for each in inputs[1:]
        ),
    ),
    # Deprecated likewise.
    **dict.fromkeys(
        ("matrix_transpose", "adjoint"), lambda inputs: inputs[0] is not None and inputs[0].rank == 0
    ),
    # torch has kernels for integers on CPUs only.
    **dict.fromkeys(
        ("conv1d", "conv2d", "conv3d"),
        lambda inputs: inputs[0] is not None and inputs[0].dtype.kind is Kind.INTEGER,
    ),
    # torch cuts the fraction off a factor of integers.
    **dict.fromkeys(
        ("addmm", "baddbmm", "addcmul"),
        lambda inputs: inputs[0] is not None and inputs[0].dtype.kind is Kind.INTEGER,
    ),
    # Sums of narrow integers are int64, so that the dtype would depend on the order in which torch contracts.
    # Whether two dtypes mix does so too.
    "einsum": lambda inputs: (
        any(
            each is not None and each.dtype.kind.value < 2 and each.dtype is not DType.INT64
            for each in inputs
        )
        or len({each.dtype for each in inputs if each is not None}) > 1
    ),
}
"""Where a rule refuses what torch takes, and why."""


def row_of(name: str) -> OperationRow:
    row = ROWS[name]
    assert isinstance(row, OperationRow)
    return row


# ------------------------------------------------------------------------------------------- examples


@each_example
@pytest.mark.parametrize("batch", BATCH_SIZES)
def test_inferred_specs_are_the_real_ones(name: str, number: int, batch: int) -> None:
    kind, row = BUILTIN[name], row_of(name)
    example = kind.examples[number]
    values = binding(example, batch)
    symbolic = kind.instance(canonical(kind, example))
    inferred = [bound(each, values) for each in infer(symbolic, example.inputs)]
    layer, inputs = layer_for(kind, example, values), inputs_of(example, batch)
    assert infer(layer, inputs) == inferred, "the rule says something else of sizes that are known"
    values = values_for(name, inputs)
    assert [spec_of(each) for each in call(row, layer, values)] == inferred
    meta = [None if each is None else each.to("meta") for each in values]
    if name != "histc":  # it counts, which takes values
        assert [spec_of(each) for each in call(row, layer, meta, "meta")] == inferred


@each_operation
def test_every_setting_takes_another_value_than_its_default_in_an_example(name: str) -> None:
    kind = BUILTIN[name]
    shown = {setting for each in kind.examples for setting in canonical(kind, each)}
    assert kind.settings.keys() <= shown
    assert len(kind.examples) >= 3


@each_example
def test_functions_leave_their_inputs_as_they_are(name: str, number: int) -> None:
    example = BUILTIN[name].examples[number]
    inputs = values_for(name, inputs_of(example, 2))
    before = [None if each is None else bits(each) for each in inputs]
    call(row_of(name), layer_for(BUILTIN[name], example, binding(example, 2)), inputs)
    after = [None if each is None else bits(each) for each in inputs]
    # The running statistics and the singular vectors, at the end, are there to be changed.
    kept = {"batch_norm": 3, "spectral_norm": 1}.get(name, len(before))
    before, after = before[:kept], after[:kept]
    assert after == before


# ------------------------------------------------------------------------------------------- wrong settings

WRONG = [
    ("hardtanh", {"min_val": 2.0, "max_val": 1.0}, (LINES,), "min_val 2.0 must not exceed max_val 1.0"),
    ("celu", {"alpha": 0.0}, (LINES,), "alpha must not be 0: x is divided by it"),
    ("batch_norm", {"training": True, "eps": 0.0}, (LINES,), "eps is 0.0; it must be positive in training"),
    ("fmod", {"other": 0}, ("int64[batch]",), "integers can't be divided by 0"),
    ("div", {"other": 0, "rounding_mode": "floor"}, ("int64[batch]",), "integers can't be divided by 0"),
    (
        "narrow",
        {"dim": 0, "start": BATCH, "length": BATCH},
        (LINES,),
        f"start batch and length batch lead beyond axis 0 of its input {LINES}",
    ),
    (
        "select",
        {"dim": 0, "index": BATCH},
        (LINES,),
        f"index is batch, but axis 0 of its input {LINES} has batch",
    ),
    (
        "topk",
        {"k": 2 * BATCH, "dim": 0},
        (LINES,),
        f"k is 2*batch, but axis 0 of its input {LINES} has batch",
    ),
    (
        "gather",
        {"dim": 1},
        (LINES, "int64[2 * batch, 3]"),
        f"axis 0 of its index int64[2*batch, 3] is longer than that of {LINES}",
    ),
    (
        "glu",
        {"dim": 0},
        ("float32[2 * batch + 1]",),
        "axis 0 of its input float32[2*batch + 1] is 2*batch + 1, which can't be halved",
    ),
    (
        "pad",
        {"pad": (BATCH, 0), "mode": "reflect"},
        ("float32[3, batch]",),
        "can't add batch to an axis of batch of its input float32[3, batch] by 'reflect'",
    ),
    ("arange", {"start": BATCH, "end": 0}, (), "step 1 leads away from end 0, counted from start batch"),
]


@pytest.mark.parametrize(("name", "settings", "inputs", "message"), WRONG)
def test_rule_and_torch_refuse(
    name: str, settings: dict[str, Any], inputs: tuple[str, ...], message: str
) -> None:
    kind, case = BUILTIN[name], example(*inputs)
    with pytest.raises(Mismatch) as caught:
        infer(kind.instance(settings), case.inputs)
    assert caught.value.message == message
    layer = kind.instance({each: substituted(value, {"batch": 2}) for each, value in settings.items()})
    with pytest.raises((RuntimeError, ValueError, IndexError)):
        call(row_of(name), layer, tensors_of(inputs_of(case, 2)))


# ------------------------------------------------------------------------------------------- torch as the judge


def disagreement(name: str, layer: Layer, inputs: tuple[TensorSpec | None, ...]) -> str | None:
    """What the rule says of `inputs` beside what torch does, if they differ."""
    inferred: list[TensorSpec] | Mismatch
    try:
        inferred = infer(layer, inputs)
    except Mismatch as refusal:
        dtypes = {each.dtype for each in inputs if each is not None}
        # Of complex64 and float64 torch makes complex128, which no pack can hold.
        if (
            dtypes & STORED
            or dtypes >= {DType.COMPLEX64, DType.FLOAT64}
            or STRICTER.get(name, lambda _: False)(inputs)
        ):
            return None
        inferred = refusal
    real: list[TensorSpec] | Exception
    try:
        real = [spec_of(each) for each in call(row_of(name), layer, tensors_for(name, inputs))]
    except Exception as error:
        real = error
    if isinstance(inferred, Mismatch):
        return (
            None
            if isinstance(real, Exception)
            else f"{layer} on {inputs}: torch gives {real}, refused: {inferred.message}"
        )
    if real == inferred:
        return None
    halves = any(each is not None and each.dtype in HALVES for each in (*inputs, *inferred))
    if halves and isinstance(real, NotImplementedError | RuntimeError) and "not implemented" in str(real):
        return None
    return f"{layer} on {inputs}: torch gives {real!r}, the rule {inferred}"


def changed(spec: TensorSpec) -> Iterator[TensorSpec]:
    """`spec` with another shape or dtype."""
    yield spec.with_shape(*spec.shape[1:])
    yield spec.with_shape(2, *spec.shape)
    for axis in range(spec.rank):
        yield from (spec.with_axis(axis, size) for size in (1, 2, 3, 7))
    yield from (spec.with_dtype(dtype) for dtype in DType if dtype.bits >= 8)


@each_example
def test_rule_and_torch_agree_on_changed_inputs(name: str, number: int) -> None:
    kind = BUILTIN[name]
    example = kind.examples[number]
    layer, inputs = layer_for(kind, example, binding(example, 2)), inputs_of(example, 2)
    found = []
    for at, spec in enumerate(inputs):
        for other in changed(spec) if spec is not None else ():
            found.append(disagreement(name, layer, (*inputs[:at], other, *inputs[at + 1 :])))
    wrong = [each for each in found if each is not None]
    assert not wrong, "\n".join(["", *wrong])


DTYPES = st.sampled_from([DType.FLOAT32, DType.FLOAT64, DType.INT64, DType.INT32, DType.UINT8, DType.BOOL])


@st.composite
def changed_together(draw: st.DrawFn) -> tuple[str, Layer, tuple[TensorSpec | None, ...]]:
    """An example's layer on inputs of which several are changed at once."""
    name, number = draw(st.sampled_from(EXAMPLES))
    kind = BUILTIN[name]
    example = kind.examples[number]
    dtype = draw(st.none() | DTYPES)
    inputs: list[TensorSpec | None] = []
    for spec in inputs_of(example, 2):
        if spec is not None:
            for axis in range(spec.rank):
                spec = spec.with_axis(axis, draw(st.sampled_from([spec.shape[axis]] * 4 + [1, 2, 3])))
            if draw(st.integers(0, 4)) == 0:
                spec = spec.with_shape(*draw(st.sampled_from([(), (1,), (2, *spec.shape), spec.shape[1:]])))
            if dtype is not None or draw(st.integers(0, 4)) == 0:
                spec = spec.with_dtype(dtype or draw(DTYPES))
        inputs.append(spec)
    return name, layer_for(kind, example, binding(example, 2)), tuple(inputs)


@given(changed_together())
def test_rule_and_torch_agree_on_inputs_changed_together(
    case: tuple[str, Layer, tuple[TensorSpec | None, ...]],
) -> None:
    assert disagreement(*case) is None


@st.composite
def partly_free(
    draw: st.DrawFn,
) -> tuple[Layer, tuple[TensorSpec | None, ...], tuple[TensorSpec | None, ...], dict[str, int]]:
    """An example's layer on known sizes, and on the same with some of them free; equal sizes may be one dimension. A free
    dimension counts as longer than 1, as it does to torch.export."""
    name, number = draw(st.sampled_from(EXAMPLES))
    kind = BUILTIN[name]
    example = kind.examples[number]
    known = inputs_of(example, 2)
    values: dict[str, int] = {}
    free: list[TensorSpec | None] = []
    for at, spec in enumerate(known):
        if spec is not None:
            for axis, size in enumerate(spec.shape):
                if draw(st.booleans()) and isinstance(size, int) and size > 1:
                    symbol_name = draw(st.sampled_from([f"n{size}", f"a{at}_{axis}"]))
                    values[symbol_name] = size
                    spec = spec.with_axis(axis, symbol(symbol_name))
        free.append(spec)
    return layer_for(kind, example, binding(example, 2)), known, tuple(free), values


@given(partly_free())
def test_rules_say_the_same_of_free_dimensions_as_of_known_ones(
    case: tuple[Layer, tuple[TensorSpec | None, ...], tuple[TensorSpec | None, ...], dict[str, int]],
) -> None:
    layer, known, free, values = case
    try:
        inferred = infer(layer, free)
    except Mismatch:
        return  # the rule may need to know a size, and distinct free dimensions don't fit one another
    bound_later = [each.with_shape(*(evaluate(size, values) for size in each.shape)) for each in inferred]
    assert bound_later == infer(layer, known)


# ------------------------------------------------------------------------------------------- what capture reads

NOT_STORED = {"device", "layout", "pin_memory"}
"""Arguments that capture knows how to judge without a row."""

OTHER_DEFAULTS = {
    ("conv1d", "padding"): "'valid', no padding, is this overload's own default",
    ("conv2d", "padding"): "the same",
    ("conv3d", "padding"): "the same",
    ("bernoulli_like", "p"): "that of one overload; either a number or a tensor is always there",
    ("normal", "std"): "that of one overload",
    ("trapezoid", "dx"): "1.0, of the older name `trapz`",
    ("linalg_pinv", "rtol"): "1e-15, of `pinverse`",
    ("diagonal", "dim1"): "-2, of `linalg.diagonal`",
    ("diagonal", "dim2"): "-1, of `linalg.diagonal`",
}
"""Defaults of an overload that aren't the declaration's; capture stores them, as it reads every argument of a schema."""


def test_no_overload_is_in_two_rows() -> None:
    rows = [row for row in ROWS.values() if isinstance(row, OperationRow)]
    listed = [str(each) for row in rows for each in row.overloads]
    assert len(listed) == len(set(listed))


OVERLOADS = [
    pytest.param(name, each, id=f"{name}-{each}") for name in OPERATIONS for each in row_of(name).overloads
]


@pytest.mark.parametrize(("name", "overload"), OVERLOADS)
def test_every_argument_of_an_overload_is_carried_or_fixed(
    name: str, overload: torch._ops.OpOverload
) -> None:
    kind, row = BUILTIN[name], row_of(name)
    ports = {port.name: port for port in kind.ports}
    carried: set[str] = set()
    for argument in overload._schema.arguments:
        target = row.schema.get(argument.name, "input" if argument.name == "self" else argument.name)
        # A tensor in place of a number that a setting carries is refused when a call has one.
        is_tensor = "Tensor" in str(argument.type) and (target in ports or target not in kind.settings)
        if is_tensor:
            assert target in ports, f"{argument.name} of {overload} is no port of {name}"
            optional = "Optional" in str(argument.type) or target in kind.settings or ports[target].variadic
            lacking = any(argument.name not in _names_of(each) for each in row.overloads)
            assert optional == (not ports[target].required or ports[target].variadic) or (
                lacking and not optional
            ), argument.name
        elif target in kind.settings:
            setting = kind.settings[target]
            if argument.has_default_value() and (name, target) not in OTHER_DEFAULTS:
                meaning = row.read.get(target, lambda value: value)
                value = meaning(_literal(argument.default_value))
                default = setting.kind.read(value) if not setting.required else None
                assert repr(default) == repr(None if setting.required else setting.default), argument.name
        else:
            assert argument.name in row.fixed or argument.name in NOT_STORED, (
                f"{argument.name} of {overload} is lost"
            )
            if argument.name in row.fixed and argument.has_default_value():
                assert argument.default_value in row.fixed[argument.name]
        carried.add(target)
    needed = {each.name for each in kind.ports if each.required} | set(kind.required)
    assert needed <= carried


def _names_of(overload: torch._ops.OpOverload) -> set[str]:
    return {argument.name for argument in overload._schema.arguments}


def _literal(value: object) -> object:
    return tuple(value) if isinstance(value, list) else value


@each_operation
def test_every_port_and_setting_is_an_argument_of_some_overload(name: str) -> None:
    kind, row = BUILTIN[name], row_of(name)
    arguments = {argument.name for each in row.overloads for argument in each._schema.arguments}
    told = {row.schema.get(each, "input" if each == "self" else each) for each in arguments}
    assert {port.name for port in kind.ports} | kind.settings.keys() <= told
    assert row.schema.keys() | row.fixed.keys() <= arguments
