"""read and write are inverse: what is written is read as the same value, and canonical text stays as it is."""

from __future__ import annotations

from hypothesis import given

from modelpack.checker import check
from modelpack.reader import read
from modelpack.writer import write
from tests.strategies import documents, networks


@given(documents())
def test_written_and_read_it_is_the_same(architecture):
    assert read(write(architecture)) == architecture


@given(documents())
def test_canonical_text_is_a_fixed_point(architecture):
    text = write(architecture)
    assert write(read(text)) == text


@given(networks())
def test_networks_from_the_registry_check(architecture):
    assert check(read(write(architecture))).main.size == len(architecture.main.nodes)
