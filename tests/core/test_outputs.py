"""Reports -> text: what each format prints, to the character, and that nothing a file says breaks it."""

import json
import re
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelpack.errors import CODES, Place, Problem
from modelpack.findings import Finding, Report, Severity
from modelpack.outputs import Format, render
from modelpack.outputs.places import fingerprints

SARIF = json.loads(
    (Path(__file__).parents[1] / "schemas" / "sarif-schema-2.1.0.json").read_text(encoding="utf-8")
)

TYPE = Finding(
    Problem(
        "MP201",
        "unknown layer type 'Rellu'",
        Place(7, 9, "nets/a.yaml"),
        "layers.act",
        "did you mean 'ReLU'?",
    ),
    Severity.ERROR,
    "  act: {Rellu: {}}",
    14,
)
UNUSED = Finding(
    Problem("MP332", "50% of it,\nand more", Place(9, 3, "nets/a.yaml")), Severity.WARNING, "  b: {use: c}", 4
)
WHOLE = Finding(Problem("MP502", "there is no architecture.yaml", path="b.modelpack"), Severity.ERROR)
INSIDE = Finding(
    Problem("MP303", "must be 8", Place(3, 2, "b.modelpack/architecture.yaml")), Severity.NOTE, " x: 9", 3
)
VALIDATOR = jsonschema.validators.validator_for(SARIF)(SARIF)
REPORTS = [
    Report("nets/a.yaml", (TYPE, UNUSED)),
    Report("b.modelpack", (WHOLE, INSIDE)),
    Report("c.yaml", (), "3 steps, 7,946 parameters"),
    Report("d.yaml", (), None, silenced=2),
]

TEXT = """\
nets/a.yaml:7:9: MP201 layers.act: unknown layer type 'Rellu'
    7 |   act: {Rellu: {}}
      |         ^^^^^
    hint: did you mean 'ReLU'?
nets/a.yaml:9:3: MP332 warning: 50% of it,\\nand more
    9 |   b: {use: c}
      |   ^
b.modelpack: MP502 there is no architecture.yaml
b.modelpack/architecture.yaml:3:2: MP303 note: must be 8
    3 |  x: 9
      |  ^
"""


def test_text():
    assert render(REPORTS, Format.TEXT) == TEXT + (
        "c.yaml: sound (3 steps, 7,946 parameters)\n"
        "d.yaml: nothing new (2 problems silenced)\n"
        "2 errors, 1 warning, 1 note in 4 files\n"
    )


def test_text_when_quiet_is_nothing_but_problems():
    assert render(REPORTS, Format.TEXT, quiet=True) == TEXT
    assert render(REPORTS[2:], Format.TEXT, quiet=True) == ""


@pytest.mark.parametrize(
    ("path", "line"),
    [
        ("manifest.json", "a/net.modelpack: MP841 manifest.json: wrong\n"),
        ("", "a/net.modelpack: MP841 wrong\n"),
        ("net.modelpack", "a/net.modelpack: MP841 wrong\n"),
        ("a/net.modelpack", "a/net.modelpack: MP841 wrong\n"),
    ],
)
def test_what_has_no_line_names_the_file_once(path, line):
    problem = Problem("MP841", "wrong", path=path)
    report = Report("a/net.modelpack", (Finding(problem, Severity.ERROR),))
    assert render([report], Format.TEXT, quiet=True) == line


def test_what_is_sound_needs_no_sum():
    assert render(REPORTS[2:3], Format.TEXT) == "c.yaml: sound (3 steps, 7,946 parameters)\n"


def test_what_is_sound_is_said_to_be_beside_advice():
    advised = Report("nets/a.yaml", (UNUSED,), "3 steps, 7,946 parameters")
    last = render([advised], Format.TEXT).splitlines()[-2:]
    assert last == ["nets/a.yaml: sound (3 steps, 7,946 parameters)", "0 errors, 1 warning in 1 file"]
    as_error = Report("nets/a.yaml", (TYPE,), "3 steps, 7,946 parameters")
    assert "sound" not in render([as_error], Format.TEXT)


def test_colour_is_only_added():
    coloured = render(REPORTS, Format.TEXT, colour=True)
    assert "\x1b[31m\x1b[1mMP201\x1b[0m" in coloured
    assert re.sub("\x1b\\[[0-9]+m", "", coloured) == render(REPORTS, Format.TEXT)


@pytest.mark.parametrize(
    ("line", "column", "end", "shown", "mark"),
    [
        ("a: 日本", 4, 6, "a: 日本", "   ^^^^"),
        ("日: b", 4, 5, "日: b", "    ^"),
        ("e\N{COMBINING ACUTE ACCENT}: b", 5, 6, "e\N{COMBINING ACUTE ACCENT}: b", "   ^"),
        ("\ta: b", 5, 6, " a: b", "    ^"),
        ("a\x1b: b", 5, 6, "a\\x1b: b", "       ^"),
        ("a:", 3, 3, "a:", "  ^"),
        ("", 1, None, "", "^"),
        ("x" * 100 + "y" * 100, 101, 201, "…" + "x" * 60 + "y" * 60 + "…", " " * 61 + "^" * 60),
    ],
)
def test_the_mark_stands_under_what_is_meant(line, column, end, shown, mark):
    finding = Finding(Problem("MP201", "m", Place(1, column, "a")), Severity.ERROR, line, end)
    excerpt = render([Report("a", (finding,))], Format.TEXT, quiet=True).split("\n")[1:3]
    assert excerpt == [f"    1 | {shown}", f"      | {mark}"]


def test_json():
    first, second, third, fourth = json.loads(render(REPORTS, Format.JSON))
    assert first["path"] == "nets/a.yaml"
    assert [each["sound"] for each in (first, second, third, fourth)] == [False, False, True, False]
    assert first["problems"][0] == {
        "code": "MP201",
        "message": "unknown layer type 'Rellu'",
        "place": {"line": 7, "column": 9, "file": "nets/a.yaml"},
        "path": "layers.act",
        "hint": "did you mean 'ReLU'?",
        "severity": "error",
        "end_column": 14,
    }
    assert third == {"path": "c.yaml", "sound": True, "problems": []}


SAID = Problem(
    "MP732", "RuntimeError: no\n  ::add-mask::b\r\n\x1b[1m##[group]", None, "samples", "try\n::stop::"
)
"""As a framework may say it, in several lines."""


def test_what_a_framework_says_keeps_its_lines_in_text_which_are_no_commands():
    told = render([Report("a.modelpack", (Finding(SAID, Severity.ERROR),))], Format.TEXT, quiet=True)
    assert told == (
        "a.modelpack: MP732 samples: RuntimeError: no\n  \\::add-mask::b\\r\n\\x1b[1m##[group]\n"
        "    hint: try\n\\::stop::\n"
    )
    assert str(SAID) == (
        "MP732 samples: RuntimeError: no\n  \\::add-mask::b\\r\n\\x1b[1m##[group]\n    hint: try\n\\::stop::"
    )
    ending = replace(SAID, message="no\n##[add-mask]b", hint=None)
    assert str(ending) == "MP732 samples: no\n\\##[add-mask]b"


def test_what_a_framework_says_is_one_thing_in_all_other_forms():
    reports = [Report("a.modelpack", (Finding(SAID, Severity.ERROR), Finding(SAID, Severity.NOTE)))]
    words = "samples: RuntimeError: no\n  \\::add-mask::b\\r\n\\x1b[1m##[group]\nhint: try\n\\::stop::"
    (document,) = json.loads(render(reports, Format.JSON))
    assert [each["message"] for each in document["problems"]] == [SAID.message] * 2
    (run,) = json.loads(render(reports, Format.SARIF))["runs"]
    assert [each["message"]["text"] for each in run["results"]] == [words] * 2
    assert [each["description"] for each in json.loads(render(reports, Format.GITLAB))] == [words] * 2
    escaped = words.replace("\n", "%0A")
    assert render(reports, Format.GITHUB) == "".join(
        f"::{kind} file=a.modelpack,title=modelpack MP732::{escaped}\n" for kind in ("error", "notice")
    )
    failed, noted = ElementTree.fromstring(render(reports, Format.JUNIT)).iter("testcase")
    assert failed.find("failure").get("message") == "samples: RuntimeError: no"
    assert failed.find("failure").text == str(SAID)
    assert noted.find("system-out").text == words


def test_json_says_sound_where_there_is_no_error():
    """A network may be sound in a pack whose digests don't hold."""
    reports = [Report("a", (each,), "3 steps") for each in (UNUSED, INSIDE, TYPE)]
    assert [each["sound"] for each in json.loads(render(reports, Format.JSON))] == [True, True, False]


def test_github():
    assert render(REPORTS, Format.GITHUB) == (
        "::error file=nets/a.yaml,line=7,col=9,endColumn=14,title=modelpack MP201"
        "::layers.act: unknown layer type 'Rellu'%0Ahint: did you mean 'ReLU'?\n"
        "::warning file=nets/a.yaml,line=9,col=3,endColumn=4,title=modelpack MP332::50%25 of it,\\nand more\n"
        "::error file=b.modelpack,title=modelpack MP502::b.modelpack: there is no architecture.yaml\n"
        "::notice file=b.modelpack,title=modelpack MP303::must be 8\n"
    )


def test_github_properties_are_escaped():
    report = Report("a,b:c%.yaml", (Finding(Problem("MP501", "m"), Severity.ERROR),))
    assert render([report], Format.GITHUB) == "::error file=a%2Cb%3Ac%25.yaml,title=modelpack MP501::m\n"


def test_gitlab():
    first, second, third, fourth = json.loads(render(REPORTS, Format.GITLAB))
    assert first == {
        "description": "layers.act: unknown layer type 'Rellu'\nhint: did you mean 'ReLU'?",
        "check_name": "MP201",
        "fingerprint": first["fingerprint"],
        "severity": "major",
        "location": {"path": "nets/a.yaml", "lines": {"begin": 7}},
    }
    assert [each["severity"] for each in (second, third, fourth)] == ["minor", "major", "info"]
    assert third["location"] == {"path": "b.modelpack", "lines": {"begin": 1}}


def test_junit():
    assert render(REPORTS[:1] + REPORTS[2:3], Format.JUNIT) == (
        '<?xml version="1.0" encoding="utf-8"?>\n'
        '<testsuites name="modelpack" tests="3" failures="2" errors="0" time="0">\n'
        '  <testsuite name="nets/a.yaml" tests="2" failures="2" errors="0" time="0">\n'
        '    <testcase name="MP201 7:9" classname="nets/a.yaml" time="0">\n'
        '      <failure type="error" message="layers.act: unknown layer type \'Rellu\'">'
        "nets/a.yaml:7:9: MP201 layers.act: unknown layer type 'Rellu'\n"
        "    hint: did you mean 'ReLU'?</failure>\n"
        "    </testcase>\n"
        '    <testcase name="MP332 9:3" classname="nets/a.yaml" time="0">\n'
        '      <failure type="warning" message="50% of it,\\nand more">'
        "nets/a.yaml:9:3: MP332 50% of it,\\nand more</failure>\n"
        "    </testcase>\n"
        "  </testsuite>\n"
        '  <testsuite name="c.yaml" tests="1" failures="0" errors="0" time="0">\n'
        '    <testcase name="modelpack" classname="c.yaml" time="0" />\n'
        "  </testsuite>\n"
        "</testsuites>\n"
    )


def test_a_note_is_a_test_that_passes():
    suite = ElementTree.fromstring(render(REPORTS[1:2], Format.JUNIT))[0]
    assert suite.attrib["failures"] == "1"
    assert suite[1].findtext("system-out") == "must be 8"


def test_sarif():
    log = json.loads(render(REPORTS, Format.SARIF))
    VALIDATOR.validate(log)
    (run,) = log["runs"]
    assert [rule["id"] for rule in run["tool"]["driver"]["rules"]] == ["MP201", "MP303", "MP332", "MP502"]
    first, second, third, fourth = run["results"]
    assert first["locations"] == [
        {
            "physicalLocation": {
                "artifactLocation": {"uri": "nets/a.yaml"},
                "region": {"startLine": 7, "startColumn": 9, "endColumn": 14},
            }
        }
    ]
    assert (first["ruleId"], first["ruleIndex"], first["level"]) == ("MP201", 0, "error")
    assert [each["level"] for each in (second, third, fourth)] == ["warning", "error", "note"]
    # What lies inside of a pack that is one file can't be opened.
    assert fourth["locations"] == [{"physicalLocation": {"artifactLocation": {"uri": "b.modelpack"}}}]


@pytest.mark.parametrize(
    ("path", "uri"),
    [
        ("a b/ü#.yaml", "a%20b/%C3%BC%23.yaml"),
        ("./x/../net.yaml", "net.yaml"),
        ("/abs/net.yaml", "file:///abs/net.yaml"),
        ("https://host/a b.modelpack", "https://host/a%20b.modelpack"),
    ],
)
def test_paths_are_uris_in_sarif(path, uri):
    report = Report(path, (Finding(Problem("MP501", "m"), Severity.ERROR),))
    (result,) = json.loads(render([report], Format.SARIF))["runs"][0]["results"]
    assert result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] == uri


def test_fingerprints_stay_when_lines_move_and_differ_where_findings_do():
    def moved(finding, by):
        place = finding.problem.place
        problem = Problem("MP201", "m", Place(place.line + by, place.column, place.file), "layers.act")
        return Finding(problem, finding.severity, finding.line, finding.end_column)

    there = fingerprints(Report("a", (moved(TYPE, 0), moved(TYPE, 1))))
    assert there == fingerprints(Report("a", (moved(TYPE, 5), moved(TYPE, 7))))
    assert len(set(there)) == 2
    assert set(there).isdisjoint(fingerprints(Report("b", (moved(TYPE, 0), moved(TYPE, 1)))))


# ------------------------------------------------------------------- whatever a file says

ANY = st.text(st.characters(exclude_categories=()), max_size=30)
PATHS = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0"), min_size=1, max_size=30)
PLACES = st.builds(Place, st.integers(1, 99), st.integers(1, 40), PATHS)
PROBLEMS = st.builds(Problem, st.sampled_from(sorted(CODES)), ANY, PLACES | st.none(), ANY, ANY | st.none())
FINDINGS = st.builds(
    Finding, PROBLEMS, st.sampled_from(Severity), ANY | st.none(), st.integers(1, 60) | st.none()
)
SOME = st.lists(st.builds(Report, PATHS, st.lists(FINDINGS, max_size=3).map(tuple)), max_size=3)


@given(SOME)
def test_nothing_in_a_file_steers_a_terminal_or_a_runner(reports):
    for form in (Format.TEXT, Format.GITHUB):
        printed = render(reports, form)
        assert all(each.isprintable() for each in printed.split("\n"))
    count = sum(len(report.findings) for report in reports)
    assert render(reports, Format.GITHUB).count("\n") == count
    assert all(line.startswith("::") for line in render(reports, Format.GITHUB).splitlines())


@settings(max_examples=50)
@given(SOME)
def test_documents_stay_documents(reports):
    count = sum(len(report.findings) for report in reports)
    assert len(json.loads(render(reports, Format.GITLAB))) == count
    assert sum(len(each["problems"]) for each in json.loads(render(reports, Format.JSON))) == count
    suites = ElementTree.fromstring(render(reports, Format.JUNIT).encode())
    assert len(suites.findall(".//testcase/*")) == count
    log = json.loads(render(reports, Format.SARIF))
    assert len(log["runs"][0]["results"]) == count
    VALIDATOR.validate(log)
