"""Hostile sizes: few characters that ask for huge numbers, deep expressions, long lists or many axes."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from modelpack.checker import check_text
from modelpack.console import human_bytes
from modelpack.costs import costs
from modelpack.summary import summarize
from tests.attacks.harness import attack

HEAD = "modelpack: 1\nname: a\ninputs:\n  x: {dtype: float32, shape: [batch, 8]}\n"
INTEGERS = HEAD.replace("float32", "int64")
LARGEST = 2**63 - 1
LONG = 1 << 36


def one(line: str, head: str = HEAD) -> str:
    return f"{head}layers:\n  a: {line}\n"


def after_zeros(size: object, line: str) -> str:
    return f"{HEAD}layers:\n  z: {{zeros: {{size: [{size}]}}}}\n  a: {line}\n"


def of_shape(axes: list[object], line: str) -> str:
    return one(line, HEAD.replace("batch, 8", ", ".join(map(str, axes))))


def products(count: int) -> str:
    lines = [
        f"  a{n}: {{zeros: {{size: ['(a+b+c+d)*(a+b+c+{n})*(a+b+d+1)*(c+d+a+2)']}}}}\n" for n in range(count)
    ]
    return f"{HEAD}  y: {{dtype: float32, shape: [a, b, c, d]}}\nlayers:\n{''.join(lines)}"


def growing(line: str) -> str:
    return HEAD.replace("8]", "0, 8]") + "layers:\n" + "".join(f"  a{n}: {line}\n" for n in range(300))


def power() -> str:
    block = "    arguments: {n: int}\n    inputs: {x: {}}\n    layers:\n"
    block += f"      a: {{add: {{other: {'*'.join(['$n'] * 12)}}}}}\n"
    return f"{HEAD}blocks:\n  B:\n{block}layers:\n  a: {{use: B, with: {{n: {LARGEST}}}}}\n"


def nested(name: str) -> str:
    return one(
        "{slice: {dim: 0, start: 0, end: 5, step: 7}, repeat: 30}",
        HEAD.replace("batch", f"{name} // 3 * {name}"),
    )


ONES: list[object] = [1] * 64

# name, the text, the expected code
ATTACKS: list[tuple[str, Callable[[], str], str]] = [
    ("a size nested forty times", lambda: one("{slice: {dim: 0, start: 0, end: 5, step: 1}, repeat: 40}"), "MP335"),
    ("the text of a size nested deep", lambda: one("{slice: {dim: 0, start: -5, step: 2}, repeat: 40}"), "MP335"),
    ("two thousand products of sums", lambda: products(2000), "MP209"),
    ("an axis that grows by 63 bits", lambda: growing(f"{{tile: {{repeats: [1, 1, {LARGEST}]}}}}"), "MP333"),
    ("a coefficient that grows by 63 bits", lambda: growing(f"{{tile: {{repeats: [{LARGEST}, 1, 1]}}}}"), "MP335"),
    ("a product of 64 axes of 63 bits", lambda: of_shape([LARGEST] * 64, "{flatten: {}}"), "MP333"),
    ("an axis of 10,000 bits", lambda: of_shape(["*".join([str(LARGEST)] * 12)], "{ReLU: {}}"), "MP217"),
    ("an axis of 256 digits", lambda: of_shape(["'" + "9" * 256 + "'"], "{ReLU: {}}"), "MP217"),
    ("a number of 256 digits as text", lambda: one("{add: {other: '" + "9" * 256 + "'}}"), "MP209"),
    ("an argument to the power of twelve", power, "MP335"),
    ("the slices of a very long axis", lambda: after_zeros(LONG, "{unbind: {}}"), "MP304"),
    ("pieces of one element of a very long axis", lambda: after_zeros(LONG, "{split: {split_size: 1}}"), "MP304"),
    ("very many chunks", lambda: after_zeros(LONG, f"{{chunk: {{chunks: {1 << 62}}}}}"), "MP304"),
    ("very many chunks of nothing", lambda: after_zeros(0, f"{{chunk: {{chunks: {1 << 62}}}}}"), "MP304"),
    ("very many sections", lambda: after_zeros(LONG, f"{{tensor_split: {{sections: {1 << 62}}}}}"), "MP304"),
    ("an input of ten thousand axes", lambda: of_shape([1] * 10_000, "{squeeze: {}}"), "MP302"),
    ("a raw tensor of ten thousand axes", lambda: f"{one('{ReLU: {}}')}parameters: {{w: {{shape: {[1] * 10_000}}}}}\n", "MP302"),
    ("an axis too many", lambda: of_shape(ONES, "{unsqueeze: {dim: 0}}"), "MP302"),
    ("ten thousand axes by reshape", lambda: one(f"{{reshape: {{shape: {[1] * 10_000}}}}}"), "MP302"),
    ("ten thousand axes by expand", lambda: one(f"{{expand: {{size: {[8] * 10_000}}}}}"), "MP302"),
    ("ten thousand axes by tile", lambda: one(f"{{tile: {{repeats: {[1] * 10_000}}}}}"), "MP302"),
    ("an axis with each repetition", lambda: one("{one_hot: {num_classes: 1}, repeat: 200}", INTEGERS), "MP302"),
    ("an LSTM of 4,096 layers", lambda: one("{LSTM: {input_size: 8, hidden_size: 1, num_layers: 4096}}"), "MP209"),
    ("parameters that are integers", lambda: one("{RMSNorm: {normalized_shape: [8], dtype: int8}}"), "MP306"),
    ("an embedding of integers", lambda: one("{Embedding: {num_embeddings: 9, embedding_dim: 8, dtype: int64}}", INTEGERS),
     "MP306"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "code"), [case[1:] for case in ATTACKS], ids=[case[0] for case in ATTACKS])
def test_refused(text, code):
    attack(check_text, text(), code)


@pytest.mark.parametrize("name", ["n", "n" * 100])
def test_nested_and_cheap(name):
    attack(check_text, nested(name), "MP335")


def test_bytes_beyond_all_floats_can_be_told():
    assert human_bytes(10**400).endswith(",000 TB")


def summed_up(text: str) -> None:
    network = check_text(text)
    summarize(network)
    assert sum(1 for _ in costs(network).rows()) == 6_000


def test_many_uses_that_give_many_tensors():
    block = f"blocks:\n  B:\n    layers: {{a: {{ReLU: {{}}}}}}\n    inputs: {{x: {{}}}}\n    outputs: [{'a, ' * 3_000}]\n"
    uses = "".join(f"  b{at}: {{use: B, inputs: [x]}}\n" for at in range(3_000))
    attack(summed_up, f"{HEAD}{block}layers:\n{uses}", None)
