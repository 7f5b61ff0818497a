"""URLs -> file systems, and what may be shown of a URL."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import unquote, urlsplit, urlunsplit

from modelpack.strict_json import refuse

__all__ = ["as_url", "below", "file_system", "is_http", "local_path", "shown"]

_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
_LOCAL = ("file", "local")
EXTRA = "pip install 'modelpack-nn[remote]'"


def as_url(path: object) -> str | None:
    """`path` if it is a URL; a `Path` never is one."""
    return path if isinstance(path, str) and _URL.match(path) else None


def is_http(url: str) -> bool:
    return urlsplit(url).scheme in ("http", "https")


def local_path(url: str) -> str | None:
    """The path that a URL of this machine names (RFC 8089), None for any other.

    Raises:
        PackError: MP573 it names another machine.
    """
    parts = urlsplit(url)
    if parts.scheme not in _LOCAL:
        return None
    if parts.netloc not in ("", "localhost"):
        refuse("MP573", f"{parts.netloc!r:.100} isn't this machine", shown(url), "use file:///path")
    return unquote(parts.path)


def shown(url: str) -> str:
    """`url` without what may be secret: user, password, query (signatures, tokens) and fragment."""
    parts = urlsplit(url)
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))


def below(url: str, name: str) -> str:
    """The URL of a file in the directory at `url`."""
    parts = urlsplit(url)
    return urlunsplit(parts._replace(path=f"{parts.path.rstrip('/')}/{name}"))


def file_system(url: str) -> tuple[Any, str]:
    """fsspec's file system for `url`, and what `url` is called there.

    Raises:
        PackError: MP573 fsspec isn't installed, or knows no such scheme, or lacks a package for it.
    """
    try:
        from fsspec.core import url_to_fs
    except ImportError:
        refuse("MP573", "reading over the network needs the package fsspec", shown(url), EXTRA)
    try:
        return url_to_fs(url)
    except ImportError as error:
        refuse("MP573", f"a package is missing: {error}", shown(url), f"{EXTRA}, or [s3] for s3://")
    except ValueError as error:
        refuse("MP573", f"fsspec can't open it: {error!s:.200}", shown(url))
