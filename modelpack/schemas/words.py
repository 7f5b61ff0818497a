"""What each word of a document is for, in a line and as an editor shows it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import yaml

from modelpack.layers.base import LayerType, Setting
from modelpack.reference import default_text, signature
from modelpack.schemas.parts import Schema

__all__ = [
    "BODY_WORDS",
    "DOCUMENT_WORDS",
    "NODE_WORDS",
    "Word",
    "setting_text",
    "type_summary",
    "type_text",
    "words_of",
]


@dataclass(frozen=True, slots=True)
class Word:
    """A key: what it's for, and a value that it may have."""

    text: str
    example: Any


DOCUMENT_WORDS = {
    "modelpack": Word("the version of the format", 1),
    "name": Word("what the network is called", "resnet18"),
    "dtype": Word("of parameters and buffers that don't say theirs", "float32"),
    "modes": Word("the modes that it runs in", ["train", "eval"]),
    "requires": Word(
        "what must hold between free dimensions: `height % 32 == 0`, `length > 1`",
        ["height % 32 == 0", "width % 32 == 0"],
    ),
    "imports": Word(
        "other packs, of which `use` takes parts", {"backbone": {"pack": "../resnet18.modelpack"}}
    ),
    "blocks": Word(
        "templates that `use` makes submodules of",
        {
            "Residual": {
                "arguments": {"width": "int"},
                "inputs": {"x": {}},
                "layers": {
                    "fc": {"Linear": {"in_features": "$width", "out_features": "$width"}},
                    "sum": {"add": {}, "inputs": ["x", "fc"]},
                },
            }
        },
    ),
}
"""The keys that only the whole document has."""

BODY_WORDS = {
    "arguments": Word(
        "what a block is given where it is used", {"width": "int", "bias": {"type": "bool", "default": True}}
    ),
    "inputs": Word(
        "what it is called with, in order",
        {"image": {"dtype": "float32", "shape": ["batch", 3, "height", "width"]}},
    ),
    "parameters": Word("trained tensors of its own", {"scale": {"shape": [64], "init": "ones"}}),
    "buffers": Word("other tensors of its own", {"mean": {"shape": [64], "init": "zeros"}}),
    "layers": Word(
        "the steps, in order; each feeds the next unless `inputs` says more",
        {"fc": {"Linear": {"in_features": 20, "out_features": 10}}, "act": {"ReLU": {}}},
    ),
    "outputs": Word("what it returns; the last layer's output where not given", ["logits", "lstm.h_n"]),
    "tied": Word("groups of names that are one tensor", [["embed.weight", "head.weight"]]),
}
"""The keys of a block; but for `arguments` the whole network has them too."""

NODE_WORDS = {
    "use": Word("a block, or a part of an import, as a submodule", "Residual"),
    "with": Word("the block's arguments", {"width": 64}),
    "call": Word("a layer that came before, once more, with the same tensors", "encoder.norm"),
    "inputs": Word(
        "what it takes: names of inputs, tensors and earlier layers; what comes before where not given",
        ["x", "lstm.output"],
    ),
    "repeat": Word("so many in a chain, as submodules 0, 1, …", 6),
    "from": Word("the first copy's number in a `repeat`, 0 where not given", 1),
    "frozen": Word(
        "true: nothing is trained and normalisation stays in eval mode; names: these tensors aren't trained",
        ["weight"],
    ),
    "init": Word(
        "first values of its tensors, by name", {"weight": {"normal": {"std": 0.02}}, "bias": "zeros"}
    ),
    "when": Word("the only mode in which it runs", "train"),
    "take": Word(
        "of an import: a path; the first and the last one of a range; or `from` and `to`, either of them; all where not given",
        ["conv1", "layer2"],
    ),
    "outputs": Word("of an import: the layers whose values it gives, by name", ["layer1", "layer2"]),
    "rename": Word(
        "of an import: layers and tensors of the part -> what they are called here", {"fc": "head"}
    ),
    "reset": Word("of an import: tensors, and layers with all of theirs, that are made anew", ["fc"]),
    "shared": Word("of an import: the same part once more is the same module", True),
}
"""The keys of a layer that are no type."""


def words_of(key: str, word: Word) -> Schema:
    """What an editor shows of a key, and offers as its value."""
    example = yaml.safe_dump(
        {key: word.example}, default_flow_style=None, sort_keys=False, allow_unicode=True, width=90
    )
    return {
        "description": word.text,
        "markdownDescription": f"**{key}**: {word.text}\n\n```yaml\n{example}```",
        "examples": [word.example],
    }


def type_text(kind: LayerType) -> str:
    """A layer type: what it takes and gives, its meaning, its settings."""
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


def _cells(setting: Setting) -> list[str]:
    cells = [f"`{setting.name}`", setting.kind.describe(), default_text(setting), setting.doc]
    return [cell.replace("|", "\\|") for cell in cells]
