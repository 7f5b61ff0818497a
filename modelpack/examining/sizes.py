"""Settings, Reports -> the names under `sizes` that mean nothing there: misspelt, they would change no budget."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence

from modelpack.examining.settings import FILE, Settings, place_of
from modelpack.findings import Report

__all__ = ["unmet_sizes"]


def unmet_sizes(settings: Settings, reports: Sequence[Report], named: Iterable[str]) -> Iterator[str]:
    """What to tell of each name that no network in `reports` has as a free dimension; nothing while one of them isn't sound.

    Where there is nothing but the files that the user `named`, a size may be there for others: only a name that is near to one of
    theirs is told.
    """
    if not settings.sizes or settings.root is None or any(report.summary is None for report in reports):
        return
    known = {name for report in reports for name in report.dimensions or ()}
    unmet = [name for name in settings.sizes if name not in known]
    if not unmet or all(report.dimensions is None for report in reports):
        return
    from modelpack.reading import nearest

    paths = set(map(os.path.normpath, named))
    looked_through = any(os.path.normpath(report.path) not in paths for report in reports)
    for name in unmet:
        near = nearest(name, known - settings.sizes.keys())
        if near or looked_through:
            hint = f", did you mean '{near}'?" if near else ""
            told = f"[tool.modelpack] sizes: no network here has a free dimension '{name}'{hint}"
            yield f"{place_of(settings.root / FILE, 'sizes')}: {told}"
