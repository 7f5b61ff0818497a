"""All cases that need no framework."""

from __future__ import annotations

from tests.cases.cases import Case, documents, table
from tests.cases.lint_cases import lint_cases
from tests.cases.pack_cases import PACK_CASES
from tests.cases.server_cases import LOCKS, SERVERS


def every_case() -> list[Case]:
    return [
        *documents(),
        *table("packs", PACK_CASES),
        *table("servers", SERVERS | LOCKS),
        *table("lint", lint_cases()),
    ]
