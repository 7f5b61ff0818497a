"""Rewrite what is expected of the cases from what is said now; read the difference before committing it."""

from __future__ import annotations

import tempfile
from pathlib import Path

from tests.cases.cases import DIFF, Case, difference, documents, problems_of, told


def write(case: Case) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name).resolve()
        said = told(problems_of(case.wrong, folder), folder)
    case.told.parent.mkdir(parents=True, exist_ok=True)
    case.told.with_suffix(".txt").write_text(said.text, encoding="utf-8")
    case.told.with_suffix(".json").write_text(said.json, encoding="utf-8")


if __name__ == "__main__":
    cases = documents()
    for case in cases:
        write(case)
    for case in sorted(DIFF.iterdir()):
        (case / "difference.txt").write_text(difference(case), encoding="utf-8")
