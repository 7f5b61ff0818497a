"""`modelpack check` as its users call it: which files it finds, what settings, comments and baselines do, how it ends."""

import json
import os
from dataclasses import fields, replace

import pytest
from typer.testing import CliRunner

from modelpack import api
from modelpack.commands import check as command
from modelpack.examining.settings import MisuseError, find_settings
from modelpack.examining.targets import Kind, find_targets
from modelpack.lint import Budgets
from tests.commands import app

RUN = CliRunner()

SOUND = """\
modelpack: 1
name: net
inputs:
  x: {dtype: float32, shape: [batch, 20]}
layers:
  hidden: {Linear: {in_features: 20, out_features: 8}}
  act: {ReLU: {}}
  last: {Linear: {in_features: 8, out_features: 2}}
"""
WRONG = SOUND.replace("ReLU", "Rellu").replace("out_features: 2}", "out_features: 2, biass: true}")


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    """Each test in a directory of its own, with a cache of its own."""
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "here"


def run(*arguments):
    return RUN.invoke(app, ["check", *map(str, arguments)], catch_exceptions=False)


def codes(result):
    return [problem["code"] for each in json.loads(result.stdout) for problem in each["problems"]]


def found(paths, **told):
    return [(target.path, target.kind) for target in find_targets(paths, **told)]


@pytest.fixture
def tree(here):
    """Files of many kinds, of which some are ours."""
    files = {
        "a.yaml": SOUND,
        "b.yml": "# a comment\n---\n'modelpack': 1\nname: b\n",
        "late.yaml": "name: late\nmodelpack: 1\n",
        "flow.yaml": "{modelpack: 1, name: flow}\n",
        "ci.yaml": "modelpack:\n  script: make\n",
        "other.yaml": "a: 1\nb:\n  modelpack: 1\n",
        "a.lock": '{"imports": {}, "modelpack-lock": 1}\n',
        "poetry.lock": "# not ours\n",
        "notes.txt": "modelpack: 1\n",
        "deep/er/c.yaml": SOUND,
        "deep/hand/architecture.yaml": SOUND,
        "deep/hand/manifest.json": "{}",
        "web/manifest.json": "{}",
        "one.modelpack": "PK",
        ".hidden/d.yaml": SOUND,
        "node_modules/e.yaml": SOUND,
    }
    for name, text in files.items():
        (here / name).parent.mkdir(parents=True, exist_ok=True)
        (here / name).write_text(text)
    (here / "link").symlink_to(here / "deep", target_is_directory=True)
    return here


FOUND = [
    ("a.lock", Kind.LOCK),
    ("a.yaml", Kind.ARCHITECTURE),
    ("b.yml", Kind.ARCHITECTURE),
    ("deep/er/c.yaml", Kind.ARCHITECTURE),
    ("deep/hand", Kind.PACK),
    ("flow.yaml", Kind.ARCHITECTURE),
    ("late.yaml", Kind.ARCHITECTURE),
    ("one.modelpack", Kind.PACK),
]


@pytest.mark.usefixtures("tree")
def test_a_directory_is_looked_through():
    assert found(["."]) == FOUND


@pytest.mark.usefixtures("tree")
def test_patterns_pass_over_what_a_directory_would():
    assert found(["deep/**/*.yaml", "w*/*", "*.y*ml", "deep/h*"]) == [
        ("deep/er/c.yaml", Kind.ARCHITECTURE),
        ("deep/hand/architecture.yaml", Kind.ARCHITECTURE),
        ("a.yaml", Kind.ARCHITECTURE),
        ("b.yml", Kind.ARCHITECTURE),
        ("flow.yaml", Kind.ARCHITECTURE),
        ("late.yaml", Kind.ARCHITECTURE),
        ("deep/hand", Kind.PACK),
    ]


@pytest.mark.usefixtures("tree")
def test_what_is_named_is_taken_for_what_its_name_says_and_once():
    named = ["other.yaml", "./other.yaml", "web/manifest.json", "poetry.lock", "notes.txt", "not-there.yaml"]
    assert found(named) == [
        ("other.yaml", Kind.ARCHITECTURE),
        ("web/manifest.json", Kind.MANIFEST),
        ("poetry.lock", Kind.LOCK),
        ("notes.txt", Kind.PACK),
        ("not-there.yaml", Kind.NOTHING),
    ]


@pytest.mark.parametrize(
    ("pattern", "gone"),
    [
        ("deep", {"deep/er/c.yaml", "deep/hand"}),
        ("deep/er", {"deep/er/c.yaml"}),
        ("*.yml", {"b.yml"}),
        ("hand/", {"deep/hand"}),
        ("deep/*/c.yaml", {"deep/er/c.yaml"}),
    ],
)
def test_what_is_excluded(tree, pattern, gone):
    left = {path for path, _ in found(["."], exclude=[pattern], root=tree)}
    assert {path for path, _ in FOUND} - left == gone


def test_what_is_no_file_is_passed_over_where_it_is_found_and_told_where_it_is_named(here):
    os.mkfifo(here / "pipe.yaml")
    (here / "loop.yaml").symlink_to("loop.yaml")
    (here / "gone.yaml").symlink_to("not-there.yaml")
    (here / "folder.yaml").mkdir()
    assert found(["."]) == []
    assert codes(run("pipe.yaml", "loop.yaml", "gone.yaml", "--json")) == ["MP504", "MP504", "MP501"]


def test_that_there_is_nothing_to_check_is_told(here):
    result = run(".")
    assert (result.exit_code, result.stdout, result.stderr) == (0, "", "nothing to check there\n")
    (here / "empty.modelpack").mkdir()
    assert codes(run(".", "--json")) == ["MP502"]


def test_a_pattern_that_nothing_fits_is_a_misuse(here):
    result = run("*.yaml")
    assert (result.exit_code, result.stderr) == (2, "nothing fits '*.yaml'\n")


# ------------------------------------------------------------------------ how it ends, what is printed


def test_the_exit_status(here):
    (here / "sound.yaml").write_text(SOUND)
    (here / "wrong.yaml").write_text(WRONG)
    assert run("sound.yaml").exit_code == 0
    assert run("sound.yaml", "wrong.yaml").exit_code == 1
    missing = run("wrong.yaml", "not-there.yaml", "--json")
    assert missing.exit_code == 2
    assert codes(missing) == ["MP201", "MP207", "MP501"]
    assert run("wrong.yaml", "--select", "MP9").exit_code == 2
    assert run("wrong.yaml", "--format", "xml").exit_code == 2
    assert run("wrong.yaml", "--json", "--format", "sarif").exit_code == 2


def test_all_files_are_told_in_order(here):
    for name in ("b.yaml", "a.yaml", "c.yaml"):
        (here / name).write_text(WRONG)
    told = [each["path"] for each in json.loads(run("c.yaml", "a.yaml", ".", "--json").stdout)]
    assert told == ["c.yaml", "a.yaml", "b.yaml"]


def test_several_processes_find_the_same(here, monkeypatch):
    monkeypatch.setattr("modelpack.examining.running._WORTH_IT", 2)
    for count in range(9):
        (here / f"{count}.yaml").write_text(WRONG if count % 2 else SOUND)
    alone, together = (run(".", "--json", "--no-cache", "--jobs", jobs) for jobs in (1, 3))
    assert alone.stdout == together.stdout
    assert codes(alone) == ["MP201", "MP207"] * 4


def test_output_goes_to_a_file(here):
    (here / "wrong.yaml").write_text(WRONG)
    (here / "report.json").write_text("what was there")
    result = run("wrong.yaml", "--json", "--output", "report.json")
    assert (result.exit_code, result.stdout) == (1, "")
    assert json.loads((here / "report.json").read_text())[0]["path"] == "wrong.yaml"
    assert run("wrong.yaml", "--output", "no/such/folder.txt").exit_code == 2


def test_select_and_ignore(here):
    (here / "wrong.yaml").write_text(WRONG)

    def told(*options):
        return codes(run("wrong.yaml", "--json", *options))

    assert told() == ["MP201", "MP207"]
    assert told("--select", "MP201") == ["MP201"]
    assert told("--select", "MP3,MP207") == ["MP207"]
    assert told("--ignore", "MP207") == ["MP201"]
    assert told("--ignore", "MP2") == []
    assert told("--select", "MP207", "--ignore", "MP2") == ["MP207"]
    assert told("--select", "MP2", "--ignore", "MP2") == []
    silent = run("wrong.yaml", "--ignore", "MP2")
    assert (silent.exit_code, silent.stdout) == (0, "wrong.yaml: nothing new (2 problems silenced)\n")


# ------------------------------------------------------------------------ standard input


def run_with(text, *arguments):
    return RUN.invoke(app, ["check", *map(str, arguments)], input=text, catch_exceptions=False)


def test_standard_input_is_one_architecture(here):
    assert run_with(SOUND, "-").stdout == "<stdin>: sound (3 steps, 186 parameters)\n"
    result = run_with(WRONG, "-", "--json")
    assert result.exit_code == 1
    (document,) = json.loads(result.stdout)
    assert document["path"] == "<stdin>"
    assert [(each["code"], each["place"]["file"]) for each in document["problems"]] == [
        ("MP201", "<stdin>"),
        ("MP207", "<stdin>"),
    ]
    (here / "wrong.yaml").write_text(WRONG)
    both = json.loads(run_with(SOUND, "wrong.yaml", "-", "--json").stdout)
    assert [(each["path"], each["sound"]) for each in both] == [("wrong.yaml", False), ("<stdin>", True)]


def test_standard_input_may_be_taken_for_a_file(here):
    inner = here / "inner"
    inner.mkdir()
    settings(inner, '[tool.modelpack]\nignore = ["MP207"]\nexclude = ["third.yaml"]\n')
    result = run_with(WRONG, "-", "--stdin-filename", "inner/net.yaml", "--json")
    assert codes(result) == ["MP201"]
    assert json.loads(result.stdout)[0]["path"] == "inner/net.yaml"
    assert run_with(WRONG, "-", "--stdin-filename", "inner/third.yaml").exit_code == 0
    (inner / "pack").mkdir()
    (inner / "pack" / "architecture.yaml").write_text(SOUND)
    importing = (
        "modelpack: 1\nname: new\nimports:\n  net: {pack: pack}\n"
        "inputs:\n  x: {dtype: float32, shape: [batch, 20]}\nlayers:\n  body: {use: net}\n"
    )
    assert codes(run_with(importing, "-", "--json")) == ["MP501"]
    assert codes(run_with(importing, "-", "--json", "--stdin-filename", "inner/new.yaml")) == []


def test_standard_input_that_is_none_of_ours_may_be_passed_over():
    other = "a: 1\n"
    assert run_with(other, "-").exit_code == 1
    result = run_with(other, "-", "--only-recognised")
    assert (result.exit_code, result.stderr) == (0, "nothing to check there\n")
    assert run_with(WRONG, "-", "--only-recognised").exit_code == 1


def test_misuse_of_standard_input(here):
    (here / "net.yaml").write_text(SOUND)
    assert run("net.yaml", "--stdin-filename", "net.yaml").exit_code == 2
    assert run_with(SOUND, "-", "--watch").exit_code == 2


# ------------------------------------------------------------------------ pyproject.toml


def settings(here, text):
    (here / "pyproject.toml").write_text(text)


def test_settings_of_the_nearest_pyproject(here):
    inner = here / "inner"
    inner.mkdir()
    (inner / "wrong.yaml").write_text(WRONG)
    settings(here, '[tool.modelpack]\nignore = ["MP207"]\n')
    (inner / "pyproject.toml").write_text("[project]\nname = 'modelpack-user'\n")
    assert codes(run("inner/wrong.yaml", "--json")) == ["MP201"]
    assert codes(run("inner/wrong.yaml", "--json", "--ignore", "MP201")) == ["MP207"]
    (inner / "pyproject.toml").write_text('[tool.modelpack]\nselect = ["MP207"]\n')
    assert codes(run("inner/wrong.yaml", "--json")) == ["MP207"]


def test_severities_decide_how_it_ends(here):
    (here / "wrong.yaml").write_text(WRONG)
    settings(here, '[tool.modelpack.severity]\nMP = "note"\nMP2 = "warning"\nMP201 = "note"\n')
    result = run("wrong.yaml", "--json")
    told = [(each["code"], each["severity"]) for each in json.loads(result.stdout)[0]["problems"]]
    assert told == [("MP201", "note"), ("MP207", "warning")]
    assert result.exit_code == 1
    settings(here, '[tool.modelpack]\nseverity = {MP2 = "note"}\n')
    assert run("wrong.yaml").exit_code == 0


def test_exclude_counts_from_the_settings_file(here, monkeypatch):
    (here / "nets").mkdir()
    for name in ("a.yaml", "b.yaml"):
        (here / "nets" / name).write_text(WRONG)
    settings(here, '[tool.modelpack]\nexclude = ["nets/a.yaml"]\n')
    monkeypatch.chdir(here / "nets")
    assert [each["path"] for each in json.loads(run(".", "--json").stdout)] == ["b.yaml"]


def test_budgets_are_read(here):
    settings(
        here, "[tool.modelpack]\nmax-parameters = 1\nmax-flops = 2\nmax-memory = 3\nsizes = {batch = 4}\n"
    )
    assert find_settings(here).budgets == Budgets(1, 2, 3, {"batch": 4})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "[tool.modelpack]\nselct = []\n",
            ":2: [tool.modelpack] has no setting 'selct', did you mean 'select'?",
        ),
        ("[tool.modelpack]\n\n'x y' = 1\n", ":3: [tool.modelpack] has no setting 'x y': there are select, "),
        ("[tool.modelpack]\nselect = 'MP2'\n", ":2: [tool.modelpack] select: must be a list of texts"),
        ("[tool.modelpack]\nignore = ['MP2', 'mp3']\n", ":2: [tool.modelpack] ignore: 'mp3' is no code"),
        ("[tool.modelpack]\nignore = ['MP299']\n", "'MP299' is no code"),
        ("[tool.modelpack.severity]\nMP2 = 'fatal'\n", ":1: [tool.modelpack] severity: must be a table from"),
        ("[tool.modelpack]\nmax-flops = 1.5\n", ":2: [tool.modelpack] max-flops: must be an integer"),
        ("[tool.modelpack]\nmax-memory = true\n", ":2: [tool.modelpack] max-memory: must be an integer"),
        ("[tool.modelpack]\nmax-parameters = -1\n", "must be an integer, 0 or more"),
        (
            "[tool.modelpack]\nsizes = {batch = 0}\n",
            ":2: [tool.modelpack] sizes: must be a table from dimensions",
        ),
        ("[tool.modelpack]\nsizes = 8\n", ":2: [tool.modelpack] sizes: must be a table from dimensions"),
        ("[tool.modelpack]\nbaseline = ''\n", ":2: [tool.modelpack] baseline: must be a text"),
        ("[tool.modelpack\n", "pyproject.toml: "),
        ("tool.modelpack = 1\n", "tool.modelpack must be a table"),
    ],
)
def test_bad_settings_are_a_misuse(here, text, message):
    (here / "sound.yaml").write_text(SOUND)
    settings(here, text)
    result = run("sound.yaml")
    assert result.exit_code == 2
    assert f"{here}/pyproject.toml" in result.stderr
    assert message in result.stderr
    assert result.stdout == ""


def test_sizes_of_dimensions_that_no_network_has_are_told(here):
    (here / "net.yaml").write_text(SOUND)
    settings(here, "[tool.modelpack]\n[tool.modelpack.sizes]\nbatchs = 8\nsequence = 512\n")
    near = "sizes: no network here has a free dimension 'batchs', did you mean 'batch'?\n"
    other = "sizes: no network here has a free dimension 'sequence'\n"
    place = f"{here}/pyproject.toml:2: [tool.modelpack] "
    # Another network, which isn't among those that are named, may have it.
    for _ in range(2):  # looked at, and from the cache
        assert (run("net.yaml").exit_code, run("./net.yaml").stderr) == (0, place + near)
        assert (run(".").exit_code, run(".").stderr) == (0, place + near + place + other)
    assert run(".", "--quiet").stderr == ""
    (here / "text.yaml").write_text(SOUND.replace("[batch, 20]", "[batch, sequence, 20]"))
    assert run(".").stderr == place + near
    (here / "wrong.yaml").write_text(WRONG.replace("[batch, 20]", "[batchs, 20]"))
    assert run(".").stderr == ""
    settings(here, "[tool.modelpack]\nsizes = {batch = 8, batchs = 8}\n")
    assert run("net.yaml").stderr == ""


def test_no_settings_are_fine(here):
    assert find_settings(here).root is None


# ------------------------------------------------------------------------ baseline


def test_a_baseline_passes_over_what_was_there(here):
    net = here / "net.yaml"
    net.write_text(WRONG)
    written = run("net.yaml", "--baseline", "known.json", "--write-baseline")
    assert (written.exit_code, written.stdout) == (0, "wrote known.json (2 problems)\n")
    assert (
        run("net.yaml", "--baseline", "known.json").stdout == "net.yaml: nothing new (2 problems silenced)\n"
    )
    # Lines may move; what is new is told.
    net.write_text("# a comment\n" + WRONG.replace("in_features: 20", "in_feature: 20"))
    again = run("net.yaml", "--baseline", "known.json", "--json")
    assert again.exit_code == 1
    assert set(codes(again)) == {"MP207"}
    assert all(each["place"]["line"] == 7 for each in json.loads(again.stdout)[0]["problems"])


def test_the_same_once_more_is_new(here):
    net = here / "net.yaml"
    line = "  act: {Rellu: {}}\n"
    net.write_text(SOUND.replace("  act: {ReLU: {}}\n", line))
    run("net.yaml", "--baseline", "known.json", "--write-baseline")
    net.write_text(SOUND.replace("  act: {ReLU: {}}\n", line + line.replace("act", "act2")))
    assert codes(run("net.yaml", "--baseline", "known.json", "--json")) == ["MP201"]


def test_a_baseline_counts_from_its_folder(here, monkeypatch):
    (here / "nets").mkdir()
    (here / "nets" / "net.yaml").write_text(WRONG)
    settings(here, '[tool.modelpack]\nbaseline = "known.json"\n')
    assert run("nets", "--write-baseline").exit_code == 0
    assert list(json.loads((here / "known.json").read_text())["files"]) == ["nets/net.yaml"]
    monkeypatch.chdir(here / "nets")
    assert run("net.yaml").exit_code == 0


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        '{"modelpack-baseline": 2, "files": {}}',
        '{"modelpack-baseline": 1, "files": []}',
        '{"modelpack-baseline": 1, "files": {"a": 1}}',
        '{"modelpack-baseline": 1, "files": {"a": [1]}}',
        '{"modelpack-baseline": 1, "files": {}, "files": {}}',
    ],
)
def test_what_is_no_baseline_is_a_misuse(here, text):
    (here / "sound.yaml").write_text(SOUND)
    (here / "known.json").write_text(text)
    result = run("sound.yaml", "--baseline", "known.json")
    assert result.exit_code == 2
    assert result.stderr.startswith("known.json: ")


def test_a_baseline_must_be_there_to_be_read_and_named_to_be_written(here):
    (here / "sound.yaml").write_text(SOUND)
    assert run("sound.yaml", "--baseline", "known.json").exit_code == 2
    assert run("sound.yaml", "--write-baseline").exit_code == 2


# ------------------------------------------------------------------------ manifests, packs, locks


@pytest.fixture
def packed(here):
    """A pack as one file and as a directory."""
    (here / "net.yaml").write_text(SOUND)
    for target in ("net.modelpack", "net"):
        assert RUN.invoke(app, ["init", "net.yaml", target]).exit_code == 0
    return here


def test_packs_and_manifests(packed):
    told = json.loads(run("net.modelpack", "net", "net/manifest.json", "--json").stdout)
    assert [(each["path"], each["sound"]) for each in told] == [
        ("net.modelpack", True),
        ("net", True),
        ("net/manifest.json", True),
    ]
    assert run("net/manifest.json").stdout == "net/manifest.json: sound (a manifest of 2 files)\n"
    manifest = packed / "net" / "manifest.json"
    manifest.write_text(manifest.read_text().replace('"library"', '"libary"'))
    assert codes(run("net", "net/manifest.json", "--json")) == ["MP561", "MP561"]


def test_the_text_of_a_pack_has_places_and_comments(packed):
    text = packed / "net" / "architecture.yaml"
    (packed / "net" / "manifest.json").unlink()
    text.write_text(WRONG.replace("biass: true}}", "biass: true}}  # modelpack: ignore[MP207]"))
    (document,) = json.loads(run("net", "--json").stdout)
    (problem,) = document["problems"]
    assert problem["code"] == "MP201"
    assert problem["place"] == {"file": "net/architecture.yaml", "line": 7, "column": 9}
    assert problem["end_column"] == 14


def test_locks_are_held_against_the_architecture_beside(packed):
    new = packed / "new.yaml"
    new.write_text(
        "modelpack: 1\nname: new\ninputs:\n  x: {dtype: float32, shape: [batch, 20]}\n"
        "imports:\n  net: {pack: ./net.modelpack}\nlayers:\n  body: {use: net}\n"
    )
    assert RUN.invoke(app, ["lock", "new.yaml"]).exit_code == 0
    assert api.check(new).main.steps
    assert run("new.lock").stdout == "new.lock: sound (1 pin)\n"
    lock = packed / "new.lock"
    lock.write_text(lock.read_text().replace("./net.modelpack", "./other.modelpack"))
    result = run("new.lock")
    assert result.exit_code == 1
    assert "new.yaml:6:8: MP591 imports.net: " in result.stdout
    lock.write_text("[]")
    assert codes(run("new.lock", "--json")) == ["MP534"]


# ------------------------------------------------------------------------ --watch


def wish():
    flags = {each.name: False for each in fields(command._Wish)}
    given = {"paths": ("net.yaml",), "form": command.Format.JSON, "jobs": 1, "select": (), "ignore": ()}
    return command._Wish(**{**flags, **dict.fromkeys(("output", "baseline", "cache")), **given})


def test_watching_checks_when_something_changed(here, capsys):
    net = here / "net.yaml"
    net.write_text(SOUND)
    status, seen = command._look(wish(), None)
    assert status == 0
    assert command._look(wish(), seen) == (None, seen)
    net.write_text(WRONG)
    status, seen = command._look(wish(), seen)
    assert status == 1
    settings(here, '[tool.modelpack]\nignore = ["MP2"]\n')
    status, seen = command._look(wish(), seen)
    assert status == 0
    net.unlink()
    status, seen = command._look(wish(), seen)
    assert status == 2
    assert command._look(wish(), seen) == (None, seen)


IMPORTING = """\
modelpack: 1
name: {name}
imports:
  net: {{pack: {pack}}}
inputs:
  x: {{dtype: float32, shape: [batch, 20]}}
layers:
  body: {{use: net}}
"""


def test_watching_follows_what_is_imported(here, capsys):
    (here / "net.yaml").write_text(IMPORTING.format(name="net", pack="packs/outer"))
    status, seen = command._look(wish(), None)
    assert status == 1  # there is no such pack yet
    for name in ("outer", "inner"):
        (here / "packs" / name).mkdir(parents=True)
    (here / "packs" / "inner" / "architecture.yaml").write_text(SOUND)
    (here / "packs" / "outer" / "architecture.yaml").write_text(IMPORTING.format(name="outer", pack="inner"))
    status, seen = command._look(wish(), seen)
    assert status == 1  # the inner one isn't pinned
    assert command._look(wish(), seen) == (None, seen)
    (here / "packs" / "inner" / "architecture.yaml").write_text(WRONG)
    status, seen = command._look(wish(), seen)
    assert status == 1
    (here / "packs" / "outer" / "architecture.yaml").write_text(SOUND)
    status, seen = command._look(wish(), seen)
    assert status == 0
    # What nobody imports any more isn't looked at.
    (here / "packs" / "inner" / "architecture.yaml").write_text(SOUND)
    assert command._look(wish(), seen) == (None, seen)


def test_watching_follows_one_file_and_packs_that_import_one_another(here, capsys):
    (here / "net.yaml").write_text(IMPORTING.format(name="net", pack="a.modelpack"))
    (here / "sound.yaml").write_text(SOUND)
    assert RUN.invoke(app, ["init", "sound.yaml", "a.modelpack"]).exit_code == 0
    status, seen = command._look(wish(), None)
    assert status == 0
    (here / "a.modelpack").unlink()
    status, seen = command._look(wish(), seen)
    assert status == 1
    for name, other in (("a.modelpack", "b"), ("b", "a.modelpack")):
        (here / name).mkdir()
        (here / name / "architecture.yaml").write_text(IMPORTING.format(name="net", pack=other))
    status, seen = command._look(wish(), seen)
    assert status == 1
    assert command._look(wish(), seen) == (None, seen)
    lock = replace(wish(), paths=("net.lock",))
    (here / "net.lock").write_text('{"imports": {}, "modelpack-lock": 1}\n')
    status, seen = command._look(lock, None)
    (here / "b" / "architecture.yaml").write_text(SOUND)
    assert command._look(lock, seen)[0] is not None


def test_watching_is_led_out_of_its_folder_by_no_pack(here, capsys):
    (here / "net.yaml").write_text(IMPORTING.format(name="net", pack="packs/outer"))
    for name in ("packs/outer", "secret"):
        (here / name).mkdir(parents=True)
    (here / "packs" / "outer" / "architecture.yaml").write_text(
        IMPORTING.format(name="outer", pack="../secret")
    )
    (here / "packs" / "link").symlink_to("link")
    (here / "secret" / "architecture.yaml").write_text(SOUND)
    _, seen = command._look(wish(), None)
    assert [path for path in seen if "secret" in path] == []
    (here / "packs" / "outer" / "architecture.yaml").write_text(IMPORTING.format(name="outer", pack="link"))
    status, _ = command._look(wish(), seen)
    assert status == 1


def test_watching_goes_on_after_bad_settings(here, capsys):
    (here / "net.yaml").write_text(SOUND)
    settings(here, "[tool.modelpack]\nwrong = 1\n")
    status, seen = command._look(wish(), None)
    assert status == 2
    assert "no setting 'wrong'" in capsys.readouterr().err
    assert command._look(wish(), seen) == (None, seen)
    assert capsys.readouterr().err == ""
    settings(here, "[tool.modelpack]\n")
    assert command._look(wish(), seen)[0] == 0


def test_a_misuse_says_so(here):
    with pytest.raises(MisuseError, match="nothing fits"):
        find_targets(["*.yaml"])
