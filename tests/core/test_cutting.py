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
