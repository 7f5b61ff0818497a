"""YAML text -> values with places: the strict subset of YAML 1.2 that an architecture is written in.

PyYAML's C parser (libyaml) turns the text into events, and this file composes them. Allowed are mappings with
unique string keys, sequences, and core scalars. Tags, anchors, aliases, merge keys, directives and further
documents are errors: nothing here expands, refers to or constructs anything.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, NoReturn, Protocol, TypeAlias

import yaml
from yaml._yaml import CParser

from modelpack.characters import CONTROL, checked_utf8, forbidden
from modelpack.collector import collector_paused
from modelpack.errors import ArchitectureError, Place, Problem, raise_if_any
from modelpack.indentation import astray
from modelpack.scalars import Atom, key_problem, resolve

__all__ = ["DEFAULT_LIMITS", "Limits", "Mapping", "Scalar", "Sequence", "Value", "parse", "place"]


@dataclass(slots=True, eq=False)
class Scalar:
    """A text, number, truth value or null. `plain`: written without quotes."""

    value: Atom
    line: int
    column: int
    plain: bool


@dataclass(slots=True, eq=False)
class Sequence:
    """A list of values."""

    items: list[Value]
    line: int
    column: int


@dataclass(slots=True, eq=False)
class Mapping:
    """Keys to values, in the order of the text; `key_places` holds the (line, column) of each key."""

    entries: dict[str, Value]
    line: int
    column: int
    key_places: dict[str, tuple[int, int]]


Value: TypeAlias = Scalar | Sequence | Mapping


@dataclass(frozen=True, slots=True)
class Limits:
    """The most that a text may hold; each has an error of its own.

    `bytes` counts UTF-8; `nodes` are keys, scalars, sequences and mappings together; `scalar` and `key` count
    the characters of a value and of a key. The defaults allow some 20,000 lines of layers, and keep the worst
    text below 100 MB of memory; for a longer text that is trusted, give larger ones.
    """

    bytes: int = 8 << 20
    nodes: int = 250_000
    depth: int = 64
    scalar: int = 1 << 20
    key: int = 256


DEFAULT_LIMITS = Limits()


def parse(text: str | bytes, file: str = "<text>", limits: Limits = DEFAULT_LIMITS) -> Value:
    """The one document of `text`, every key and value with its place; `file` is what places call the text.

    Raises ArchitectureError with all problems found (MP1xx), in order of place. Broken syntax and an exceeded
    limit end the search at once; otherwise it goes on.
    """
    data = checked_utf8(text, file, limits.bytes)
    report = _Report(file)
    with collector_paused():
        try:
            value = _Composer(report, limits).compose(data)
        except _StopError:
            value = _NOTHING
    raise_if_any(report.problems, ArchitectureError)
    return value


def place(value: Value, file: str = "<text>") -> Place:
    """Where `value` begins."""
    return Place(value.line, value.column, file)


_NOTHING = Scalar(None, 1, 1, plain=True)
_MOST_PROBLEMS = 100
_MOST_KNOWN = 10_000
_Position: TypeAlias = tuple[int, int]


class _StopError(Exception):
    """Reading on makes no sense; the report says why."""


class _Mark(Protocol):
    line: int
    column: int


class _Event(Protocol):
    """What libyaml tells of a node; `style` is empty for a plain scalar."""

    start_mark: _Mark
    anchor: str | None
    tag: str | None
    value: str
    style: str


class _Report:
    """Collects problems, and stops when they are plenty."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.problems: list[Problem] = []

    def add(self, problem: Problem, at: _Position, path: str = "") -> None:
        self.problems.append(replace(problem, place=Place(*at, self.file), path=path))
        if len(self.problems) >= _MOST_PROBLEMS:
            raise _StopError

    def stop(self, problem: Problem, at: _Position, path: str = "") -> NoReturn:
        self.add(problem, at, path)
        raise _StopError


class _Composer:
    """Builds the value from the events, with a stack of its own: a deep text costs no recursion."""

    def __init__(self, report: _Report, limits: Limits) -> None:
        self.report = report
        self.limits = limits
        self.nodes = 0
        self.documents = 0
        # The same few words come again and again: unquoted scalars and good keys are looked up by their text.
        self.known_atoms: dict[str, Atom] = {}
        self.known_keys: dict[str, str] = {}
        # Where the next value goes: into `items`, or (if there are none) under `key` of `mapping`.
        self.root = Sequence([], 1, 1)
        self.items: list[Value] | None = self.root.items
        self.mapping = Mapping({}, 1, 1, {})
        self.key = ""
        self.awaits_key = False
        # The open collections from the root on, each with the key that waited when the next one began.
        self.outer: list[tuple[Sequence | Mapping, str]] = []

    def compose(self, data: bytes) -> Value:
        handlers: dict[type[yaml.Event], Callable[[Any], None]] = {
            yaml.ScalarEvent: self.scalar,
            yaml.MappingStartEvent: self.open_mapping,
            yaml.MappingEndEvent: self.close,
            yaml.SequenceStartEvent: self.open_sequence,
            yaml.SequenceEndEvent: self.close,
            yaml.AliasEvent: self.alias,
            yaml.DocumentStartEvent: self.document,
            yaml.DocumentEndEvent: _pass_over,
            yaml.StreamStartEvent: _pass_over,
            yaml.StreamEndEvent: _pass_over,
        }
        try:
            for event in iter(CParser(data).get_event, None):
                handlers[type(event)](event)
        except (yaml.YAMLError, UnicodeDecodeError) as error:
            self.report.stop(*_syntax_problem(error, data))
        root = self.root.items
        if not root or (isinstance(root[0], Scalar) and "" in self.known_atoms):
            self.report.stop(Problem("MP104", "the document is empty"), (1, 1))
        return root[0]

    # One handler for each kind of event

    def scalar(self, event: _Event) -> None:
        mark = event.start_mark
        line, column = mark.line + 1, mark.column + 1
        self.nodes += 1
        if self.nodes > self.limits.nodes:
            self.stop_at_nodes((line, column))
        if event.tag is not None or event.anchor is not None:
            self.refuse_properties(event, (line, column))
        text = event.value
        style = event.style
        if self.awaits_key:
            self.take_key(text, style, line, column)
            return
        if style:
            value = self.quoted(text, style, (line, column))
        else:
            try:
                value = self.known_atoms[text]
            except KeyError:
                value = self.plain(text, (line, column))
        self.put(Scalar(value, line, column, not style))

    def open_mapping(self, event: _Event) -> None:
        line, column = self.begin(event, "mapping")
        self.open(Mapping({}, line, column, {}))

    def open_sequence(self, event: _Event) -> None:
        line, column = self.begin(event, "sequence")
        self.open(Sequence([], line, column))

    def close(self, _: _Event) -> None:
        self.outer.pop()
        self.enter(self.outer[-1][0] if self.outer else self.root)

    def alias(self, event: _Event) -> None:
        line, column = _start(event)
        self.nodes += 1
        hint = "write the value out, or use a block for layers that repeat"
        problem = Problem("MP109", f"the alias {_shown(f'*{event.anchor}')} is not allowed", hint=hint)
        self.report.add(problem, (line, column), self.path())
        if self.awaits_key:
            self.take_key(f"*{event.anchor}", "'", line, column)
        else:
            self.put(Scalar(None, line, column, plain=True))

    def document(self, event: _Event) -> None:
        self.documents += 1
        if self.documents > 1:
            self.report.stop(Problem("MP105", "a second document begins: a text holds one"), _start(event))

    # What they share

    def begin(self, event: _Event, kind: str) -> _Position:
        at = _start(event)
        self.nodes += 1
        if self.nodes > self.limits.nodes:
            self.stop_at_nodes(at)
        if self.awaits_key:
            hint = "write it in quotes if it is a text"
            self.report.stop(Problem("MP111", f"a {kind} is used as a key", hint=hint), at, self.path())
        if len(self.outer) >= self.limits.depth:
            self.report.stop(Problem("MP121", f"more than {self.limits.depth} collections are nested"), at)
        if event.tag is not None or event.anchor is not None:
            self.refuse_properties(event, at)
        return at

    def stop_at_nodes(self, at: _Position) -> NoReturn:
        hint = "use blocks and repeat, or give larger limits if the text is trusted"
        message = f"the text has more than {self.limits.nodes} keys and values"
        self.report.stop(Problem("MP122", message, hint=hint), at)

    def put(self, value: Value) -> None:
        if self.items is None:
            self.mapping.entries[self.key] = value
            self.awaits_key = True
        else:
            self.items.append(value)

    def open(self, collection: Sequence | Mapping) -> None:
        self.put(collection)
        self.outer.append((collection, self.key))
        self.enter(collection)

    def enter(self, collection: Sequence | Mapping) -> None:
        if isinstance(collection, Mapping):
            self.items = None
            self.mapping = collection
            self.awaits_key = True
        else:
            self.items = collection.items
            self.awaits_key = False

    def take_key(self, text: str, style: str, line: int, column: int) -> None:
        key = self.known_keys.get(text) if not style else None
        if key is None:
            key = self.checked_key(text, style, (line, column))
        places = self.mapping.key_places
        if key in places:
            first = Place(*places[key], self.report.file)
            message = f"the key {_shown(key)} is given twice in this mapping, first at {first}"
            self.report.add(Problem("MP113", message), (line, column), self.path())
        else:
            places[key] = (line, column)
        self.key = key
        self.awaits_key = False

    def checked_key(self, text: str, style: str, at: _Position) -> str:
        if len(text) > self.limits.key:
            message = f"a key has {len(text)} characters, the most is {self.limits.key}"
            self.report.add(Problem("MP124", message), at, self.path())
            return text
        if (problem := key_problem(text, plain=not style)) is not None:
            self.report.add(problem, at, self.path())
        elif not style and len(self.known_keys) < _MOST_KNOWN:
            self.known_keys[text] = text
        return text

    def plain(self, text: str, at: _Position) -> Atom:
        self.check_length(text, at)
        value = resolve(text)
        if isinstance(value, Problem):
            self.report.add(value, at, self.path())
            return None
        if len(self.known_atoms) < _MOST_KNOWN:
            self.known_atoms[text] = value
        return value

    def quoted(self, text: str, style: str, at: _Position) -> str:
        self.check_length(text, at)
        # Only escapes in double quotes can bring in a character that the text itself may not hold.
        if style == '"' and not text.isprintable() and (found := CONTROL.search(text)):
            self.report.add(forbidden(found[0], "a text"), at, self.path())
        return text

    def check_length(self, text: str, at: _Position) -> None:
        if len(text) > self.limits.scalar:
            message = f"a value has {len(text)} characters, the most is {self.limits.scalar}"
            self.report.stop(Problem("MP123", message), at)

    def refuse_properties(self, event: _Event, at: _Position) -> None:
        if event.tag is not None:
            tag = _shown(event.tag.replace("tag:yaml.org,2002:", "!!", 1))
            problem = Problem("MP107", f"the tag {tag} is not allowed", hint="leave it out")
            self.report.add(problem, at, self.path())
        if event.anchor is not None:
            hint = "leave it out; where it is used, write the value out"
            problem = Problem("MP108", f"the anchor {_shown(f'&{event.anchor}')} is not allowed", hint=hint)
            self.report.add(problem, at, self.path())

    def path(self) -> str:
        """Where the next value goes, as dotted keys and indices; while a key is awaited, its mapping."""
        steps: list[str] = []
        around: Sequence | Mapping = self.root
        for collection, key in self.outer:
            if around is not self.root:
                steps.append(key if isinstance(around, Mapping) else str(len(around.items) - 1))
            around = collection
        if self.items is None and not self.awaits_key:
            steps.append(self.key)
        elif self.items is not None and self.outer:
            steps.append(str(len(self.items)))
        return ".".join(steps)


def _pass_over(_: _Event) -> None:
    """Begins and ends that carry nothing."""


def _start(event: _Event) -> _Position:
    mark = event.start_mark
    return mark.line + 1, mark.column + 1


def _syntax_problem(error: yaml.YAMLError | UnicodeDecodeError, data: bytes) -> tuple[Problem, _Position]:
    if not isinstance(error, yaml.MarkedYAMLError) or error.problem_mark is None:
        return Problem("MP101", "this is not valid YAML: a tag or a character can't be read"), (1, 1)
    mark, context = error.problem_mark, error.context_mark
    if error.problem == _NO_KEY and (before := astray(data.decode(errors="replace").split("\n"), mark.line)):
        told = (
            f"this is not valid YAML: this line begins in column {before[1]}, "
            f"line {mark.line + 1} in column {mark.column + 1}"
        )
        return Problem("MP101", told, hint="begin all keys of a mapping in the same column"), before
    message = f"this is not valid YAML: {error.problem}"
    if context is not None and (context.line, context.column) != (mark.line, mark.column):
        message += f" ({error.context}, which begins at {context.line + 1}:{context.column + 1})"
    hint = _SYNTAX_HINTS.get(error.problem or "")
    return Problem("MP101", message, hint=hint), (mark.line + 1, mark.column + 1)


_NO_KEY = "did not find expected key"

_SYNTAX_HINTS = {
    "found character that cannot start any token": (
        "indent with spaces, not with tabs; put a text that begins with @, ` or % in quotes"
    ),
    _NO_KEY: (
        "begin all keys of a mapping in the same column: this line may be right and one before it wrong"
    ),
    "did not find expected <document start>": "begin all keys of a mapping in the same column, the first too",
    "mapping values are not allowed in this context": (
        "put a text that holds ': ' in quotes; begin all keys of a mapping in the same column"
    ),
}


def _shown(text: str) -> str:
    return repr(text if len(text) <= 60 else f"{text[:60]}…")
