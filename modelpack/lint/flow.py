"""Layers that run for nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from modelpack.architecture import Apply, Block, ByMode, Node, Use
from modelpack.errors import Problem
from modelpack.findings import Severity
from modelpack.lint.graph import Graph
from modelpack.lint.rule import Rule
from modelpack.lint.subject import Subject

__all__ = ["RULES"]

_CHANGES_TENSORS = frozenset({"assign", "batch_norm", "instance_norm", "spectral_norm", "SyncBatchNorm"})
_STATISTICS = ("BatchNorm", "InstanceNorm")


def dead_layer(subject: Subject) -> Iterator[Problem]:
    """Nothing takes what the layer gives, and it is no output: it runs for nothing. Most often a layer behind it takes
    another input than it should. Layers that others call, and those that change something (`assign`, running statistics,
    `inplace`), may stand so. *Way out:* name it in the `inputs` of the layer that should take it or in `outputs`, or remove
    it.

    ```yaml bad
    modelpack: 1
    name: net
    inputs:
      x: {dtype: float32, shape: [batch, 8]}
    layers:
      hidden: {Linear: {in_features: 8, out_features: 8}}
      act: {ReLU: {}}
      out: {Linear: {in_features: 8, out_features: 2}, inputs: [hidden]}
    ```

    ```yaml good
    modelpack: 1
    name: net
    inputs:
      x: {dtype: float32, shape: [batch, 8]}
    layers:
      hidden: {Linear: {in_features: 8, out_features: 8}}
      act: {ReLU: {}}
      out: {Linear: {in_features: 8, out_features: 2}}
    ```
    """
    for graph, at, node in _dead(subject):
        if at < graph.last_output or graph.last_output < 0:
            path = graph.path(f"layers.{node.name}")
            yield subject.problem("MP811", "nothing takes what this layer gives", node.place, path)


def layer_after_output(subject: Subject) -> Iterator[Problem]:
    """The layer stands behind the last one that `outputs` gives back, and nothing takes what it gives: it runs for nothing.
    Most often it was added, and `outputs` forgotten. *Way out:* give it back in `outputs`, or remove it.

    ```yaml bad
    modelpack: 1
    name: net
    inputs:
      x: {dtype: float32, shape: [batch, 8]}
    layers:
      fc: {Linear: {in_features: 8, out_features: 2}}
      probabilities: {Softmax: {dim: -1}}
    outputs: fc
    ```

    ```yaml good
    modelpack: 1
    name: net
    inputs:
      x: {dtype: float32, shape: [batch, 8]}
    layers:
      fc: {Linear: {in_features: 8, out_features: 2}}
      probabilities: {Softmax: {dim: -1}}
    outputs: {logits: fc, probabilities: probabilities}
    ```
    """
    for graph, at, node in _dead(subject):
        if at > graph.last_output >= 0:
            told = f"stands behind the output '{graph.block.nodes[graph.last_output].name}', and nothing takes what it gives"
            yield subject.problem("MP812", told, node.place, graph.path(f"layers.{node.name}"))


def _dead(subject: Subject) -> Iterator[tuple[Graph, int, Node]]:
    """Layers whose result goes nowhere; what only they take is told by them."""
    changing: dict[str, bool] = {}
    blocks = subject.network.architecture.blocks
    for graph in subject.graphs.values():
        for at, node in enumerate(graph.block.nodes):
            unused = not graph.users[node.name] and node.name not in graph.called
            if unused and not _changes(graph.called_by(node), blocks, changing):
                yield graph, at, node


def _changes(node: Node, blocks: Mapping[str, Block], known: dict[str, bool]) -> bool:
    """Whether the layer does more than to give a result. Blocks that the network has are nested no deeper than `Budget`
    allows."""
    if isinstance(node.action, Use):
        used = node.action.block
        if used not in known:
            known[used] = any(_changes(each, blocks, known) for each in blocks[used].nodes)
        return known[used]
    if not isinstance(node.action, Apply):
        return False
    name, inplace = node.action.type.name, node.action.settings.get("inplace", False)
    in_place = inplace is not False and (not isinstance(inplace, ByMode) or inplace.train is True)
    return name in _CHANGES_TENSORS or name.startswith(_STATISTICS) or in_place


RULES = (
    Rule("MP811", Severity.WARNING, dead_layer),
    Rule("MP812", Severity.WARNING, layer_after_output),
)
