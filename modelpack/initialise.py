"""Init -> the first values of a tensor, as bytes.

What each initialiser does is what `torch.nn.init` documents; the numbers are not torch's. Those of a tensor depend on
the seed and on its name and on nothing else: not on the order in which tensors are made, and not on the machine, since
they come from a counter-based generator by additions, products, quotients and roots alone, in a fixed order, which IEEE
754 rounds the same everywhere.

Source: https://docs.pytorch.org/docs/2.13/nn.init.html
"""

from __future__ import annotations

from math import prod, sqrt

from modelpack.dtypes import DType, Kind
from modelpack.layers.initial import INITIALISERS, Init

__all__ = ["MAKEABLE", "argument", "fans", "gain", "initialise", "validate"]

MAKEABLE = frozenset(dtype for dtype in DType if dtype.bits >= 8 and dtype is not DType.FLOAT8_E8M0FNU)
"""The dtypes in which tensors are made; those of the others hold what was computed from other tensors."""

_OF_ANY_DTYPE = frozenset({"zeros", "ones", "constant", "eye", "dirac"})
_OF_FANS = frozenset({"xavier_uniform", "xavier_normal", "kaiming_uniform", "kaiming_normal"})
_RANKS = {"eye": (2,), "sparse": (2,), "dirac": (3, 4, 5)}
_DEFAULTS: dict[tuple[str, str], float | str] = {
    ("uniform", "a"): 0.0,
    ("uniform", "b"): 1.0,
    ("normal", "mean"): 0.0,
    ("normal", "std"): 1.0,
    ("trunc_normal", "mean"): 0.0,
    ("trunc_normal", "std"): 1.0,
    ("trunc_normal", "a"): -2.0,
    ("trunc_normal", "b"): 2.0,
    ("dirac", "groups"): 1,
    ("xavier_uniform", "gain"): 1.0,
    ("xavier_normal", "gain"): 1.0,
    **{
        (f"kaiming_{kind}", name): value
        for kind in ("uniform", "normal")
        for name, value in (("a", 0.0), ("mode", "fan_in"), ("nonlinearity", "leaky_relu"))
    },
    ("orthogonal", "gain"): 1.0,
    ("sparse", "std"): 0.01,
}
"""The arguments that may be left out; the others (`val`, `sparsity`, `padding_idx`) must be given."""


def initialise(init: Init, shape: tuple[int, ...], dtype: DType, seed: int, name: str) -> memoryview:
    """The first values of the tensor `name`: little-endian bytes in C order, as a safetensors file has them.

    Raises:
        ValueError: as `validate`; or the values are beyond what `dtype` can hold.
    """
    validate(init, shape, dtype)
    from modelpack import fill  # numpy is slow to import

    if prod(shape) == 0:
        return memoryview(b"")
    return fill.bytes_of(init, shape, dtype, seed, name)


def validate(init: Init, shape: tuple[int, ...], dtype: DType) -> None:
    """Refuse what can't be done.

    Raises:
        ValueError: an unknown initialiser or argument, one missing or of a wrong value; a shape or a dtype for which
            the initialiser means nothing.
    """
    known = INITIALISERS.get(init.name)
    if known is None:
        raise ValueError(f"there is no initialiser '{init.name}', only {', '.join(sorted(INITIALISERS))}")
    for key, value in init.arguments.items():
        if key not in known:
            told = ", ".join(known) or "none"
            raise ValueError(f"{init.name} has no argument '{key}'; its arguments: {told}")
        try:
            known[key].read(value)
        except ValueError as error:
            raise ValueError(f"{key} of {init.name} {error}") from None
    for key in known:
        argument(init, key)
    _check_values(init)
    _check_shape(init, shape)
    _check_dtype(init, dtype)


def argument(init: Init, name: str) -> float | str:
    """An argument of an initialiser, given or by default.

    Raises:
        ValueError: it must be given and isn't.
    """
    if name in init.arguments:
        return init.arguments[name]
    if (init.name, name) not in _DEFAULTS:
        raise ValueError(f"{init.name} needs {name}")
    return _DEFAULTS[init.name, name]


def fans(shape: tuple[int, ...]) -> tuple[int, int]:
    """Over how many inputs each output of such a weight sums, and into how many outputs each input goes.

    Raises:
        ValueError: it has fewer than two axes.
    """
    if len(shape) < 2:
        raise ValueError(f"a tensor of the shape {list(shape)} has no fan-in: it needs two axes at least")
    field = prod(shape[2:])
    return shape[1] * field, shape[0] * field


def gain(nonlinearity: str, a: float) -> float:
    """By how much weights are enlarged for what follows them; `a` is the slope of a leaky ReLU."""
    gains = {"tanh": 5 / 3, "relu": sqrt(2.0), "leaky_relu": sqrt(2.0 / (1 + a * a)), "selu": 3 / 4}
    return gains.get(nonlinearity, 1.0)


def _check_values(init: Init) -> None:
    if init.name not in ("uniform", "trunc_normal"):
        return
    low, high = float(argument(init, "a")), float(argument(init, "b"))
    if low > high or (init.name == "trunc_normal" and low == high):
        raise ValueError(f"a of {init.name} is {low}, not below its b, {high}")
    if init.name == "trunc_normal" and argument(init, "std") == 0:
        raise ValueError("std of trunc_normal must be more than 0")


def _check_shape(init: Init, shape: tuple[int, ...]) -> None:
    ranks = _RANKS.get(init.name)
    if ranks is not None and len(shape) not in ranks:
        wanted = " or ".join(map(str, ranks))
        raise ValueError(f"{init.name} is for tensors of {wanted} axes, not of the shape {list(shape)}")
    if init.name in _OF_FANS:
        fans(shape)
    if init.name == "orthogonal" and len(shape) < 2:
        raise ValueError(f"orthogonal is for tensors of two axes or more, not of the shape {list(shape)}")
    if init.name == "dirac" and shape[0] % int(argument(init, "groups")):
        raise ValueError(
            f"groups of dirac, {argument(init, 'groups')}, doesn't divide the first of {list(shape)}"
        )
    if init.name == "embedding" and (len(shape) != 2 or int(argument(init, "padding_idx")) >= shape[0]):
        raise ValueError(
            f"embedding is for a table with a row {argument(init, 'padding_idx')}, not {list(shape)}"
        )


def _check_dtype(init: Init, dtype: DType) -> None:
    if dtype not in MAKEABLE:
        raise ValueError(
            f"tensors of {dtype} can't be initialised: they only store what was computed otherwise"
        )
    if init.name not in _OF_ANY_DTYPE and dtype.kind is not Kind.FLOAT:
        raise ValueError(f"{init.name} gives real numbers, which a tensor of {dtype} can't hold")
