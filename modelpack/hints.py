"""What was probably meant: words and forms of Python, of YAML 1.1 and of other frameworks -> a hint."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping

from modelpack import source
from modelpack.layers import LayerType

__all__ = [
    "dtype_meant",
    "setting_meant",
    "settings_meant",
    "settings_of",
    "type_meant",
    "typed",
    "value_meant",
    "written",
]

_CALLED = re.compile(r"([\w.]+)\(")
_MOST_SHOWN = 3
_MOST_LISTED = 8

_TYPES = {
    "Dense": "Linear",
    "FullyConnected": "Linear",
    "Concatenate": "cat",
    "concat": "cat",
    "BatchNorm": "BatchNorm2d",
    "BatchNormalization": "BatchNorm2d",
    "LayerNormalization": "LayerNorm",
    "Swish": "SiLU",
    "view": "reshape",
}
"""What other frameworks call a type, and what to torch is one with another here."""

_DTYPES = {
    "float": "float32",
    "double": "float64",
    "half": "float16",
    "int": "int32",
    "long": "int64",
    "short": "int16",
    "byte": "uint8",
}
"""What torch calls a dtype besides its own name."""

_WORDS = {"yes": "true", "on": "true", "no": "false", "off": "false"}
"""What YAML 1.2 takes for texts."""

_NO_SETTINGS = {
    "activation": "an activation is a layer of its own, such as {ReLU: {}}",
    "device": "where a network runs is said when it is loaded",
}


def type_meant(name: str, types: Collection[str], blocks: Collection[str]) -> str | None:
    """A hint at what the unknown layer type `name` was meant to be."""
    if name in blocks:
        return f"a block is used by its name: {{use: {name}}}, its arguments beside it: with: {{…}}"
    last = name.rpartition(".")[2]
    meant = last if last in types else _TYPES.get(last)
    return f"did you mean '{meant}'?" if meant in types else None


def settings_meant(value: source.Value, types: Mapping[str, LayerType]) -> str | None:
    """A hint for a layer that is `value` and no mapping: the name of a type alone, or one that is called as in Python."""
    text = value.value if isinstance(value, source.Scalar) else None
    if not isinstance(text, str):
        return None
    called = _CALLED.match(text)
    name = called[1].rpartition(".")[2] if called else text
    return _written(types[name], _MOST_SHOWN if called else 0) if name in types else None


def written(kind: LayerType, given: source.Value) -> str:
    """How the settings of `kind` are written, for `given`, which is no mapping: null, or values without names."""
    if isinstance(given, source.Sequence):
        return _written(kind, len(given.items))
    nothing = isinstance(given, source.Scalar) and given.value is None
    return _written(kind, 0 if nothing else 1)


def _written(kind: LayerType, count: int) -> str:
    names = list(dict.fromkeys((*kind.required, *kind.settings)))[: min(count, _MOST_SHOWN)]
    if not names:
        return f"a layer without settings is written {{{kind.name}: {{}}}}"
    return f"settings have names: {{{kind.name}: {{{', '.join(f'{name}: …' for name in names)}}}}}"


def typed(entries: Mapping[str, source.Value], types: Collection[str]) -> str | None:
    """The type that a layer names by a key `type`, as in other formats."""
    value = entries.get("type")
    name = value.value if isinstance(value, source.Scalar) else None
    return name if isinstance(name, str) and name in types else None


def setting_meant(
    name: str, kind: LayerType, types: Mapping[str, LayerType], beside: Collection[str]
) -> str | None:
    """A hint at what the setting `name`, which `kind` hasn't, was meant to be; `beside` are the keys of a layer."""
    if name in beside:
        return f"'{name}' stands beside the type: {{{kind.name}: {{…}}, {name}: …}}"
    for other in (kind.name.capitalize(), kind.name.lower()):
        if other != kind.name and other in types and name in types[other].settings:
            return f"'{other}' has it"
    return _NO_SETTINGS.get(name)


def settings_of(kind: LayerType) -> str | None:
    """What settings `kind` has, where they are few: for who named one that is near to none."""
    if len(kind.settings) > _MOST_LISTED:
        return None
    return f"its settings: {', '.join(kind.settings)}" if kind.settings else "it has no settings"


def value_meant(value: source.Value) -> str | None:
    """A hint for a text that is a value in Python or YAML 1.1."""
    text = value.value if isinstance(value, source.Scalar) else None
    if not isinstance(text, str):
        return None
    if text.startswith("("):
        return "a list has square brackets, such as [3, 3]"
    return f"write {_WORDS[text]}" if text in _WORDS else None


def dtype_meant(name: str) -> str | None:
    """A hint for another name of a dtype."""
    meant = _DTYPES.get(name.rpartition(".")[2])
    return f"did you mean '{meant}'?" if meant else None
