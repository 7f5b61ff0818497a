"""Every module class of torch.nn is a layer type, or is listed in `spec/omitted.md` with the reason."""

from __future__ import annotations

import re
from pathlib import Path

from torch import nn

from modelpack.backends.torch.bindings import ROWS
from modelpack.backends.torch.rows import ModuleRow
from modelpack.layers import BUILTIN

OMITTED = Path(__file__).parents[2] / "spec" / "omitted.md"


def exported() -> set[str]:
    return {name for name, each in vars(nn).items() if isinstance(each, type) and issubclass(each, nn.Module)}


def rows_of(section: str) -> list[list[str]]:
    text = OMITTED.read_text(encoding="utf-8").split(f"## {section}\n")[1].split("\n## ")[0]
    lines = [line for line in text.splitlines() if line.startswith("| `")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def test_every_class_of_torch_nn_is_a_type_or_omitted_with_a_reason() -> None:
    omitted = {name.strip("`"): why for name, why in rows_of("Classes")}
    types = {name for name, each in BUILTIN.items() if not each.is_operation}
    assert exported() - types == omitted.keys()
    assert not types & omitted.keys()
    assert all(len(why) > 20 for why in omitted.values())


def test_every_argument_that_capture_pins_is_told() -> None:
    told = {
        (name, argument.strip("`"), only.strip("`"))
        for names, argument, only, _ in rows_of("Constructor arguments")
        for name in re.findall(r"`(\w+)`", names)
    }
    pinned = {
        (row.type, argument, str(only))
        for row in ROWS.values()
        if isinstance(row, ModuleRow)
        for argument, only in row.fixed.items()
    }
    assert told == pinned
