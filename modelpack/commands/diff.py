"""`modelpack diff A B`: what a reviewer would say of two networks."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Annotated, Any, cast

import typer

from modelpack.commands.reporting import reporting
from modelpack.dtypes import DType

__all__ = ["diff"]


def diff(
    first: Annotated[Path, typer.Argument(help="An architecture file or a pack.")],
    second: Annotated[Path, typer.Argument(help="Another.")],
    exit_code: Annotated[bool, typer.Option("--exit-code", help="Exit with 1 if they differ.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for machines.")] = False,
    no_weights: Annotated[
        bool, typer.Option("--no-weights", help="Leave the values of tensors unread.")
    ] = False,
    rename_map: Annotated[
        Path | None,
        typer.Option(help="Write the rename map to this file, as YAML or, ending in .json, JSON."),
    ] = None,
) -> None:
    """Compare two networks, their layers and their weights.

    It ends with whether the first's weights fit the second; no framework is needed.
    """
    with reporting(status=2):  # 1 says that they differ
        from modelpack import api

        found = api.diff(first, second, values=not no_weights)
        if rename_map is not None:
            text = (
                json.dumps(found.verdict.rename, indent=2)
                if rename_map.suffix == ".json"
                else found.verdict.yaml()
            )
            rename_map.write_text(text.rstrip("\n") + "\n", encoding="utf-8")
    if as_json:
        print(json.dumps({**_document(found), "differs": found.differs}, indent=2))
    else:
        sys.stdout.write(found.text())
    raise typer.Exit(1 if exit_code and found.differs else 0)


def _document(value: Any) -> Any:
    """A report as JSON says it; a norm that is no number as text."""
    if isinstance(value, DType):
        return str(value)
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if is_dataclass(value):
        return {each.name: _document(getattr(value, each.name)) for each in fields(value)}
    if isinstance(value, Mapping):
        return {key: _document(item) for key, item in cast("Mapping[str, Any]", value).items()}
    if isinstance(value, tuple):
        return [_document(item) for item in cast("tuple[Any, ...]", value)]
    return value
