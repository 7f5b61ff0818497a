"""How a layer type is declared: settings, tensors, ports, rule and examples in one place.

    @layer(source=torch_nn("Linear"))
    class Linear(Layer):
        '''Affine map over the last axis: ``y = x @ weight.T + bias``.'''

        in_features: int = size("length of the input's last axis", axis=-1)
        out_features: int = size("length of the output's last axis")
        bias: bool = flag("whether to add `bias`", default=True)
        dtype: DType = parameter_dtype()

        examples = (example("float32[batch, 20]", in_features=20, out_features=8),)

        def tensors(self) -> tuple[Tensor, ...]: ...
        def infer(self, input: TensorSpec) -> TensorSpec: ...

The reader's checks, the JSON Schema, `spec/layers.md`, weight matching, strategies and contract tests all come from this.
The input ports are the parameters of `infer`: one with a default (`mask: TensorSpec | None = None`) is optional, `*tensors` takes
any number. Where a port and a setting share a name (`other` of `add`), exactly one of the two is given. Ports are called as
the arguments of torch's `forward` or of the ATen operator, whose `self` is `input` here. The output ports are `outputs`: empty
for a single tensor, names for several, `MANY` for a list known only by the rule.
A type whose last outputs exist only with some settings (`need_weights` of attention) infers a shorter tuple without them.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import FunctionType
from typing import Any, ClassVar, TypeVar, cast, dataclass_transform

from modelpack.dims import may_equal
from modelpack.dtypes import DType
from modelpack.layers.index import MEMBERS
from modelpack.layers.initial import Init
from modelpack.layers.kinds import (
    Literal,
)
from modelpack.layers.registry import Registry
from modelpack.layers.rules import trainable
from modelpack.layers.settings import (
    PARAMETER_DTYPE,
    Setting,
    choice,
    flag,
    number,
    operand,
    optional_number,
    parameter_dtype,
    setting,
    size,
    sizes,
)
from modelpack.tensors import Mismatch, TensorSpec

__all__ = [
    "BUILTIN",
    "MANY",
    "Example",
    "Layer",
    "LayerType",
    "Outputs",
    "Port",
    "Setting",
    "Tensor",
    "aten",
    "buffer",
    "choice",
    "example",
    "flag",
    "layer",
    "number",
    "operand",
    "operation",
    "optional_number",
    "parameter",
    "parameter_dtype",
    "setting",
    "size",
    "sizes",
    "torch_nn",
]

MANY: tuple[str, ...] = ("*",)
"""`outputs` of an operation that gives a list: its tensors are addressed by position."""

Outputs = TensorSpec | tuple[TensorSpec, ...]
"""What `infer` gives: one tensor, or one for each output port."""


@dataclass(frozen=True, slots=True)
class Port:
    """An input of a layer type; a `variadic` one takes any number of tensors, with `gaps` also null among them."""

    name: str
    required: bool
    variadic: bool
    gaps: bool = False


@dataclass(frozen=True, slots=True)
class Tensor:
    """A parameter or buffer that a layer has: its name under the layer's, shape, dtype and first values."""

    name: str
    shape: tuple[int, ...]
    dtype: DType
    init: Init
    is_parameter: bool = True
    persistent: bool = True


def parameter(name: str, shape: tuple[int, ...], dtype: DType, init: Init) -> Tensor:
    """A trained tensor."""
    return Tensor(name, shape, dtype, init)


def buffer(name: str, shape: tuple[int, ...], dtype: DType, init: Init) -> Tensor:
    """A tensor that is saved but not trained, such as a running mean."""
    return Tensor(name, shape, dtype, init, is_parameter=False)


@dataclass(frozen=True, slots=True)
class Example:
    """Settings and input specs with which a type works: documentation, and a row of the contract tests.

    Symbols in the specs are free dimensions; the tests bind `batch` to several sizes and others as `bind` says (8 where it
    doesn't).
    """

    texts: tuple[str | None, ...]
    settings: Mapping[str, Literal]
    bind: Mapping[str, int]

    @property
    def inputs(self) -> tuple[TensorSpec | None, ...]:
        """In the order of the ports; None leaves an optional port out. Parsed when asked for: `check` has no use for it."""
        return tuple(None if text is None else TensorSpec.parse(text) for text in self.texts)


def example(*inputs: str | None, bind: Mapping[str, int] | None = None, **settings: Literal) -> Example:
    """An `Example` from specs written as ``float32[batch, 3]``."""
    return Example(inputs, settings, bind or {})


class Layer:
    """Base of declarations: an instance is one use of the type with all settings known, and never changes.

    A plain class and not a dataclass: generating methods for hundreds of types would be most of the start-up time.
    """

    type: ClassVar[LayerType]
    outputs: ClassVar[tuple[str, ...]] = ()
    examples: ClassVar[tuple[Example, ...]] = ()

    def __init__(self, **values: Any) -> None:
        unknown = values.keys() - self.type.settings.keys()
        if unknown:
            raise TypeError(f"{self.type.name} has no setting {', '.join(sorted(unknown))}")
        for name, each in self.type.settings.items():
            if name not in values and each.required:
                raise TypeError(f"{self.type.name} needs {name}")
            self.__dict__[name] = values[name] if name in values else each.kind.expand(each.default)

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"{self.type.name} is frozen: {name} can't be set to {value!r}")

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and self.__dict__ == other.__dict__

    def __hash__(self) -> int:
        return hash((self.type.name, *self.__dict__.values()))

    def __repr__(self) -> str:
        told = ", ".join(f"{name}={value}" for name, value in self.__dict__.items())
        return f"{self.type.name}({told})"

    def tensors(self) -> tuple[Tensor, ...]:
        """The parameters and buffers, in the order in which torch's `state_dict` has them."""
        return ()

    def infer(self, *inputs: Any, **optional: Any) -> Outputs:
        """The specs of the outputs for those of the inputs.

        Raises:
            Mismatch: it can't take these inputs.
        """
        raise TypeError(f"{type(self).__name__} declares no rule for {inputs} {optional}")


@dataclass(frozen=True, slots=True, eq=False)
class LayerType:
    """What the registry knows of a type; equal only to itself."""

    name: str
    cls: type[Layer]
    settings: Mapping[str, Setting]
    ports: tuple[Port, ...]
    source: str
    is_operation: bool
    required: tuple[str, ...]
    """the settings that must be given"""

    @property
    def has_parameter_dtype(self) -> bool:
        """Whether its parameters take the architecture's dtype."""
        return "dtype" in self.settings and self.settings["dtype"].default is PARAMETER_DTYPE

    @property
    def doc(self) -> str:
        return inspect.cleandoc(self.cls.__doc__ or "")

    @property
    def outputs(self) -> tuple[str, ...]:
        return self.cls.outputs

    @property
    def examples(self) -> tuple[Example, ...]:
        return self.cls.examples

    def instance(self, settings: Mapping[str, Literal], dtype: DType = DType.FLOAT32) -> Layer:
        """The layer for canonical literals without arguments; `dtype` is that of parameters where the settings give none.

        Raises:
            Mismatch: settings that are right each but not together (a rule of the type's own), or a dtype that
                parameters can't have.
        """
        values = {name: self.settings[name].kind.expand(value) for name, value in settings.items()}
        if self.has_parameter_dtype:
            trainable(values.setdefault("dtype", dtype))
        return self.cls(**values)

    def infer(self, layer: Layer, inputs: tuple[TensorSpec | None, ...]) -> Outputs:
        """`layer.infer` after the checks that follow from the declaration: each setting with an `axis` equals
        that axis of the first input.

        Raises:
            Mismatch: the layer can't take these inputs.
        """
        first = inputs[0] if inputs else None
        described = [each for each in self.settings.values() if each.axis is not None] if first else []
        for each in described:
            _check_axis(each, getattr(layer, each.name), first)
        outputs = layer.infer(*inputs)
        for each in described:
            _require_axis(each, first)
        return outputs

    def __repr__(self) -> str:
        return f"LayerType({self.name})"

    def __reduce__(self) -> tuple[Callable[[str], LayerType], tuple[str]]:
        return _builtin, (self.name,)


def _builtin(name: str) -> LayerType:
    return BUILTIN[name]


def _check_axis(each: Setting, value: int, spec: TensorSpec | None) -> None:
    if spec is None or each.axis is None or not -spec.rank <= each.axis < spec.rank:
        return
    actual = spec.shape[each.axis]
    if not may_equal(actual, value):
        where = "last axis" if each.axis == -1 else f"axis {each.axis}"
        raise Mismatch(
            f"{each.name} is {value}, but the {where} of its input {spec} is {actual}",
            code="MP303",
            setting=each.name,
        )


def _require_axis(each: Setting, spec: TensorSpec | None) -> None:
    """The rule has its own words for too few axes; this is for a rule that has none."""
    if spec is not None and each.axis is not None and not -spec.rank <= each.axis < spec.rank:
        raise Mismatch(f"its input {spec} has no axis {each.axis}, which {each.name} describes", code="MP302")


BUILTIN = Registry(MEMBERS)
"""Every type that modelpack itself declares, by name."""

_L = TypeVar("_L", bound=Layer)


@dataclass_transform(
    frozen_default=True,
    kw_only_default=True,
    field_specifiers=(setting, size, sizes, flag, number, choice, optional_number, operand, parameter_dtype),
)
def layer(*, source: str, name: str | None = None) -> Callable[[type[_L]], type[_L]]:
    """Declare a layer type: something that may have parameters, and becomes a module."""
    return _declare(source, name, is_operation=False)


@dataclass_transform(
    frozen_default=True,
    kw_only_default=True,
    field_specifiers=(setting, size, sizes, flag, number, choice, optional_number, operand, parameter_dtype),
)
def operation(*, source: str, name: str) -> Callable[[type[_L]], type[_L]]:
    """Declare an operation: lower case, without tensors of its own."""
    return _declare(source, name, is_operation=True)


def _declare(source: str, name: str | None, *, is_operation: bool) -> Callable[[type[_L]], type[_L]]:
    def register(cls: type[_L]) -> type[_L]:
        settings = _settings(cls)
        cls.type = LayerType(
            name=name or cls.__name__,
            cls=cls,
            settings=settings,
            ports=_ports(cls.infer),
            source=source,
            is_operation=is_operation,
            required=tuple(each.name for each in settings.values() if each.required),
        )
        BUILTIN.declare(cls.type)
        return cls

    return register


def _settings(cls: type[Layer]) -> dict[str, Setting]:
    """The settings in the order of the class body, taken off it so that only instances have them."""
    found = {name: each for name, each in vars(cls).items() if isinstance(each, Setting)}
    for name in found:
        delattr(cls, name)
    return {name: Setting(name, each.kind, each.doc, each.default, each.axis) for name, each in found.items()}


def _ports(infer: Callable[..., Outputs]) -> tuple[Port, ...]:
    # What inspect.signature would tell, in a tenth of its time: there are hundreds of types.
    function = cast("FunctionType", infer)
    code = function.__code__
    names = code.co_varnames[1 : code.co_argcount]
    required = len(names) - len(function.__defaults__ or ())
    ports = tuple(Port(name, at < required, variadic=False) for at, name in enumerate(names))
    if code.co_flags & inspect.CO_VARARGS:
        last = code.co_varnames[code.co_argcount + code.co_kwonlyargcount]
        gaps = "None" in str(function.__annotations__[last])
        ports += (Port(last, required=True, variadic=True, gaps=gaps),)
    return ports


def torch_nn(name: str) -> str:
    """Where PyTorch documents a module."""
    return f"https://docs.pytorch.org/docs/2.13/generated/torch.nn.{name}.html"


def aten(name: str) -> str:
    """Where PyTorch documents a function (`torch.add`, `torch.nn.functional.gelu`)."""
    return f"https://docs.pytorch.org/docs/2.13/generated/{name}.html"
