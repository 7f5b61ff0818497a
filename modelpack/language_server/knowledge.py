"""Registry -> Markdown: what an editor shows of layer types, settings, initialisers and codes."""

from __future__ import annotations

from modelpack.errors import CODES
from modelpack.language_server.roles import BODY_KEYS, TOP_KEYS
from modelpack.layers.base import LayerType, Setting
from modelpack.layers.initial import INITIALISERS
from modelpack.reference import default_text, signature

__all__ = ["KEYS", "NODE_KEYS", "code_text", "initialiser_text", "setting_text", "type_summary", "type_text"]

NODE_KEYS = {
    "use": "a block, or a part of an import, as a submodule",
    "call": "a layer that came before, once more, with the same tensors",
    "with": "the block's arguments",
    "inputs": "what it takes: names of inputs, tensors and earlier layers; what comes before if absent",
    "repeat": "so many in a chain, as submodules 0, 1, …",
    "from": "the first copy's number in a `repeat`, 0 if absent",
    "frozen": "`true`: nothing is trained and normalisation stays in eval mode; names: these tensors aren't trained",
    "init": "first values of its tensors, by name",
    "when": "the only mode in which it runs: `train` or `eval`",
    "take": "of an import: a path; the first and the last one of a range; or `from` and `to`; all if absent",
    "outputs": "of an import: the layers whose values it gives, by name",
    "rename": "of an import: layers and tensors of the part -> what they are called here",
    "reset": "of an import: tensors, and layers with all of theirs, that are made anew",
    "shared": "of an import: the same part once more is the same module",
}
"""The keys of a layer that are no type."""

KEYS = TOP_KEYS | BODY_KEYS
"""The keys of the document."""


def type_text(kind: LayerType) -> str:
    """A layer type: its example of use, what it takes and gives, its meaning, its settings."""
    lines = [f"### {kind.name}", "", signature(kind), "", kind.doc.replace("``", "`"), ""]
    if kind.settings:
        lines += ["| setting | is | default | meaning |", "|---|---|---|---|"]
        lines += [f"| {' | '.join(_cells(each))} |" for each in kind.settings.values()]
        lines += [""]
    return "\n".join([*lines, f"[Source]({kind.source})"])


def type_summary(kind: LayerType) -> str:
    """The first line of its documentation."""
    return kind.doc.partition("\n")[0].replace("``", "`")


def setting_text(kind: LayerType, setting: Setting) -> str:
    return (
        f"**{setting.name}** of {kind.name}: {setting.doc}\n\n"
        f"Is {setting.kind.describe()}. Default: {default_text(setting)}."
    )


def initialiser_text(name: str) -> str:
    arguments = INITIALISERS[name]
    told = "\n".join(f"- `{key}`: {kind.describe()}" for key, kind in arguments.items())
    return f"**{name}**, as `torch.nn.init.{name}_`\n\n{told or 'It has no arguments.'}"


def code_text(code: str) -> str | None:
    """What a code, or the beginning of codes, stands for; None where nothing has it."""
    if code in CODES:
        return f"**{code}**: {CODES[code]}"
    beginning = [each for each in CODES if each.startswith(code)]
    return f"**{code}**: all {len(beginning)} codes that begin so" if beginning else None


def _cells(setting: Setting) -> list[str]:
    cells = [f"`{setting.name}`", setting.kind.describe(), default_text(setting), setting.doc]
    return [cell.replace("|", "\\|") for cell in cells]
