"""Directories that came from somebody: `check` and `fmt` don't hang in them, and write nothing outside of them."""

import os
import shutil

import pytest
from typer.testing import CliRunner

from modelpack.examining.baseline import read_baseline
from modelpack.examining.cache import default_folder
from modelpack.examining.settings import MisuseError, find_settings
from modelpack.examining.targets import find_targets
from tests.attacks.harness import attack
from tests.commands import app

NET = "modelpack: 1\nname: net\ninputs:\n  x: {dtype: float32, shape: [8]}\nlayers:\n  a: {ReLU: {}}\n"


def settings_in(folder):
    with pytest.raises(MisuseError):
        find_settings(folder)


def baseline_at(path):
    with pytest.raises(MisuseError):
        read_baseline(path)


def one_found(pattern):
    assert len(find_targets([str(pattern)])) == 1


def test_settings_and_baseline_that_are_pipes(tmp_path):
    os.mkfifo(tmp_path / "pyproject.toml")
    attack(settings_in, tmp_path, None)
    attack(baseline_at, tmp_path / "pyproject.toml", None)


@pytest.mark.parametrize("part", ["a", '"a b"'])
def test_settings_with_a_key_of_many_parts(tmp_path, part):
    key = ".".join([part] * 20_000)
    (tmp_path / "pyproject.toml").write_text(f"[tool.modelpack]\nselect = []\n[tool.other]\n{key} = 1\n")
    attack(settings_in, tmp_path, None)


@pytest.mark.parametrize("name", ["../outside", "{tmp}/outside", "link/outside"])
def test_settings_lead_no_baseline_out_of_their_folder(tmp_path, name):
    inner = tmp_path / "inner"
    inner.mkdir()
    (inner / "link").symlink_to(tmp_path)
    (inner / "pyproject.toml").write_text(f"[tool.modelpack]\nbaseline = '{name.format(tmp=tmp_path)}'\n")
    with pytest.raises(MisuseError, match=r"pyproject\.toml:2: .* must lie in the folder"):
        find_settings(inner)


def test_links_that_lead_back(tmp_path):
    (tmp_path / "net.yaml").write_text(NET)
    (tmp_path / "a").symlink_to(".")
    (tmp_path / "b").symlink_to(".")
    attack(one_found, tmp_path / "**" / "*.yaml", None)
    attack(one_found, tmp_path / "**", None)


def test_directories_as_deep_as_paths_go(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for _ in range(1500):
        os.mkdir("a")
        os.chdir("a")
    with open("net.yaml", "w") as file:
        file.write(NET)
    os.chdir(tmp_path)
    try:
        one_found(tmp_path)
        one_found(tmp_path / "**" / "*.yaml")
    finally:
        monkeypatch.undo()
        for _ in range(1500):  # shutil, as pytest uses it, calls itself
            os.rename(tmp_path / "a", tmp_path / "b")
            if (tmp_path / "b" / "a").exists():
                os.rename(tmp_path / "b" / "a", tmp_path / "a")
            shutil.rmtree(tmp_path / "b")


def test_fmt_writes_through_a_link_only_where_it_was_named(tmp_path):
    (tmp_path / "inner").mkdir()
    outside, link = tmp_path / "outside.yaml", tmp_path / "inner" / "link.yaml"
    untidy = NET.replace("{ReLU: {}}", "{ReLU:  {}}")
    outside.write_text(untidy)
    link.symlink_to(outside)
    CliRunner().invoke(app, ["fmt", str(tmp_path / "inner")])
    CliRunner().invoke(app, ["fmt", str(tmp_path / "inner" / "*.yaml")])
    assert outside.read_text() == untidy
    CliRunner().invoke(app, ["fmt", str(link)])
    assert outside.read_text() == NET


def test_without_a_home_there_is_no_cache(monkeypatch):
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr(os.path, "expanduser", lambda path: path)
    assert default_folder() is None


@pytest.mark.parametrize("setting", ["max-flops = {}", "sizes = {{batch = {}}}"])
def test_settings_with_numbers_of_thousands_of_digits(tmp_path, setting):
    (tmp_path / "pyproject.toml").write_text(f"[tool.modelpack]\n{setting.format('0x' + 'f' * 10_000)}\n")
    attack(settings_in, tmp_path, None)


def test_devices_are_written_to_not_replaced(tmp_path):
    (tmp_path / "net.yaml").write_text(NET)
    reading, writing = os.pipe()
    CliRunner().invoke(app, ["check", str(tmp_path / "net.yaml"), "--no-cache", "-o", f"/dev/fd/{writing}"])
    os.close(writing)
    with open(reading) as file:
        assert "sound" in file.read()
