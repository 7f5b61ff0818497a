"""A pack -> a module that is ready: open, read, check, match, fill, build."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

from modelpack.backends.torch.bindings import ROWS
from modelpack.backends.torch.build import build
from modelpack.backends.torch.fill import fill, fill_from
from modelpack.backends.torch.rows import Row
from modelpack.budget import DEFAULT_BUDGET, Budget
from modelpack.collector import collector_paused
from modelpack.errors import BuildError, Problem
from modelpack.layers import BUILTIN, LayerType
from modelpack.limits import Limits
from modelpack.opened import OpenPack, open
from modelpack.reuse.part import Part
from modelpack.spans import read_tensors

__all__ = ["load", "load_opened", "load_part"]


def load(
    path: str | os.PathLike[str],
    *,
    device: torch.device | str | None = None,
    dtype: torch.dtype | None = None,
    copy: bool = False,
    types: Mapping[str, LayerType] = BUILTIN,
    rows: Mapping[str, Row] = ROWS,
    limits: Limits | None = None,
    budget: Budget = DEFAULT_BUDGET,
    cache: str | os.PathLike[str] | None = None,
    imports: Mapping[str, str | os.PathLike[str]] | None = None,
) -> nn.Module:
    """The network in the pack at `path` (or a URL that fsspec knows), without the class that it was made of; nothing in a pack
    is ever executed.

    It comes in eval mode, as models loaded to be used do; call `train()` to go on training. Its tensors are mapped from the file:
    they are read when first used, changes stay in this process, and the file must not be truncated meanwhile (saving a pack
    anew doesn't: it replaces the file). Those that aren't at a multiple of 64 bytes in the file are copied when loading, so that
    outputs are equal bit by bit: few in what this library saves, all in some files of others, at about 1 ms per MB. With `copy`
    all are read into memory now. `device` is where they go, `dtype` what floating-point ones become (as with `nn.Module.to`).
    What lies elsewhere is read now, and kept in the directory `cache`, if one is given. `types` and `rows` are the layer
    types that the caller allows, `imports` says where packs are that it imports (see `modelpack.open`).

    Raises:
        PackError: it isn't a sound pack (5xx), or its weights aren't those that the architecture implies (4xx).
        ArchitectureError: the architecture is wrong (1xx to 3xx).
        BuildError: torch can't run it (7xx), or it has no weights (MP720).
    """
    with collector_paused():
        # In a function of its own, so that all but the module is gone when collecting resumes.
        return _loaded(
            open(path, types=types, limits=limits, budget=budget, cache=cache, imports=imports),
            rows,
            device=device,
            dtype=dtype,
            copy=copy,
        )


def _loaded(opened: OpenPack, rows: Mapping[str, Row], **options: Any) -> nn.Module:
    with opened:
        return load_opened(opened, rows, **options)


def load_part(
    part: Part,
    rows: Mapping[str, Row] = ROWS,
    *,
    device: torch.device | str | None = None,
    dtype: torch.dtype | None = None,
) -> nn.Module:
    """As `load`, of a part of packs: its tensors are read, no others, into memory of their own.

    Raises:
        BuildError: torch can't run it, or a tensor has no values (7xx). PackError: reading fails (5xx).
    """
    network = part.network
    spans = read_tensors(part.tensors.values())
    tensors = fill_from(network, part.tensors, spans, device=device, dtype=dtype)
    module = build(network, rows=rows, tensors=tensors)
    return module.eval() if "eval" in network.architecture.modes else module


def load_opened(
    opened: OpenPack,
    rows: Mapping[str, Row] = ROWS,
    *,
    device: torch.device | str | None = None,
    dtype: torch.dtype | None = None,
    copy: bool = False,
) -> nn.Module:
    """As `load`, of a pack that is open already, and stays so: what was verified of it holds for the module."""
    network = opened.network
    if opened.architecture.imports:
        return load_part(opened.whole, rows, device=device, dtype=dtype)
    weights = opened.pack.weights
    if weights is None and network.tensors:
        hint = "it is a template: give it weights with `modelpack init`"
        raise BuildError(Problem("MP720", "the pack has no weights", path=opened.pack.where, hint=hint))
    tensors = {} if weights is None else fill(network, weights, device=device, dtype=dtype, copy=copy)
    module = build(network, rows=rows, tensors=tensors)
    return module.eval() if "eval" in network.architecture.modes else module
