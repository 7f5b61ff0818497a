"""What is generated from the registry: up to date, deterministic, and saying the same as the reader."""

import json
import subprocess
import sys
from pathlib import Path

import jsonschema
import pytest

from modelpack import generate, source
from modelpack.checker import check_text
from modelpack.dims import symbols
from modelpack.errors import ArchitectureError
from modelpack.layers import BUILTIN
from modelpack.layers.families import FAMILIES
from modelpack.manifest import FileRecord, Manifest, Origin, write_manifest
from modelpack.reader import read
from modelpack.reference import example_architecture
from modelpack.writer import write
from tests.cases.cases import VALID

ROOT = Path(__file__).parents[2]
ARCHITECTURE = json.loads(generate.schema_text("architecture"))
VALIDATOR = jsonschema.Draft202012Validator(ARCHITECTURE)
EXAMPLES = [(kind, at) for kind in BUILTIN.values() for at in range(len(kind.examples))]


@pytest.mark.parametrize("name", list(generate.generated()))
def test_the_committed_files_are_up_to_date(name):
    assert (ROOT / name).read_text(encoding="utf-8") == generate.generated()[name], "run `make generate`"


def test_another_process_generates_the_same(tmp_path):
    """Nothing depends on the order of sets or on where it runs."""
    command = [sys.executable, "-m", "modelpack.generate", "--root", str(tmp_path)]
    subprocess.run(command, check=True, cwd=ROOT, env={"PYTHONHASHSEED": "7"}, stdout=subprocess.DEVNULL)
    assert {name: (tmp_path / name).read_text() for name in generate.generated()} == dict(
        generate.generated()
    )


def test_check_tells_what_is_out_of_date(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["generate", "--root", str(tmp_path)])
    assert generate.main() == 0
    page = tmp_path / "spec" / "layers.md"
    page.write_text(page.read_text().replace("Affine", "Fine", 1))
    monkeypatch.setattr(sys, "argv", ["generate", "--check", "--root", str(tmp_path)])
    assert generate.main() == 1
    assert "spec/layers.md" in capsys.readouterr().err


def test_the_schemas_are_schemas():
    for name in ("architecture", "manifest"):
        jsonschema.Draft202012Validator.check_schema(json.loads(generate.schema_text(name)))


def test_every_type_is_documented_in_a_family():
    families = {family.__name__ for family in FAMILIES}
    assert {kind.name for kind in BUILTIN.values() if kind.cls.__module__ not in families} == set()
    page = (ROOT / "spec" / "layers.md").read_text()
    assert {name for name in BUILTIN if f"\n### `{name}`\n" not in page} == set()


@pytest.mark.parametrize(("kind", "at"), EXAMPLES, ids=lambda value: str(getattr(value, "name", value)))
def test_an_example_is_valid_for_schema_reader_and_checker(kind, at):
    architecture = example_architecture(kind, kind.examples[at])
    text = write(architecture)
    VALIDATOR.validate(plain(source.parse(text)))
    assert read(text) == architecture
    if dimensions_stand_alone(kind.examples[at]):
        check_text(text)
    else:  # `[batch, 4 * channels]` shows a type's rule, but a whole network couldn't know `channels`
        with pytest.raises(ArchitectureError, match="MP217"):
            check_text(text)


def dimensions_stand_alone(example):
    shapes = [spec.shape for spec in example.inputs if spec is not None]
    axes = [axis for shape in shapes for axis in shape]
    return set().union(*map(symbols, axes)) <= set(map(str, axes))


NODES = {
    "fine": ({"Linear": {"in_features": 3, "out_features": 4}}, True),
    "argument": ({"Linear": {"in_features": "$n", "out_features": "2 * $n", "bias": "$b"}}, True),
    "by mode": ({"Dropout": {"p": {"train": 0.1, "eval": 0.0}}}, True),
    "by another mode": ({"Dropout": {"p": {"train": 0.1, "test": 0.0}}}, False),
    "unknown type": ({"Rellu": {}}, False),
    "unknown setting": ({"Linear": {"in_features": 3, "out_features": 4, "color": 1}}, False),
    "missing setting": ({"Linear": {"in_features": 3}}, False),
    "wrong kind": ({"Linear": {"in_features": 3, "out_features": 4, "bias": 1}}, False),
    "out of bounds": ({"Linear": {"in_features": 0, "out_features": 4}}, False),
    "use": ({"use": "Block", "with": {"channels": 3}, "repeat": 2}, True),
    "with alone": ({"ReLU": {}, "with": {"channels": 3}}, False),
    "initialisers": ({"ReLU": {}, "init": {"weight": {"normal": {"std": 0.02}}, "bias": "zeros"}}, True),
    "unknown initialiser": ({"ReLU": {}, "init": {"weight": "gaussian"}}, False),
    "inputs": ({"add": {}, "inputs": ["a", "b.h_n"]}, True),
    "nested inputs": ({"use": "Block", "inputs": {"x": ["a", None]}}, True),
    "a number for inputs": ({"add": {}, "inputs": 3}, False),
    "nothing to do": ({}, False),
    "only inputs": ({"inputs": ["x"]}, False),
    "two types": ({"ReLU": {}, "add": {}}, False),
    "a type and a call": ({"ReLU": {}, "call": "a"}, False),
    "a call": ({"call": "a.b", "inputs": ["x"], "when": "eval"}, True),
    "a call that repeats": ({"call": "a", "repeat": 2}, False),
    "numbered from": ({"ReLU": {}, "repeat": 2, "from": 1}, True),
    "numbered from, and no repeat": ({"ReLU": {}, "from": 1}, False),
    "arguments of a part": ({"use": "a", "with": {"n": 1}, "take": "b"}, False),
    "a part": (
        {"use": "a", "take": "encoder.0", "rename": {"x": "y.z"}, "reset": ["y"], "shared": True},
        True,
    ),
    "a range": ({"use": "a", "take": ["conv1", "layer2"], "outputs": ["layer1", "layer2"]}, True),
    "up to a layer": ({"use": "a", "take": {"to": "layer2"}, "outputs": {"a": "layer1"}}, True),
    "a range of three": ({"use": "a", "take": ["a", "b", "c"]}, False),
    "a range of nothing": ({"use": "a", "take": {}}, False),
    "take alone": ({"ReLU": {}, "take": "a"}, False),
    "a path for a name": ({"use": "a", "rename": {"x": "../y"}}, False),
}


@pytest.mark.parametrize(("node", "valid"), NODES.values(), ids=list(NODES))
def test_the_schema_tells_nodes_apart(node, valid):
    assert VALIDATOR.is_valid(document_of(node)) is valid


def test_one_mistake_is_one_error_that_names_it():
    """Discriminated by key: no list of all types."""
    document = document_of({"Conv2d": {"in_channels": 3, "out_channels": 4, "kernel_sise": 3}})
    errors = list(VALIDATOR.iter_errors(document))
    assert {error.json_path.rpartition("layers.")[2] for error in errors} == {"layer.Conv2d"}
    assert any("'kernel_sise' was unexpected" in error.message for error in errors)
    assert max(len(error.message) for error in errors) < 200


IMPORTS = {
    "a path": ({"a": {"pack": "x.modelpack"}}, True),
    "with a digest": ({"a": {"pack": "x.modelpack", "digest": "blake3:" + "0" * 64}}, True),
    "no path": ({"a": {}}, False),
    "an empty path": ({"a": {"pack": ""}}, False),
    "a short digest": ({"a": {"pack": "x", "digest": "blake3:00"}}, False),
    "a name with a dot": ({"a.b": {"pack": "x"}}, False),
    "another key": ({"a": {"pack": "x", "url": "y"}}, False),
}


@pytest.mark.parametrize(("imports", "valid"), IMPORTS.values(), ids=list(IMPORTS))
def test_the_schema_says_what_an_import_is(imports, valid):
    document = document_of({"ReLU": {}}) | {"imports": imports}
    assert VALIDATOR.is_valid(document) is valid
    assert reads(document) is valid


def reads(document):
    try:
        read(json.dumps(document))
    except ArchitectureError:
        return False
    return True


@pytest.mark.parametrize("case", sorted(VALID.glob("*.yaml")), ids=lambda case: case.stem)
def test_what_the_checker_lets_pass_the_schema_does(case):
    VALIDATOR.validate(plain(source.parse(case.read_text())))


@pytest.mark.parametrize("key", ["comment", "Layers"])
def test_unknown_keys_are_errors(key):
    assert not VALIDATOR.is_valid(document_of({"ReLU": {}}) | {key: {}})


def test_what_write_manifest_writes_is_valid():
    files = {
        "architecture.yaml": FileRecord(10, "blake3:" + "0" * 64),
        "weights-00001-of-00002.safetensors": FileRecord(
            9, "blake3-tensors:" + "a" * 64, {"w": "blake3:" + "b" * 64}
        ),
    }
    origins = {"w": Origin("blake3:" + "c" * 64, "v", frozen=True), "x": Origin(None, "x")}
    manifest = Manifest(files, "modelpack", "MIT", ("eval",), {"accuracy": 0.5}, {"any": [1, None]}, origins)
    schema = json.loads(generate.schema_text("manifest"))
    document = json.loads(write_manifest(manifest))
    jsonschema.validate(document, schema)
    half = {"w": {"pack": None, "tensor": "w"}}
    for wrong in (
        {"modelpack": 2},
        {"extra": 1},
        {"modes": ["test"]},
        {"files": {"../x": {}}},
        {"origins": half},
    ):
        assert not jsonschema.Draft202012Validator(schema).is_valid(document | wrong)


def document_of(node: dict) -> dict:
    return {
        "modelpack": 1,
        "name": "n",
        "inputs": {"x": {"dtype": "float32", "shape": ["batch", 3]}},
        "layers": {"layer": node},
    }


def plain(value):
    """A value of a text as a YAML library would give it, but read by our rules (`1e-06` is a number)."""
    if isinstance(value, source.Mapping):
        return {key: plain(each) for key, each in value.entries.items()}
    return [plain(each) for each in value.items] if isinstance(value, source.Sequence) else value.value
