"""The cases: what is refused, with exactly what is said of it, and the same thing mended.

A case of any kind is two functions: one does what is wrong, the other the same with the smallest edit that mends it. What is said
of the wrong one stands in two files, `.txt` as a terminal shows it and `.json` as machines read it.

- documents: `invalid/*.yaml`, mended in `corrected/` under the same name;
- packs, weight files and archives, joined parts: `pack_cases.py`; servers and locks: `server_cases.py`;
- capture, building and running: `tests/torch/call_cases.py`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from modelpack import api
from modelpack.checker import check_text
from modelpack.difference import Side, compare
from modelpack.errors import ModelpackError, Problem
from modelpack.examining.document import findings_of
from modelpack.findings import Report
from modelpack.lint.comments import Comments
from modelpack.outputs import Format, render

HERE = Path(__file__).parent
INVALID = HERE / "invalid"
CORRECTED = HERE / "corrected"
TOLD = HERE / "told"
"""What is said of the cases that aren't documents."""
VALID = HERE / "valid"
DIFF = HERE / "diff"
"""Two commits of an architecture each, with what `diff` says of them."""
PACKS = HERE / "packs"
"""What cases import: directories with an architecture and no weights."""

Act = Callable[[Path], object]
"""Does something in a fresh folder, and raises where that is refused."""

Pair = tuple[Act, Act]
"""What is wrong, and the same mended."""


@dataclass(frozen=True, slots=True)
class Case:
    """`told` is the path of both expected outputs, less its suffix; `document` that of the text, where there is one."""

    told: Path
    wrong: Act
    mended: Act
    document: Path | None = None

    def __str__(self) -> str:
        return self.told.name


@dataclass(frozen=True, slots=True)
class Told:
    """What `check` prints in both formats; paths of this machine are left out."""

    text: str
    json: str


def documents() -> list[Case]:
    return [
        Case(path.with_suffix(""), checking(path), checking(CORRECTED / path.name), path)
        for path in sorted(INVALID.glob("*.yaml"))
    ]


def table(name: str, pairs: Mapping[str, Pair]) -> list[Case]:
    """The cases of a table; what they are told lies in `told/<name>`."""
    return [Case(TOLD / name / each, *pair) for each, pair in pairs.items()]


def checking(path: Path) -> Act:
    return lambda folder: api.check(path)


def problems_of(act: Act, folder: Path) -> tuple[Problem, ...]:
    """What is wrong with it; nothing where it isn't refused."""
    try:
        act(folder)
    except ModelpackError as error:
        return error.problems
    return ()


def told(case: Case, folder: Path) -> Told:
    """What is said of what is wrong; `folder` is a fresh one."""
    path, text = str(case.document or case), case.document.read_bytes() if case.document else b""
    findings = tuple(findings_of(problems_of(case.wrong, folder), Comments(text), path))
    # A case has no file that a person could look at unless it is a document.
    forms = ((Format.TEXT, str(case.document or "")), (Format.JSON, path))
    return Told(
        *(_anywhere(render([Report(name, findings)], form, quiet=True), folder) for form, name in forms)
    )


def _anywhere(text: str, folder: Path) -> str:
    """Without what is elsewhere on another machine, and without lines of tests, which move."""
    for known, name in (
        (f"{folder}/", ""),
        (str(folder), "folder"),
        (f"{INVALID}/", ""),
        (str(HERE), ".."),
    ):
        text = text.replace(known, name)
    return re.sub(r"(\w+\.py):\d+", r"\1:…", text)


def expected(case: Case) -> Told:
    text, document = (case.told.with_suffix(suffix).read_text("utf-8") for suffix in (".txt", ".json"))
    return Told(text, document)


def difference(case: Path) -> str:
    """What `diff` says of the two documents of a case."""
    before, after = (
        Side(name, check_text((case / f"{name}.yaml").read_bytes())) for name in ("before", "after")
    )
    return compare(before, after).text()
