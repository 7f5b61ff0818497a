"""Short settings that ask for very much are refused before anything of that size is made."""

from __future__ import annotations

from typing import Any

import pytest

from modelpack.layers import BUILTIN
from modelpack.tensors import Mismatch, TensorSpec

MANY = 10**12
CASES: list[tuple[str, dict[str, Any], str]] = [
    ("split", {"split_size": 1}, f"float32[{MANY}]"),
    ("split", {"split_size": (0,) * 5000}, "float32[0]"),
    ("chunk", {"chunks": MANY}, f"float32[{MANY}]"),
    ("chunk", {"chunks": MANY}, "float32[0]"),
    ("unbind", {}, f"float32[{MANY}]"),
    ("tensor_split", {"sections": MANY}, "float32[3]"),
    ("tensor_split", {"sections": (1,) * 5000}, "float32[3]"),
    ("reshape", {"shape": (1,) * 100_000}, "float32[1]"),
    ("unflatten", {"dim": 0, "sizes": (1,) * 100_000}, "float32[1]"),
    ("expand", {"size": (2,) * 100_000}, "float32[1]"),
    ("tile", {"repeats": (2,) * 100_000}, "float32[1]"),
    ("new_zeros", {"size": (2,) * 100_000}, "float32[1]"),
    ("unsqueeze", {"dim": 0}, f"float32[{', '.join('1' * 64)}]"),
]


@pytest.mark.parametrize(("name", "settings", "spec"), CASES)
def test_refused(name: str, settings: dict[str, Any], spec: str) -> None:
    kind = BUILTIN[name]
    with pytest.raises(Mismatch, match=r"more than 1024|at most 64 axes"):
        kind.infer(kind.instance(settings), (TensorSpec.parse(spec),))
