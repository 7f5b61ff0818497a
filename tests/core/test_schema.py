"""The JSON Schema and the checker agree on structure: what one takes the other takes, and what a schema can say it says."""

from __future__ import annotations

import copy
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelpack import generate, source
from modelpack.checker import check_draft, check_text
from modelpack.errors import ArchitectureError, Problem
from modelpack.layers import BUILTIN
from modelpack.reader import read_draft
from modelpack.schemas.words import BODY_WORDS, DOCUMENT_WORDS, NODE_WORDS
from modelpack.writer import write
from tests.cases.cases import CORRECTED, INVALID, VALID
from tests.core.test_generate import document_of, plain
from tests.strategies import documents, networks

ROOT = Path(__file__).parents[2]
SCHEMA = json.loads(generate.schema_text("architecture"))
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)

STRUCTURAL = frozenset({
    "MP201", "MP202", "MP203", "MP204", "MP205", "MP206", "MP207", "MP208", "MP209", "MP210", "MP213", "MP217", "MP218",
    "MP221", "MP222", "MP223", "MP224", "MP225",
})  # fmt: skip
"""Codes of what a document looks like by itself, at any one place of it: a schema can say these."""

UNSAID: list[tuple[str, str, str]] = [
    (
        "MP202",
        r"'(with|take|outputs|rename|reset|shared)' has no meaning",
        "whether `use` names a block or an import",
    ),
    ("MP2(09|13|17|22)", r"must be [^:]*: ", "arithmetic: a schema knows no grammar"),
    ("MP209", r"not \[.*'", "texts among integers: they are arithmetic too"),
    ("MP209", r"not '\$[A-Za-z_]", "the same of arguments"),
    ("MP209", r"(integer|axis)\b.*, not '", "the same where integers are one of several kinds"),
    ("MP209", "known only when called", "whether a name in arithmetic is an argument"),
    (
        "MP2(09|17|22)",
        r", not -?\d+\.0( \(or null\))?$",
        "that 1.0 isn't an integer: to JSON Schema it is one",
    ),
    ("MP223", "(?<!between them)$", "arithmetic on both sides of a comparison"),
]
"""Code, what the message says, and why no schema says it."""


def verdict(text: str | bytes) -> bool:
    return VALIDATOR.is_valid(plain(source.parse(text)))


def sayable(problem: Problem) -> bool:
    return problem.code in STRUCTURAL and not any(
        re.fullmatch(code, problem.code) and re.search(said, problem.message) for code, said, _ in UNSAID
    )


@pytest.mark.parametrize(
    "path", [*VALID.glob("*.yaml"), *CORRECTED.glob("*.yaml")], ids=lambda path: path.stem
)
def test_what_the_checker_takes_the_schema_takes(path):
    assert verdict(path.read_bytes())


@pytest.mark.parametrize("path", sorted(INVALID.glob("*.yaml")), ids=lambda path: path.stem)
def test_what_is_structurally_wrong_is_wrong_to_the_schema(path):
    agree(path.read_bytes())


def setting(**node: Any) -> dict[str, Any]:
    return {"layers": {"layer": node}}


ODD: dict[str, dict[str, Any]] = {
    "an empty name": {"name": ""},
    "a version with a point": {"modelpack": 1.0},
    "modes in another order": {"modes": ["eval", "train"]},
    "nothing tied": {"tied": []},
    "outputs that are null": {"outputs": None},
    "requirements that are null": {"requires": None},
    "no inputs": {"inputs": {}},
    "an input of none": {"inputs": {"x": []}},
    "an input of nothing told": {"inputs": {"x": {"y": {}}}},
    "65 axes": {"inputs": {"x": {"dtype": "float32", "shape": [1] * 65}}},
    "numbered from a text": setting(ReLU={}, repeat="2", **{"from": "1"}),
    "a long reference": setting(ReLU={}, inputs=["x" * 257]),
    "first values of an odd name": setting(ReLU={}, init={"a b": "zeros"}),
    "two initialisers": setting(ReLU={}, init={"w": {"zeros": {}, "ones": {}}}),
    "an initialiser of null": setting(ReLU={}, init={"w": {"zeros": None}}),
    "an argument of an odd name": setting(use="block", **{"with": {"a b": 1}}),
    "an argument of no name": setting(ReLU={"inplace": "$"}),
    "settings by one mode": setting(Dropout={"p": {"train": 0.1}}),
    "an axis twice": setting(sum={"dim": [1, 1]}),
    "all axes": setting(sum={"dim": []}),
}


@pytest.mark.parametrize("change", ODD.values(), ids=list(ODD))
def test_odd_documents(change):
    """On the edge of what is allowed: right or wrong, but to both."""
    agree(json.dumps(document_of({"ReLU": {}}) | change))


# ---------------------------------------------------------------------------------------------- documents that are changed

KEYS = st.sampled_from([
    *DOCUMENT_WORDS, *BODY_WORDS, *NODE_WORDS, "arguments", "type", "default", "dtype", "shape", "persistent", "pack", "digest",
    "train", "eval", "normal", "std", "x", "a.b", "a b", "", "é", "ReLU", "Linear", "add", "Rellu", "in_features", "bias",
])  # fmt: skip
VALUES = st.sampled_from([
    None, True, False, 0, 1, -1, 3, 2.5, 1e-6, "", "x", "a b", "batch", "float32", "float", "$n", "n + 1", "train", "ones", "int",
    "x > 1", "../p", [], {}, [1, 2], ["x"], [["x", "y"]], ["train", "eval"], {"train": 1, "eval": 2}, {"x": 1}, {"x": {}},
    {"ReLU": {}}, {"normal": {"std": -1}}, {"dtype": "float32", "shape": [1]},
])  # fmt: skip


@st.composite
def mutations(draw: st.DrawFn, document: Any) -> Any:
    """The document with one thing dropped, renamed, added or of another kind."""
    changed = copy.deepcopy(document)
    holder = draw(st.sampled_from([each for each in _holders(changed) if each] or [changed]))
    at = draw(st.sampled_from(sorted(holder) if isinstance(holder, dict) else range(len(holder))))
    change = draw(st.sampled_from(["drop", "rename", "add", "retype", "retype"]))
    if change == "drop":
        del holder[at]
    elif change == "retype":
        holder[at] = draw(VALUES)
    elif isinstance(holder, list):
        holder.append(draw(VALUES))
    elif change == "rename":
        holder[draw(KEYS)] = holder.pop(at)
    else:
        holder[draw(KEYS)] = draw(VALUES)
    return changed


def _holders(value: Any) -> list[Any]:
    """All mappings and lists in it."""
    if not isinstance(value, dict | list):
        return []
    inner = value.values() if isinstance(value, dict) else value
    return [value, *(each for item in inner for each in _holders(item))]


TEN = 10
"""Changes of each document: drawing one costs more than judging ten. With 200 documents they are 2,000."""


@given(st.data())
def test_changed_documents(data: st.DataObject):
    """Whatever is changed at one place, both say the same of it."""
    document = plain(source.parse(write(data.draw(networks() | networks() | networks() | documents()))))
    agree(json.dumps(document))
    for _ in range(TEN):
        agree(json.dumps(data.draw(mutations(document))))


def agree(text: str | bytes) -> None:
    problems = problems_in(text)
    if any(problem.code.startswith("MP1") for problem in problems):
        return
    if not problems:
        assert verdict(text)
    found = [problem for problem in problems if sayable(problem)]
    if found:
        assert not verdict(text), str(found[0])


def problems_in(text: str | bytes) -> tuple[Problem, ...]:
    """What is wrong with the document as such; where that is sound, what the inputs of the whole network must say besides."""
    try:
        draft = read_draft(text)
        if draft.problems or draft.architecture.imports:
            return draft.problems
        check_draft(draft)
    except ArchitectureError as error:
        return tuple(each for each in error.problems if each.code == "MP203" or each.code.startswith("MP1"))
    return ()


# ---------------------------------------------------------------------------------------------- what editors show


def test_the_files_are_schemas_to_the_tool_too():
    """As a project's hook would ask; nothing is fetched."""
    files = [str(path) for path in sorted((ROOT / "schemas").glob("*.schema.json"))]
    assert len(files) == 2
    pytest.importorskip("check_jsonschema")
    subprocess.run([sys.executable, "-m", "check_jsonschema", "--check-metaschema", *files], check=True)


def test_the_names_of_the_schemas_stay():
    assert SCHEMA["$id"] == "urn:modelpack:schema:architecture:1"
    assert json.loads(generate.schema_text("manifest"))["$id"] == "urn:modelpack:schema:manifest:1"


def test_the_schema_is_of_a_size_that_editors_load_at_once():
    assert len(generate.schema_text("architecture")) < 2_000_000


def keys() -> dict[str, dict[str, Any]]:
    """Every key that an editor may be asked about."""
    node = SCHEMA["$defs"]["node"]["properties"]
    told = {**SCHEMA["properties"], **{f"blocks.{name}": each for name, each in block().items()}}
    told |= {f"layers.{name}": each for name, each in node.items()}
    for name in BUILTIN:
        told |= {f"{name}.{setting}": each for setting, each in node[name]["properties"].items()}
    return told


def block() -> dict[str, Any]:
    return SCHEMA["$defs"]["block"]["properties"]


def test_every_key_type_and_setting_is_explained():
    told = keys()
    assert len(told) > 1800
    assert [name for name, each in told.items() if not each.get("description")] == []
    assert [name for name, each in told.items() if not each.get("markdownDescription")] == []


def test_every_example_is_valid():
    examples = {name: each["examples"] for name, each in keys().items() if "examples" in each}
    assert examples.keys() >= {f"layers.{name}" for name in BUILTIN}
    wrong = [
        name
        for name, each in keys().items()
        for example in each.get("examples", ())
        if not VALIDATOR.evolve(schema=each).is_valid(example)
    ]
    assert wrong == []


def test_every_default_is_valid():
    wrong = [
        name
        for name, each in keys().items()
        if "default" in each and not VALIDATOR.evolve(schema=each).is_valid(each["default"])
    ]
    assert wrong == []


def test_what_an_editor_begins_a_file_with_is_sound():
    (snippet,) = SCHEMA["defaultSnippets"]
    check_text(re.sub(r"\$\{\d+:([^}]*)\}", r"\1", json.dumps(snippet["body"])))


def test_a_catalogue_finds_the_schemas_by_the_names_of_files():
    entries = json.loads((ROOT / "schemas" / "catalog-entry.json").read_text())
    assert all(each.keys() == {"name", "description", "fileMatch", "url"} for each in entries)
    assert {"*.modelpack.yaml", "architecture.yaml"} <= set(entries[0]["fileMatch"])
