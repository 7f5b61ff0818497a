"""What a network may cost, as the settings say."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from math import prod
from typing import TYPE_CHECKING

from modelpack.errors import ModelpackError, Problem
from modelpack.findings import Severity
from modelpack.lint.rule import Rule
from modelpack.lint.subject import Subject
from modelpack.match import stored_names

if TYPE_CHECKING:
    from modelpack.costs import Costs

__all__ = ["RULES"]


def too_many_parameters(subject: Subject) -> Iterator[Problem]:
    """The network has more parameters than `max-parameters` under `[tool.modelpack]` allows; tied ones count once. *Way out:*
    a smaller network, or a larger budget.

    ```toml bad
    [tool.modelpack]
    max-parameters = 1_000
    ```

    ```toml good
    [tool.modelpack]
    max-parameters = 100_000
    ```

    ```yaml
    modelpack: 1
    name: net
    inputs:
      x: {dtype: float32, shape: [batch, 100]}
    layers:
      fc: {Linear: {in_features: 100, out_features: 100}}
    ```
    """
    most = subject.budgets.max_parameters
    if most is None:
        return
    count = sum(prod(each.shape) for each in stored_names(subject.network).values() if each.is_parameter)
    if count > most:
        yield _problem(subject, "MP831", f"{count:,} parameters are more than max-parameters, {most:,}")


def too_many_flops(subject: Subject) -> Iterator[Problem]:
    """One forward pass takes more floating-point operations than `max-flops` under `[tool.modelpack]` allows: 2 for each
    multiply-add of a product, 1 for each element of what else there is. Free dimensions have the sizes that `sizes` says; the
    others are as small as the network allows. *Way out:* a smaller network, or a larger budget.

    ```toml bad
    [tool.modelpack]
    max-flops = 1_000_000
    sizes = {batch = 64}
    ```

    ```toml good
    [tool.modelpack]
    max-flops = 1_000_000
    sizes = {batch = 1}
    ```

    ```yaml
    modelpack: 1
    name: net
    inputs:
      x: {dtype: float32, shape: [batch, 100]}
    layers:
      fc: {Linear: {in_features: 100, out_features: 100}}
    ```
    """
    most = subject.budgets.max_flops
    if most is not None:
        yield from _over(
            subject, "MP832", most, "operations are more than max-flops", lambda costs: costs.total.flops
        )


def too_much_memory(subject: Subject) -> Iterator[Problem]:
    """The tensors that layers make in one pass have more bytes together than `max-memory` under `[tool.modelpack]` allows:
    what training keeps for the backward pass, without parameters. Sizes as for `max-flops`. *Way out:* a smaller network, a
    smaller batch, or a larger budget.

    ```toml bad
    [tool.modelpack]
    max-memory = 10_000
    sizes = {batch = 64}
    ```

    ```toml good
    [tool.modelpack]
    max-memory = 100_000
    sizes = {batch = 64}
    ```

    ```yaml
    modelpack: 1
    name: net
    inputs:
      x: {dtype: float32, shape: [batch, 100]}
    layers:
      fc: {Linear: {in_features: 100, out_features: 100}}
    ```
    """
    most = subject.budgets.max_memory
    if most is not None:
        yield from _over(
            subject,
            "MP833",
            most,
            "bytes of activations are more than max-memory",
            lambda costs: costs.total.activation_bytes,
        )


def _over(subject: Subject, code: str, most: int, what: str, of: Callable[[Costs], int]) -> Iterator[Problem]:
    from modelpack.costs import costs, free_dimensions  # only who has a budget pays for it

    there = free_dimensions(subject.network)
    sizes = {name: size for name, size in subject.budgets.sizes.items() if name in there}
    try:
        found = costs(subject.network, sizes)
    except ModelpackError as error:
        told = "; ".join(problem.message for problem in error.problems)
        hint = "say other sizes: [tool.modelpack] sizes"
        yield _problem(subject, code, f"the budget can't be held against it: {told}", hint)
        return
    count = of(found)
    if count > most:
        bound = ", ".join(f"{name}={size}" for name, size in found.sizes.items())
        yield _problem(subject, code, f"{count:,} {what}, {most:,}{f' (at {bound})' if bound else ''}")


def _problem(subject: Subject, code: str, message: str, hint: str | None = None) -> Problem:
    return subject.problem(code, message, subject.network.architecture.main.place, hint=hint)


RULES = (
    Rule("MP831", Severity.ERROR, too_many_parameters),
    Rule("MP832", Severity.ERROR, too_many_flops),
    Rule("MP833", Severity.ERROR, too_much_memory),
)
