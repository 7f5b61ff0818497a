"""Registry -> spec/layers.md: what each layer type does, its settings, tensors, shapes and worked examples; and its index."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator
from types import ModuleType

from modelpack.architecture import Apply, Architecture, Block, InputSpec, Node, RawTensor, Structure
from modelpack.canonical import canonical
from modelpack.layers.base import MANY, PARAMETER_DTYPE, Example, LayerType, Outputs, Setting
from modelpack.layers.kinds import Literal, show
from modelpack.layers.stateful import Assign
from modelpack.node_reader import same
from modelpack.tensors import TensorSpec
from modelpack.writer import write

__all__ = ["default_text", "example_architecture", "index_text", "layer_reference", "signature"]

_HEAD = """\
# Layer types and operations

Generated from the registry by `make generate`; edit the declarations in `modelpack/layers/` instead.

The name of a type is the key of a layer, its settings stand below it. Types that begin with a capital may have parameters and
become modules; lower-case ones are operations. A meaning never changes once released: a new one is a new type, or a new setting
whose default is the old meaning. Settings also take arguments of a block (`$channels`) and, where training and evaluation differ,
`{train: …, eval: …}`. What each becomes in which framework, [backends.md](backends.md) says. The examples are run by the tests.
"""

_INDEX_HEAD = '''\
"""Family -> the types that it declares. Made from the families by `make generate`."""

from __future__ import annotations

__all__ = ["MEMBERS"]

# fmt: off
MEMBERS = {'''


def example_architecture(kind: LayerType, example: Example) -> Architecture:
    """A network of one layer of this type, as its example says."""
    given = [
        (name, spec) for name, spec in zip(_input_names(kind, example), example.inputs, strict=True) if spec
    ]
    names = iter([name for name, _ in given])
    order: Structure = tuple(None if spec is None else next(names) for spec in example.inputs)
    own = given[:1] if kind is Assign.type else []
    inputs = {name: InputSpec(spec.dtype, spec.shape) for name, spec in given[len(own) :]}
    tensors = {name: RawTensor(spec.shape, spec.dtype, is_parameter=False) for name, spec in own}
    node = Node("layer", Apply(kind, _settings(kind, example)), inputs=order)
    return canonical(Architecture("example", Block(inputs, (node,), tensors=tensors)))


def layer_reference(families: Iterable[ModuleType], types: Iterable[LayerType]) -> str:
    """The page, family by family in the given order, each type once."""
    types = list(types)
    lines = [_HEAD]
    for family in families:
        members = [kind for kind in types if kind.cls.__module__ == family.__name__]
        title = family.__name__.rpartition(".")[2].replace("_", " ").capitalize()
        lines += [f"## {title}", "", (family.__doc__ or "").strip(), ""]
        for kind in members:
            lines += [*_entry(kind), ""]
    return "\n".join(lines).rstrip() + "\n"


def _entry(kind: LayerType) -> Iterator[str]:
    yield f"### `{kind.name}`"
    yield ""
    yield signature(kind)
    yield ""
    yield from kind.doc.replace("``", "`").splitlines()
    yield ""
    yield f"Source: <{kind.source}>"
    yield ""
    if kind.settings:
        yield "| setting | is | default | meaning |"
        yield "|---|---|---|---|"
        yield from map(_setting_row, kind.settings.values())
        yield ""
    for at, example in enumerate(kind.examples):
        yield from _example(kind, example, whole=at == 0)


def index_text(kinds: Iterable[LayerType]) -> str:
    """The module `modelpack.layers.index`: which family declares which types."""
    families: dict[str, list[str]] = {}
    for kind in kinds:
        families.setdefault(kind.cls.__module__.rpartition(".")[2], []).append(kind.name)
    lines = [_INDEX_HEAD]
    for family, names in families.items():
        lines.append(f'    "{family}":')
        lines += [f'        "{line} "' for line in textwrap.wrap(" ".join(names), 90)]
        lines[-1] += ","
    return "\n".join([*lines, "}", ""])


def signature(kind: LayerType) -> str:
    """What it takes and gives, in Markdown; a port that may be left out in brackets, one for any number with a star."""
    ports = [
        f"*{port.name}" if port.variadic else port.name if port.required else f"[{port.name}]"
        for port in kind.ports
    ]
    many = ["a list of tensors"] if kind.outputs == MANY else [f"`{name}`" for name in kind.outputs]
    takes = f"takes `{', '.join(ports)}`" if ports else "takes nothing"
    return f"{takes}; gives {', '.join(many) or 'one tensor'}"


def default_text(setting: Setting) -> str:
    """What a setting is where it isn't given, in Markdown."""
    if setting.required:
        return "must be given"
    return "the architecture's" if setting.default is PARAMETER_DTYPE else f"`{show(setting.default)}`"


def _setting_row(setting: Setting) -> str:
    cells = (f"`{setting.name}`", setting.kind.describe(), default_text(setting), setting.doc)
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _example(kind: LayerType, example: Example, *, whole: bool) -> Iterator[str]:
    architecture = example_architecture(kind, example)
    layer = kind.instance(_settings(kind, example))
    outputs = kind.infer(layer, example.inputs)
    text = write(architecture)
    yield "```yaml"
    yield from (line.removeprefix("  ") for line in text.partition("\nlayers:\n")[2].rstrip().splitlines())
    yield "```"
    yield f"{_inputs(example)} → {_outputs(kind, outputs)}"
    yield ""
    tensors = layer.tensors() if whole else ()
    if tensors:
        yield "| tensor | is | dtype | shape here | first values |"
        yield "|---|---|---|---|---|"
        for tensor in tensors:
            role = (
                "parameter" if tensor.is_parameter else "buffer" if tensor.persistent else "buffer, not saved"
            )
            arguments = ", ".join(
                f"{name}={value:.4g}" if isinstance(value, float) else f"{name}={value}"
                for name, value in tensor.init.arguments.items()
            )
            init = f"{tensor.init.name}({arguments})" if arguments else tensor.init.name
            yield f"| `{tensor.name}` | {role} | {tensor.dtype} | {list(tensor.shape)} | {init} |"
        yield ""


def _settings(kind: LayerType, example: Example) -> dict[str, Literal]:
    read = {name: kind.settings[name].kind.read(value) for name, value in example.settings.items()}
    return {name: value for name, value in read.items() if not same(value, kind.settings[name].default)}


def _input_names(kind: LayerType, example: Example) -> list[str]:
    names: list[str] = []
    for port in kind.ports:
        many = len(example.inputs) - len(names)
        names += [f"{port.name}{at}" for at in range(many)] if port.variadic else [port.name]
    return names[: len(example.inputs)]


def _inputs(example: Example) -> str:
    return ", ".join("nothing" if spec is None else f"`{spec}`" for spec in example.inputs) or "nothing"


def _outputs(kind: LayerType, outputs: Outputs) -> str:
    if isinstance(outputs, TensorSpec):
        return f"`{outputs}`"
    if kind.outputs == MANY:
        return f"a list of {', '.join(f'`{spec}`' for spec in outputs)}"
    # Optional ports come last, and are left out where settings turn them off.
    return ", ".join(f"{name} `{spec}`" for name, spec in zip(kind.outputs, outputs, strict=False))
