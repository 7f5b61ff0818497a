"""Hostile architectures: valid YAML that asks for too much, or for what no file may ask."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from modelpack.checker import check_text
from tests.attacks.harness import attack

HEAD = "modelpack: 1\nname: attack\ninputs:\n  x: {dtype: float32, shape: [batch, 20]}\n"


def chain(depth: int, last: str, uses: int = 1) -> str:
    """Blocks B0, B1, … each using the next one `uses` times; the last has the layer `last`."""
    written = ["blocks:"]
    for number in range(depth):
        written += [f"  B{number}:", "    inputs: {x: {}}", "    layers:"]
        written += [f"      u{use}: {{use: B{number + 1}}}" for use in range(uses)]
    written += [f"  B{depth}:", "    inputs: {x: {}}", "    layers:", f"      a: {last}"]
    return HEAD + "\n".join(written) + "\nlayers:\n  a: {use: B0}\n"


def many(line: str, count: int) -> str:
    return HEAD + "layers:\n" + "".join(f"  a{number}: {line}\n" for number in range(count))


def one(line: str, head: str = HEAD) -> str:
    return f"{head}layers:\n  a: {line}\n"


def multiplying_dimensions() -> str:
    axes = ", ".join(f"d{number} + 1" for number in range(12))
    known = "".join(f"  y{n}: {{dtype: float32, shape: [d{n}]}}\n" for n in range(12))
    return f"{HEAD}  y: {{dtype: float32, shape: [{axes}]}}\n{known}layers:\n  a: {{Flatten: {{start_dim: 0}}, inputs: [y]}}\n"


def squaring_dimensions() -> str:
    """Each layer's size is a sum of two quotients of the size before: written out it doubles."""
    written = [
        f"{HEAD}  y: {{dtype: float32, shape: [batch, 3, length]}}",
        "layers:",
        "  a0: {Identity: {}, inputs: [y]}",
    ]
    for number in range(60):
        written += [
            f"  p{number}: {{MaxPool1d: {{kernel_size: 2}}, inputs: [a{number}]}}",
            f"  q{number}: {{MaxPool1d: {{kernel_size: 3}}, inputs: [a{number}]}}",
            f"  a{number + 1}: {{cat: {{dim: 2}}, inputs: [p{number}, q{number}]}}",
        ]
    return "\n".join(written) + "\n"


def wide(repeated: int) -> str:
    return many("{Linear: {in_features: 200000, out_features: 200000}, inputs: [y]}", repeated).replace(
        "layers:", "  y: {dtype: float32, shape: [200000]}\nlayers:"
    )


def owning(shape: str) -> str:
    return f"{HEAD}parameters:\n  w: {{shape: [{shape}]}}\nlayers:\n  a: {{ReLU: {{}}}}\n"


def below_one(count: int) -> str:
    return one("{ReLU: {}}") + "".join(f"  a.b{number}: {{ReLU: {{}}}}\n" for number in range(count))


def frozen_chain(inner: int, outer: int) -> str:
    block = "blocks:\n  B:\n    inputs: {x: {}}\n    layers:\n"
    return (
        f"{HEAD}{block}      a: {{Linear: {{in_features: 20, out_features: 20}}, frozen: true, repeat: {inner}}}\n"
        + (f"layers:\n  a: {{use: B, frozen: true, repeat: {outer}}}\ntied: [[a.nothing, a.none]]\n")
    )


def calls(count: int) -> str:
    layers = "".join(f"  b{number}: {{ReLU: {{}}}}\n" for number in range(count))
    again = "".join(f"  c{number}: {{call: b{count - 1}}}\n" for number in range(count))
    return f"{HEAD}layers:\n{layers}{again}  d: {{ReLU: {{}}, inputs: [q]}}\n"


def call_repetitions(count: int) -> str:
    again = "".join(f"  c{number}: {{call: a.{count - 1}}}\n" for number in range(count))
    return f"{one(f'{{ReLU: {{}}, repeat: {count}}}')}{again}  d: {{ReLU: {{}}, inputs: [q]}}\n"


def prefixes(count: int) -> str:
    below = "".join(f"  p{number}.c: {{ReLU: {{}}}}\n" for number in range(count))
    return f"{HEAD}layers:\n{below}" + "".join(f"  p{number}: {{ReLU: {{}}}}\n" for number in range(count))


def called_in_a_circle(depth: int) -> str:
    block = "blocks:\n  b:\n    inputs: {x: {}}\n    layers:\n      n: {use: b}\n"
    return f"{HEAD}{block}layers:\n  n: {{use: b}}\n  c: {{call: {'.'.join(['n'] * depth)}}}\n"


def port_of_a_list(name: str) -> str:
    return one("{chunk: {chunks: 2, dim: 1}}") + f"  b: {{ReLU: {{}}, inputs: [a.{name}]}}\n"


LINEAR = "{Linear: {in_features: 20, out_features: 20}}"

# name, the text, the expected code
ATTACKS: list[tuple[str, Callable[[], str], str]] = [
    ("a tensor of 10^12 elements", lambda: one("{Linear: {in_features: 20, out_features: 1000000000000}}"), "MP333"),
    ("a raw parameter of 10^12 elements", lambda: owning("1000000, 1000000"), "MP333"),
    ("a shape whose product overflows", lambda: owning("9000000000000000000, 9000000000000000000"), "MP333"),
    ("a result of 10^12 elements", lambda: one("{Upsample: {size: 1000000000000}}", HEAD.replace("20]", "3, 20]")), "MP333"),
    ("many large tensors", lambda: wide(60), "MP334"),
    ("a repeat of 10^18", lambda: one("{ReLU: {}, repeat: 1000000000000000000}"), "MP330"),
    ("a repeat of 200,000 layers with tensors", lambda: one(f"{LINEAR[:-1]}, repeat: 200000}}"), "MP332"),
    ("repeats inside repeats", lambda: chain(8, "{ReLU: {}, repeat: 100}").replace("use: B", "repeat: 100, use: B"), "MP330"),
    ("blocks that double forty times", lambda: chain(40, "{ReLU: {}}", 2), "MP330"),
    ("doubling blocks whose shapes differ", lambda: chain(20, "{ConstantPad1d: {padding: [0, 1], value: 0.0}}", 2), "MP332"),
    ("blocks nested a thousand deep", lambda: chain(1000, "{ReLU: {}}"), "MP331"),
    ("a block in itself", lambda: chain(1, "{use: B0}"), "MP216"),
    ("a circle of a thousand blocks", lambda: chain(1000, "{use: B0}"), "MP216"),
    ("axes that multiply to a polynomial of 4,096 terms", multiplying_dimensions, "MP335"),
    ("axes that double with each layer", squaring_dimensions, "MP335"),
    ("an expression of nested parentheses", lambda: one("{ReLU: {}}", HEAD.replace("20", "(" * 100 + "1" + ")" * 100)), "MP217"),
    ("a power by products", lambda: one("{ReLU: {}}", HEAD.replace("20", "*".join(["(a+b+c+d)"] * 20))), "MP217"),
    ("a very long expression", lambda: one("{ReLU: {}}", HEAD.replace("20", "1+" * 100_000 + "1")), "MP217"),
    ("Python in an expression", lambda: one("{ReLU: {}}", HEAD.replace("20", "__import__('os').system('id')")), "MP217"),
    ("a dotted type", lambda: one("{torch.nn.ReLU: {}}"), "MP201"),
    ("a type to import", lambda: one("{os.system: {command: id}}"), "MP201"),
    ("a private attribute as a type", lambda: one("{__class__: {}}"), "MP201"),
    ("a namespaced type", lambda: one("{'acme:Swish2': {}}"), "MP201"),
    ("a setting that names a function", lambda: one("{ReLU: {inplace: builtins.eval}}"), "MP209"),
    ("a setting that torch has and no declaration", lambda: one("{ReLU: {device: cuda}}"), "MP207"),
    ("an unknown top key", lambda: one("{ReLU: {}}") + "python: import os\n", "MP202"),
    ("an unknown key in an input", lambda: one("{ReLU: {}}", HEAD.replace("dtype", "class: x, dtype")), "MP202"),
    ("a name that climbs", lambda: HEAD + "layers:\n  ../../a: {ReLU: {}}\n", "MP206"),
    ("the name of a private attribute", lambda: HEAD + "layers:\n  a.__dict__.b: {ReLU: {}, inputs: [q]}\n", "MP310"),
    ("five thousand unknown references", lambda: many("{ReLU: {}, inputs: [zzzz]}", 5_000), "MP310"),
    ("five thousand unknown types", lambda: many("{Rellluuu: {}}", 5_000), "MP201"),
    ("five thousand names below one", lambda: below_one(5_000), "MP215"),
    ("a name of 128 dots", lambda: HEAD + f"layers:\n  {'a.' * 120}a: {{ReLU: {{}}, inputs: [q]}}\n", "MP310"),
    ("a tie of ten thousand", lambda: one(LINEAR) + f"tied: [[{', '.join(['a.weight'] * 10_000)}]]\n", "MP321"),
    ("a division by zero", lambda: one("{ReLU: {}}", HEAD.replace("20", "20 // 0")), "MP217"),
    ("a negative size", lambda: one("{ReLU: {}}", HEAD.replace("20", "-20")), "MP217"),
    ("frozen layers, counted again by each block around them", lambda: frozen_chain(30, 300), "MP317"),
    ("three thousand frozen blocks", lambda: frozen_chain(50, 3_000), "MP338"),
    ("five thousand calls of the last of as many", lambda: calls(5_000), "MP310"),
    ("two thousand calls of the last repetition", lambda: call_repetitions(2_000), "MP310"),
    ("ten thousand names below one another", lambda: prefixes(5_000), "MP215"),
    ("a call of two thousand segments", lambda: called_in_a_circle(2_000), "MP206"),
    ("a call in a circle", lambda: called_in_a_circle(120), "MP216"),
    ("a reference of a megabyte", lambda: one(f"{{ReLU: {{}}, inputs: [{'x.' * 500_000}x]}}"), "MP206"),
    ("a frozen tensor of a megabyte", lambda: one(f"{{ReLU: {{}}, frozen: [{'x.' * 500_000}x]}}"), "MP206"),
    ("a tie of a megabyte", lambda: one("{ReLU: {}}") + f"tied: [[{'x.' * 500_000}x, a]]\n", "MP206"),
    ("an output numbered in superscript", lambda: port_of_a_list("²"), "MP313"),
    ("an output of two hundred digits", lambda: port_of_a_list("9" * 200), "MP313"),
    ("a version of the future", lambda: one("{ReLU: {}}", HEAD.replace(": 1", ": 99999999", 1)), "MP205"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "code"), [case[1:] for case in ATTACKS], ids=[case[0] for case in ATTACKS])
def test_refused(text, code):
    attack(check_text, text(), code)
