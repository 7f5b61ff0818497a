"""Rows of the backends -> spec/backends.md, which says what each type is in each framework:

python -m modelpack.backends.support [--check]

Needs the frameworks, as the rows name their classes and functions; what needs none is made by modelpack.generate.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping
from pathlib import Path

from modelpack.backends.torch.told import torch_cells
from modelpack.layers import BUILTIN
from modelpack.layers.families import FAMILIES

__all__ = ["PAGE", "main", "support_page"]

PAGE = Path("spec") / "backends.md"

_HEAD = """\
# What each backend runs

Generated from the rows of the backends by `make generate`; edit `modelpack/backends/*/bindings/` instead.

A type that a backend runs stands with what it becomes there; one that it can't run, with the reason, which `build` and
`load` give too (MP711). What the types mean is in [layers.md](layers.md). That rows and types agree (settings there and back,
tensors, shapes, values) is tested for each pair.
"""


def support_page() -> str:
    """The page: a table for each family, a column for each backend."""
    columns: Mapping[str, Mapping[str, str]] = {"PyTorch": torch_cells()}
    lines = [_HEAD]
    for family in FAMILIES:
        members = [name for name, kind in BUILTIN.items() if kind.cls.__module__ == family.__name__]
        lines += [f"## {family.__name__.rpartition('.')[2].replace('_', ' ').capitalize()}", ""]
        lines += [f"| type | {' | '.join(columns)} |", "|---|" + "---|" * len(columns)]
        for name in members:
            lines.append(f"| `{name}` | {' | '.join(cells[name] for cells in columns.values())} |")
        lines.append("")
    return "\n".join(lines).rstrip() + "\n"


def main() -> int:
    """Write the page into the repository at hand, or compare it; gives the exit status."""
    parser = argparse.ArgumentParser(prog="python -m modelpack.backends.support", description=__doc__)
    parser.add_argument("--check", action="store_true", help="change nothing; fail if it is out of date")
    if not parser.parse_args().check:
        PAGE.write_text(support_page(), encoding="utf-8")
        return 0
    if PAGE.read_text(encoding="utf-8") == support_page():
        return 0
    print(f"{PAGE} differs from the rows: run `make generate`", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
