"""Every operator of ATen is read by a row, or is listed in `spec/omitted-operations.md` with the reason."""

from __future__ import annotations

import re
from pathlib import Path

import torch

from modelpack.backends.torch.bindings import ROWS
from modelpack.backends.torch.rows import OperationRow

OMITTED = Path(__file__).parents[2] / "spec" / "omitted-operations.md"


def shown() -> frozenset[str]:
    """The operators that a graph of torch.export may have: without `out=` forms and gradients."""
    registered = torch._C._dispatch_get_all_op_names()
    names = {
        name.removeprefix("aten::").partition(".")[0] for name in registered if name.startswith("aten::")
    }
    return frozenset(name for name in names if "backward" not in name and _gives_new(name))


def _gives_new(name: str) -> bool:
    packet = getattr(torch.ops.aten, name)
    schemas = [getattr(packet, overload)._schema for overload in packet.overloads()]
    return any(not any(argument.is_out for argument in schema.arguments) for schema in schemas)


def read_by_a_row() -> frozenset[str]:
    rows = (row for row in ROWS.values() if isinstance(row, OperationRow))
    return frozenset(each._schema.name.partition("::")[2] for row in rows for each in row.overloads)


def listed() -> dict[str, str]:
    """Operator -> why it is left out."""
    section = OMITTED.read_text(encoding="utf-8").split("## The rest of ATen\n")[1]
    rows = [
        line.strip("|").split("|") for line in section.splitlines() if line.startswith("| ") and "`" in line
    ]
    found = [(name, why.strip()) for why, names in rows for name in re.findall(r"`(\w+)`", names)]
    assert len(found) == len(dict(found)), "an operator stands in two rows"
    return dict(found)


def test_every_operator_is_read_or_listed_with_a_reason() -> None:
    omitted = listed()
    missing = shown() - read_by_a_row()
    assert {
        name for name in missing if name not in omitted and name.removesuffix("_") not in omitted
    } == set()
    assert all(len(why) > 20 for why in omitted.values())


def test_what_is_listed_is_an_operator_that_no_row_reads() -> None:
    assert listed().keys() <= shown() - read_by_a_row()
