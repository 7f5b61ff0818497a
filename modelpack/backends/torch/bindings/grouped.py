"""Products of rows by groups."""

from __future__ import annotations

from typing import Any

import torch

from modelpack.backends.torch.rows import OperationRow, Row

# torch's own grouped_mm reads rows of 16 bytes only, and trusts `offs`; one operator, since how many rows a group has depends
# on values, which no trace can follow.


@torch.library.custom_op("modelpack::grouped_mm", mutates_args=())
def grouped_mm(input: torch.Tensor, mat2: torch.Tensor, offs: torch.Tensor) -> torch.Tensor:
    """Rows of `input` up to ``offs[0]`` times ``mat2[0]``, and so on; rows behind the last group give 0."""
    if offs.shape != mat2.shape[:1] or offs.dtype not in (torch.int32, torch.int64):
        raise ValueError("offs must be an integer for each matrix")
    result = input.new_zeros((input.shape[0], mat2.shape[2]))
    for group, rows in _groups(offs):
        result[rows] = input[rows] @ mat2[group]
    return result


@grouped_mm.register_fake
def _shape(input: torch.Tensor, mat2: torch.Tensor, offs: torch.Tensor) -> torch.Tensor:
    return input.new_empty((input.shape[0], mat2.shape[2]))


@torch.library.custom_op("modelpack::grouped_mm_backward", mutates_args=())
def _backward(
    gradient: torch.Tensor, input: torch.Tensor, mat2: torch.Tensor, offs: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    of_input, of_mat2 = torch.zeros_like(input), torch.zeros_like(mat2)
    for group, rows in _groups(offs):
        of_input[rows] = gradient[rows] @ mat2[group].T
        of_mat2[group] = input[rows].T @ gradient[rows]
    return of_input, of_mat2


@_backward.register_fake
def _shapes(
    gradient: torch.Tensor, input: torch.Tensor, mat2: torch.Tensor, offs: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    return torch.empty_like(input), torch.empty_like(mat2)


def _groups(offs: torch.Tensor) -> list[tuple[int, slice]]:
    ends: list[int] = offs.tolist()
    return [
        (group, slice(start, end)) for group, (start, end) in enumerate(zip([0, *ends], ends, strict=False))
    ]


def _keep(ctx: Any, inputs: tuple[torch.Tensor, ...], output: torch.Tensor) -> None:
    ctx.save_for_backward(*inputs)


def _gradients(ctx: Any, gradient: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
    return (*torch.ops.modelpack.grouped_mm_backward.default(gradient.contiguous(), *ctx.saved_tensors), None)


torch.library.register_autograd("modelpack::grouped_mm", _gradients, setup_context=_keep)

ROWS: tuple[Row, ...] = (OperationRow("grouped_mm", grouped_mm, (torch.ops.modelpack.grouped_mm.default,)),)
