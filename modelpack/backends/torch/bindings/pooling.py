"""Pools over windows of fixed size."""

from __future__ import annotations

from typing import Any

from torch import nn

from modelpack.backends.torch.rows import ModuleRow, Row, one_for_all


def _stride(module: nn.Module) -> Any:
    """The stride that was given: torch fills in `kernel_size` where none was."""
    stride: Any = vars(module)["stride"]
    return None if _pair(stride) == _pair(vars(module)["kernel_size"]) else stride


def _pair(value: Any) -> Any:
    """One form for ``2``, ``(2,)`` and ``(2, 2)``."""
    return value[0] if isinstance(value, tuple | list) and len(set(value)) == 1 else value


ROWS: tuple[Row, ...] = (
    *(
        # An output that is there or not would change the layer's ports.
        ModuleRow(
            module.__name__,
            module,
            arguments=one_for_all,
            read={"stride": _stride},
            fixed={"return_indices": False},
        )
        for module in (nn.MaxPool1d, nn.MaxPool2d, nn.MaxPool3d)
    ),
    *(
        ModuleRow(module.__name__, module, arguments=one_for_all, read={"stride": _stride})
        for module in (
            nn.AvgPool1d,
            nn.AvgPool2d,
            nn.AvgPool3d,
            nn.MaxUnpool1d,
            nn.MaxUnpool2d,
            nn.MaxUnpool3d,
        )
    ),
    *(
        ModuleRow(module.__name__, module, arguments=one_for_all)
        for module in (nn.LPPool1d, nn.LPPool2d, nn.LPPool3d)
    ),
)
