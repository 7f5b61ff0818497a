"""The cases: architectures with exactly what the checker says of them."""

from __future__ import annotations

from pathlib import Path

from modelpack import api
from modelpack.checker import check_text
from modelpack.difference import Side, compare
from modelpack.errors import ModelpackError

HERE = Path(__file__).parent
INVALID = HERE / "invalid"
VALID = HERE / "valid"
DIFF = HERE / "diff"
"""Two commits of an architecture each, with what `diff` says of them."""
PACKS = HERE / "packs"
"""What cases import: directories with an architecture and no weights."""


def told(case: Path) -> str:
    """The problems of a case as text, a line each and a line for each hint; empty where it has none."""
    text = case.read_bytes()
    try:
        # Only what imports packs is read from where it is: paths count from there.
        api.check(case) if b"imports:" in text else check_text(text, case.name)
    except ModelpackError as error:
        return f"{error}\n".replace(str(case), case.name).replace(str(HERE), "cases")
    return ""


def difference(case: Path) -> str:
    """What `diff` says of the two documents of a case."""
    before, after = (
        Side(name, check_text((case / f"{name}.yaml").read_bytes())) for name in ("before", "after")
    )
    return compare(before, after).text()
