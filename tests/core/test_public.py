"""The public names: each is there when asked for, and nothing else is."""

from __future__ import annotations

from importlib.metadata import version
from inspect import signature

import pytest

import modelpack
from modelpack.pack import write_pack

NEEDS_TORCH = {"load", "save", "transfer", "update"}


@pytest.mark.parametrize("name", sorted(set(modelpack.__all__) - NEEDS_TORCH))
def test_is_there(name):
    assert getattr(modelpack, name) is getattr(modelpack, name)


def test_verbs_are_functions_although_stages_have_like_names():
    import modelpack.api
    import modelpack.checker

    assert callable(modelpack.check)
    assert callable(modelpack.open)


@pytest.mark.parametrize("name", ["check", "open"])
def test_help_shows_a_signature_that_one_can_read(name):
    """The hundreds of types that are the default of a parameter by their name alone."""
    assert "types: 'Mapping[str, LayerType]' = BUILTIN" in str(signature(getattr(modelpack, name)))


def test_what_is_not_there_is_told():
    with pytest.raises(AttributeError, match="has no attribute 'restore'"):
        _ = modelpack.restore


def test_errors_are_one_family():
    for name in ("ArchitectureError", "BuildError", "CaptureError", "PackError"):
        assert issubclass(getattr(modelpack, name), modelpack.ModelpackError)


def test_the_version_is_that_of_the_distribution_and_of_packs(tmp_path):
    written = write_pack(tmp_path / "empty.modelpack", architecture=b"")
    assert written.library == f"modelpack {modelpack.__version__}"
    assert version("modelpack-nn") == modelpack.__version__
