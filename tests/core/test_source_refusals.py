"""Each refusal of a YAML text, word by word."""

from __future__ import annotations

import pytest

from modelpack.errors import CODES, ArchitectureError
from modelpack.source import Limits, parse

SMALL = Limits(bytes=200, nodes=12, depth=3, scalar=20, key=8)

REFUSALS: list[tuple[str | bytes, str]] = [
    (
        "a: [1, 2",
        "net.yaml:2:1: MP101 this is not valid YAML: did not find expected ',' or ']' "
        "(while parsing a flow sequence, which begins at 1:4)",
    ),
    (
        "a:\n\t- b",
        "net.yaml:2:1: MP101 this is not valid YAML: found character that cannot start any token\n"
        "    hint: indent with spaces, not with tabs; put a text that begins with @, ` or % in quotes",
    ),
    (
        "a: b: c",
        "net.yaml:1:5: MP101 this is not valid YAML: mapping values are not allowed in this context\n"
        "    hint: put a text that holds ': ' in quotes; begin all keys of a mapping in the same column",
    ),
    (
        "a:\n   b: 1\n  c: 2\n  d: 3",
        "net.yaml:2:4: MP101 this is not valid YAML: this line begins in column 4, line 3 in column 3\n"
        "    hint: begin all keys of a mapping in the same column",
    ),
    (
        "a:\n   b: 1\n  c: 2",
        "net.yaml:3:3: MP101 this is not valid YAML: did not find expected key "
        "(while parsing a block mapping, which begins at 1:1)\n"
        "    hint: begin all keys of a mapping in the same column: this line may be right and one before it wrong",
    ),
    (
        " a: 1\nb: 2",
        "net.yaml:2:1: MP101 this is not valid YAML: did not find expected <document start>\n"
        "    hint: begin all keys of a mapping in the same column, the first too",
    ),
    (
        "name: @x",
        "net.yaml:1:7: MP101 this is not valid YAML: found character that cannot start any token\n"
        "    hint: indent with spaces, not with tabs; put a text that begins with @, ` or % in quotes",
    ),
    (
        "!%ED%A0%80 a",
        "net.yaml:1:1: MP101 this is not valid YAML: a tag or a character can't be read",
    ),
    (
        b"\xef\xbb\xbfa: 1",
        "net.yaml:1:1: MP102 the text begins with a byte-order mark\n"
        "    hint: save it as UTF-8 without a byte-order mark",
    ),
    (
        b"\xff\xfea\x00",
        "net.yaml:1:1: MP102 the text is UTF-16 or UTF-32\n"
        "    hint: save it as UTF-8 without a byte-order mark",
    ),
    (
        b"a: \xff",
        "net.yaml:1:4: MP102 the byte 0xff is not UTF-8\n    hint: save it as UTF-8",
    ),
    (
        "a: \udc00",
        "net.yaml:1:4: MP102 the byte 0xed is not UTF-8\n    hint: save it as UTF-8",
    ),
    (
        "a: \x00",
        "net.yaml:1:4: MP103 the character U+0000 is not allowed in an architecture",
    ),
    (
        'a: "\\e"',
        "net.yaml:1:4: MP103 a: the character U+001B is not allowed in a text",
    ),
    (
        '"a\\n": 1',
        "net.yaml:1:1: MP103 the character U+000A is not allowed in a key",
    ),
    (
        "a:\u2028",
        "net.yaml:1:3: MP103 the character U+2028 is not allowed in an architecture",
    ),
    (
        "",
        "net.yaml:1:1: MP104 the document is empty",
    ),
    (
        "# only a comment",
        "net.yaml:1:1: MP104 the document is empty",
    ),
    (
        "---",
        "net.yaml:1:1: MP104 the document is empty",
    ),
    (
        "a: 1\n---\nb: 2",
        "net.yaml:2:1: MP105 a second document begins: a text holds one",
    ),
    (
        "%YAML 1.2\n---\na: 1",
        "net.yaml:1:1: MP106 a line begins with %: directives are not allowed\n"
        "    hint: remove the line; inside a longer text, indent it",
    ),
    (
        "a: !!python/name:os.system",
        "net.yaml:1:4: MP107 a: the tag '!!python/name:os.system' is not allowed\n    hint: leave it out",
    ),
    (
        "- !x {}",
        "net.yaml:1:3: MP107 0: the tag '!x' is not allowed\n    hint: leave it out",
    ),
    (
        "a: &b 1",
        "net.yaml:1:4: MP108 a: the anchor '&b' is not allowed\n"
        "    hint: leave it out; where it is used, write the value out",
    ),
    (
        "a: [1, *b]",
        "net.yaml:1:8: MP109 a.1: the alias '*b' is not allowed\n"
        "    hint: write the value out, or use a block for layers that repeat",
    ),
    (
        "a: {<<: 1}",
        "net.yaml:1:5: MP110 a: the merge key << is not allowed\n"
        "    hint: write the keys out, or use a block for layers that repeat",
    ),
    (
        "? [a]\n: 1",
        "net.yaml:1:3: MP111 a sequence is used as a key\n    hint: write it in quotes if it is a text",
    ),
    (
        "{a: 1}: 2",
        "net.yaml:1:1: MP111 a mapping is used as a key\n    hint: write it in quotes if it is a text",
    ),
    (
        "a: {0: x}",
        "net.yaml:1:5: MP112 a: a key must be a text, but 0 is a number\n    hint: write '0' in quotes",
    ),
    (
        "yes: 1\nnull: 2",
        "net.yaml:2:1: MP112 a key must be a text, but null is null\n    hint: write 'null' in quotes",
    ),
    (
        "TRUE: 1",
        "net.yaml:1:1: MP112 a key must be a text, but TRUE is a truth value\n"
        "    hint: write 'TRUE' in quotes",
    ),
    (
        "010: 1",
        "net.yaml:1:1: MP112 a key must be a text, but 010 is a number\n    hint: write '010' in quotes",
    ),
    (
        "a: 1\nb: {c: 1}\n'a': 2",
        "net.yaml:3:1: MP113 the key 'a' is given twice in this mapping, first at net.yaml:1:1",
    ),
    (
        "é: 1",
        "net.yaml:1:1: MP114 the key 'e\\u0301' is not in Unicode normal form C\n"
        "    hint: write it as '\\xe9'",
    ),
    (
        "a: [010]",
        "net.yaml:1:5: MP115 a.0: the number 010 begins with 0, which some YAML readers take for octal\n"
        "    hint: leave out the leading zeros, or write it in quotes if it is a text",
    ),
    (
        "a: 0o17",
        "net.yaml:1:4: MP115 a: the number 0o17 is octal or hexadecimal, which YAML readers read differently\n"
        "    hint: write it in decimal, or in quotes if it is a text",
    ),
    (
        "a: 0x1F",
        "net.yaml:1:4: MP115 a: the number 0x1F is octal or hexadecimal, which YAML readers read differently\n"
        "    hint: write it in decimal, or in quotes if it is a text",
    ),
    (
        "a: -00",
        "net.yaml:1:4: MP115 a: the number -00 begins with 0, which some YAML readers take for octal\n"
        "    hint: leave out the leading zeros, or write it in quotes if it is a text",
    ),
    (
        "a: 9223372036854775808",
        "net.yaml:1:4: MP116 a: the integer 9223372036854775808 does not fit into 64 bits",
    ),
    (
        "a: 99999999999999999999",
        "net.yaml:1:4: MP116 a: the integer 99999999999999999999 does not fit into 64 bits",
    ),
    (
        "a: 1e400",
        "net.yaml:1:4: MP116 a: the number 1e400 is too large for a 64-bit float\n"
        "    hint: write .inf or -.inf if infinity is meant",
    ),
    (
        "a: 1e-400",
        "net.yaml:1:4: MP116 a: the number 1e-400 is too small for a 64-bit float\n"
        "    hint: write 0.0 if zero is meant",
    ),
    (
        "a" * 201,
        "net.yaml:1:1: MP120 the text is longer than 200 bytes",
    ),
    (
        "[[[[1]]]]",
        "net.yaml:1:4: MP121 more than 3 collections are nested",
    ),
    (
        "[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]",
        "net.yaml:1:37: MP122 the text has more than 12 keys and values\n"
        "    hint: use blocks and repeat, or give larger limits if the text is trusted",
    ),
    (
        "a: xxxxxxxxxxxxxxxxxxxxx",
        "net.yaml:1:4: MP123 a value has 21 characters, the most is 20",
    ),
    (
        "a: 'xxxxxxxxxxxxxxxxxxxxx'",
        "net.yaml:1:4: MP123 a value has 21 characters, the most is 20",
    ),
    (
        "abcdefghi: 1",
        "net.yaml:1:1: MP124 a key has 9 characters, the most is 8",
    ),
]


@pytest.mark.parametrize(("text", "expected"), REFUSALS)
def test_refusals(text: str | bytes, expected: str) -> None:
    with pytest.raises(ArchitectureError) as caught:
        parse(text, "net.yaml", SMALL)
    assert str(caught.value) == expected


def test_every_code_of_the_text_is_shown_above() -> None:
    shown = {
        line.split()[1] for _, message in REFUSALS for line in message.splitlines() if "net.yaml:" in line
    }
    assert shown == {code for code in CODES if code.startswith("MP1")}
