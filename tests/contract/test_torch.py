"""Registry x torch: each type and each of its examples through a real module, or function, and back."""

from __future__ import annotations

import inspect

import pytest
import torch

from modelpack.backends.torch.bindings import ROWS
from modelpack.backends.torch.dtypes import to_torch
from modelpack.backends.torch.modules import constructor_arguments, make, settings_of
from modelpack.backends.torch.rows import ModuleRow, OperationRow
from modelpack.errors import CaptureError
from modelpack.layers import BUILTIN
from modelpack.layers.families import FAMILIES
from tests.contract.cases import (
    BATCH_SIZES,
    binding,
    bits,
    bound,
    call,
    canonical,
    dtype_of,
    examples,
    flat,
    inputs_of,
    layer_of,
    original,
    run,
    spec_of,
    tensors_of,
)
from tests.contract.operations import values_for

pytestmark = pytest.mark.filterwarnings("ignore")

MODULES = [name for name, row in ROWS.items() if isinstance(row, ModuleRow)]
EXAMPLES = list(examples(ModuleRow))
each_module = pytest.mark.parametrize("name", MODULES)
each_example = pytest.mark.parametrize(("name", "number"), EXAMPLES)


def filled(module: torch.nn.Module, source: torch.nn.Module) -> torch.nn.Module:
    """`module` with copies of the tensors of `source`."""
    module.load_state_dict({k: v.clone() for k, v in source.state_dict().items()}, assign=True)
    return module


# ------------------------------------------------------------------------------------------- the rows


@pytest.mark.parametrize("name", BUILTIN)
def test_every_type_has_a_row(name: str) -> None:
    family = next(each.__name__.rpartition(".")[2] for each in FAMILIES if name in _declared(each.__name__))
    assert name in ROWS, f"`{name}` has no row in modelpack/backends/torch/bindings/{family}.py"


def _declared(module: str) -> set[str]:
    return {name for name, each in BUILTIN.items() if each.cls.__module__ == module}


def test_every_row_is_of_a_type() -> None:
    assert ROWS.keys() <= BUILTIN.keys()


@each_module
def test_every_constructor_argument_is_carried_or_accounted_for(name: str) -> None:
    row = ROWS[name]
    assert isinstance(row, ModuleRow)
    taken = set(inspect.signature(row.module).parameters) - {"device", "dtype"}
    carried = set(constructor_arguments(layer_of(BUILTIN[name], BUILTIN[name].examples[0]), row)) - {"dtype"}
    if {"args", "kwargs"} <= taken:
        taken = carried | (taken - {"args", "kwargs"} if name != "Identity" else taken)
    assert taken == carried | row.fixed.keys() | row.ignored.keys()
    assert not carried & row.fixed.keys()
    assert not row.fixed.keys() & row.ignored.keys()


@each_module
def test_every_setting_takes_another_value_than_its_default_in_an_example(name: str) -> None:
    layer_type = BUILTIN[name]
    shown = {setting for each in layer_type.examples for setting in canonical(layer_type, each)}
    assert layer_type.settings.keys() <= shown


@pytest.mark.parametrize("name", BUILTIN)
def test_defaults_are_in_normal_form(name: str) -> None:
    for each in BUILTIN[name].settings.values():
        if not each.required and not (each.name == "dtype" and BUILTIN[name].has_parameter_dtype):
            assert repr(each.kind.read(each.default)) == repr(each.default), each.name


@each_module
def test_defaults_are_those_of_torch(name: str) -> None:
    layer_type, row = BUILTIN[name], ROWS[name]
    assert isinstance(row, ModuleRow)
    # These need one of two arguments that both have a default.
    needed = {"output_size"} if name.startswith("FractionalMaxPool") else set()
    settings = {
        setting: value
        for setting, value in canonical(layer_type, layer_type.examples[0]).items()
        if layer_type.settings[setting].required or setting in needed
    }
    taken = inspect.signature(row.module).parameters
    arguments = {
        argument: value
        for argument, value in constructor_arguments(layer_type.instance(settings), row).items()
        if argument in settings or (argument in taken and taken[argument].default is inspect.Parameter.empty)
    }
    assert settings_of(row.module(**arguments), row, layer_type) == settings


@each_module
def test_what_no_setting_carries_is_refused(name: str) -> None:
    row = ROWS[name]
    assert isinstance(row, ModuleRow)
    layer = layer_of(BUILTIN[name], BUILTIN[name].examples[0])
    for argument, only in row.fixed.items():
        other = torch.rand(1, 3, 2) if only is None else not only
        module = row.module(**constructor_arguments(layer, row), **{argument: other})
        with pytest.raises(CaptureError) as caught:
            settings_of(module, row, BUILTIN[name])
        assert caught.value.problems[0].code == "MP611"
        assert argument in str(caught.value)


# ------------------------------------------------------------------------------------------- modules


@each_example
def test_settings_survive_a_real_module(name: str, number: int) -> None:
    layer_type, row = BUILTIN[name], ROWS[name]
    assert isinstance(row, ModuleRow)
    example = layer_type.examples[number]
    for module in (original(layer_of(layer_type, example), row), make(layer_of(layer_type, example), row)):
        assert type(module) is row.module
        kept = {key: value for key, value in canonical(layer_type, example).items() if key not in row.at_call}
        assert settings_of(module, row, layer_type) == kept


@each_example
def test_declared_tensors_are_those_of_the_module(name: str, number: int) -> None:
    layer_type, row = BUILTIN[name], ROWS[name]
    assert isinstance(row, ModuleRow)
    layer = layer_of(layer_type, layer_type.examples[number])
    module = original(layer, row)
    parameters, buffers = dict(module.named_parameters()), dict(module.named_buffers())
    saved = module.state_dict()
    declared = layer.tensors()
    assert [each.name for each in declared if each.persistent] == list(saved)
    assert {each.name for each in declared} == parameters.keys() | buffers.keys()
    for each in declared:
        actual = (parameters if each.is_parameter else buffers)[each.name]
        assert (each.shape, to_torch(each.dtype)) == (tuple(actual.shape), actual.dtype), each.name
        assert each.persistent == (each.name in saved)


@each_example
@pytest.mark.parametrize("batch", BATCH_SIZES)
def test_inferred_specs_are_the_real_ones(name: str, number: int, batch: int) -> None:
    layer_type, row = BUILTIN[name], ROWS[name]
    assert isinstance(row, ModuleRow)
    example = layer_type.examples[number]
    layer = layer_of(layer_type, example)
    inferred = flat(layer_type.infer(layer, example.inputs))
    values = binding(example, batch)
    for mode in (True, False):
        outputs = run(layer, row, original(layer, row).train(mode), tensors_of(inputs_of(example, batch)))
        assert [bound(each, values) for each in inferred] == [spec_of(each) for each in outputs]


@each_example
def test_outputs_of_the_rebuilt_module_are_the_originals(name: str, number: int) -> None:
    layer_type, row = BUILTIN[name], ROWS[name]
    assert isinstance(row, ModuleRow)
    example = layer_type.examples[number]
    layer = layer_of(layer_type, example)
    module = original(layer, row)
    captured = layer_type.instance(settings_of(module, row, layer_type), dtype_of(layer_type, example))
    inputs = tensors_of(inputs_of(example, BATCH_SIZES[0]))
    rebuilt = filled(make(captured, row), module)
    for mode in (True, False, True):
        expected = run(layer, row, module.train(mode), inputs)
        actual = run(layer, row, rebuilt.train(mode), inputs)
        assert [bits(each) for each in actual] == [bits(each) for each in expected]
    for key, value in module.state_dict().items():
        assert bits(rebuilt.state_dict()[key]) == bits(value), f"{key} was updated differently"


# ------------------------------------------------------------------------------------------- operations


@pytest.mark.parametrize(("name", "number"), list(examples(OperationRow)))
@pytest.mark.parametrize("batch", BATCH_SIZES)
def test_inferred_specs_of_operations_are_the_real_ones(name: str, number: int, batch: int) -> None:
    layer_type, row = BUILTIN[name], ROWS[name]
    assert isinstance(row, OperationRow)
    example = layer_type.examples[number]
    layer = layer_of(layer_type, example)
    values = binding(example, batch)
    inferred = [bound(each, values) for each in flat(layer_type.infer(layer, example.inputs))]
    torch.manual_seed(0)
    outputs = flat(call(layer, row, values_for(name, inputs_of(example, batch)), values))
    assert [spec_of(each) for each in outputs] == inferred
