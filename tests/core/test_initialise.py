"""First values of tensors: which, for whom, and that they are the same everywhere."""

from __future__ import annotations

from bisect import bisect_left
from hashlib import blake2b
from itertools import pairwise
from math import isfinite, log, sqrt
from statistics import NormalDist

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelpack.draws import Stream, inverse_normal_cdf, natural_log
from modelpack.dtypes import DType, Kind
from modelpack.fill import FILLS
from modelpack.initialise import MAKEABLE, argument, fans, gain, initialise, validate
from modelpack.layers import BUILTIN
from modelpack.layers.initial import INITIALISERS, Init
from modelpack.rounding import rounded

F32 = DType.FLOAT32
REQUIRED = {"constant": {"val": 0.5}, "sparse": {"sparsity": 0.25}, "embedding": {"padding_idx": 2}}
ANY_SHAPE = {"dirac": (6, 4, 3)}


def usual(name: str) -> Init:
    return Init(name, REQUIRED.get(name, {}))


def floats(
    init: Init, shape: tuple[int, ...], seed: int = 0, name: str = "weight"
) -> npt.NDArray[np.float64]:
    data = initialise(init, shape, F32, seed, name)
    return np.frombuffer(data, "<f4").astype(np.float64).reshape(shape)


# ---------------------------------------------------------------------------------------------- the same everywhere

DIGESTS = {
    "constant": "3b59814e671204de",
    "dirac": "eee865d18a04a76f",
    "embedding": "248077d8ce64b831",
    "eye": "8d545d6dc6efc2f6",
    "kaiming_normal": "6508990bdd020c5d",
    "kaiming_uniform": "5a3f927b7249d6a3",
    "normal": "b89d2b3323a8e87e",
    "ones": "42f100add55fb3e0",
    "orthogonal": "0085d39cbae37ecd",
    "sparse": "ba8ec989d5f24c0b",
    "trunc_normal": "c359edf59b91fe06",
    "uniform": "4613319b88005d5e",
    "xavier_normal": "4de9dd2c7bcb2b77",
    "xavier_uniform": "7bc2bd52440afa04",
    "zeros": "241ef01a30eafbcb",
}


@pytest.mark.parametrize("name", sorted(INITIALISERS))
def test_what_a_seed_gives_never_changes(name: str) -> None:
    data = initialise(usual(name), ANY_SHAPE.get(name, (300, 500)), F32, 7, "layers.0.weight")
    assert blake2b(data, digest_size=8).hexdigest() == DIGESTS[name]


def test_orthogonal_is_no_work_of_lapack() -> None:
    """Whose last bits depend on the processor and on the number of threads: float64 keeps them."""
    data = initialise(Init("orthogonal"), (300, 200), DType.FLOAT64, 7, "w")
    assert blake2b(data, digest_size=6).hexdigest() == "5ae78d34ef88"
    matrix = np.frombuffer(data, "<f8").reshape(300, 200)
    assert abs(matrix.T @ matrix - np.eye(200)).max() < 5e-15
    assert (np.diagonal(matrix.T @ Stream(7, "w").normal(60_000, 0, 1).reshape(300, 200)) > 0).all()


@pytest.mark.parametrize("name", sorted(INITIALISERS))
def test_values_depend_on_seed_and_name_alone(name: str) -> None:
    shape = ANY_SHAPE.get(name, (20, 30))
    first = bytes(initialise(usual(name), shape, F32, 1, "a"))
    others = [
        bytes(initialise(usual(name), shape, F32, seed, other))
        for seed, other in ((2, "a"), (1, "b"), (11, ""))
    ]
    assert bytes(initialise(usual(name), shape, F32, 1, "a")) == first
    is_random = name not in ("constant", "dirac", "eye", "ones", "zeros")
    assert all((other != first) == is_random for other in others)


# ---------------------------------------------------------------------------------------------- distributions


def against(cdf: object, values: npt.NDArray[np.float64]) -> float:
    """The statistic of Kolmogorov and Smirnov, times the root of the count: above 1.95 once in a thousand samples."""
    assert callable(cdf)
    ordered = np.sort(values.reshape(-1))
    expected = np.array([cdf(float(each)) for each in ordered])
    steps = np.arange(ordered.size + 1) / ordered.size
    return float(max(abs(expected - steps[:-1]).max(), abs(expected - steps[1:]).max())) * sqrt(ordered.size)


def normal(mean: float, std: float) -> object:
    return NormalDist(mean, std).cdf


def between(low: float, high: float) -> object:
    return lambda x: (x - low) / (high - low)


def truncated(mean: float, std: float, low: float, high: float) -> object:
    whole = NormalDist(mean, std)
    return lambda x: (whole.cdf(x) - whole.cdf(low)) / (whole.cdf(high) - whole.cdf(low))


SHAPE = (100, 30, 2, 3)
FAN_IN, FAN_OUT = 30 * 6, 100 * 6
ROOT3 = sqrt(3)


@pytest.mark.parametrize(
    ("init", "cdf"),
    [
        (Init("uniform"), between(0, 1)),
        (Init("uniform", {"a": -2.0, "b": 5.0}), between(-2, 5)),
        (Init("normal"), normal(0, 1)),
        (Init("normal", {"mean": 3.0, "std": 0.02}), normal(3, 0.02)),
        (Init("trunc_normal"), truncated(0, 1, -2, 2)),
        (Init("trunc_normal", {"mean": 1.0, "std": 2.0, "a": 0.0, "b": 1.5}), truncated(1, 2, 0, 1.5)),
        (Init("trunc_normal", {"a": 3.0, "b": 4.0}), truncated(0, 1, 3, 4)),
        (Init("xavier_uniform"), between(-sqrt(6 / (FAN_IN + FAN_OUT)), sqrt(6 / (FAN_IN + FAN_OUT)))),
        (Init("xavier_normal", {"gain": 2.0}), normal(0, 2 * sqrt(2 / (FAN_IN + FAN_OUT)))),
        (Init("kaiming_uniform", {"a": sqrt(5)}), between(-1 / sqrt(FAN_IN), 1 / sqrt(FAN_IN))),
        (
            Init("kaiming_uniform", {"nonlinearity": "linear"}),
            between(-ROOT3 / sqrt(FAN_IN), ROOT3 / sqrt(FAN_IN)),
        ),
        (Init("kaiming_normal"), normal(0, sqrt(2 / FAN_IN))),
        (Init("kaiming_normal", {"mode": "fan_out", "nonlinearity": "relu"}), normal(0, sqrt(2 / FAN_OUT))),
        (Init("kaiming_normal", {"nonlinearity": "tanh"}), normal(0, 5 / 3 / sqrt(FAN_IN))),
    ],
    ids=lambda value: str(value) if isinstance(value, Init) else "",
)
def test_values_follow_the_distribution(init: Init, cdf: object) -> None:
    values = floats(init, SHAPE)
    assert against(cdf, values) < 1.95
    assert against(cdf, values * 1.05 + 0.05 * values.std()) > 1.95, "the test sees a twentieth"


def test_neighbours_and_tensors_are_independent() -> None:
    first, second = floats(Init("normal"), (20_000,), name="a"), floats(Init("normal"), (20_000,), name="b")
    for left, right in ((first, second), (first[1:], first[:-1])):
        assert abs(np.corrcoef(left, right)[0, 1]) < 5 / sqrt(20_000)


def test_sparse_zeroes_the_same_share_of_each_column() -> None:
    values = floats(Init("sparse", {"sparsity": 0.31, "std": 2.0}), (50, 400))
    assert ((values == 0).sum(axis=0) == 16).all()
    assert against(normal(0, 2), values[values != 0]) < 1.95
    rows = (values == 0).sum(axis=1)
    assert (abs(rows - 128) < 6 * sqrt(400 * 0.32 * 0.68)).all()


@pytest.mark.parametrize("shape", [(6, 6), (9, 4), (4, 9), (4, 3, 5), (1, 7)])
def test_orthogonal_rows_or_columns_are(shape: tuple[int, ...]) -> None:
    matrix = floats(Init("orthogonal", {"gain": 3.0}), shape).reshape(shape[0], -1)
    short = matrix @ matrix.T if matrix.shape[0] <= matrix.shape[1] else matrix.T @ matrix
    assert np.allclose(short, 9 * np.eye(len(short)), atol=1e-5)


def test_orthogonal_matrices_are_spread_evenly() -> None:
    entries = np.array([floats(Init("orthogonal"), (2, 2), seed)[0] for seed in range(2000)])
    angles = np.arctan2(entries[:, 1], entries[:, 0])
    assert against(between(-np.pi, np.pi), angles) < 1.95


def test_what_has_no_randomness() -> None:
    assert (floats(Init("constant", {"val": -0.25}), (3, 2)) == -0.25).all()
    assert (floats(Init("eye"), (3, 5)) == np.eye(3, 5)).all()
    table = floats(Init("embedding", {"padding_idx": 1}), (3, 4))
    assert (table[1] == 0).all()
    assert (table[[0, 2]] != 0).all()


@pytest.mark.parametrize(("shape", "groups"), [((4, 4, 3), 1), ((6, 2, 3, 4), 2), ((2, 5, 1, 2, 3), 1)])
def test_a_dirac_convolution_gives_its_input_back(shape: tuple[int, ...], groups: int) -> None:
    kernel = floats(Init("dirac", {"groups": groups}), shape)
    middle = tuple(size // 2 for size in shape[2:])
    for out in range(shape[0]):
        within = out % (shape[0] // groups)
        for channel in range(shape[1]):
            assert kernel[(out, channel, *middle)] == (channel == within)
    assert kernel.sum() == groups * min(shape[0] // groups, shape[1])


def test_fans_and_gains() -> None:
    assert fans((8, 3)) == (3, 8)
    assert fans(SHAPE) == (FAN_IN, FAN_OUT)
    told = {
        name: gain(name, 0.1)
        for name in ("linear", "conv2d", "sigmoid", "tanh", "relu", "selu", "leaky_relu")
    }
    assert told == {
        **dict.fromkeys(("linear", "conv2d", "sigmoid"), 1.0),
        "tanh": 5 / 3,
        "relu": sqrt(2),
        "selu": 0.75,
        "leaky_relu": pytest.approx(sqrt(2 / 1.01)),
    }


# ---------------------------------------------------------------------------------------------- functions

inside = st.floats(2.0**-53, 1 - 2.0**-53)


@given(inside)
def test_inverse_of_the_normal_distribution_function(p: float) -> None:
    assert inverse_normal_cdf(np.array([p]))[0] == pytest.approx(
        NormalDist().inv_cdf(p), rel=1e-14, abs=1e-16
    )


@given(st.floats(min_value=5e-324, allow_infinity=False))
def test_logarithm(x: float) -> None:
    assert natural_log(np.array([x]))[0] == pytest.approx(log(x), rel=1e-15, abs=1e-17)


def test_the_unit_interval_is_open() -> None:
    class Extreme(Stream):
        def raw(self, count: int) -> npt.NDArray[np.uint64]:
            return np.array([0, 2**64 - 1], np.uint64)[:count]

    low, high = Extreme(0, "").open_unit(2)
    assert (low, high) == (2.0**-53, 1 - 2.0**-53)
    assert np.isfinite(Extreme(0, "").normal(2, 0, 1)).all()


# ---------------------------------------------------------------------------------------------- dtypes


def decoded(code: int, dtype: DType) -> float:
    """What a float of 8 bits is worth, by its definition and not by arithmetic that the library shares."""
    fraction, bias = {
        "float8_e5m2": (2, 15),
        "float8_e4m3fn": (3, 7),
        "float8_e5m2fnuz": (2, 16),
        "float8_e4m3fnuz": (3, 8),
    }[dtype.value]
    sign = -1.0 if code & 0x80 else 1.0
    exponent, rest = (code & 0x7F) >> fraction, code & ((1 << fraction) - 1)
    if dtype.value.endswith("fnuz") and code == 0x80:
        return float("nan")
    if dtype is DType.FLOAT8_E4M3FN and code & 0x7F == 0x7F:
        return float("nan")
    if dtype is DType.FLOAT8_E5M2 and exponent == 31:
        return float("nan") if rest else sign * float("inf")
    if exponent == 0:
        return sign * rest * 2.0 ** (1 - bias - fraction)
    return sign * (1 + rest / (1 << fraction)) * 2.0 ** (exponent - bias)


FLOAT8 = sorted((each for each in MAKEABLE if each.bits == 8 and each.kind is Kind.FLOAT), key=str)


@pytest.mark.parametrize("dtype", FLOAT8, ids=str)
def test_every_float_of_8_bits_is_kept_and_what_lies_between_rounded(dtype: DType) -> None:
    finite = sorted(
        (value, code) for code in range(256) if isfinite(value := decoded(code, dtype)) and code != 0x80
    )
    values = np.array([value for value, _ in finite])
    assert rounded(values, dtype).tolist() == [code for _, code in finite]
    for (low, low_code), (high, high_code) in pairwise(finite):
        even = low_code if low_code % 2 == 0 else high_code
        middle = (low + high) / 2
        expected = [low_code, even, high_code]
        points = np.array([np.nextafter(middle, low), middle, np.nextafter(middle, high)])
        signless = [code & 0x7F if code & 0x7F == 0 else code for code in rounded(points, dtype).tolist()]
        assert signless == expected
    largest = values[-1]
    for beyond in (largest * 1.5, -largest * 1.5, float("inf"), float("nan")):
        with pytest.raises(ValueError, match=f"can't be held by {dtype}"):
            rounded(np.array([beyond]), dtype)


@given(st.floats(-65504, 65504))
def test_float16_is_rounded_as_numpy_does(value: float) -> None:
    assert rounded(np.array([value]), DType.FLOAT16).tobytes() == np.array([value], "<f2").tobytes()


ALL_BFLOAT16 = (np.arange(0x7F80, dtype=np.uint32) << 16).view(np.float32).astype(np.float64).tolist()


@given(st.floats(0, ALL_BFLOAT16[-1]) | st.floats(0, 1e-37) | st.floats(0, 10))
def test_bfloat16_is_the_nearest(value: float) -> None:
    code = int(rounded(np.array([-value]), DType.BFLOAT16)[0]) - 0x8000
    above = min(bisect_left(ALL_BFLOAT16, value), len(ALL_BFLOAT16) - 1)
    below = max(above - 1, 0) if ALL_BFLOAT16[above] != value else above
    nearest = min((below, above), key=lambda each: (abs(ALL_BFLOAT16[each] - value), each % 2))
    assert code == nearest


@pytest.mark.parametrize("dtype", sorted(MAKEABLE, key=str), ids=str)
def test_every_dtype_holds_zeros_and_ones(dtype: DType) -> None:
    for name, expected in (("zeros", 0), ("ones", 1), ("eye", None)):
        data = initialise(Init(name), (3, 2), dtype, 0, "x")
        assert data.nbytes == 6 * dtype.bits // 8
        assert data.format == "B"
        width = dtype.bits // 8
        elements = [bytes(data[i : i + width]) for i in range(0, data.nbytes, width)]
        one = bytes(initialise(Init("constant", {"val": 1.0}), (1,), dtype, 0, "x"))
        wanted = [bytes(width), one]
        assert elements == [wanted[expected if expected is not None else i in (0, 3)] for i in range(6)]


def test_a_tensor_without_elements_has_no_bytes() -> None:
    for name in INITIALISERS:
        shape = {"dirac": (0, 2, 3), "embedding": (3, 0)}.get(name, (0, 2))
        assert initialise(usual(name), shape, F32, 0, "x").nbytes == 0


# ---------------------------------------------------------------------------------------------- refusals


@pytest.mark.parametrize(
    ("init", "shape", "dtype", "message"),
    [
        (Init("kaiming"), (2, 2), F32, "there is no initialiser 'kaiming', only constant, dirac"),
        (Init("normal", {"sd": 1.0}), (2,), F32, "normal has no argument 'sd'; its arguments: mean, std"),
        (Init("zeros", {"val": 1.0}), (2,), F32, "zeros has no argument 'val'; its arguments: none"),
        (Init("normal", {"std": -1.0}), (2,), F32, "std of normal must be a number of at least 0, not -1.0"),
        (Init("normal", {"mean": "0"}), (2,), F32, "mean of normal must be a number, not '0'"),
        (Init("constant"), (2,), F32, "constant needs val"),
        (Init("sparse"), (2, 2), F32, "sparse needs sparsity"),
        (Init("uniform", {"a": 2.0}), (2,), F32, "a of uniform is 2.0, not below its b, 1.0"),
        (Init("trunc_normal", {"a": 2.0}), (2,), F32, "a of trunc_normal is 2.0, not below its b, 2.0"),
        (Init("trunc_normal", {"std": 0.0}), (2,), F32, "std of trunc_normal must be more than 0"),
        (Init("eye"), (2, 2, 2), F32, r"eye is for tensors of 2 axes, not of the shape \[2, 2, 2\]"),
        (Init("dirac"), (2, 2), F32, r"dirac is for tensors of 3 or 4 or 5 axes, not of the shape \[2, 2\]"),
        (
            Init("dirac", {"groups": 2}),
            (3, 1, 1),
            F32,
            r"groups of dirac, 2, doesn't divide the first of \[3, 1, 1\]",
        ),
        (
            Init("sparse", {"sparsity": 0.5}),
            (2,),
            F32,
            r"sparse is for tensors of 2 axes, not of the shape \[2\]",
        ),
        (Init("xavier_normal"), (3,), F32, r"the shape \[3\] has no fan-in: it needs two axes at least"),
        (
            Init("orthogonal"),
            (3,),
            F32,
            r"orthogonal is for tensors of two axes or more, not of the shape \[3\]",
        ),
        (
            Init("embedding", {"padding_idx": 3}),
            (3, 2),
            F32,
            r"embedding is for a table with a row 3, not \[3, 2\]",
        ),
        (Init("normal"), (2,), DType.INT64, "normal gives real numbers, which a tensor of int64 can't hold"),
        (
            Init("uniform"),
            (2,),
            DType.COMPLEX64,
            "uniform gives real numbers, which a tensor of complex64 can't hold",
        ),
        (Init("zeros"), (2,), DType.FLOAT4_E2M1FN, "tensors of float4_e2m1fn can't be initialised"),
        (Init("constant", {"val": 0.5}), (2,), DType.INT8, "0.5 can't be held by int8"),
        (Init("constant", {"val": 300.0}), (2,), DType.INT8, "300 can't be held by int8"),
        (Init("constant", {"val": -1.0}), (2,), DType.UINT8, "-1 can't be held by uint8"),
        (Init("constant", {"val": 2.0}), (2,), DType.BOOL, "2 can't be held by bool"),
        (Init("constant", {"val": 1e39}), (2,), F32, r"1e\+39 can't be held by float32"),
        (Init("constant", {"val": 65520.0}), (2,), DType.FLOAT16, "65520 can't be held by float16"),
    ],
    ids=str,
)
def test_refusals(init: Init, shape: tuple[int, ...], dtype: DType, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        initialise(init, shape, dtype, 0, "x")


# ---------------------------------------------------------------------------------------------- the registry


def test_each_initialiser_is_done_and_each_argument_has_a_default_or_is_required() -> None:
    assert FILLS.keys() == INITIALISERS.keys()
    for name, known in INITIALISERS.items():
        for each in known:
            argument(usual(name), each)


def test_every_layer_says_how_its_tensors_begin() -> None:
    """And it can be done."""
    seen: set[str] = set()
    for layer_type in BUILTIN.values():
        for case in layer_type.examples:
            read = {key: layer_type.settings[key].kind.read(value) for key, value in case.settings.items()}
            for each in layer_type.instance(read).tensors():
                validate(each.init, each.shape, each.dtype)
                seen.add(each.init.name)
    assert seen >= {"zeros", "ones", "uniform", "normal", "embedding", "xavier_uniform", "kaiming_uniform"}
