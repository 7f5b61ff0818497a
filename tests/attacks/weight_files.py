"""Hostile weight files: what is wrong, a function that makes the file, the code that it is refused with."""

from __future__ import annotations

import json
from collections.abc import Callable

F32 = {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}


def framed(header: bytes, data: bytes = b"") -> bytes:
    header += b" " * (-len(header) % 8)
    return len(header).to_bytes(8, "little") + header + data


def of(entries: object, data: bytes = bytes(8)) -> Callable[[], bytes]:
    return lambda: framed(json.dumps(entries).encode(), data)


def one(data: bytes = bytes(4), name: str = "a", **changes: object) -> Callable[[], bytes]:
    return of({name: F32 | changes}, data)


def two(first: list[int], second: list[int], size: int = 8) -> Callable[[], bytes]:
    return of({"a": F32 | {"data_offsets": first}, "b": F32 | {"data_offsets": second}}, bytes(size))


def raw(header: str, data: bytes = bytes(4)) -> Callable[[], bytes]:
    return lambda: framed(header.encode(), data)


MANY = {f"t{k}": {"dtype": "U8", "shape": [0], "data_offsets": [0, 0]} for k in range(100_001)}
ENTRY = '{"dtype":"F32","shape":[1],"data_offsets":[0,4]}'

ATTACKS: list[tuple[str, Callable[[], bytes], str | None]] = [
    ("empty file", lambda: b"", "MP530"),
    ("half a length", lambda: bytes(7), "MP530"),
    ("length of 2^64 - 1", lambda: b"\xff" * 8, "MP531"),
    ("length over the cap, sparse", lambda: (100_000_001).to_bytes(8, "little"), "MP531"),
    ("length beyond the file", lambda: (1000).to_bytes(8, "little") + b"{}      ", "MP532"),
    ("header of zero bytes", lambda: bytes(8), "MP534"),
    ("not UTF-8", lambda: framed(b'{"\xff":1}'), "MP533"),
    ("a list", raw("[]"), "MP534"),
    ("leading space", raw(" {}"), "MP534"),
    ("two documents", raw("{}{}"), "MP534"),
    ("NUL after the header", raw("{}\0"), "MP534"),
    ("NaN", raw('{"a":{"dtype":"F32","shape":[NaN],"data_offsets":[0,4]}}'), "MP534"),
    ("integer of 5,000 digits", raw(f'{{"a":{{"dtype":"F32","shape":[{"9" * 5000}],"data_offsets":[0,4]}}}}'), "MP534"),
    ("the same tensor twice", raw(f'{{"a":{ENTRY},"a":{ENTRY}}}'), "MP535"),
    ("the same tensor twice, once escaped", raw(f'{{"a":{ENTRY},"\\u0061":{ENTRY}}}'), "MP535"),
    ("dtype twice", raw('{"a":{"dtype":"F32","dtype":"U8","shape":[1],"data_offsets":[0,4]}}'), "MP535"),
    ("metadata twice", raw('{"__metadata__":{},"__metadata__":{}}'), "MP535"),
    ("a million lists in lists", raw("{" + '"a":' + "[" * 1_000_000), "MP536"),
    ("100,000 lists in lists", raw("{" + '"a":' + "[" * 100_000), "MP536"),
    ("objects nested 50,000 deep", raw('{"a":' * 50_000), "MP536"),
    ("5 million empty lists", lambda: framed(b'{"a":[' + b"[]," * 5_000_000 + b"[]]}"), "MP536"),
    ("7 million numbers", lambda: framed(b'{"a":[' + b"0," * 7_000_000 + b"0]}"), "MP536"),
    ("metadata isn't an object", of({"__metadata__": []}), "MP537"),
    ("metadata of a number", of({"__metadata__": {"a": 1}}), "MP537"),
    ("an entry that is a list", of({"a": []}), "MP538"),
    ("an entry without shape", of({"a": {"dtype": "F32", "data_offsets": [0, 4]}}), "MP538"),
    ("an entry with a module to import", one(module="os"), "MP538"),
    ("unknown dtype", one(dtype="Q4_K"), "MP539"),
    ("dtype in lower case", one(dtype="f32"), "MP539"),
    ("dtype that is a list", one(dtype=["F32"]), "MP539"),
    ("negative size", one(shape=[-1]), "MP540"),
    ("two negative sizes", one(shape=[-1, -1]), "MP540"),
    ("size that is true", one(shape=[True]), "MP540"),
    ("size that is a float", one(shape=[1.0]), "MP540"),
    ("size of 2^63", one(shape=[2**63]), "MP540"),
    ("65 axes", one(shape=[1] * 65), "MP540"),
    ("shape that is a number", one(shape=1), "MP540"),
    ("product that wraps to 4 in 64 bits", one(shape=[2**32, 2**32, 1]), "MP541"),
    ("product that overflows beside a 0", one(b"", shape=[2**62, 2**62, 0], data_offsets=[0, 0]), "MP541"),
    ("10^12 elements", one(shape=[10**6, 10**6]), "MP544"),
    ("half a byte", one(dtype="F4", shape=[1], data_offsets=[0, 0]), "MP542"),
    ("three quarters of a byte", one(b"\0", dtype="F6_E2M3", shape=[1], data_offsets=[0, 1]), "MP542"),
    ("three offsets", one(data_offsets=[0, 4, 8]), "MP543"),
    ("negative offset", one(data_offsets=[-4, 0]), "MP543"),
    ("offsets in reverse", one(data_offsets=[4, 0]), "MP543"),
    ("offsets of 2^64", one(data_offsets=[2**64, 2**64 + 4]), "MP543"),
    ("offsets that are true", one(b"\0", dtype="U8", data_offsets=[False, True]), "MP543"),
    ("offsets span too little", one(data_offsets=[0, 2]), "MP544"),
    ("the same bytes twice", two([0, 4], [0, 4], 4), "MP545"),
    ("overlap by a part", of({"a": F32 | {"dtype": "U8", "shape": [4]}, "b": F32 | {"dtype": "U8", "shape": [4],
     "data_offsets": [2, 6]}}, bytes(6)), "MP545"),
    ("a hole", two([0, 4], [8, 12], 12), "MP546"),
    ("a hole at the beginning", one(bytes(8), data_offsets=[4, 8]), "MP546"),
    ("data beyond the file", one(bytes(3)), "MP547"),
    ("an exabyte beyond the file", one(dtype="U8", shape=[10**18], data_offsets=[0, 10**18]), "MP547"),
    ("trailing data", one(bytes(5)), "MP548"),
    ("no tensor, yet data", of({}, bytes(8)), "MP548"),
    ("misaligned element", of({"a": {"dtype": "U8", "shape": [1], "data_offsets": [0, 1]}, "b": F32 | {
     "data_offsets": [1, 5]}}, bytes(5)), "MP549"),
    ("misaligned header", lambda: (3).to_bytes(8, "little") + b"{ }", "MP549"),
    ("a way out of the folder", one(name="../../etc/passwd"), "MP550"),
    ("dots between slashes", one(name="a/../b"), "MP550"),
    ("absolute name", one(name="/etc/passwd"), "MP550"),
    ("backslash", one(name="a\\b"), "MP550"),
    ("NUL in a name", one(name="a\0b"), "MP550"),
    ("escape sequence in a name", one(name="\x1b[2J"), "MP550"),
    ("half a surrogate pair", one(name="\ud800"), "MP550"),
    ("empty name", one(name=""), "MP550"),
    ("name of 2,000 bytes", one(name="n" * 2000), "MP550"),
    ("100,001 tensors", of(MANY, b""), "MP551"),
]  # fmt: skip
