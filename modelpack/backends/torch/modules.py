"""Layer -> nn.Module, and nn.Module -> settings: the two directions of a `ModuleRow`."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from functools import cache
from typing import Any

import torch
from torch import nn

from modelpack.backends.torch.dtypes import from_torch, to_torch
from modelpack.backends.torch.rows import ModuleRow
from modelpack.dtypes import DType
from modelpack.errors import CaptureError, Problem
from modelpack.layers import Layer, LayerType
from modelpack.layers.kinds import Literal, show
from modelpack.tensors import Mismatch

__all__ = ["constructor_arguments", "make", "settings_of"]

TensorFacts = tuple[tuple[int, ...], torch.dtype, str]


# ---------------------------------------------------------------------------------------------- build


def make(layer: Layer, row: ModuleRow, device: torch.device | str = "meta") -> nn.Module:
    """The module that `layer` is, its tensors not initialised: they are there to be replaced.

    Random initialisation is most of what loading costs elsewhere. So the module is constructed as an instance
    of a subclass whose `reset_parameters` does nothing, and then becomes one of the real class: a subclass
    without slots has the same layout, so that nothing tells the two apart afterwards. Modules nested inside
    (`out_proj` of attention) are made by torch itself and run their initialisers, which cost little on meta.
    """
    module = _construct(_without_initialisation(row.module), layer, row, device)
    module.__class__ = row.module
    return module


def constructor_arguments(layer: Layer, row: ModuleRow) -> Mapping[str, Any]:
    """What the constructor gets, without device and dtype."""
    if row.arguments is not None:
        return row.arguments(layer)
    named = {
        row.rename.get(name, name): value for name, value in vars(layer).items() if name not in row.at_call
    }
    if layer.type.has_parameter_dtype:
        del named["dtype"]
    return named


def _construct(
    module: type[nn.Module], layer: Layer, row: ModuleRow, device: torch.device | str
) -> nn.Module:
    if not layer.type.has_parameter_dtype:
        return module(**constructor_arguments(layer, row))
    if _takes_device(row.module):
        dtype: DType = vars(layer)["dtype"]
        return module(**constructor_arguments(layer, row), device=device, dtype=to_torch(dtype))
    # Slow, but the only way into modules handed to a constructor (the layers of a TransformerEncoder).
    with torch.device(device):
        return module(**constructor_arguments(layer, row))


@cache
def _takes_device(module: type[nn.Module]) -> bool:
    code = module.__init__.__code__  # inspect.signature takes longer than constructing the module
    named = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
    return "device" in named or bool(code.co_flags & inspect.CO_VARKEYWORDS)


@cache
def _without_initialisation(module: type[nn.Module]) -> type[nn.Module]:
    def nothing(self: nn.Module) -> None:
        """Leaves the tensors as they are."""

    inherited = [vars(each) for each in module.__mro__]
    names = [
        name
        for name in ("reset_parameters", "_reset_parameters")
        if any(name in members for members in inherited)
    ]
    return type(module.__name__, (module,), dict.fromkeys(names, nothing)) if names else module


# ---------------------------------------------------------------------------------------------- capture


def settings_of(
    module: nn.Module, row: ModuleRow, layer_type: LayerType, dtype: DType = DType.FLOAT32
) -> dict[str, Literal]:
    """The settings of a live module as canonical literals.

    Those that equal their defaults are left out, and those that only a call tells (`row.at_call`).
    `dtype` is the architecture's: a module of this dtype needs no setting for it.

    Raises:
        CaptureError: it can't be carried exactly: a constructor argument or a value that no setting carries,
            tensors other than the declared ones, a method replaced on the instance. The problem has no path.
    """
    _refuse(_strange(module, row))
    settings: dict[str, Literal] = {}
    for name, each in layer_type.settings.items():
        if name in row.at_call or (name == "dtype" and layer_type.has_parameter_dtype):
            continue
        try:
            value = each.kind.read(_literal(_attribute(module, row, name)))
        except ValueError as error:
            raise CaptureError(
                Problem("MP611", f"{layer_type.name} can't be carried: its {name} {error}")
            ) from None
        # By text, as -0.0 equals 0.0 and isn't the same.
        if each.required or repr(value) != repr(each.default):
            settings[name] = value
    if layer_type.has_parameter_dtype:
        found = _parameter_dtype(module)
        if found not in (None, dtype):
            settings["dtype"] = found.value
    _refuse(_strange_tensors(module, layer_type, settings, dtype))
    return settings


def _refuse(problem: Problem | None) -> None:
    if problem is not None:
        raise CaptureError(problem)


def _strange(module: nn.Module, row: ModuleRow) -> Problem | None:
    """Why nothing that the row reads could tell what `module` does."""
    if type(module) is not row.module:
        name = f"{type(module).__module__}.{type(module).__qualname__}"
        return Problem("MP610", f"{name} is not {row.module.__name__} itself, but a class derived from it")
    for name in vars(module):
        if callable(getattr(row.module, name, None)):
            return Problem("MP610", f"its {row.type}.{name} was replaced, which no setting carries")
    for argument, only in row.fixed.items():
        actual = getattr(module, argument)
        if actual is not only:
            told = "a tensor" if isinstance(actual, torch.Tensor) else repr(actual)
            return Problem("MP611", f"{row.type}({argument}={told}) can't be carried, only {argument}={only}")
    why = row.accepts(module) if row.accepts is not None else None
    return None if why is None else Problem("MP611", f"{row.type} can't be carried: {why}")


def _attribute(module: nn.Module, row: ModuleRow, setting: str) -> Any:
    read = row.read.get(setting)
    return read(module) if read is not None else getattr(module, row.rename.get(setting, setting))


def _literal(value: Any) -> Literal:
    """A live value as a literal.

    Raises:
        ValueError: it's an object, which no text can hold.
    """
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, list | tuple):
        return tuple(_literal(item) for item in value)  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
    if isinstance(value, torch.dtype):
        return from_torch(value).value
    raise ValueError(f"is {type(value).__name__}, an object that no setting holds")


def _parameter_dtype(module: nn.Module) -> DType | None:
    """The dtype of the first floating tensor, if it has any, else of the first."""
    tensors = [*module.parameters(), *module.buffers()]
    found = next((each for each in tensors if each.is_floating_point()), tensors[0] if tensors else None)
    if found is None:
        return None
    try:
        return from_torch(found.dtype)
    except ValueError as error:
        raise CaptureError(Problem("MP612", str(error))) from None


def _strange_tensors(
    module: nn.Module, layer_type: LayerType, settings: Mapping[str, Literal], dtype: DType
) -> Problem | None:
    try:
        layer = layer_type.instance(settings, dtype)
        declared: dict[str, TensorFacts] = {
            each.name: (
                each.shape,
                to_torch(each.dtype),
                _role(each.is_parameter, each.persistent),
            )
            for each in layer.tensors()
        }
    except Mismatch as error:
        return Problem("MP611", f"{layer_type.name}{_told(settings)} can't be carried: {error.message}")
    found = _tensors(module)
    for name in sorted(declared.keys() | found.keys()):
        if declared.get(name) != found.get(name):
            return Problem(
                "MP612",
                f"{layer_type.name}{_told(settings)} has {_describe(name, declared.get(name))}, "
                f"this module {_describe(name, found.get(name))}",
            )
    return None


def _tensors(module: nn.Module) -> dict[str, TensorFacts]:
    parameters = dict(module.named_parameters(remove_duplicate=False))
    buffers = dict(module.named_buffers(remove_duplicate=False))
    saved = module.state_dict(keep_vars=True).keys()
    facts = {n: (tuple(t.shape), t.dtype, _role(True, True)) for n, t in parameters.items()}
    return facts | {n: (tuple(t.shape), t.dtype, _role(False, n in saved)) for n, t in buffers.items()}


def _role(is_parameter: bool, persistent: bool) -> str:
    return "parameter" if is_parameter else ("buffer" if persistent else "buffer that isn't saved")


def _describe(name: str, facts: TensorFacts | None) -> str:
    if facts is None:
        return f"no {name}"
    shape, dtype, role = facts
    return f"the {role} {name} {str(dtype).removeprefix('torch.')}{list(shape)}"


def _told(settings: Mapping[str, Literal]) -> str:
    return "(" + ", ".join(f"{name}={show(value)}" for name, value in settings.items()) + ")"
