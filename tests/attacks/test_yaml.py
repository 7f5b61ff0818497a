"""Hostile YAML: each text is refused with its code, fast, in little memory, and nothing happens besides."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from modelpack import source
from tests.attacks.harness import attack

FILES = Path(__file__).parent / "yaml"
MIB = 1 << 20


def filled(unit: str, before: str = "", after: str = "", size: int = 8 * MIB) -> bytes:
    """`unit` again and again between `before` and `after`, up to `size` bytes."""
    return (before + unit * ((size - len(before) - len(after)) // len(unit.encode())) + after).encode()


def billion_laughs() -> bytes:
    lines = ['a0: &a0 ["lol"]']
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 10)]
    return "\n".join(lines).encode()


def merge_chain() -> bytes:
    """Hangs PyYAML's safe_load for hours in under 1 KB."""
    lines = ["- &a0 {k: v}"]
    lines += [f"- &a{n} {{<<: [*a{n - 1}, *a{n - 1}]}}" for n in range(1, 30)]
    return "\n".join(lines).encode()


def deeper_and_deeper() -> bytes:
    return "".join(f"{' ' * depth}a:\n" for depth in range(3000)).encode()


def tag_directives() -> bytes:
    """libyaml compares each with all before: quadratic."""
    return "".join(f"%TAG !a{n}! x\n" for n in range(300_000)).encode() + b"--- a"


def distinct_keys() -> bytes:
    return ("{" + ", ".join(f"a{n}: " for n in range(600_000)) + "}").encode()


def same_hash() -> bytes:
    """Numbers as keys whose hashes collide in CPython; as texts they don't."""
    return ("{" + ", ".join(f'"{n * (2**61 - 1)}": 0' for n in range(50_000)) + "}").encode()


# name, the text, the expected code (None: it is a harmless text that must stay cheap)
GENERATED: list[tuple[str, Callable[[], bytes], str | None]] = [
    ("billion laughs", billion_laughs, "MP109"),
    ("merge chain", merge_chain, "MP110"),
    ("flow sequences nested 100,000 deep", lambda: b"[" * 100_000, "MP121"),
    ("flow mappings nested 100,000 deep", lambda: b"{a: " * 100_000, "MP121"),
    ("block sequences nested 100,000 deep", lambda: b"- " * 100_000, "MP121"),
    ("block mappings nested 3,000 deep", deeper_and_deeper, "MP121"),
    ("explicit keys nested 100,000 deep", lambda: b"? " * 100_000, "MP111"),
    ("mappings as keys nested 100,000 deep", lambda: b"{" * 100_000, "MP111"),
    ("nested up to the limit, then wide", lambda: filled("1,", "[" * 64, "]" * 64), "MP122"),
    ("closing brackets", lambda: filled("]"), "MP101"),
    ("a million empty mappings", lambda: b"[" + b"{}," * 1_000_000 + b"]", "MP122"),
    ("a million empty sequences", lambda: b"[" + b"[]," * 1_000_000 + b"]", "MP122"),
    ("a million mappings of one key", lambda: b"[" + b"{a: }," * 1_000_000 + b"]", "MP122"),
    ("a million pairs in a sequence", lambda: b"[" + b"a: ," * 1_000_000 + b"]", "MP122"),
    ("two million nulls", lambda: filled("\n-", "-"), "MP122"),
    ("distinct keys", distinct_keys, "MP122"),
    ("keys with equal hashes as numbers", same_hash, None),
    ("the same key a million times", lambda: filled("a: 1\n"), "MP113"),
    ("tags a million times", lambda: filled("!x 1,", "[", "]"), "MP107"),
    ("anchors a million times", lambda: filled("&a 1,", "[", "]"), "MP108"),
    ("documents a million times", lambda: filled("--- a\n"), "MP105"),
    ("tag directives", tag_directives, "MP106"),
    ("longer than the limit", lambda: b"#" * (8 * MIB + 1), "MP120"),
    ("1 GB of text in a str of one word", lambda: b"a" * (64 * MIB), "MP120"),
    ("plain text of 8 MB", lambda: filled("x"), "MP123"),
    ("quoted text of 8 MB", lambda: filled("x", "a: '", "'"), "MP123"),
    ("escapes of 8 MB", lambda: filled("\\U0001F600", 'a: "', '"'), None),
    ("short escapes of 8 MB", lambda: filled("\\n", 'a: "', '"'), "MP123"),
    ("literal text of 8 MB", lambda: filled("  x\n", "a: |\n"), "MP123"),
    ("folded words over a million lines", lambda: filled("x\n ", "a: ", "y"), "MP123"),
    ("four bytes a character", lambda: filled("#\U0001f600\n", "a: 1\n"), None),
    ("a comment of 8 MB", lambda: filled("#"), "MP104"),
    ("8 MB of empty lines", lambda: filled("\n", "a: 1"), None),
    ("8 MB of blanks", lambda: filled(" ", "a: 1"), None),
    ("a key of 1,000 characters", lambda: b"k" * 1000 + b": 1", "MP124"),
    ("a quoted key of 8 MB", lambda: filled("k", '? "', '"'), "MP124"),
    ("an integer of 1,000,000 digits", lambda: b"a: " + b"9" * 1_000_000, "MP116"),
    ("a float of 1,000,000 digits", lambda: b"a: 0." + b"3" * 1_000_000, "MP116"),
    ("an exponent of 1,000,000 digits", lambda: b"a: 1e" + b"9" * 1_000_000, "MP116"),
    ("a million combining marks in a key", lambda: ("a" + "\u0301\u0323" * 60 + ": 1").encode(), "MP114"),
    ("UTF-16 with a mark", lambda: "a: 1".encode("utf-16"), "MP102"),
    ("UTF-16 without a mark", lambda: "a: 1".encode("utf-16-le"), "MP103"),
    ("UTF-32 with a mark", lambda: "a: 1".encode("utf-32"), "MP102"),
    ("UTF-8 with a mark", lambda: "a: 1".encode("utf-8-sig"), "MP102"),
    ("a surrogate in UTF-8", lambda: b"a: \xed\xa0\x80", "MP102"),
    ("an overlong slash", lambda: b"a: \xc0\xaf", "MP102"),
    ("a lone continuation byte", lambda: b"a: \x80", "MP102"),
    ("cut inside a character", lambda: b"a: \xf0\x9f\x98", "MP102"),
    ("NUL", lambda: b"a: b\0c", "MP103"),
    ("an escape sequence for the terminal", lambda: b"a: \x1b[2J", "MP103"),
    ("a line break only YAML 1.1 knows", lambda: "a: b\u2028c: d".encode(), "MP103"),
    ("nothing", lambda: b"", "MP104"),
    ("a tag of surrogates", lambda: b"!%ED%A0%80 a", "MP101"),
]

# The file's name tells the code: `MP107-python-object.yaml`
STORED = sorted(FILES.glob("*.yaml"))


@pytest.mark.parametrize(("make", "code"), [pytest.param(m, c, id=n) for n, m, c in GENERATED])
def test_generated(make: Callable[[], bytes], code: str | None) -> None:
    attack(source.parse, make(), code)


@pytest.mark.parametrize("path", STORED, ids=lambda path: path.stem)
def test_stored(path: Path) -> None:
    attack(source.parse, path.read_bytes(), path.stem[:5])


def test_the_files_are_there() -> None:
    assert len(STORED) >= 22
