"""Text -> the same document in its canonical layout, with all of its comments.

format_text(text) -> text
migrate_text(text) -> text              as the current format version

Works on the document, not on the architecture: keys that nobody knows and layers that don't fit are laid out like others. So a
text needn't be right to be formatted; only what isn't YAML of the subset (1xx) is refused.
"""

from modelpack.formatting.document import format_text
from modelpack.formatting.migration import CURRENT, MIGRATIONS, Migration, migrate_text

__all__ = ["CURRENT", "MIGRATIONS", "Migration", "format_text", "migrate_text"]
