"""Two calls of Linux that Python doesn't have; where the system hasn't got them either, nothing is done, and told.

exchange(first, second) -> bool             swap two paths in one step (renameat2)
start_writeback(number, offset, length)     have the disk begin with these bytes (sync_file_range)
"""

from __future__ import annotations

import ctypes
import errno
import os
from functools import cache
from pathlib import Path

__all__ = ["exchange", "start_writeback"]

_AT_FDCWD = -100
_RENAME_EXCHANGE = 2
_SYNC_FILE_RANGE_WRITE = 2


def exchange(first: Path, second: Path) -> bool:
    """Swap two paths; False where the system or the file system can't. Raises OSError for any other failure."""
    try:
        renameat2 = _libc().renameat2
    except AttributeError:
        return False
    done = renameat2(_AT_FDCWD, os.fsencode(first), _AT_FDCWD, os.fsencode(second), _RENAME_EXCHANGE)
    if done == 0:
        return True
    error = ctypes.get_errno()
    if error in (errno.ENOSYS, errno.EINVAL, errno.EOPNOTSUPP):
        return False
    raise OSError(error, os.strerror(error), str(first), None, str(second))


def start_writeback(number: int, offset: int, length: int) -> None:
    """Begin to write dirty pages of a file to the disk, without waiting, so that the fsync at the end has little left.

    A hint: that it fails changes nothing, the fsync reports what is wrong.
    """
    try:
        sync_file_range = _libc().sync_file_range
    except AttributeError:
        return
    sync_file_range(number, ctypes.c_int64(offset), ctypes.c_int64(length), _SYNC_FILE_RANGE_WRITE)


@cache
def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)
