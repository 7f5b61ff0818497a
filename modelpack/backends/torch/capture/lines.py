"""The lines of the model's source that the nodes of a trace stand for, found the short way.

torch looks every frame of the stack up for every node, down to the start of the program, with its source line, to keep those of
functions called `forward` in the end. Here no others are looked at, nor the ones of torch and ours, which nobody is told.
"""

from __future__ import annotations

import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from types import CodeType, FrameType

import torch.fx.proxy

from modelpack.backends.torch.capture.failures import is_the_users

__all__ = ["lines_of_forwards"]


@contextmanager
def lines_of_forwards() -> Iterator[None]:
    """While the network is traced."""
    real = torch.fx.proxy.CapturedTraceback  # pyright: ignore[reportPrivateImportUsage]
    torch.fx.proxy.CapturedTraceback = _Forwards  # pyright: ignore[reportPrivateImportUsage]
    try:
        yield
    finally:
        torch.fx.proxy.CapturedTraceback = real  # pyright: ignore[reportPrivateImportUsage]


class _Forwards:
    """Stands for torch's `CapturedTraceback`."""

    def __init__(self, frame: FrameType | None) -> None:
        self._calls: list[tuple[CodeType, int]] = []
        while frame is not None:
            if frame.f_code.co_name == "forward" and is_the_users(frame.f_code.co_filename):
                self._calls.append((frame.f_code, frame.f_lineno))
            frame = frame.f_back

    @classmethod
    def extract(cls) -> _Forwards:
        """The stack from here on."""
        return cls(sys._getframe(1))

    def summary(self) -> traceback.StackSummary:
        """As torch wants it: the innermost call last."""
        return traceback.StackSummary.from_list(
            traceback.FrameSummary(code.co_filename, line, code.co_name, lookup_line=False)
            for code, line in reversed(self._calls)
        )
