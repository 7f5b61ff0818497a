"""How a tensor gets its first values: the initialisers of `torch.nn.init`, as data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from modelpack.layers.kinds import Choice, Integer, Kind, Number

__all__ = ["INITIALISERS", "ONES", "ZEROS", "Init"]


@dataclass(frozen=True, slots=True)
class Init:
    """An initialiser by its name in `torch.nn.init` (`kaiming_uniform`), with the arguments that differ from its defaults."""

    name: str
    arguments: Mapping[str, float | str] = field(default_factory=dict[str, float | str])


ZEROS = Init("zeros")
ONES = Init("ones")

_NUMBER = Number()
_POSITIVE = Number(minimum=0.0)
_MODE = Choice(("fan_in", "fan_out"))
_NONLINEARITY = Choice(
    (
        "linear",
        "conv1d",
        "conv2d",
        "conv3d",
        "conv_transpose1d",
        "conv_transpose2d",
        "conv_transpose3d",
        "sigmoid",
        "tanh",
        "relu",
        "leaky_relu",
        "selu",
    )
)
_KAIMING: Mapping[str, Kind] = {"a": _NUMBER, "mode": _MODE, "nonlinearity": _NONLINEARITY}

INITIALISERS: Mapping[str, Mapping[str, Kind]] = {
    "zeros": {},
    "ones": {},
    "constant": {"val": _NUMBER},
    "uniform": {"a": _NUMBER, "b": _NUMBER},
    "normal": {"mean": _NUMBER, "std": _POSITIVE},
    "embedding": {"padding_idx": Integer(minimum=0)},
    "trunc_normal": {"mean": _NUMBER, "std": _POSITIVE, "a": _NUMBER, "b": _NUMBER},
    "eye": {},
    "dirac": {"groups": Integer(minimum=1)},
    "xavier_uniform": {"gain": _NUMBER},
    "xavier_normal": {"gain": _NUMBER},
    "kaiming_uniform": _KAIMING,
    "kaiming_normal": _KAIMING,
    "orthogonal": {"gain": _NUMBER},
    "sparse": {"sparsity": Number(minimum=0.0, maximum=1.0), "std": _POSITIVE},
}
"""Each initialiser's arguments, as in `torch.nn.init` without the trailing underscore; `modelpack.initialise` does them.

`embedding` is what `torch.nn.Embedding` itself does: `normal`, but zeros in the row of `padding_idx`.
"""
