"""Every example is sound, valid by the schema, and can be given weights."""

import json
from pathlib import Path

import jsonschema
import pytest

import modelpack
from modelpack import generate, source
from modelpack.summary import summarize
from modelpack.template import first_values

ROOT = Path(__file__).parents[2] / "examples"
FILES = sorted(ROOT.glob("*/*.yaml"))
VALIDATOR = jsonschema.Draft202012Validator(json.loads(generate.schema_text("architecture")))

# From the papers' code: torchvision's resnet18 and torch's modules give these counts.
PARAMETERS = {"resnet18": 11_689_512, "lenet": 61_706, "mlp": 7_946}


@pytest.fixture(params=FILES, ids=lambda path: str(path.relative_to(ROOT)))
def example(request):
    return request.param


def test_there_are_examples():
    assert len(FILES) >= 6


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


def test_an_example_can_be_given_weights(example):
    network = modelpack.check(example)
    sizes = {tensor.name: tensor.shape for tensor in first_values(network, seed=0)}
    tied = {name for group in network.tied for name in group[1:]}
    assert sizes.keys() == network.tensors.keys() - tied


def plain(value):
    """A value of a text as a YAML library would give it, but read by our rules (`1e-06` is a number)."""
    if isinstance(value, source.Mapping):
        return {key: plain(each) for key, each in value.entries.items()}
    return [plain(each) for each in value.items] if isinstance(value, source.Sequence) else value.value
