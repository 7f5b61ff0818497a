"""Paths of modules: what to call them, and which blocks stand between two."""

from __future__ import annotations

__all__ = ["again", "between"]


def again(name: str) -> str:
    """What to call the second call of a submodule: `relu` of `layers.relu`, `tower_0` of `tower.0`."""
    *above, last = name.split(".")
    return f"{above[-1]}_{last}" if last.isdigit() and above else last


def between(owner: str, user: str) -> set[str]:
    """The blocks to lay open so that what stands in the block at `owner` can be used in the one at `user`."""
    if owner and (user == "" or owner.startswith(f"{user}.")):
        return {owner}
    if user and (owner == "" or user.startswith(f"{owner}.")):
        return {user}
    return {path for path in (owner, user) if path}
