"""What `fmt` and `migrate` share: which texts are meant, what is told of each, and how one is replaced.

Exit status: 0 all is well; 1 something would change (--check, --diff), or a text was refused; 2 it couldn't be done: no such
file, not an architecture, bad settings.
"""

from __future__ import annotations

import difflib
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from modelpack.errors import ModelpackError, printable
from modelpack.examining.targets import STDIN, STDIN_NAME
from modelpack.files import ARCHITECTURE, read_architecture

__all__ = ["Change", "Wish", "rewrite"]

Change = Callable[[bytes, str], str]
"""A text and what problems call it -> the text that it should be. Raises ArchitectureError where it can't be read."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What to do with each text."""

    change: Change
    verb: str
    done: str
    """the verb's participle"""
    unchanged: str
    """what is said of a text that stays, behind its name; nothing if empty"""
    check: bool
    """only tell which texts would change"""
    diff: bool
    """only print how"""
    stdin_name: str = STDIN_NAME
    """what standard input is called"""

    @property
    def writes(self) -> bool:
        return not self.check and not self.diff


def rewrite(paths: Sequence[str], wish: Wish, *, only_recognised: bool = False) -> int:
    """Do it, and tell; returns the exit status."""
    from modelpack.examining.settings import MisuseError

    try:
        files = list(_files(paths, only_recognised))
    except MisuseError as error:
        print(printable(str(error)), file=sys.stderr)
        return 2
    statuses: list[int] = []
    for file in files:
        try:
            statuses.append(_rewrite_one(file, wish))
        except ModelpackError as error:
            print(error, file=sys.stderr)
            statuses.append(1)
        except OSError as error:
            print(f"{printable(file)}: {error.strerror}", file=sys.stderr)
            statuses.append(2)
    return max(statuses, default=0)


def _rewrite_one(file: str, wish: Wish) -> int:
    if file == STDIN:
        before, name = sys.stdin.buffer.read(), wish.stdin_name
    else:
        before, name = read_architecture(file), file
    after = wish.change(before, name).encode()
    if file == STDIN and wish.writes:
        sys.stdout.buffer.write(after)
        return 0
    if after == before:
        if wish.unchanged:
            print(f"{printable(name)} {wish.unchanged}")
        return 0
    if wish.diff:
        sys.stdout.buffer.write("".join(_diff(before, after, name)).encode())
    elif wish.check:
        print(f"would {wish.verb} {printable(name)}")
    else:
        _replace(Path(file), after)
        print(f"{wish.done} {printable(name)}")
    return 0 if wish.writes else 1


def _files(paths: Sequence[str], only_recognised: bool) -> Iterator[str]:
    """The architectures that `paths` name, or that lie in the directories that they name.

    Raises:
        MisuseError: one names something else, or nothing.
    """
    from modelpack.examining.settings import MisuseError, common_folder, find_settings
    from modelpack.examining.targets import Kind, find_targets

    named = [path for path in paths if path != STDIN]
    if len(named) < len(paths):
        yield STDIN
    if not named:
        return
    settings = find_settings(common_folder(named))
    given = set(map(os.path.normpath, named))
    for target in find_targets(named, settings.exclude, settings.root, only_recognised=only_recognised):
        if os.path.islink(target.path) and os.path.normpath(target.path) not in given:
            continue  # nobody named what it leads to, which may lie anywhere
        if target.kind is Kind.ARCHITECTURE and not _is_in_pack(target.path):
            yield target.path
        elif only_recognised:
            continue
        elif target.kind is Kind.NOTHING:
            raise MisuseError(f"{target.path}: there is no such file or directory")
        elif target.kind is Kind.ARCHITECTURE or os.path.normpath(target.path) in given:
            told = "what is in a pack stays as it was saved, the manifest holds its digest"
            raise MisuseError(f"{target.path}: not an architecture (.yaml, .yml) by itself; {told}")


def _is_in_pack(path: str) -> bool:
    from modelpack.examining.targets import is_pack

    folder, name = os.path.split(path)
    return name == ARCHITECTURE and is_pack(os.listdir(folder or "."))


def _replace(path: Path, data: bytes) -> None:
    """The file has its old content or the new one, whatever happens, and its permissions; a link leads to it still."""
    from modelpack.atomic import replacing_file

    target = Path(os.path.realpath(path))
    permissions = target.stat().st_mode & 0o7777
    with replacing_file(target) as number:
        os.fchmod(number, permissions)
        with open(number, "wb", closefd=False) as file:
            file.write(data)


def _diff(before: bytes, after: bytes, name: str) -> Iterator[str]:
    old, new = (data.decode().splitlines(keepends=True) for data in (before, after))
    for line in difflib.unified_diff(old, new, name, name):
        yield line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n"
