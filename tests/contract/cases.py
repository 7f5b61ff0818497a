"""What the contract tests share: every example of the registry, made concrete."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
import torch

from modelpack.backends.torch.bindings import ROWS
from modelpack.backends.torch.dtypes import from_torch, to_torch
from modelpack.backends.torch.modules import constructor_arguments
from modelpack.backends.torch.rows import ModuleRow, OperationRow
from modelpack.dims import Expr, evaluate, symbols
from modelpack.dtypes import DType
from modelpack.layers import BUILTIN, Layer, LayerType
from modelpack.layers.base import Example, example
from modelpack.tensors import Mismatch, TensorSpec

BATCH_SIZES = (2, 5)

Tensors = tuple[torch.Tensor | None, ...]


def examples(kind: type[ModuleRow] | type[OperationRow]) -> Iterator[tuple[str, int]]:
    """(type, number of the example) of all types that are bound by such a row."""
    for name, layer_type in BUILTIN.items():
        if isinstance(ROWS.get(name), kind):
            yield from ((name, i) for i in range(len(layer_type.examples)))


def dtype_of(layer_type: LayerType, example: Example) -> DType:
    return DType(example.settings.get("dtype", "float32"))


def layer_of(layer_type: LayerType, example: Example) -> Layer:
    return layer_type.instance(canonical(layer_type, example))


def canonical(layer_type: LayerType, example: Example) -> dict[str, Any]:
    """The settings of an example as the reader would have them, defaults left out."""
    read = {name: layer_type.settings[name].kind.read(value) for name, value in example.settings.items()}
    return {
        name: value
        for name, value in read.items()
        if layer_type.settings[name].required or repr(value) != repr(layer_type.settings[name].default)
    }


def binding(example: Example, batch: int) -> dict[str, int]:
    """A value for each free dimension of an example."""
    names = {
        name for spec in example.inputs if spec is not None for dim in spec.shape for name in symbols(dim)
    }
    return {name: example.bind.get(name, batch if name == "batch" else 8) for name in names}


def bound(spec: TensorSpec, values: dict[str, int]) -> TensorSpec:
    return spec.with_shape(*(evaluate(dim, values) for dim in spec.shape))


def inputs_of(example: Example, batch: int) -> tuple[TensorSpec | None, ...]:
    values = binding(example, batch)
    return tuple(None if spec is None else bound(spec, values) for spec in example.inputs)


def tensors_of(specs: Sequence[TensorSpec | None], seed: int = 0) -> Tensors:
    """Random tensors of these specs; integers are 0 or 1, so that they are indices of anything, and those of one axis
    begin with 0 and never go down, so that they are offsets too."""
    generator = torch.Generator().manual_seed(seed)
    return tuple(None if spec is None else _tensor(spec, generator) for spec in specs)


def _tensor(spec: TensorSpec, generator: torch.Generator) -> torch.Tensor:
    dtype = to_torch(spec.dtype)
    if spec.is_floating:
        return torch.randn(spec.shape, generator=generator).to(dtype)
    integers = torch.randint(0, 2, spec.shape, generator=generator)
    if spec.rank == 1 and spec.dtype is not DType.BOOL:
        integers = integers.sort().values
        integers[:1] = 0
    return integers.to(dtype)


def original(layer: Layer, row: ModuleRow, seed: int = 1) -> torch.nn.Module:
    """The module as a user would make it: by its constructor, initialised by torch."""
    torch.manual_seed(seed)
    arguments = dict(constructor_arguments(layer, row))
    if (
        layer.type.has_parameter_dtype
        and {"dtype", "kwargs"} & inspect.signature(row.module).parameters.keys()
    ):
        arguments["dtype"] = to_torch(vars(layer)["dtype"])
    return row.module(**arguments)


def run(
    layer: Layer, row: ModuleRow, module: torch.nn.Module, inputs: Tensors, seed: int = 0
) -> tuple[torch.Tensor, ...]:
    """The outputs of a module, flat, for copies of the inputs (some modules write into theirs)."""
    torch.manual_seed(seed)
    copies = tuple(None if each is None else each.clone() for each in inputs)
    copies = tuple(
        _lengths(layer, copies[0], each) if port.name == "lengths" else each
        for port, each in zip(layer.type.ports, copies, strict=False)
    )
    args, kwargs = row.call(*copies) if row.call is not None else (copies, {})
    at_call = {name: vars(layer)[name] for name in row.at_call}
    with torch.no_grad():
        returned = (
            module(*args, **kwargs, **at_call)
            if row.run is None
            else row.run(module, *args, **kwargs, **at_call)
        )
        return flat(row.results(returned))


def _lengths(layer: Layer, input: torch.Tensor | None, given: torch.Tensor | None) -> torch.Tensor | None:
    """Valid lengths, of the longest sequence first, in place of random ones."""
    if given is None or input is None or input.dim() < 2:
        return given
    length = input.shape[1 if vars(layer)["batch_first"] else 0]
    return torch.arange(length, length - given.numel(), -1).clamp(min=1).view(given.shape)


def call(layer: Layer, row: OperationRow, inputs: Tensors, values: dict[str, int]) -> Any:
    """What an operation gives: ports by position, a variadic one as a list, settings by name."""
    settings = {name: _fixed(value, values) for name, value in vars(layer).items()}
    left = list(inputs)
    arguments: list[Any] = []
    for port in layer.type.ports:
        if port.variadic:
            arguments.append(left)
            continue
        given = left.pop(0) if left else None
        number = settings.pop(port.name, None)
        arguments.append(number if given is None else given)
    named = {row.rename.get(name, name): value for name, value in settings.items()}
    device = {"device": "cpu"} if row.makes_tensor else {}
    return row.function(*arguments, **named, **device)


def _fixed(value: Any, values: dict[str, int]) -> Any:
    """A setting as torch takes it, its free dimensions bound."""
    if isinstance(value, tuple):
        return tuple(_fixed(each, values) for each in value)
    if isinstance(value, Expr):
        return evaluate(value, values)
    return to_torch(value) if isinstance(value, DType) else value


def flat(outputs: Any) -> tuple[Any, ...]:
    return tuple(outputs) if isinstance(outputs, tuple | list) else (outputs,)


def spec_of(tensor: torch.Tensor) -> TensorSpec:
    return TensorSpec(from_torch(tensor.dtype), tuple(tensor.shape))


def bits(tensor: torch.Tensor) -> bytes:
    return tensor.detach().resolve_conj().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes()


def refused_by_both(
    name: str, settings: dict[str, Any], inputs: Sequence[str | None], code: str, message: str
) -> None:
    """Assert that a rule refuses these settings and inputs with this code and message, and torch with any error."""
    layer_type, row = BUILTIN[name], ROWS[name]
    assert isinstance(row, ModuleRow)
    case = example(*inputs)
    layer = layer_type.instance(
        {key: layer_type.settings[key].kind.read(value) for key, value in settings.items()}
    )
    with pytest.raises(Mismatch) as caught:
        layer_type.infer(layer, case.inputs)
    assert (caught.value.code, caught.value.message) == (code, message)
    tensors = tensors_of(inputs_of(case, 2))
    with pytest.raises(Exception) as refused:  # noqa: PT011  (torch has no error type of its own)
        run(layer, row, original(layer, row), tensors)
    assert "tests/contract" not in str(refused.traceback[-1].path), "an error of ours, not torch's"
