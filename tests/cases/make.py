"""Rewrite what is expected of the cases from what is said now; read the difference before committing it."""

from __future__ import annotations

import tempfile
from importlib.util import find_spec
from pathlib import Path

from tests.cases.cases import DIFF, Case, difference, table, told
from tests.cases.every import every_case
from tests.cases.pages import write_pages


def write(case: Case) -> None:
    with tempfile.TemporaryDirectory() as name:
        said = told(case, Path(name).resolve())
    case.told.parent.mkdir(parents=True, exist_ok=True)
    case.told.with_suffix(".txt").write_text(said.text, encoding="utf-8")
    case.told.with_suffix(".json").write_text(said.json, encoding="utf-8")


if __name__ == "__main__":
    cases = every_case()
    if find_spec("torch"):
        from tests.torch.call_cases import CALL_CASES

        cases += table("torch", CALL_CASES)
    for case in cases:
        write(case)
    for case in sorted(DIFF.iterdir()):
        (case / "difference.txt").write_text(difference(case), encoding="utf-8")
    write_pages()
