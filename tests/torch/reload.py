"""Run in a process of its own, with torch and modelpack and no model class: loads packs and does with them what the parent did.

python reload.py folder      for each <name>.modelpack, with <name>.pt (inputs) -> <name>.out.pt
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.utils import _pytree as pytree

import modelpack
from modelpack.dims import symbols
from modelpack.tensors import TensorSpec


def tensors(value: Any) -> list[torch.Tensor]:
    """The tensors of a nested value, of a dataclass too."""
    if not isinstance(value, torch.Tensor | dict | tuple | list):
        value = vars(value)
    return [each for each in pytree.tree_leaves(value) if isinstance(each, torch.Tensor)]


def observe(model: nn.Module, inputs: list[tuple[tuple[Any, ...], dict[str, Any]]]) -> dict[str, Any]:
    """What a model does: names, outputs in eval mode for each of `inputs`, three steps of SGD on the first."""
    model.eval()
    with torch.no_grad():
        outputs = [tensors(model(*args, **kwargs)) for args, kwargs in inputs]
    found: dict[str, Any] = {"names": list(model.state_dict()), "outputs": outputs}
    found["trained"] = [name for name, each in model.named_parameters() if each.requires_grad]
    found["losses"] = train(model, *inputs[0])
    found["state"] = {name: each.clone() for name, each in model.state_dict().items()}
    return found


def train(model: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> list[float]:
    torch.manual_seed(5)
    model.train()
    optimiser = torch.optim.SGD(
        [each for each in model.parameters() if each.requires_grad], lr=0.05, momentum=0.9
    )
    losses: list[float] = []
    for _ in range(3):
        loss = torch.stack([each.square().mean() for each in tensors(model(*args, **kwargs))]).sum()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    return losses


def free_dimensions(path: Path) -> list[str]:
    with modelpack.open(path) as opened:
        specs = pytree.tree_leaves(
            dict(opened.network.inputs), is_leaf=lambda each: isinstance(each, TensorSpec)
        )
        return sorted({word for spec in specs for dim in spec.shape for word in symbols(dim)})


def main(folder: Path) -> None:
    for path in sorted(folder.glob("*.modelpack")):
        inputs = torch.load(path.with_suffix(".pt"))
        found = observe(modelpack.load(path), inputs)
        found["free"] = free_dimensions(path)
        torch.save(found, path.with_suffix(".out.pt"))
    if "tests.torch.models" in sys.modules:
        sys.exit("the classes of the models must not be here")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
