"""A way in the tree -> what stands there is for: a setting of a layer, a reference, a block's name, …"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto

from modelpack.architecture import KEYWORDS
from modelpack.schemas.words import BODY_WORDS, DOCUMENT_WORDS

__all__ = ["BODY_KEYS", "TOP_KEYS", "Role", "Spot", "spot_of"]

TOP_KEYS = {key: word.text for key, word in DOCUMENT_WORDS.items()}
"""The keys that only the whole document has, with what they mean."""

BODY_KEYS = {key: word.text for key, word in BODY_WORDS.items()}
"""The keys of a block; all but `arguments` are the document's too."""


class Role(Enum):
    """What a word is for. Of those that end in KEY and NAME it's a key, of the others a value."""

    TOP_KEY = auto()
    VERSION = auto()
    MODE_LIST = auto()
    DTYPE = auto()
    TITLE = auto()
    REQUIREMENT = auto()
    IMPORT_NAME = auto()
    IMPORT_KEY = auto()
    IMPORT_VALUE = auto()
    BLOCK_NAME = auto()
    BLOCK_KEY = auto()
    ARGUMENT_NAME = auto()
    ARGUMENT_KEY = auto()
    ARGUMENT_KIND = auto()
    ARGUMENT_DEFAULT = auto()
    INPUT_NAME = auto()
    INPUT_KEY = auto()
    AXIS = auto()
    TENSOR_NAME = auto()
    TENSOR_KEY = auto()
    FLAG = auto()
    INITIALISER = auto()
    """a value, or the one key of a mapping"""
    INITIALISER_ARGUMENT_KEY = auto()
    INITIALISER_VALUE = auto()
    NODE_NAME = auto()
    NODE_KEY = auto()
    NODE_VALUE = auto()
    """a word where a layer should be a mapping"""
    SETTING_KEY = auto()
    SETTING_VALUE = auto()
    MODE_KEY = auto()
    """`train` and `eval` of a setting that differs between the two"""
    USE = auto()
    WITH_KEY = auto()
    WITH_VALUE = auto()
    CALL = auto()
    REFERENCE = auto()
    PORT_KEY = auto()
    OUTPUT_KEY = auto()
    COUNT = auto()
    FROZEN = auto()
    INITIALISED_KEY = auto()
    WHEN = auto()
    TAKEN = auto()
    """what only the other network knows"""
    TIED = auto()
    OTHER = auto()


@dataclass(frozen=True, slots=True)
class Spot:
    """A role, and where in the document it is; what doesn't apply is empty."""

    role: Role
    body: str = ""
    """the block, empty for the network itself"""
    node: str = ""
    name: str = ""
    """the layer type, initialiser or keyword whose value this is in"""
    key: str = ""
    """the setting or argument whose value this is in"""


def spot_of(path: tuple[str | int, ...], *, is_key: bool) -> Spot:
    """What a word at `path` is for; of a key the last step is itself."""
    match path:
        case (str(),) if is_key:
            return Spot(Role.TOP_KEY)
        case ("blocks", str()) if is_key:
            return Spot(Role.BLOCK_NAME)
        case ("blocks", str(block), str()) if is_key:
            return Spot(Role.BLOCK_KEY, block)
        case ("blocks", str(block), *rest):
            return _in_body(block, rest, is_key)
        case ("imports", *rest):
            return _in_import(rest, is_key)
        case ("modelpack",):
            return Spot(Role.VERSION)
        case ("name",):
            return Spot(Role.TITLE)
        case ("dtype",):
            return Spot(Role.DTYPE)
        case ("modes", *_):
            return Spot(Role.MODE_LIST)
        case ("requires", *_):
            return Spot(Role.REQUIREMENT)
        case _:
            return _in_body("", list(path), is_key)


def _in_import(rest: list[str | int], is_key: bool) -> Spot:
    match rest:
        case [str()]:
            return Spot(Role.IMPORT_NAME if is_key else Role.OTHER)
        case [str(), str()]:
            return Spot(Role.IMPORT_KEY if is_key else Role.IMPORT_VALUE)
        case _:
            return Spot(Role.OTHER)


def _in_body(body: str, rest: list[str | int], is_key: bool) -> Spot:
    match rest:
        case ["layers", str(node), *inner]:
            return _in_node(body, node, inner, is_key)
        case ["inputs", *inner]:
            return _in_input(body, inner, is_key)
        case ["parameters" | "buffers", *inner]:
            return _in_tensor(body, inner, is_key)
        case ["arguments", *inner]:
            return _in_argument(body, inner, is_key)
        case ["outputs", *_]:
            return Spot(Role.OUTPUT_KEY if is_key else Role.REFERENCE, body, name="outputs")
        case ["tied", *_]:
            return Spot(Role.TIED, body)
        case _:
            return Spot(Role.OTHER, body)


def _in_input(body: str, rest: list[str | int], is_key: bool) -> Spot:
    match rest:
        case [str()] if is_key:
            return Spot(Role.INPUT_NAME, body)
        case [str(), *_] if is_key:
            return Spot(Role.INPUT_KEY, body)
        case [*_, "dtype"]:
            return Spot(Role.DTYPE, body)
        case [*_, "shape"] | [*_, "shape", int()]:
            return Spot(Role.AXIS, body, name="inputs")
        case _:
            return Spot(Role.OTHER, body)


def _in_tensor(body: str, rest: list[str | int], is_key: bool) -> Spot:
    match rest:
        case [str()]:
            return Spot(Role.TENSOR_NAME if is_key else Role.OTHER, body)
        case [str(), str()] if is_key:
            return Spot(Role.TENSOR_KEY, body)
        case [str(), "dtype"]:
            return Spot(Role.DTYPE, body)
        case [str(), "shape"] | [str(), "shape", int()]:
            return Spot(Role.AXIS, body)
        case [str(), "frozen" | "persistent"]:
            return Spot(Role.FLAG, body)
        case [str(), "init", *inner]:
            return _in_initialiser(body, "", inner, is_key)
        case _:
            return Spot(Role.OTHER, body)


def _in_argument(body: str, rest: list[str | int], is_key: bool) -> Spot:
    match rest:
        case [str()] if is_key:
            return Spot(Role.ARGUMENT_NAME, body)
        case [str()]:
            return Spot(Role.ARGUMENT_KIND, body)
        case [str(), str()] if is_key:
            return Spot(Role.ARGUMENT_KEY, body)
        case [str(), "type"]:
            return Spot(Role.ARGUMENT_KIND, body)
        case _:
            return Spot(Role.ARGUMENT_DEFAULT, body)


def _in_initialiser(body: str, node: str, rest: list[str | int], is_key: bool) -> Spot:
    match rest:
        case []:
            return Spot(Role.INITIALISER, body, node)
        case [str(name)]:
            return Spot(Role.INITIALISER if is_key else Role.OTHER, body, node, name)
        case [str(name), str(key)]:
            role = Role.INITIALISER_ARGUMENT_KEY if is_key else Role.INITIALISER_VALUE
            return Spot(role, body, node, name, key)
        case _:
            return Spot(Role.OTHER, body, node)


_OF_WORDS = {
    "call": Role.CALL,
    "use": Role.USE,
    "repeat": Role.COUNT,
    "from": Role.COUNT,
    "when": Role.WHEN,
    "shared": Role.FLAG,
}
_OF_OTHER_NETWORKS = ("take", "rename", "reset", "outputs")


def _in_node(body: str, node: str, rest: list[str | int], is_key: bool) -> Spot:
    match rest:
        case []:
            return Spot(Role.NODE_NAME if is_key else Role.NODE_VALUE, body, node)
        case [str()] if is_key:
            return Spot(Role.NODE_KEY, body, node)
        case [str(word)] if word in _OF_WORDS:
            return Spot(_OF_WORDS[word], body, node, word)
        case ["inputs", *_]:
            return Spot(Role.PORT_KEY if is_key else Role.REFERENCE, body, node, "inputs")
        case ["frozen", *_]:
            return Spot(Role.FROZEN, body, node, "frozen")
        case ["with", str(key), *_]:
            return Spot(Role.WITH_KEY if is_key else Role.WITH_VALUE, body, node, "with", key)
        case ["with"]:
            return Spot(Role.WITH_KEY, body, node, "with")
        case ["init", str(tensor), *inner]:
            if is_key and not inner:
                return Spot(Role.INITIALISED_KEY, body, node, "init", tensor)
            return _in_initialiser(body, node, inner, is_key)
        case [str(word), *_] if word in _OF_OTHER_NETWORKS:
            return Spot(Role.TAKEN, body, node, word)
        case [str(word), *inner] if word not in KEYWORDS:
            return _in_settings(body, node, word, inner, is_key)
        case _:
            return Spot(Role.OTHER, body, node)


def _in_settings(body: str, node: str, kind: str, rest: list[str | int], is_key: bool) -> Spot:
    match rest:
        case [str(setting)] if is_key:
            return Spot(Role.SETTING_KEY, body, node, kind, setting)
        case [str(setting), str()] if is_key:
            return Spot(Role.MODE_KEY, body, node, kind, setting)
        case [str(setting), *_]:
            return Spot(Role.SETTING_VALUE, body, node, kind, setting)
        case _:
            return Spot(Role.SETTING_KEY, body, node, kind)
