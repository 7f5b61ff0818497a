"""Named outputs of a running network."""

from __future__ import annotations

from typing import Any

from torch.utils import _pytree

__all__ = ["Outputs"]


class Outputs(dict[str, Any]):
    """Named outputs: a dict whose entries are attributes too (`outputs.logits`)."""

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except KeyError:
            raise AttributeError(f"there is no output '{name}'; there are {', '.join(self)}") from None


def _flatten(outputs: Outputs) -> tuple[list[Any], Any]:
    return list(outputs.values()), tuple(outputs)


def _unflatten(values: Any, keys: Any) -> Outputs:
    return Outputs(zip(keys, values, strict=True))


_pytree.register_pytree_node(Outputs, _flatten, _unflatten, serialized_type_name="modelpack.Outputs")
