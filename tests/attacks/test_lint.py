"""Texts that are sound and give lint as much to do as they can: it stays within the second that checking has, with it."""

import pytest

from modelpack.checker import check_text
from modelpack.lint import Budgets, Subject, lint
from tests.attacks.harness import attack

HEAD = "modelpack: 1\nname: attack\ninputs:\n  x: {dtype: float32, shape: [batch, 8]}\n"


def advised(text: str) -> None:
    lint(Subject(check_text(text), budgets=Budgets(max_parameters=1, max_flops=1, max_memory=1)))


def many(line: str, count: int) -> str:
    return HEAD + "layers:\n" + "".join(f"  a{at}: {line}\n" for at in range(count))


def deep_references(depth: int, count: int) -> str:
    nested = "{k: " * depth + "{dtype: float32, shape: [batch]}" + "}" * depth
    line = f"{{ReLU: {{}}, inputs: [y{'.k' * depth}]}}"
    return many(line, count).replace("layers:", f"  y: {nested}\nlayers:", 1)


def blocks_in_one_another(depth: int, uses: int) -> str:
    """As many steps as there may be, out of few."""
    written = "".join(
        f"  B{at}: {{inputs: {{x: {{}}}}, layers: {{a: {{use: B{at + 1}, repeat: {uses}}}}}}}\n"
        for at in range(depth)
    )
    last = f"  B{depth}: {{inputs: {{x: {{}}}}, layers: {{a: {{ReLU: {{}}}}}}}}\n"
    return f"{HEAD}blocks:\n{written}{last}layers:\n  a: {{use: B0}}\n"


def frozen_all_the_way(depth: int, steps: int) -> str:
    """Each block names the one parameter that lies below all others, behind many layers without any."""
    written = "".join(
        f"  B{at}: {{inputs: {{x: {{}}}}, layers: {{a: {{use: B{at + 1}, frozen: [{'a.' * (depth - at - 1)}p.weight]}}}}}}\n"
        for at in range(depth)
    )
    linear = "{Linear: {in_features: 8, out_features: 8, bias: false}}"
    layers = f"r: {{ReLU: {{}}, repeat: {steps}}}, p: {linear}, d: {{Dropout: {{}}}}"
    last = f"  B{depth}: {{inputs: {{x: {{}}}}, layers: {{{layers}}}}}\n"
    return f"{HEAD}blocks:\n{written}{last}layers:\n  a: {{use: B0}}\n"


def requiring(count: int) -> str:
    each = ", ".join(f"'batch % {at + 2000} == {at + 3}'" for at in range(count))
    return f"{HEAD}requires: [{each}]\nlayers:\n  a: {{ReLU: {{}}}}\n"


def unused_blocks(count: int) -> str:
    """Each uses the next, and nobody the first."""
    written = "".join(
        f"  B{at}: {{inputs: {{x: {{}}}}, layers: {{a: {{use: B{at + 1}}}}}}}\n" for at in range(count)
    )
    last = f"  B{count}: {{inputs: {{x: {{}}}}, layers: {{a: {{ReLU: {{}}}}}}}}\n"
    return f"{HEAD}blocks:\n{written}{last}layers:\n  a: {{ReLU: {{}}}}\n"


def arguments(count: int) -> str:
    names = ", ".join(f"a{at}: int" for at in range(count))
    given = ", ".join(f"a{at}: 1" for at in range(count))
    block = f"  B:\n    arguments: {{{names}}}\n    inputs: {{x: {{}}}}\n    layers: {{a: {{ReLU: {{}}}}}}\n"
    return f"{HEAD}blocks:\n{block}layers:\n  b: {{use: B, with: {{{given}}}}}\n"


ATTACKS = {
    "layers for nothing": many("{ReLU: {}, inputs: [x]}", 6000),
    "deep references": deep_references(40, 5000),
    "steps out of few": blocks_in_one_another(16, 2),
    "frozen all the way": frozen_all_the_way(50, 8000),
    "requirements that no size meets": requiring(1000),
    "unused blocks": unused_blocks(5000),
    "unused arguments": arguments(8000),
}


@pytest.mark.parametrize("text", ATTACKS.values(), ids=list(ATTACKS))
def test_lint_is_bounded(text):
    attack(advised, text, None)
