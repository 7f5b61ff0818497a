"""What lint advises: the bad and the good example of each rule's page."""

from __future__ import annotations

import re
import tomllib
from inspect import cleandoc
from pathlib import Path

import numpy as np

from modelpack import opened
from modelpack.checker import check_text
from modelpack.composing import compose
from modelpack.dtypes import DType
from modelpack.errors import ArchitectureError, Problem, raise_if_any
from modelpack.lint import RULES, Budgets, Subject, lint
from modelpack.lint.comments import Comments
from modelpack.pack import TensorData, write_pack
from tests.cases.cases import Act, Pair

FENCE = re.compile(r"^```(\w+)(?: (bad|good))?\n(.*?)^```$", re.MULTILINE | re.DOTALL)
"""Language, verdict, text."""
NETWORK = """modelpack: 1
name: net
inputs:
  x: {dtype: float32, shape: [batch, 3]}
layers:
  fc: {Linear: {in_features: 3, out_features: 2, bias: false}}
"""
TRUNK = """modelpack: 1
name: net
inputs:
  x: {dtype: float32, shape: [batch, 8]}
layers:
  act: {ReLU: {}}
"""


def fences(code: str) -> list[tuple[str, str, str]]:
    return [match.groups() for match in FENCE.finditer(cleandoc(RULES[code].find.__doc__ or ""))]


def examples(verdict: str) -> list[tuple[str, str, str]]:
    """Code, language, text."""
    return [(code, kind, text) for code in RULES for kind, told, text in fences(code) if told == verdict]


def found(code: str, language: str, text: str, folder: Path) -> list[Problem]:
    """What lint finds in an example: an architecture, settings for one, or a pack that Python writes."""
    if language == "toml":
        (architecture,) = (each for kind, _, each in fences(code) if kind == "yaml")
        return lint(Subject(check_text(architecture), budgets=budgets(text)))
    if language == "python":
        with opened.open(written(text, folder)) as pack:
            return lint(Subject(pack.network, pack, values=True))
    if "imports:" not in text:
        return lint(Subject(check_text(text), comments=Comments(text.encode())))
    write_pack(folder / "trunk", architecture=TRUNK.encode())
    (folder / "net.yaml").write_text(text)
    with compose(folder / "net.yaml") as composed:
        return lint(Subject(composed.linked.network, written=composed.architecture))


def budgets(text: str) -> Budgets:
    settings = tomllib.loads(text)["tool"]["modelpack"]
    return Budgets(**{key.replace("-", "_"): value for key, value in settings.items()})


def written(text: str, folder: Path) -> Path:
    """Run the Python of an example, its names being what the reader takes them for."""
    weights = {"fc.weight": np.ones((2, 3), np.float32)}
    names = {"text": NETWORK.encode(), "samples": SAMPLES, "weights": weights}

    def write(path, *, weights, **more):
        write_pack(folder / path, weights=[tensor(name, each) for name, each in weights.items()], **more)

    exec(text, names | {"write_pack": write})
    return folder / "net.modelpack"


def tensor(name: str, values: np.ndarray) -> TensorData:
    return TensorData(name, DType(str(values.dtype)), values.shape, values.tobytes())


SAMPLES = [
    tensor("input.0", np.ones((5, 3), np.float32)),
    tensor("output.0", np.full((5, 2), 3, np.float32)),
]


def advised(code: str, language: str, text: str) -> Act:
    return lambda folder: raise_if_any(found(code, language, text, folder), ArchitectureError)


def lint_cases() -> dict[str, Pair]:
    """The first bad and the first good example of each rule."""
    bad, good = ({each[0]: each for each in reversed(examples(verdict))} for verdict in ("bad", "good"))
    return {
        "-".join(RULES[code].find.__name__.split("_")): (advised(*bad[code]), advised(*good[code]))
        for code in RULES
    }
