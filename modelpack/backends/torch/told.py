"""Rows of the torch backend -> what a reader of spec/backends.md is told of each."""

from __future__ import annotations

from collections.abc import Mapping

import torch

from modelpack.backends.torch.bindings import ROWS
from modelpack.backends.torch.rows import ModuleRow, OperationRow, Row

__all__ = ["torch_cells"]


def torch_cells() -> Mapping[str, str]:
    """Type -> the class or the ATen operators that it is, or why it is none."""
    return {name: _cell(row) for name, row in ROWS.items()}


def _cell(row: Row) -> str:
    if isinstance(row, ModuleRow):
        return _public(row.module)
    if isinstance(row, OperationRow):
        operators = dict.fromkeys(f"`{_operator(each)}`" for each in row.overloads)
        return ", ".join(operators) or "done by the loaded module"
    return f"no: {row.why}"


def _public(cls: type) -> str:
    """Under the name by which people know it: `torch.nn.Linear` rather than the file in which it is."""
    known = getattr(torch.nn, cls.__name__, None) is cls
    return f"`torch.nn.{cls.__name__}`" if known else f"a module of its own, `{cls.__name__}`"


def _operator(overload: torch._ops.OpOverload) -> str:
    return overload._schema.name.replace("::", ".").removesuffix("_") or overload._schema.name
