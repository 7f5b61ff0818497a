"""The command line with all of its commands, for those who call it without a process."""

from __future__ import annotations

from modelpack.cli import COMMANDS, app_of

__all__ = ["app"]

app = app_of(COMMANDS)
