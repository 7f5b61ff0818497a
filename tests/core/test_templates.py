"""Folding: the same network in fewer lines."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from modelpack.architecture import Apply, Architecture, Block, InputSpec, Node, Use
from modelpack.canonical import canonical
from modelpack.checker import check
from modelpack.dims import symbol
from modelpack.dtypes import DType
from modelpack.layers import BUILTIN
from modelpack.network import Again, Child, Leaf, walk
from modelpack.templates import fold
from tests.strategies import networks


def laid_open(architecture: Architecture) -> tuple[object, ...]:
    """Everything that the network is, without the words in which it's said."""
    network = check(architecture)
    steps = [(name, _does(step.does), step.inputs, step.outputs) for name, step in walk(network.main)]
    told = architecture.dtype, architecture.modes, network.inputs, network.outputs, network.main.wiring
    return (*told, repr(steps), list(network.tensors.items()), network.tied)


def _does(does: Leaf | Child | Again) -> tuple[object, ...]:
    match does:
        case Leaf():
            return does.train, does.eval, does.symbolic, does.tensors
        case Child(body, passed):
            return passed, body.dims, body.raw, body.wiring, body.tied
        case Again(target, of):
            return target, *_does(of)


def folded(text: str) -> str:
    """The canonical text of what `text` describes, folded; that it means the same is made sure of."""
    return _folded(Architecture.from_yaml(text)).to_yaml()


def _folded(architecture: Architecture) -> Architecture:
    found = fold(architecture)
    assert laid_open(found) == laid_open(architecture)
    assert Architecture.from_yaml(found.to_yaml()) == found
    assert fold(found).to_yaml() == found.to_yaml()
    return found


# ------------------------------------------------------------------------------------------------ any network


@given(networks())
def test_a_network_twice_is_a_template_used_twice(architecture):
    block = Block(architecture.main.inputs, architecture.main.nodes, architecture.main.outputs)
    uses = (Node("a", Use("Net", {}), ("x",)), Node("b", Use("Net2", {}), ("x",)))
    main = Block(architecture.main.inputs, uses, ("a", "b"))
    twice = canonical(Architecture("twice", main, {"Net": block, "Net2": block}))
    assert list(_folded(twice).blocks) == ["Net"]


def _body(kind: int, width: int, out: int, p: float) -> Block:
    """One of three blocks on `width` features."""
    fc = Node("fc", Apply(BUILTIN["Linear"], {"in_features": width, "out_features": out}), ("x",))
    drop = Node("drop", Apply(BUILTIN["Dropout"], {"p": p} if p != 0.5 else {}), ("fc",))
    back = Node("back", Apply(BUILTIN["Linear"], {"in_features": out, "out_features": width}), ("drop",))
    add = Node("add", Apply(BUILTIN["add"], {}), ("back", "x"))
    both = None if kind < 2 else ("add", "fc")
    nodes = (fc, drop, back) if kind == 0 else (fc, drop, back, add)
    return Block({"x": InputSpec(None, (symbol("batch"), width) if kind else None)}, nodes, both)


@st.composite
def chains(draw: st.DrawFn) -> Architecture:
    """Blocks upon blocks, a definition for each: stages of residual blocks, some of which are alike."""
    width = draw(st.sampled_from([2, 4, 8]))
    blocks: dict[str, Block] = {}
    nodes: list[Node] = []
    before = "x"
    for stage in range(draw(st.integers(1, 3))):
        for at in range(draw(st.integers(1, 4))):
            kind = draw(st.integers(0, 2))
            body = _body(
                kind, width, draw(st.sampled_from([width, 2 * width, 3])), draw(st.sampled_from([0.1, 0.5]))
            )
            same = [name for name, block in blocks.items() if block == body]
            name = same[0] if same else f"Block{len(blocks) + 1}".removesuffix("1" if not blocks else "")
            blocks[name] = body
            nodes.append(Node(f"stage{stage}.{at}", Use(name, {}), (before,)))
            before = nodes[-1].name + (".0" if kind == 2 else "")
        if draw(st.booleans()):
            widen = {"in_features": width, "out_features": width + 2}
            nodes.append(Node(f"widen{stage}", Apply(BUILTIN["Linear"], widen), (before,)))
            before, width = nodes[-1].name, width + 2
    first = int(nodes[0].action.settings["in_features"]) if isinstance(nodes[0].action, Apply) else None
    first = first or next(iter(blocks.values())).nodes[0].action.settings["in_features"]
    middle = nodes[len(nodes) // 2]
    seen = middle.name + (
        ".0" if isinstance(middle.action, Use) and blocks[middle.action.block].outputs else ""
    )
    main = Block({"x": InputSpec(DType.FLOAT32, (symbol("batch"), first))}, tuple(nodes), (before, seen))
    return canonical(Architecture("chain", main, blocks))


@given(chains())
def test_chains_of_blocks_mean_the_same_when_folded(architecture):
    _folded(architecture)


# ------------------------------------------------------------------------------------------------ what comes out

HEAD = "modelpack: 1\nname: case\ninputs:\n  x: {dtype: float32, shape: [batch, 8]}\n"


def _mlp(name: str, width: int, hidden: int, p: float = 0.5) -> str:
    return f"""\
  {name}:
    inputs: {{x: {{}}}}
    layers:
      fc1: {{Linear: {{in_features: {width}, out_features: {hidden}}}}}
      act: {{GELU: {{}}}}
      drop: {{Dropout: {{p: {p}}}}}
      fc2: {{Linear: {{in_features: {hidden}, out_features: {width}}}}}
"""


def test_arguments_are_named_by_what_they_feed_and_default_to_what_is_usual():
    text = HEAD + "blocks:\n" + _mlp("Mlp", 8, 16) + _mlp("Mlp2", 8, 24, 0.25)
    text += "layers:\n  a: {use: Mlp}\n  b: {use: Mlp2}\n"
    assert folded(text).splitlines()[4:] == [
        "blocks:",
        "  Mlp:",
        "    arguments: {hidden_features: int, p: {type: float, default: 0.5}}",
        "    inputs:",
        "      x: {}",
        "    layers:",
        "      fc1: {Linear: {in_features: 8, out_features: $hidden_features}}",
        "      act: {GELU: {}}",
        "      drop: {Dropout: {p: $p}}",
        "      fc2: {Linear: {in_features: $hidden_features, out_features: 8}}",
        "layers:",
        "  a: {use: Mlp, with: {hidden_features: 16}}",
        "  b: {use: Mlp, with: {hidden_features: 24, p: 0.25}}",
    ]


def _towers(factors: tuple[int, ...]) -> str:
    """Blocks of growing width whose inner width is a multiple of it."""
    text = HEAD + "blocks:\n"
    layers = "layers:\n"
    for at, factor in enumerate(factors):
        width = 8 + at
        text += _mlp(f"Mlp{at + 1 if at else ''}", width, width * factor)
        layers += f"  mlp{at}: {{use: Mlp{at + 1 if at else ''}}}\n"
        layers += f"  fc{at}: {{Linear: {{in_features: {width}, out_features: {width + 1}}}}}\n"
    return folded(text + layers)


def test_a_multiple_in_three_cases_is_arithmetic_and_in_two_or_not_always_an_argument():
    assert "arguments: {features: int}" in _towers((4, 4, 4))
    assert "arguments: {features: int, hidden_features: int}" in _towers((4, 4))
    assert "arguments: {features: int, hidden_features: int}" in _towers((4, 4, 3))


def test_a_setting_by_mode_is_an_argument_where_the_modes_differ():
    text = HEAD + "blocks:\n"
    for name, p in (("A", "{train: 0.1, eval: 0.0}"), ("A2", "{train: 0.2, eval: 0.0}"), ("A3", "0.0")):
        text += f"  {name}:\n    inputs: {{x: {{}}}}\n    layers:\n      drop: {{dropout: {{p: {p}, train: true}}}}\n"
    text += "layers:\n  a: {use: A}\n  b: {use: A2}\n  c: {use: A3}\n"
    found = folded(text)
    assert "drop: {dropout: {p: {train: $p, eval: 0.0}, train: true}}" in found
    assert "c: {use: A, with: {p: 0.0}}" in found


def test_a_factor_of_a_dimension_is_an_argument():
    text = HEAD + "blocks:\n"
    for name, windows in (("Part", 4), ("Part2", 2), ("Part3", 1)):
        size = "batch" if windows == 1 else f"'{windows} * batch'"
        shape = f"[{size}, {8 // windows}]"
        text += f"  {name}:\n    inputs: {{x: {{shape: [batch, 8]}}}}\n    layers:\n"
        text += f"      reshape: {{reshape: {{shape: {shape}}}}}\n"
    text += "layers:\n"
    text += "".join(f"  {name}: {{use: {name}, inputs: [x]}}\n" for name in ("Part", "Part2", "Part3"))
    found = folded(text)
    assert "reshape: {reshape: {shape: [$factor*batch, $shape]}}" in found
    assert "Part2: {use: Part, with: {factor: 2, shape: 4}, inputs: [x]}" in found


def test_blocks_of_other_structure_or_class_stay_apart():
    text = (
        HEAD
        + "blocks:\n"
        + _mlp("Mlp", 8, 16)
        + _mlp("Other", 8, 24)
        + _mlp("Mlp2", 8, 32).replace("GELU", "ReLU")
    )
    text += "layers:\n  a: {use: Mlp}\n  b: {use: Other}\n  c: {use: Mlp2}\n"
    assert list(Architecture.from_yaml(folded(text)).blocks) == ["Mlp", "Other", "Mlp2"]


def test_a_chain_is_repeated_and_its_last_copy_is_its_name():
    text = HEAD + "blocks:\n" + _mlp("Mlp", 8, 16) + "layers:\n"
    text += "  h.0: {use: Mlp}\n  h.1: {use: Mlp}\n  h.2: {use: Mlp}\n  sum: {add: {}, inputs: [h.2, h.0]}\n"
    assert folded(text).splitlines()[-2:] == [
        "  h: {use: Mlp, repeat: 3}",
        "  sum: {add: {}, inputs: [h, h.0]}",
    ]


def test_what_each_copy_takes_beside_the_chain_must_be_the_same():
    block = """\
  Add:
    inputs: {x: {}, y: {}}
    layers:
      sum: {add: {}, inputs: [x, y]}
    outputs: OUT
"""
    text = HEAD + "blocks:\n" + block + "layers:\n  r: {ReLU: {}}\n"
    same = "  h.0: {use: Add, inputs: [r, x]}\n  h.1: {use: Add, inputs: [h.0AT, x]}\n  h.2: {use: Add, inputs: [h.1AT, x]}\n"
    for out, at in (("sum", ""), ("[sum]", ".0")):
        found = folded((text + same).replace("OUT", out).replace("AT", at))
        assert "h: {use: Add, repeat: 3, inputs: [r, x]}" in found
    other = same.replace("[h.1AT, x]", "[h.1AT, r]")
    found = folded((text + other).replace("OUT", "sum").replace("AT", ""))
    assert found.splitlines()[-2:] == [
        "  h: {use: Add, repeat: 2, inputs: [r, x]}",
        "  h.2: {use: Add, inputs: [h, r]}",
    ]


def test_a_run_may_begin_later_and_end_before_others():
    text = HEAD + "blocks:\n" + _mlp("Mlp", 8, 16) + _mlp("Mlp2", 8, 24) + "layers:\n"
    text += "  h.0: {use: Mlp2}\n  h.1: {use: Mlp}\n  h.2: {use: Mlp}\n  h.3: {use: Mlp2}\n"
    text += "  again: {call: h.2}\n  sum: {add: {}, inputs: [h.1, h.2]}\n"
    assert folded(text).splitlines()[-5:] == [
        "  h.0: {use: Mlp, with: {hidden_features: 24}}",
        "  h: {use: Mlp, with: {hidden_features: 16}, repeat: 2, from: 1}",
        "  h.3: {use: Mlp, with: {hidden_features: 24}}",
        "  again: {call: h.2}",
        "  sum: {add: {}, inputs: [h.1, h]}",
    ]


def test_a_run_stays_open_where_its_name_has_other_layers():
    text = HEAD + "blocks:\n" + _mlp("Mlp", 8, 16) + "layers:\n"
    text += "  h.0: {use: Mlp}\n  h.1: {use: Mlp}\n  h.norm: {LayerNorm: {normalized_shape: 8}}\n"
    assert "repeat" not in folded(text)
