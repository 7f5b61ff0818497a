"""`modelpack show`: tables with costs, trees, and graphs whose syntax no name can break."""

from __future__ import annotations

import io
import json
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from modelpack.checker import check, check_text
from modelpack.console import print_summary
from modelpack.drawing import Cluster, Edge, Graph, Role, Vertex, dot, graph_of, mermaid, tree_lines
from modelpack.errors import printable
from modelpack.summary import summarize
from tests.commands import app
from tests.strategies import networks

ROOT = Path(__file__).parents[2]
MLP = ROOT / "examples" / "mlp" / "architecture.yaml"
RESNET = ROOT / "examples" / "resnet18" / "architecture.yaml"
SHOWN = Path(__file__).parent / "shown"


def run(*arguments):
    return CliRunner().invoke(app, ["show", *map(str, arguments)])


def same(specs):
    return specs


# ------------------------------------------------------------------------------------------------- tables


def rows(text):
    return [
        [cell.strip() for cell in line.split("│")[1:-1]] for line in text.splitlines() if line.startswith("│")
    ]


def test_at_sizes_the_table_tells_operations_and_activations():
    lines = run(MLP, "--input", "batch=8").stdout
    assert rows(lines) == [
        ["x", "input", "float32[8, 20]", "", "", ""],
        ["hidden", "Linear", "float32[8, 256]", "5,376", "81,920", "8.2 kB"],
        ["act", "ReLU", "float32[8, 256]", "", "2,048", "8.2 kB"],
        ["output", "Linear", "float32[8, 10]", "2,570", "40,960", "320 bytes"],
    ]
    assert lines.splitlines()[-1] == "124,928 FLOPs and 16.7 kB of activations in eval mode at batch 8"


def test_buffers_are_no_parameters():
    (shown,) = (each for each in rows(run(RESNET).stdout) if each[0] == "bn1")
    assert shown[3] == "128"
    (row,) = (each for each in json.loads(run(RESNET, "--json").stdout)["rows"] if each["name"] == "bn1")
    assert (row["parameters"], row["elements"]) == (128, 4 * 64 + 1)


def test_what_gives_dozens_of_tensors_leaves_room_for_the_other_columns():
    gpt2 = ROOT / "examples" / "gpt2" / "architecture.yaml"
    (row,) = (each for each in rows(run(gpt2).stdout) if each[0] == "transformer")
    assert len(row[2]) == 100
    assert row[2].endswith("…")
    (whole,) = (
        each for each in json.loads(run(gpt2, "--json").stdout)["rows"] if each["name"] == "transformer"
    )
    assert "kept_23" in whole["outputs"]


def test_on_a_narrow_terminal_no_name_is_cut(monkeypatch):
    """It goes on in the next line: `features.` and `conv1`."""
    monkeypatch.setattr("sys.stdout", terminal := io.StringIO())
    monkeypatch.setattr(terminal, "isatty", lambda: True, raising=False)
    monkeypatch.setenv("COLUMNS", "50")
    lenet = check_text((ROOT / "examples" / "lenet" / "architecture.yaml").read_text())
    print_summary(summarize(lenet), None)
    told = re.sub(r"\x1b\[[0-9;]*m", "", terminal.getvalue())
    assert max(map(len, told.splitlines()[:-3])) <= 50
    assert "…" not in told
    names = "".join(row[0] for row in rows(told))
    assert "features.conv1features.act1" in names


def test_a_network_says_in_one_line_which_it_is():
    network = check_text(MLP.read_text())
    assert repr(network) == "<Network mlp: steps 3, tensors 4>"


def test_where_no_dimension_is_free_the_costs_are_told_unasked(tmp_path):
    path = tmp_path / "fixed.yaml"
    path.write_text(MLP.read_text().replace("batch", "8"))
    assert run(path).stdout.splitlines()[-1] == "124,928 FLOPs and 16.7 kB of activations in eval mode"


def test_sizes_repeated_or_after_commas_are_the_same():
    several = run(RESNET, "-i", "batch=2", "-i", "height=64", "-i", "width=32", "--json")
    one = run(RESNET, "--input", "batch=2, height=64,width = 32", "--json")
    assert several.stdout == one.stdout
    document = json.loads(one.stdout)
    assert document["sizes"] == {"batch": 2, "height": 64, "width": 32}
    assert document["inputs"] == {"x": "float32[2, 3, 64, 32]"}
    assert document["outputs"] == "float32[2, 1000]"
    for what in ("flops", "activation_bytes"):
        assert sum(row["own"][what] for row in document["rows"]) == document[what] > 0
    block = next(row for row in document["rows"] if row["name"] == "layer1.0")
    inside = [row for row in document["rows"] if row["name"].startswith("layer1.0.")]
    assert block["own"]["flops"] == 0
    assert block["total"]["flops"] == sum(row["own"]["flops"] for row in inside)


def test_the_mode_decides_about_costs(tmp_path):
    path = tmp_path / "net.yaml"
    path.write_text(MLP.read_text().replace("ReLU: {}", "Dropout: {}"))
    evaluated, trained = (
        json.loads(run(path, "--json", "--mode", mode).stdout) for mode in ("eval", "train")
    )
    assert (evaluated["mode"], trained["mode"]) == ("eval", "train")
    assert evaluated["flops"] < trained["flops"]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--input", "batch"), "'batch' isn't a dimension with its size"),
        (("--input", "batch=-1"), "'batch=-1' isn't a dimension with its size"),
        (("--input", "batch=0"), "MP702"),
        (("--input", "bach=2"), "did you mean 'batch'?"),
        (("--json", "--dot"), "one of them"),
    ],
)
def test_what_cannot_be_shown_ends_with_2(arguments, told):
    result = run(MLP, *arguments)
    assert result.exit_code == 2
    assert told in result.stderr
    assert result.stdout == ""


# ------------------------------------------------------------------------------------------- trees, graphs


@pytest.mark.parametrize("form", ["tree", "dot", "mermaid"])
@pytest.mark.parametrize("name", ["mlp", "resnet18"])
def test_it_looks_as_it_did(name, form):
    """What has changed on purpose is written by `modelpack show examples/… --… > tests/core/shown/…`."""
    shown = run(ROOT / "examples" / name / "architecture.yaml", f"--{form}")
    assert shown.stdout == (SHOWN / f"{name}.{form}").read_text(encoding="utf-8")


def test_a_tree_adds_up():
    text = (ROOT / "examples" / "transformer_encoder" / "architecture.yaml").read_text()
    lines = list(tree_lines(check_text(text)))
    assert lines[0].split() == ["transformer_encoder", "4,641,536"]
    assert [line.split() for line in lines[1:6]] == [
        ["├──", "positions", "parameter", "8,192"],
        ["├──", "embedding", "Embedding", "3,840,000"],
        ["├──", "encoder", "793,088"],
        ["│", "└──", "0-3", "4", "x", "Encoder", "4", "x", "198,272"],
        ["│", "├──", "norm1", "LayerNorm", "256"],
    ]
    assert not any("sum1" in line for line in lines), "operations are no modules"


NESTED = """
modelpack: 1
name: nested
inputs:
  x: {dtype: float32, shape: [batch, 4]}
  y: {dtype: float32, shape: [batch, 4]}
blocks:
  Inner:
    inputs: {p: {}}
    layers:
      act: {ReLU: {}}
      pieces: {chunk: {chunks: 2, dim: 1}}
    outputs: {same: p, acted: act, pieces: pieces}
  Outer:
    inputs: {a: {}, b: {}}
    layers:
      inner: {use: Inner, inputs: [a]}
      sum: {add: {}, inputs: [inner.acted, b]}
      again: {call: inner, inputs: [sum]}
    outputs: [again.acted, inner.same, inner.pieces]
layers:
  outer: {use: Outer, inputs: [x, y]}
  piece: {ReLU: {}, inputs: [outer.2.1]}
  end: {add: {}, inputs: [outer.0, outer.1]}
  split: {chunk: {chunks: 2, dim: 1}}
outputs: {halves: split, whole: end}
"""


def vertices(members, within=""):
    """Path -> identifier of each vertex."""
    found = {}
    for each in members:
        if isinstance(each, Vertex):
            found[within + each.lines[0]] = each.id
        else:
            found |= vertices(each.members, f"{within}{each.title.split(':')[0]}/")
    return found


def edges(depth):
    graph = graph_of(check_text(NESTED), depth, same)
    names = {identifier: path for path, identifier in vertices(graph.members).items()}
    return {(names[each.source], names[each.target], each.label) for each in graph.edges}


def test_edges_go_through_the_walls_of_open_blocks():
    end = {("end", "split", ""), ("split", "output.halves", ""), ("end", "output.whole", "")}
    assert edges(0) == end | {
        ("x", "outer", ""),
        ("y", "outer", ""),
        ("outer", "end", "0"),
        ("outer", "end", "1"),
        ("outer", "piece", "2.1"),
    }
    middle = {("y", "outer/sum", ""), ("outer/sum", "outer/again", ""), ("outer/again", "end", "acted")}
    assert edges(1) == end | middle | {
        ("x", "outer/inner", ""),
        ("outer/inner", "outer/sum", "acted"),
        ("outer/inner", "end", "same"),
        ("outer/inner", "piece", "pieces.1"),
    }
    assert edges(2) == end | middle | {
        ("x", "outer/inner/act", ""),
        ("outer/inner/act", "outer/sum", ""),
        ("x", "end", ""),
        ("outer/inner/act", "outer/inner/pieces", ""),
        ("outer/inner/pieces", "piece", "1"),
    }
    assert edges(9) == edges(2)


def test_a_long_chain_of_blocks_that_pass_on_is_followed():
    text = """
modelpack: 1
name: passing
inputs: {x: {dtype: float32, shape: [2]}}
blocks:
  Pass:
    inputs: {p: {}}
    layers: {none: {ReLU: {}}}
    outputs: p
layers:
  pass: {use: Pass, repeat: 700}
"""
    graph = graph_of(check_text(text), 1, same)
    found = vertices(graph.members)
    assert Edge(found["x"], found["output"], "") in graph.edges


@given(networks())
def test_all_that_is_drawn_is_well_formed(architecture):
    network = check(architecture)
    graph = graph_of(network, 1, same)
    named = vertices(graph.members)
    assert {each.name for each in network.main.steps} <= named.keys()
    assert parsed_dot(dot(graph)) == told(graph, "\n")
    assert parsed_mermaid(mermaid(graph)) == told(graph, "\n")


HOSTILE = ['"];', "\\", '\\"', "<br/>", "%%{init: {}}%%", "end", "#quot;", "`*a*`", "]]", "\n};"]
LINES = st.lists(st.text() | st.sampled_from(HOSTILE), min_size=1, max_size=3)


@given(LINES, LINES, st.text(), st.sampled_from(Role))
def test_no_name_breaks_out(first, second, title, role):
    inner = Vertex("n2", role, tuple(second))
    graph = Graph(
        title, (Vertex("n1", role, tuple(first)), Cluster("c3", title, (inner,))), (Edge("n1", "n2", title),)
    )
    assert parsed_dot(dot(graph)) == told(graph, "\n")
    assert parsed_mermaid(mermaid(graph)) == told(graph, "\n")


# ------------------------------------------------------------------------ what the languages' readers make of it


def told(graph, end):
    """Labels of vertices and titles of clusters, nested, and edges: what a reader must find."""

    def members(given):
        return [
            (each.id, end.join(map(printable, each.lines)))
            if isinstance(each, Vertex)
            else (each.id, printable(each.title), members(each.members))
            for each in given
        ]

    return members(graph.members), [(each.source, each.target, printable(each.label)) for each in graph.edges]


TOKENS = re.compile(r'"((?:[^"\\]|\\.)*)"|(->|[A-Za-z_][A-Za-z0-9_]*|[{}\[\];=,])|(\s+)', re.DOTALL)


def tokens_of(text):
    at, found = 0, []
    while at < len(text):
        match = TOKENS.match(text, at)
        assert match, f"no token at {text[at : at + 20]!r}"
        at = match.end()
        if match[1] is not None:
            found.append(("text", re.sub(r"\\(.)", lambda each: {"n": "\n"}.get(each[1], each[1]), match[1])))
        elif match[2] is not None:
            found.append(("mark", match[2]))
    return found


def parsed_dot(text):
    """A reader of the part of Graphviz's grammar that we write: each statement ends with `;` or is a subgraph."""
    tokens = tokens_of(text)
    tokens.reverse()

    def take(*wanted):
        kind, value = tokens.pop()
        assert not wanted or (kind == "mark" and value in wanted), (value, wanted)
        return value

    def attributes():
        found = {}
        while take("[", ",", "]") != "]":
            name = take()
            take("=")
            found[name] = tokens.pop()[1]
        return found

    def statements():
        members, edges = [], []
        while (first := take()) != "}":
            if first == "subgraph":
                identifier = take()
                assert identifier.startswith("cluster_")
                take("{")
                label, inside = statements()[::2]
                members.append((identifier.removeprefix("cluster_"), label, inside))
                continue
            mark = tokens[-1][1]
            if mark == "=":
                take("=")
                value = tokens.pop()[1]
                label = value if first == "label" else None
                members.append(label) if first == "label" else None
            elif mark == "->":
                take("->")
                target = take()
                given = attributes() if tokens[-1][1] == "[" else {}
                edges.append((first, target, given.get("label", "")))
            else:
                members.append((first, attributes()["label"]))
            take(";")
        title = members.pop(0) if members and isinstance(members[0], str) else None
        return title, edges, members

    take("digraph")
    tokens.pop()
    take("{")
    _, edges, members = statements()
    assert not tokens
    return members, edges


VERTEX = re.compile(r'(n[0-9]+)(\(\[|\[\(|\[\[|\[)"([^"]*)"(\]\)|\)\]|\]\]|\])')
SUBGRAPH = re.compile(r'subgraph (c[0-9]+)\["([^"]*)"\]')
ARROW = re.compile(r'(n[0-9]+) -->(?:\|"([^"]*)"\|)? (n[0-9]+)')
PAIRS = {"([": "])", "[(": ")]", "[[": "]]", "[": "]"}


def decoded(text):
    assert not re.search("[`{}%&;|\\\\<>]", re.sub("<br/>|#[0-9]+;", "", text)), (
        "what has a meaning of its own"
    )
    return re.sub("#([0-9]+);", lambda found: chr(int(found[1])), text.replace("<br/>", "\n"))


def parsed_mermaid(text):
    """A reader of the part of Mermaid's flowcharts that we write: a statement to a line."""
    first, *lines = text.rstrip("\n").split("\n")
    assert first == "flowchart TD"
    outer, members, edges = [], [], []
    for line in map(str.strip, lines):
        if match := SUBGRAPH.fullmatch(line):
            outer.append(members)
            members.append((match[1], decoded(match[2]), []))
            members = members[-1][2]
        elif line == "end":
            members = outer.pop()
        elif match := VERTEX.fullmatch(line):
            assert PAIRS[match[2]] == match[4]
            members.append((match[1], decoded(match[3])))
        else:
            match = ARROW.fullmatch(line)
            assert match, line
            edges.append((match[1], match[3], decoded(match[2] or "")))
    assert not outer
    return members, edges
