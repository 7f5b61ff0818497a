"""Text or bytes -> UTF-8 that is safe to parse: its size, its encoding, its characters."""

from __future__ import annotations

import re
from typing import NoReturn

from modelpack.errors import ArchitectureError, Place, Problem

__all__ = ["CONTROL", "CONTROL_IN_KEY", "checked_utf8", "forbidden"]

CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
"""Control characters other than tab and line breaks."""
CONTROL_IN_KEY = re.compile("[\x00-\x1f\x7f-\x9f]")

_BYTE_ORDER_MARKS = {
    b"\xef\xbb\xbf": "begins with a byte-order mark",
    b"\xff\xfe": "is UTF-16 or UTF-32",
    b"\xfe\xff": "is UTF-16",
}
_ALLOWED_ASCII = b"\t\n\r" + bytes(range(0x20, 0x7F))
# Controls, what libyaml but not YAML 1.2 takes for line breaks, byte-order marks, and what is no character.
_FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]")
_DIRECTIVE = re.compile(rb"(?:\A|[\r\n])%")
_LINE_BREAK = re.compile("\r\n|\r|\n")


def checked_utf8(text: str | bytes, file: str, most_bytes: int) -> bytes:
    """`text` as UTF-8. Raises ArchitectureError at the first thing that may not be in it."""
    too_long = Problem("MP120", f"the text is longer than {most_bytes} bytes")
    if len(text) > most_bytes:  # a str has at least as many bytes as characters
        _refuse(too_long, "", file)
    # A lone surrogate in a str is encoded here and refused below, with its place.
    data = text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text
    if len(data) > most_bytes:
        _refuse(too_long, "", file)
    for mark, what in _BYTE_ORDER_MARKS.items():
        if data.startswith(mark):
            hint = "save it as UTF-8 without a byte-order mark"
            _refuse(Problem("MP102", f"the text {what}", hint=hint), "", file)
    if data.isascii():
        _check_ascii(data, file)
    else:
        _check_unicode(data, file)
    _check_directives(data, file)
    return data


def forbidden(character: str, where: str) -> Problem:
    return Problem("MP103", f"the character U+{ord(character):04X} is not allowed in {where}")


def _check_ascii(data: bytes, file: str) -> None:
    # Deleting what is allowed is fifty times faster than a search for what isn't.
    if bad := data.translate(None, _ALLOWED_ASCII):
        _refuse(forbidden(chr(bad[0]), "an architecture"), data[: data.index(bad[:1])].decode(), file)


def _check_unicode(data: bytes, file: str) -> None:
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        message = f"the byte 0x{data[error.start]:02x} is not UTF-8"
        _refuse(Problem("MP102", message, hint="save it as UTF-8"), data[: error.start].decode(), file)
    if found := _FORBIDDEN.search(text):
        _refuse(forbidden(found[0], "an architecture"), text[: found.start()], file)


def _check_directives(data: bytes, file: str) -> None:
    # Before libyaml sees them: it compares each %TAG with all before it; a text full of them takes minutes.
    if b"%" in data and (found := _DIRECTIVE.search(data)):
        hint = "remove the line; inside a longer text, indent it"
        problem = Problem("MP106", "a line begins with %: directives are not allowed", hint=hint)
        _refuse(problem, data[: found.end() - 1].decode(), file)


def _refuse(problem: Problem, before: str, file: str) -> NoReturn:
    """Raise `problem` at the place that follows `before`."""
    lines = _LINE_BREAK.split(before)
    place = Place(len(lines), len(lines[-1]) + 1, file)
    raise ArchitectureError(Problem(problem.code, problem.message, place, hint=problem.hint))
