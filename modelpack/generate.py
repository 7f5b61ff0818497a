"""Registry -> the files that are made from it, in a checkout: `python -m modelpack.generate [--check]`.

schemas/architecture.schema.json    schemas/manifest.schema.json    schemas/catalog-entry.json    spec/layers.md
spec/errors.md                      modelpack/layers/index.py
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping
from pathlib import Path

from modelpack.explanations import error_reference
from modelpack.layers import BUILTIN
from modelpack.layers.families import FAMILIES
from modelpack.reference import index_text, layer_reference
from modelpack.schemas import architecture_schema, catalogue_entries, manifest_schema

__all__ = ["generated", "main", "schema_text"]


def schema_text(name: str) -> str:
    """The JSON Schema called `name`: `architecture` or `manifest`."""
    schema = architecture_schema(BUILTIN.declared()) if name == "architecture" else manifest_schema()
    return _json(schema)


def _json(value: object) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def generated() -> Mapping[str, str]:
    """Path in the repository -> text, the same at every run."""
    return {
        "schemas/architecture.schema.json": schema_text("architecture"),
        "schemas/manifest.schema.json": schema_text("manifest"),
        "schemas/catalog-entry.json": _json(catalogue_entries()),
        "spec/layers.md": layer_reference(FAMILIES, BUILTIN.declared().values()),
        "spec/errors.md": error_reference(),
        "modelpack/layers/index.py": index_text(BUILTIN.declared().values()),
    }


def _write(root: Path) -> int:
    for name, text in generated().items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        print(f"wrote {path}")
    return 0


def _check(root: Path) -> int:
    stale = [
        name
        for name, text in generated().items()
        if not (root / name).is_file() or (root / name).read_text(encoding="utf-8") != text
    ]
    for name in stale:
        print(f"{name} is out of date: run `make generate`", file=sys.stderr)
    return 1 if stale else 0


def main() -> int:
    """Write the files, or compare them; gives the exit status."""
    parser = argparse.ArgumentParser(prog="python -m modelpack.generate", description=__doc__)
    parser.add_argument(
        "--check", action="store_true", help="change nothing; fail where a file is out of date"
    )
    parser.add_argument("--root", type=Path, default=Path(), help="the repository (default: here)")
    options = parser.parse_args()
    return _check(options.root) if options.check else _write(options.root)


if __name__ == "__main__":
    sys.exit(main())
