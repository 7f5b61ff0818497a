"""Second process of a case: has torch and modelpack only, loads the pack and compares what it does with what was noted.

python -m benchmarks.zoo.loading folder      -> loading.json in the folder
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Sequence
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import Any

_LIBRARIES = ("torchvision", "timm", "transformers", "benchmarks.zoo.of_plain")


class _Refuse:
    """An import of a library that networks come from fails, as where it isn't installed."""

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if name.startswith(_LIBRARIES):
            raise ImportError(f"{name} is not for this process")
        return None


sys.meta_path.insert(0, _Refuse())

import torch  # noqa: E402
from torch import nn  # noqa: E402

import modelpack  # noqa: E402
from benchmarks.zoo.observe import (  # noqa: E402
    buffers_of,
    names_of,
    outputs_of,
    same,
    train_steps,
    trained_outputs,
)
from benchmarks.zoo.shapes import Seen, observed  # noqa: E402
from modelpack.backends.torch.load import load_opened  # noqa: E402
from modelpack.network import Network  # noqa: E402


def compared(
    module: nn.Module, expected: dict[str, Any], equal: Callable[[Any, Any], bool] = same
) -> dict[str, Any]:
    """Each of the table's questions with its answer; a word where it's no plain yes or no."""
    found: dict[str, Any] = {"names": names_of(module) == expected["names"]}
    for kind in ("example", "batch", "size"):
        runs = [_run(module, run, equal) for run in expected["runs"] if run["kind"] == kind]
        if runs:
            found[kind] = next((each for each in runs if each is not True), True)
    if "untrainable" in expected:
        return found
    example = expected["runs"][0]["args"], expected["runs"][0]["kwargs"]
    try:
        found["train"] = equal(trained_outputs(module, *example), expected["trained"])
        found["buffers"] = equal(buffers_of(module), expected["buffers"])
        losses = train_steps(module, *example)
        found["steps"] = equal(losses, expected["losses"]) or f"{losses} instead of {expected['losses']}"
    except Exception as error:
        found["train"] = found["steps"] = f"refused: {type(error).__name__}: {error}"[:500]
    return found


def _run(module: nn.Module, run: dict[str, Any], equal: Callable[[Any, Any], bool]) -> bool | str:
    try:
        outputs = outputs_of(module, run["args"], run["kwargs"])
    except Exception as error:  # honest: it says that it can't
        return f"refused: {type(error).__name__}: {error}"[:500]
    return equal(outputs, run["outputs"]) or "differs"


def shapes_of(network: Network, module: nn.Module, runs: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Whether every step gives the shape and dtype that the checker inferred, at all sizes that the network takes and in both
    modes, and how much was compared."""
    found: list[Seen] = []
    modes = [mode == "train" for mode in ("eval", "train") if mode in network.architecture.modes]
    for training in modes:
        module.train(training)
        # In training a batch norm refuses what has one value to a channel, whatever its shape: the example will do.
        for run in runs[:1] if training else runs:
            try:
                with torch.no_grad():
                    found.append(observed(network, module, run["args"], run["kwargs"]))
            except modelpack.BuildError as error:
                if error.problems[0].code not in ("MP701", "MP702"):  # sizes that it says it doesn't take
                    raise
    wrong = [each for seen in found for each in seen.wrong]
    return {
        "shapes": True if found and not wrong else "; ".join(wrong[:3]) or "nothing ran",
        "seen": {"runs": len(found), "steps": sum(seen.steps for seen in found)},
    }


def main(folder: Path) -> None:
    expected = torch.load(folder / "expected.pt")
    with modelpack.open(folder / "net.modelpack") as opened:
        module = load_opened(opened)
        told = compared(module, expected)
        told |= shapes_of(opened.network, module, expected["runs"])
    told["strangers"] = sorted(name for name in sys.modules if name.startswith(_LIBRARIES))
    (folder / "loading.json").write_text(json.dumps(told))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
