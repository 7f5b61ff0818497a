"""Registry -> JSON Schemas of architecture and manifest: for editors, and for readers in other languages.

A node is discriminated by its key, never by a `oneOf` over all types: a mistake in one layer gives one message. What no schema
can say (wiring, shapes, expressions) is for `modelpack check`; everything else the two say alike.
"""

from modelpack.schemas.catalogue import catalogue_entries
from modelpack.schemas.document import architecture_schema
from modelpack.schemas.manifest import manifest_schema

__all__ = ["architecture_schema", "catalogue_entries", "manifest_schema"]
