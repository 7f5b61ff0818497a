"""Architecture -> the same network, shorter: blocks that differ in constants are one template, runs of equal layers `repeat`.

literals    the constants of a block, each with its place: taken out, or others put in
arguments   the constants that differ -> arguments with names, and what every place says in their terms
runs        equal layers in a chain -> one with `repeat`
folding     both, from the innermost blocks outwards
"""

from modelpack.templates.folding import fold

__all__ = ["fold"]
