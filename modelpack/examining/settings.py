"""pyproject.toml -> Settings: the table `[tool.modelpack]`, and what it makes of findings."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from modelpack.errors import CODES, PackError
from modelpack.files import open_regular
from modelpack.findings import Finding, Severity

if TYPE_CHECKING:
    from modelpack.lint import Budgets

__all__ = [
    "FILE",
    "MisuseError",
    "Settings",
    "codes_of",
    "common_folder",
    "find_settings",
    "place_of",
    "settled",
]

FILE = "pyproject.toml"
_MOST_BYTES = 4 << 20
_MOST = 10**30
"""of any number: 0x… may have more digits than Python writes out"""
_NOTHING_THERE = "MP501"
_LONGEST_KEY = 50
_MOST_PARTS = 64
_PART = rb"""(?:[\w-]++|"[^"\n]*+"|'[^'\n]*+')[ \t]*+\.[ \t]*+"""
_LONG_KEY = re.compile(rb"(?<![\w-])(?:%b){%d}" % (_PART, _MOST_PARTS))
"""tomllib takes time that grows with the square of what a dotted key has."""


class MisuseError(Exception):
    """The command can't be carried out as it was given: nothing to check, a bad option, bad settings."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What the user wants of `check`. Paths in it count from `root`, the folder of the file that says so."""

    root: Path | None = None
    select: tuple[str, ...] = ()
    """codes, or beginnings of codes; none: all"""
    ignore: tuple[str, ...] = ()
    severity: Mapping[str, Severity] = field(default_factory=dict[str, Severity])
    max_parameters: int | None = None
    max_flops: int | None = None
    max_memory: int | None = None
    sizes: Mapping[str, int] = field(default_factory=dict[str, int])
    """at which networks are held against these"""
    exclude: tuple[str, ...] = ()
    baseline: Path | None = None

    @property
    def budgets(self) -> Budgets:
        """What lint holds networks against."""
        from modelpack.lint import Budgets  # with what checks networks, of no use where nothing has changed

        return Budgets(self.max_parameters, self.max_flops, self.max_memory, self.sizes)


def find_settings(folder: Path) -> Settings:
    """Those of the nearest pyproject.toml with a table `[tool.modelpack]`, in `folder` or above it; else none.

    Raises:
        MisuseError: it can't be read, or says something that isn't a setting.
    """
    folder = folder.absolute()
    for each in (folder, *folder.parents):
        table = _table(each / FILE)
        if table is not None:
            return _settings(each / FILE, table)
    return Settings()


def common_folder(paths: Iterable[str]) -> Path:
    """The folder that all `paths` lie in, or are; URLs don't count."""
    here = [os.path.abspath(path) for path in paths if "://" not in path]
    if not here:
        return Path.cwd()
    common = Path(os.path.commonpath(here))
    return common if common.is_dir() else common.parent


def codes_of(words: Iterable[str]) -> tuple[str, ...]:
    """`MP201`, or the beginning of codes (`MP8`), as given.

    Raises:
        ValueError: a word is neither; the message completes "… ".
    """
    found = tuple(words)
    for word in found:
        if not re.fullmatch("MP[0-9]{0,3}", word) or not any(code.startswith(word) for code in CODES):
            raise ValueError(f"'{word:.20}' is no code and no beginning of one (MP201, MP8)")
    return found


def settled(findings: Iterable[Finding], settings: Settings) -> list[Finding]:
    """Those that `settings` select, with their severities; of several that fit a code the longest decides."""
    kept: list[Finding] = []
    for finding in findings:
        code = finding.problem.code
        chosen = _longest(settings.select, code) if settings.select else 0
        if chosen <= _longest(settings.ignore, code):
            continue
        fit = max((each for each in settings.severity if code.startswith(each)), key=len, default=None)
        severity = finding.severity if fit is None else settings.severity[fit]
        kept.append(Finding(finding.problem, severity, finding.line, finding.end_column))
    return kept


def _longest(prefixes: Iterable[str], code: str) -> int:
    return max((len(each) for each in prefixes if code.startswith(each)), default=-1)


def _table(path: Path) -> dict[str, Any] | None:
    try:
        with open_regular(path) as file:
            text = file.read(_MOST_BYTES + 1)
    except NotADirectoryError:
        return None
    except PackError as error:
        if error.problems[0].code == _NOTHING_THERE:
            return None
        raise MisuseError(f"{path}: {error.problems[0].message}") from error
    except OSError as error:
        raise MisuseError(f"{path}: {error.strerror}") from error
    if len(text) > _MOST_BYTES:
        raise MisuseError(f"{path}: more than {_MOST_BYTES} bytes")
    if b"modelpack" not in text:
        return None
    if _LONG_KEY.search(text):
        raise MisuseError(f"{path}: a key of more than {_MOST_PARTS} parts")
    import tomllib  # only where there are settings

    try:
        document = tomllib.loads(text.decode())
    except (ValueError, RecursionError) as error:
        raise MisuseError(f"{path}: {error}") from error
    tool = document.get("tool")
    table = cast("dict[str, Any]", tool).get("modelpack") if isinstance(tool, dict) else None
    if table is not None and not isinstance(table, dict):
        raise MisuseError(f"{path}: tool.modelpack must be a table")
    return cast("dict[str, Any] | None", table)


def _settings(path: Path, table: Mapping[str, Any]) -> Settings:
    found: dict[str, Any] = {}
    for name, value in table.items():
        key = name[:_LONGEST_KEY]  # a longer one is none of ours
        reader = _READERS.get(key)
        if reader is None:
            from difflib import get_close_matches

            near = get_close_matches(key, _READERS, n=1)
            hint = f", did you mean '{near[0]}'?" if near else f": there are {', '.join(_READERS)}"
            raise MisuseError(f"{place_of(path, key)}: [tool.modelpack] has no setting '{key}'{hint}")
        try:
            found[key.replace("-", "_")] = reader(value)
        except ValueError as error:
            raise MisuseError(f"{place_of(path, key)}: [tool.modelpack] {key}: {error}") from None
    if "baseline" in found:
        found["baseline"] = _inside(path, found["baseline"])
    return Settings(root=path.parent, **found)


def _inside(path: Path, name: str) -> Path:
    """The file `name` in the folder of the settings at `path`, or below it: --write-baseline replaces it, so that settings which
    came with somebody's repository must not lead elsewhere."""
    baseline = path.parent / name
    if not Path(os.path.realpath(baseline.parent)).is_relative_to(os.path.realpath(path.parent)):
        told = "must lie in the folder of this file, or below it (--baseline may be anywhere)"
        raise MisuseError(f"{place_of(path, 'baseline')}: [tool.modelpack] baseline: {told}")
    return baseline


def place_of(path: Path, key: str) -> str:
    """The file and the line that gives `key`, as far as that is told by looking; TOML's reader keeps no places."""
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    header = next((n for n, line in enumerate(lines) if re.match(r"\s*\[\s*tool\.modelpack\b", line)), 0)
    pattern = re.compile(rf"""\s*(\[.*\.)?["']?{re.escape(key)}["']?\s*[=.\]]""")
    line = next((n for n, line in enumerate(lines) if n >= header and pattern.match(line)), None)
    return str(path) if line is None else f"{path}:{line + 1}"


def _texts(value: object) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(each, str) for each in cast("list[Any]", value)):
        raise ValueError("must be a list of texts")
    return tuple(cast("list[str]", value))


def _codes(value: object) -> tuple[str, ...]:
    return codes_of(_texts(value))


def _severities(value: object) -> dict[str, Severity]:
    known = [each.value for each in Severity]
    if not isinstance(value, dict) or not all(
        each in known for each in cast("dict[str, Any]", value).values()
    ):
        raise ValueError(f"must be a table from codes to {', '.join(known)}")
    table = cast("dict[str, str]", value)
    codes_of(table)
    return {code: Severity(each) for code, each in table.items()}


def _amount(value: object) -> int:
    if type(value) is not int or not 0 <= value < _MOST:
        raise ValueError("must be an integer, 0 or more")
    return value


def _sizes(value: object) -> dict[str, int]:
    sizes = cast("dict[str, Any]", value) if isinstance(value, dict) else None
    if sizes is None or not all(type(size) is int and 0 < size < _MOST for size in sizes.values()):
        raise ValueError("must be a table from dimensions to integers, 1 or more")
    return sizes


def _text(value: object) -> str:
    if not isinstance(value, str) or not value:
        raise ValueError("must be a text")
    return value


_READERS: Mapping[str, Callable[[object], Any]] = {
    "select": _codes,
    "ignore": _codes,
    "severity": _severities,
    "max-parameters": _amount,
    "max-flops": _amount,
    "max-memory": _amount,
    "sizes": _sizes,
    "exclude": _texts,
    "baseline": _text,
}
