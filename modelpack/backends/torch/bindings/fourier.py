"""Discrete Fourier transforms."""

from __future__ import annotations

import torch

from modelpack.backends.torch.rows import OperationRow, Row, overloads

_KINDS = ("fft", "ifft", "rfft", "irfft", "hfft", "ihfft")

ROWS: tuple[Row, ...] = (
    *(
        OperationRow(f"fft_{name}", getattr(torch.fft, name), overloads(f"fft_{name}"))
        for kind in _KINDS
        for name in (kind, f"{kind}2", f"{kind}n")
    ),
    *(
        OperationRow(f"fft_{name}", getattr(torch.fft, name), overloads(f"fft_{name}"))
        for name in ("fftshift", "ifftshift")
    ),
    *(
        OperationRow(f"fft_{name}", getattr(torch.fft, name), overloads(f"fft_{name}"), makes_tensor=True)
        for name in ("fftfreq", "rfftfreq")
    ),
)
