"""Name of a layer type -> its declaration; its family is imported when one of its types is first asked for.

Of hundreds of types a network needs a dozen, and to declare all takes longer than to check it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from modelpack.layers.base import LayerType

__all__ = ["Registry"]


class Registry(Mapping[str, "LayerType"]):
    """The types that families declare. `members` says which: family -> names, apart by spaces (`modelpack.layers.index`).

    What is imported comes from `members` alone: a name that isn't there, from a file or anywhere, imports nothing.
    """

    def __init__(self, members: Mapping[str, str]) -> None:
        self._families = {name: family for family, names in members.items() for name in names.split()}
        self._declared: dict[str, LayerType] = {}

    def __getitem__(self, name: str) -> LayerType:
        if name not in self._declared:
            import_module(f"modelpack.layers.{self._families[name]}")
        if name not in self._declared:
            raise KeyError(f"{name} isn't declared where modelpack/layers/index.py says: run `make generate`")
        return self._declared[name]

    def __contains__(self, name: object) -> bool:
        return name in self._families

    def __iter__(self) -> Iterator[str]:
        return iter(self._families)

    def __len__(self) -> int:
        return len(self._families)

    def __repr__(self) -> str:
        return "BUILTIN"  # it's the default of functions, whose help would show it by its address

    def import_all(self) -> None:
        """Import every family, for who will need many of them and has the time now."""
        for family in dict.fromkeys(self._families.values()):
            import_module(f"modelpack.layers.{family}")

    def declared(self) -> Mapping[str, LayerType]:
        """The types of the families that are imported by now, whatever `members` says, each family's together."""
        kinds = sorted(self._declared.values(), key=lambda kind: kind.cls.__module__)
        return {kind.name: kind for kind in kinds}

    def declare(self, kind: LayerType) -> None:
        """Take in a type, also one that `members` doesn't know yet.

        Raises:
            TypeError: there is one of that name.
        """
        if kind.name in self._declared:
            raise TypeError(f"{kind.name} is declared twice")
        self._declared[kind.name] = kind
        self._families.setdefault(kind.name, kind.cls.__module__.rpartition(".")[2])
