"""Tells at the end of a run for how many types and cases the contract held."""

from __future__ import annotations

import pytest

from modelpack.layers import BUILTIN


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    passed = [
        named
        for report in terminalreporter.stats.get("passed", [])
        if "tests/contract/" in report.nodeid and (named := _type(report.nodeid))
    ]
    if passed:
        terminalreporter.write_line(f"contract: {len(set(passed))} types, {len(passed)} cases")


def _type(nodeid: str) -> str | None:
    """The type that a case is about: `…::test_x[Conv2d-0]`."""
    words = nodeid.partition("[")[2].rstrip("]").split("-")
    return next((word for word in words if word in BUILTIN), None)
