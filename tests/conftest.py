"""How long hypothesis searches (the same 200 examples each time, so that a change is judged by itself; 2,000 new ones with
HYPOTHESIS_PROFILE=nightly, as in `make nightly`), and what is told
at the end of a run: for how many types and cases the contract held, how many cuts through networks were made and refused."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

from modelpack.layers import BUILTIN

# The machine is shared, so no example has a deadline; what must be fast is measured in benchmarks and attacks.
settings.register_profile(
    "default", max_examples=200, derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile("nightly", settings.get_profile("default"), max_examples=2_000, derandomize=False)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))


@pytest.fixture(autouse=True, scope="session")
def _cache_of_its_own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """What commands keep of earlier runs lies in the user's own directory: the tests begin with nothing, and leave nothing."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        yield


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    passed = [
        named
        for report in terminalreporter.stats.get("passed", [])
        if "tests/contract/" in report.nodeid and (named := _type(report.nodeid))
    ]
    if passed:
        terminalreporter.write_line(f"contract: {len(set(passed))} types, {len(passed)} cases")
    cuts = [
        counts
        for report in terminalreporter.stats.get("passed", [])
        for name, counts in report.user_properties
        if name == "cuts"
    ]
    if cuts:
        hooked, legal, refused = map(sum, zip(*cuts, strict=True))
        terminalreporter.write_line(
            f"cuts: {len(cuts)} networks, {legal} made, {refused} refused; {hooked} parts held against a hook"
        )


def _type(nodeid: str) -> str | None:
    """The type that a case is about: `…::test_x[Conv2d-0]`."""
    words = nodeid.partition("[")[2].rstrip("]").split("-")
    return next((word for word in words if word in BUILTIN), None)
