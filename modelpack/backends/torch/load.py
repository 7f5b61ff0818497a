"""A pack -> a module that is ready: open, read, check, match, fill, build."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

from modelpack import api
from modelpack.backends.torch.bindings import ROWS
from modelpack.backends.torch.build import build
from modelpack.backends.torch.fill import fill
from modelpack.backends.torch.rows import Row
from modelpack.budget import DEFAULT_BUDGET, Budget
from modelpack.collector import collector_paused
from modelpack.errors import BuildError, Problem
from modelpack.layers import BUILTIN, LayerType
from modelpack.limits import Limits

__all__ = ["load", "load_opened"]


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
) -> nn.Module:
    """The network in the pack at `path` (or a URL that fsspec knows), without the class that it was made of; nothing in a pack
    is ever executed.

    It comes in eval mode, as models loaded to be used do; call `train()` to go on training. Its tensors are mapped from the file:
    they are read when first used, changes stay in this process, and the file must not be truncated meanwhile (saving a pack
    anew doesn't: it replaces the file). Those that aren't at a multiple of 64 bytes in the file are copied when loading, so that
    outputs are equal bit by bit: few in what this library saves, all in some files of others, at about 1 ms per MB. With `copy`
    all are read into memory now. `device` is where they go, `dtype` what floating-point ones become (as with `nn.Module.to`).
    What lies elsewhere is read now, and kept in the directory `cache`, if one is given. `types` and `rows` are the layer
    types that the caller allows.

    Raises:
        PackError: it isn't a sound pack (5xx), or its weights aren't those that the architecture implies (4xx).
        ArchitectureError: the architecture is wrong (1xx to 3xx).
        BuildError: torch can't run it (7xx), or it has no weights (MP720).
    """
    with collector_paused():
        # In a function of its own, so that all but the module is gone when collecting resumes.
        return _loaded(
            api.open(path, types=types, limits=limits, budget=budget, cache=cache),
            rows,
            device=device,
            dtype=dtype,
            copy=copy,
        )


def _loaded(opened: api.OpenPack, rows: Mapping[str, Row], **options: Any) -> nn.Module:
    with opened:
        return load_opened(opened, rows, **options)


def load_opened(opened: api.OpenPack, rows: Mapping[str, Row] = ROWS, **options: Any) -> nn.Module:
    """As `load`, of a pack that is open already, and stays so: what was verified of it holds for the module."""
    network = opened.network
    weights = opened.pack.weights
    if weights is None and network.tensors:
        hint = "it is a template: give it weights with `modelpack init`"
        raise BuildError(Problem("MP720", "the pack has no weights", path=opened.pack.where, hint=hint))
    tensors = {} if weights is None else fill(network, weights, **options)
    module = build(network, rows=rows, tensors=tensors)
    return module.eval() if "eval" in network.architecture.modes else module
