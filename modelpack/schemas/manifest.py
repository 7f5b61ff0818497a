"""The schema of a `manifest.json`."""

from __future__ import annotations

from modelpack.manifest import FORMAT, MODES
from modelpack.schemas.parts import DIALECT, Schema, closed, many

__all__ = ["manifest_schema"]


def manifest_schema() -> Schema:
    """The schema of a `manifest.json`."""
    digest: Schema = {"type": "string", "pattern": "^blake3:[0-9a-f]{64}$"}
    size: Schema = {"type": "integer", "minimum": 0}
    tensors = {
        "type": "object",
        "additionalProperties": digest,
        "description": "tensor -> digest of its bytes",
    }
    tree: Schema = {"type": "string", "pattern": "^blake3-tensors:[0-9a-f]{64}$"}
    text = closed({"bytes": size, "digest": digest}, ("bytes", "digest"))
    weights = closed({"bytes": size, "digest": tree, "tensors": tensors}, ("bytes", "digest", "tensors"))
    files: Schema = {
        "description": "every file of the pack but the manifest",
        **closed({"architecture.yaml": text, "samples.safetensors": weights}, ("architecture.yaml",)),
        "patternProperties": {r"^weights(-[0-9]{5}-of-[0-9]{5})?\.safetensors$": weights},
    }
    properties: dict[str, Schema] = {
        "modelpack": {"const": FORMAT, "description": "the version of the format"},
        "library": {"type": "string", "description": "what wrote the pack"},
        "files": files,
        "licence": {"type": "string"},
        "modes": many({"enum": sorted(MODES)}) | {"uniqueItems": True},
        "metrics": {"type": "object", "additionalProperties": {"type": "number"}},
        "metadata": {"type": "object", "description": "kept and never acted upon"},
        "origins": {
            "type": "object",
            "additionalProperties": _origin(digest),
            "description": "tensor -> where it was taken from",
        },
    }
    return {
        "$schema": DIALECT,
        "$id": "urn:modelpack:schema:manifest:1",
        "title": "modelpack manifest",
        "description": "What is in a pack, by digest, and what its maker says about it.",
        **closed(properties, ("modelpack", "library", "files")),
    }


def _origin(digest: Schema) -> Schema:
    """Where a tensor comes from; a pack that was written without a manifest has no digest."""
    told: dict[str, Schema] = {
        "pack": {"type": ["string", "null"], "pattern": digest["pattern"], "description": "its digest"},
        "tensor": {"type": "string", "description": "its name there"},
        "frozen": {"type": "boolean", "description": "whether it isn't trained here"},
        "changed": {"type": "boolean", "description": "whether it was trained since, and has other bytes"},
    }
    return closed(told, told)
