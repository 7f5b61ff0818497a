"""A node that applies a layer type -> the layer with its settings known, and the specs of its outputs."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from math import prod

from modelpack.architecture import Apply, ByMode
from modelpack.binding import Scope, is_symbolic, resolve
from modelpack.budget import Budget
from modelpack.dims import LARGEST, Dim, symbols
from modelpack.dtypes import DType
from modelpack.layers.base import MANY, Layer, LayerType, Outputs
from modelpack.layers.kinds import Literal, show
from modelpack.layers.rules import few_axes
from modelpack.network import Leaf, Specs
from modelpack.reading import without_dollar
from modelpack.tensors import Mismatch, TensorSpec

__all__ = ["check_spec", "infer_leaf", "make_leaf", "not_fixed"]


def make_leaf(apply: Apply, scope: Scope, dtype: DType) -> Leaf:
    """The layer of `apply` in both modes; `dtype` is the architecture's.

    Raises:
        Mismatch: a setting isn't what its kind wants once arguments are known, or settings contradict one another.
    """
    train: dict[str, Literal] = {}
    evaluate: dict[str, Literal] = {}
    symbolic: dict[str, Literal] = {}
    for name, value in apply.settings.items():
        if isinstance(value, ByMode):
            train[name] = _mode_setting(apply.type, name, value.train, scope)
            evaluate[name] = _mode_setting(apply.type, name, value.eval, scope)
            continue
        train[name] = evaluate[name] = _setting(apply.type, name, value, scope.values)
        if is_symbolic(value) and is_symbolic(local := _resolved(name, value, scope.constants)):
            symbolic[name] = apply.type.settings[name].kind.read(local)
    layer = apply.type.instance(evaluate, dtype)
    in_training = layer if train == evaluate else apply.type.instance(train, dtype)
    return Leaf(in_training, layer, symbolic, layer.tensors())


def _mode_setting(kind: LayerType, name: str, value: Literal, scope: Scope) -> Literal:
    if is_symbolic(_resolved(name, value, scope.constants)):
        raise Mismatch(f"{name} depends on the mode and on dimensions at once", code="MP209", setting=name)
    return _setting(kind, name, value, scope.values)


def _setting(kind: LayerType, name: str, value: Literal, names: Mapping[str, Literal]) -> Literal:
    if not is_symbolic(value):
        return value  # the reader has made it canonical
    known = _resolved(name, value, names)
    try:
        read = kind.settings[name].kind.read(known)
    except ValueError as error:
        raise Mismatch(f"{name} {error}", code="MP209", setting=name) from None
    if isinstance(known, str) and not isinstance(read, str):
        raise Mismatch(f"{name} is given the text '{known}', which is no number", code="MP209", setting=name)
    return read


def not_fixed(shape: tuple[Dim, ...], arguments: Collection[str], scope: Scope) -> Mismatch | None:
    """What is wrong with the `shape` of a block's own tensor that has no sizes beforehand; None where a name in it means nothing,
    which has been told.
    """
    names = sorted({name for dim in shape for name in symbols(dim)})
    shown = ", ".join(map(str, shape))
    if names and all(name in scope.constants for name in names):
        known = " and ".join(f"{name} is {show(scope.constants[name])}" for name in names)
        return Mismatch(f"[{shown}] is no shape where {known}", code="MP318")
    if not scope.values.keys() >= set(names):
        return None
    hint = without_dollar([shown], arguments, names)
    return Mismatch(f"its shape must be fixed, not [{shown}]", code="MP318", hint=hint)


def _resolved(name: str, value: Literal, names: Mapping[str, Literal]) -> Literal:
    try:
        return resolve(value, names)
    except ValueError as error:
        raise Mismatch(f"{name}: {error}", code="MP209", setting=name) from None


def infer_leaf(leaf: Leaf, inputs: tuple[TensorSpec | None, ...], budget: Budget) -> Specs:
    """The specs of the outputs: one tensor, a mapping by port, or a list.

    Raises:
        Mismatch: the layer can't take `inputs`, or gives something else in training than in evaluation.
    """
    kind = leaf.eval.type
    outputs = kind.infer(leaf.eval, inputs)
    if leaf.train is not leaf.eval and kind.infer(leaf.train, inputs) != outputs:
        raise Mismatch("its outputs have other shapes in training than in evaluation", code="MP319")
    for spec in outputs if isinstance(outputs, tuple) else (outputs,):
        check_spec(spec, budget)
    return _by_port(leaf.eval, outputs)


def _by_port(layer: Layer, outputs: Outputs) -> Specs:
    names = layer.type.outputs
    if isinstance(outputs, TensorSpec) or names == MANY:
        return outputs
    return dict(zip(names, outputs, strict=False))


def check_spec(spec: TensorSpec, budget: Budget) -> None:
    """There aren't too many axes, none is negative, and what is known of the size stays within the budget.

    Raises:
        Mismatch: otherwise.
    """
    few_axes(spec.shape)
    known = [size for size in spec.shape if isinstance(size, int)]
    if any(abs(size) > LARGEST for size in known):
        raise Mismatch("its output has an axis whose length needs more than 64 bits", code="MP333")
    if any(size < 0 for size in known):
        raise Mismatch(f"its output {spec} would have a negative size", code="MP307")
    if prod(known) > budget.elements:  # of a few numbers of 64 bits
        raise Mismatch(f"{spec} has more elements than the budget of {budget.elements} allows", code="MP333")
