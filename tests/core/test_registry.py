"""Types are declared when they are asked for, by their own family and nothing else."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from modelpack.layers import BUILTIN

ALONE = """
import sys
from modelpack.layers.index import MEMBERS

def fresh():
    for name in [name for name in sys.modules if name.startswith("modelpack.layers")]:
        del sys.modules[name]
    from modelpack.layers.base import BUILTIN
    return BUILTIN

for family, names in MEMBERS.items():
    first, *others = names.split()
    types = fresh()
    wrong = types[first].cls.__module__.rpartition(".")[2] != family
    missing = [name for name in others if name not in types._declared]
    if wrong or missing:
        print(family, first, missing)
"""


def ran(program: str) -> str:
    """What a fresh Python prints."""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_family_declares_all_its_types_by_itself() -> None:
    assert ran(ALONE) == ""


def test_one_type_brings_its_family_and_not_the_others() -> None:
    program = """
import sys
from modelpack.layers import BUILTIN
from modelpack.layers.index import MEMBERS

def families():
    return [family for family in MEMBERS if f"modelpack.layers.{family}" in sys.modules]

print(families())
BUILTIN["Linear"]
print(families())
BUILTIN.import_all()
print(len(families()) - len(MEMBERS))
"""
    assert ran(program).splitlines() == ["[]", "['linear']", "0"]


@pytest.mark.parametrize("name", ["os", "activation", "linear.Linear", "../linear", "", "__init__", "base"])
def test_a_name_that_no_family_declares_imports_nothing(name: str) -> None:
    before = set(sys.modules)
    assert name not in BUILTIN
    assert BUILTIN.get(name) is None
    with pytest.raises(KeyError):
        BUILTIN[name]
    assert set(sys.modules) == before


def test_a_type_is_declared_once() -> None:
    with pytest.raises(TypeError, match="Linear is declared twice"):
        BUILTIN.declare(BUILTIN["Linear"])


@pytest.mark.parametrize(
    ("page", "told"),
    [
        ("README.md", r"types and operations of\s+\[spec/layers\.md\]\(spec/layers\.md\), (\d+) of them"),
        ("CHANGELOG.md", r"The (\d+) layer types and operations"),
    ],
)
def test_the_pages_say_how_many_types_there_are(page: str, told: str) -> None:
    text = (Path(__file__).parents[2] / page).read_text(encoding="utf-8")
    assert re.findall(told, text) == [str(len(BUILTIN))]
