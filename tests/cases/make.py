"""Rewrite the expected outputs of `invalid/` and `diff/` from what is said now; read the difference before committing it."""

from __future__ import annotations

from tests.cases.cases import DIFF, INVALID, difference, told

for case in sorted(INVALID.glob("*.yaml")):
    case.with_suffix(".txt").write_text(told(case), encoding="utf-8")
for case in sorted(DIFF.iterdir()):
    (case / "difference.txt").write_text(difference(case), encoding="utf-8")
