"""What `check` keeps of earlier runs: used while nothing changed, and never believed when it isn't exactly an entry."""

import json
import os

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from modelpack.errors import CODES, Place, Problem
from modelpack.examining import running
from modelpack.examining.cache import Cache, default_folder, open_cache
from modelpack.findings import Finding, Report, Severity
from tests.commands import app

RUN = CliRunner()

WRONG = """\
modelpack: 1
name: net
inputs:
  x: {dtype: float32, shape: [batch, 20]}
layers:
  act: {Rellu: {}}
"""


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    (tmp_path / "here" / "net.yaml").write_text(WRONG)
    return tmp_path / "here"


@pytest.fixture
def looked(monkeypatch):
    """The paths that were looked at, not only hashed."""
    seen = []

    def examine(target, *others):
        seen.append(target.path)
        return real(target, *others)

    real = running.examine_target
    monkeypatch.setattr(running, "examine_target", examine)
    return seen


def check(*arguments):
    return RUN.invoke(app, ["check", *map(str, arguments)], catch_exceptions=False)


def entries():
    return [path for path in default_folder().rglob("*") if path.is_file() and len(path.parent.name) == 2]


def test_what_is_unchanged_is_only_hashed(looked):
    first = check("net.yaml")
    assert looked == ["net.yaml"]
    second = check("net.yaml")
    assert looked == ["net.yaml"]
    assert (first.exit_code, first.stdout) == (second.exit_code, second.stdout)
    assert "MP201" in first.stdout


def test_what_changed_is_looked_at(here, looked):
    check("net.yaml")
    (here / "net.yaml").write_text(WRONG.replace("Rellu", "ReLU"))
    assert check("net.yaml").exit_code == 0
    assert looked == ["net.yaml"] * 2


def test_the_same_text_elsewhere_has_places_of_its_own(here, looked):
    (here / "copy.yaml").write_text(WRONG)
    assert "net.yaml:6:9" in check("net.yaml").stdout
    assert "copy.yaml:6:9" in check("copy.yaml").stdout
    assert looked == ["net.yaml", "copy.yaml"]


def test_settings_that_change_what_is_found_count_and_others_do_not(here, looked):
    check("net.yaml")
    (here / "pyproject.toml").write_text("[tool.modelpack]\nmax-parameters = 1\n")
    check("net.yaml")
    assert looked == ["net.yaml"] * 2
    (here / "pyproject.toml").write_text('[tool.modelpack]\nmax-parameters = 1\nignore = ["MP201"]\n')
    assert check("net.yaml").exit_code == 0
    assert looked == ["net.yaml"] * 2


def test_another_version_finds_anew(looked, monkeypatch):
    check("net.yaml")
    monkeypatch.setattr("modelpack.examining.cache.__version__", "0.0")
    check("net.yaml")
    assert looked == ["net.yaml"] * 2


def test_what_imports_is_never_kept(here, looked):
    (here / "net.yaml").write_text(WRONG + "imports:\n  body: {pack: ./body}\n")
    for _ in range(2):
        check("net.yaml")
    assert looked == ["net.yaml"] * 2
    assert entries() == []


def test_no_cache(looked):
    for _ in range(2):
        check("net.yaml", "--no-cache")
    assert looked == ["net.yaml"] * 2
    assert not default_folder().exists()


def test_the_directory_is_nobodys_source(here):
    check("net.yaml", "--cache-dir", "kept")
    assert (here / "kept" / ".gitignore").read_text() == "*\n"
    assert (
        (here / "kept" / "CACHEDIR.TAG").read_text().startswith("Signature: 8a477f597d28d172789f06886806bc55")
    )
    assert not default_folder().exists()


def test_a_cache_that_cannot_be_is_not_missed(here):
    (here / "kept").write_text("a file")
    assert "MP201" in check("net.yaml", "--cache-dir", "kept").stdout


# ------------------------------------------------------------------------ hostile entries

ENTRY = {
    "code": "MP201",
    "message": "m",
    "path": "layers.act",
    "hint": None,
    "severity": "error",
    "place": ["net.yaml", 6, 9],
    "line": "  act: {Rellu: {}}",
    "end_column": 14,
}


@pytest.mark.parametrize(
    "change",
    [
        lambda entry: b"",
        lambda entry: b"\xff",
        lambda entry: b"[" * 100_000,
        lambda entry: b"[]",
        lambda entry: {},
        lambda entry: {**entry, "key": "0" * 64},
        lambda entry: {**entry, "more": 1},
        lambda entry: {**entry, "summary": 1},
        lambda entry: {**entry, "findings": {}},
        lambda entry: {**entry, "findings": [1]},
        lambda entry: {**entry, "findings": [{}]},
        *(
            lambda entry, key=key, value=value: {**entry, "findings": [{**ENTRY, key: value}]}
            for key, value in [
                ("code", "MP000"),
                ("code", ["MP201"]),
                ("message", None),
                ("path", 1),
                ("hint", 1),
                ("severity", "fatal"),
                ("severity", {}),
                ("place", "net.yaml"),
                ("place", ["net.yaml", 6]),
                ("place", ["net.yaml", 0, 9]),
                ("place", ["net.yaml", True, 9]),
                ("place", ["net.yaml", 6, 1 << 40]),
                ("place", [1, 6, 9]),
                ("line", 1),
                ("end_column", "14"),
                ("end_column", -1),
                ("end_column", 1.5),
            ]
        ),
    ],
)
def test_a_spoilt_entry_is_made_anew(change, looked):
    fresh = check("net.yaml").stdout
    (entry,) = entries()
    good = entry.read_bytes()
    spoilt = change(json.loads(good))
    entry.write_bytes(spoilt if isinstance(spoilt, bytes) else json.dumps(spoilt).encode())
    assert check("net.yaml").stdout == fresh
    assert looked == ["net.yaml"] * 2
    assert entry.read_bytes() == good


def test_a_link_or_a_pipe_is_no_entry(here, looked):
    check("net.yaml")
    (entry,) = entries()
    (here / "elsewhere").write_bytes(entry.read_bytes())
    entry.unlink()
    entry.symlink_to(here / "elsewhere")
    check("net.yaml")
    entry.unlink()
    os.mkfifo(entry)
    check("net.yaml")
    assert looked == ["net.yaml"] * 3


def test_an_entry_steers_no_terminal():
    check("net.yaml")
    (entry,) = entries()
    document = json.loads(entry.read_bytes())
    document["findings"][0] |= {"message": "\x1b[2J", "line": "\x1b[2J"}
    entry.write_text(json.dumps(document))
    assert "\x1b" not in check("net.yaml").stdout


TEXTS = st.text(max_size=20)
PLACES = st.builds(Place, st.integers(1, 9), st.integers(1, 9), TEXTS)
PROBLEMS = st.builds(
    Problem, st.sampled_from(sorted(CODES)), TEXTS, PLACES | st.none(), TEXTS, TEXTS | st.none()
)
FINDINGS = st.builds(
    Finding, PROBLEMS, st.sampled_from(Severity), TEXTS | st.none(), st.integers(1, 99) | st.none()
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(FINDINGS, max_size=3).map(tuple), TEXTS | st.none(), TEXTS, st.binary(max_size=20))
def test_what_is_kept_comes_back(tmp_path, findings, summary, path, text):
    cache = open_cache(tmp_path / "kept", ("about",))
    assert isinstance(cache, Cache)
    report = Report(path, findings, summary)
    key = cache.key(path, text)
    cache.put(key, report)
    assert cache.get(key, path) == report


def test_old_entries_make_room(tmp_path, monkeypatch):
    monkeypatch.setattr("modelpack.examining.cache._MOST_ENTRIES", 4)
    cache = open_cache(tmp_path / "kept", ())
    for count in range(9):
        cache.put(f"ab{count}0", Report("net.yaml", ()))
        os.utime(tmp_path / "kept" / "ab" / f"{count}0", (count, count))
    assert len(list((tmp_path / "kept" / "ab").iterdir())) <= 5
    assert cache.get("ab80", "net.yaml") is not None
    assert cache.get("ab00", "net.yaml") is None
