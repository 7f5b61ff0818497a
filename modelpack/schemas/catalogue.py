"""What a catalogue of schemas (SchemaStore) has to know, so that editors find them by the name of a file."""

from __future__ import annotations

from typing import Any

__all__ = ["catalogue_entries"]

_HOME = "https://www.schemastore.org"


def catalogue_entries() -> list[dict[str, Any]]:
    """An entry for each schema; its address is where that catalogue puts a schema of this name."""
    return [
        {
            "name": "modelpack architecture",
            "description": "A neural network as a graph of known layers",
            "fileMatch": ["*.modelpack.yaml", "*.modelpack.yml", "architecture.yaml"],
            "url": f"{_HOME}/modelpack-architecture.json",
        },
        {
            "name": "modelpack manifest",
            "description": "What is in a pack of a neural network, by digest",
            "fileMatch": ["*.modelpack/manifest.json"],
            "url": f"{_HOME}/modelpack-manifest.json",
        },
    ]
