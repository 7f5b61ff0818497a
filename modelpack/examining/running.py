"""Targets -> Reports, in order: from the cache what is known, the rest by several processes where there is much of it."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from modelpack.errors import ModelpackError
from modelpack.examining.settings import MisuseError, Settings, settled
from modelpack.examining.single import examine_target, text_of
from modelpack.examining.targets import Kind, Target
from modelpack.findings import Report

if TYPE_CHECKING:
    from modelpack.examining.cache import Cache

__all__ = ["Examiner", "examine_all", "processors"]

_WORTH_IT = 100
"""files for each process: one takes some tenths of a second to begin, a usual file a few milliseconds"""


@dataclass(frozen=True, slots=True)
class Examiner:
    """Looks at one target after the other, under the same settings."""

    settings: Settings
    values: bool = False
    cache: Cache | None = None

    def known(self, target: Target) -> Report | None:
        """What the cache has."""
        if self.cache is None or target.kind is not Kind.ARCHITECTURE:
            return None
        try:
            text = text_of(target)
        except (ModelpackError, OSError):
            return None
        return self.cache.get(self.cache.key(target.path, text), target.path)

    def __call__(self, target: Target) -> Report:
        """What is found now; kept where it depends on nothing but the file."""
        single = examine_target(target, self.settings.budgets, self.values)
        if self.cache is not None and single.text is not None:
            self.cache.put(self.cache.key(target.path, single.text), single.report)
        return single.report


def examine_all(targets: Sequence[Target], examiner: Examiner, jobs: int = 1) -> list[Report]:
    """The reports on `targets`, in their order, as the settings make them; at most `jobs` processes look at them.

    Raises:
        MisuseError: a process was ended from outside, as for want of memory.
    """
    found = {target: report for target in targets if (report := examiner.known(target)) is not None}
    left = [target for target in targets if target not in found]
    found.update(zip(left, _fresh(left, examiner, min(jobs, len(left) // _WORTH_IT)), strict=True))
    return [_settled(found[target], examiner.settings) for target in targets]


def processors() -> int:
    """How many processors this process may use."""
    if sys.platform == "linux":
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _fresh(targets: Sequence[Target], examiner: Examiner, jobs: int) -> Iterable[Report]:
    if jobs < 2:
        return map(examiner, targets)
    from concurrent.futures import ProcessPoolExecutor, process  # costs as much as checking some files

    import modelpack.examining.document  # noqa: F401 - before the processes begin, so that they have it

    try:
        with ProcessPoolExecutor(jobs) as pool:
            return list(pool.map(examiner, targets, chunksize=max(len(targets) // (8 * jobs), 1)))
    except process.BrokenProcessPool as error:
        raise MisuseError("a process that checks files was ended; try --jobs 1") from error


def _settled(report: Report, settings: Settings) -> Report:
    kept = tuple(settled(report.findings, settings))
    return replace(report, findings=kept, silenced=len(report.findings) - len(kept))
