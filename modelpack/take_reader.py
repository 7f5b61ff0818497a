"""What a document says of other packs -> Import, Take: which they are, and which part of one a node is."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping

from modelpack import source
from modelpack.architecture import Import, Take
from modelpack.reading import NAME, PATH, Problems

__all__ = ["DIGEST", "LONGEST_PATH", "MOST_IMPORTS", "read_imports", "take_of"]

DIGEST = re.compile("blake3:[0-9a-f]{64}")
"""Of a pack: that of its manifest, which has those of all files and tensors in it."""

LONGEST_PATH = 1024
MOST_IMPORTS = 256
"""Each is a pack to open."""
_ENDS = ("from", "to")


def read_imports(value: source.Value, problems: Problems) -> dict[str, Import]:
    """`imports`: name -> pack. Whether there is one isn't asked here."""
    entries = problems.mapping(value, "imports")
    found: dict[str, Import] = {}
    if entries and len(entries.entries) > MOST_IMPORTS:
        told = f"{len(entries.entries)} imports, at most {MOST_IMPORTS} are allowed"
        problems.add("MP225", told, (value.line, value.column), "imports")
    for name, item in entries.entries.items() if entries else ():
        path = f"imports.{name}"
        if not NAME.fullmatch(name) and entries:
            problems.add("MP206", f"'{name}' can't be an import's name", entries.key_places[name], path)
        body = problems.mapping(item, path, f"it is written {{{name}: {{pack: <path>}}}}")
        if body is not None:
            found[name] = _import(body, path, problems)
    return found


def _import(body: source.Mapping, path: str, problems: Problems) -> Import:
    problems.keys(body, ("pack", "digest"), path)
    at = (body.line, body.column)
    pack, digest = body.entries.get("pack"), body.entries.get("digest")
    if pack is None:
        problems.add("MP203", "the key 'pack' is missing", at, path)
    where = problems.text(pack, f"{path}.pack") if pack else None
    if where is not None and (not where or len(where) > LONGEST_PATH or "\0" in where):
        problems.add("MP224", f"a path has from 1 to {LONGEST_PATH} characters, none of them NUL", at, path)
    pinned = problems.text(digest, f"{path}.digest") if digest else None
    if pinned is not None and not DIGEST.fullmatch(pinned):
        problems.add(
            "MP224", "a digest is 'blake3:' and 64 hexadecimal digits", at, path, "`modelpack lock` tells it"
        )
    return Import(where or "", pinned, at)


def take_of(
    name: str,
    node: source.Mapping,
    path: str,
    problems: Problems,
    reference: Callable[[source.Value, str], str],
) -> Take:
    """The part of the import `name` that `node` uses; `reference` reads the name of a layer."""
    entries = node.entries
    alone, first, last = None, None, None
    if "take" in entries:
        alone, first, last = _range(entries["take"], f"{path}.take", problems, reference)
    return Take(
        name,
        alone,
        first,
        last,
        outputs=dict(_outputs(entries["outputs"], f"{path}.outputs", problems, reference))
        if "outputs" in entries
        else {},
        rename=_rename(entries["rename"], f"{path}.rename", problems, reference)
        if "rename" in entries
        else {},
        reset=_names(entries["reset"], f"{path}.reset", problems, reference) if "reset" in entries else (),
        shared=_flag(entries["shared"], f"{path}.shared", problems) if "shared" in entries else False,
    )


_Reference = Callable[[source.Value, str], str]


def _range(
    value: source.Value, path: str, problems: Problems, reference: _Reference
) -> tuple[str | None, str | None, str | None]:
    if isinstance(value, source.Scalar) and isinstance(value.value, str):
        return reference(value, path), None, None
    if isinstance(value, source.Sequence) and len(value.items) == 2:
        first, last = (reference(item, path) for item in value.items)
        return None, first, last
    if isinstance(value, source.Mapping) and value.entries:
        problems.keys(value, _ENDS, path)
        first, last = (reference(value.entries[key], path) if key in value.entries else None for key in _ENDS)
        return None, first, last
    problems.wrong_kind(value, path, "a layer's path, a list of the first and the last one, or from: and to:")
    return None, None, None


def _outputs(
    value: source.Value, path: str, problems: Problems, reference: _Reference
) -> Iterator[tuple[str, str]]:
    if isinstance(value, source.Sequence):
        for item in value.items:
            name = reference(item, path)
            yield name, name
        return
    entries = problems.mapping(value, path)
    for name, item in entries.entries.items() if entries else ():
        yield name, reference(item, path)


def _rename(value: source.Value, path: str, problems: Problems, reference: _Reference) -> Mapping[str, str]:
    entries = problems.mapping(value, path)
    found: dict[str, str] = {}
    for name, item in entries.entries.items() if entries else ():
        new = reference(item, path)
        is_empty = isinstance(item, source.Scalar) and not item.value
        if (new or is_empty) and not PATH.fullmatch(new):
            problems.add(
                "MP206", f"'{new}' can't be a layer's or a tensor's name", (item.line, item.column), path
            )
        found[name] = new
    return found


def _names(value: source.Value, path: str, problems: Problems, reference: _Reference) -> tuple[str, ...]:
    items = problems.sequence(value, path)
    return tuple(reference(item, path) for item in items.items) if items else ()


def _flag(value: source.Value, path: str, problems: Problems) -> bool:
    if isinstance(value, source.Scalar) and isinstance(value.value, bool):
        return value.value
    problems.wrong_kind(value, path, "true or false")
    return False
