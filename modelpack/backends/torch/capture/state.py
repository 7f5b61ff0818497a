"""The tensors that a model has: names, roles, ties. And what of a module no description of it could carry."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import nn
from torch.nn.parameter import is_lazy
from torch.nn.utils import parametrize

from modelpack.backends.torch.capture.failures import failure
from modelpack.backends.torch.capture.forwards import is_replaced
from modelpack.backends.torch.capture.hooks import is_collecting
from modelpack.backends.torch.capture.reparametrized import carried_hooks
from modelpack.backends.torch.dtypes import from_torch
from modelpack.dtypes import DType
from modelpack.errors import CaptureError
from modelpack.reading import PATH

__all__ = ["State", "refuse_what_is_hidden", "state_of"]

_HOOKS = ("_forward_pre_hooks", "_forward_hooks", "_backward_pre_hooks", "_backward_hooks")
_PACKED = ("torch.ao.nn.quantized.", "torch.ao.nn.intrinsic.quantized.")
_MOST_COMMON = DType.FLOAT32


@dataclass(frozen=True, slots=True)
class State:
    """Every parameter and buffer, by each of its names, in the order of `state_dict`."""

    tensors: Mapping[str, torch.Tensor]
    parameters: frozenset[str]
    persistent: frozenset[str]
    tied: tuple[tuple[str, ...], ...]
    dtype: DType
    """that of most parameters"""

    def names_of(self, name: str) -> tuple[str, ...]:
        """All names of the tensor called `name`."""
        return next((group for group in self.tied if name in group), (name,))


def state_of(model: nn.Module) -> State:
    """The tensors of `model`.

    Raises:
        CaptureError: MP614 one that a pack can't hold, or that shares part of its memory with another.
    """
    parameters = dict(model.named_parameters(remove_duplicate=False))
    buffers = dict(model.named_buffers(remove_duplicate=False))
    saved = model.state_dict(keep_vars=True)
    for name in saved:
        if name not in parameters and name not in buffers:
            raise _no_tensor_of_its_own(model, name)
    tensors: dict[str, torch.Tensor] = {}
    for path, module in model.named_modules(remove_duplicate=False):
        for name, tensor in [*module._parameters.items(), *module._buffers.items()]:
            if tensor is not None:
                tensors[f"{path}.{name}" if path else name] = tensor
    for name in parameters.keys() - saved.keys():
        raise failure("MP614", "is a parameter that its state_dict doesn't hold", name)
    for name, tensor in tensors.items():
        _refuse_name(name, "tensor")
        _refuse_tensor(name, tensor)
    return State(
        tensors,
        frozenset(parameters),
        frozenset(saved),
        _ties(tensors),
        _dtype_of_most(list(parameters.values())),
    )


def _no_tensor_of_its_own(model: nn.Module, name: str) -> CaptureError:
    """What is said of an entry of the `state_dict` that is neither parameter nor buffer."""
    modules = dict(model.named_modules())
    parts = name.split(".")
    for path in (".".join(parts[:count]) for count in range(len(parts))):
        if path in modules and _is_packed(modules[path]):
            kind = f"{type(modules[path]).__module__}.{type(modules[path]).__qualname__}"
            told = f"is quantised: {kind} holds its weights packed in an object of torch's own, which a pack can't hold"
            hint = "save the float model, as it is before it's quantised (torch.ao.quantization.convert)"
            return failure("MP614", told, path, hint=hint)
    return failure("MP614", "its state_dict holds something that is neither parameter nor buffer", name)


def _is_packed(module: nn.Module) -> bool:
    return type(module).__module__.startswith(_PACKED) or any(
        isinstance(each, torch.ScriptObject) for each in vars(module).values()
    )


def _refuse_name(name: str, what: str) -> None:
    if not PATH.fullmatch(name):
        told = f"can't be a {what}'s name: letters, digits, '_' and '-', with dots between"
        raise failure(
            "MP206", told, name, hint="rename the attribute, or the key of the dictionary of modules"
        )


def _refuse_tensor(name: str, tensor: torch.Tensor) -> None:
    if is_lazy(tensor):
        raise failure("MP614", "has no shape yet", name, hint="run the model once before saving it")
    if tensor.device.type == "meta":
        raise failure("MP614", "has no values: it is on the meta device", name)
    if tensor.layout is not torch.strided or tensor.is_quantized:
        raise failure("MP614", "is sparse or quantised, which a pack can't hold", name)
    try:
        from_torch(tensor.dtype)
    except ValueError as error:
        raise failure("MP614", str(error), name) from None


def _ties(tensors: Mapping[str, torch.Tensor]) -> tuple[tuple[str, ...], ...]:
    """Groups of names of one tensor.

    Raises:
        CaptureError: MP614 two overlap but aren't the same.
    """
    groups: dict[object, list[str]] = {}
    by_storage: dict[int, list[tuple[int, int, str, object]]] = {}
    for name, tensor in tensors.items():
        size = tensor.numel() * tensor.element_size()
        start = tensor.data_ptr()
        key = (start, tuple(tensor.shape), tensor.stride(), tensor.dtype) if size else id(tensor)
        groups.setdefault(key, []).append(name)
        if size:
            spread = sum((n - 1) * step for n, step in zip(tensor.shape, tensor.stride(), strict=True)) + 1
            stop = start + spread * tensor.element_size()
            by_storage.setdefault(tensor.untyped_storage().data_ptr(), []).append((start, stop, name, key))
    for parts in by_storage.values():
        parts.sort(key=lambda part: part[:2])
        for (_, stop, first, key), (start, _, second, other) in pairwise(parts):
            if start < stop and key != other:
                raise failure(
                    "MP614", f"shares part of its memory with {first}", second, hint="give it a clone"
                )
    return tuple(tuple(names) for names in groups.values() if len(names) > 1)


def _dtype_of_most(parameters: list[nn.Parameter]) -> DType:
    counts: dict[torch.dtype, int] = {}
    for each in parameters:
        if each.is_floating_point():
            counts[each.dtype] = counts.get(each.dtype, 0) + 1
    return from_torch(max(counts, key=lambda dtype: counts[dtype])) if counts else _MOST_COMMON


def refuse_what_is_hidden(model: nn.Module) -> None:
    """Everything in a module that changes what it does and that neither its layers nor a traced run would tell.

    Raises:
        CaptureError: MP603 not a module of Python; MP604 a hook; MP605 a parametrization that isn't computed anew; MP606 a
            replaced forward; MP608 modules in different modes.
    """
    if parametrize._cache_enabled:
        hint = "save the model outside of torch.nn.utils.parametrize.cached()"
        raise failure("MP605", "parametrized tensors aren't computed anew while they are cached", hint=hint)
    for path, module in model.named_modules():
        if isinstance(module, torch.jit.ScriptModule):
            raise failure(
                "MP603", "is a TorchScript module", path, hint="save the module that it was made from"
            )
        if isinstance(module, nn.DataParallel | nn.parallel.DistributedDataParallel):
            hint = "save the module in it (model.module)"
            raise failure("MP603", "spreads a model over devices, which no pack says", path, hint=hint)
        if any(
            is_lazy(each)
            for each in (*module._parameters.values(), *module._buffers.values())
            if each is not None
        ):
            raise failure("MP614", "has no shape yet", path, hint="run the model once before saving it")
        if path:
            _refuse_name(path, "layer")
        for kind in _HOOKS:
            carried = carried_hooks(module)  # by ids, which no hook of another kind has
            hooks = [each for key, each in getattr(module, kind).items() if key not in carried]
            for hook in hooks:
                if kind == "_forward_hooks" and is_collecting(hook):
                    continue
                name = getattr(hook, "__qualname__", type(hook).__qualname__)
                raise failure(
                    "MP604",
                    f"has the {kind.strip('_').replace('_', ' ').removesuffix('s')} '{name}', which a pack can't hold",
                    path,
                    hint="remove it (handle.remove()), or do in forward what it does",
                )
        for name, parameter in module._parameters.items():
            if parameter is not None and _is_hooked(parameter):
                raise failure(
                    "MP604",
                    "has a hook on its gradient, which a pack can't hold",
                    f"{path}.{name}" if path else name,
                    hint="remove it (handle.remove()), and change gradients where you train",
                )
        if is_replaced(module):
            hint = "save the module as it was before (of torch.compile: model._orig_mod)"
            raise failure("MP606", "its forward was replaced on the instance", path, hint=hint)
        if module.training != model.training:
            raise failure(
                "MP608",
                f"is in {_mode(module)} mode while the whole is in {_mode(model)} mode, which a pack can't hold",
                path,
                hint="call model.eval() or model.train() before saving",
            )


def _is_hooked(parameter: nn.Parameter) -> bool:
    return bool(parameter._backward_hooks or getattr(parameter, "_post_accumulate_grad_hooks", None))


def _mode(module: nn.Module) -> str:
    return "train" if module.training else "eval"
