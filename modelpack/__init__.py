"""modelpack: networks that need no source code.

    modelpack.save(model, "lenet.modelpack", args=(x,))     a trained module -> a pack
    modelpack.load("lenet.modelpack")                       a pack -> a module, without its class
    modelpack.update("lenet.modelpack", model, "new.modelpack")    that module, trained on -> a pack
    modelpack.open("lenet.modelpack")                       lazily: architecture, tensor table, single tensors
    modelpack.check("lenet.modelpack")                      no framework needed
    modelpack.diff("a.yaml", "b.modelpack").text()          what a reviewer would say; whether a's weights fit b
    modelpack.Architecture.from_yaml(text)                  and .to_yaml(), .build()
    modelpack.transfer(source, model, map={"fc": None})     trained tensors -> a module that exists, each accounted for

Importing this is light: each name is fetched when it is first used, and a framework only by what needs it.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from modelpack.api import check, diff
    from modelpack.architecture import Architecture
    from modelpack.backends.torch.load import load
    from modelpack.backends.torch.save import save
    from modelpack.backends.torch.transfer import transfer
    from modelpack.backends.torch.update import update
    from modelpack.composing import build, compose, lock
    from modelpack.difference.report import Difference
    from modelpack.errors import (
        ArchitectureError,
        BuildError,
        CaptureError,
        CaptureWarning,
        ModelpackError,
        PackError,
        Place,
        Problem,
    )
    from modelpack.opened import OpenPack, open
    from modelpack.reuse.joining import join
    from modelpack.reuse.part import Part

__version__ = "0.1.0"

__all__ = [
    "Architecture",
    "ArchitectureError",
    "BuildError",
    "CaptureError",
    "CaptureWarning",
    "Difference",
    "ModelpackError",
    "OpenPack",
    "PackError",
    "Part",
    "Place",
    "Problem",
    "__version__",
    "build",
    "check",
    "compose",
    "diff",
    "join",
    "load",
    "lock",
    "open",
    "save",
    "transfer",
    "update",
]

_HOMES = {
    "Architecture": "modelpack.architecture",
    "ArchitectureError": "modelpack.errors",
    "BuildError": "modelpack.errors",
    "CaptureError": "modelpack.errors",
    "CaptureWarning": "modelpack.errors",
    "Difference": "modelpack.difference.report",
    "ModelpackError": "modelpack.errors",
    "OpenPack": "modelpack.opened",
    "PackError": "modelpack.errors",
    "Part": "modelpack.reuse.part",
    "Place": "modelpack.errors",
    "Problem": "modelpack.errors",
    "build": "modelpack.composing",
    "check": "modelpack.api",
    "compose": "modelpack.composing",
    "diff": "modelpack.api",
    "join": "modelpack.reuse.joining",
    "load": "modelpack.backends.torch.load",
    "lock": "modelpack.composing",
    "open": "modelpack.opened",
    "save": "modelpack.backends.torch.save",
    "transfer": "modelpack.backends.torch.transfer",
    "update": "modelpack.backends.torch.update",
}


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module 'modelpack' has no attribute '{name}'")
    value = getattr(import_module(home), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
