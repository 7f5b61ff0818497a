"""Random settings, networks and documents, drawn from the registry: the shared vocabulary of the property tests.

settings_of(kind)      canonical settings of a layer type, each by its kind
networks()             architectures that check: layer after layer on what came before
documents()            any canonical architecture, with everything that the language has; it need not check
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from hypothesis import strategies as st

from modelpack.architecture import (
    ARGUMENT_KINDS,
    Apply,
    Architecture,
    Argument,
    Block,
    ByMode,
    Call,
    InputSpec,
    Node,
    RawTensor,
    Structure,
    Use,
)
from modelpack.canonical import canonical
from modelpack.comparison import OPERATORS, Comparison
from modelpack.dims import Expr, evaluate, symbol, symbols
from modelpack.dtypes import DType
from modelpack.layers import BUILTIN, LayerType
from modelpack.layers.base import Setting
from modelpack.layers.initial import INITIALISERS, Init
from modelpack.layers.kinds import (
    Axes,
    Boolean,
    Choice,
    DTypeName,
    Either,
    Integer,
    Integers,
    Kind,
    ListOf,
    Literal,
    Nullable,
    Number,
    Scalar,
    Shape,
    Text,
)
from modelpack.layers.rules import FLOATS
from modelpack.tensors import Mismatch, TensorSpec

SMALL = 4
"""How far integers lie above their minimum: networks are run, so they stay small."""

NAMES = st.from_regex(r"[a-z][a-z0-9_]{0,6}", fullmatch=True)


def literals(kind: Kind) -> st.SearchStrategy[Literal]:
    """Canonical literals of a kind, without expressions."""
    return _raw(kind).map(kind.read)


def _raw(kind: Kind) -> st.SearchStrategy[Literal]:
    match kind:
        case Integer(minimum, maximum):
            low = max(minimum, -3)
            return st.integers(low, min(maximum, low + SMALL))
        case Integers(item, length):
            return st.lists(_raw(item), min_size=length or 1, max_size=length or 3).map(tuple)
        case Shape():
            return st.lists(st.integers(1, SMALL), min_size=1, max_size=3).map(tuple)
        case Axes(all_by_default):
            some = st.lists(st.integers(-3, 3), min_size=1, max_size=2, unique=True).map(tuple)
            return st.none() | some if all_by_default else some
        case Boolean():
            return st.booleans()
        case Number(minimum, maximum):
            low = 2.0**-10 if 0 < minimum < 2.0**-10 else max(minimum, -2.0)  # "above 0", not next to it
            return st.floats(low, min(maximum, 2.0), allow_subnormal=False, width=32)
        case Scalar():
            return st.one_of(st.integers(-3, 3), st.floats(-2, 2, width=32), st.booleans())
        case Choice(options):
            return st.sampled_from(options)
        case Text():
            return st.sampled_from(("a", "ij,jk->ik", "no", "1:30", "it's"))
        case DTypeName():
            return st.sampled_from(("float32", "float64", "int64"))
        case Nullable(inner):
            return st.none() | _raw(inner)
        case Either(kinds):
            return st.one_of(*map(_raw, kinds))
        case ListOf(inner, length):
            return st.lists(_raw(inner), min_size=length or 0, max_size=length or 3).map(tuple)
        case _:
            raise TypeError(f"no strategy for settings of kind {kind}: add it to tests/strategies.py")


@st.composite
def settings_of(draw: st.DrawFn, kind: LayerType, first: TensorSpec | None = None) -> dict[str, Literal]:
    """Settings of a type, those equal to their default left out; an example's or each drawn by its kind. Settings that
    equal an axis of the first input do."""
    chosen: dict[str, Literal] = {}
    if kind.examples and draw(st.booleans()):
        example = draw(st.sampled_from(kind.examples))
        chosen = {name: kind.settings[name].kind.read(value) for name, value in example.settings.items()}
    else:
        for name, each in kind.settings.items():
            if each.required or draw(st.booleans()):
                chosen[name] = draw(literals(each.kind))
    for name, each in kind.settings.items():
        fitting = _fitting(each, first)
        if fitting is not None:
            chosen[name] = fitting
    if kind.has_parameter_dtype:
        chosen.pop("dtype", None)
    return {name: value for name, value in chosen.items() if not same(value, kind.settings[name].default)}


def _fitting(each: Setting, first: TensorSpec | None) -> int | None:
    if each.axis is None or first is None or not -first.rank <= each.axis < first.rank:
        return None
    actual = first.shape[each.axis]
    return actual if isinstance(actual, int) and actual > 0 else None


def same(first: object, second: object) -> bool:
    return type(first) is type(second) and first == second


# ------------------------------------------------------------------------------------------------ networks

STARTS = (
    "float32[batch, 6]",
    "float32[batch, 4, 8]",
    "float32[batch, 4, 12, 12]",
    "float32[batch, length, 8]",
    "float32[batch, 2, 8, 8, 8]",
)


SIZES = ({"batch": 12, "length": 24}, {"batch": 24, "length": 36})
"""Sizes at which random networks are run, of many divisors; nodes that can't have them are left out. On free dimensions a rule
has its doubts about quotients, for instance whether `length // 2` are the 6 channels of a layer: at these sizes it has none."""


def runnable(kind: LayerType) -> bool:
    """Types that a random network may use: with tensors in and out, and no numbers that must fit one another by luck."""
    return kind.cls.__module__.startswith("modelpack.") and bool(kind.ports) and kind.name not in UNSUITED


UNSUITED = (
    frozenset({"EmbeddingBag", "Embedding", "embedding", "one_hot", "gather", "scatter"})
    | {"index", "index_put", "index_select", "MaxUnpool1d", "MaxUnpool2d", "MaxUnpool3d"}
    | {"binary_cross_entropy", "bernoulli", "bernoulli_like", "multinomial", "quantile", "nanquantile"}
    | {"normal", "poisson", "standard_gamma", "assign", "empty_like", "new_empty", "diagflat", "diag_embed"}
)
"""Types whose inputs must hold certain values (indices below a bound, probabilities), whose outputs are not determined, or which
square their sizes."""


DIVISIONS = frozenset({"div", "floor_divide", "fmod", "remainder"})


@st.composite
def networks(draw: st.DrawFn, types: tuple[LayerType, ...] | None = None, longest: int = 8) -> Architecture:
    """A network that checks: each node is a type of the registry that takes what some nodes before it give."""
    pool = types or tuple(kind for kind in BUILTIN.values() if runnable(kind))
    start = TensorSpec.parse(draw(st.sampled_from(STARTS)))
    specs: dict[str, TensorSpec] = {"x": start}
    nodes: list[Node] = []
    for at in range(draw(st.integers(1, longest))):
        found = draw(nodes_on(specs, pool, f"n{at}"))
        if found is not None:
            node, outputs = found
            more, outputs = draw(_perhaps_in_one_mode(node, outputs, specs))
            nodes += more
            specs |= outputs
    if not nodes:
        nodes.append(Node("n", Apply(BUILTIN["Identity"], {}), ("x",)))
        specs["n"] = start
    last = [name for name in specs if name.split(".")[0] == nodes[-1].name]
    outputs: Structure = last[0] if len(last) == 1 else tuple(last)
    main = Block({"x": InputSpec(start.dtype, start.shape)}, tuple(nodes), outputs)
    batches = Comparison(symbol("batch"), "<", max(sizes["batch"] for sizes in SIZES) + 1)
    return canonical(Architecture("random", main, requires=draw(st.sampled_from([(), (batches,)]))))


@st.composite
def _perhaps_in_one_mode(
    draw: st.DrawFn, node: Node, outputs: dict[str, TensorSpec], specs: Mapping[str, TensorSpec]
) -> tuple[list[Node], dict[str, TensorSpec]]:
    """`node` as it is, or there in one mode only, where in the other something of the same spec takes its place."""
    alike = [name for name, spec in specs.items() if spec == outputs.get(node.name)]
    if not alike or draw(st.integers(0, 3)):
        return [node], outputs
    mode, other = draw(st.sampled_from([("train", "eval"), ("eval", "train")]))
    either = Apply(BUILTIN["by_mode"], {})
    taken = {mode: node.name, other: draw(st.sampled_from(alike))}
    choice = Node(f"{node.name}_or", either, {"train": taken["train"], "eval": taken["eval"]})
    return [replace(node, when=mode), choice], {choice.name: outputs[node.name]}


@st.composite
def nodes_on(
    draw: st.DrawFn, specs: Mapping[str, TensorSpec], pool: tuple[LayerType, ...], name: str
) -> tuple[Node, dict[str, TensorSpec]] | None:
    """A node on some of `specs` with the specs that it gives, or None where a few tries found none."""
    for _ in range(6):
        kind = draw(st.sampled_from(pool))
        operands = [port.name for port in kind.ports if port.name in kind.settings]
        number = draw(st.sampled_from([None, *operands]))
        names = list(reversed(specs))
        wanted = [port for port in kind.ports if port.required or port.name in operands]
        chosen = {port.name: draw(st.sampled_from(names)) for port in wanted if port.name != number}
        if not chosen:
            continue
        first = specs[next(iter(chosen.values()))]
        settings = {each: v for each, v in draw(settings_of(kind, first)).items() if each not in operands}
        if number is not None:
            settings[number] = draw(literals(kind.settings[number].kind.kind))
        if not set().union(*map(_symbols, settings.values())) <= set().union(
            *map(_symbols, specs["x"].shape)
        ):
            continue  # an example's dimension that this network hasn't
        inputs = tuple(chosen.get(port.name) for port in wanted)
        given = tuple(None if each is None else specs[each] for each in inputs)
        if kind.name in DIVISIONS and number is None and not any(x and x.dtype in FLOATS for x in given):
            continue  # of integers, by some that may be 0
        try:
            outputs = kind.infer(kind.instance(settings), given)
            for sizes in SIZES:
                at = {each: _at(value, sizes) for each, value in settings.items()}
                kind.infer(kind.instance(at), tuple(each and _spec_at(each, sizes) for each in given))
        except (Mismatch, TypeError):
            continue
        named = _named(name, kind, outputs)
        if all(_small(spec) for spec in named.values()):
            return Node(name, Apply(kind, settings), dict(chosen) if None in inputs else inputs), named
    return None


def _symbols(value: Literal) -> frozenset[str]:
    if isinstance(value, tuple):
        return frozenset[str]().union(*map(_symbols, value))
    return symbols(value) if isinstance(value, Expr) else frozenset()


def _at(value: Literal, sizes: Mapping[str, int]) -> Literal:
    if isinstance(value, tuple):
        return tuple(_at(each, sizes) for each in value)
    return evaluate(value, sizes) if isinstance(value, Expr) else value


def _spec_at(spec: TensorSpec, sizes: Mapping[str, int]) -> TensorSpec:
    return spec.with_shape(*(evaluate(dim, sizes) for dim in spec.shape))


def _named(name: str, kind: LayerType, outputs: object) -> dict[str, TensorSpec]:
    if isinstance(outputs, TensorSpec):
        return {name: outputs}
    assert isinstance(outputs, tuple)
    ports = kind.outputs if kind.outputs != ("*",) else tuple(map(str, range(len(outputs))))
    return {f"{name}.{port}": spec for port, spec in zip(ports, outputs, strict=False)}


def _small(spec: TensorSpec) -> bool:
    elements = 1
    for size in spec.shape:
        elements *= size if isinstance(size, int) else 8
    return 0 < elements < 100_000 and spec.rank <= 6


# ----------------------------------------------------------------------------------------------- documents

DIMS = st.one_of(
    st.integers(0, 9),
    st.sampled_from([symbol("batch"), symbol("batch") * 2 + 1, (symbol("h") + 1) // 2, symbol("$n") * 4]),
)
COMPARISONS = st.builds(
    Comparison,
    DIMS.filter(lambda dim: isinstance(dim, Expr)),
    st.sampled_from(sorted(OPERATORS)),
    DIMS,
).filter(lambda each: not each.never_holds())
_INPUTS = st.recursive(
    st.builds(
        InputSpec,
        st.none() | st.sampled_from(DType),
        st.none() | st.lists(DIMS, max_size=3).map(tuple),
    ),
    lambda inner: (
        st.lists(inner, max_size=2).map(tuple)
        | st.dictionaries(
            NAMES.filter(lambda name: name not in ("dtype", "shape")), inner, min_size=1, max_size=2
        )
    ),
    max_leaves=4,
)
_INITS = st.sampled_from(sorted(INITIALISERS)).flatmap(
    lambda name: st.fixed_dictionaries(
        {}, optional={k: literals(v) for k, v in INITIALISERS[name].items()}
    ).map(lambda arguments: Init(name, arguments))
)
_PATHS = st.lists(NAMES | st.integers(0, 20).map(str), min_size=1, max_size=3).map(".".join)
_TENSORS = st.builds(
    RawTensor,
    shape=st.lists(st.integers(1, 9), max_size=3).map(tuple),
    dtype=st.none() | st.sampled_from(DType),
    is_parameter=st.just(True),
    frozen=st.booleans(),
    init=st.none() | _INITS,
) | st.builds(
    RawTensor,
    shape=st.lists(st.integers(1, 9), max_size=3).map(tuple),
    dtype=st.none() | st.sampled_from(DType),
    is_parameter=st.just(False),
    persistent=st.booleans(),
)
_ARGUMENTS = st.sampled_from(sorted(ARGUMENT_KINDS)).flatmap(
    lambda kind: st.builds(Argument, st.just(kind), st.none() | literals(ARGUMENT_KINDS[kind]))
)
_STRUCTURES = st.recursive(
    _PATHS,
    lambda inner: (
        st.lists(st.none() | inner, max_size=3).map(tuple) | st.dictionaries(NAMES, inner, max_size=3)
    ),
    max_leaves=5,
)


@st.composite
def _applications(draw: st.DrawFn) -> Apply:
    kind = draw(st.sampled_from(sorted(BUILTIN.values(), key=lambda each: each.name)))
    settings: dict[str, Literal | ByMode] = dict(draw(settings_of(kind)))
    if settings and draw(st.booleans()):
        name = draw(st.sampled_from(sorted(settings)))
        other = draw(literals(kind.settings[name].kind))
        if not same(other, settings[name]):
            settings[name] = ByMode(settings[name], other)
    return Apply(kind, settings)


@st.composite
def _nodes(draw: st.DrawFn, blocks: Mapping[str, Block]) -> Node:
    name = draw(_PATHS)
    action = draw(
        st.one_of(_applications(), st.builds(Call, _PATHS), _uses(blocks) if blocks else _applications())
    )
    inputs = draw(st.none() | _STRUCTURES.filter(lambda each: isinstance(each, tuple | dict)))
    if isinstance(action, Call):
        return Node(name, action, inputs, when=draw(st.none() | st.sampled_from(("train", "eval"))))
    repeat = draw(st.none() | st.integers(1, 5))
    return Node(
        name,
        action,
        inputs,
        repeat=repeat,
        first=0 if repeat is None else draw(st.integers(0, 3)),
        frozen=draw(st.booleans() | st.lists(_PATHS, max_size=2).map(tuple)),
        init=draw(st.dictionaries(NAMES, _INITS, max_size=2)),
        when=draw(st.none() | st.sampled_from(("train", "eval"))),
    )


@st.composite
def _uses(draw: st.DrawFn, blocks: Mapping[str, Block]) -> Use:
    name = draw(st.sampled_from(sorted(blocks)))
    arguments = blocks[name].arguments
    return Use(
        name,
        {
            each: draw(literals(ARGUMENT_KINDS[told.kind]))
            for each, told in arguments.items()
            if draw(st.booleans())
        },
    )


@st.composite
def _blocks(draw: st.DrawFn, blocks: Mapping[str, Block], *, template: bool) -> Block:
    nodes = draw(st.lists(_nodes(blocks), min_size=1, max_size=4, unique_by=lambda node: node.name))
    tensors = draw(st.dictionaries(_PATHS, _TENSORS, max_size=3))
    ordered = sorted(tensors.items(), key=lambda each: not each[1].is_parameter)
    return Block(
        inputs=draw(st.dictionaries(NAMES, _INPUTS, max_size=3)),
        nodes=tuple(nodes),
        outputs=draw(st.none() | _STRUCTURES),
        arguments=draw(st.dictionaries(NAMES, _ARGUMENTS, max_size=2)) if template else {},
        tensors=dict(ordered),
        tied=draw(st.lists(st.lists(_PATHS, min_size=2, max_size=3).map(tuple), max_size=2).map(tuple)),
    )


@st.composite
def documents(draw: st.DrawFn) -> Architecture:
    """A canonical architecture that uses the whole language."""
    blocks: dict[str, Block] = {}
    for name in draw(st.lists(NAMES, max_size=2, unique=True)):
        blocks[name] = draw(_blocks(dict(blocks), template=True))
    return canonical(
        Architecture(
            name=draw(_PATHS),
            main=draw(_blocks(blocks, template=False)),
            blocks=blocks,
            dtype=draw(st.sampled_from(DType)),
            modes=draw(st.sampled_from([("train", "eval"), ("eval",), ("train",)])),
            requires=tuple(draw(st.lists(COMPARISONS, max_size=3))),
        )
    )
