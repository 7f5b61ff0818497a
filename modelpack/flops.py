"""Layer x specs -> floating-point operations: what each type costs, in one place.

Products count 2 for each multiply-add, as in `torch.utils.flop_counter`, which counts them alone; their biases aren't counted.
All else counts 1 for each element that it gives, however much work is behind one (a root, a comparison, a whole window), and a
view of its input, which moves nothing, 0. Of types that hold several layers (recurrent ones, attention, transformers) the
products are counted.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from math import prod
from typing import Any

from modelpack.layers.base import Layer
from modelpack.layers.contraction import axes_of
from modelpack.tensors import TensorSpec

__all__ = ["PRODUCTS", "flops", "shares_memory"]

_Inputs = Sequence[TensorSpec | None]
_Outputs = Sequence[TensorSpec]

# fmt: off
_VIEWS = frozenset({
    "Flatten", "Unflatten", "Identity", "reshape", "reshape_as", "flatten", "unflatten", "transpose", "permute", "t", "adjoint",
    "matrix_transpose", "squeeze", "unsqueeze", "expand", "expand_as", "movedim", "view_dtype", "diagonal", "split", "chunk",
    "unbind", "tensor_split", "hsplit", "vsplit", "dsplit", "select", "slice", "narrow", "unfold", "view_as_complex",
    "view_as_real", "real", "imag", "detach", "contiguous", "atleast_1d", "atleast_2d", "atleast_3d", "broadcast_tensors",
    "by_mode", "assign",
})
_DROPOUT = frozenset({
    "Dropout", "Dropout1d", "Dropout2d", "Dropout3d", "AlphaDropout", "FeatureAlphaDropout", "StochasticDepth",
    "dropout", "feature_dropout", "alpha_dropout", "feature_alpha_dropout",
})
# fmt: on


def flops(layer: Layer, inputs: _Inputs, outputs: _Outputs, *, training: bool) -> int:
    """How many operations `layer` takes for inputs of these sizes, which are all numbers.

    Source: for products torch.utils.flop_counter (PyTorch 2.13).
    """
    count = PRODUCTS.get(layer.type.name)
    if count is not None:
        return count(layer, inputs, outputs)
    return 0 if _is_view(layer, training) else _elements(outputs)


def shares_memory(layer: Layer, *, training: bool) -> bool:
    """Whether what it gives lies where its input does: a view, a dropout that doesn't drop, a layer that works in place."""
    return _is_view(layer, training) or vars(layer).get("inplace") is True


def _is_view(layer: Layer, training: bool) -> bool:
    name = layer.type.name
    if name in _DROPOUT:
        return vars(layer).get("train", training) is False
    return name in _VIEWS


def _elements(specs: _Outputs) -> int:
    return sum(_size(spec) for spec in specs)


def _size(spec: TensorSpec | None, axes: slice = slice(None)) -> int:
    """The product of some of a spec's axes; of none, 0."""
    return 0 if spec is None else prod(axis for axis in spec.shape[axes] if isinstance(axis, int))


def _rows(spec: TensorSpec | None) -> int:
    return _size(spec, slice(-1))


def _last(spec: TensorSpec | None) -> int:
    return _size(spec, slice(-1, None))


# ---------------------------------------------------------------------------------------------- products


def _linear(layer: Any, inputs: _Inputs, outputs: _Outputs) -> int:
    return 2 * _elements(outputs) * layer.in_features


def _bilinear(layer: Any, inputs: _Inputs, outputs: _Outputs) -> int:
    return 2 * _elements(outputs) * layer.in1_features * layer.in2_features


def _convolution(layer: Any, inputs: _Inputs, outputs: _Outputs) -> int:
    return 2 * _elements(outputs) * (layer.in_channels // layer.groups) * prod(layer.kernel_size)


def _transposed_convolution(layer: Any, inputs: _Inputs, outputs: _Outputs) -> int:
    return 2 * _size(inputs[0]) * (layer.out_channels // layer.groups) * prod(layer.kernel_size)


def _linear_with(layer: Any, inputs: _Inputs, outputs: _Outputs) -> int:
    return 2 * _elements(outputs) * _last(inputs[1])


def _convolution_with(layer: Any, inputs: _Inputs, outputs: _Outputs) -> int:
    return 2 * _elements(outputs) * _size(inputs[1], slice(1, None))


def _transposed_convolution_with(layer: Any, inputs: _Inputs, outputs: _Outputs) -> int:
    return 2 * _size(inputs[0]) * _size(inputs[1], slice(1, None))


def _convolution_tbc(layer: Any, inputs: _Inputs, outputs: _Outputs) -> int:
    return 2 * _elements(outputs) * _size(inputs[1], slice(2))


def _bilinear_with(layer: Any, inputs: _Inputs, outputs: _Outputs) -> int:
    return 2 * _elements(outputs) * _size(inputs[2], slice(1, None))


def _product(layer: Any, inputs: _Inputs, outputs: _Outputs) -> int:
    """Summed over the first input's last axis."""
    return 2 * _elements(outputs) * _last(inputs[0])


def _added_product(layer: Any, inputs: _Inputs, outputs: _Outputs) -> int:
    """The same behind what is added to it."""
    return 2 * _elements(outputs) * _last(inputs[1])


def _summed_product(layer: Any, inputs: _Inputs, outputs: _Outputs) -> int:
    """`addbmm`: the products of matrices are summed, too."""
    return 2 * _elements(outputs) * _last(inputs[1]) * _size(inputs[1], slice(1))


def _inner(layer: Any, inputs: _Inputs, outputs: _Outputs) -> int:
    scalar = any(each is not None and not each.rank for each in inputs)
    return _elements(outputs) if scalar else 2 * _elements(outputs) * _last(inputs[0])


def _tensordot(layer: Any, inputs: _Inputs, outputs: _Outputs) -> int:
    first, second = inputs[0], inputs[1]
    pairs = zip(layer.dims_self, layer.dims_other, strict=True)
    summed = prod(max(_size_at(first, one), _size_at(second, other)) for one, other in pairs)
    return 2 * _elements(outputs) * summed


def _size_at(spec: TensorSpec | None, axis: int) -> int:
    known = spec.shape[axis] if spec is not None else 1
    return known if isinstance(known, int) else 1


def _chain(layer: Any, inputs: _Inputs, outputs: _Outputs) -> int:
    """From the left; the fastest order may take fewer."""
    first = inputs[0]
    rows = _rows(first) if first is not None and first.rank > 1 else 1
    return sum(2 * rows * _size(each) for each in inputs[1:])


def _einsum(layer: Any, inputs: _Inputs, outputs: _Outputs) -> int:
    """Two by two from the left; a letter is summed over as soon as nothing else has it."""
    specs = [each for each in inputs if each is not None]
    terms, kept = axes_of(layer.equation, specs)
    sizes: dict[object, int] = {}
    for term, spec in zip(terms, specs, strict=True):
        for axis, size in zip(term, spec.shape, strict=True):
            sizes[axis] = max(sizes.get(axis, 1), size if isinstance(size, int) else 1)
    last = {axis: at for at, term in enumerate(terms) for axis in term}
    total, current = 0, set(terms[0])
    for at, term in enumerate(terms[1:], start=1):
        current |= set(term)
        total += 2 * prod(sizes[axis] for axis in current)
        current = {axis for axis in current if axis in kept or last[axis] > at}
    return total or prod(sizes.values())


# ---------------------------------------------------------------------------------------------- attention


def _dot_product_attention(layer: Any, inputs: _Inputs, outputs: _Outputs) -> int:
    """Scores of each place with each, then their sums of values."""
    query, source = inputs[0], _size(inputs[1], slice(-2, -1))
    return 2 * _rows(outputs[0]) * source * (_last(query) + _last(outputs[0]))


def _multihead_attention(layer: Any, inputs: _Inputs, outputs: _Outputs) -> int:
    wide = layer.embed_dim
    more = layer.add_bias_kv + layer.add_zero_attn
    return _attention(
        inputs[0],
        inputs[1],
        wide,
        layer.kdim or wide,
        layer.vdim or wide,
        layer.batch_first,
        more,
    )


def _attention(
    query: TensorSpec | None,
    key: TensorSpec | None,
    wide: int,
    key_width: int,
    value_width: int,
    batch_first: bool,
    more: int = 0,
) -> int:
    """Four projections and, in all heads together, scores and sums over `wide`."""
    length, batch = _sequence(query, batch_first)
    source, _ = _sequence(key, batch_first)
    projected = 2 * length * wide + source * (key_width + value_width)
    return 2 * batch * wide * projected + 4 * batch * length * (source + more) * wide


def _sequence(x: TensorSpec | None, batch_first: bool) -> tuple[int, int]:
    """Length and batch."""
    if x is None or x.rank == 2:
        return _size(x, slice(1)), 1
    first, second = _size(x, slice(1)), _size(x, slice(1, 2))
    return (second, first) if batch_first else (first, second)


def _encoder_layer(layer: Any, inputs: _Inputs, outputs: _Outputs) -> int:
    x = inputs[0]
    return _self_attention(layer, x) + _feedforward(layer, x)


def _decoder_layer(layer: Any, inputs: _Inputs, outputs: _Outputs) -> int:
    wide = layer.d_model
    across = _attention(inputs[0], inputs[1], wide, wide, wide, layer.batch_first)
    return across + _encoder_layer(layer, inputs, outputs)


def _self_attention(layer: Any, x: TensorSpec | None) -> int:
    wide = layer.d_model
    return _attention(x, x, wide, wide, wide, layer.batch_first)


def _feedforward(layer: Any, x: TensorSpec | None) -> int:
    return 4 * _rows(x) * layer.d_model * layer.dim_feedforward


def _encoder(layer: Any, inputs: _Inputs, outputs: _Outputs) -> int:
    return layer.num_layers * _encoder_layer(layer, inputs, outputs)


def _decoder(layer: Any, inputs: _Inputs, outputs: _Outputs) -> int:
    return layer.num_layers * _decoder_layer(layer, inputs, outputs)


def _transformer(layer: Any, inputs: _Inputs, outputs: _Outputs) -> int:
    source, target = inputs[0], inputs[1]
    encoder = layer.num_encoder_layers * _encoder_layer(layer, (source,), outputs)
    return encoder + layer.num_decoder_layers * _decoder_layer(layer, (target, source), outputs)


# ---------------------------------------------------------------------------------------------- recurrent


def _recurrent(layer: Any, inputs: _Inputs, outputs: _Outputs) -> int:
    """Every matrix once for each step of each sequence."""
    matrices = sum(prod(each.shape) for each in layer.tensors() if len(each.shape) == 2)
    return 2 * _rows(inputs[0]) * matrices


def _recurrent_with(layer: Any, inputs: _Inputs, outputs: _Outputs) -> int:
    """The same, the matrices among the inputs."""
    weights = inputs[_MATRICES.get(layer.type.name, slice(1, None))]
    matrices = sum(_size(each) for each in weights if each is not None and each.rank == 2)
    return 2 * _rows(inputs[0]) * matrices


_CELL = slice(2, 4)
_MATRICES = {"rnn_tanh_cell": _CELL, "rnn_relu_cell": _CELL, "gru_cell": _CELL, "lstm_cell": slice(1, 3)}
"""Where they are, of cells, whose states have two axes as well."""


PRODUCTS: Mapping[str, Callable[[Any, _Inputs, _Outputs], int]] = {
    "Linear": _linear,
    "Bilinear": _bilinear,
    **{f"Conv{n}d": _convolution for n in (1, 2, 3)},
    **{f"ConvTranspose{n}d": _transposed_convolution for n in (1, 2, 3)},
    "linear": _linear_with,
    "bilinear": _bilinear_with,
    **{f"conv{n}d": _convolution_with for n in (1, 2, 3)},
    **{f"conv_transpose{n}d": _transposed_convolution_with for n in (1, 2, 3)},
    "conv_tbc": _convolution_tbc,
    **dict.fromkeys(("matmul", "mm", "bmm", "mv", "dot", "vdot", "grouped_mm"), _product),
    **dict.fromkeys(("addmm", "baddbmm", "addmv"), _added_product),
    "addbmm": _summed_product,
    "inner": _inner,
    "tensordot": _tensordot,
    **dict.fromkeys(("linalg_multi_dot", "chain_matmul"), _chain),
    "einsum": _einsum,
    "scaled_dot_product_attention": _dot_product_attention,
    "MultiheadAttention": _multihead_attention,
    "TransformerEncoderLayer": _encoder_layer,
    "TransformerDecoderLayer": _decoder_layer,
    "TransformerEncoder": _encoder,
    "TransformerDecoder": _decoder,
    "Transformer": _transformer,
    **dict.fromkeys(("RNN", "LSTM", "GRU", "RNNCell", "LSTMCell", "GRUCell"), _recurrent),
    **dict.fromkeys(("rnn_tanh", "rnn_relu", "gru", "lstm", *_MATRICES), _recurrent_with),
}
