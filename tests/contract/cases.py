"""What the contract tests share: every example of the registry, made concrete."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import torch

from modelpack.backends.torch.bindings import ROWS
from modelpack.backends.torch.dtypes import from_torch, to_torch
from modelpack.backends.torch.rows import ModuleRow, OperationRow
from modelpack.dims import evaluate, symbols
from modelpack.dtypes import DType
from modelpack.layers import BUILTIN, Layer, LayerType
from modelpack.layers.base import Example
from modelpack.tensors import TensorSpec

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
    """Random tensors of these specs; integers are 0 or 1, so that they are indices of anything."""
    generator = torch.Generator().manual_seed(seed)
    return tuple(None if spec is None else _tensor(spec, generator) for spec in specs)


def _tensor(spec: TensorSpec, generator: torch.Generator) -> torch.Tensor:
    dtype = to_torch(spec.dtype)
    if spec.is_floating:
        return torch.randn(spec.shape, generator=generator).to(dtype)
    return torch.randint(0, 2, spec.shape, generator=generator).to(dtype)


def run(row: ModuleRow, module: torch.nn.Module, inputs: Tensors, seed: int = 0) -> tuple[torch.Tensor, ...]:
    """The outputs of a module, flat, for copies of the inputs (some modules write into theirs)."""
    torch.manual_seed(seed)
    copies = tuple(None if each is None else each.clone() for each in inputs)
    args, kwargs = row.call(*copies) if row.call is not None else (copies, {})
    with torch.no_grad():
        return flat(row.results(module(*args, **kwargs)))


def flat(outputs: Any) -> tuple[Any, ...]:
    return tuple(outputs) if isinstance(outputs, tuple | list) else (outputs,)


def spec_of(tensor: torch.Tensor) -> TensorSpec:
    return TensorSpec(from_torch(tensor.dtype), tuple(tensor.shape))


def bits(tensor: torch.Tensor) -> bytes:
    return tensor.detach().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes()
