"""Networks that nobody wrote for modelpack: the small ones of benchmarks/zoo, asked all that `make coverage` asks.

Each is saved in a process of its own and loaded in another, to which its library is forbidden.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import modelpack
from benchmarks.coverage import QUESTIONS, answers, saved
from benchmarks.zoo.cases import ZOO

NETWORKS = [
    "plain/vae",
    "plain/unet",
    "plain/spectral-norm",
    "plain/temporal",
    "plain/lstm",
    "plain/transformer",
    "torchvision/squeezenet1_1",
    "torchvision/shufflenet_v2_x0_5",
    "timm/vit_tiny_patch16_224",
    "transformers/bert",
    "transformers/gpt2",
    "transformers/llama",
    "transformers/mixtral",
]

USER = "mathilde_p"
"""Who saves in these tests, as the environment says it."""

PRIVATE = {
    "a path": r"(^|[\s'\"\[:,])(~|\.{1,2})?[/\\]\w|[A-Za-z]:\\",
    "the user": rf"\b{USER}\b",
    "a date": r"\b(19|20)\d\d-\d\d?-\d\d?\b|\b\d\d?:\d\d:\d\d\b",
    "an address in memory": r"\b0x[0-9a-f]+",
}
"""What must not stand in an architecture, as patterns."""


@pytest.mark.parametrize("name", NETWORKS)
def test_loaded_without_its_library_it_is_the_original(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("USER", USER)
    monkeypatch.setenv("LOGNAME", USER)
    told = answers(name, tmp_path)
    asked = [each for each in QUESTIONS if each != "size" or ZOO[name].others]
    assert {each: told.get(each) for each in asked} == dict.fromkeys(asked, True), told
    assert told["strangers"] == []
    assert found_private(text_of(tmp_path)) == []


@pytest.mark.parametrize("name", ["plain/vae", "plain/spectral-norm", "plain/lstm"])
def test_two_processes_write_the_same_text(name: str, tmp_path: Path) -> None:
    """One that hashes otherwise, as every process of Python does, and at another time."""
    folders = [tmp_path / "first", tmp_path / "second"]
    for each in folders:
        assert "bytes" in saved(name, each)
    assert text_of(folders[0]) == text_of(folders[1])


@pytest.mark.parametrize(
    "text",
    [
        f"name: {Path.cwd()}",
        "kept: ../net.py",
        "path: 'C:\\net'",
        f"by {USER} ",
        "on 2024-05-01",
        "<at 0x7f3a>",
    ],
)
def test_what_is_private_would_be_found(text: str) -> None:
    assert found_private(text)


def test_arithmetic_is_not_private() -> None:
    assert found_private("size: [$channels // 2, (height + 31) // 32, -1, 1e-05]") == []


def text_of(folder: Path) -> str:
    """The architecture in the pack as it is stored."""
    with modelpack.open(folder / "net.modelpack") as opened:
        return opened.pack.architecture.decode()


def found_private(text: str) -> list[str]:
    return [what for what, pattern in PRIVATE.items() if re.search(pattern, text, re.MULTILINE)]
