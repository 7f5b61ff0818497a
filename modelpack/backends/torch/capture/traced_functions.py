"""What torch's functions do while a model is traced, where what they do otherwise loses something."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn
from torch.overrides import TorchFunctionMode

from modelpack.backends.torch.capture.failures import failure, line_here

__all__ = ["traced_functions"]

_MAY_GIVE_ITS_ARGUMENT = frozenset(
    {
        "alpha_dropout",
        "bfloat16",
        "bool",
        "contiguous",
        "double",
        "dropout",
        "expand_as",
        "feature_alpha_dropout",
        "feature_dropout",
        "float",
        "half",
        "int",
        "long",
        "native_dropout",
        "to",
        "type",
        "type_as",
        "view_as",
    }
)


@contextmanager
def traced_functions() -> Iterator[None]:
    """For as long as a model is traced."""
    as_tensor, to = torch.as_tensor, nn.Module.to
    torch.as_tensor, nn.Module.to = _as_tensor(as_tensor), _module_to(to)
    try:
        with _Functions():
            yield
    finally:
        torch.as_tensor, nn.Module.to = as_tensor, to


class _Functions(TorchFunctionMode):
    """Lets functions that may give the very tensor that they got (`dropout` in eval mode, `to` of its own dtype) give another
    one of the same memory: torch.export takes one tensor for one value, and all that uses it for users of what came last.

    `contiguous` of what is contiguous returns before anything can see it; here it's always seen, as it may depend on the mode.
    """

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        name, kwargs = getattr(func, "__name__", ""), kwargs or {}
        if func in (torch.autograd.grad, torch.autograd.backward, torch.Tensor.backward):
            hint = "leave gradients to the program around the network"
            raise failure("MP602", f"computes gradients in its forward ({line_here()})", hint=hint)
        if name in _MAY_GIVE_ITS_ARGUMENT and args and isinstance(args[0], torch.Tensor):
            args = (torch.ops.aten.alias.default(args[0]), *args[1:])
            func = torch.ops.aten.contiguous.default if name == "contiguous" else func
        elif name == "detach_" and args[0]._is_view():
            # torch.tensor of a size is `to` and `detach_`: of what `to` gives here, a view of its argument.
            func = torch.detach
        elif name == "__get__" and func == torch.Tensor.data.__get__:  # pyright: ignore[reportAttributeAccessIssue]
            func = torch.detach
        return func(*args, **kwargs)


def _as_tensor(real: Callable[..., torch.Tensor]) -> Callable[..., torch.Tensor]:
    """`as_tensor`, which `torch.tensor` is for sizes: itself it would fix them, and no mode sees it."""

    def as_tensor(data: Any, *args: Any, **kwargs: Any) -> torch.Tensor:
        if not _holds_a_size(data):
            return real(data, *args, **kwargs)
        return torch.tensor(data, **dict(zip(("dtype", "device"), args, strict=False)), **kwargs)

    return as_tensor


def _module_to(real: Callable[..., nn.Module]) -> Callable[..., nn.Module]:
    """`Module.to`, which leaves alone what is as it shall be: while traced, torch can't swap a parameter even for itself."""

    def to(self: nn.Module, *args: Any, **kwargs: Any) -> nn.Module:
        device, dtype, *_ = torch._C._nn._parse_to(*args, **kwargs)  # pyright: ignore[reportAttributeAccessIssue]
        for each in (*self.parameters(), *self.buffers()):
            wanted = dtype if each.is_floating_point() or each.is_complex() else None
            if device not in (None, each.device) or wanted not in (None, each.dtype):
                return real(self, *args, **kwargs)
        return self

    return to


def _holds_a_size(value: Any) -> bool:
    if isinstance(value, list | tuple):
        return any(map(_holds_a_size, value))
    return isinstance(value, torch.SymInt | torch.SymFloat)
