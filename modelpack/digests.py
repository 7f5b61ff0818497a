"""Bytes -> BLAKE3 digests, and the digest of a safetensors file out of those of its tensors.

Two schemes (`spec/pack.md`): ``blake3:<hex>`` is the plain hash of a file's or a tensor's bytes;
``blake3-tensors:<hex>`` is the hash of the 32-byte hashes of a safetensors file's header (length field
included) and of its tensors, in order of their bytes. Every byte of the file is hashed once, and one tensor
can be verified without the others.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

import blake3

__all__ = ["EMPTY", "EMPTY_TREE", "combine", "is_digest", "of_bytes", "text"]

_PLAIN = "blake3:"
_TREE = "blake3-tensors:"
EMPTY = _PLAIN + "0" * 64
EMPTY_TREE = _TREE + "0" * 64
_DIGEST = re.compile(r"blake3(-tensors)?:[0-9a-f]{64}")


def of_bytes(pieces: Iterable[memoryview | bytes]) -> bytes:
    """The 32-byte BLAKE3 of all `pieces`, one after the other."""
    hasher = blake3.blake3()
    for piece in pieces:
        hasher.update(piece)
    return hasher.digest()


def text(digest: bytes) -> str:
    """``blake3:<hex>``."""
    return _PLAIN + digest.hex()


def combine(parts: Iterable[bytes]) -> str:
    """``blake3-tensors:<hex>`` of the digests of header and tensors."""
    return _TREE + blake3.blake3(b"".join(parts)).hexdigest()


def is_digest(value: str) -> bool:
    return _DIGEST.fullmatch(value) is not None
