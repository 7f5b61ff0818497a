"""Network -> first values of all its tensors, by `init` and by what each layer type says, from one seed."""

from __future__ import annotations

from collections.abc import Container, Iterator
from math import prod

from modelpack.errors import ArchitectureError, Problem, raise_if_any
from modelpack.initialise import initialise, validate
from modelpack.limits import MOST_FIRST_BYTES
from modelpack.match import stored_names
from modelpack.network import Network, TensorEntry
from modelpack.safetensors_layout import TensorData

__all__ = ["first_values", "made", "makeable"]


def first_values(
    network: Network, seed: int, most_bytes: int = MOST_FIRST_BYTES, given: Container[str] = ()
) -> list[TensorData]:
    """The tensors that a weight file must hold, each made when it is written; equal seeds give equal bytes. Those in `given` have
    values already.

    Raises:
        ArchitectureError: as `makeable`; MP412 they have more than `most_bytes`.
    """
    entries = makeable(network, given)
    total = sum(prod(entry.shape) * entry.dtype.bits // 8 for entry in entries)
    if total > most_bytes:
        message = f"the tensors to be made have {total:,} bytes, the most is {most_bytes:,}"
        hint = "allow more with --max-bytes"
        raise ArchitectureError(Problem("MP412", message, path=network.main.name, hint=hint))
    return [_lazily(entry, seed) for entry in entries]


def makeable(network: Network, given: Container[str] = ()) -> list[TensorEntry]:
    """What a weight file must hold besides what is `given`, once it is sure that each can be made.

    Raises:
        ArchitectureError: MP410 a tensor of its own that says no `init`; MP411 an initialiser that can't make this tensor.
    """
    entries = [entry for name, entry in stored_names(network).items() if name not in given]
    raise_if_any((problem for entry in entries for problem in _problems(entry)), ArchitectureError)
    return entries


def made(entry: TensorEntry, seed: int) -> memoryview:
    """The first values of one of them, little-endian."""
    if entry.init is None:
        raise ValueError(f"{entry.name} has no initialiser")
    return initialise(entry.init, entry.shape, entry.dtype, seed, entry.name)


def _lazily(entry: TensorEntry, seed: int) -> TensorData:
    return TensorData(entry.name, entry.dtype, entry.shape, lambda: [made(entry, seed)])


def _problems(entry: TensorEntry) -> Iterator[Problem]:
    if entry.init is None:
        hint = "give it one, such as init: {normal: {std: 0.02}}"
        yield Problem("MP410", "has no init, so it has no first values", path=entry.name, hint=hint)
        return
    try:
        validate(entry.init, entry.shape, entry.dtype)
    except ValueError as error:
        yield Problem("MP411", str(error), path=entry.name)
