"""Text of an older format version -> the same as the current one, its comments kept."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NoReturn

from modelpack import source
from modelpack.errors import ArchitectureError, Problem
from modelpack.formatting.document import rewritten
from modelpack.reader import FORMAT

__all__ = ["CURRENT", "MIGRATIONS", "Migration", "migrate_text"]

CURRENT = FORMAT
"""The version that this release reads and writes."""

Migration = Callable[[source.Mapping], source.Mapping]
"""A document of one version -> of the next one. Values that it takes over keep their comments; the version is set elsewhere."""

MIGRATIONS: dict[int, Migration] = {}
"""Version -> what makes a document of the next version of it. There is one version so far, so nothing to do."""


def migrate_text(
    text: str | bytes, file: str = "<text>", migrations: Mapping[int, Migration] = MIGRATIONS
) -> str:
    """`text` as of the current version, in the canonical layout; as it is if it is of that version already.

    Raises:
        ArchitectureError: with every problem of the text as YAML (1xx); MP203, MP204: it says no version; MP205: no migration
            leads from its version to the current one.
    """
    version = _version(source.parse(text, file), file)[1].value
    if version == CURRENT:
        return text if isinstance(text, str) else text.decode()
    return rewritten(text, file, lambda document: _migrated(document, file, migrations))


def _migrated(document: source.Value, file: str, migrations: Mapping[int, Migration]) -> source.Value:
    top, stated = _version(document, file)
    version = stated.value
    while version != CURRENT:
        migration = migrations.get(version) if type(version) is int else None
        if migration is None or type(version) is not int:
            _refuse_version(stated, file)
        top = migration(top)
        version += 1
        stated.value = version
        top.entries["modelpack"] = stated
    return top


def _version(document: source.Value, file: str) -> tuple[source.Mapping, source.Scalar]:
    if not isinstance(document, source.Mapping):
        raise ArchitectureError(
            Problem(
                "MP204", "must be a mapping", source.place(document, file), hint="begin with: modelpack: 1"
            )
        )
    stated = document.entries.get("modelpack")
    if not isinstance(stated, source.Scalar):
        message = "the key 'modelpack', which says the format version, is missing"
        raise ArchitectureError(Problem("MP203", message, source.place(document, file)))
    if type(stated.value) is not int or stated.value > CURRENT:
        _refuse_version(stated, file)
    return document, stated


def _refuse_version(stated: source.Scalar, file: str) -> NoReturn:
    message = f"the format version is {stated.value!r}, and this release reads {CURRENT}"
    is_newer = type(stated.value) is int and stated.value > CURRENT
    hint = "a newer version of modelpack may read it" if is_newer else None
    raise ArchitectureError(Problem("MP205", message, source.place(stated, file), "modelpack", hint))
