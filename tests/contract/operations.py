"""What the tests of operations share: calling a row's function as a built network does."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import torch

from modelpack.backends.torch.dtypes import to_torch
from modelpack.backends.torch.rows import OperationRow
from modelpack.dims import Expr, evaluate
from modelpack.dtypes import DType
from modelpack.layers import BUILTIN, Layer, LayerType
from modelpack.layers.base import Example
from modelpack.tensors import TensorSpec
from tests.contract.cases import canonical, flat, tensors_of

PLACES = frozenset(
    {"index", "index_put", "gather", "scatter", "index_select", "embedding", "one_hot"}
    | {"cross_entropy_loss", "nll_loss", "multi_margin_loss", "multilabel_margin_loss"}
    | {"max_unpool2d", "max_unpool3d"}
    | {"scatter_add", "scatter_reduce", "index_add", "index_copy", "index_reduce", "index_fill"}
    | {"take_flat", "take_along_dim", "put", "masked_scatter", "searchsorted"}
)
"""Operations whose integers are places, which must lie inside."""


PROBABILITIES = frozenset(
    {"bernoulli", "bernoulli_like", "multinomial", "normal", "poisson", "standard_gamma"}
    | {"quantile", "nanquantile"}
    | {"binary_cross_entropy", "kl_div", "poisson_nll_loss"}
    | {"fractional_max_pool2d", "fractional_max_pool3d"}
)
"""Operations whose floats are probabilities, or at least not negative."""


def _regular(name: str, tensor: torch.Tensor | None) -> torch.Tensor | None:
    """`tensor`; for linear algebra, each of its matrices such that it has an inverse, and for Cholesky factors definite."""
    if tensor is None or not name.startswith(("linalg_", "cholesky_", "logdet")) or tensor.dim() < 2:
        return tensor
    if not tensor.is_floating_point() and not tensor.is_complex():
        return tensor
    if "cholesky" in name and tensor.shape[-1] == tensor.shape[-2]:
        tensor = tensor @ tensor.mH
    diagonal = torch.eye(*tensor.shape[-2:], device=tensor.device).to(tensor.dtype)
    return tensor + 2 * tensor.shape[-1] * diagonal


def values_for(name: str, specs: Sequence[TensorSpec | None]) -> list[torch.Tensor | None]:
    """Random tensors that are good arguments of an operation."""
    tensors = [_regular(name, each) for each in tensors_of(specs)]
    if name == "grouped_mm" and tensors[0] is not None and tensors[2] is not None:
        tensors[2] = torch.linspace(0, len(tensors[0]), len(tensors[2])).to(tensors[2].dtype)
    if name not in PROBABILITIES:
        return tensors
    return [each.sigmoid() if each is not None and each.is_floating_point() else each for each in tensors]


def layer_for(kind: LayerType, example: Example, values: dict[str, int]) -> Layer:
    """The layer of an example, with the free dimensions in its settings bound."""
    return kind.instance(
        {name: substituted(value, values) for name, value in canonical(kind, example).items()}
    )


def substituted(value: Any, values: dict[str, int]) -> Any:
    if isinstance(value, Expr):
        return evaluate(value, values)
    return tuple(substituted(item, values) for item in value) if isinstance(value, tuple) else value


def call(
    row: OperationRow, layer: Layer, inputs: Sequence[torch.Tensor | None], device: str = "cpu"
) -> tuple[Any, ...]:
    """The outputs, flat: inputs by port, or the number in their place; the other settings by name."""
    ports = layer.type.ports
    rest = list(inputs)
    arguments: list[Any] = []
    for port in ports:
        if port.variadic:
            arguments.append(rest)
            rest = []
        else:
            given = rest.pop(0) if rest else None
            arguments.append(vars(layer).get(port.name) if given is None else given)
    names = {port.name for port in ports}
    settings = {
        row.rename.get(name, name): to_torch(value) if isinstance(value, DType) else value
        for name, value in vars(layer).items()
        if name not in names
    }
    if row.makes_tensor:
        settings["device"] = device
    torch.manual_seed(0)
    return flat(row.function(*arguments, **settings))


def tensors_for(
    name: str, inputs: Sequence[TensorSpec | None], device: str = "cpu"
) -> list[torch.Tensor | None]:
    """Tensors of any shape with which nothing depends on values: places are 0, other integers 1."""
    fill = 0 if name in PLACES else 1
    return [
        None
        if spec is None
        else _regular(
            name, torch.full([int(size) for size in spec.shape], fill, device=device).to(to_torch(spec.dtype))
        )
        for spec in inputs
    ]


LANGUAGE = frozenset({"by_mode", "assign"})
"""Operations that belong to the language and are no function of torch: `tests/torch/test_when.py` has their tests."""


def operations() -> Iterator[tuple[str, int]]:
    for name, kind in BUILTIN.items():
        if kind.is_operation and name not in LANGUAGE:
            yield from ((name, number) for number in range(len(kind.examples)))


def infer(layer: Layer, inputs: Sequence[TensorSpec | None]) -> list[TensorSpec]:
    return list(flat(layer.type.infer(layer, tuple(inputs))))


__all__ = [
    "LANGUAGE",
    "PLACES",
    "call",
    "infer",
    "layer_for",
    "operations",
    "substituted",
    "tensors_for",
    "values_for",
]
