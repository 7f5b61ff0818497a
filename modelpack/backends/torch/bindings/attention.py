"""MultiheadAttention."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from modelpack.backends.torch.rows import ModuleRow, Row


def _unless_as_embed_dim(name: str) -> Any:
    """How capture reads `kdim` and `vdim`, in which torch notes `embed_dim` where they aren't given."""

    def read(module: nn.MultiheadAttention) -> int | None:
        length = getattr(module, name)
        return None if length == module.embed_dim else length

    return read


def _with_masks_by_name(
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    key_padding_mask: torch.Tensor | None = None,
    attn_mask: torch.Tensor | None = None,
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    return (query, key, value), {"key_padding_mask": key_padding_mask, "attn_mask": attn_mask}


def _without_missing(results: tuple[torch.Tensor, torch.Tensor | None]) -> tuple[torch.Tensor, ...]:
    return tuple(each for each in results if each is not None)


ROWS: tuple[Row, ...] = (
    ModuleRow(
        "MultiheadAttention",
        nn.MultiheadAttention,
        read={
            "bias": lambda module: module.in_proj_bias is not None,
            "add_bias_kv": lambda module: module.bias_k is not None,
            "kdim": _unless_as_embed_dim("kdim"),
            "vdim": _unless_as_embed_dim("vdim"),
        },
        at_call=("need_weights", "average_attn_weights", "is_causal"),
        call=_with_masks_by_name,
        results=_without_missing,
    ),
)
