"""Architecture -> Network: every name, setting, shape and dtype checked; all problems at once, in order of place.

wiring      once per block: names, references, arguments
inference   from the inputs on, block by block: layers, shapes, dtypes
tensors     names, ties and what is frozen, over the whole
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from modelpack.architecture import Architecture, Block, Inputs, InputSpec, Node, Use
from modelpack.budget import DEFAULT_BUDGET, Budget
from modelpack.collector import collector_paused
from modelpack.errors import ArchitectureError, Problem, raise_if_any
from modelpack.inference import Inference
from modelpack.layers import BUILTIN, LayerType
from modelpack.layers.base import Tensor
from modelpack.network import Body, Child, Leaf, Network, Specs, Step, TensorEntry
from modelpack.reader import read_draft
from modelpack.reading import Problems
from modelpack.tensors import Mismatch, TensorSpec
from modelpack.wiring import WiredBlock, input_leaves, wire

__all__ = ["check", "check_text"]


def check(architecture: Architecture, budget: Budget = DEFAULT_BUDGET) -> Network:
    """What `architecture` is, in full. No framework is needed.

    Raises:
        ArchitectureError: with all problems (2xx and 3xx), in order of place.
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
        ArchitectureError: with all problems (1xx to 3xx), in order of place.
    """
    draft = read_draft(text, file, types)
    if not draft.sound:
        raise_if_any(draft.problems, ArchitectureError)
    problems = Problems(file)
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
    if main is None:
        return None
    return _assembled(architecture, main, problems, budget)


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
        if start not in done:
            stack.append((start, iter(architecture.blocks[start].nodes)))
        while stack:
            name, nodes = stack[-1]
            node = next(nodes, None)
            if node is None:
                done.add(name)
                stack.pop()
                continue
            used = node.action.block if isinstance(node.action, Use) else None
            if used is not None and used in [each for each, _ in stack]:
                path = f"blocks.{name}.layers.{node.name}"
                problems.add("MP216", f"the block '{used}' contains itself", node.place, path)
                found = True
            elif used is not None and used not in done and used in architecture.blocks:
                stack.append((used, iter(architecture.blocks[used].nodes)))
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


# ------------------------------------------------------------------------------------------------ tensors


def _assembled(architecture: Architecture, main: Body, problems: Problems, budget: Budget) -> Network | None:
    if main.size > budget.steps:
        problems.add(
            "MP330", f"the network has {main.size} steps, the budget is {budget.steps}", main.block.place
        )
        return None
    tensors: dict[str, TensorEntry] = {}
    overrides: list[tuple[str, Step]] = []
    tied: list[tuple[str, ...]] = []
    _collect(main, "", tensors, overrides, tied)
    for prefix, step in reversed(overrides):  # the inner first, so that who uses a block has the last word
        _override(prefix, step.node, tensors, problems)
    _check_sizes(tensors, main, problems, budget)
    _check_ties(tied, tensors, main, problems)
    return Network(architecture, main, tensors, tuple(tied))


def _collect(
    body: Body,
    prefix: str,
    tensors: dict[str, TensorEntry],
    overrides: list[tuple[str, Step]],
    tied: list[tuple[str, ...]],
) -> None:
    for entry in body.raw:
        tensors[prefix + entry.name] = replace(entry, name=prefix + entry.name)
    tied += [tuple(prefix + name for name in group) for group in body.tied]
    for step in body.steps:
        below = f"{prefix}{step.name}."
        if isinstance(step.does, Leaf):
            for tensor in step.does.eval.tensors():
                tensors[below + tensor.name] = _entry(below + tensor.name, tensor)
        elif isinstance(step.does, Child):
            _collect(step.does.body, below, tensors, overrides, tied)
        if step.node.frozen or step.node.init:
            overrides.append((below, step))


def _entry(name: str, tensor: Tensor) -> TensorEntry:
    grad = tensor.is_parameter and TensorSpec(tensor.dtype, ()).is_floating
    return TensorEntry(
        name, tensor.shape, tensor.dtype, tensor.is_parameter, tensor.persistent, grad, tensor.init
    )


def _override(prefix: str, node: Node, tensors: dict[str, TensorEntry], problems: Problems) -> None:
    """What a node says of the tensors below it: frozen, and their first values."""
    below = [name for name in tensors if name.startswith(prefix)]
    names = {name[len(prefix) :] for name in below}
    frozen = names if node.frozen is True else set(node.frozen or ())
    for name in [*sorted(frozen - names), *sorted(node.init.keys() - names)]:
        problems.unknown("MP317", "tensor", name, sorted(names), node.place, f"layers.{node.name}")
    for name in frozen & names:
        tensors[prefix + name] = replace(tensors[prefix + name], requires_grad=False)
    for name in node.init.keys() & names:
        tensors[prefix + name] = replace(tensors[prefix + name], init=node.init[name])


def _check_sizes(tensors: Mapping[str, TensorEntry], main: Body, problems: Problems, budget: Budget) -> None:
    total = 0
    for entry in tensors.values():
        elements = 1
        for size in entry.shape:
            elements *= size
        total += elements
        if elements > budget.elements:
            problems.add(
                "MP333",
                f"has {elements} elements, the budget of one tensor is {budget.elements}",
                main.block.place,
                entry.name,
            )
    if total > budget.parameters:
        problems.add(
            "MP334", f"all tensors have {total} elements, the budget is {budget.parameters}", main.block.place
        )


def _check_ties(
    tied: list[tuple[str, ...]], tensors: Mapping[str, TensorEntry], main: Body, problems: Problems
) -> None:
    at = main.block.places.get("tied", main.block.place)
    seen: set[str] = set()
    for group in tied:
        for name in group:
            if name not in tensors:
                problems.unknown("MP317", "tensor", name, tensors, at, "tied")
            elif name in seen:
                problems.add("MP321", f"'{name}' is tied twice", at, "tied")
            seen.add(name)
        kinds = {(tensors[name].shape, tensors[name].dtype) for name in group if name in tensors}
        if len(kinds) > 1:
            told = " and ".join(f"{dtype}{list(shape)}" for shape, dtype in sorted(kinds, key=str))
            problems.add("MP321", f"{' and '.join(group)} can't be one tensor: {told}", at, "tied")


def _once(problems: Problems) -> list[Problem]:
    """Each problem once, though a block that has it may be used many times."""
    return list(dict.fromkeys(problems.found))
