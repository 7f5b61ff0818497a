"""Text of an architecture -> texts that differ from it in one token: what a slip of the hand makes of it.

    tokens(text)               every token that a mutation may change, with its kind and place
    mutations(text, count)     `count` texts, each with another token changed, the kinds in turn; the same ones each time

The kinds: `type`, `setting` (its name), `value` (a word or truth value), `reference` (a layer, block, argument or dimension,
where it is named and where it is meant), `number`, `key` (a keyword of the format), `indentation` (of a line).
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
import yaml

from modelpack import source
from modelpack.dtypes import DType
from modelpack.layers import BUILTIN
from modelpack.layers.initial import INITIALISERS

__all__ = ["KINDS", "Mutation", "Token", "mutations", "tokens"]

KINDS = ("type", "setting", "value", "reference", "number", "key", "indentation")

_KEYWORDS = (
    "use",
    "with",
    "call",
    "repeat",
    "from",
    "inputs",
    "outputs",
    "frozen",
    "init",
    "when",
    "layers",
    "shape",
    "dtype",
)
_DTYPES = [each.value for each in DType if hasattr(torch, each.value)]
"""Some are for storage alone, and torch hasn't all of those."""
_TRIES = 30
"""How often a change of one kind may turn out to be none, or one that was made before, until there are no more."""
_WORD = re.compile(r"\$?[A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z0-9_]+)*")
_DIGITS = re.compile(r"(?<![\w.$])\d+(?![\w.])")


@dataclass(frozen=True, slots=True)
class Token:
    """What stands from `start` to `end` in the text, on `line` (from 1)."""

    kind: str
    start: int
    end: int
    line: int
    text: str
    inside: str = ""
    """of a setting or value: the layer type around it"""


@dataclass(frozen=True, slots=True)
class Mutation:
    """One token changed."""

    token: Token
    new: str
    text: str
    """all of it, changed"""

    def __str__(self) -> str:
        return f"{self.token.kind} on line {self.token.line}: {self.token.text!r} -> {self.new!r}"


def mutations(text: str, count: int, seed: int = 0) -> list[Mutation]:
    """`count` mutations of `text`, or as many as there are, the kinds in turn as long as each lasts."""
    draw = random.Random(f"{seed} {text}")
    found = tokens(text)
    by_kind = {kind: [each for each in found if each.kind == kind] for kind in KINDS}
    names = sorted({each.text for each in found if each.kind == "reference"})
    numbers = sorted({each.text for each in found if each.kind == "number"})
    made: dict[str, Mutation] = {}
    left = [kind for kind in KINDS if by_kind[kind]]
    while left and len(made) < count:
        kind = left.pop(0)
        for _ in range(_TRIES):
            token = draw.choice(by_kind[kind])
            new = _changed(token, draw, names, numbers)
            changed = text[: token.start] + new + text[token.end :]
            if changed != text and changed not in made:
                made[changed] = Mutation(token, new, changed)
                left.append(kind)
                break
    return list(made.values())


# ------------------------------------------------------------------------------------------------------- the tokens


def tokens(text: str) -> list[Token]:
    """Every token of `text` that has a kind, in order."""
    ends = {
        (each.start_mark.line + 1, each.start_mark.column + 1): (each.start_mark.index, each.end_mark.index)
        for each in yaml.scan(text)
        if isinstance(each, yaml.ScalarToken)
    }
    found = [
        Token(kind, *ends[place], place[0], text[slice(*ends[place])], inside)
        for kind, place, inside in _document(source.parse(text))
        if place in ends
    ]
    found = [piece for each in found for piece in _pieces(each)]
    return sorted([*found, *_indentations(text)], key=lambda each: (each.start, each.end))


_Found = Iterator[tuple[str, tuple[int, int], str]]


def _document(document: source.Value) -> _Found:
    assert isinstance(document, source.Mapping)
    yield from _body(document)
    for key, value in document.entries.items():
        if key == "blocks":
            assert isinstance(value, source.Mapping)
            for name, block in value.entries.items():
                yield "reference", value.key_places[name], ""
                yield from _body(block)
        elif key == "requires":
            yield from _scalars(value, "reference")
        elif key in ("modelpack", "dtype", "modes"):
            yield from _scalars(value, "value")


def _body(body: source.Value) -> _Found:
    assert isinstance(body, source.Mapping)
    for key, value in body.entries.items():
        yield "key", body.key_places[key], ""
        if key == "layers":
            assert isinstance(value, source.Mapping)
            for name, node in value.entries.items():
                yield "reference", value.key_places[name], ""
                yield from _node(node)
        elif key in ("inputs", "parameters", "buffers"):
            yield from _tensors(value)
        elif key == "arguments":
            assert isinstance(value, source.Mapping)
            for name, argument in value.entries.items():
                yield "reference", value.key_places[name], ""
                yield from _scalars(argument, "value")
        elif key in ("outputs", "tied"):
            yield from _scalars(value, "reference")


def _tensors(value: source.Value) -> _Found:
    """Inputs, nested or not, or a body's own tensors."""
    if isinstance(value, source.Sequence):
        for item in value.items:
            yield from _tensors(item)
    for key, item in value.entries.items() if isinstance(value, source.Mapping) else ():
        assert isinstance(value, source.Mapping)
        named = key in ("shape", "dtype", "persistent", "init", "frozen")
        yield "key" if named else "reference", value.key_places[key], ""
        if named:
            yield from _scalars(item, "reference" if key == "shape" else "value")
        else:
            yield from _tensors(item)


def _node(node: source.Value) -> _Found:
    assert isinstance(node, source.Mapping)
    for key, value in node.entries.items():
        if key in BUILTIN:
            yield "type", node.key_places[key], ""
            assert isinstance(value, source.Mapping)
            for name, setting in value.entries.items():
                yield "setting", value.key_places[name], key
                yield from _scalars(setting, "value", key)
            continue
        yield "key", node.key_places[key], ""
        kind = "value" if key in ("repeat", "from", "when", "with", "init") else "reference"
        yield from _scalars(value, kind)


def _scalars(value: source.Value, kind: str, inside: str = "") -> _Found:
    if isinstance(value, source.Scalar):
        yield kind, (value.line, value.column), inside
    elif isinstance(value, source.Sequence):
        for item in value.items:
            yield from _scalars(item, kind, inside)
    else:
        for key, item in value.entries.items():
            yield "setting", value.key_places[key], inside
            yield from _scalars(item, kind, inside)


def _pieces(token: Token) -> Iterator[Token]:
    """Numbers and, in expressions, each name and number by itself."""
    text = token.text
    if token.kind not in ("value", "reference"):
        yield token
    elif re.fullmatch(r"[-+]?[\d.]+(e-?\d+)?", text):
        yield Token("number", token.start, token.end, token.line, text, token.inside)
    elif "$" in text or re.search(r"[-+*/%<>=( ]", text):
        for kind, pattern in (("reference", _WORD), ("number", _DIGITS)):
            for each in pattern.finditer(text):
                if each[0] not in ("min", "max"):
                    yield Token(
                        kind, token.start + each.start(), token.start + each.end(), token.line, each[0]
                    )
    else:
        yield token


def _indentations(text: str) -> Iterator[Token]:
    start = 0
    for number, line in enumerate(text.split("\n"), 1):
        spaces = len(line) - len(line.lstrip(" "))
        if line.strip() and not line.lstrip().startswith("#"):
            yield Token("indentation", start, start + spaces, number, line[:spaces])
        start += len(line) + 1


# ------------------------------------------------------------------------------------------------------- the changes


def _changed(token: Token, draw: random.Random, names: Sequence[str], numbers: Sequence[str]) -> str:
    match token.kind:
        case "type":
            return _misspelt(token.text, draw) if draw.random() < 0.4 else _other_type(token.text, draw)
        case "setting":
            return _misspelt(token.text, draw) if draw.random() < 0.5 else _other_setting(token, draw)
        case "value":
            return _other_value(token, draw)
        case "reference":
            return _other_reference(token.text, draw, names)
        case "number":
            return _other_number(token.text, draw, numbers)
        case "key":
            return _misspelt(token.text, draw) if draw.random() < 0.6 else draw.choice(_KEYWORDS)
        case _:
            return " " * max(0, len(token.text) + draw.choice((-4, -2, -1, 1, 2, 3)))


def _misspelt(word: str, draw: random.Random) -> str:
    at = draw.randrange(len(word))
    return draw.choice(
        (
            word[:at] + word[at + 1 :],
            word[:at] + word[at] + word[at:],
            word[:at] + draw.choice("aenst_") + word[at + 1 :],
            word[: at - 1] + word[at] + word[at - 1] + word[at + 1 :] if at else word[::-1],
            word.swapcase() if at % 2 else word[:1].swapcase() + word[1:],
        )
    )


def _other_type(name: str, draw: random.Random) -> str:
    """Mostly one of the family: what one takes for the other."""
    alike = [each for each in BUILTIN if each != name and (each[:3] == name[:3] or each[-4:] == name[-4:])]
    return draw.choice(alike) if alike and draw.random() < 0.6 else draw.choice(list(BUILTIN))


def _other_setting(token: Token, draw: random.Random) -> str:
    known = list(BUILTIN[token.inside].settings) if token.inside in BUILTIN else []
    anyone = draw.choice([each for each in BUILTIN.values() if each.settings])
    return draw.choice([*known, *anyone.settings, "train", "std"])


def _other_value(token: Token, draw: random.Random) -> str:
    word = token.text
    if word in ("true", "false"):
        return draw.choice(("false" if word == "true" else "true", "maybe", "1", "null", "yes", word.upper()))
    words = _DTYPES * 2 if word in _DTYPES else []
    words += list(INITIALISERS) if word in INITIALISERS else []
    words += ["int", "float", "dim", "str", "list", "bool"] if word in ("int", "float", "dim") else []
    words += ["same", "zeros", "reflect", "tanh", "mean", "sum", "train", "eval", "null", "3", "0.5", "true"]
    return _misspelt(word, draw) if draw.random() < 0.3 else draw.choice(words)


def _other_reference(name: str, draw: random.Random, names: Sequence[str]) -> str:
    sign = "$" if name.startswith("$") else ""
    alike = [each for each in names if each.startswith("$") == bool(sign)]
    head, dot, _ = name.rpartition(".")
    return draw.choice(
        (
            sign + _misspelt(name.removeprefix("$"), draw),
            draw.choice(alike),
            draw.choice(alike),
            f"{name}{draw.choice(('.0', '.1', '.output', '_1'))}",
            f"{head}{dot}{draw.choice('012')}" if dot else draw.choice(names),
        )
    )


def _other_number(text: str, draw: random.Random, numbers: Sequence[str]) -> str:
    value: Any = yaml.safe_load(text)
    number = float(value) if isinstance(value, str) else value
    if isinstance(number, float):
        changed = (number * 10, -number, number + 1, 0.0, 1.5, round(number), number / 2)
    else:
        changed = (number + 1, number - 1, number * 2, number // 2, 0, -number, number + 0.5, number + 7)
    return draw.choice(
        (*map(str, changed), *map(str, changed), draw.choice(numbers), f"'{text}'", f"{text}x")
    )
