"""Every example is sound, valid by the schema, and can be given weights."""

import json
from pathlib import Path

import jsonschema
import pytest

import modelpack
from modelpack import generate, source
from modelpack.errors import ArchitectureError
from modelpack.summary import summarize
from modelpack.template import first_values

ROOT = Path(__file__).parents[2] / "examples"
# What imports packs needs them there: tests/core/test_examples_reuse.py, tests/torch/test_finetune.py.
FILES = sorted(path for path in ROOT.glob("*/*.yaml") if "\nimports:" not in path.read_text())
VALIDATOR = jsonschema.Draft202012Validator(json.loads(generate.schema_text("architecture")))

# From the papers' code: torchvision's resnet18 and torch's modules give these counts.
PARAMETERS = {
    "resnet18": 11_689_512,
    "lenet": 61_706,
    "mlp": 7_946,
    "gpt2": 124_439_808,
    "bert_base": 109_482_240,
}

# Captured from programs that fill tensors of their own; how isn't part of a forward, so no `init` says it.
WITHOUT_FIRST_VALUES = {"gpt2", "bert_base"}


def _folder(path):
    return str(path.relative_to(ROOT))


@pytest.fixture(params=FILES, ids=_folder)
def example(request):
    return request.param


def test_there_are_examples():
    assert len(FILES) >= 8


def test_every_folder_says_what_it_shows(example):
    assert (example.parent / "README.md").read_text().startswith("# ")


def test_an_example_is_sound(example):
    network = modelpack.check(example)
    expected = PARAMETERS.get(network.architecture.name)
    assert expected is None or summarize(network).parameters == expected


def test_the_canonical_text_of_an_example_says_the_same(example):
    architecture = modelpack.Architecture.from_yaml(example.read_text())
    assert modelpack.Architecture.from_yaml(architecture.to_yaml()) == architecture


def test_an_example_is_valid_by_the_schema(example):
    VALIDATOR.validate(plain(source.parse(example.read_text())))


@pytest.mark.parametrize(
    "path", [each for each in FILES if each.parent.name not in WITHOUT_FIRST_VALUES], ids=_folder
)
def test_an_example_can_be_given_weights(path):
    network = modelpack.check(path)
    sizes = {tensor.name: tensor.shape for tensor in first_values(network, seed=0)}
    tied = {name for group in network.tied for name in group[1:]}
    assert sizes.keys() == network.tensors.keys() - tied


@pytest.mark.parametrize("name", sorted(WITHOUT_FIRST_VALUES))
def test_one_with_tensors_of_its_own_is_refused_first_values(name):
    with pytest.raises(ArchitectureError, match="MP410"):
        list(first_values(modelpack.check(ROOT / name / "architecture.yaml"), seed=0))


def plain(value):
    """A value of a text as a YAML library would give it, but read by our rules (`1e-06` is a number)."""
    if isinstance(value, source.Mapping):
        return {key: plain(each) for key, each in value.entries.items()}
    return [plain(each) for each in value.items] if isinstance(value, source.Sequence) else value.value
