"""What capture says when it can't go on: the module, the line of the user's source, the way out."""

from __future__ import annotations

import inspect
import os
import re
import sys
import traceback
from collections.abc import Iterable, Sequence
from pathlib import Path, PurePath
from typing import TYPE_CHECKING

import torch
from torch import fx, nn

from modelpack.backends.torch.capture.forwards import forward_of
from modelpack.errors import CaptureError, Problem

if TYPE_CHECKING:
    from modelpack.backends.torch.capture.tracing import ModuleCall

__all__ = ["failing", "failure", "forward_line", "is_the_users", "line_here", "source_line", "told_by_export"]

_FRAME = re.compile(r'File "([^"]+)", line (\d+), in [^\n]*\n\s*([^\n]*)')
_NOT_THE_USERS = (f"{Path(torch.__file__).parent}{os.sep}", f"{Path(__file__).parents[3]}{os.sep}")


def failure(
    code: str, message: str, path: str = "", node: fx.Node | None = None, hint: str | None = None
) -> CaptureError:
    """The error, with the source line of `node` at the end of its message."""
    line = source_line(node.meta.get("stack_trace")) if node is not None else None
    return CaptureError(Problem(code, f"{message} ({line})" if line else message, path=path, hint=hint))


def is_the_users(file: str) -> bool:
    """Whether the source of code is neither torch's nor ours."""
    return not file.startswith(_NOT_THE_USERS)


def source_line(trace: str | None) -> str | None:
    """The innermost line of a stack trace that is neither torch's nor ours: ``net.py:12: y += x``. Folders stay private."""
    for file, line, code in reversed(_FRAME.findall(trace or "")):
        if is_the_users(file):
            return f"{PurePath(file).name}:{line}: {code.strip()}"
    return None


def line_here() -> str | None:
    """The user's line that is running."""
    frames = reversed(traceback.extract_stack())
    found = next((each for each in frames if is_the_users(each.filename) and each.filename[:1] != "<"), None)
    return f"{PurePath(found.filename).name}:{found.lineno}: {found.line}" if found is not None else None


def forward_line(module: nn.Module) -> str:
    """Where the forward of a module begins: ``Net.forward, net.py:12``. Folders stay private."""
    forward = inspect.unwrap(forward_of(module))
    code = getattr(forward, "__code__", None)
    where = f", {PurePath(code.co_filename).name}:{code.co_firstlineno}" if code is not None else ""
    return f"{type(module).__name__}.{forward.__name__}{where}"


def told_by_export(error: Exception, calls: Sequence[ModuleCall]) -> CaptureError:
    """An exception during tracing, re-told: the module in whose forward it arose, the user's line, the way out."""
    if isinstance(error, CaptureError):
        return error
    path = next((call.path for call in reversed(calls) if not call.finished), "")
    line = _line_of(error, [call.module for call in calls])
    first = next(iter(str(error).strip().splitlines()), type(error).__name__)
    hint = "capture needs a forward whose steps don't depend on values of tensors; see torch.export's documentation"
    if "data-dependent" in str(error) or "GuardOnDataDependent" in type(error).__name__:
        first = "its control flow depends on values of tensors"
    return failure(
        "MP601", f"torch.export can't follow it: {first}" + (f" ({line})" if line else ""), path, hint=hint
    )


def failing(error: Exception, model: nn.Module, mode: str) -> CaptureError:
    """An exception of the network itself on its example inputs, re-told: what it says, and the user's line."""
    line = _line_of(error, model.modules())
    path = _innermost(error, model)
    first = next(iter(str(error).strip().splitlines()), "")
    message = (
        f"the network itself fails on the example inputs in {mode} mode: {type(error).__name__}: {first}"
    )
    hint = "pass inputs that it takes, of the shapes and dtypes that its forward expects"
    return failure("MP619", message + (f" ({line})" if line else ""), path, hint=hint)


def _innermost(error: BaseException, model: nn.Module) -> str:
    """The path of the module of `model` whose method raised, or called what did."""
    paths = {id(module): path for path, module in model.named_modules()}
    trace, found = error.__traceback__, ""
    while trace is not None:
        found = paths.get(id(trace.tb_frame.f_locals.get("self")), found)
        trace = trace.tb_next
    return found


def _line_of(error: BaseException, modules: Iterable[nn.Module]) -> str | None:
    """The innermost line in a file that defines one of the modules; else in one that is neither torch's nor ours."""
    homes = {getattr(sys.modules.get(type(each).__module__), "__file__", None) for each in modules}
    found: dict[bool, str] = {}
    trace = error.__traceback__
    while trace is not None:
        code = trace.tb_frame.f_code
        if not code.co_filename.startswith((*_NOT_THE_USERS, "<")):
            found[code.co_filename in homes] = f"{PurePath(code.co_filename).name}:{trace.tb_lineno}"
        trace = trace.tb_next
    return found.get(True, found.get(False))
