"""Weights against the architecture: each tensor that is missing, unexpected or different is told, with a guess at a rename."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from hypothesis import given

from modelpack.checker import check, check_text
from modelpack.dtypes import DType
from modelpack.errors import PackError
from modelpack.match import match, stored_names
from tests.strategies import networks


@dataclass(frozen=True)
class Stored:
    dtype: DType
    shape: tuple[int, ...]


NETWORK = check_text(
    """
modelpack: 1
name: language
inputs:
  ids: {dtype: int64, shape: [batch, length]}
layers:
  embed: {Embedding: {num_embeddings: 50, embedding_dim: 8}}
  norm:  {LayerNorm: {normalized_shape: 8}}
  head:  {Linear: {in_features: 8, out_features: 50, bias: false}}
tied: [[embed.weight, head.weight]]
"""
)
WEIGHTS = {
    "embed.weight": Stored(DType.FLOAT32, (50, 8)),
    "norm.weight": Stored(DType.FLOAT32, (8,)),
    "norm.bias": Stored(DType.FLOAT32, (8,)),
}


def told(weights: dict[str, Stored]) -> list[str]:
    with pytest.raises(PackError) as caught:
        match(NETWORK, weights)
    return str(caught.value).splitlines()


@given(networks())
def test_what_an_architecture_implies_matches_it(architecture):
    network = check(architecture)
    match(network, {name: Stored(each.dtype, each.shape) for name, each in stored_names(network).items()})


def test_a_tie_is_stored_once():
    match(NETWORK, WEIGHTS)
    assert told({**WEIGHTS, "head.weight": WEIGHTS["embed.weight"]}) == [
        "MP405 head.weight: is tied to embed.weight, so it must not be stored by itself"
    ]


def test_missing_and_unexpected_are_told_each():
    found = {"embed.weight": WEIGHTS["embed.weight"], "extra": Stored(DType.INT64, ())}
    assert told(found) == [
        "MP401 norm.weight: float32[8] is missing from the weights",
        "MP401 norm.bias: float32[8] is missing from the weights",
        "MP402 extra: the weights hold int64[], which no layer has",
    ]


def test_a_rename_is_guessed_from_shape_and_name():
    found = {
        "embed.weight": WEIGHTS["embed.weight"],
        "ln.weight": WEIGHTS["norm.weight"],
        "ln.bias": WEIGHTS["norm.bias"],
    }
    assert told(found)[:4] == [
        "MP401 norm.weight: float32[8] is missing from the weights",
        "    hint: was it renamed? the weights hold 'ln.weight' of the same shape and dtype",
        "MP401 norm.bias: float32[8] is missing from the weights",
        "    hint: was it renamed? the weights hold 'ln.bias' of the same shape and dtype",
    ]


def test_shape_and_dtype_are_told_with_both_sides():
    assert told({**WEIGHTS, "norm.bias": Stored(DType.FLOAT16, (9,))}) == [
        "MP403 norm.bias: the layer implies the shape [8], the weights hold [9]",
        "MP404 norm.bias: the layer implies float32, the weights hold float16",
    ]
