"""Products of vectors and matrices, distances, the Fourier transform."""

from __future__ import annotations

from typing import Any

import torch

from modelpack.backends.torch.rows import OperationRow, Row, overloads


def _cdist(x1: Any, x2: Any, p: float, compute_mode: int | None) -> Any:
    return torch.ops.aten.cdist.default(x1, x2, p, compute_mode)


def _fftn(input: Any, dim: Any, norm: Any) -> Any:
    return torch.fft.fftn(input, dim=dim, norm=norm)


ROWS: tuple[Row, ...] = (
    *(
        OperationRow(name, getattr(torch, name), overloads(name))
        for name in ("matmul", "mm", "bmm", "mv", "dot", "vdot", "addmm", "baddbmm", "cosine_similarity")
    ),
    OperationRow("cdist", _cdist, overloads("cdist")),
    OperationRow("fft_fftn", _fftn, overloads("fft_fftn"), fixed={"s": (None,)}),
)
