"""Sizes of a tensor in a trace -> the same in fewer terms.

torch keeps a size as it was computed. Padding as TensorFlow does it gives `ceil(height / 2)` in 35 terms, which the next layer
puts in place of its height, and so on: after three layers nobody could read it, and torch would reason for minutes. Our own
normal form knows what it is.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import torch

from modelpack.backends.torch.capture.sizes import FreeNames, SizeError
from modelpack.backends.torch.symbolic import compile_dim
from modelpack.dims import Dim, TooComplex
from modelpack.expressions import ExpressionError

__all__ = ["simpler"]

_FEW = 8
"""Terms that are left as they are."""


def simpler(tensor: torch.Tensor) -> torch.Tensor:
    """A tensor like this one whose sizes are the same in fewer terms; this very one where they can't be.

    It's to be called while nothing is traced.
    """
    if not any(_is_long(size) for size in tensor.shape):
        return tensor
    sizes = [_shortened(size) for size in tensor.shape]
    if (
        all(one is other for one, other in zip(sizes, tensor.shape, strict=True))
        or not tensor.is_contiguous()
    ):
        return tensor
    return tensor.new_empty(sizes).requires_grad_(tensor.requires_grad)


def _is_long(size: Any) -> bool:
    return isinstance(size, torch.SymInt) and size.node.expr.count_ops() > _FEW


def _shortened(size: Any) -> Any:
    if not _is_long(size):
        return size
    dim = _normal(size.node.expr)
    if dim is None:
        return size
    environment = size.node.shape_env
    symbols = {
        str(each): environment.create_symintnode(each, hint=int(environment.backed_var_to_val[each]))
        for each in size.node.expr.free_symbols
    }
    found = compile_dim(dim)(symbols)
    if isinstance(found, torch.SymInt) and found.node.expr.count_ops() >= size.node.expr.count_ops():
        return size
    return found


@lru_cache(maxsize=1024)
def _normal(expression: Any) -> Dim | None:
    """The expression in our normal form, if it has one."""
    try:
        return FreeNames({each: str(each) for each in expression.free_symbols}).expression(expression)
    except (SizeError, TooComplex, ExpressionError):
        return None
