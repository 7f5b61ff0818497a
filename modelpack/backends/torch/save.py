"""A live module -> a pack that is proved equal to it: capture, verify, write."""

from __future__ import annotations

import inspect
import os
import warnings
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import torch
from torch import nn

from modelpack.backends.torch.capture import Captured, capture
from modelpack.backends.torch.capture.failures import failure
from modelpack.backends.torch.capture.free import Dynamic, NotFree, named_marks
from modelpack.backends.torch.capture.tracing import arguments_of
from modelpack.backends.torch.capture.values import tensors_of
from modelpack.backends.torch.capture.verify import Tolerance, Verified, verify
from modelpack.backends.torch.dtypes import from_torch
from modelpack.errors import ArchitectureError, CaptureError, CaptureWarning, ModelpackError
from modelpack.manifest import Manifest
from modelpack.match import stored_names
from modelpack.pack import TensorData, write_pack
from modelpack.pack_writer import check_target
from modelpack.strict_json import JsonValue

__all__ = ["pieces", "save", "tensor_data"]

_PIECE = 16_000_000
"""Bytes that are copied at once where a tensor can't be written as it lies."""


def save(
    model: nn.Module,
    path: str | os.PathLike[str],
    args: tuple[Any, ...] = (),
    kwargs: Mapping[str, Any] | None = None,
    *,
    name: str | None = None,
    samples: bool = False,
    licence: str | None = None,
    metadata: Mapping[str, JsonValue] | None = None,
    metrics: Mapping[str, float] | None = None,
    dynamic: Dynamic | None = None,
    tolerance: Tolerance | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Manifest:
    """Save `model` as a pack at `path`: a file if it ends in ``.modelpack``, else a directory.

    `args` and `kwargs` are example inputs, as for `torch.export`: the model is run on them, and what it does becomes the
    architecture. Then the captured network runs beside the model on them and on inputs of other sizes, and in train mode; a
    difference in one bit refuses the model, unless `tolerance` allows it. Where only training can't be carried, the pack says
    ``modes: [eval]`` and a `CaptureWarning` says why. The model stays as it is.

    `dynamic` names the free axes of inputs (``{"ids": {0: "batch", 1: "length"}}``), otherwise found by themselves. With
    `samples` the example inputs and their outputs are stored, for `modelpack verify`.

    Raises:
        CaptureError: the model can't be carried exactly: where, why, and the way out.
        TypeError: it is no `nn.Module`.
        PackError: MP507 something that is no pack stands at `path`. FileNotFoundError: there is no such folder.
    """
    if not isinstance(model, nn.Module):  # pyright: ignore[reportUnnecessaryIsInstance] - a state_dict, mostly
        told = f"save takes a network, an nn.Module, and not {type(model).__name__}: tensors alone don't say what they are for"
        raise TypeError(told)
    check_target(path)  # to follow a large network takes minutes
    if isinstance(args, torch.Tensor):
        raise failure("MP609", "args is a tensor", hint="pass the example inputs as a tuple: args=(x,)")
    if not args and not kwargs:
        hint = "save follows a run of the network: args=(x,), as it would be called"
        raise failure("MP609", "there are no example inputs", hint=hint)
    given = _in_order(model, kwargs or {})
    captured, verified = _proved(model, args, given, name, dynamic, tolerance)
    return write_pack(
        path,
        architecture=verified.text.encode(),
        weights=[tensor_data(each, captured.tensors[each]) for each in stored_names(verified.network)],
        samples=list(_samples(verified)) if samples else None,
        licence=licence,
        modes=verified.network.architecture.modes,
        metrics=metrics,
        metadata=metadata,
        progress=progress,
    )


def _in_order(model: nn.Module, kwargs: Mapping[str, Any]) -> dict[str, Any]:
    """`kwargs` as `forward` has them: so the network takes them, and so samples are numbered."""
    names = list(inspect.signature(model.forward).parameters)
    known = [name for name in names if name in kwargs]
    return {name: kwargs[name] for name in (*known, *(each for each in kwargs if each not in known))}


def _proved(
    model: nn.Module,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    name: str | None,
    dynamic: Dynamic | None,
    tolerance: Tolerance | None,
) -> tuple[Captured, Verified]:
    """Captured and compared.

    Dimensions at whose other sizes the model does something else are fixed, with a warning; so are all but the batch, and
    then all, where the sizes between can't be said.
    """
    fixed: frozenset[tuple[str, int]] = frozenset()
    told: list[str] = []
    first: ModelpackError | None = None
    while True:
        try:
            captured = capture(model, args, kwargs, name=name, dynamic=dynamic, fixed=fixed)
            verified = verify(captured, model, args, kwargs, tolerance)
        except NotFree as found:
            error, axes, what = found.error, found.axes, ", ".join(sorted(found.names))
        except (CaptureError, ArchitectureError) as failed:
            error, what = failed, "sizes"
            axes = _fewer(model, args, kwargs, fixed) if _may_lie_in_sizes(failed) else frozenset()
        else:
            for each in (*told, *captured.told):
                warnings.warn(each, CaptureWarning, stacklevel=3)
            return captured, verified
        first = first or error
        if dynamic is not None or axes <= fixed:
            raise first from None
        fixed |= axes
        told.append(f"captured with {what} fixed: {error}")


def _may_lie_in_sizes(error: CaptureError | ArchitectureError) -> bool:
    """Whether fewer free sizes could help: torch couldn't reason about them, or no expression says them."""
    if isinstance(error, ArchitectureError):
        return True
    return any(each.code in ("MP601", "MP613", "MP615", "MP616") for each in error.problems)


def _fewer(
    model: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any], fixed: frozenset[tuple[str, int]]
) -> frozenset[tuple[str, int]]:
    """The axes of inputs behind the first; all, if those are fixed."""
    tensors = tensors_of((args, kwargs))
    axes = {
        (name, axis)
        for name, mark in named_marks(arguments_of(model, args, kwargs))
        for axis in range(tensors[mark.index].dim())
    }
    behind = frozenset((name, axis) for name, axis in axes if axis)
    return frozenset(axes) if behind <= fixed else behind


def tensor_data(name: str, tensor: torch.Tensor) -> TensorData:
    """A tensor as the pack writes it; one that doesn't lie in order is copied piece by piece, when it's due."""
    return TensorData(name, from_torch(tensor.dtype), tuple(tensor.shape), lambda: pieces(tensor.detach()))


def pieces(tensor: torch.Tensor) -> Iterator[memoryview]:
    """The tensor's bytes in order, as they lie or in copies of one piece at a time."""
    if tensor.numel() == 0:
        return
    if (
        tensor.device.type == "cpu"
        and tensor.is_contiguous()
        and not tensor.is_conj()
        and not tensor.is_neg()
    ):
        yield _bytes(tensor)
        return
    rows = tensor.reshape(1) if tensor.dim() == 0 else tensor
    count = max(1, _PIECE * len(rows) // (rows.numel() * rows.element_size()))
    for start in range(0, len(rows), count):
        yield _bytes(rows[start : start + count].cpu().contiguous().resolve_conj().resolve_neg())


def _bytes(tensor: torch.Tensor) -> memoryview:
    return memoryview(tensor.reshape(-1).view(torch.uint8).numpy().data)


def _samples(verified: Verified) -> Iterator[TensorData]:
    for kind, tensors in (("input", verified.inputs), ("output", verified.outputs)):
        for at, tensor in enumerate(tensors):
            yield tensor_data(f"{kind}.{at}", tensor)
