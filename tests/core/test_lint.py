"""Each rule finds its bad example and lets its good one pass; sound networks of all kinds are left in peace."""

from inspect import cleandoc
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given

from modelpack import opened
from modelpack.api import check as check_file
from modelpack.checker import check, check_text
from modelpack.composing import compose
from modelpack.dtypes import DType
from modelpack.errors import CODES
from modelpack.lint import RULES, Budgets, Subject, lint
from modelpack.lint.comments import Comments
from modelpack.pack import TensorData, write_pack
from tests.cases.cases import VALID
from tests.cases.lint_cases import NETWORK, SAMPLES, examples, fences, found, tensor
from tests.strategies import networks

EXAMPLES = Path(__file__).parents[2] / "examples"


def codes(subject):
    return [problem.code for problem in lint(subject)]


def told(text, **more):
    """Each problem with its place, as `MP801 at 6:3`."""
    problems = lint(Subject(check_text(text, "net.yaml"), **more))
    return [f"{each.code} at {each.place.line}:{each.place.column}" for each in problems]


def network(layers, more="", shape="[batch, 8]", head=""):
    return f"modelpack: 1\nname: net\n{head}inputs:\n  x: {{dtype: float32, shape: {shape}}}\nlayers:\n{layers}{more}"


# ------------------------------------------------------------------------------------- the pages' examples


@pytest.mark.parametrize(("code", "language", "text"), examples("bad"), ids=lambda each: each[:20])
def test_a_rule_finds_its_bad_example_and_nothing_else(code, language, text, tmp_path):
    assert [each.code for each in found(code, language, text, tmp_path)] == [code]


@pytest.mark.parametrize(("code", "language", "text"), examples("good"), ids=lambda each: each[:20])
def test_a_rule_lets_its_good_example_pass(code, language, text, tmp_path):
    assert found(code, language, text, tmp_path) == []


def test_every_rule_has_a_page():
    for code, rule in RULES.items():
        page = cleandoc(rule.find.__doc__)
        assert "*Way out:*" in page
        assert {verdict for _, verdict, _ in fences(code)} >= {"bad", "good"}
        assert code in CODES
    assert {code for code in CODES if code.startswith("MP8")} == RULES.keys()


# ------------------------------------------------------------------------------------------ what stays quiet


QUIET = [*VALID.glob("*.yaml"), *EXAMPLES.glob("*/*.yaml")]


@pytest.mark.parametrize("path", QUIET, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_examples_and_valid_cases_are_left_in_peace(path):
    if "imports:" in path.read_text() and path.parent != VALID:
        pytest.skip("imports packs that the example makes first")
    expected = (
        ["MP805"] if path.parent.name == "gpt2" else []
    )  # attention of transformers takes what it doesn't use
    if "imports:" in path.read_text():
        with compose(path) as composed:
            assert codes(Subject(composed.linked.network, written=composed.architecture)) == expected
    else:
        assert codes(Subject(check_file(path))) == expected


@given(networks())
def test_no_rule_fails_on_a_network_of_any_layers(architecture):
    sound = check(architecture)
    limits = Budgets(max_parameters=0, max_flops=0, max_memory=0)
    assert {problem.code for problem in lint(Subject(sound, budgets=limits))} <= RULES.keys()


def test_problems_come_in_order_of_place():
    layers = "  a: {Dropout: {p: 0}}\n  b: {ReLU: {}, inputs: [x]}\n  c: {ReLU: {}, inputs: [x]}\n"
    assert told(network(layers)) == ["MP811 at 6:3", "MP822 at 6:17", "MP811 at 7:3"]


# ------------------------------------------------------------------------------------------------- unused

BLOCK = """blocks:
  A:
    arguments: {n: int, unused: {type: int, default: 3}}
    inputs: {x: {}, y: {}}
    layers:
      fc: {Linear: {in_features: 8, out_features: $n}, inputs: [x]}
  B:
    inputs: {x: {}}
    layers:
      a: {use: A, with: {n: 2}, inputs: [x, x]}
"""


def test_each_is_told_at_its_own_name():
    used = network("  b: {use: B}\n", head=BLOCK)
    assert told(used) == ["MP802 at 5:25", "MP805 at 6:21"]


USED = {
    "in a setting": "layers: {fc: {Linear: {in_features: 8, out_features: $n}}}",
    "in a shape of an input": "inputs: {x: {shape: [batch, $n]}}\n    layers: {act: {ReLU: {}}}",
    "in a shape of a tensor": "parameters: {w: {shape: [$n]}}\n    layers: {sum: {add: {}, inputs: [x, w]}}",
    "passed on": "layers: {inner: {use: Inner, with: {m: 2 * $n}}}",
    "a count": "layers: {act: {ReLU: {}, repeat: $n}}",
    "in one mode": "layers: {drop: {Dropout: {p: {train: $n, eval: 0.0}}}}",
}


@pytest.mark.parametrize("body", USED.values(), ids=list(USED))
def test_an_argument_may_be_used_anywhere(body):
    inputs = "" if "inputs: {x" in body else "inputs: {x: {}}\n    "
    kind, value = ("float", 0.5) if "Dropout" in body else ("int", 8)
    inner = "  Inner: {arguments: {m: int}, inputs: {x: {}}, layers: {fc: {Linear: {in_features: 8, out_features: $m}}}}\n"
    head = (
        f"blocks:\n  A:\n    arguments: {{n: {kind}}}\n    {inputs}{body}\n{inner if 'Inner' in body else ''}"
    )
    assert told(network(f"  a: {{use: A, with: {{n: {value}}}}}\n", head=head)) == []


def test_of_what_nobody_uses_nothing_else_is_told():
    """What only an unused block uses is used by it."""
    unused = network("  act: {ReLU: {}}\n", head=BLOCK)
    assert told(unused) == ["MP801 at 9:3"]


DROPOUT = "  a: {Dropout: {p: 0}}"
COMMENTS = {
    "what is told": (f"{DROPOUT}  # modelpack: ignore[MP822]\n", []),
    "all that begins so": (f"{DROPOUT}  # modelpack: ignore[MP8]\n", []),
    "another code": (f"{DROPOUT}  # modelpack: ignore[MP821]\n", ["MP806 at 6:45"]),
    "one of two": (f"{DROPOUT}  # modelpack: ignore[MP303, MP822]\n", ["MP806 at 6:45"]),
    "the line before": (f"  # modelpack: ignore[MP822]\n{DROPOUT}\n", ["MP806 at 6:23"]),
    "nothing at all": ("  a: {ReLU: {}}  # modelpack: ignore[MP8]\n", ["MP806 at 6:38"]),
    "nothing, and meant so": ("  a: {ReLU: {}}  # modelpack: ignore[MP806]\n", []),
}


@pytest.mark.parametrize(("layers", "idle"), COMMENTS.values(), ids=list(COMMENTS))
def test_a_comment_that_silences_nothing(layers, idle):
    text = network(layers)
    said = told(text, comments=Comments(text.encode()))
    assert [each for each in said if "MP822" not in each] == idle


def test_a_comment_is_judged_by_what_was_looked_for():
    """Without budgets none can be broken; and of very many problems of a kind some aren't told."""
    over = network("  a: {ReLU: {}}\n").replace("modelpack: 1", "modelpack: 1  # modelpack: ignore[MP831]")
    comments = Comments(over.encode())
    assert told(over, comments=comments) == []
    held = Budgets(max_parameters=1, max_flops=10**9, max_memory=10**9)
    assert told(over, comments=comments, budgets=held) == ["MP806 at 1:35"]
    many = network(
        "".join(f"  a{n}: {{Dropout: {{p: 0}}}}  # modelpack: ignore[MP822]\n" for n in range(105))
    )
    assert set(codes(Subject(check_text(many), comments=Comments(many.encode())))) == {"MP822"}


def test_an_input_that_tells_a_size_is_used():
    text = network("  r: {reshape: {shape: [length, -1]}, inputs: [x]}\n", shape="[batch, 8]").replace(
        "layers:", "  y: {dtype: float32, shape: [length]}\nlayers:"
    )
    assert told(text) == []
    assert told(text.replace("[length, -1]", "[batch, -1]")) == ["MP804 at 5:3"]


# --------------------------------------------------------------------------------------------------- flow

LINEAR = "{Linear: {in_features: 8, out_features: 8}}"

FLOW = {
    "a chain tells its last": (
        f"  a: {LINEAR}\n  b: {{ReLU: {{}}, inputs: [x]}}\n  c: {{ReLU: {{}}}}\n  d: {{ReLU: {{}}, inputs: [a]}}\n",
        ["MP811 at 8:3"],
    ),
    "what another calls": (f"  a: {LINEAR}\n  b: {{call: a, inputs: [x]}}\n", []),
    "a call for nothing": (
        f"  a: {LINEAR}\n  b: {{call: a}}\n  c: {{ReLU: {{}}, inputs: [a]}}\n",
        ["MP811 at 7:3"],
    ),
    "statistics": ("  a: {BatchNorm1d: {num_features: 8}}\n  b: {ReLU: {}, inputs: [x]}\n", []),
    "statistics by a call": (
        "  a: {BatchNorm1d: {num_features: 8}}\n  b: {call: a}\n  c: {ReLU: {}, inputs: [x]}\n",
        [],
    ),
    "in place": ("  a: {ReLU: {inplace: true}}\n  b: {Tanh: {}, inputs: [x]}\n", []),
    "one port of several": (
        "  a: {LSTM: {input_size: 8, hidden_size: 8}}\n  b: {ReLU: {}, inputs: [a.h_n]}\n",
        [],
    ),
    "one copy of several": (f"  a: {{{LINEAR[1:-1]}, repeat: 2}}\n  b: {{ReLU: {{}}, inputs: [a.0]}}\n", []),
    "behind the output": (f"  a: {LINEAR}\n  b: {{ReLU: {{}}}}\noutputs: a\n", ["MP812 at 7:3"]),
    "only inputs are given back": (f"  a: {LINEAR}\noutputs: x\n", ["MP811 at 6:3"]),
}


@pytest.mark.parametrize(("layers", "expected"), FLOW.values(), ids=list(FLOW))
def test_layers_that_run_for_nothing(layers, expected):
    assert told(network(layers)) == expected


def test_a_block_that_assigns_runs_for_something():
    counting = """blocks:
  Count:
    inputs: {x: {}}
    buffers: {steps: {shape: [], dtype: int64, init: zeros}}
    layers:
      more: {add: {other: 1}, inputs: [steps]}
      counted: {assign: {}, inputs: [steps, more]}
    outputs: x
"""
    assert told(network("  c: {use: Count}\n  d: {ReLU: {}, inputs: [x]}\n", head=counting)) == []


# --------------------------------------------------------------------------------------------- dimensions

REQUIRED = {
    "equal": (["batch == 4"], "MP813"),
    "a factor": (["2 * batch == 8"], "MP813"),
    "no whole number": (["2 * batch == 7"], "MP814"),
    "two bounds": (["batch >= 4", "batch < 5"], "MP813"),
    "turned round": (["4 <= batch", "5 > batch"], "MP813"),
    "negative": (["8 - batch > 3", "3 * batch > 11"], "MP813"),
    "at most 1": (["batch <= 1"], "MP813"),
    "nothing left": (["batch > 8", "batch < 9"], "MP814"),
    "rounded": (["2 * batch >= 7", "batch < 5"], "MP813"),
    "two values": (["batch > 8", "batch < 11"], None),
    "one of many": (["batch % 4 == 0"], None),
    "of two": (["batch == length"], None),
    "not": (["batch != 4"], None),
    "a square": (["batch * batch == 4"], None),
    "a quotient": (["batch // 4 == 1"], None),
}


@pytest.mark.parametrize(("requires", "expected"), REQUIRED.values(), ids=list(REQUIRED))
def test_what_is_required_of_a_dimension(requires, expected):
    head = f"requires: [{', '.join(map(repr, requires))}]\n"
    text = network("  act: {ReLU: {}}\n", shape="[batch, length, 8]", head=head)
    assert codes(Subject(check_text(text))) == ([] if expected is None else [expected])


# -------------------------------------------------------------------------------------------------- style

CONV = "{Conv1d: {in_channels: 8, out_channels: 8, kernel_size: 1}}"
NORM = "{BatchNorm1d: {num_features: 8}}"

BIASES = {
    "another takes it too": (f"  a: {CONV}\n  b: {NORM}\n  c: {{add: {{}}, inputs: [a, b]}}\n", 0),
    "it is an output": (f"  a: {CONV}\n  b: {NORM}\noutputs: [a, b]\n", 0),
    "it is called": (f"  a: {CONV}\n  b: {NORM}\n  c: {{call: a}}\n", 0),
    "something between": (f"  a: {CONV}\n  b: {{ReLU: {{}}}}\n  c: {NORM}\n", 0),
    "a frozen normalisation": (f"  a: {CONV}\n  b: {{{NORM[1:-1]}, frozen: true}}\n", 0),
    "Linear over another axis": (f"  a: {LINEAR}\n  b: {NORM}\n", 0),
    "a convolution": (f"  a: {CONV}\n  b: {NORM}\n", 1),
    "for evaluation only": (f"  a: {CONV}\n  b: {NORM}\nmodes: [eval]\n", 0),
}


@pytest.mark.parametrize(("layers", "count"), BIASES.values(), ids=list(BIASES))
def test_a_bias_that_a_normalisation_takes_away(layers, count):
    assert codes(Subject(check_text(network(layers, shape="[batch, 8, 8]")))) == ["MP821"] * count


def test_linear_before_a_normalisation_of_its_own_axis():
    assert told(network(f"  a: {LINEAR}\n  b: {NORM}\n")) == ["MP821 at 6:3"]
    explicit = LINEAR.replace("8}}", "8, bias: true}}")
    assert told(network(f"  a: {explicit}\n  b: {NORM}\n")) == ["MP821 at 6:49"]


def test_a_probability_that_the_caller_says_is_no_slip():
    block = "blocks:\n  A:\n    arguments: {p: float}\n    inputs: {x: {}}\n    layers:\n      d: {Dropout: {p: $p}}\n"
    assert told(network("  a: {use: A, with: {p: 0.0}}\n", head=block)) == []
    assert told(network("  a: {Dropout: {p: 0}}\n")) == ["MP822 at 6:17"]


# ----------------------------------------------------------------------------------------------- training

ATTENTION = "{MultiheadAttention: {embed_dim: 8, num_heads: 1, bias: false, dropout: 0.1}, inputs: [x, x, x]"
FROZEN = {
    "one is trained": ("  a: {BatchNorm1d: {num_features: 8}, frozen: [weight]}\n", 0),
    "no statistics": (f"  a: {{{LINEAR[1:-1]}, frozen: [weight, bias]}}\n", 0),
    "dropout within": (f"  a: {ATTENTION}, frozen: [in_proj_weight, out_proj.weight]}}\n", 1),
    "frozen as a whole": (f"  a: {ATTENTION}, frozen: true}}\n", 0),
    "repeated": ("  a: {BatchNorm1d: {num_features: 8}, repeat: 2, frozen: [weight, bias]}\n", 1),
}


@pytest.mark.parametrize(("layers", "count"), FROZEN.values(), ids=list(FROZEN))
def test_what_is_frozen_by_name(layers, count):
    assert codes(Subject(check_text(network(layers)))) == ["MP823"] * count


def test_a_block_that_is_frozen_by_name_and_drops():
    block = f"blocks:\n  A:\n    inputs: {{x: {{}}}}\n    layers:\n      fc: {LINEAR}\n      d: {{Dropout: {{}}}}\n"
    frozen = network("  a: {use: A, frozen: [fc.weight, fc.bias]}\n", head=block)
    (problem,) = lint(Subject(check_text(frozen)))
    assert problem.message == "all its parameters are frozen, but 'd' in it isn't: it drops in training"
    assert (problem.place.line, problem.place.column) == (12, 15)
    assert told(network("  a: {use: A, frozen: [fc.weight]}\n", head=block)) == []
    inside = block.replace("Dropout: {}", "Dropout: {}, frozen: true")
    assert told(network("  a: {use: A, frozen: [fc.weight, fc.bias]}\n", head=inside)) == []


# ------------------------------------------------------------------------------------------------ budgets


def test_a_budget_is_held_at_the_sizes_that_the_settings_say():
    """16 rows of 8 to 8: 2 * 16 * 64 operations, 16 * 8 * 4 bytes."""
    text = network(f"  a: {LINEAR}\n")
    sizes = {"batch": 16, "height": 7}
    assert told(text, budgets=Budgets(72, 2048, 512, sizes)) == []
    over = lint(Subject(check_text(text), budgets=Budgets(71, 2047, 511, sizes)))
    assert [problem.message for problem in over] == [
        "72 parameters are more than max-parameters, 71",
        "2,048 operations are more than max-flops, 2,047 (at batch=16)",
        "512 bytes of activations are more than max-memory, 511 (at batch=16)",
    ]


def test_a_budget_at_sizes_that_the_network_refuses():
    text = network("  act: {ReLU: {}}\n", head="requires: ['batch > 8']\n")
    (problem,) = lint(Subject(check_text(text), budgets=Budgets(max_flops=10**9, sizes={"batch": 8})))
    assert (
        problem.message == "the budget can't be held against it: the network requires batch > 8, but batch=8"
    )
    assert codes(Subject(check_text(text), budgets=Budgets(max_flops=10**9))) == []


# -------------------------------------------------------------------------------------------------- packs


def in_pack(folder, change=None, values=False, **more):
    """What lint finds in a pack of `NETWORK`, after `change` was made to its folder."""
    told = {
        "architecture": NETWORK.encode(),
        "weights": [tensor("fc.weight", np.ones((2, 3), np.float32))],
        "samples": SAMPLES,
        "licence": "MIT",
    }
    write_pack(folder / "net", **(told | more))
    if change:
        change(folder / "net")
    with opened.open(folder / "net") as pack:
        return lint(Subject(pack.network, pack, values=values))


def test_a_pack_without_weights_needs_no_samples(tmp_path):
    assert in_pack(tmp_path, weights=None, samples=None) == []


def append_comment(folder):
    path = folder / "architecture.yaml"
    path.write_bytes(path.read_bytes().replace(b"name: net", b"name: not"))


def lengthen(folder):
    path = folder / "architecture.yaml"
    path.write_bytes(path.read_bytes() + b"# more\n")


def change_weights(folder):
    path = folder / "weights.safetensors"
    path.write_bytes(path.read_bytes()[:-4] + b"\0\0\0\0")


def test_the_digest_of_the_text_is_always_compared(tmp_path):
    (problem,) = in_pack(tmp_path, append_comment)
    assert (problem.code, problem.path) == ("MP564", "architecture.yaml")


def test_a_file_of_another_size(tmp_path):
    (problem,) = in_pack(tmp_path, lengthen)
    assert (problem.code, problem.path) == ("MP564", "architecture.yaml")
    assert "bytes, the manifest says" in problem.message


def test_those_of_weights_only_where_values_are_read(tmp_path):
    assert in_pack(tmp_path, change_weights) == []
    found = in_pack(tmp_path, change_weights, values=True)
    assert {problem.code for problem in found} == {"MP564"}


def test_tensors_that_the_manifest_does_not_have(tmp_path):
    def rename(folder):
        path = folder / "manifest.json"
        path.write_text(path.read_text().replace('"fc.weight"', '"fc.wight"'))

    found = in_pack(tmp_path, rename)
    assert {problem.code for problem in found} == {"MP509"}
    assert [problem.path for problem in found] == [
        "weights.safetensors: 'fc.weight'",
        "weights.safetensors: 'fc.wight'",
    ]


WRONG_SAMPLES = {
    "an output of another size": (
        {"output.0": (4, 2)},
        "samples: output.0: is float32[4, 2], the network has float32[batch, 2]",
    ),
    "an input of another size": (
        {"input.0": (5, 4)},
        "samples: input.0: is float32[5, 4], the network has float32[batch, 3]",
    ),
    "too many axes": (
        {"output.0": (5, 2, 1)},
        "samples: output.0: is float32[5, 2, 1], the network has float32[batch, 2]",
    ),
    "one too many": ({"input.1": (5,)}, "samples: input.1: the network has no such input or output"),
    "one too few": ({"output.0": None}, "samples: output.0: the samples lack it"),
}


@pytest.mark.parametrize(("changes", "expected"), WRONG_SAMPLES.values(), ids=list(WRONG_SAMPLES))
def test_samples_that_do_not_fit(changes, expected, tmp_path):
    shapes = {"input.0": (5, 3), "output.0": (5, 2)} | changes
    samples = [tensor(name, np.ones(shape, np.float32)) for name, shape in shapes.items() if shape]
    (problem,) = in_pack(tmp_path, samples=samples)
    assert str(problem) == f"MP730 {expected}"


NUMBERS = {
    DType.FLOAT16: (0x7C01, 0xFC00, 0x7BFF),
    DType.BFLOAT16: (0x7F81, 0xFF80, 0x7F7F),
    DType.FLOAT32: (0x7F80_0001, 0xFF80_0000, 0x7F7F_FFFF),
    DType.FLOAT64: (0x7FF8 << 48, 0xFFF0 << 48, (0x7FF0 << 48) - 1),
    DType.FLOAT8_E5M2: (0x7D, 0xFC, 0x7B),
    DType.FLOAT8_E4M3FN: (0xFF, None, 0x7E),
    DType.FLOAT8_E5M2FNUZ: (0x80, None, 0xFF),
    DType.FLOAT8_E4M3FNUZ: (0x80, None, 0xFF),
    DType.FLOAT8_E8M0FNU: (0xFF, None, 0xFE),
}
"""NaN, an infinity if there is one, and the largest number, as bits."""


@pytest.mark.parametrize("dtype", NUMBERS, ids=str)
def test_values_that_are_no_numbers(dtype, tmp_path):
    """A buffer may hold infinities, and of either values are read only where that is asked for."""
    nan, infinity, largest = (
        b"" if bits is None else bits.to_bytes(dtype.bits // 8, "little") for bits in NUMBERS[dtype]
    )
    values = {"finite": 3 * largest, "nan": largest + nan + nan, "infinite": largest + infinity + infinity}
    for kind in ("parameters", "buffers"):
        tensors = "".join(
            f"  {name}: {{shape: [3], dtype: {dtype}}}\n" for name in values if infinity or name != "infinite"
        )
        weights = [
            TensorData(name, dtype, (3,), data)
            for name, data in values.items()
            if len(data) == 3 * dtype.bits // 8
        ]
        text = network("  act: {ReLU: {}}\n", head=f"{kind}:\n{tensors}").encode()
        (tmp_path / kind).mkdir()
        more = {"architecture": text, "weights": weights, "samples": None}
        found = in_pack(tmp_path / kind, values=True, **more)
        said = [f"{each.path}: {each.message}" for each in found if each.code == "MP843"]
        assert said[:1] == ["nan: 2 NaN of its values"]
        assert said[1:] == (
            ["infinite: 2 infinite of its values"] if infinity and kind == "parameters" else []
        )
        assert "MP843" not in [each.code for each in in_pack(tmp_path / kind, **more)]


# ----------------------------------------------------------------------------------------------- attacks


def test_many_problems_of_a_kind_end_at_a_hundred():
    layers = "".join(f"  l{at}: {{ReLU: {{}}, inputs: [x]}}\n" for at in range(1000))
    assert len(told(network(layers))) == 100


def test_parts_of_other_packs_are_judged_where_they_were_written(tmp_path):
    part = network(f"  a: {CONV}\n  n: {NORM}\n  d: {{Dropout: {{p: 0}}}}\n", shape="[batch, 8, 8]")
    write_pack(tmp_path / "part", architecture=part.encode())
    uses = {"whole": "  a: {use: part}\n", "a layer": "  a: {use: part, take: d}\n"}
    for at, layers in enumerate(uses.values()):
        path = tmp_path / f"net{at}.yaml"
        path.write_text(network(layers, shape="[batch, 8, 8]", head="imports: {part: {pack: part}}\n"))
        with compose(path) as composed:
            assert codes(Subject(composed.linked.network, written=composed.architecture)) == []
