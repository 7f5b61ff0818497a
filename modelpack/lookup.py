"""Small questions about specs and steps: into an output, one tensor or several, which step, equal or not."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from modelpack.canonical import INDEX
from modelpack.network import Child, Leaf, Specs, Step
from modelpack.scalars import Atom
from modelpack.tensors import Mismatch, TensorSpec

__all__ = ["enter", "find", "flat", "key_of"]


_MOST_LISTED = 8


def enter(specs: Specs, key: str) -> tuple[Specs, str | int]:
    if isinstance(specs, Mapping):
        if key in specs:
            return specs[key], key
        raise Mismatch(f"has no output '{key}', only {_listed(specs)}", code="MP313")
    if isinstance(specs, tuple):
        if INDEX.fullmatch(key) and int(key) < len(specs):
            return specs[int(key)], int(key)
        raise Mismatch(f"has {len(specs)} outputs, none is number '{key}'", code="MP313")
    raise Mismatch(f"has one output, so '{key}' is none of it", code="MP313")


def _listed(names: Mapping[str, Specs]) -> str:
    first = ", ".join(list(names)[:_MOST_LISTED])
    return first if len(names) <= _MOST_LISTED else f"{first} and {len(names) - _MOST_LISTED} more"


def flat(inputs: list[Specs], leaf: Leaf) -> tuple[TensorSpec | None, ...]:
    """One spec for each input of a layer; those of a variadic port follow one another.

    Raises:
        Mismatch: where one tensor is wanted there are several, or none among any number.
    """
    ports = leaf.eval.type.ports
    flat: list[TensorSpec | None] = []
    for port, specs in zip(ports, inputs, strict=True):
        if not (port.variadic and isinstance(specs, tuple)):
            flat.append(_one(specs))
            continue
        if None in specs and not port.gaps:
            told = f"one of its inputs '{port.name}' is null"
            raise Mismatch(told, code="MP312", port=port.name)
        flat += map(_one, specs)
    return tuple(flat)


def _one(specs: Specs) -> TensorSpec | None:
    if specs is None or isinstance(specs, TensorSpec):
        return specs
    names = list(specs) if isinstance(specs, Mapping) else [str(at) for at in range(len(specs))]
    raise Mismatch(
        f"an input has several tensors ({', '.join(names)}) where one is wanted",
        code="MP314",
        hint=f"name one, such as <layer>.{names[0]}" if names else None,
    )


def find(target: str, steps: Mapping[str, Step]) -> tuple[Step | None, bool]:
    """The step at the path `target`, and whether it lies inside another's block."""
    if target in steps:
        return steps[target], False
    segments = target.split(".")
    for count in range(len(segments) - 1, 0, -1):
        step = steps.get(".".join(segments[:count]))
        if step is not None and isinstance(step.does, Child):
            return find(".".join(segments[count:]), step.does.body.by_name)[0], True
    return None, False


def key_of(value: Any) -> object:
    """A hashable twin; numbers of different types stay apart."""
    if isinstance(value, tuple):
        return tuple(map(key_of, cast("tuple[Any, ...]", value)))
    # Those first that aren't: to be asked whether it's a Mapping costs a type that is none all mappings of all libraries.
    if not isinstance(value, Atom | TensorSpec) and isinstance(value, Mapping):
        return tuple((key, key_of(item)) for key, item in cast("Mapping[str, Any]", value).items())
    return type(value).__name__, value
