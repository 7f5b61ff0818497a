"""Migration: a table of versions, and a command that says when there is nothing to do."""

from __future__ import annotations

import pytest
from typer.testing import CliRunner

from modelpack import source
from modelpack.errors import ArchitectureError
from modelpack.formatting import CURRENT, MIGRATIONS, migrate_text
from modelpack.reader import read
from tests.commands import app

OLD = """\
# A net of old.
modelpack: 0  # for long
title: net
layers:
  # The only one.
  act: {ReLU: {}}  # as ever
  # End.
inputs: {x: {dtype: float32, shape: [2]}}
comment: dropped  # this too
"""
NEW = """\
# A net of old.
modelpack: 1  # for long
name: net
inputs:
  x: {dtype: float32, shape: [2]}
layers:
  # The only one.
  act: {ReLU: {}}  # as ever
  # End.
# this too
"""


def from_0(document):
    """In version 0 the name was a title, and there was a comment."""
    entries = {key: value for key, value in document.entries.items() if key not in ("title", "comment")}
    entries["name"] = document.entries["title"]
    return source.Mapping(entries, document.line, document.column, document.key_places)


def test_a_migration_keeps_the_comments():
    assert migrate_text(OLD, migrations={0: from_0}) == NEW
    assert read(NEW).name == "net"


def test_migrations_follow_one_another():
    def from_before(document):
        entries = {"title": document.entries["heading"]}
        entries |= {key: value for key, value in document.entries.items() if key != "heading"}
        return source.Mapping(entries, document.line, document.column, document.key_places)

    older = OLD.replace("modelpack: 0", "modelpack: -1").replace("title:", "heading:")
    assert migrate_text(older, migrations={-1: from_before, 0: from_0}) == NEW


def test_what_is_current_stays_as_it_is():
    ugly = "modelpack: 1\r\nname:   net"
    assert migrate_text(ugly, migrations={0: from_0}) == ugly
    assert migrate_text(ugly.encode()) == ugly


@pytest.mark.parametrize(
    ("version", "hint"),
    [("2", "a newer version of modelpack may read it"), ("0", None), ("1.0", None), ("true", None)],
)
def test_a_version_without_a_way_here_is_refused(version, hint):
    with pytest.raises(ArchitectureError) as caught:
        migrate_text(OLD.replace("modelpack: 0", f"modelpack: {version}"), "old.yaml")
    (problem,) = caught.value.problems
    assert (problem.code, problem.hint) == ("MP205", hint)
    assert str(problem.place) == "old.yaml:2:12"
    assert f"this release reads {CURRENT}" in problem.message


@pytest.mark.parametrize(
    ("text", "code"),
    [("- a", "MP204"), ("name: net", "MP203"), ("modelpack: []", "MP203"), ("a: [", "MP101")],
)
def test_a_text_that_says_no_version_is_refused(text, code):
    with pytest.raises(ArchitectureError, match=code):
        migrate_text(text)


def test_all_released_versions_lead_here():
    """A migration for each version before the current one, and for no other."""
    assert sorted(MIGRATIONS) == list(range(1, CURRENT))


# -------------------------------------------------------------------------------------------- the command


def run(*arguments):
    return CliRunner().invoke(app, ["migrate", *map(str, arguments)])


def test_the_command_migrates(tmp_path, monkeypatch):
    path = tmp_path / "old.yaml"
    path.write_text(OLD)
    assert run(path).exit_code == 1
    monkeypatch.setitem(MIGRATIONS, 0, from_0)
    result = run("--check", path)
    assert (result.exit_code, result.output) == (1, f"would migrate {path}\n")
    assert path.read_text() == OLD
    result = run(path)
    assert (result.exit_code, result.output) == (0, f"migrated {path}\n")
    assert path.read_text() == NEW
    result = run("--check", path)
    assert (result.exit_code, result.output) == (0, f"{path} is of version 1, the current one\n")


def test_the_command_refuses_what_is_newer(tmp_path):
    path = tmp_path / "new.yaml"
    path.write_text("modelpack: 7\n")
    result = run(path)
    assert result.exit_code == 1
    assert "MP205" in result.stderr
    assert path.read_text() == "modelpack: 7\n"
