"""First process of a case: makes the network as its library gives it, saves it, and notes what it does.

python -m benchmarks.zoo.saving library/name folder      -> net.modelpack, expected.pt, saving.json in the folder
"""

from __future__ import annotations

import importlib
import inspect
import json
import os
import signal
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

import torch
from torch import nn
from torch.export import Dim

import modelpack
from benchmarks.zoo.case import Case
from benchmarks.zoo.cases import ZOO
from benchmarks.zoo.observe import buffers_of, names_of, outputs_of, same, train_steps, trained_outputs

BATCH, _OTHER_BATCH = 2, 3
_EXPORT_SECONDS = 120
"""How long `torch.export` alone may take; with free windows (Swin) it reasons for many minutes."""


def made(case: Case) -> nn.Module:
    """The network with no weight or statistic left at a value (0, 1) that could hide a difference."""
    torch.manual_seed(0)
    model = case.make()
    for name, each in model.state_dict().items():
        if each.is_floating_point():
            each.add_(torch.rand_like(each) * 0.1 if "var" in name else torch.randn_like(each) * 0.01)
    return model


def axes(model: nn.Module, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> dict[str, Any]:
    """The `dynamic_shapes` of `torch.export` that leave every axis to it."""

    def free(value: Any) -> Any:
        if isinstance(value, torch.Tensor):
            return dict.fromkeys(range(value.dim()), Dim.AUTO)
        return type(value)(map(free, value)) if isinstance(value, tuple | list) else None

    shapes = (tuple(map(free, args)), {name: free(each) for name, each in kwargs.items()})
    return _bound(model, *shapes)


def export_seconds(model: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> float | None:
    """What `torch.export` alone takes, with every axis left to it: time of the processor, as several cases run side by side."""

    start = time.process_time()
    signal.signal(signal.SIGALRM, _too_long)
    signal.alarm(_EXPORT_SECONDS)
    try:
        torch.export.export(
            model.eval(), args, kwargs, dynamic_shapes=axes(model, args, kwargs), strict=False
        )
    except (Exception, _TooLong):  # what it can't follow, or not in time, has no time
        return None
    finally:
        signal.alarm(0)
    return time.process_time() - start


class _TooLong(BaseException):
    """No `Exception`, as torch catches those here and there and goes on."""


def _too_long(*_: Any) -> None:
    raise _TooLong


def _bound(model: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
    return dict(inspect.signature(model.forward).bind(*args, **kwargs).arguments)


def expected(case: Case, model: nn.Module) -> dict[str, Any]:
    """What the original does, in the order in which the loaded network is asked the same."""
    torch.manual_seed(1)
    example = case.given(BATCH, case.size)
    runs: list[dict[str, Any]] = []
    for kind, batch, size in [
        ("example", BATCH, case.size),
        ("batch", _OTHER_BATCH, case.size),
        *(("size", BATCH, other) for other in case.others),
        *(("size", _OTHER_BATCH, other) for other in case.others),
    ]:
        args, kwargs = example if kind == "example" else case.given(batch, size)
        try:
            outputs = outputs_of(model, args, kwargs)
        except Exception:  # the original takes no such input
            continue
        runs.append({"kind": kind, "args": args, "kwargs": dict(kwargs), "outputs": outputs})
    found: dict[str, Any] = {"runs": runs, "names": names_of(model)}
    try:
        found["trained"] = trained_outputs(model, *example)
        found["buffers"] = buffers_of(model)
        found["losses"] = train_steps(model, *example)
    except Exception as error:  # it can't be trained by itself (needs labels, or has no gradient)
        found["untrainable"] = f"{type(error).__name__}: {error}"
    found["modes_differ"] = "trained" in found and not same(found["trained"], runs[0]["outputs"])
    return found


@contextmanager
def capture_timed(told: dict[str, Any]) -> Iterator[None]:
    """Note what `save` spends on capture: both modes followed and folded, as often as it takes; not proving and writing."""
    module = importlib.import_module("modelpack.backends.torch.save")
    capture = module.capture
    told["capture"] = 0.0

    def timed(*args: Any, **kwargs: Any) -> Any:
        start = time.process_time()
        try:
            return capture(*args, **kwargs)
        finally:
            told["capture"] += time.process_time() - start

    with mock.patch.object(module, "capture", timed):
        yield


def in_a_copy(measure: Callable[[], float | None]) -> float | None:
    """What `measure` gives in a copy of this process: what comes later finds nothing that it has warmed."""
    receiving, sending = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(sending, json.dumps(measure()).encode())
        os._exit(0)
    os.close(sending)
    with open(receiving) as answer:
        told = answer.read()
    os.waitpid(child, 0)
    return json.loads(told) if told else None


def _save_a_layer() -> None:
    """So that nobody pays for what is loaded once, `torch.export` and capture both."""
    with tempfile.TemporaryDirectory() as folder:
        modelpack.save(nn.Linear(2, 2), Path(folder) / "layer.modelpack", (torch.zeros(2, 2),))


def main(name: str, folder: Path) -> None:
    case = ZOO[name]
    model = made(case)
    torch.manual_seed(1)
    args, kwargs = case.given(BATCH, case.size)
    _save_a_layer()
    told: dict[str, Any] = {"parameters": sum(each.numel() for each in model.parameters())}
    told["export"] = in_a_copy(lambda: export_seconds(model, args, dict(kwargs)))
    model.train()
    start = time.process_time()
    with warnings.catch_warnings(record=True) as caught, capture_timed(told):
        warnings.simplefilter("always", modelpack.CaptureWarning)
        try:
            modelpack.save(model, folder / "net.modelpack", args, kwargs, samples=True)
        except modelpack.ModelpackError as error:
            told["refused"] = str(error)
    told["save"] = time.process_time() - start
    told["warnings"] = [str(each.message) for each in caught if each.category is modelpack.CaptureWarning]
    if "refused" not in told:
        text = modelpack.open(folder / "net.modelpack").architecture.to_yaml()
        told["bytes"], told["lines"] = len(text.encode()), text.count("\n")
        (folder / "architecture.yaml").write_text(text)
        torch.save(expected(case, model), folder / "expected.pt")
    (folder / "saving.json").write_text(json.dumps(told))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
