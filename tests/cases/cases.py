"""The cases: architectures with exactly what the checker says of them."""

from __future__ import annotations

from pathlib import Path

from modelpack.checker import check_text
from modelpack.errors import ArchitectureError

HERE = Path(__file__).parent
INVALID = HERE / "invalid"
VALID = HERE / "valid"


def told(case: Path) -> str:
    """The problems of a case as text, a line each and a line for each hint; empty where it has none."""
    try:
        check_text(case.read_bytes(), case.name)
    except ArchitectureError as error:
        return f"{error}\n"
    return ""
