"""Text -> tree with places, however broken the text is: what the editor's cursor stands in while a line is being written.

Of a text that `source.parse` takes this is the same tree. Of any other it is what the indentation and the brackets say:
a flow collection that is never closed ends where the next key of the mapping around it begins, a line that fits nowhere is
passed over. Nothing is judged here.
"""

from __future__ import annotations

import re

from modelpack.language_server.tree import Entry, Mapping, Sequence, Value, Word, end_of

__all__ = ["sketch"]

_MOST_CHARACTERS = 1 << 20
_DEEPEST = 64


def sketch(text: str) -> Value | None:
    """The tree of `text`; None of one without words, and of one that is too long for an editor to help with."""
    return _Sketcher(text).document() if len(text) <= _MOST_CHARACTERS else None


_SKIP = re.compile(r"(?:[ \t]+|\r\n?|\n|(?<![^\s,\[\]{}])#[^\r\n]*|(?<![^\r\n])(?:---|\.\.\.)(?=\s|\Z))+")
_REST_OF_LINE = re.compile(r"[^\r\n]*")
_BLANK_REST = re.compile(r"[ \t]*(?:(?<=[ \t:-])#[^\r\n]*)?(?=[\r\n]|\Z)")
_COLON = re.compile(r"[ \t]*:(?=\s|\Z)")
_FLOW_COLON = re.compile(r"\s*:(?=[\s,\[\]{}]|\Z)")
_JSON_COLON = re.compile(r"\s*:")
_DASH = re.compile(r"-(?=\s|\Z)")
_IN_BLOCK = r"(?:[^\s:#]|:(?=\S)|(?<=\S)#)"
_IN_FLOW = r"(?:[^\s:#,\[\]{}]|:(?=[^\s,\[\]{}])|(?<=[^\s,\[\]{}])#)"
_BLOCK_PLAIN = re.compile(rf"{_IN_BLOCK}(?:[ \t]*{_IN_BLOCK})*")
_FLOW_PLAIN = re.compile(rf"{_IN_FLOW}(?:[ \t]*{_IN_FLOW})*")
_SINGLE = re.compile(r"'((?:[^']|'')*)'")
_DOUBLE = re.compile(r'"((?:[^"\\]|\\.)*)"', re.DOTALL)
_FOLD = re.compile(r"[ \t]*(?:\r\n?|\n)\s*")
_LITERAL = re.compile(r"[|>][-+0-9]*[ \t]*(?:#[^\r\n]*)?(?=[\r\n]|\Z)")
_CLOSES = {"{": "}", "[": "]"}


class _Sketcher:
    """One pass over a text. What belongs to the innermost block mapping or list is further right than `_floor`, its column."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._line_start = 0
        self._floor = -1
        self._open: list[str] = []
        self._depth = 0

    def document(self) -> Value | None:
        self._skip()
        root: Value | None = None
        while self._at < len(self._text):
            found = self._block()
            root = root if isinstance(root, Mapping) else found
            if not isinstance(found, Mapping):
                self._at = self._line_end()
            self._skip()
        return root

    # -------------------------------------------------------------------------------------------- block style

    def _block(self) -> Value | None:
        """The mapping, list or scalar that begins here."""
        self._depth += 1
        floor, self._floor = self._floor, self._column()
        try:
            if self._depth > _DEEPEST:
                self._at = len(self._text)
                return None
            if _DASH.match(self._text, self._at):
                return self._block_sequence()
            return self._block_mapping(floor)
        finally:
            self._depth -= 1
            self._floor = floor

    def _block_sequence(self) -> Sequence:
        column, start, end = self._floor, self._at, self._at + 1
        items: list[Value | None] = []
        while self._at < len(self._text) and self._column() == column and _DASH.match(self._text, self._at):
            end = self._at + 1
            self._at = end
            items.append(self._value(same_column_sequence=False))
            end = max(end, end_of(items[-1]))
            self._next_line_token()
        return Sequence(tuple(items), start, end, is_flow=False)

    def _block_mapping(self, floor: int) -> Value | None:
        """A mapping, or a single value where the first thing is no key, which is then indented further than `floor`."""
        column, start = self._floor, self._at
        entries: list[Entry] = []
        behind = self._at
        while self._at < len(self._text) and self._column() == column:
            if self._text[self._at] in "{[" or _LITERAL.match(self._text, self._at):
                self._floor = floor
                single = self._scalar_or_flow()
                self._floor = column
                if not entries:
                    return single
                self._next_line_token()
                continue
            key = self._key()
            if key is None:
                self._at = self._line_end()
            elif match := _COLON.match(self._text, self._at):
                self._at = match.end()
                entries.append(Entry(key, self._value(same_column_sequence=True)))
            else:
                entries.append(Entry(key, None))
                if not _BLANK_REST.match(self._text, self._at):
                    self._at = self._line_end()
            behind = self._at
            self._next_line_token()
        if not any(_COLON.match(self._text, entry.key.end) for entry in entries):
            return self._single(entries, behind, floor)
        last = entries[-1]
        return Mapping(tuple(entries), start, max(last.key.end, end_of(last.value)), is_flow=False)

    def _single(self, entries: list[Entry], behind: int, floor: int) -> Word | None:
        """Lines without a colon are one scalar; of one line alone, which ends at `behind`, more may stand further right."""
        if not entries:
            return None
        first, last = entries[0].key, entries[-1].key
        if len(entries) > 1:
            told = " ".join(entry.key.value for entry in entries)
            return Word(told, first.start, last.end, first.quote, is_exact=False)
        self._at, self._line_start = behind, self._start_of_line(behind)
        return self._continued(first, floor)

    def _key(self) -> Word | None:
        if self._text[self._at] in "'\"":
            return self._quoted()
        match = _BLOCK_PLAIN.match(self._text, self._at)
        if match is None:
            return None
        self._at = match.end()
        return Word(match[0], *match.span())

    def _value(self, *, same_column_sequence: bool) -> Value | None:
        """What stands behind a key's colon or a dash: on the same line, or further right on those below."""
        if not _BLANK_REST.match(self._text, self._at):
            self._skip()
            if same_column_sequence:
                return self._scalar_or_flow()
            return self._block()
        self._skip()
        if self._at >= len(self._text):
            return None
        column = self._column()
        dash = same_column_sequence and column == self._floor and _DASH.match(self._text, self._at)
        return self._block() if column > self._floor or dash else None

    def _scalar_or_flow(self) -> Value | None:
        first = self._text[self._at]
        if first in "{[":
            return self._flow()
        if first in "'\"":
            return self._quoted()
        if _LITERAL.match(self._text, self._at):
            return self._literal()
        match = _BLOCK_PLAIN.match(self._text, self._at)
        if match is None:
            self._at = self._line_end()
            return None
        self._at = match.end()
        return self._continued(Word(match[0], *match.span()), self._floor)

    def _continued(self, word: Word, floor: int) -> Word:
        """A plain scalar with the lines that carry it on: they stand further right, and are no keys."""
        while not word.quote:
            before, line_start = self._at, self._line_start
            self._skip()
            more = _BLOCK_PLAIN.match(self._text, self._at)
            comment = "#" in self._text[before : self._at]
            is_key = more is not None and _COLON.match(self._text, more.end())
            if more is None or comment or is_key or self._column() <= floor or self._line_start == line_start:
                self._at, self._line_start = before, line_start
                break
            self._at = more.end()
            word = Word(f"{word.value} {more[0]}", word.start, more.end(), is_exact=False)
        return word

    def _literal(self) -> Word:
        """A text of several lines under `|` or `>`."""
        start = self._at
        end = self._at = self._line_end()
        while self._at < len(self._text):
            self._newline()
            rest = _REST_OF_LINE.match(self._text, self._at)
            line = rest[0] if rest else ""
            if line.strip() and len(line) - len(line.lstrip(" ")) <= self._floor:
                break
            self._at += len(line)
            end = self._at if line.strip() else end
        self._at, self._line_start = end, self._start_of_line(end)
        return Word(self._text[start:end], start, end, "|", is_exact=False)

    # --------------------------------------------------------------------------------------------- flow style

    def _flow(self) -> Value | None:
        """The collection whose bracket is here; it ends at its other bracket, or where it can't go on."""
        start = self._at
        opening = self._text[start]
        if len(self._open) + self._depth >= _DEEPEST:
            self._at = len(self._text)
            return None
        self._open.append(opening)
        self._at += 1
        entries: list[Entry] = []
        items: list[Value | None] = []
        while self._goes_on():
            character = self._text[self._at]
            if character == ",":
                self._at += 1
            elif character in "}]":
                if character == _CLOSES[opening]:
                    self._at += 1
                    break
                if any(_CLOSES[each] == character for each in self._open):
                    break
                self._at += 1
            elif opening == "{":
                entries += self._flow_entry()
            else:
                items.append(self._flow_item())
        self._open.pop()
        end = self._at
        if opening == "{":
            return Mapping(tuple(entries), start, end, is_flow=True)
        return Sequence(tuple(items), start, end, is_flow=True)

    def _flow_entry(self) -> list[Entry]:
        key = self._flow_value()
        value = self._behind_colon(key)
        if not isinstance(key, Word):
            return []
        return [Entry(key, value)]

    def _flow_item(self) -> Value | None:
        item = self._flow_value()
        if not isinstance(item, Word) or not _FLOW_COLON.match(self._text, self._at):
            return item
        value = self._behind_colon(item)
        return Mapping(
            (Entry(item, value),), item.start, max(item.end, end_of(value), self._at), is_flow=True
        )

    def _behind_colon(self, key: Value | None) -> Value | None:
        quoted = isinstance(key, Word) and key.quote
        match = (_JSON_COLON if quoted else _FLOW_COLON).match(self._text, self._at)
        if match is None or not self._stays(match.end()):
            return None
        self._at = match.end()
        if not self._goes_on() or self._text[self._at] in ",]}":
            return None
        return self._flow_value()

    def _flow_value(self) -> Value | None:
        first = self._text[self._at]
        if first in "{[":
            return self._flow()
        if first in "'\"":
            return self._quoted()
        match = _FLOW_PLAIN.match(self._text, self._at)
        if match is None:
            self._at += 1
            return None
        self._at = match.end()
        word = Word(match[0], *match.span())
        while self._goes_on() and self._line_start > word.end:
            more = _FLOW_PLAIN.match(self._text, self._at)
            if more is None:
                break
            self._at = more.end()
            word = Word(f"{word.value} {more[0]}", word.start, more.end(), is_exact=False)
        return word

    def _goes_on(self) -> bool:
        """Whether the flow collection has more: not where the next line is a key of the mapping around it."""
        before, line_start = self._at, self._line_start
        self._skip()
        if self._at >= len(self._text):
            return False
        if self._line_start == line_start or self._column() > self._floor or not self._begins_key():
            return True
        self._at, self._line_start = before, line_start
        return False

    def _stays(self, end: int) -> bool:
        """Whether no line ends before `end`."""
        return not any(each in "\r\n" for each in self._text[self._at : end])

    def _begins_key(self) -> bool:
        for pattern in (_BLOCK_PLAIN, _SINGLE, _DOUBLE):
            match = pattern.match(self._text, self._at)
            if match is not None:
                return _COLON.match(self._text, match.end()) is not None
        return False

    # ------------------------------------------------------------------------------------------------- words

    def _quoted(self) -> Word:
        """A text in quotes. One that doesn't end before the mapping around it goes on ends with its line."""
        start = self._at
        quote = self._text[start]
        match = (_SINGLE if quote == "'" else _DOUBLE).match(self._text, start)
        if match is None or not self._is_inside(match[0]):
            end = self._line_end()
            self._at = end
            return Word(self._text[start + 1 : end], start, end, quote, is_exact=False)
        self._at = match.end()
        raw = match[1]
        last = max(raw.rfind("\n"), raw.rfind("\r"))
        if last >= 0:
            self._line_start = start + 2 + last
        value = _FOLD.sub(" ", raw)
        value = value.replace("''", "'") if quote == "'" else _unescaped(value)
        return Word(value, start, match.end(), quote, is_exact=value == raw)

    def _is_inside(self, quoted: str) -> bool:
        lines = re.split(r"\r\n?|\n", quoted)[1:]
        return all(not line.strip() or len(line) - len(line.lstrip()) > self._floor for line in lines)

    # ------------------------------------------------------------------------------------------------- places

    def _column(self) -> int:
        return self._at - self._line_start

    def _line_end(self) -> int:
        match = _REST_OF_LINE.match(self._text, self._at)
        return match.end() if match else len(self._text)

    def _newline(self) -> None:
        if self._at < len(self._text):
            self._at += 2 if self._text.startswith("\r\n", self._at) else 1
            self._line_start = self._at

    def _skip(self) -> None:
        """On to the next thing that isn't blank or a comment."""
        match = _SKIP.match(self._text, self._at)
        if match is None:
            return
        start, self._at = match.span()
        last = max(self._text.rfind("\n", start, self._at), self._text.rfind("\r", start, self._at))
        if last >= 0:
            self._line_start = last + 1

    def _next_line_token(self) -> None:
        """To the first thing on a later line that isn't indented further than what is being read: between, all is passed over."""
        while self._at < len(self._text):
            begins = not self._text[self._line_start : self._at].strip(" \t")
            if begins and self._text[self._at] not in " \t\r\n#" and self._column() <= self._floor:
                return
            before = self._at
            self._skip()
            if self._at == before:
                self._at = self._line_end()

    def _start_of_line(self, at: int) -> int:
        return max(self._text.rfind("\n", 0, at), self._text.rfind("\r", 0, at)) + 1


_ESCAPE = re.compile(r"\\(x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|.)", re.DOTALL)
_ESCAPED = {
    "n": "\n",
    "t": "\t",
    "r": "\r",
    "0": "\0",
    "e": "\x1b",
    "a": "\a",
    "b": "\b",
    "v": "\v",
    "f": "\f",
}


def _unescaped(text: str) -> str:
    if "\\" not in text:
        return text
    return _ESCAPE.sub(_escape, text)


def _escape(match: re.Match[str]) -> str:
    told = match[1]
    if len(told) == 1:
        return _ESCAPED.get(told, told)
    code = int(told[1:], 16)
    return chr(code) if code < 0x110000 else "\ufffd"
