"""What a network takes at given sizes, against numbers worked out by hand."""

from pathlib import Path

import pytest

from modelpack.api import check
from modelpack.checker import check_text
from modelpack.costs import costs, free_dimensions
from modelpack.errors import BuildError
from modelpack.layers import BUILTIN
from modelpack.reference import example_architecture
from modelpack.writer import write

EXAMPLES = Path(__file__).parents[2] / "examples"


def network(layers, inputs="x: {dtype: float32, shape: [batch, 3, 8, 8]}", more=""):
    return check_text(f"modelpack: 1\nname: n\n{more}inputs:\n  {inputs}\nlayers:\n{layers}")


def test_lenet_by_hand():
    """Convolutions: 2 * kernel * channels in * channels out * positions; Linear: 2 * in * out."""
    found = costs(check(EXAMPLES / "lenet" / "architecture.yaml"), {"batch": 3})
    rows = {row.name: row for row in found.rows()}
    flops = {row.name: row.own.flops for row in found.rows() if row.kind in ("Conv2d", "Linear")}
    assert list(flops.values()) == [
        3 * 2 * 25 * 1 * 6 * 28 * 28,
        3 * 2 * 25 * 6 * 16 * 10 * 10,
        3 * 2 * 400 * 120,
        3 * 2 * 120 * 84,
        3 * 2 * 84 * 10,
    ]
    assert found.total.parameters == 61_706
    assert found.total.flops == sum(row.own.flops for row in rows.values())
    first = next(iter(rows.values()))
    assert first.own.activation_bytes == 3 * 6 * 28 * 28 * 4
    assert first.own.parameters == 6 * 25 + 6


# One line for each product: a layer, its inputs, and the multiply-adds that it takes at batch=2, length=5.
PRODUCTS = {
    "Linear": ("{Linear: {in_features: 4, out_features: 7}}", ["batch, length, 4"], 2 * 5 * 4 * 7),
    "Bilinear": (
        "{Bilinear: {in1_features: 4, in2_features: 3, out_features: 7}}",
        ["batch, 4", "batch, 3"],
        2 * 4 * 3 * 7,
    ),
    "grouped convolution": (
        "{Conv1d: {in_channels: 4, out_channels: 6, kernel_size: 3, padding: 1, groups: 2}}",
        ["batch, 4, length"],
        2 * 5 * 6 * 2 * 3,
    ),
    "transposed convolution": (
        "{ConvTranspose1d: {in_channels: 4, out_channels: 6, kernel_size: 3, stride: 2}}",
        ["batch, 4, length"],
        2 * 5 * 4 * 6 * 3,
    ),
    "matmul": ("{matmul: {}}", ["batch, 2, 3, 4", "4, 5"], 2 * 2 * 3 * 4 * 5),
    "addmm": ("{addmm: {}}", ["7", "batch, 4", "4, 7"], 2 * 4 * 7),
    "addbmm": ("{addbmm: {}}", ["7", "batch, 3, 4", "batch, 4, 7"], 2 * 3 * 4 * 7),
    "linear": ("{linear: {}}", ["batch, length, 4", "7, 4", "7"], 2 * 5 * 4 * 7),
    "conv1d": ("{conv1d: {}}", ["batch, 4, length", "6, 4, 3"], 2 * 3 * 6 * 4 * 3),
    "conv_transpose1d": ("{conv_transpose1d: {}}", ["batch, 4, length", "4, 6, 3"], 2 * 5 * 4 * 6 * 3),
    "conv_tbc": ("{conv_tbc: {}}", ["length, batch, 4", "3, 4, 6", "6"], 3 * 2 * 3 * 4 * 6),
    "tensordot": (
        "{tensordot: {dims_self: [1, 2], dims_other: [1, 0]}}",
        ["batch, 3, 4", "4, 3, 5"],
        2 * 3 * 4 * 5,
    ),
    "chain": ("{linalg_multi_dot: {}}", ["batch, 3", "3, 4", "4, 5"], 2 * 3 * 4 + 2 * 4 * 5),
    "inner": ("{inner: {}}", ["batch, 3", "4, 3"], 2 * 4 * 3),
    "einsum of two": ("{einsum: {equation: 'bij,bjk->bik'}}", ["batch, 3, 4", "batch, 4, 5"], 2 * 3 * 4 * 5),
    "einsum with dots": (
        "{einsum: {equation: '...d,de->...e'}}",
        ["batch, length, 4", "4, 7"],
        2 * 5 * 4 * 7,
    ),
    "einsum of three": (
        "{einsum: {equation: 'ai,ij,jb->ab'}}",
        ["batch, 3", "3, 4", "4, 5"],
        2 * 3 * 4 + 2 * 4 * 5,
    ),
    "attention": (
        "{scaled_dot_product_attention: {}}",
        ["batch, 2, length, 8", "batch, 2, 6, 8", "batch, 2, 6, 4"],
        2 * 2 * 5 * 6 * (8 + 4),
    ),
    # Four projections of 8 to 8, at 5 places each, then scores and sums.
    "MultiheadAttention": (
        "{MultiheadAttention: {embed_dim: 8, num_heads: 2, batch_first: true}}",
        ["batch, length, 8"] * 3,
        4 * (2 * 5) * 8 * 8 + 2 * (2 * 5 * 5 * 8),
    ),
    "MultiheadAttention with other lengths": (
        "{MultiheadAttention: {embed_dim: 8, num_heads: 2, kdim: 3, vdim: 4, add_bias_kv: true}}",
        ["length, batch, 8", "6, batch, 3", "6, batch, 4"],
        2 * (2 * 5 * 8 * 8) + 2 * 6 * (3 + 4) * 8 + 2 * (2 * 5 * 7 * 8),
    ),
    "encoder layer": (
        "{TransformerEncoderLayer: {d_model: 8, nhead: 2, dim_feedforward: 16, batch_first: true}}",
        ["batch, length, 8"],
        4 * (2 * 5) * 8 * 8 + 2 * (2 * 5 * 5 * 8) + 2 * (2 * 5 * 8 * 16),
    ),
    # Two layers: attention to itself, attention to 6 places of memory, two Linears.
    "decoder": (
        "{TransformerDecoder: {d_model: 8, nhead: 2, dim_feedforward: 16, batch_first: true, num_layers: 2}}",
        ["batch, length, 8", "batch, 6, 8"],
        2
        * (
            4 * (2 * 5) * 64
            + 2 * (2 * 5 * 5 * 8)
            + (2 * 2 * 5 + 2 * 2 * 6) * 64
            + 2 * (2 * 5 * 6 * 8)
            + 2 * (2 * 5 * 8 * 16)
        ),
    ),
    "LSTM in both directions": (
        "{LSTM: {input_size: 3, hidden_size: 4, num_layers: 2, bidirectional: true, batch_first: true}}",
        ["batch, length, 3"],
        2 * 5 * 2 * (16 * (3 + 4) + 16 * (8 + 4)),
    ),
    "GRUCell": ("{GRUCell: {input_size: 3, hidden_size: 4}}", ["batch, 3"], 2 * 12 * (3 + 4)),
    "gru_cell": (
        "{gru_cell: {}}",
        ["batch, 3", "batch, 4", "12, 3", "12, 4"],
        2 * 12 * (3 + 4),
    ),
}


SIZES = {"batch": 2, "length": 5}


def product(layer, shapes):
    """A network of one layer, given by its text, on inputs of these shapes."""
    inputs = "\n  ".join(f"x{at}: {{dtype: float32, shape: [{shape}]}}" for at, shape in enumerate(shapes))
    names = ", ".join(f"x{at}" for at in range(len(shapes)))
    return network(f"  y: {layer[:-1]}, inputs: [{names}]}}\n", inputs)


@pytest.mark.parametrize(("layer", "shapes", "multiplications"), PRODUCTS.values(), ids=list(PRODUCTS))
def test_a_product_counts_two_for_each_multiply_add(layer, shapes, multiplications):
    subject = product(layer, shapes)
    sizes = {name: SIZES[name] for name in free_dimensions(subject)}
    assert costs(subject, sizes).total.flops == 2 * multiplications


def test_what_is_no_product_counts_its_elements_and_a_view_nothing():
    found = costs(
        network("  a: {ReLU: {}}\n  b: {Flatten: {}}\n  c: {ReLU: {inplace: true}}\n"), {"batch": 2}
    )
    elements = 2 * 3 * 8 * 8
    assert [row.own.flops for row in found.rows()] == [elements, 0, elements]
    assert [row.own.activation_bytes for row in found.rows()] == [4 * elements, 0, 0]


def test_dropout_costs_in_training_only():
    dropped = network("  a: {Dropout: {}}\n  b: {dropout: {p: 0.5, train: {train: true, eval: false}}}\n")
    assert costs(dropped, {"batch": 2}).total.flops == 0
    assert costs(dropped, {"batch": 2}, mode="train").total.flops == 2 * 2 * 3 * 8 * 8


def test_a_layer_of_the_other_mode_costs_nothing_but_has_its_parameters():
    subject = network(
        "  t: {Conv2d: {in_channels: 3, out_channels: 3, kernel_size: 1}, when: train}\n"
        "  y: {by_mode: {}, inputs: {train: t, eval: x}}\n"
    )
    assert costs(subject).total.flops == 0
    assert costs(subject, mode="train").total.flops == 2 * 3 * 3 * 64
    assert costs(subject).total.parameters == 12


def test_a_call_costs_once_more_but_has_no_parameters():
    layer = "{Linear: {in_features: 8, out_features: 8, bias: false}}"
    found = costs(network(f"  a: {layer}\n  b: {{call: a}}\n"))
    assert [row.own.flops for row in found.rows()] == [2 * 24 * 64] * 2
    assert [row.own.parameters for row in found.rows()] == [64, 0]


BLOCKS = """blocks:
  Inner:
    inputs: {x: {}}
    layers:
      a: {Linear: {in_features: 8, out_features: 8}}
      b: {Linear: {in_features: 8, out_features: 8}}
  Outer:
    inputs: {x: {}}
    parameters: {scale: {shape: [8]}}
    layers:
      inner: {use: Inner, repeat: 3}
      scaled: {mul: {}, inputs: [inner, scale]}
"""


def test_a_block_is_the_sum_of_what_is_in_it():
    found = costs(network("  outer: {use: Outer, repeat: 2}\n", more=BLOCKS))
    rows = {row.name: row for row in found.rows()}
    linear = rows["outer.0.inner.0.a"].own
    assert linear.parameters == 72
    assert rows["outer.1.inner.2"].total == linear + linear
    assert rows["outer.1.inner.2"].own.flops == 0
    assert rows["outer.0"].own.parameters == 8
    assert rows["outer.0"].total.parameters == 8 + 6 * 72
    assert rows["outer.0.scaled"].depth == 1
    totals = [rows["outer.0"].total, rows["outer.1"].total]
    assert found.total == totals[0] + totals[1]


def test_equal_uses_are_counted_once(monkeypatch):
    """200,000 steps take no longer than the two that they are."""
    counted = []
    monkeypatch.setattr("modelpack.costs.flops", lambda layer, *_, **__: counted.append(layer) or 1)
    found = costs(network("  outer: {use: Outer, repeat: 7000}\n", more=BLOCKS))
    assert found.total.flops == 7000 * 7
    assert len(counted) == 3


def test_tied_parameters_count_once():
    linear = "{Linear: {in_features: 8, out_features: 8, bias: false}}"
    text = f"  a: {linear}\n  b: {linear}\ntied: [[a.weight, b.weight]]\n"
    assert costs(network(text)).total.parameters == 64


def test_rows_have_the_sizes_asked_for():
    found = costs(
        network("  a: {LSTM: {input_size: 8, hidden_size: 4}}\n", "x: {dtype: float32, shape: [length, 8]}"),
        {"length": 6},
    )
    (row,) = found.rows()
    assert {port: str(spec) for port, spec in row.outputs.items()} == {
        "output": "float32[6, 4]",
        "h_n": "float32[1, 4]",
        "c_n": "float32[1, 4]",
    }


WRONG = {
    "an unknown name": ({"bach": 2}, "MP220", "did you mean 'batch'"),
    "no size": ({"batch": 0}, "MP702", "positive integer, not 0"),
    "a truth value": ({"batch": True}, "MP702", "positive integer, not True"),
    "a broken requirement": ({"height": 30}, "MP702", "requires height % 32 == 0, but height=30"),
    "no result": ({"width": 2}, "MP702", "at width=2 it has no result: width - 4 would be -2"),
}


@pytest.mark.parametrize(("sizes", "code", "told"), WRONG.values(), ids=list(WRONG))
def test_sizes_that_cannot_be(sizes, code, told):
    with pytest.raises(BuildError) as caught:
        costs(sized(), sizes)
    assert [problem.code for problem in caught.value.problems] == [code]
    assert told in str(caught.value)


def sized():
    pool = "{MaxPool2d: {kernel_size: 5, stride: 1}}"
    return network(
        f"  a: {pool}\n",
        "x: {dtype: float32, shape: [batch, 3, height, width]}",
        "requires: ['height % 32 == 0']\n",
    )


def test_sizes_that_nobody_gave_are_the_smallest_that_work():
    assert costs(network("  a: {ReLU: {}}\n")).sizes == {"batch": 1}
    assert costs(sized(), {"batch": 1, "width": 7}).sizes == {"batch": 1, "height": 32, "width": 7}
    assert costs(sized()).sizes["width"] >= 5
    patches = network("  a: {ReLU: {}}\n", more="requires: ['batch % 14 == 0']\n")
    assert costs(patches).sizes == {"batch": 14}


@pytest.mark.parametrize("kind", BUILTIN.values(), ids=list(BUILTIN))
def test_every_type_has_a_cost(kind):
    """Of the examples that are networks by themselves: none fails, and only views take nothing."""
    for example in kind.examples:
        try:
            subject = check_text(write(example_architecture(kind, example)))
        except Exception:  # a dimension of the example isn't alone in any axis
            continue
        sizes = {name: example.bind.get(name, 8) for name in free_dimensions(subject)}
        assert costs(subject, sizes).total.flops >= 0
        assert costs(subject, sizes, mode="train").total.activation_bytes >= 0
