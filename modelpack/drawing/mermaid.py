"""Graph -> a flowchart of Mermaid (https://mermaid.js.org/syntax/flowchart.html), which GitHub and GitLab draw in Markdown."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from modelpack.drawing.graph import Cluster, Graph, Role, Vertex
from modelpack.errors import printable

__all__ = ["mermaid"]

_BRACKETS = {
    Role.INPUT: ("([", "])"),
    Role.TENSOR: ("[(", ")]"),
    Role.STEP: ("[", "]"),
    Role.BLOCK: ("[[", "]]"),
    Role.OUTPUT: ("([", "])"),
}
_SPECIAL = re.compile(r"""[^\w .,:/*+()\[\]=-]""")
"""What has, or might have, a meaning of its own even between quotes: HTML, Markdown, entities, directives (`%%{`)."""


def mermaid(graph: Graph) -> str:
    """`graph` as a text that ends with a newline."""
    lines = ["flowchart TD", *_members(graph.members, "    ")]
    for edge in graph.edges:
        label = f"|{_quoted(edge.label)}|" if edge.label else ""
        lines.append(f"    {edge.source} -->{label} {edge.target}")
    return "\n".join(lines) + "\n"


def _members(members: Iterable[Vertex | Cluster], indent: str) -> Iterator[str]:
    for member in members:
        if isinstance(member, Vertex):
            left, right = _BRACKETS[member.role]
            yield f"{indent}{member.id}{left}{_quoted(*member.lines)}{right}"
        else:
            yield f"{indent}subgraph {member.id}[{_quoted(member.title)}]"
            yield from _members(member.members, indent + "    ")
            yield f"{indent}end"


def _quoted(*lines: str) -> str:
    """Lines as one string; special characters as entities, which Mermaid writes `#35;`."""
    escaped = (_SPECIAL.sub(lambda found: f"#{ord(found[0])};", printable(line)) for line in lines)
    return '"' + "<br/>".join(escaped) + '"'
