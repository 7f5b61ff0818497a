"""A call of a module that is a layer -> the layer with its settings, and its inputs by port."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from typing import Any

from torch import nn

from modelpack.backends.torch.bindings import ROWS
from modelpack.backends.torch.capture.failures import failure
from modelpack.backends.torch.capture.forwards import forward_of
from modelpack.backends.torch.capture.known import Known, known
from modelpack.backends.torch.capture.packing import by_ports
from modelpack.backends.torch.capture.reparametrized import is_reparametrized
from modelpack.backends.torch.capture.tracing import ModuleCall, bind
from modelpack.backends.torch.capture.values import Constant, Described, Mark
from modelpack.backends.torch.modules import settings_of
from modelpack.backends.torch.rows import ModuleRow
from modelpack.dtypes import DType
from modelpack.errors import CaptureError
from modelpack.layers import BUILTIN, LayerType
from modelpack.layers.kinds import Literal

__all__ = ["as_layer", "layer", "ports_of_result"]


@cache
def _rows() -> Mapping[type[nn.Module], ModuleRow]:
    return {row.module: row for row in ROWS.values() if isinstance(row, ModuleRow)}


def as_layer(module: nn.Module) -> Known | None:
    """The layer of the registry that `module` is; None for those that are followed."""
    if type(module) in _rows():
        return None if is_reparametrized(module) else Known(module)
    found = known(module)
    if found is None or is_reparametrized(module) or not _is_carried(found.layer):
        return None
    behind = [module.get_submodule(name) for name in found.tail]
    # Their tensors would stand below the layer, which has room for its own only.
    return None if any(each.state_dict() for each in behind) else found


def _is_carried(layer: nn.Module) -> bool:
    row = _rows()[type(layer)]
    try:
        settings_of(layer, row, BUILTIN[row.type])
    except CaptureError:
        return False
    return True


def ports_of_result(layer: nn.Module, result: Any) -> Any:
    """A layer's result as a flat tuple of its output ports."""
    flat = _rows()[type(layer)].results(result)
    return flat if isinstance(flat, tuple) else (flat,)


def layer(call: ModuleCall, dtype: DType) -> tuple[LayerType, dict[str, Literal], dict[str, Described]]:
    """The type, the settings, and what is given for each input port, of a call of a layer.

    Raises:
        CaptureError: its settings or its arguments can't be carried.
    """
    assert call.layer is not None
    row = _rows()[type(call.layer)]
    kind = BUILTIN[row.type]
    try:
        settings = settings_of(call.layer, row, kind, dtype)
    except CaptureError as error:
        raise CaptureError(each.within(call.path) for each in error.problems) from None
    arguments, batch_first = by_ports(call.arguments)
    if batch_first is not None:  # a packed sequence says so, whatever the module says
        settings = {name: each for name, each in settings.items() if name != "batch_first"}
        settings |= {"batch_first": True} if batch_first else {}
    call = replace(call, arguments=arguments)
    reader = _Arguments(call, row)
    wanted = reader.template([port.name for port in kind.ports])
    for name in dict.fromkeys((*wanted, *call.arguments)):
        if name in row.at_call:
            settings |= _setting_of_call(call, kind, name)
        else:
            reader.match(
                name, wanted.get(name, reader.default(name)), call.arguments.get(name, reader.default(name))
            )
    return (
        kind,
        settings,
        {port.name: reader.found[port.name] for port in kind.ports if port.name in reader.found},
    )


def _setting_of_call(call: ModuleCall, kind: LayerType, name: str) -> dict[str, Literal]:
    given = call.arguments.get(name)
    if given is None:
        return {}
    each = kind.settings[name]
    try:
        value = each.kind.read(given.value if isinstance(given, Constant) else None)
    except ValueError as error:
        raise failure("MP611", f"{kind.name} can't be carried: its {name} {error}", call.path) from None
    return {name: value} if repr(value) != repr(each.default) else {}


class _Port(str):
    """The place of an input port in the arguments of a module's forward."""

    __slots__ = ()


class _Arguments:
    """Finds the ports in the arguments of a call, by doing what building does (`row.call`) on names in place of tensors."""

    def __init__(self, call: ModuleCall, row: ModuleRow) -> None:
        self._call = call
        self._row = row
        self._signature = inspect.signature(row.run or forward_of(call.module))
        self.found: dict[str, Described] = {}

    def template(self, ports: list[str]) -> dict[str, Any]:
        places = [_Port(name) for name in ports]
        args, kwargs = self._row.call(*places) if self._row.call is not None else (tuple(places), {})
        return bind(self._signature, args, kwargs)

    def default(self, name: str) -> Any:
        parameter = self._signature.parameters.get(name)
        return parameter.default if parameter is not None else None

    def match(self, name: str, wanted: Any, given: Any) -> None:
        if isinstance(wanted, _Port):
            if isinstance(given, Mark):
                self.found[str(wanted)] = given
            elif (given.value if isinstance(given, Constant) else given) is not None:
                raise self._strange(name, given)
        elif isinstance(wanted, tuple | list):
            if isinstance(given, tuple) and len(given) == len(wanted):
                for inner, value in zip(wanted, given, strict=True):
                    self.match(name, inner, value)
            elif (given.value if isinstance(given, Constant) else given) is not None:
                raise self._strange(name, given)
        elif (given.value if isinstance(given, Constant) else given) != wanted:
            raise self._strange(name, given)

    def _strange(self, name: str, given: Any) -> CaptureError:
        told = (
            given.value if isinstance(given, Constant) else "a tensor" if isinstance(given, Mark) else given
        )
        return failure(
            "MP611", f"{self._row.type} can't be carried: called with {name}={told}", self._call.path
        )
