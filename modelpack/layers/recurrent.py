"""RNN, LSTM, GRU, and one step of each: RNNCell, LSTMCell, GRUCell."""

from __future__ import annotations

from modelpack.dtypes import DType
from modelpack.layers.base import (
    Layer,
    Tensor,
    choice,
    example,
    flag,
    layer,
    number,
    parameter_dtype,
    setting,
    size,
    torch_nn,
)
from modelpack.layers.kinds import Integer
from modelpack.layers.recurrence import both, cell, sequence, stack, state, step
from modelpack.tensors import Mismatch, TensorSpec

__all__ = ["GRU", "LSTM", "RNN", "GRUCell", "LSTMCell", "RNNCell"]

_INPUT_SIZE = size("length of the input's last axis", axis=-1)
_HIDDEN_SIZE = size("length of the state")
_NUM_LAYERS = setting(
    Integer(1, 512), "layers on top of each other, each reading the outputs of the one below", default=1
)
_NONLINEARITY = choice("tanh", "relu", doc="what follows the sum of both products", default="tanh")
_BIAS = flag("whether both products have a bias each", default=True)
_BATCH_FIRST = flag(
    "whether the batch is the first axis of input and output; states have it second always", default=False
)
_DROPOUT = number(
    "probability of an output of a layer, except the last, to be zeroed in training",
    default=0.0,
    minimum=0,
    maximum=1,
)
_BIDIRECTIONAL = flag(
    "whether each layer also reads the sequence backwards, and joins both outputs", default=False
)
_ENFORCE_SORTED = flag(
    "whether `lengths` may not go up from one sequence to the next; if not, the sequences are sorted, and put back",
    default=True,
)


@layer(source=torch_nn("RNN"))
class RNN(Layer):
    """Elman network: ``h_t = tanh(W_ih x_t + b_ih + W_hh h_(t-1) + b_hh)``.

    Shapes, with ``d`` directions (1, or 2 if bidirectional): `input` ``[length, batch, input_size]`` and `h_0`
    ``[d*num_layers, batch, hidden_size]``, zeros if left out, to `output` ``[length, batch, d*hidden_size]`` and `h_n`,
    shaped as `h_0`. All without ``batch`` if the input has two axes.
    With `lengths` ``[batch]``, each from 1 to ``length``, a sequence counts up to its own: the states are those behind its
    last step, where the backward direction begins, and `output` is 0 after it. As torch's packed sequences.
    Paper: Elman 1990, "Finding Structure in Time".
    """

    input_size: int = _INPUT_SIZE
    hidden_size: int = _HIDDEN_SIZE
    num_layers: int = _NUM_LAYERS
    nonlinearity: str = _NONLINEARITY
    bias: bool = _BIAS
    batch_first: bool = _BATCH_FIRST
    dropout: float = _DROPOUT
    bidirectional: bool = _BIDIRECTIONAL
    enforce_sorted: bool = _ENFORCE_SORTED
    dtype: DType = parameter_dtype()

    outputs = ("output", "h_n")
    examples = (
        example("float32[length, batch, 3]", input_size=3, hidden_size=4),
        example(
            "float32[batch, length, 3]",
            "float32[4, batch, 5]",
            input_size=3,
            hidden_size=5,
            num_layers=2,
            nonlinearity="relu",
            bias=False,
            batch_first=True,
            dropout=0.25,
            bidirectional=True,
        ),
        example("float64[length, 3]", "float64[1, 2]", input_size=3, hidden_size=2, dtype="float64"),
        example(
            "float32[length, batch, 3]", None, "int64[batch]", input_size=3, hidden_size=2, bidirectional=True
        ),
        example(
            "float32[length, 2, 3]",
            "float32[1, 2, 2]",
            "int64[2]",
            input_size=3,
            hidden_size=2,
            enforce_sorted=False,
        ),
    )

    def tensors(self) -> tuple[Tensor, ...]:
        return stack(self, gates=1)

    def infer(
        self, input: TensorSpec, h_0: TensorSpec | None = None, lengths: TensorSpec | None = None
    ) -> tuple[TensorSpec, ...]:
        output, h_n = sequence(self, input, lengths)
        state(h_0, h_n, "h_0")
        return output, h_n


@layer(source=torch_nn("LSTM"))
class LSTM(Layer):
    """Long short-term memory, with forget gates and without peepholes.

    Shapes, with ``d`` directions (1, or 2 if bidirectional) and ``out = proj_size or hidden_size``: `input`
    ``[length, batch, input_size]``, `h_0` ``[d*num_layers, batch, out]`` and `c_0` ``[d*num_layers, batch, hidden_size]``,
    zeros if both are left out, to `output` ``[length, batch, d*out]``, `h_n` and `c_n`, shaped as `h_0` and `c_0`. All
    without ``batch`` if the input has two axes.
    With `lengths` ``[batch]``, each from 1 to ``length``, a sequence counts up to its own: the states are those behind its
    last step, where the backward direction begins, and `output` is 0 after it. As torch's packed sequences.
    Papers: Hochreiter and Schmidhuber 1997, "Long Short-Term Memory"; Sak et al. 2014 (arXiv:1402.1128) for `proj_size`.
    """

    input_size: int = _INPUT_SIZE
    hidden_size: int = _HIDDEN_SIZE
    num_layers: int = _NUM_LAYERS
    bias: bool = _BIAS
    batch_first: bool = _BATCH_FIRST
    dropout: float = _DROPOUT
    bidirectional: bool = _BIDIRECTIONAL
    proj_size: int = size(
        "length to which the state is projected before it is put out; 0: it isn't", default=0, minimum=0
    )
    enforce_sorted: bool = _ENFORCE_SORTED
    dtype: DType = parameter_dtype()

    outputs = ("output", "h_n", "c_n")
    examples = (
        example("float32[length, batch, 3]", input_size=3, hidden_size=4),
        example(
            "float32[batch, length, 3]",
            "float32[4, batch, 5]",
            "float32[4, batch, 5]",
            input_size=3,
            hidden_size=5,
            num_layers=2,
            bias=False,
            batch_first=True,
            dropout=0.25,
            bidirectional=True,
        ),
        example(
            "float32[length, batch, 3]",
            input_size=3,
            hidden_size=4,
            num_layers=2,
            bidirectional=True,
            proj_size=2,
        ),
        example(
            "float64[length, 3]",
            "float64[1, 2]",
            "float64[1, 4]",
            input_size=3,
            hidden_size=4,
            proj_size=2,
            dtype="float64",
        ),
        example(
            "float32[batch, length, 3]",
            None,
            None,
            "int64[batch]",
            input_size=3,
            hidden_size=2,
            batch_first=True,
        ),
        example(
            "float32[length, 2, 3]",
            "float32[1, 2, 2]",
            "float32[1, 2, 2]",
            "int64[2]",
            input_size=3,
            hidden_size=2,
            enforce_sorted=False,
        ),
    )

    def tensors(self) -> tuple[Tensor, ...]:
        self._check()
        return stack(self, gates=4, proj_size=self.proj_size)

    def infer(
        self,
        input: TensorSpec,
        h_0: TensorSpec | None = None,
        c_0: TensorSpec | None = None,
        lengths: TensorSpec | None = None,
    ) -> tuple[TensorSpec, ...]:
        self._check()
        output, c_n = sequence(self, input, lengths)
        if self.proj_size:
            output = output.with_axis(-1, self.proj_size * (1 + self.bidirectional))
        h_n = c_n.with_axis(-1, self.proj_size or self.hidden_size)
        both(h_0, c_0)
        state(h_0, h_n, "h_0")
        state(c_0, c_n, "c_0")
        return output, h_n, c_n

    def _check(self) -> None:
        if self.proj_size >= self.hidden_size:
            raise Mismatch(
                f"proj_size {self.proj_size} is not smaller than hidden_size {self.hidden_size}",
                code="MP308",
                setting="proj_size",
            )


@layer(source=torch_nn("GRU"))
class GRU(Layer):
    """Gated recurrent units; the reset gate is applied after the product with `weight_hh`.

    Shapes, with ``d`` directions (1, or 2 if bidirectional): `input` ``[length, batch, input_size]`` and `h_0`
    ``[d*num_layers, batch, hidden_size]``, zeros if left out, to `output` ``[length, batch, d*hidden_size]`` and `h_n`,
    shaped as `h_0`. All without ``batch`` if the input has two axes.
    With `lengths` ``[batch]``, each from 1 to ``length``, a sequence counts up to its own: the states are those behind its
    last step, where the backward direction begins, and `output` is 0 after it. As torch's packed sequences.
    Paper: Cho et al. 2014, "Learning Phrase Representations using RNN Encoder-Decoder" (arXiv:1406.1078).
    """

    input_size: int = _INPUT_SIZE
    hidden_size: int = _HIDDEN_SIZE
    num_layers: int = _NUM_LAYERS
    bias: bool = _BIAS
    batch_first: bool = _BATCH_FIRST
    dropout: float = _DROPOUT
    bidirectional: bool = _BIDIRECTIONAL
    enforce_sorted: bool = _ENFORCE_SORTED
    dtype: DType = parameter_dtype()

    outputs = ("output", "h_n")
    examples = (
        example("float32[length, batch, 3]", input_size=3, hidden_size=4),
        example(
            "float32[batch, length, 3]",
            "float32[4, batch, 5]",
            input_size=3,
            hidden_size=5,
            num_layers=2,
            bias=False,
            batch_first=True,
            dropout=0.25,
            bidirectional=True,
        ),
        example("float64[length, 3]", "float64[1, 2]", input_size=3, hidden_size=2, dtype="float64"),
        example(
            "float32[length, batch, 3]", None, "int64[batch]", input_size=3, hidden_size=2, bidirectional=True
        ),
        example(
            "float32[length, 2, 3]",
            "float32[1, 2, 2]",
            "int64[2]",
            input_size=3,
            hidden_size=2,
            enforce_sorted=False,
        ),
    )

    def tensors(self) -> tuple[Tensor, ...]:
        return stack(self, gates=3)

    def infer(
        self, input: TensorSpec, h_0: TensorSpec | None = None, lengths: TensorSpec | None = None
    ) -> tuple[TensorSpec, ...]:
        output, h_n = sequence(self, input, lengths)
        state(h_0, h_n, "h_0")
        return output, h_n


@layer(source=torch_nn("RNNCell"))
class RNNCell(Layer):
    """One step of an `RNN`.

    Shapes: `input` ``[batch, input_size]`` and the state `hx` ``[batch, hidden_size]``, zeros if left out, to the next
    state; all without ``batch`` if the input has one axis.
    """

    input_size: int = _INPUT_SIZE
    hidden_size: int = _HIDDEN_SIZE
    bias: bool = _BIAS
    nonlinearity: str = _NONLINEARITY
    dtype: DType = parameter_dtype()

    examples = (
        example("float32[batch, 3]", "float32[batch, 4]", input_size=3, hidden_size=4),
        example("float32[batch, 3]", input_size=3, hidden_size=2, bias=False, nonlinearity="relu"),
        example("float64[3]", "float64[4]", input_size=3, hidden_size=4, dtype="float64"),
    )

    def tensors(self) -> tuple[Tensor, ...]:
        return cell(self, gates=1)

    def infer(self, input: TensorSpec, hx: TensorSpec | None = None) -> TensorSpec:
        after = step(self, input)
        state(hx, after, "hx")
        return after


@layer(source=torch_nn("LSTMCell"))
class LSTMCell(Layer):
    """One step of an `LSTM`.

    Shapes: `input` ``[batch, input_size]``, `h_0` and `c_0` ``[batch, hidden_size]``, zeros if both are left out, to
    `h_1` and `c_1`, shaped likewise; all without ``batch`` if the input has one axis.
    """

    input_size: int = _INPUT_SIZE
    hidden_size: int = _HIDDEN_SIZE
    bias: bool = _BIAS
    dtype: DType = parameter_dtype()

    outputs = ("h_1", "c_1")
    examples = (
        example("float32[batch, 3]", "float32[batch, 4]", "float32[batch, 4]", input_size=3, hidden_size=4),
        example("float32[batch, 3]", input_size=3, hidden_size=2, bias=False),
        example("float64[3]", "float64[4]", "float64[4]", input_size=3, hidden_size=4, dtype="float64"),
    )

    def tensors(self) -> tuple[Tensor, ...]:
        return cell(self, gates=4)

    def infer(
        self, input: TensorSpec, h_0: TensorSpec | None = None, c_0: TensorSpec | None = None
    ) -> tuple[TensorSpec, ...]:
        after = step(self, input)
        both(h_0, c_0)
        state(h_0, after, "h_0")
        state(c_0, after, "c_0")
        return after, after


@layer(source=torch_nn("GRUCell"))
class GRUCell(Layer):
    """One step of a `GRU`.

    Shapes: `input` ``[batch, input_size]`` and the state `hx` ``[batch, hidden_size]``, zeros if left out, to the next
    state; all without ``batch`` if the input has one axis.
    """

    input_size: int = _INPUT_SIZE
    hidden_size: int = _HIDDEN_SIZE
    bias: bool = _BIAS
    dtype: DType = parameter_dtype()

    examples = (
        example("float32[batch, 3]", "float32[batch, 4]", input_size=3, hidden_size=4),
        example("float32[batch, 3]", input_size=3, hidden_size=2, bias=False),
        example("float64[3]", "float64[4]", input_size=3, hidden_size=4, dtype="float64"),
    )

    def tensors(self) -> tuple[Tensor, ...]:
        return cell(self, gates=3)

    def infer(self, input: TensorSpec, hx: TensorSpec | None = None) -> TensorSpec:
        after = step(self, input)
        state(hx, after, "hx")
        return after
