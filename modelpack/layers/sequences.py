"""Recurrent networks as functions: their states and weights are inputs."""

from __future__ import annotations

from modelpack.dims import Dim
from modelpack.layers.base import Layer, aten, example, flag, number, operation, size
from modelpack.layers.matrix import one_dtype
from modelpack.layers.rules import FLOATS, of_rank, of_shape
from modelpack.tensors import Mismatch, TensorSpec

__all__ = ["LSTM", "SEQUENCES", "LSTMCell"]

_HAS_BIASES = flag("whether both products of a layer have a bias each")
_NUM_LAYERS = size("layers on top of each other")
_DROPOUT = number(
    "probability of an output of a layer, except the last, to be zeroed in training", minimum=0, maximum=1
)
_TRAIN = flag("whether anything is dropped")
_BIDIRECTIONAL = flag("whether each layer also reads the sequence backwards")
_BATCH_FIRST = flag("whether the batch is the first axis of input and output")
_WEIGHTS = """for each layer and direction, from below, `weight_ih`, `weight_hh` and,
        with `has_biases`, `bias_ih` and `bias_hh`"""


class _Run:
    """The shapes of a run over a sequence, whose weights are checked one after the other."""

    def __init__(self, net: Layer, x: TensorSpec, gates: int, hidden: TensorSpec, put_out: Dim) -> None:
        settings = vars(net)
        self.directions = 1 + settings["bidirectional"]
        self.layers = int(settings["num_layers"])
        self.has_biases = bool(settings["has_biases"])
        self.batch = of_rank(x, 3).shape[0 if settings["batch_first"] else 1]
        self.x, self.rows, self.hidden, self.put_out = x, gates * hidden.shape[-1], hidden.shape[-1], put_out

    def state(self, given: TensorSpec, length: Dim, port: str) -> None:
        of_shape(given, (self.directions * self.layers, self.batch, length), port)

    def weights(self, tensors: tuple[TensorSpec, ...], port: str, *, projected: bool) -> None:
        wanted: list[tuple[Dim, ...]] = []
        for level in range(self.layers):
            read = self.x.shape[-1] if level == 0 else self.put_out * self.directions
            one = [(self.rows, read), (self.rows, self.put_out)]
            one += [(self.rows,), (self.rows,)] if self.has_biases else []
            one += [(self.put_out, self.hidden)] if projected else []
            wanted += one * self.directions
        if len(wanted) != len(tensors):
            raise Mismatch(f"needs {len(wanted)} weights, not {len(tensors)}", port=port)
        for each, shape in zip(tensors, wanted, strict=True):
            of_shape(each, shape, port)

    def output(self) -> TensorSpec:
        return self.x.with_axis(-1, self.put_out * self.directions)


def _states(port: str, *states: TensorSpec) -> None:
    for each in states:
        if each.rank != 3:
            raise Mismatch(f"its {port} must have 3 axes, {each} has {each.rank}", code="MP302", port=port)


def _sequence(name: str, doc: str, gates: int) -> type[Layer]:
    rows, both = 4 * gates, 5 * gates

    @operation(source=aten("torch.nn.RNN" if gates == 1 else "torch.nn.GRU"), name=name)
    class Sequence(Layer):
        __doc__ = f"""{doc}

        `params` are {_WEIGHTS}.
        Shapes: `input` ``[length, batch, in]``, `hx` ``[layers, batch, size]`` to ``[length, batch, size]`` and the state
        after it, as `hx`; weights as those of the layer.
        """

        has_biases: bool = _HAS_BIASES
        num_layers: int = _NUM_LAYERS
        dropout: float = _DROPOUT
        train: bool = _TRAIN
        bidirectional: bool = _BIDIRECTIONAL
        batch_first: bool = _BATCH_FIRST

        outputs = ("output", "h_n")
        examples = (
            example(
                "float32[length, batch, 3]",
                "float32[1, batch, 4]",
                f"float32[{rows}, 3]",
                f"float32[{rows}, 4]",
                f"float32[{rows}]",
                f"float32[{rows}]",
                has_biases=True,
                num_layers=1,
                dropout=0.0,
                train=False,
                bidirectional=False,
                batch_first=False,
            ),
            example(
                "float32[batch, 6, 3]",
                "float32[4, batch, 5]",
                *(f"float32[{both}, 3]", f"float32[{both}, 5]") * 2,
                *(f"float32[{both}, 10]", f"float32[{both}, 5]") * 2,
                has_biases=False,
                num_layers=2,
                dropout=0.25,
                train=True,
                bidirectional=True,
                batch_first=True,
            ),
            example(
                "float64[length, batch, 1]",
                "float64[1, batch, 4]",
                f"float64[{rows}, 1]",
                f"float64[{rows}, 4]",
                f"float64[{rows}]",
                f"float64[{rows}]",
                has_biases=True,
                num_layers=1,
                dropout=0.0,
                train=False,
                bidirectional=False,
                batch_first=False,
            ),
        )

        def infer(self, input: TensorSpec, hx: TensorSpec, *params: TensorSpec) -> tuple[TensorSpec, ...]:
            one_dtype(input, hx, *params, allowed=FLOATS)
            _states("hx", hx)
            run = _Run(self, input, gates, hx, hx.shape[-1])
            run.state(hx, hx.shape[-1], "hx")
            run.weights(params, "params", projected=False)
            return run.output(), hx

    return Sequence


SEQUENCES = (
    _sequence("rnn_tanh", "An Elman network with tanh, as `RNN`.", 1),
    _sequence("rnn_relu", "An Elman network with relu, as `RNN`.", 1),
    _sequence("gru", "Gated recurrent units, as `GRU`.", 3),
)


@operation(source=aten("torch.nn.LSTM"), name="lstm")
class LSTM(Layer):
    __doc__ = f"""Long short-term memory, as `LSTM`.

    `tensors` are the states `h_0` and `c_0`, then {_WEIGHTS}, and with a projection `weight_hr`.
    Shapes: `input` ``[length, batch, in]``, states ``[layers, batch, size]``, to ``[length, batch, size]`` and both states
    after it; weights as those of the layer.
    """

    has_biases: bool = _HAS_BIASES
    num_layers: int = _NUM_LAYERS
    dropout: float = _DROPOUT
    train: bool = _TRAIN
    bidirectional: bool = _BIDIRECTIONAL
    batch_first: bool = _BATCH_FIRST

    outputs = ("output", "h_n", "c_n")
    examples = (
        example(
            "float32[length, batch, 3]",
            "float32[1, batch, 4]",
            "float32[1, batch, 4]",
            "float32[16, 3]",
            "float32[16, 4]",
            "float32[16]",
            "float32[16]",
            has_biases=True,
            num_layers=1,
            dropout=0.0,
            train=False,
            bidirectional=False,
            batch_first=False,
        ),
        example(
            "float32[batch, 6, 3]",
            "float32[4, batch, 5]",
            "float32[4, batch, 5]",
            *("float32[20, 3]", "float32[20, 5]") * 2,
            *("float32[20, 10]", "float32[20, 5]") * 2,
            has_biases=False,
            num_layers=2,
            dropout=0.25,
            train=True,
            bidirectional=True,
            batch_first=True,
        ),
        example(
            "float64[length, batch, 3]",
            "float64[1, batch, 2]",
            "float64[1, batch, 4]",
            "float64[16, 3]",
            "float64[16, 2]",
            "float64[16]",
            "float64[16]",
            "float64[2, 4]",
            has_biases=True,
            num_layers=1,
            dropout=0.0,
            train=False,
            bidirectional=False,
            batch_first=False,
        ),
    )

    def infer(self, input: TensorSpec, *tensors: TensorSpec) -> tuple[TensorSpec, ...]:
        if len(tensors) < 2:
            raise Mismatch("needs both states", port="tensors")
        one_dtype(input, *tensors, allowed=FLOATS)
        h_0, c_0, *weights = tensors
        _states("tensors", h_0, c_0)
        run = _Run(self, input, 4, c_0, h_0.shape[-1])
        run.state(h_0, h_0.shape[-1], "tensors")
        run.state(c_0, c_0.shape[-1], "tensors")
        run.weights(tuple(weights), "tensors", projected=h_0.shape[-1] != c_0.shape[-1])
        return run.output(), h_0, c_0


@operation(source=aten("torch.nn.LSTMCell"), name="lstm_cell")
class LSTMCell(Layer):
    """One step of long short-term memory, as in `LSTMCell`; `hx` are both states.

    Shapes: `input` ``[batch, in]``, states ``[batch, size]``, `w_ih` ``[4 * size, in]``, `w_hh` ``[4 * size, size]``, `b_ih`
    and `b_hh` ``[4 * size]``; to the next states.
    Paper: Hochreiter and Schmidhuber 1997, "Long Short-Term Memory".
    """

    outputs = ("h_1", "c_1")
    examples = (
        example(
            "float32[batch, 3]",
            "float32[16, 3]",
            "float32[16, 4]",
            "float32[16]",
            "float32[16]",
            "float32[batch, 4]",
            "float32[batch, 4]",
        ),
        example(
            "float32[batch, 3]",
            "float32[16, 3]",
            "float32[16, 4]",
            None,
            None,
            "float32[batch, 4]",
            "float32[batch, 4]",
        ),
        example(
            "float64[batch, 1]",
            "float64[8, 1]",
            "float64[8, 2]",
            "float64[8]",
            "float64[8]",
            "float64[batch, 2]",
            "float64[batch, 2]",
        ),
    )

    def infer(
        self,
        input: TensorSpec,
        w_ih: TensorSpec,
        w_hh: TensorSpec,
        b_ih: TensorSpec | None = None,
        b_hh: TensorSpec | None = None,
        *hx: TensorSpec,
    ) -> tuple[TensorSpec, ...]:
        biases = {port: each for port, each in (("b_ih", b_ih), ("b_hh", b_hh)) if each is not None}
        one_dtype(input, w_ih, w_hh, *biases.values(), *hx, allowed=FLOATS)
        of_rank(input, 2)
        if len(hx) != 2 or any(each.rank != 2 for each in hx):
            raise Mismatch("needs two states of two axes", code="MP302", port="hx")
        if len(biases) == 1:
            raise Mismatch("needs both b_ih and b_hh, or neither", port=next(iter(biases)))
        length = hx[0].shape[1]
        for each in hx:
            of_shape(each, (input.shape[0], length), "hx")
        of_shape(w_ih, (4 * length, input.shape[1]), "w_ih")
        of_shape(w_hh, (4 * length, length), "w_hh")
        for port, each in biases.items():
            of_shape(each, (4 * length,), port)
        return hx
