"""The public verbs that need no framework: `check` a file or a pack, `diff` two of them.

What only packs need is fetched when one is met: a text is checked in a fraction of that time.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from modelpack.budget import DEFAULT_BUDGET, Budget
from modelpack.checker import check_draft
from modelpack.errors import ArchitectureError, raise_if_any
from modelpack.files import read_architecture
from modelpack.layers import BUILTIN, LayerType
from modelpack.network import Network
from modelpack.reader import read_draft

if TYPE_CHECKING:
    from modelpack.difference import Difference, Side

__all__ = ["check", "diff"]


def check(
    path: str | os.PathLike[str],
    *,
    types: Mapping[str, LayerType] = BUILTIN,
    budget: Budget = DEFAULT_BUDGET,
) -> Network:
    """Check an architecture file or a whole pack (its weights' names, shapes and dtypes too); no framework is needed.

    Raises:
        ArchitectureError: with all problems of the architecture (1xx to 3xx).
        PackError: with all problems of the pack (4xx and 5xx).
    """
    if Path(path).suffix in (".yaml", ".yml"):
        return _checked_text(Path(path), types, budget)
    from modelpack.opened import open

    with open(path, types=types, budget=budget) as pack:
        return pack.network


def diff(
    first: str | os.PathLike[str],
    second: str | os.PathLike[str],
    *,
    values: bool = True,
    types: Mapping[str, LayerType] = BUILTIN,
    budget: Budget = DEFAULT_BUDGET,
) -> Difference:
    """What is different in `second`: layers, tensors, and whether the weights of `first` fit it. No framework is needed.

    Either may be an architecture file or a pack. Where both are packs, the tensors that both have are compared: by the digests of
    their manifests, which `verify` checks, else by their bytes; of those that differ both are read, for the norms. `values`
    is whether to do this.

    Raises:
        ArchitectureError: one isn't sound (1xx to 3xx).
        PackError: one isn't a sound pack (4xx and 5xx).
    """
    from modelpack.difference import compare  # of no use to whoever checks or opens

    with ExitStack() as stack:
        one, other = (_side(path, values, types, budget, stack) for path in (first, second))
        return compare(one, other)


def _side(
    path: str | os.PathLike[str],
    values: bool,
    types: Mapping[str, LayerType],
    budget: Budget,
    stack: ExitStack,
) -> Side:
    from modelpack.difference import Side
    from modelpack.opened import open

    if Path(path).suffix in (".yaml", ".yml"):
        return Side(str(path), check(path, types=types, budget=budget))
    pack = stack.enter_context(open(path, types=types, budget=budget))
    if not values:
        return Side(str(path), pack.network)
    return Side(str(path), pack.network, pack.tensors, pack.digests)


def _checked_text(path: Path, types: Mapping[str, LayerType], budget: Budget) -> Network:
    """The network of an architecture file; packs that it imports are opened, and closed again."""
    text = read_architecture(path)
    draft = read_draft(text, str(path), types)
    if not draft.architecture.imports:
        return check_draft(draft, budget)
    raise_if_any(draft.problems, ArchitectureError)
    from modelpack.composing import compose

    with compose(path, types=types, budget=budget) as composed:
        return composed.linked.network
