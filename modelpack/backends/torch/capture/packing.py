"""Packed sequences, while a model is traced: padded ones beside their lengths, which a recurrent layer takes as one more input.

What torch packs has a size that depends on the lengths' values. So a stand-in of what `pack_padded_sequence` gives keeps the
padded sequences; a known recurrent layer called with it gives another, padded with zeros; and `pad_packed_sequence` takes the
padded ones out. Whatever else is done with a packed sequence is refused.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import nn
from torch.nn.utils import rnn

from modelpack.backends.torch.capture.failures import failure, line_here
from modelpack.backends.torch.capture.values import Constant, Described
from modelpack.errors import CaptureError

__all__ = ["RECURRENT", "OverLengths", "accepting_packed", "by_ports", "without_packing"]

RECURRENT = (nn.RNN, nn.GRU, nn.LSTM)

_HINT = "give recurrent layers packed sequences, and pad what they give before anything else uses it"


@dataclass(frozen=True)
class OverLengths:
    """What a recurrent layer is called with in place of a packed sequence."""

    padded: torch.Tensor
    lengths: torch.Tensor
    batch_first: bool
    enforce_sorted: bool


@dataclass(frozen=True)
class Packed:
    """In place of a `PackedSequence`, which it is to those who ask."""

    over: OverLengths
    is_zero_behind: bool
    """whether what lies behind the lengths is 0, as in what a layer gives"""

    @property
    def __class__(self) -> type:  # pyright: ignore[reportIncompatibleMethodOverride]
        return rnn.PackedSequence

    def __iter__(self) -> Iterator[Any]:
        raise _refusal(
            "MP615",
            "gives a packed sequence, or uses its parts, whose sizes depend on values of tensors",
            _HINT,
        )

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        raise _refusal(
            "MP615", f"uses '{name}' of a packed sequence, whose sizes depend on values of tensors", _HINT
        )


def accepting_packed(layer: nn.Module, forward: Callable[..., Any]) -> Callable[..., Any]:
    """`forward` of a recurrent layer, for packed sequences too: it takes `OverLengths` for them and gives padded ones."""
    if type(layer) not in RECURRENT:
        return forward

    def either(input: Any, hx: Any = None) -> Any:
        if type(input) is not Packed:
            return forward(input, hx)
        output, states = forward(input.over, hx)
        return Packed(replace(input.over, padded=output), is_zero_behind=True), states

    return either


def by_ports(arguments: Mapping[str, Described]) -> tuple[Mapping[str, Described], bool | None]:
    """The arguments of a layer's call, those of `OverLengths` each by its name; and whether its batch is first, if it says so."""
    given = arguments.get("input")
    if not isinstance(given, Mapping):
        return arguments, None
    rest = {name: each for name, each in given.items() if name not in ("padded", "batch_first")}
    first = given["batch_first"]
    return {**arguments, **rest, "input": given["padded"]}, first == Constant(True)


@contextmanager
def without_packing() -> Iterator[None]:
    """While it lasts, torch's functions don't pack, also where a model has imported them by name."""
    before = rnn.pack_padded_sequence.__code__, rnn.pad_packed_sequence.__code__
    try:
        rnn.pack_padded_sequence.__code__ = _pack.__code__
        rnn.pad_packed_sequence.__code__ = _pad.__code__
        yield
    finally:
        rnn.pack_padded_sequence.__code__, rnn.pad_packed_sequence.__code__ = before


# The next two run as code of torch's functions, whose globals aren't these.


def _pack(input: Any, lengths: Any, batch_first: bool = False, enforce_sorted: bool = True) -> Any:
    from modelpack.backends.torch.capture import packing

    return packing._packed(input, lengths, batch_first, enforce_sorted)


def _pad(
    sequence: Any, batch_first: bool = False, padding_value: float = 0.0, total_length: int | None = None
) -> Any:
    from modelpack.backends.torch.capture import packing

    return packing._padded(sequence, batch_first, padding_value, total_length)


def _packed(input: torch.Tensor, lengths: Any, batch_first: bool, enforce_sorted: bool) -> Packed:
    # as_tensor of a tensor would be one more step of the trace
    numbers = lengths if isinstance(lengths, torch.Tensor) else torch.as_tensor(lengths)
    if numbers.dtype != torch.int64:
        numbers = numbers.to(torch.int64)
    torch._check(numbers.dim() == 1)
    torch._check(numbers.shape[0] == input.shape[0 if batch_first else 1])
    return Packed(OverLengths(input, numbers, bool(batch_first), bool(enforce_sorted)), is_zero_behind=False)


def _padded(
    sequence: Packed, batch_first: bool, padding_value: float, total_length: Any
) -> tuple[torch.Tensor, torch.Tensor]:
    over = sequence.over
    length = over.padded.shape[1 if over.batch_first else 0]
    if not sequence.is_zero_behind:
        raise _refusal("MP615", "pads what was packed and went through no recurrent layer", _HINT)
    if total_length is None or total_length != length:
        hint = "pad_packed_sequence(..., total_length=x.shape[1]), or whichever axis of what was packed is the length"
        raise _refusal("MP615", "pads up to a length that depends on values of tensors", hint)
    if padding_value != 0:
        raise _refusal(
            "MP613", f"pads with {padding_value}; only 0 can be carried", "fill it in with where()"
        )
    padded = over.padded
    if batch_first != over.batch_first:
        padded = padded.transpose(0, 1).contiguous()
    return padded, over.lengths


def _refusal(code: str, message: str, hint: str) -> CaptureError:
    line = line_here()
    return failure(code, f"{message} ({line})" if line else message, hint=hint)
