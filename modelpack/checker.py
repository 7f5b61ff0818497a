"""Architecture -> Network: every name, setting, shape and dtype checked; all problems at once, in order of place.

wiring      once per block: names, references, arguments
inference   from the inputs on, block by block: layers, shapes, dtypes
tensors     names, ties and what is frozen, over the whole
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from modelpack.architecture import Architecture, Block, Inputs, InputSpec, Node, Use
from modelpack.assembly import assemble
from modelpack.budget import DEFAULT_BUDGET, Budget
from modelpack.collector import collector_paused
from modelpack.dims import TooComplex
from modelpack.errors import ArchitectureError, Problem, raise_if_any
from modelpack.inference import Inference
from modelpack.layers import BUILTIN, LayerType
from modelpack.network import Network, Specs
from modelpack.reader import Draft, read_draft
from modelpack.reading import Problems
from modelpack.tensors import Mismatch, TensorSpec
from modelpack.wiring import WiredBlock, input_leaves, wire

__all__ = ["check", "check_draft", "check_text"]


def check(architecture: Architecture, budget: Budget = DEFAULT_BUDGET) -> Network:
    """What `architecture` is, in full. No framework is needed.

    Raises:
        ArchitectureError: with all problems (2xx, 3xx, MP411), in order of place.
    """
    return _checked(architecture, Problems(architecture.file), budget)


def check_text(
    text: str | bytes,
    file: str = "<text>",
    types: Mapping[str, LayerType] = BUILTIN,
    budget: Budget = DEFAULT_BUDGET,
) -> Network:
    """Read and check in one, so that a problem of one layer doesn't hide those of others.

    Raises:
        ArchitectureError: with all problems (1xx to 3xx, MP411), in order of place.
    """
    return check_draft(read_draft(text, file, types), budget)


def check_draft(draft: Draft, budget: Budget = DEFAULT_BUDGET) -> Network:
    """As `check`, of what could be read: its problems are told with those of the network.

    Raises:
        ArchitectureError: with all problems (1xx to 3xx, MP411), in order of place.
    """
    if not draft.sound:
        raise_if_any(draft.problems, ArchitectureError)
    problems = Problems(draft.architecture.file)
    problems.found += draft.problems
    return _checked(draft.architecture, problems, budget)


def _checked(architecture: Architecture, problems: Problems, budget: Budget) -> Network:
    with collector_paused():
        network = _network(architecture, problems, budget)
    raise_if_any(_once(problems), ArchitectureError)
    if network is None:
        raise AssertionError("a network without problems is checked")
    return network


def _network(architecture: Architecture, problems: Problems, budget: Budget) -> Network | None:
    wired = _wire_all(architecture, problems)
    if _recursive(architecture, problems):
        return None
    inputs = _network_inputs(architecture.main, problems)
    if inputs is None:
        return None
    inference = Inference(architecture, wired, problems, budget)
    try:
        main = inference.body("", {}, (), inputs, 0)
    except Mismatch as error:
        problems.add(error.code, error.message, architecture.main.place, "inputs", error.hint)
        return None
    except TooComplex as error:
        problems.add("MP335", str(error), architecture.main.place, "inputs")
        return None
    if main is None:
        return None
    return assemble(architecture, main, problems, budget)


def _wire_all(architecture: Architecture, problems: Problems) -> dict[str, WiredBlock]:
    wired = {
        name: wire(block, architecture, f"blocks.{name}.", problems)
        for name, block in architecture.blocks.items()
    }
    wired[""] = wire(architecture.main, architecture, "", problems)
    return wired


def _recursive(architecture: Architecture, problems: Problems) -> bool:
    """Whether a block uses itself, directly or through others."""
    done: set[str] = set()
    found = False
    for start in architecture.blocks:
        stack: list[tuple[str, Iterator[Node]]] = []
        open_blocks: set[str] = set()
        if start not in done:
            stack.append((start, iter(architecture.blocks[start].nodes)))
            open_blocks.add(start)
        while stack:
            name, nodes = stack[-1]
            node = next(nodes, None)
            if node is None:
                done.add(name)
                open_blocks.discard(name)
                stack.pop()
                continue
            used = node.action.block if isinstance(node.action, Use) else None
            if used in open_blocks:
                path = f"blocks.{name}.layers.{node.name}"
                problems.add("MP216", f"the block '{used}' contains itself", node.place, path)
                found = True
            elif used is not None and used not in done and used in architecture.blocks:
                stack.append((used, iter(architecture.blocks[used].nodes)))
                open_blocks.add(used)
    return found


def _network_inputs(main: Block, problems: Problems) -> dict[str, Specs] | None:
    """The specs of the network's inputs, which must say both dtype and shape."""
    fine = True
    for name, inputs in main.inputs.items():
        for _, leaf in input_leaves(inputs):
            for key, value in (("dtype", leaf.dtype), ("shape", leaf.shape)):
                if value is None:
                    fine = False
                    problems.add("MP203", f"the key '{key}' is missing", leaf.place, f"inputs.{name}")
    return {name: _specs(inputs) for name, inputs in main.inputs.items()} if fine else None


def _specs(inputs: Inputs) -> Specs:
    if isinstance(inputs, InputSpec):
        return TensorSpec(inputs.dtype, inputs.shape) if inputs.dtype and inputs.shape is not None else None
    if isinstance(inputs, tuple):
        return tuple(map(_specs, inputs))
    return {name: _specs(item) for name, item in inputs.items()}


def _once(problems: Problems) -> list[Problem]:
    """Each problem once, though a block that has it may be used many times."""
    return list(dict.fromkeys(problems.found))
