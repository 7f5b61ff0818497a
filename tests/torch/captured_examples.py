"""Networks of torchvision and transformers -> the examples that hold what capture makes of them.

    python -m tests.torch.captured_examples [NAME ...]      writes examples/NAME/architecture.yaml again (`make examples`)

The networks have their libraries' own configurations and random weights: an architecture doesn't depend on values.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn

from benchmarks.zoo.case import images, tokens
from benchmarks.zoo.of_torchvision import torchvision
from modelpack.backends.torch.capture import capture

__all__ = ["EXAMPLES", "captured_text", "committed"]

_ROOT = Path(__file__).parents[2] / "examples"
_BATCH, _LENGTH = 2, 12


def _transformers(model: str, config: str) -> nn.Module:
    torchvision()  # transformers imports it where it's installed
    import transformers

    return getattr(transformers, model)(getattr(transformers, config)())


def _resnet18() -> tuple[nn.Module, Any]:
    return torchvision().models.resnet18(weights=None), images()(_BATCH, 224)


def _gpt2() -> tuple[nn.Module, Any]:
    return _transformers("GPT2LMHeadModel", "GPT2Config"), tokens(50257)(_BATCH, _LENGTH)


def _bert_base() -> tuple[nn.Module, Any]:
    mask = {"attention_mask": lambda batch, length: torch.ones(batch, length, dtype=torch.long)}
    return _transformers("BertModel", "BertConfig"), tokens(30522, **mask)(_BATCH, _LENGTH)


EXAMPLES: Mapping[str, Callable[[], tuple[nn.Module, Any]]] = {
    "resnet18": _resnet18,
    "gpt2": _gpt2,
    "bert_base": _bert_base,
}
"""Name of the folder -> the network and its example inputs (args, kwargs)."""


def committed(name: str) -> Path:
    """The file that holds the example."""
    return _ROOT / name / "architecture.yaml"


def captured_text(name: str) -> str:
    """What a pack of the network would say."""
    torch.manual_seed(0)
    model, (args, kwargs) = EXAMPLES[name]()
    return capture(model, args, kwargs, name=name).architecture.to_yaml()


def main(names: list[str]) -> None:
    for name in names or EXAMPLES:
        committed(name).write_text(captured_text(name))


if __name__ == "__main__":
    main(sys.argv[1:])
