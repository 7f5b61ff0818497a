"""A path -> whatever was there before, or everything new: files and directories replaced whole.

    with replacing_file(target) as number: …       a file descriptor to write to
    with replacing_directory(target) as path: …

What is new is written beside its target under a temporary name, brought to the disk, then renamed. A
directory that exists is swapped in one step (Linux: renameat2 with RENAME_EXCHANGE). Where the system can't
swap, it takes two renames; between them the old directory stands as `retired(target)`, where readers look for
it and the next save restores it.

A temporary thing is locked (flock) while its writer lives: the next save removes those whose writer died.
POSIX only.
"""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import stat
from collections.abc import Callable, Generator
from pathlib import Path

from modelpack.files import retired
from modelpack.libc import exchange

__all__ = ["replacing_directory", "replacing_file"]


@contextlib.contextmanager
def replacing_file(target: Path) -> Generator[int]:
    """A new file, which replaces `target` when the block ends well. Raises OSError."""
    _remove_stale(target)
    temporary, lock = _create(target, _make_file)
    try:
        yield lock
        os.fsync(lock)
        os.rename(temporary, target)
        _sync_directory(target.parent)
    except BaseException:
        _remove(temporary)
        raise
    finally:
        os.close(lock)


@contextlib.contextmanager
def replacing_directory(target: Path) -> Generator[Path]:
    """A new directory, which replaces the directory `target` when the block ends well; its files must be
    synced already.

    Raises OSError.
    """
    _remove_stale(target)
    temporary, lock = _create(target, _make_directory)
    try:
        yield temporary
        os.fsync(lock)
        with _locked(target.parent):
            _put_directory(temporary, target)
        _sync_directory(target.parent)
    finally:
        # After a swap this is the old directory, after an error the unfinished one.
        _remove(temporary)
        os.close(lock)


def _put_directory(temporary: Path, target: Path) -> None:
    try:
        os.rename(temporary, target)  # fails unless there is nothing or an empty directory
    except OSError as error:
        if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
            raise
    else:
        return
    if exchange(temporary, target):
        return
    old = retired(target)
    os.rename(target, old)
    _sync_directory(target.parent)
    os.rename(temporary, target)
    _sync_directory(target.parent)
    _remove(old)


def _make_file(path: Path) -> int:
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)


def _make_directory(path: Path) -> int:
    path.mkdir()
    return os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)


def _create(target: Path, make: Callable[[Path], int]) -> tuple[Path, int]:
    """A new temporary thing and its descriptor, which holds the lock."""
    # Under the parent's lock, so that no other save takes it for stale before it is locked itself.
    with _locked(target.parent):
        temporary = target.with_name(f"{_prefix(target)}{os.urandom(6).hex()}")
        number = make(temporary)
        _try_lock(number)
        return temporary, number


def _prefix(target: Path) -> str:
    return f".{target.name}.modelpack-tmp-"


def _remove_stale(target: Path) -> None:
    """Remove what writers that died left beside `target`, and restore what they had retired."""
    with _locked(target.parent):
        old = retired(target)
        if old.is_dir():
            if target.exists():
                _remove(old)
            else:
                os.rename(old, target)
        for entry in target.parent.iterdir():
            if entry.name.startswith(_prefix(target)) and _is_abandoned(entry):
                _remove(entry)


def _is_abandoned(path: Path) -> bool:
    try:
        number = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        return _try_lock(number)
    finally:
        os.close(number)


@contextlib.contextmanager
def _locked(directory: Path) -> Generator[None]:
    """One save at a time makes, swaps or removes things in `directory`; best effort where the file system has
    no locks.
    """
    import fcntl  # not on Windows, where the rest of the library can still be imported

    number = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        with contextlib.suppress(OSError):
            fcntl.flock(number, fcntl.LOCK_EX)
        yield
    finally:
        os.close(number)


def _try_lock(number: int) -> bool:
    """Lock without waiting; False if another has the lock or the file system has none."""
    import fcntl

    try:
        fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _sync_directory(path: Path) -> None:
    number = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(number)
    finally:
        os.close(number)


def _remove(path: Path) -> None:
    """Remove a file or a directory; one that is gone already is fine."""
    with contextlib.suppress(FileNotFoundError):
        if stat.S_ISDIR(path.lstat().st_mode):
            shutil.rmtree(path)
        else:
            path.unlink()
