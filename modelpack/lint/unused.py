"""What is written and used by nothing: blocks, arguments, imports, inputs."""

from __future__ import annotations

from collections.abc import Iterator

from modelpack.architecture import Apply, Block, ByMode, Inputs, InputSpec, Node, Take, Use
from modelpack.dims import Expr, symbols
from modelpack.errors import Problem
from modelpack.findings import Severity
from modelpack.layers.kinds import Literal
from modelpack.lint.graph import Graph
from modelpack.lint.rule import Rule
from modelpack.lint.subject import Subject

__all__ = ["RULES"]


def unused_block(subject: Subject) -> Iterator[Problem]:
    """No layer uses the block. A name that was misspelt, or something left over: what nobody uses nobody checks, since a
    block is checked where it is used. *Way out:* use it, or remove it.

    ```yaml bad
    modelpack: 1
    name: net
    inputs:
      x: {dtype: float32, shape: [batch, 8]}
    blocks:
      Head:
        inputs: {x: {}}
        layers:
          fc: {Linear: {in_features: 8, out_features: 2}}
    layers:
      fc: {Linear: {in_features: 8, out_features: 2}}
    ```

    ```yaml good
    modelpack: 1
    name: net
    inputs:
      x: {dtype: float32, shape: [batch, 8]}
    blocks:
      Head:
        inputs: {x: {}}
        layers:
          fc: {Linear: {in_features: 8, out_features: 2}}
    layers:
      head: {use: Head}
    ```
    """
    blocks = subject.network.architecture.blocks
    bodies = (subject.network.architecture.main, *blocks.values())
    used = {node.action.block for body in bodies for node in body.nodes if isinstance(node.action, Use)}
    for name, block in blocks.items():
        if name not in used:
            yield subject.problem(
                "MP801", "no layer uses this block", block.places.get("name"), f"blocks.{name}"
            )


def unused_argument(subject: Subject) -> Iterator[Problem]:
    """A block declares an argument that nothing in it depends on. Whoever gives it a value believes that this changes
    something. *Way out:* write `$name` where the value belongs, or remove the argument here and where the block is used.

    ```yaml bad
    modelpack: 1
    name: net
    inputs:
      x: {dtype: float32, shape: [batch, 8]}
    blocks:
      Head:
        arguments: {classes: int}
        inputs: {x: {}}
        layers:
          fc: {Linear: {in_features: 8, out_features: 2}}
    layers:
      head: {use: Head, with: {classes: 5}}
    ```

    ```yaml good
    modelpack: 1
    name: net
    inputs:
      x: {dtype: float32, shape: [batch, 8]}
    blocks:
      Head:
        arguments: {classes: int}
        inputs: {x: {}}
        layers:
          fc: {Linear: {in_features: 8, out_features: $classes}}
    layers:
      head: {use: Head, with: {classes: 5}}
    ```
    """
    for graph in subject.graphs.values():
        if not graph.block.arguments:
            continue
        mentioned = _mentioned(graph.block) | _of_inputs(graph.block)
        for name in graph.block.arguments:
            if f"${name}" not in mentioned:
                at = graph.block.places.get(f"arguments.{name}")
                told = "nothing in the block depends on this argument"
                yield subject.problem("MP802", told, at, graph.path(f"arguments.{name}"))


def unused_import(subject: Subject) -> Iterator[Problem]:
    """No layer takes a part of the import. The pack is opened all the same, has to be there, and is pinned by the lock file.
    *Way out:* take something of it (`use: name`), or remove it.

    ```yaml bad
    modelpack: 1
    name: net
    imports:
      trunk: {pack: trunk}
      other: {pack: trunk}
    inputs:
      x: {dtype: float32, shape: [batch, 8]}
    layers:
      trunk: {use: trunk}
    ```

    ```yaml good
    modelpack: 1
    name: net
    imports:
      trunk: {pack: trunk}
    inputs:
      x: {dtype: float32, shape: [batch, 8]}
    layers:
      trunk: {use: trunk}
    ```
    """
    written = subject.text
    bodies = (written.main, *written.blocks.values())
    taken = {node.action.source for body in bodies for node in body.nodes if isinstance(node.action, Take)}
    for name, each in written.imports.items():
        if name not in taken:
            at = written.main.places.get(f"imports.{name}", each.place)
            yield subject.problem("MP803", "no layer takes a part of this import", at, f"imports.{name}")


def unused_input(subject: Subject) -> Iterator[Problem]:
    """Nothing depends on an input of the network: not on its values, and not on its sizes. Callers pass it in vain, or a
    layer takes another than it should. *Way out:* name it in the `inputs` of the layer that should take it, or remove it.

    ```yaml bad
    modelpack: 1
    name: net
    inputs:
      x: {dtype: float32, shape: [batch, 8]}
      mask: {dtype: float32, shape: [batch, 8]}
    layers:
      fc: {Linear: {in_features: 8, out_features: 2}, inputs: [x]}
    ```

    ```yaml good
    modelpack: 1
    name: net
    inputs:
      x: {dtype: float32, shape: [batch, 8]}
      mask: {dtype: float32, shape: [batch, 8]}
    layers:
      masked: {mul: {}, inputs: [x, mask]}
      fc: {Linear: {in_features: 8, out_features: 2}}
    ```
    """
    yield from _unused_inputs(subject, subject.graphs[""], "MP804")


def unused_input_of_block(subject: Subject) -> Iterator[Problem]:
    """Nothing in a block depends on one of its inputs. Blocks that were captured take what the module's `forward` takes,
    whether it uses it or not; in one written by hand it may be a slip. *Way out:* name it in the `inputs` of a layer, or
    remove it here and where the block is used.

    ```yaml bad
    modelpack: 1
    name: net
    inputs:
      x: {dtype: float32, shape: [batch, 8]}
    blocks:
      Residual:
        inputs: {x: {}, skip: {}}
        layers:
          fc: {Linear: {in_features: 8, out_features: 8}, inputs: [x]}
    layers:
      act: {ReLU: {}}
      block: {use: Residual, inputs: [act, x]}
    ```

    ```yaml good
    modelpack: 1
    name: net
    inputs:
      x: {dtype: float32, shape: [batch, 8]}
    blocks:
      Residual:
        inputs: {x: {}, skip: {}}
        layers:
          fc: {Linear: {in_features: 8, out_features: 8}, inputs: [x]}
          sum: {add: {}, inputs: [fc, skip]}
    layers:
      act: {ReLU: {}}
      block: {use: Residual, inputs: [act, x]}
    ```
    """
    for name, graph in subject.graphs.items():
        if name:
            yield from _unused_inputs(subject, graph, "MP805")


def _unused_inputs(subject: Subject, graph: Graph, code: str) -> Iterator[Problem]:
    unused = [name for name in graph.block.inputs if not graph.users[name]]
    if not unused:
        return
    mentioned = _mentioned(graph.block)
    for name in unused:
        # It may be there for its sizes.
        if not _dimensions(graph.block.inputs[name]) & mentioned:
            at = graph.block.places.get(f"inputs.{name}")
            yield subject.problem(code, "nothing depends on this input", at, graph.path(f"inputs.{name}"))


def _mentioned(block: Block) -> set[str]:
    """The dimensions and arguments on which the layers and tensors of a block depend."""
    found: set[str] = set()
    for node in block.nodes:
        for literal in _literals(node):
            found |= _names(literal)
    for tensor in block.tensors.values():
        found |= _names(tensor.shape)
    return found


def _of_inputs(block: Block) -> set[str]:
    return set[str]().union(*map(_dimensions, block.inputs.values()))


def _dimensions(inputs: Inputs) -> set[str]:
    """The names in the declared shapes."""
    if isinstance(inputs, InputSpec):
        return _names(inputs.shape or ())
    return set[str]().union(*map(_dimensions, inputs if isinstance(inputs, tuple) else inputs.values()))


def _literals(node: Node) -> Iterator[Literal]:
    yield node.repeat
    if isinstance(node.action, Use):
        yield from node.action.arguments.values()
    elif isinstance(node.action, Apply):
        for value in node.action.settings.values():
            yield from (value.train, value.eval) if isinstance(value, ByMode) else (value,)


def _names(value: Literal) -> set[str]:
    if isinstance(value, Expr):
        return set(symbols(value))
    return set[str]().union(*map(_names, value)) if isinstance(value, tuple) else set()


RULES = (
    Rule("MP801", Severity.WARNING, unused_block),
    Rule("MP802", Severity.WARNING, unused_argument),
    Rule("MP803", Severity.WARNING, unused_import),
    Rule("MP804", Severity.WARNING, unused_input),
    Rule("MP805", Severity.NOTE, unused_input_of_block),
)
