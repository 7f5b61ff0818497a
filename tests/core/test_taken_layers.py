"""A layer that is taken by itself into another network: what its settings say is said of the sizes that it gets there."""

from modelpack.checker import check
from modelpack.network import Network
from modelpack.reader import read
from modelpack.reuse.linking import link
from modelpack.reuse.sources import Donor

DONOR = """\
modelpack: 1
name: donor
inputs:
  x: {dtype: float32, shape: [batch, length, 8]}
layers:
  fc: {Linear: {in_features: 8, out_features: 6}}
  halves: {reshape: {shape: [batch, length, 2, 3]}}
"""


def taking(layer: str, inputs: str) -> Network:
    """A network in which `batch` and `length` are other sizes than in the donor."""
    text = (
        f"modelpack: 1\nname: new\nimports: {{donor: {{pack: donor.modelpack}}}}\ninputs:\n  {inputs}\n"
        f"layers:\n  taken: {{use: donor, take: {layer}}}\n"
    )
    return link(read(text), lambda _name, _wanted: Donor(check(read(DONOR)), {}, None, {})).network


def test_a_layer_without_sizes_stands_in_the_nodes_own_place():
    network = taking("fc", "x: {dtype: float32, shape: [length, 8]}")
    assert [*network.tensors] == ["taken.weight", "taken.bias"]
    assert not network.architecture.blocks


def test_sizes_that_a_layer_names_are_those_of_what_it_takes_here():
    network = taking("halves", "x: {dtype: float32, shape: [length, batch, 6]}")
    assert str(network.outputs) == "float32[length, batch, 2, 3]"


def test_sizes_that_a_layer_names_need_not_be_dimensions_here():
    network = taking("halves", "x: {dtype: float32, shape: [4, 7, 6]}")
    assert str(network.outputs) == "float32[4, 7, 2, 3]"
