"""The house: budgets of files, light imports, and pages that hold what the code holds."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from modelpack.errors import CODES

ROOT = Path(__file__).parents[2]
SOURCES = sorted((ROOT / "modelpack").rglob("*.py"))
MOST_LINES = 400
FRAMEWORKS = ("torch", "onnx", "keras", "jax", "tensorflow", "mxnet")


def test_no_file_is_longer_than_one_can_keep_in_mind():
    assert SOURCES
    lengths = {str(path.relative_to(ROOT)): len(path.read_text().splitlines()) for path in SOURCES}
    assert {name: lines for name, lines in lengths.items() if lines > MOST_LINES} == {}


def test_every_file_opens_by_saying_what_it_is():
    silent = [
        str(path.relative_to(ROOT)) for path in SOURCES if not path.read_text().startswith(('"""', 'r"""'))
    ]
    assert silent == []


@pytest.mark.parametrize(
    "statement",
    [
        "import modelpack",
        "import modelpack; modelpack.check",
        "import modelpack; modelpack.open",
        "import modelpack; modelpack.Architecture",
        "import modelpack.cli",
        "import modelpack.generate",
        "import modelpack.template",
    ],
)
def test_no_framework_is_imported(statement):
    code = f"{statement}; import sys; print([name for name in {FRAMEWORKS} if name in sys.modules])"
    assert _run(code) == "[]"


def test_import_modelpack_is_light():
    """Each name is fetched when it is first used."""
    loaded = _run(
        "import modelpack, sys; print(sorted(name for name in sys.modules if name.startswith('modelpack')))"
    )
    assert loaded == "['modelpack']"


def test_checking_draws_nothing():
    """rich and numpy cost more than the check itself."""
    architecture = ROOT / "examples" / "mlp" / "architecture.yaml"
    code = (
        "import sys; from tests.commands import app; "
        f"app(['check', {str(architecture)!r}], standalone_mode=False); "
        "print([name for name in ('rich', 'numpy', 'pydantic') if name in sys.modules])"
    )
    assert _run(code).splitlines()[-1] == "[]"


def test_the_page_of_errors_holds_every_code_once():
    page = (ROOT / "spec" / "errors.md").read_text()
    listed = re.findall(r"^### (MP\d{3}) ", page, re.MULTILINE)
    assert sorted(listed) == listed, "in ascending order"
    assert set(listed) ^ CODES.keys() == set()
    assert len(listed) == len(set(listed))


def test_the_page_of_errors_has_the_titles_of_the_code():
    page = (ROOT / "spec" / "errors.md").read_text()
    assert dict(re.findall(r"^### (MP\d{3}) (.+)$", page, re.MULTILINE)) == CODES


def test_every_code_in_the_sources_is_listed():
    used = {code for path in SOURCES for code in re.findall(r'"(MP\d{3})"', path.read_text())}
    assert used - CODES.keys() == set()


def test_every_listed_code_is_used():
    used: set[str] = set()
    for path in SOURCES:
        if path.name != "errors.py":
            used |= set(re.findall(r'"(MP\d{3})"', path.read_text()))
    assert CODES.keys() - used == set()


def _run(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    return done.stdout.strip()
