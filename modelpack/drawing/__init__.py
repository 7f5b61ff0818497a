"""Network -> text that shows its structure: a tree of modules, graphs for Mermaid and Graphviz.

tree_lines(network) -> lines
graph_of(network, depth, at) -> Graph
mermaid(graph), dot(graph) -> text
"""

from modelpack.drawing.dot import dot
from modelpack.drawing.graph import Cluster, Edge, Graph, Role, Vertex, graph_of
from modelpack.drawing.mermaid import mermaid
from modelpack.drawing.tree import tree_lines

__all__ = ["Cluster", "Edge", "Graph", "Role", "Vertex", "dot", "graph_of", "mermaid", "tree_lines"]
