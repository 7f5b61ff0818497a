"""Cuts: what the values that enter a part are called, what goes through it, and which sizes are lost on the way."""

import pytest

from modelpack.checker import check
from modelpack.dims import symbol
from modelpack.errors import ArchitectureError
from modelpack.network import Network
from modelpack.reader import read
from modelpack.reuse.cutting import take
from modelpack.reuse.dimensions import sizes_of

HEIGHT = symbol("height")


def network(layers: str) -> Network:
    return check(
        read(f"modelpack: 1\nname: net\ninputs:\n  x: {{dtype: float32, shape: [batch, 8]}}\n{layers}")
    )


def test_a_name_that_a_new_size_gets_is_not_the_old_size_of_that_name():
    sizes = sizes_of([symbol("batch"), (HEIGHT + 7) // 8])
    assert sizes.put((HEIGHT + 7) // 8) == HEIGHT
    assert sizes.lost(sizes.put(HEIGHT))
    assert not sizes.lost(sizes.put(symbol("batch") * 2))


CALLED_AGAIN = """\
layers:
  relu: {ReLU: {}}
  fc: {Linear: {in_features: 8, out_features: 8}}
  again: {call: relu}
"""


def test_a_layer_called_across_the_cut_keeps_its_name_though_its_value_enters():
    part = take(network(CALLED_AGAIN), first="fc")
    assert [node.name for node in part.main.nodes] == ["fc", "relu"]
    assert [*part.main.inputs] == ["relu_2"]
    check(part)


TWO_RESULTS = """\
layers:
  hidden: {Linear: {in_features: 8, out_features: 8}}
  head: {Linear: {in_features: 8, out_features: 2}}
outputs: {hidden: hidden, logits: head}
"""


def test_a_result_that_was_made_before_the_cut_goes_through_the_part():
    part = take(network(TWO_RESULTS), first="head")
    assert [*part.main.inputs] == ["hidden"]
    assert part.main.outputs == {"hidden": "hidden", "logits": "head"}


def test_what_is_asked_for_by_name_must_be_made_in_the_part():
    with pytest.raises(ArchitectureError, match=r"MP345.*'hidden' isn't in the part"):
        take(network(TWO_RESULTS), first="head", outputs=["hidden"])


POSITIONS = """\
  wte: {Embedding: {num_embeddings: 9, embedding_dim: 8}}
  positions: {arange: {end: length}}
  wpe: {Embedding: {num_embeddings: 9, embedding_dim: 8}}
  add: {add: {}, inputs: [wte, wpe]}
  flat: {flatten: {start_dim: 1}, inputs: [add]}
  act: {ReLU: {}}
  back: {reshape: {shape: [batch, length, 8]}}
  head: {Linear: {in_features: 8, out_features: 9}}
"""


def text_network(requires: str = "") -> Network:
    """Two texts come in, of which only the second is as long as `length`."""
    return check(
        read(
            f"modelpack: 1\nname: net\n{requires}inputs:\n  mask: {{dtype: bool, shape: [batch]}}\n"
            "  ids: {dtype: int64, shape: [batch, length]}\n  more: {dtype: int64, shape: [batch, length]}\n"
            f"layers:\n{POSITIONS.replace('embedding_dim: 8}}', 'embedding_dim: 8}, inputs: [ids]}', 1)}"
        )
    )


def test_a_size_is_told_by_what_crosses_where_it_can_be():
    part = take(text_network(), first="positions")
    assert [*part.main.inputs] == ["wte"]
    assert check(part).outputs == text_network().outputs


@pytest.mark.parametrize(
    ("first", "last", "entering"),
    [("positions", "wpe", []), ("back", None, ["act"]), ("back", "back", ["act"])],
)
def test_a_size_that_nothing_else_tells_comes_with_the_first_input_that_has_it(first, last, entering):
    part = take(text_network(), first, last)
    assert [*part.main.inputs] == [*entering, "ids"]
    whole = {step.name: step.outputs for step in text_network().main.steps}
    assert check(part).outputs == whole[last or "head"]


def test_what_the_whole_requires_of_a_size_needs_the_size_too():
    """Else the part would be run at sizes for which the whole isn't made."""
    assert [*take(text_network(), "act", "act").main.inputs] == ["flat"]
    part = take(text_network("requires: ['length + batch > 3']\n"), "act", "act")
    assert [*part.main.inputs] == ["flat", "ids"]
    assert [*map(str, part.requires)] == ["batch + length > 3"]


FLATTENED = """\
modelpack: 1
name: net
inputs:
  x: {dtype: float32, shape: [batch, 4, length]}
layers:
  pool: {AvgPool1d: {kernel_size: 2}}
  flat: {Flatten: {}}
  act: {ReLU: {}}
  head: {Linear: {in_features: 40, out_features: 2}}
"""


def test_an_axis_that_a_layer_behind_the_cut_fixes_has_that_size():
    """Nobody can work out that `4 * (length // 2)` are 40, but nothing else fits."""
    for first in ("act", "head"):
        part = take(check(read(FLATTENED)), first=first)
        assert [str(specs) for specs in check(part).inputs.values()] == ["float32[batch, 40]"]
    alone = take(check(read(FLATTENED)), "act", "act")
    assert [str(specs) for specs in check(alone).inputs.values()] == ["float32[batch, length]"]


def test_axes_that_fit_only_together_are_told_by_the_input_of_the_network():
    part = take(check(read(FLATTENED)), first="flat")
    assert [str(specs) for specs in check(part).inputs.values()] == [
        "float32[batch, 4, length // 2]",
        "float32[batch, 4, length]",
    ]
