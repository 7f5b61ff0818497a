"""What recurrent networks have in common: their tensors, and the shapes of sequences and states."""

from __future__ import annotations

from math import sqrt
from typing import TYPE_CHECKING

from modelpack.dims import Dim
from modelpack.dtypes import DType
from modelpack.layers.base import Tensor, parameter
from modelpack.layers.initial import Init
from modelpack.layers.rules import of_dtype, of_rank, of_shape
from modelpack.tensors import Mismatch, TensorSpec

if TYPE_CHECKING:
    from modelpack.layers.recurrent import GRU, LSTM, RNN, GRUCell, LSTMCell, RNNCell

__all__ = ["both", "cell", "sequence", "stack", "state", "step"]

# ---------------------------------------------------------------------------------------------- tensors


def stack(net: RNN | LSTM | GRU, gates: int, proj_size: int = 0) -> tuple[Tensor, ...]:
    """The tensors of all layers and directions, from below: `weight_ih_l0`, …, `bias_hh_l1_reverse`."""
    directions = 1 + net.bidirectional
    put_out = proj_size or net.hidden_size
    tensors: list[Tensor] = []
    for level in range(net.num_layers):
        read = net.input_size if level == 0 else put_out * directions
        for suffix in ("", "_reverse")[:directions]:
            shapes: dict[str, tuple[int, ...]] = {
                "weight_ih": (gates * net.hidden_size, read),
                "weight_hh": (gates * net.hidden_size, put_out),
            }
            if net.bias:
                shapes |= {"bias_ih": (gates * net.hidden_size,), "bias_hh": (gates * net.hidden_size,)}
            if proj_size:
                shapes["weight_hr"] = (proj_size, net.hidden_size)
            tensors += _uniform(shapes, f"_l{level}{suffix}", net.hidden_size, net.dtype)
    return tuple(tensors)


def cell(net: RNNCell | LSTMCell | GRUCell, gates: int) -> tuple[Tensor, ...]:
    rows = gates * net.hidden_size
    shapes: dict[str, tuple[int, ...]] = {
        "weight_ih": (rows, net.input_size),
        "weight_hh": (rows, net.hidden_size),
    }
    if net.bias:
        shapes |= {"bias_ih": (rows,), "bias_hh": (rows,)}
    return tuple(_uniform(shapes, "", net.hidden_size, net.dtype))


def _uniform(shapes: dict[str, tuple[int, ...]], suffix: str, hidden_size: int, dtype: DType) -> list[Tensor]:
    bound = 1 / sqrt(hidden_size)
    init = Init("uniform", {"a": -bound, "b": bound})
    return [parameter(name + suffix, shape, dtype, init) for name, shape in shapes.items()]


# ---------------------------------------------------------------------------------------------- shapes


def sequence(
    net: RNN | LSTM | GRU, x: TensorSpec, lengths: TensorSpec | None
) -> tuple[TensorSpec, TensorSpec]:
    """The output for the sequence `x`, and the state of `hidden_size` behind it."""
    of_rank(of_dtype(x, net.dtype), 2, 3)
    length, batch = _length_and_batch(net.batch_first, x)
    if length == 0:
        raise Mismatch(f"its input {x} is a sequence of no length", code="MP307")
    if lengths is not None:
        _lengths(lengths, x, batch)
    directions = 1 + net.bidirectional
    after = x.with_shape(directions * net.num_layers, *batch, net.hidden_size)
    return x.with_axis(-1, directions * net.hidden_size), after


def _length_and_batch(batch_first: bool, x: TensorSpec) -> tuple[Dim, tuple[Dim, ...]]:
    if x.rank == 2:
        return x.shape[0], ()
    first, second, _ = x.shape
    return (second, (first,)) if batch_first else (first, (second,))


def _lengths(lengths: TensorSpec, x: TensorSpec, batch: tuple[Dim, ...]) -> None:
    if not batch:
        raise Mismatch(f"its input {x} has no batch, so that it takes no lengths", port="lengths")
    if lengths.dtype is not DType.INT64:
        raise Mismatch(f"its lengths must be int64, not {lengths}", code="MP306", port="lengths")
    of_shape(lengths, batch, "lengths")


def step(net: RNNCell | LSTMCell | GRUCell, x: TensorSpec) -> TensorSpec:
    return of_rank(of_dtype(x, net.dtype), 1, 2).with_axis(-1, net.hidden_size)


def both(h_0: TensorSpec | None, c_0: TensorSpec | None) -> None:
    if (h_0 is None) != (c_0 is None):
        given, missing = ("c_0", "h_0") if h_0 is None else ("h_0", "c_0")
        raise Mismatch(f"it has the input {given}, but not {missing}: give both or neither", port=missing)


def state(given: TensorSpec | None, expected: TensorSpec, port: str) -> None:
    if given is not None:
        of_shape(of_dtype(given, expected.dtype, port), expected.shape, port)
