"""Layers that are right and could be plainer."""

from __future__ import annotations

from collections.abc import Iterator

from modelpack.architecture import Apply, Node
from modelpack.errors import Problem
from modelpack.findings import Severity
from modelpack.lint.graph import Graph, is_taken
from modelpack.lint.rule import Rule
from modelpack.lint.subject import Subject
from modelpack.network import Body
from modelpack.tensors import TensorSpec

__all__ = ["RULES"]

_BIASED = frozenset({"Linear", *(f"{kind}{n}d" for kind in ("Conv", "ConvTranspose") for n in (1, 2, 3))})
_BATCH_NORMS = frozenset({"BatchNorm1d", "BatchNorm2d", "BatchNorm3d", "SyncBatchNorm"})
_DROPOUTS = frozenset(
    {
        "Dropout",
        "Dropout1d",
        "Dropout2d",
        "Dropout3d",
        "AlphaDropout",
        "FeatureAlphaDropout",
        "StochasticDepth",
    }
    | {"dropout", "feature_dropout", "alpha_dropout", "feature_alpha_dropout"}
)


def bias_before_norm(subject: Subject) -> Iterator[Problem]:
    """The layer adds a bias, and a batch normalisation, which alone takes the result, subtracts the mean: in training the
    bias changes nothing and gets no gradient, and the normalisation has a bias of its own. *Way out:* `bias: false`; of
    trained weights subtract the bias from `running_mean`.

    ```yaml bad
    modelpack: 1
    name: net
    inputs:
      image: {dtype: float32, shape: [batch, 3, 32, 32]}
    layers:
      conv: {Conv2d: {in_channels: 3, out_channels: 8, kernel_size: 3}}
      norm: {BatchNorm2d: {num_features: 8}}
    ```

    ```yaml good
    modelpack: 1
    name: net
    inputs:
      image: {dtype: float32, shape: [batch, 3, 32, 32]}
    layers:
      conv: {Conv2d: {in_channels: 3, out_channels: 8, kernel_size: 3, bias: false}}
      norm: {BatchNorm2d: {num_features: 8}}
    ```
    """
    for name, body in subject.bodies.items() if subject.trains else ():
        graph = subject.graphs[name]
        for node in graph.block.nodes:
            if _has_bias(node) and _is_normalised(node, graph, body):
                at = node.places.get("bias", node.place)
                told = f"'{graph.users[node.name][0]}' takes the mean away, and with it the bias"
                yield subject.problem("MP821", told, at, graph.path(f"layers.{node.name}"), "bias: false")


def _has_bias(node: Node) -> bool:
    action = node.action
    if not isinstance(action, Apply) or action.type.name not in _BIASED or is_taken(node):
        return False
    return node.repeat is None and action.settings.get("bias", True) is True


def _is_normalised(node: Node, graph: Graph, body: Body) -> bool:
    """Whether all that becomes of what `node` gives is a batch normalisation, over the axis along which its bias goes."""
    users = graph.users[node.name]
    taker = graph.nodes.get(users[0]) if len(users) == 1 and node.name not in graph.called else None
    if taker is None or not isinstance(taker.action, Apply) or taker.action.type.name not in _BATCH_NORMS:
        return False
    step = body.by_name.get(node.name)
    given = step.outputs if step else None
    if not isinstance(given, TensorSpec) or taker.frozen is True:
        return False
    return given.rank == 2 or (isinstance(node.action, Apply) and node.action.type.name != "Linear")


def dropout_of_nothing(subject: Subject) -> Iterator[Problem]:
    """The dropout drops with probability 0: it never does anything. *Way out:* remove it, or write the probability that was
    meant. A network that was captured may keep it, so that it stays the original's.

    ```yaml bad
    modelpack: 1
    name: net
    inputs:
      x: {dtype: float32, shape: [batch, 8]}
    layers:
      hidden: {Linear: {in_features: 8, out_features: 8}}
      dropout: {Dropout: {p: 0.0}}
    ```

    ```yaml good
    modelpack: 1
    name: net
    inputs:
      x: {dtype: float32, shape: [batch, 8]}
    layers:
      hidden: {Linear: {in_features: 8, out_features: 8}}
      dropout: {Dropout: {p: 0.1}}
    ```
    """
    for graph in subject.graphs.values():
        for node in graph.block.nodes:
            action = node.action
            if not isinstance(action, Apply) or action.type.name not in _DROPOUTS or is_taken(node):
                continue
            p = action.settings.get("p")
            if isinstance(p, int | float) and p == 0:
                at = node.places.get("p", node.place)
                yield subject.problem(
                    "MP822", "p is 0: nothing is dropped", at, graph.path(f"layers.{node.name}")
                )


RULES = (
    Rule("MP821", Severity.NOTE, bias_before_norm),
    Rule("MP822", Severity.NOTE, dropout_of_nothing),
)
