"""The values of a document as `oracle` takes them: settings by their kinds, arithmetic by Python's own, tensors to begin with.

Each raises `Wrong` with its line where a value can't be what it should.
"""

from __future__ import annotations

import ast
import operator
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any, NoReturn

import torch

from modelpack import source
from modelpack.backends.torch.dtypes import to_torch
from modelpack.dtypes import DType
from modelpack.layers.initial import INITIALISERS
from modelpack.layers.kinds import (
    Axes,
    Boolean,
    Choice,
    DTypeName,
    Either,
    Integer,
    Integers,
    Kind,
    ListOf,
    Nullable,
    Number,
    Scalar,
    Shape,
    Text,
)

__all__ = [
    "ARGUMENTS",
    "COMPARISONS",
    "NAME",
    "PATH",
    "Expressions",
    "Wrong",
    "argument_of",
    "beside",
    "by_torch",
    "check_initialiser",
    "check_keys",
    "check_names",
    "dtype_of",
    "filled",
    "items_of",
    "items_or_none",
    "mapping_of",
    "scalar_of",
    "scalar_or_none",
    "setting_of",
    "tensors_in",
    "torch_dtype_of",
]

NAME = re.compile(r"[A-Za-z_]\w*", re.ASCII)


PATH = re.compile(r"[A-Za-z0-9_][\w-]*(\.[A-Za-z0-9_][\w-]*)*", re.ASCII)


ARGUMENTS: Mapping[str, Callable[[Any], bool]] = {
    "int": lambda value: type(value) is int,
    "dim": lambda value: type(value) is int and value >= 0,
    "float": lambda value: type(value) in (int, float),
    "bool": lambda value: type(value) is bool,
    "str": lambda value: type(value) is str,
    "list": lambda value: isinstance(value, tuple) and all(type(each) is int for each in value),
}


COMPARISONS: Mapping[str, Callable[[int, int], bool]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<=": operator.le,
    ">=": operator.ge,
    "<": operator.lt,
    ">": operator.gt,
}


_OPERATORS: Mapping[type[ast.AST], Callable[..., Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.USub: operator.neg,
}


class Wrong(Exception):  # noqa: N818  (an answer, no error)
    """Why a document is no network: `line` is where it was found, from the inside out; `refused`: torch refused."""

    def __init__(self, line: int, why: str, *, refused: bool = False) -> None:
        super().__init__(f"{line}: {why}")
        self.line, self.why, self.refused = line, why, refused


class by_torch:  # noqa: N801
    """What torch raises is torch's word."""

    def __init__(self, line: int) -> None:
        self.line = line

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, Exception) and not isinstance(error, Wrong):
            raise Wrong(self.line, f"{type(error).__name__}: {error}"[:200], refused=True) from error


def filled(shape: Sequence[int], dtype: torch.dtype, *, zeros: bool) -> torch.Tensor:
    """An input: halves, or integers that are indices of nearly anything: 0, or 1 where the last axis begins."""
    found = torch.full(tuple(shape), 0.5 if dtype.is_floating_point else 0, dtype=dtype)
    if found.numel() and found.dim() and not dtype.is_floating_point and not zeros:
        found[..., 0] = 1
    return found


def setting_of(kind: Kind, value: source.Value, environment: Mapping[str, Any], training: bool) -> Any:
    if isinstance(value, source.Mapping):
        if value.entries.keys() != {"train", "eval"}:
            raise Wrong(value.line, "a mapping as setting")
        both = {
            mode: setting_of(kind, value.entries[mode], environment, training) for mode in ("train", "eval")
        }
        return both["train" if training else "eval"]
    literal = _literal(kind, value, environment)
    if not _is_of(kind, literal):
        raise Wrong(value.line, f"{literal!r} is no {kind.describe()}")
    with suppress(ValueError):  # out of bounds: for torch to refuse
        literal = kind.read(literal)
    return _expanded(kind, literal)


def _expanded(kind: Kind, literal: Any) -> Any:
    """As torch wants it, in bounds or not."""
    while isinstance(kind, Nullable | Either):
        if literal is None:
            return None
        inner = kind.kinds if isinstance(kind, Either) else (kind.kind,)
        kind = next(each for each in inner if _is_of(each, literal))
    return kind.expand(literal)


def _literal(kind: Kind, value: source.Value, environment: Mapping[str, Any]) -> Any:
    if isinstance(value, source.Sequence):
        return tuple(_literal(kind, item, environment) for item in value.items)
    if isinstance(value, source.Mapping):
        raise Wrong(value.line, "a mapping as setting")
    word = value.value
    if not isinstance(word, str) or _is_word(kind, word):
        return word
    if word.startswith("$") and word in environment:
        return environment[word]
    return Expressions(environment).text(value.line, word)


def _is_word(kind: Kind, word: str) -> bool:
    match kind:
        case Nullable(inner) | ListOf(inner):
            return _is_word(inner, word)
        case Either(kinds):
            return any(_is_word(each, word) for each in kinds)
        case Choice() | DTypeName() | Boolean() | Number():
            return not word.startswith("$") and not (isinstance(kind, Choice) and word not in kind.options)
        case Text():
            return not word.startswith("$")
        case _:
            return False


def _is_of(kind: Kind, value: Any) -> bool:
    """Whether a value is of a kind, bounds left aside."""
    match kind:
        case Integer():
            return type(value) is int
        case Boolean():
            return type(value) is bool
        case Number():
            return type(value) in (int, float)
        case Scalar():
            return type(value) in (int, float, bool)
        case Choice(options):
            return value in options
        case DTypeName():
            return value in [each.value for each in DType]
        case Text():
            return type(value) is str
        case Integers(item, length):
            if isinstance(value, tuple):
                return length in (None, len(value)) and all(_is_of(item, each) for each in value)
            return length is not None and _is_of(item, value)
        case Shape() | Axes():
            items = value if isinstance(value, tuple) else (value,)
            if isinstance(kind, Axes) and kind.all_by_default and value is None:
                return True
            return all(type(each) is int for each in items)
        case Nullable(inner):
            return value is None or _is_of(inner, value)
        case Either(kinds):
            return any(_is_of(each, value) for each in kinds)
        case ListOf(inner, length):
            return (
                isinstance(value, tuple)
                and length in (None, len(value))
                and all(_is_of(inner, each) for each in value)
            )
        case _:
            raise NotImplementedError(kind)


def argument_of(kind: str, value: source.Value, environment: Mapping[str, Any], line: int) -> Any:
    if isinstance(value, source.Sequence):
        found: Any = tuple(Expressions(environment)(item) for item in value.items)
    else:
        found = scalar_of(value)
        if isinstance(found, str) and (found.startswith("$") or kind in ("int", "dim")):
            found = (
                environment[found]
                if found in environment
                else Expressions(environment).text(value.line, found)
            )
    if not ARGUMENTS[kind](found):
        raise Wrong(line, f"{found!r} is no {kind}")
    return float(found) if kind == "float" else found


def check_initialiser(value: source.Value) -> None:
    name, given = value, None
    if isinstance(value, source.Mapping):
        if len(value.entries) != 1:
            raise Wrong(value.line, "no initialiser")
        ((word, given),) = value.entries.items()
    else:
        word = scalar_of(name)
    if not isinstance(word, str) or word not in INITIALISERS:
        raise Wrong(value.line, f"no initialiser {word}")
    for key, item in mapping_of(given).entries.items() if given is not None else ():
        kind = INITIALISERS[word].get(key)
        if kind is None or not _is_of(kind, scalar_of(item)):
            raise Wrong(value.line, f"{word} has no {key}")
        try:
            kind.read(scalar_of(item))
        except ValueError as error:
            raise Wrong(value.line, str(error)) from None


class Expressions:
    """Integer arithmetic is Python's."""

    def __init__(self, environment: Mapping[str, Any], size: Callable[[str], int] | None = None) -> None:
        self.environment = environment
        self.size = size

    def __call__(self, value: source.Value) -> int:
        found = scalar_of(value)
        if isinstance(found, str):
            return self.text(value.line, found)
        if type(found) is not int:
            raise Wrong(value.line, f"{found!r} is no integer")
        return found

    def text(self, line: int, text: str) -> int:
        try:
            tree = ast.parse(re.sub(r"\$(?=[A-Za-z_])", "ARGUMENT_", text).strip(), mode="eval").body
            result = self._value(tree)
        except (SyntaxError, KeyError, ZeroDivisionError, TypeError, ValueError) as error:
            raise Wrong(line, f"'{text}' has no value: {error!r}") from None
        if type(result) is not int:
            raise Wrong(line, f"'{text}' is no integer")
        return result

    def _value(self, tree: ast.AST) -> int:
        match tree:
            case ast.Constant(int(value)):
                return value
            case ast.Name(name):
                name = name.replace("ARGUMENT_", "$")
                return self.environment[name] if self.size is None else self.size(name)
            case ast.BinOp(left, op, right) if type(op) in _OPERATORS:
                return _OPERATORS[type(op)](self._value(left), self._value(right))
            case ast.UnaryOp(op, operand) if type(op) in _OPERATORS:
                return _OPERATORS[type(op)](self._value(operand))
            case ast.Call(ast.Name("max" | "min" as name), [left, right], []):
                return {"max": max, "min": min}[name](self._value(left), self._value(right))
            case _:
                raise ValueError("no arithmetic")


def check_names(inputs: source.Mapping, body: source.Mapping, layers: source.Mapping) -> None:
    names = [(name, inputs.key_places[name][0]) for name in inputs.entries]
    for kind in ("parameters", "buffers"):
        if kind in body.entries:
            tensors = mapping_of(body.entries[kind])
            names += [(name, tensors.key_places[name][0]) for name in tensors.entries]
    names += [(name, layers.key_places[name][0]) for name in layers.entries]
    for at, (name, line) in enumerate(names):
        for other, _ in names[:at]:
            outer, inner = sorted((name, other), key=len)
            if name == other or (inner.startswith(f"{outer}.") and not _between(layers, outer, inner)):
                raise Wrong(line, f"the name {name} is taken")


def _between(layers: source.Mapping, outer: str, inner: str) -> bool:
    """Whether `inner` has a number that no copy of the repeated `outer` has."""
    node = layers.entries.get(outer)
    entries = node.entries if isinstance(node, source.Mapping) else {}
    number = inner[len(outer) + 1 :].partition(".")[0]
    if "repeat" not in entries or not number.isdigit():
        return False
    first = scalar_of(entries["from"]) if "from" in entries else 0
    count = scalar_of(entries["repeat"])
    return int(number) < first or (type(count) is int and int(number) >= first + count)


def beside(value: source.Value, given: Any) -> Iterator[tuple[source.Mapping, Any]]:
    """The tensors that an input declares beside those that it gets."""
    if isinstance(value, source.Sequence):
        if not isinstance(given, tuple | list) or len(given) != len(value.items):
            raise Wrong(value.line, "a list is declared")
        for item, each in zip(value.items, given, strict=True):
            yield from beside(item, each)
        return
    mapping = mapping_of(value)
    if mapping.entries and not mapping.entries.keys() & {"dtype", "shape"}:
        if not isinstance(given, Mapping) or given.keys() != mapping.entries.keys():
            raise Wrong(value.line, "a mapping is declared")
        for key, item in mapping.entries.items():
            yield from beside(item, given[key])
        return
    yield mapping, given


def tensors_in(value: source.Value) -> Iterator[source.Mapping]:
    if isinstance(value, source.Sequence):
        for item in value.items:
            yield from tensors_in(item)
    elif isinstance(value, source.Mapping):
        if value.entries.keys() & {"dtype", "shape"}:
            yield value
        else:
            for item in value.entries.values():
                yield from tensors_in(item)


def check_keys(mapping: source.Mapping, known: set[str]) -> None:
    for key in mapping.entries:
        if key not in known:
            raise Wrong(mapping.key_places[key][0], f"no key {key}")


def mapping_of(value: source.Value) -> source.Mapping:
    return value if isinstance(value, source.Mapping) else _not(value, "mapping")


def items_of(value: source.Value) -> list[source.Value]:
    return value.items if isinstance(value, source.Sequence) else _not(value, "list")


def items_or_none(value: source.Value | None) -> list[source.Value]:
    return value.items if isinstance(value, source.Sequence) else []


def scalar_of(value: source.Value) -> Any:
    return value.value if isinstance(value, source.Scalar) else _not(value, "single value")


def scalar_or_none(value: source.Value) -> Any:
    return value.value if isinstance(value, source.Scalar) else None


def dtype_of(value: source.Value) -> DType:
    try:
        return DType(scalar_of(value))
    except ValueError:
        raise Wrong(value.line, "no dtype") from None


def torch_dtype_of(value: source.Value) -> torch.dtype:
    with by_torch(value.line):
        return to_torch(dtype_of(value))


def _not(value: source.Value, what: str) -> NoReturn:
    raise Wrong(value.line, f"no {what}")
