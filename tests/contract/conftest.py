"""Tells at the end of a run how many types and cases the contract held for."""

from __future__ import annotations

import pytest


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    passed = [
        report.nodeid
        for report in terminalreporter.stats.get("passed", [])
        if "tests/contract/" in report.nodeid and "[" in report.nodeid
    ]
    if passed:
        types = {nodeid.split("[")[1].rstrip("]").split("-")[0] for nodeid in passed}
        terminalreporter.write_line(f"contract: {len(types)} types, {len(passed)} cases")
