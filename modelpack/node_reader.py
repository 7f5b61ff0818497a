"""One entry of `layers` -> Node."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from modelpack import source
from modelpack.architecture import Action, Apply, ByMode, Call, Node, SettingValue, Structure, Take, Use
from modelpack.canonical import LAST
from modelpack.hints import (
    setting_meant,
    settings_meant,
    settings_of,
    type_meant,
    typed,
    value_meant,
    written,
)
from modelpack.layers import LayerType
from modelpack.layers.base import Setting
from modelpack.layers.initial import INITIALISERS, Init
from modelpack.layers.kinds import Integer, Literal, has_arguments
from modelpack.reading import PATH, Problems, describe, literal, text_places, texts, without_dollar
from modelpack.take_reader import take_of

__all__ = ["NodeReader"]

_COMMON = ("inputs", "repeat", "from", "frozen", "init", "when")
_OF_TAKE = ("take", "outputs", "rename", "reset", "shared")
_MODES = ("train", "eval")
_COUNT = Integer(minimum=1)
_FIRST = Integer(minimum=0, maximum=LAST)
_LONGEST_REFERENCE = 256


class NodeReader:
    """Reads nodes; `types` are the layer types that the caller allows."""

    def __init__(self, problems: Problems, types: Mapping[str, LayerType]) -> None:
        self._problems = problems
        self._types = types
        self.imports: Collection[str] = ()
        """the names of imports, once they are known"""
        self.blocks: Collection[str] = ()
        """the names of blocks, likewise"""
        self.body: source.Mapping | None = None
        """what the nodes are layers of"""

    def node(self, name: str, value: source.Value, at: tuple[int, int], path: str) -> Node:
        """The node that `value` is; after a problem one that calls nothing, about which `check` stays silent."""
        before = len(self._problems.found)
        node = self._node(name, value, at, path)
        return node if len(self._problems.found) == before else Node(name, Call(""), place=at)

    def _node(self, name: str, value: source.Value, at: tuple[int, int], path: str) -> Node:
        if not PATH.fullmatch(name):
            self._problems.add(
                "MP206",
                f"'{name}' can't be a layer's name: letters, digits, '_' and '-', with dots between",
                at,
                path,
            )
        mapping = self._problems.mapping(value, path, settings_meant(value, self._types) or _ONE_ACTION)
        if mapping is None:
            return Node(name, Call(""), place=at)
        entries = mapping.entries
        action, places = self._action(mapping, path)
        if "frozen" in entries:
            places = {**places, "frozen": mapping.key_places["frozen"]}
        if "inputs" in entries:
            places = {**places, **text_places(entries["inputs"], "inputs")}
        if isinstance(inits := entries.get("init"), source.Mapping):
            places = {
                **places,
                **{f"init.{key}": (each.line, each.column) for key, each in inits.entries.items()},
            }
        return Node(
            name=name,
            action=action,
            inputs=self._inputs(entries["inputs"], f"{path}.inputs") if "inputs" in entries else None,
            repeat=self._repeat(entries["repeat"], f"{path}.repeat") if "repeat" in entries else None,
            first=self._first(entries["from"], f"{path}.from") if "from" in entries else 0,
            frozen=self._frozen(entries["frozen"], f"{path}.frozen") if "frozen" in entries else False,
            init=self._inits(entries["init"], f"{path}.init") if "init" in entries else {},
            when=self._when(entries["when"], f"{path}.when") if "when" in entries else None,
            place=at,
            places=places,
        )

    # ------------------------------------------------------------------------------------------- what it does

    def _action(self, node: source.Mapping, path: str) -> tuple[Action, Mapping[str, tuple[int, int]]]:
        elsewhere = typed(node.entries, self._types)
        if elsewhere is not None:
            hint = f"the type is the key of its settings: {{{elsewhere}: {{…}}}}"
            self._problems.add("MP201", "unknown layer type 'type'", node.key_places["type"], path, hint)
            return Call(""), {}
        found: Action | None = None
        places: Mapping[str, tuple[int, int]] = {}
        seen: list[str] = []
        unknown = False
        for key, value in node.entries.items():
            if key in _COMMON or key in _OF_TAKE or key == "with":
                continue
            at = node.key_places[key]
            if key not in self._types and key not in ("use", "call"):
                self._unknown(key, at, path)
                unknown = True
                continue
            seen.append(key)
            if key in self._types:
                kind = self._types[key]
                settings = self._problems.mapping(value, f"{path}.{key}", written(kind, value))
                found = Apply(kind, self._settings(kind, settings, path) if settings else {})
                places = settings.key_places if settings else {}
            elif key == "use":
                found = self._use(self._problems.text(value, f"{path}.use") or "", node, path)
                places = {"use": (value.line, value.column), **_arguments_places(node)}
            else:
                found = Call(self.reference(value, f"{path}.call"))
                places = {"call": (value.line, value.column)}
        # What is unknown has been told; it may be the one thing to do, or a keyword.
        if len(seen) > 1 or not (seen or unknown):
            told = "says nothing to do" if not seen else f"says several things to do: {', '.join(seen)}"
            self._problems.add("MP210", told, (node.line, node.column), path, _ONE_ACTION)
        self._only_where_it_belongs(node, found, path)
        return found or Call(""), places

    def _use(self, name: str, node: source.Mapping, path: str) -> Use | Take:
        """A block or, by the names of imports, a part of another pack."""
        if name not in self.imports:
            if name and name not in self.blocks and not node.entries.keys().isdisjoint(_OF_TAKE):
                at = (node.entries["use"].line, node.entries["use"].column)
                self._problems.unknown("MP211", "import", name, (*self.imports, *self.blocks), at, path)
                return Take(name)
            return Use(name, self._with(node, path))
        return take_of(name, node, path, self._problems, self.reference)

    def _unknown(self, key: str, at: tuple[int, int], path: str) -> None:
        near = type_meant(key, self._types, self.blocks)
        if near is None and (":" in key or "." in key):
            near = "types of third parties are allowed by the caller, never by the file; nothing is imported"
        known = (*self._types, "use", "call", "with", *_COMMON, *_OF_TAKE)
        near = near or self._problems.suggestion(key, known)
        self._problems.add("MP201", f"unknown layer type '{key}'", at, path, near)

    def _only_where_it_belongs(self, node: source.Mapping, action: Action | None, path: str) -> None:
        """`with` belongs to the use of a block, `take` and its like to that of an import, `from` to `repeat`; a call has no
        tensors of its own to freeze, start or repeat."""
        wrong = [] if isinstance(action, Use) else ["with"]
        wrong += [] if isinstance(action, Take) else _OF_TAKE
        wrong += [] if "repeat" in node.entries else ["from"]
        if isinstance(action, Call):
            wrong += ["repeat", "frozen", "init"]
        for key in wrong:
            if key in node.entries and action is not None:
                self._problems.add("MP202", f"'{key}' has no meaning here", node.key_places[key], path)

    def _settings(self, kind: LayerType, given: source.Mapping, path: str) -> dict[str, SettingValue]:
        found: dict[str, SettingValue] = {}
        declared = kind.settings
        for name, value in given.entries.items():
            setting = declared.get(name)
            if setting is None:
                hint = setting_meant(name, kind, self._types, _COMMON)
                hint = hint or self._problems.suggestion(name, declared) or settings_of(kind)
                told = f"unknown setting of {kind.name} '{name}'"
                self._problems.add("MP207", told, given.key_places[name], path, hint)
                continue
            try:
                read = self._setting(setting, value)
            except ValueError as error:
                hint = self._meant(value)
                self._problems.add("MP209", f"{name} {error}", (value.line, value.column), path, hint)
                continue
            if not same(read, setting.default):
                found[name] = read
        for name in self._missing(kind, given):
            self._problems.add("MP208", f"{kind.name} needs {name}", (given.line, given.column), path)
        return found

    def _meant(self, value: source.Value) -> str | None:
        """What to write instead of the names of arguments and dimensions of the block in `value`."""
        entries = self.body.entries if self.body else {}
        arguments, inputs = entries.get("arguments"), entries.get("inputs")
        known = arguments.entries if isinstance(arguments, source.Mapping) else ()
        dimensions = {str(each.value) for each in texts(inputs)} if inputs else ()
        dollar = without_dollar((str(each.value) for each in texts(value)), known, dimensions)
        return dollar or value_meant(value)

    def _missing(self, kind: LayerType, given: source.Mapping) -> list[str]:
        """The required settings that are absent, less those that an unknown one was meant to be: that has been told."""
        missing = [name for name in kind.required if name not in given.entries]
        if not missing:
            return []
        meant = self._problems.meant((name for name in given.entries if name not in kind.settings), missing)
        return [name for name in missing if name not in meant]

    def _setting(self, setting: Setting, value: source.Value) -> SettingValue:
        if isinstance(value, source.Mapping) and value.entries.keys() == {"train", "eval"}:
            train, evaluate = (setting.kind.read(literal(value.entries[mode])) for mode in ("train", "eval"))
            return train if same(train, evaluate) else ByMode(train, evaluate)
        return setting.kind.read(literal(value))

    def _with(self, node: source.Mapping, path: str) -> dict[str, Literal]:
        value = node.entries.get("with")
        mapping = self._problems.mapping(value, f"{path}.with") if value else None
        found: dict[str, Literal] = {}
        for name, item in mapping.entries.items() if mapping else ():
            try:
                found[name] = literal(item)
            except ValueError as error:
                self._problems.add("MP213", f"{name} {error}", (item.line, item.column), f"{path}.with")
        return found

    # ------------------------------------------------------------------------------------------- the keywords

    def structure(self, value: source.Value, path: str) -> Structure:
        """References, nested."""
        if isinstance(value, source.Sequence):
            return tuple(self.structure(item, path) for item in value.items)
        if isinstance(value, source.Mapping):
            return {key: self.structure(item, f"{path}.{key}") for key, item in value.entries.items()}
        if value.value is None:
            return None
        if isinstance(value.value, str):
            return self.reference(value, path)
        self._problems.wrong_kind(value, path, "the name of a layer, an input or a tensor")
        return None

    def reference(self, value: source.Value, path: str) -> str:
        """A name with dots, of bounded length; empty after a problem."""
        text = self._problems.text(value, path) or ""
        if len(text) > _LONGEST_REFERENCE:
            told = f"a reference has at most {_LONGEST_REFERENCE} characters, this one has {len(text)}"
            self._problems.add("MP206", told, (value.line, value.column), path)
            return ""
        return text

    def _inputs(self, value: source.Value, path: str) -> Structure:
        read = self.structure(value, path)
        if read is None:
            self._problems.wrong_kind(value, path, "a list or mapping of names")
        return (read,) if isinstance(read, str) else read

    def _repeat(self, value: source.Value, path: str) -> Literal:
        try:
            return _COUNT.read(literal(value))
        except ValueError as error:
            hint = self._meant(value)
            self._problems.add("MP209", f"repeat {error}", (value.line, value.column), path, hint)
            return None

    def _first(self, value: source.Value, path: str) -> int:
        try:
            read = _FIRST.read(literal(value))
        except ValueError as error:
            read = error
        if isinstance(read, int):
            return read
        told = read if isinstance(read, ValueError) else "must be a number, not an expression"
        self._problems.add("MP209", f"from {told}", (value.line, value.column), path)
        return 0

    def _frozen(self, value: source.Value, path: str) -> bool | tuple[str, ...]:
        if isinstance(value, source.Scalar) and isinstance(value.value, bool):
            return value.value
        if not isinstance(value, source.Sequence):
            wanted = "true, false or a list of tensor names"
            self._problems.wrong_kind(value, path, wanted, value_meant(value))
            return False
        return tuple(self.reference(item, path) for item in value.items)

    def _when(self, value: source.Value, path: str) -> str | None:
        if isinstance(value, source.Scalar) and isinstance(value.value, str) and value.value in _MODES:
            return value.value
        self._problems.wrong_kind(value, path, " or ".join(_MODES))
        return None

    def _inits(self, value: source.Value, path: str) -> dict[str, Init]:
        mapping = self._problems.mapping(value, path)
        found: dict[str, Init] = {}
        for name, item in mapping.entries.items() if mapping else ():
            init = self.init_of(item, f"{path}.{name}")
            if init is not None:
                found[name] = init
        return found

    def init_of(self, value: source.Value, path: str) -> Init | None:
        """An initialiser: its name, or its name with arguments (`{normal: {std: 0.02}}`)."""
        at = (value.line, value.column)
        if isinstance(value, source.Mapping) and len(value.entries) == 1:
            ((name, given),) = value.entries.items()
        else:
            name, given = self._problems.text(value, path) or "", None
        known = INITIALISERS.get(name)
        if known is None:
            if name:
                self._problems.unknown("MP221", "initialiser", name, INITIALISERS, at, path)
            return None
        arguments = self._problems.mapping(given, path) if given else None
        found: dict[str, float | str] = {}
        for key, item in arguments.entries.items() if arguments else ():
            argument = known.get(key)
            if argument is None:
                self._problems.unknown(
                    "MP222", f"argument of {name}", key, known, (item.line, item.column), path
                )
                continue
            try:
                read = argument.read(literal(item))
            except ValueError as error:
                self._problems.add("MP222", f"{key} {error}", (item.line, item.column), path)
                continue
            if has_arguments(read) or not isinstance(read, float | int | str):
                self._problems.add("MP222", f"{key} must be given here, not {describe(item)}", at, path)
            else:
                found[key] = read
        return Init(name, found)


_ONE_ACTION = "a layer has one type, such as ReLU: {}, or use: <block>, or call: <layer>"


def _arguments_places(node: source.Mapping) -> dict[str, tuple[int, int]]:
    given = node.entries.get("with")
    places = given.key_places if isinstance(given, source.Mapping) else {}
    return {f"with.{name}": at for name, at in places.items()}


def same(first: SettingValue, second: object) -> bool:
    """Equal in kind too: 1 is neither true nor 1.0."""
    return type(first) is type(second) and first == second
