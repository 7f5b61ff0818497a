"""Network -> nn.Module: the module tree around its tensors, on the meta device unless they are given."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import nn

from modelpack.backends.torch.bindings import ROWS
from modelpack.backends.torch.boundary import requirements_of
from modelpack.backends.torch.dtypes import to_torch
from modelpack.backends.torch.fill import empty
from modelpack.backends.torch.modules import make
from modelpack.backends.torch.program import compile_body, row_of
from modelpack.backends.torch.prototypes import Prototypes, give
from modelpack.backends.torch.rows import ModuleRow, Row
from modelpack.backends.torch.run import BlockModule, Container, block_class
from modelpack.errors import BuildError, Problem
from modelpack.network import Again, Body, Child, Leaf, Network, Step

__all__ = ["build"]

Switch = tuple[tuple[str, ...], tuple[dict[str, Any], dict[str, Any]]]

TAKEN = frozenset(dir(nn.Module())) | frozenset(dir(BlockModule)) | frozenset(BlockModule.__annotations__)
"""Names that mean something on every module: a submodule called so could not be reached, or would break the module."""


def build(
    network: Network,
    device: torch.device | str = "meta",
    rows: Mapping[str, Row] = ROWS,
    tensors: Mapping[str, torch.Tensor] | None = None,
) -> nn.Module:
    """The module that `network` describes, in train mode if it has one, with the names that `state_dict` had.

    `tensors` are all those of the network by their full names, as `fill` gives them. Without, they are made on `device`, where
    their memory is not initialised.

    Raises:
        BuildError: MP710 a name that torch doesn't allow; MP711, MP712, MP713 what the backend can't do; MP721 torch's module has
            other tensors than its layer type says.
    """
    builder = _Builder(rows, empty(network, device) if tensors is None else tensors)
    module = builder.block(network.main, "", outermost=True)
    modes = network.architecture.modes
    if isinstance(module, BlockModule):
        # The outermost block's class is its own.
        type(module)._requirements = requirements_of(network.architecture.requires)
    if isinstance(module, BlockModule) and modes != module._modes:
        type(module)._modes = modes
        return module.train("train" in modes)
    # Modules come in train mode, unless told: what is frozen must not, whatever it was copied from.
    return module.train() if builder.has_frozen else module


class _Builder:
    """Bodies that are alike are one object in a network: the first becomes a module, the others copies of it; so with layers."""

    def __init__(self, rows: Mapping[str, Row], tensors: Mapping[str, torch.Tensor]) -> None:
        self._rows = rows
        self._tensors = tensors
        self._blocks: Prototypes[Body] = Prototypes(tensors)
        self._classes: dict[Body, type[BlockModule]] = {}
        self._layers: Prototypes[str] = Prototypes(tensors)
        self.has_frozen = False

    def block(self, body: Body, prefix: str, *, outermost: bool = False) -> nn.Module:
        known = self._blocks.another(body, prefix)
        return known or self._blocks.add(body, self._new_block(body, prefix, outermost))

    def _new_block(self, body: Body, prefix: str, outermost: bool) -> BlockModule:
        module = self._class(body, outermost)()
        names = _Names(body, self._rows)
        for entry in body.raw:
            owner, name = names.place(module, entry.name)
            tensor = self._tensors[prefix + entry.name]
            if isinstance(tensor, nn.Parameter):
                owner._parameters[name] = tensor
            else:
                owner.register_buffer(name, tensor, persistent=entry.persistent)
        for step in body.steps:
            child = self._child(step, f"{prefix}{step.name}.")
            if child is not None:
                way = names.place(module, step.name)
                way[0]._modules[way[1]] = child
        return module

    def _class(self, body: Body, outermost: bool) -> type[BlockModule]:
        known = self._classes.get(body)
        if known is not None:
            return known
        program = compile_body(body, self._rows, outermost=outermost)
        frozen = tuple(
            tuple(step.name.split("."))
            for step in body.steps
            if step.node.frozen is True and _makes_module(step, self._rows)
        )
        self.has_frozen = self.has_frozen or bool(frozen)
        made = self._classes[body] = block_class(program, frozen, tuple(self._switches(body)))
        return made

    def _child(self, step: Step, prefix: str) -> nn.Module | None:
        """The submodule that a step brings, if it isn't an operation or a second call."""
        if isinstance(step.does, Child):
            return self.block(step.does.body, prefix)
        if isinstance(step.does, Again):
            return None
        row = row_of(step.does.train, self._rows, step.name)
        return self._layer(step.does, row, prefix) if isinstance(row, ModuleRow) else None

    def _layer(self, leaf: Leaf, row: ModuleRow, prefix: str) -> nn.Module:
        layer = leaf.train
        key = repr(layer)  # not the layer: 0.0 and -0.0 are equal
        known = self._layers.another(key, prefix)
        if known is not None:
            return known
        module = make(layer, row)
        _check_tensors(module, leaf, prefix)
        give(module, self._tensors, prefix)
        return self._layers.add(key, module)

    def _switches(self, body: Body) -> Iterator[Switch]:
        """The layers with settings that differ by mode, with the attributes in which modules of both modes differ."""
        for step in body.steps:
            if not isinstance(step.does, Leaf) or step.does.train == step.does.eval:
                continue
            row = row_of(step.does.train, self._rows, step.name)
            if isinstance(row, ModuleRow):
                yield tuple(step.name.split(".")), _differences(step, step.does, row)


def _differences(step: Step, leaf: Leaf, row: ModuleRow) -> tuple[dict[str, Any], dict[str, Any]]:
    evaluate, train = (vars(make(layer, row)) for layer in (leaf.eval, leaf.train))
    names = [name for name in train if name[0] != "_" and train[name] != evaluate.get(name)]
    # A setting that isn't an attribute of the module has no effect any more once the module is made.
    differing = [
        name
        for name, value in vars(leaf.train).items()
        if value != vars(leaf.eval)[name] and name not in row.at_call
    ]
    lost = [name for name in differing if name in row.read or row.rename.get(name, name) not in names]
    if lost or leaf.train.tensors() != leaf.eval.tensors():
        message = (
            f"{', '.join(lost or differing)} of {leaf.train.type.name} can't differ between train and eval"
        )
        raise BuildError(Problem("MP712", message, path=step.name))
    return {name: evaluate[name] for name in names}, {name: train[name] for name in names}


class _Names:
    """Where the names of one body lead: dots to containers, each of which is made when the first name in it is."""

    def __init__(self, body: Body, rows: Mapping[str, Row]) -> None:
        names = [entry.name for entry in body.raw]
        names += [step.name for step in body.steps if _makes_module(step, rows)]
        self._keys: dict[str, list[str]] = {}
        for name in names:
            parts = name.split(".")
            for depth, part in enumerate(parts):
                keys = self._keys.setdefault(".".join(parts[:depth]), [])
                if part not in keys[-1:]:
                    keys.append(part)
        self._tensors = {entry.name for entry in body.raw}

    def place(self, module: nn.Module, name: str) -> tuple[nn.Module, str]:
        """The module to which `name` belongs, and what it is called there.

        Raises:
            BuildError: MP710 no module can have such a name.
        """
        parts = name.split(".")
        for depth, part in enumerate(parts):
            if part in TAKEN:
                hint = "call it otherwise"
                raise BuildError(
                    Problem("MP710", f"'{part}' is an attribute of every torch module", path=name, hint=hint)
                )
            if depth < len(parts) - 1:
                module = self._container(module, part, ".".join(parts[: depth + 1]), name)
        last = parts[-1]
        if last in module._modules or last in module._parameters or last in module._buffers:
            raise BuildError(Problem("MP710", "there are two things of this name", path=name))
        return module, last

    def _container(self, module: nn.Module, part: str, prefix: str, name: str) -> nn.Module:
        found = module._modules.get(part)
        if found is None:
            counted = self._keys[prefix] == [str(number) for number in range(len(self._keys[prefix]))]
            plain = any(each.startswith(f"{prefix}.") for each in self._tensors)
            found = nn.ModuleList() if counted and not plain else Container()
            module._modules[part] = found
        elif not isinstance(found, Container | nn.ModuleList):
            message = f"'{prefix}' is a layer of its own, nothing else can be inside it"
            raise BuildError(Problem("MP710", message, path=name))
        return found


def _makes_module(step: Step, rows: Mapping[str, Row]) -> bool:
    if isinstance(step.does, Leaf):
        return isinstance(row_of(step.does.train, rows, step.name), ModuleRow)
    return isinstance(step.does, Child)


def _check_tensors(module: nn.Module, leaf: Leaf, prefix: str) -> None:
    """The module that was made for `leaf` has the tensors that the layer's type declares, no others."""
    found = dict(_facts(module, ""))
    declared = {each.name: (each.shape, to_torch(each.dtype), each.is_parameter) for each in leaf.tensors}
    if found != declared:
        names = sorted(
            name for name in found.keys() | declared.keys() if found.get(name) != declared.get(name)
        )
        message = f"{leaf.train.type.name} declares other tensors than torch's module has: {', '.join(names)}"
        raise BuildError(Problem("MP721", message, path=prefix.rstrip(".")))


def _facts(module: nn.Module, prefix: str) -> Iterator[tuple[str, tuple[tuple[int, ...], torch.dtype, bool]]]:
    for held, is_parameter in ((module._parameters, True), (module._buffers, False)):
        for name, tensor in held.items():
            if tensor is not None:
                yield prefix + name, (tuple(tensor.shape), tensor.dtype, is_parameter)
    for name, child in module._modules.items():
        if child is not None:
            yield from _facts(child, f"{prefix}{name}.")
