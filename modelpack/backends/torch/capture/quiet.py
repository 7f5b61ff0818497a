"""What torch.export itself prints and logs while it traces, a graph for every try, is left out: our errors tell what fails."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, cast

import torch.export._trace

__all__ = ["quiet"]

_LOGGERS = ("torch.export", "torch.export._trace", "torch.fx.experimental.symbolic_shapes")


@contextmanager
def quiet() -> Iterator[None]:
    """Leave out what torch prints and logs of a trace that fails; what the model itself prints is printed."""
    module = cast("dict[str, Any]", vars(torch.export._trace))
    if "print" in module:  # a trace within another
        yield
        return
    loggers = [logging.getLogger(name) for name in _LOGGERS]
    module["print"] = _nothing
    for each in loggers:
        each.addFilter(_wanted)
    try:
        yield
    finally:
        del module["print"]
        for each in loggers:
            each.removeFilter(_wanted)


def _nothing(*_: object, **__: object) -> None:
    pass


def _wanted(record: logging.LogRecord) -> bool:
    """What somebody asked for (TORCH_LOGS) is of other levels."""
    return record.levelno not in (logging.WARNING, logging.ERROR)
