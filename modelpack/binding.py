"""What names mean inside a body: arguments as given, dimensions as the inputs have them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from modelpack.architecture import Inputs, InputSpec
from modelpack.dims import Dim, Expr, may_equal, name_of, substitute, symbols
from modelpack.layers.kinds import Literal
from modelpack.network import DimSource, Specs
from modelpack.tensors import Mismatch, TensorSpec

__all__ = ["Scope", "bind_dims", "is_symbolic", "match_structure", "resolve"]


@dataclass(frozen=True, slots=True)
class Scope:
    """The names of one body. `values` are in terms of the network's free dimensions, for inference; `constants` are only
    those arguments that are known before the network runs."""

    values: Mapping[str, Literal]
    constants: Mapping[str, Literal]


def resolve(value: Literal, names: Mapping[str, Literal]) -> Literal:
    """`value` with `names` put in; other names stay.

    Raises:
        ValueError: arithmetic with an argument that isn't an integer, or a division by zero.
    """
    if isinstance(value, tuple):
        return tuple(resolve(item, names) for item in value)
    if not isinstance(value, Expr):
        return value
    alone = name_of(value)
    if alone is not None:
        return names.get(alone, value)
    used: dict[str, Dim] = {}
    for name in symbols(value) & names.keys():
        known = names[name]
        if isinstance(known, bool) or not isinstance(known, int | Expr):
            raise ValueError(f"can't calculate '{value}': {name} is no integer")
        used[name] = known
    try:
        return substitute(value, used)
    except ZeroDivisionError:
        raise ValueError(f"'{value}' divides by zero") from None


def is_symbolic(value: Literal) -> bool:
    """Whether something in `value` is known only when the network runs."""
    return isinstance(value, Expr) or (isinstance(value, tuple) and any(map(is_symbolic, value)))


def bind_dims(
    inputs: Mapping[str, Inputs], given: Mapping[str, Specs], names: Mapping[str, Literal]
) -> tuple[dict[str, Dim], tuple[DimSource, ...]]:
    """The dimensions that `inputs` declare, with their values in `given` and where they are read from; `names` are the
    arguments.

    Raises:
        Mismatch: a declared dtype, rank or size differs from the given one.
    """
    leaves = list(_leaves(inputs, given))
    values: dict[str, Dim] = {}
    sources: list[DimSource] = []
    for name, path, told, spec in leaves:
        _same_kind(name, told, spec)
        for axis, dim in enumerate(told.shape or ()):
            word = name_of(dim)
            if word is not None and word not in values and not word.startswith("$"):
                values[word] = spec.shape[axis]
                sources.append(DimSource(word, name, path, axis))
    for name, _, told, spec in leaves:
        for axis, dim in enumerate(told.shape or ()):
            wanted = _dim(resolve(dim, {**names, **values}))
            if not may_equal(wanted, spec.shape[axis]):
                raise Mismatch(
                    f"axis {axis} of its input '{name}' must be {dim if dim == wanted else f'{dim} = {wanted}'},"
                    f" but is given {spec}",
                    code="MP309",
                    port=name,
                )
    return values, tuple(sources)


def match_structure(inputs: Inputs, given: Specs, name: str) -> None:
    """Lists and mappings nest alike in what is declared and what is given.

    Raises:
        Mismatch: they don't.
    """
    if isinstance(inputs, InputSpec):
        if isinstance(given, TensorSpec):
            return
        raise Mismatch(
            f"its input '{name}' is one tensor, but is given {_told(given)}", code="MP314", port=name
        )
    if isinstance(inputs, tuple) and isinstance(given, tuple) and len(inputs) == len(given):
        for at, (inner, value) in enumerate(zip(inputs, given, strict=True)):
            match_structure(inner, value, f"{name}.{at}")
        return
    if isinstance(inputs, Mapping) and isinstance(given, Mapping) and inputs.keys() == given.keys():
        for key, inner in inputs.items():
            match_structure(inner, given[key], f"{name}.{key}")
        return
    wanted = f"a list of {len(inputs)}" if isinstance(inputs, tuple) else f"a mapping of {', '.join(inputs)}"
    raise Mismatch(f"its input '{name}' is {wanted}, but is given {_told(given)}", code="MP314", port=name)


def _told(given: Specs) -> str:
    if isinstance(given, TensorSpec):
        return f"the tensor {given}"
    if isinstance(given, Mapping):
        return f"several tensors: {', '.join(given)}"
    return "nothing" if given is None else f"a list of {len(given)}"


def _same_kind(name: str, told: InputSpec, spec: TensorSpec) -> None:
    if told.dtype is not None and told.dtype is not spec.dtype:
        raise Mismatch(
            f"its input '{name}' must be {told.dtype}, but is given {spec}", code="MP306", port=name
        )
    if told.shape is not None and len(told.shape) != spec.rank:
        raise Mismatch(
            f"its input '{name}' must have {len(told.shape)} axes, but is given {spec}",
            code="MP302",
            port=name,
        )


def _leaves(
    inputs: Mapping[str, Inputs], given: Mapping[str, Specs]
) -> Iterator[tuple[str, tuple[str | int, ...], InputSpec, TensorSpec]]:
    for name, tree in inputs.items():
        for path, told, spec in _pairs(tree, given[name], ()):
            yield name, path, told, spec


def _pairs(
    tree: Inputs, given: Specs, path: tuple[str | int, ...]
) -> Iterator[tuple[tuple[str | int, ...], InputSpec, TensorSpec]]:
    if isinstance(tree, InputSpec):
        if isinstance(given, TensorSpec):
            yield path, tree, given
    elif isinstance(tree, tuple) and isinstance(given, tuple):
        for at, (inner, value) in enumerate(zip(tree, given, strict=True)):
            yield from _pairs(inner, value, (*path, at))
    elif isinstance(tree, Mapping) and isinstance(given, Mapping):
        for key, inner in tree.items():
            yield from _pairs(inner, given[key], (*path, key))


def _dim(value: Literal) -> Dim:
    if isinstance(value, bool) or not isinstance(value, int | Expr):
        raise Mismatch(f"{value!r} can't be the size of an axis", code="MP309")
    return value
