"""`modelpack check`: what is wrong with architectures, packs, manifests and lock files, for people, programs and CI.

Exit status: 0 there is nothing, or nothing but notes; 1 there are errors or warnings; 2 it couldn't be done: no such file, a bad
option, bad settings.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from modelpack.errors import printable
from modelpack.outputs import Format, render

if TYPE_CHECKING:
    from modelpack.examining.running import Examiner
    from modelpack.examining.settings import Settings
    from modelpack.examining.targets import Target
    from modelpack.examining.watching import State
    from modelpack.findings import Report

__all__ = ["check"]

_PAUSE = 0.5
"""seconds between two looks of --watch"""

Codes = list[str] | None


@dataclass(frozen=True, slots=True)
class _Wish:
    """The options, as far as more than one step needs them."""

    paths: tuple[str, ...]
    stdin_name: str
    form: Format
    output: Path | None
    select: tuple[str, ...]
    ignore: tuple[str, ...]
    baseline: Path | None
    write_baseline: bool
    only_recognised: bool
    values: bool
    jobs: int
    cache: Path | None
    quiet: bool

    @property
    def named(self) -> list[str]:
        """The paths, standard input as it is called."""
        from modelpack.examining.targets import STDIN

        return [self.stdin_name if path == STDIN else path for path in self.paths]


def check(
    paths: Annotated[
        list[str],
        typer.Argument(
            help="Architectures, packs, manifests, lock files; directories of them, patterns; - for standard input."
        ),
    ],
    form: Annotated[Format, typer.Option("--format", help="What to print.")] = Format.TEXT,
    as_json: Annotated[bool, typer.Option("--json", help="The same as --format json.")] = False,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Write to this file.")] = None,
    select: Annotated[
        Codes, typer.Option(help="Only these codes (MP303), or all that begin so (MP8).")
    ] = None,
    ignore: Annotated[Codes, typer.Option(help="Not these codes, or none that begin so.")] = None,
    baseline: Annotated[Path | None, typer.Option(help="Pass over what this file holds.")] = None,
    write_baseline: Annotated[
        bool, typer.Option("--write-baseline", help="Write what is wrong now to the baseline.")
    ] = False,
    values: Annotated[
        bool, typer.Option("--weights", help="Read the values of weights too, which takes as long as that.")
    ] = False,
    only_recognised: Annotated[
        bool, typer.Option("--only-recognised", help="Pass over named files that are none of ours.")
    ] = False,
    stdin_filename: Annotated[
        str | None, typer.Option(help="Take what - reads for this file, also where its imports count from.")
    ] = None,
    watch: Annotated[bool, typer.Option("--watch", help="Check again whenever a file changes.")] = False,
    jobs: Annotated[int, typer.Option(help="The most processes; 0: one for each processor.", min=0)] = 0,
    cache_dir: Annotated[
        Path | None, typer.Option(help="Where to keep what was found; the user's own if not given.")
    ] = None,
    no_cache: Annotated[bool, typer.Option("--no-cache", help="Look at every file anew.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print nothing but the problems.")] = False,
) -> None:
    """Check architectures, packs, manifests and lock files.

    Of packs the weights' names, shapes and dtypes too; no framework is needed.

    Directories are looked through. Settings are read from [tool.modelpack] of the nearest pyproject.toml.

    Exit status: 0 nothing is wrong (notes don't count), 1 there are errors or warnings, 2 it couldn't be done.
    """
    from modelpack.examining.cache import default_folder
    from modelpack.examining.running import processors
    from modelpack.examining.settings import MisuseError
    from modelpack.examining.targets import STDIN, STDIN_NAME

    if as_json and form not in (Format.TEXT, Format.JSON):
        raise typer.BadParameter(f"--json and --format {form.value}: one of the two")
    if stdin_filename is not None and STDIN not in paths:
        raise typer.BadParameter(f"{STDIN} isn't among the paths", param_hint="--stdin-filename")
    if watch and STDIN in paths:
        raise typer.BadParameter("standard input can't be watched", param_hint="--watch")
    try:
        wish = _Wish(
            paths=tuple(paths),
            stdin_name=stdin_filename or STDIN_NAME,
            form=Format.JSON if as_json else form,
            output=output,
            select=_codes(select, "--select"),
            ignore=_codes(ignore, "--ignore"),
            baseline=baseline,
            write_baseline=write_baseline,
            only_recognised=only_recognised,
            values=values,
            jobs=jobs or processors(),
            cache=None if no_cache else cache_dir or default_folder(),
            quiet=quiet,
        )
        status = _watch(wish) if watch else _once(wish, *_what(wish))
    except MisuseError as error:
        print(printable(str(error)), file=sys.stderr)
        status = 2
    except OSError as error:
        print(printable(f"{error.filename}: {error.strerror}"), file=sys.stderr)
        status = 2
    raise typer.Exit(status)


# ---------------------------------------------------------------------------------------------- steps


def _what(wish: _Wish) -> tuple[Settings, list[Target]]:
    """The settings that hold for the paths, and what they name."""
    from modelpack.examining.settings import common_folder, find_settings
    from modelpack.examining.targets import find_targets

    settings = find_settings(common_folder(wish.named))
    settings = replace(
        settings,
        select=wish.select or settings.select,
        ignore=wish.ignore or settings.ignore,
        baseline=wish.baseline or settings.baseline,
    )
    return settings, find_targets(
        wish.paths,
        settings.exclude,
        settings.root,
        only_recognised=wish.only_recognised,
        stdin_name=wish.stdin_name,
    )


def _once(wish: _Wish, settings: Settings, targets: list[Target]) -> int:
    """Check everything once and tell; returns the exit status."""
    from modelpack.examining.baseline import read_baseline, without, write_baseline
    from modelpack.examining.running import examine_all
    from modelpack.examining.settings import MisuseError
    from modelpack.examining.targets import Kind

    known = settings.baseline
    if wish.write_baseline and known is None:
        raise MisuseError(
            "--write-baseline needs to know where: --baseline FILE, or baseline in pyproject.toml"
        )
    before = read_baseline(known) if known is not None and not wish.write_baseline else {}
    reports = examine_all(targets, _examiner(wish, settings), wish.jobs)
    missing = any(target.kind is Kind.NOTHING for target in targets)
    if wish.write_baseline and known is not None and not missing:
        write_baseline(known, reports)
        count = sum(len(report.findings) for report in reports)
        print(f"wrote {printable(str(known))} ({count} {'problem' if count == 1 else 'problems'})")
        return 0
    if known is not None:
        reports = [without(report, before, known) for report in reports]
    _tell(wish, reports)
    if settings.sizes and not wish.quiet:
        from modelpack.examining.sizes import unmet_sizes

        for each in unmet_sizes(settings, reports, wish.named):
            print(printable(each), file=sys.stderr)
    if not targets:
        print("nothing to check there", file=sys.stderr)
    return 2 if missing else int(any(map(_counts, reports)))


def _examiner(wish: _Wish, settings: Settings) -> Examiner:
    from modelpack.examining.cache import open_cache
    from modelpack.examining.running import Examiner

    # Of settings only the budgets change what is found; the rest is about what is told of it.
    sizes = sorted(settings.sizes.items())
    budgets = (settings.max_parameters, settings.max_flops, settings.max_memory, sizes)
    cache = None if wish.cache is None else open_cache(wish.cache, budgets)
    return Examiner(settings, wish.values, cache)


def _counts(report: Report) -> bool:
    from modelpack.findings import Severity

    return any(finding.severity is not Severity.NOTE for finding in report.findings)


def _tell(wish: _Wish, reports: Sequence[Report]) -> None:
    colour = wish.output is None and _colourful()
    text = render(reports, wish.form, colour=colour, quiet=wish.quiet)
    if wish.output is None:
        sys.stdout.write(text)
        sys.stdout.flush()
        return
    from modelpack.atomic import replacing_file

    data = text.encode("utf-8", "backslashreplace")
    if wish.output.is_relative_to("/dev"):
        wish.output.write_bytes(data)  # whoever may replace what is there, as root in a container, must not
        return
    with replacing_file(wish.output) as number, open(number, "wb", closefd=False) as file:
        file.write(data)


def _colourful() -> bool:
    """Whether colours are shown, and wanted: https://no-color.org."""
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def _watch(wish: _Wish) -> int:
    """Check whenever something changed, until the user ends it; returns the last exit status."""
    status, seen = 0, None
    try:
        while True:
            changed, seen = _look(wish, seen)
            status = status if changed is None else changed
            time.sleep(_PAUSE)
    except KeyboardInterrupt:
        return status


def _look(wish: _Wish, seen: State | None) -> tuple[int | None, State]:
    """One look of `--watch`: the exit status if there was something to check since `seen`, and how things are now."""
    from modelpack.examining.settings import MisuseError
    from modelpack.examining.watching import state_of

    try:
        settings, targets = _what(wish)
        told = settings.root / "pyproject.toml" if settings.root else None
        now = state_of(targets, [path for path in (told, settings.baseline) if path])
        if now == seen:
            return None, now
        status = _once(wish, settings, targets)
    except MisuseError as error:
        # Half of a file may be written yet: the next look sees.
        now = {str(error): (0, 0, 0)}
        if now == seen:
            return None, now
        print(printable(str(error)), file=sys.stderr)
        return 2, now
    what = "file or pack" if len(targets) == 1 else "files and packs"
    print(f"watching {len(targets)} {what}; Ctrl-C ends it", file=sys.stderr)
    return status, now


def _codes(words: Codes, option: str) -> tuple[str, ...]:
    from modelpack.examining.settings import codes_of

    try:
        return codes_of(each.strip() for word in words or () for each in word.split(","))
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint=option) from None
