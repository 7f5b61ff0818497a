"""A target -> its Report: one file or pack, looked at by itself."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from modelpack.errors import ModelpackError, Problem
from modelpack.examining.targets import Kind, Target
from modelpack.files import open_regular, read_architecture
from modelpack.findings import Finding, Report, Severity
from modelpack.limits import Limits

if TYPE_CHECKING:
    from modelpack.lint import Budgets
    from modelpack.network import Network
    from modelpack.reuse.locking import Pin

__all__ = ["Single", "examine_target", "text_of"]

_OF_PINS = frozenset({"MP590", "MP591", "MP593"})


@dataclass(frozen=True, slots=True)
class Single:
    """A report, and the bytes of the file if nothing else led to it."""

    report: Report
    text: bytes | None = None


def examine_target(target: Target, budgets: Budgets, values: bool = False) -> Single:
    """What is wrong with `target`. Never raises for what a file says, or for one that can't be read."""
    path = target.path
    try:
        match target.kind:
            case Kind.ARCHITECTURE:
                return _architecture(target, budgets)
            case Kind.PACK:
                return Single(_pack(path, budgets, values))
            case Kind.MANIFEST:
                return Single(_manifest(path))
            case Kind.LOCK:
                return Single(_lock(path))
            case Kind.NOTHING:
                problem = Problem("MP501", "there is no such file or directory", path=path)
                return Single(_failed(path, [problem]))
    except ModelpackError as error:
        return Single(_failed(path, error.problems))
    except OSError as error:
        return Single(_failed(path, [Problem("MP501", error.strerror or str(error), path=path)]))


def text_of(target: Target) -> bytes:
    """What an architecture says. Raises PackError, OSError as `read_architecture`."""
    return read_architecture(target.path) if target.text is None else target.text


def _failed(path: str, problems: list[Problem] | tuple[Problem, ...]) -> Report:
    return Report(path, tuple(Finding(problem, Severity.ERROR) for problem in problems))


def _architecture(target: Target, budgets: Budgets) -> Single:
    from modelpack.examining.document import examined_text
    from modelpack.summary import size_text

    path, text = target.path, text_of(target)
    examined = examined_text(text, path, budgets)
    report = Report(path, tuple(examined.findings))
    if examined.network is not None:
        dimensions = _dimensions(examined.network, budgets)
        report = replace(report, summary=size_text(examined.network), dimensions=dimensions)
    return Single(report, text if examined.alone else None)


def _pack(path: str, budgets: Budgets, values: bool) -> Report:
    from modelpack import opened
    from modelpack.examining.document import findings_of
    from modelpack.lint import Subject, lint
    from modelpack.lint.comments import Comments
    from modelpack.summary import size_text

    with opened.open(path) as pack:
        comments, name = Comments(pack.pack.architecture), pack.text_name
        try:
            network = pack.network
        except ModelpackError as error:
            return Report(path, tuple(findings_of(error.problems, comments, name)))
        said = lint(Subject(network, pack, budgets, values, comments=comments))
        found = tuple(findings_of(said, comments, name))
        return Report(path, found, size_text(network), _dimensions(network, budgets))


def _dimensions(network: Network, budgets: Budgets) -> tuple[str, ...] | None:
    if not budgets.sizes:
        return None
    from modelpack.costs import free_dimensions

    return free_dimensions(network)


def _manifest(path: str) -> Report:
    from modelpack.manifest import read_manifest

    limits = Limits()
    with open_regular(path) as file:
        manifest = read_manifest(file.read(limits.manifest_bytes + 1), limits)
    count = len(manifest.files)
    return Report(path, (), f"a manifest of {count} {'file' if count == 1 else 'files'}")


def _lock(path: str) -> Report:
    """A lock file, and that its pins are the packs that the architecture beside it imports."""
    from modelpack.reuse.locking import read_lock

    with open_regular(path) as file:
        pins = read_lock(file.read(Limits().manifest_bytes + 1), Path(path).name)
    problems = [problem for beside in _beside(path) for problem in _of_pins(beside, pins)]
    if problems:
        return _failed(path, problems)
    return Report(path, (), f"{len(pins)} {'pin' if len(pins) == 1 else 'pins'}")


def _beside(path: str) -> Iterator[Path]:
    for suffix in (".yaml", ".yml"):
        text = Path(path).with_suffix(suffix)
        if text.is_file():
            yield text
            return


def _of_pins(text: Path, pins: Mapping[str, Pin]) -> list[Problem]:
    """What is wrong between an architecture and its pins; what else is wrong with it is told where it is itself looked at."""
    from modelpack.composing import compose

    try:
        compose(text, locked=pins).close()
    except ModelpackError as error:
        return [problem for problem in error.problems if problem.code in _OF_PINS]
    return []
