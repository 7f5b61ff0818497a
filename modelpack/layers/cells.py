"""One step of a recurrent network as a function: its weights are inputs."""

from __future__ import annotations

from modelpack.layers.base import Layer, aten, example, operation
from modelpack.layers.matrix import one_dtype
from modelpack.layers.rules import FLOATS, of_rank, of_shape
from modelpack.tensors import Mismatch, TensorSpec

__all__ = ["CELLS"]


def _cell(name: str, doc: str, gates: int, paper: str) -> type[Layer]:
    rows = 4 * gates

    @operation(source=aten("torch.nn.RNNCell"), name=name)
    class Cell(Layer):
        __doc__ = f"""{doc}

        Shapes: `input` ``[batch, in]``, the state `hx` ``[batch, size]``, `w_ih` ``[{gates} * size, in]``, `w_hh`
        ``[{gates} * size, size]``, `b_ih` and `b_hh` ``[{gates} * size]``; to the next state. {paper}
        """

        examples = (
            example(
                "float32[batch, 3]",
                "float32[batch, 4]",
                f"float32[{rows}, 3]",
                f"float32[{rows}, 4]",
                f"float32[{rows}]",
                f"float32[{rows}]",
            ),
            example("float32[batch, 3]", "float32[batch, 4]", f"float32[{rows}, 3]", f"float32[{rows}, 4]"),
            example("float64[batch, 1]", "float64[batch, 4]", f"float64[{rows}, 1]", f"float64[{rows}, 4]"),
        )

        def infer(
            self,
            input: TensorSpec,
            hx: TensorSpec,
            w_ih: TensorSpec,
            w_hh: TensorSpec,
            b_ih: TensorSpec | None = None,
            b_hh: TensorSpec | None = None,
        ) -> TensorSpec:
            biases = {port: each for port, each in (("b_ih", b_ih), ("b_hh", b_hh)) if each is not None}
            one_dtype(input, hx, w_ih, w_hh, *biases.values(), allowed=FLOATS)
            of_rank(input, 2)
            if hx.rank != 2:
                raise Mismatch(f"its hx must have 2 axes, {hx} has {hx.rank}", code="MP302", port="hx")
            if len(biases) == 1:
                raise Mismatch("needs both b_ih and b_hh, or neither", port=next(iter(biases)))
            height = gates * hx.shape[1]
            of_shape(hx, (input.shape[0], hx.shape[1]), "hx")
            of_shape(w_ih, (height, input.shape[1]), "w_ih")
            of_shape(w_hh, (height, hx.shape[1]), "w_hh")
            for port, each in biases.items():
                of_shape(each, (height,), port)
            return hx

    return Cell


CELLS = (
    _cell("rnn_tanh_cell", "``tanh(w_ih x + b_ih + w_hh h + b_hh)``.", 1, ""),
    _cell("rnn_relu_cell", "``relu(w_ih x + b_ih + w_hh h + b_hh)``.", 1, ""),
    _cell(
        "gru_cell",
        "One step of gated recurrent units, as in `GRUCell`.",
        3,
        'Paper: Cho et al. 2014, "Learning Phrase Representations using RNN Encoder-Decoder".',
    ),
)
