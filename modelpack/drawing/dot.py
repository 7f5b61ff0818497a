"""Graph -> the language of Graphviz (https://graphviz.org/doc/info/lang.html)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from modelpack.drawing.graph import Cluster, Graph, Role, Vertex
from modelpack.errors import printable

__all__ = ["dot"]

_LOOKS = {
    Role.INPUT: "shape=ellipse",
    Role.TENSOR: "shape=cylinder",
    Role.STEP: "shape=box",
    Role.BLOCK: "shape=box3d",
    Role.OUTPUT: "shape=ellipse",
}


def dot(graph: Graph) -> str:
    """`graph` as a text that ends with a newline."""
    lines = [f"digraph {_quoted(graph.name)} {{", "  rankdir=TB;", *_members(graph.members, "  ")]
    for edge in graph.edges:
        label = f" [label={_quoted(edge.label)}]" if edge.label else ""
        lines.append(f"  {edge.source} -> {edge.target}{label};")
    return "\n".join([*lines, "}"]) + "\n"


def _members(members: Iterable[Vertex | Cluster], indent: str) -> Iterator[str]:
    for member in members:
        if isinstance(member, Vertex):
            yield f"{indent}{member.id} [label={_quoted(*member.lines)}, {_LOOKS[member.role]}];"
        else:
            yield f"{indent}subgraph cluster_{member.id} {{"
            yield f"{indent}  label={_quoted(member.title)};"
            yield from _members(member.members, indent + "  ")
            yield f"{indent}}}"


def _quoted(*lines: str) -> str:
    """Lines as one string; a backslash or a quote in them stands for itself."""
    escaped = (printable(line).replace("\\", "\\\\").replace('"', '\\"') for line in lines)
    return '"' + "\\n".join(escaped) + '"'
