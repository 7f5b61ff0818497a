"""`modelpack schema`: what editors and other programs check documents by."""

from __future__ import annotations

import sys
from enum import StrEnum
from typing import Annotated

import typer

__all__ = ["schema"]


class SchemaName(StrEnum):
    """The documents that have a schema."""

    architecture = "architecture"
    manifest = "manifest"


def schema(name: Annotated[SchemaName, typer.Argument(help="Of what.")] = SchemaName.architecture) -> None:
    """Print the JSON Schema of an architecture or a manifest."""
    from modelpack.generate import schema_text

    sys.stdout.write(schema_text(name.value))
