"""What is built from an architecture is an ordinary module: each property of one, asked for by itself."""

from __future__ import annotations

import copy
import inspect
import io
import weakref
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn

from modelpack.backends.torch.bindings import ROWS
from modelpack.backends.torch.build import build
from modelpack.backends.torch.rows import ModuleRow
from modelpack.checker import check, check_text
from modelpack.errors import BuildError
from modelpack.reader import read
from tests.torch.networks import MLP, RESIDUAL, Residual, built

IMAGE = torch.randn(2, 3, 8, 9, generator=torch.Generator().manual_seed(1))


def text_of(layers: str, *, inputs: str = "x: {dtype: float32, shape: [batch, 3]}", more: str = "") -> str:
    """A document of a few layers, one a line."""
    lines = "\n".join(f"  {line}" for line in layers.strip().split("\n"))
    return f"modelpack: 1\nname: net\ninputs: {{{inputs}}}\n{more}layers:\n{lines}\n"


# ------------------------------------------------------------------------------------------------ tree and names


def test_nothing_is_allocated_on_meta() -> None:
    module = build(check(read(RESIDUAL)))
    assert {tensor.device.type for tensor in module.state_dict().values()} == {"meta"}


def test_state_dict_has_the_keys_of_the_class() -> None:
    assert list(build(check(read(RESIDUAL))).state_dict()) == list(Residual().state_dict())


def test_outputs_and_gradients_equal_those_of_the_class() -> None:
    ours, theirs = built(RESIDUAL), Residual()
    theirs.load_state_dict(ours.state_dict())
    for mode in (True, False):
        ours.train(mode)
        theirs.train(mode)
        assert torch.equal(ours(IMAGE), theirs(IMAGE))
    ours(IMAGE).sum().backward()
    theirs(IMAGE).sum().backward()
    gradients = dict(theirs.named_parameters())
    assert all(torch.equal(each.grad, gradients[name].grad) for name, each in ours.named_parameters())


def test_submodules_are_reached_as_in_the_class() -> None:
    module = built(RESIDUAL)
    assert module.layer[1].bn is module.get_submodule("layer.1.bn")
    assert type(module.stem[0]) is nn.Conv2d
    assert module.layer[0].conv.weight is not module.layer[1].conv.weight
    assert "(0-1): 2 x Basic" in repr(module)
    assert repr(module).startswith("residual(")


def test_the_copies_of_a_layer_share_nothing() -> None:
    module = built(text_of("a: {BatchNorm1d: {num_features: 3}}\nb: {BatchNorm1d: {num_features: 3}}"))
    for name in ("_parameters", "_buffers", "_forward_hooks", "_non_persistent_buffers_set"):
        assert vars(module.a)[name] is not vars(module.b)[name]
    assert module.a.weight is not module.b.weight
    assert module.a.running_mean is not module.b.running_mean


def test_copied_layers_equal_constructed_ones() -> None:
    layers = {
        "Conv2d": (
            "{in_channels: 3, out_channels: 4, kernel_size: 3, padding_mode: reflect, padding: 1}",
            nn.Conv2d,
        ),
        "LSTM": ("{input_size: 3, hidden_size: 4, num_layers: 2}", nn.LSTM),
        "MultiheadAttention": ("{embed_dim: 4, num_heads: 2}", nn.MultiheadAttention),
    }
    shapes = {
        "Conv2d": "[batch, 3, 8, 8]",
        "LSTM": "[length, batch, 3]",
        "MultiheadAttention": "[length, batch, 4]",
    }
    for name, (settings, kind) in layers.items():
        wired = "[x, x, x]" if name == "MultiheadAttention" else "[x]"
        text = text_of(
            f"a: {{{name}: {settings}, inputs: {wired}}}\nb: {{{name}: {settings}, inputs: {wired}}}",
            inputs=f"x: {{dtype: float32, shape: {shapes[name]}}}",
        )
        module = built(text)
        assert type(module.b) is kind
        assert vars(module.b).keys() == vars(module.a).keys()
        assert repr(module.b) == repr(module.a)
        assert not {id(each) for each in module.a.parameters()} & {id(each) for each in module.b.parameters()}


@pytest.mark.parametrize(
    "name", ["training", "forward", "register_buffer", "_parameters", "half", "_program"]
)
def test_names_that_every_module_has_are_refused(name: str) -> None:
    with pytest.raises(BuildError, match=f"MP710 {name}: '{name}' is an attribute of every torch module"):
        build(check(read(text_of(f"{name}: {{Linear: {{in_features: 3, out_features: 3}}}}"))))


def test_an_operation_may_have_any_name() -> None:
    module = built(text_of("forward: {add: {other: 1.5}}"))
    assert torch.equal(module(torch.ones(1, 3)), torch.full((1, 3), 2.5))


def test_numbered_layers_are_a_list() -> None:
    layer = "{Linear: {in_features: 3, out_features: 3}}"
    assert isinstance(built(text_of(f"a.0: {layer}\na.1: {layer}")).a, nn.ModuleList)
    assert not isinstance(built(text_of(f"a.1: {layer}\na.3: {layer}")).a, nn.ModuleList)


# ------------------------------------------------------------------------------------------------ calling

NESTED = text_of(
    "sum: {add: {}, inputs: [pair.0, pair.1]}\nscaled: {add: {}, inputs: [sum, more.bias]}",
    inputs="pair: [{dtype: float32, shape: [batch, 3]}, {dtype: float32, shape: [batch, 3]}],"
    " more: {bias: {dtype: float32, shape: [3]}}",
    more="outputs: {result: scaled, parts: [sum, pair.0]}\n",
)


def test_inputs_and_outputs_nest() -> None:
    module = built(NESTED)
    first, second, bias = torch.ones(2, 3), torch.full((2, 3), 2.0), torch.zeros(3)
    outputs = module([first, second], {"bias": bias})
    assert outputs.result is outputs["result"]
    assert isinstance(outputs.parts, tuple)
    assert outputs.parts[1] is first
    assert torch.equal(outputs.result, first + second)
    leaves, _ = torch.utils._pytree.tree_flatten(outputs)
    assert len(leaves) == 3
    with pytest.raises(AttributeError, match="there is no output 'logits'; there are result, parts"):
        _ = outputs.logits


def test_inputs_go_by_position_or_by_name() -> None:
    module = built(
        text_of(
            "sum: {add: {}, inputs: [x, y]}",
            inputs="x: {dtype: float32, shape: [n]}, y: {dtype: float32, shape: [n]}",
        )
    )
    x, y = torch.ones(2), torch.full((2,), 3.0)
    assert torch.equal(module(x, y), module(x, y=y))
    assert torch.equal(module(x, y), module(y=y, x=x))
    assert str(inspect.signature(module.forward)) == "(x, y)"


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda module, x: module(), "mlp lacks its input x; it takes x"),
        (lambda module, x: module(x, x), r"mlp takes 1 inputs \(x\), 2 were given"),
        (lambda module, x: module(y=x), "mlp has no input y; it takes x"),
        (lambda module, x: module(x, x=x), "mlp was given x twice"),
    ],
)
def test_inputs_that_are_missing_or_too_many(call: Callable[..., object], message: str) -> None:
    with pytest.raises(TypeError, match=message):
        call(built(MLP), torch.ones(1, 3))


TWO = "x: {dtype: float32, shape: [n, 3]}, ids: {dtype: int64, shape: [n, 2*n]}"


@pytest.mark.parametrize(
    ("x", "ids", "message"),
    [
        (
            torch.ones(2, 4),
            torch.ones(2, 4).long(),
            "inputs.x: declared as float32[n, 3], is float32[2, 4]: axis 1 is 4, not 3",
        ),
        (
            torch.ones(2, 3, 1),
            torch.ones(2, 4).long(),
            "inputs.x: declared as float32[n, 3], is float32[2, 3, 1]",
        ),
        (
            torch.ones(2, 3).int(),
            torch.ones(2, 4).long(),
            "inputs.x: declared as float32[n, 3], is int32[2, 3]",
        ),
        (torch.ones(2, 3), torch.ones(2, 4).int(), "inputs.ids: declared as int64[n, 2*n], is int32[2, 4]"),
        (torch.ones(2, 3), torch.ones(3, 4).long(), "'n', is 3, but was 2 before"),
        (torch.ones(2, 3), torch.ones(2, 5).long(), "axis 1 is 5, but '2*n' is 4"),
        ([1.0], torch.ones(2, 4).long(), "inputs.x: declared as float32[n, 3], is list, not a tensor"),
    ],
)
def test_inputs_that_are_not_as_declared(x: object, ids: torch.Tensor, message: str) -> None:
    module = built(text_of("same: {Identity: {}, inputs: [x]}", inputs=TWO))
    assert torch.equal(module(torch.ones(2, 3), torch.ones(2, 4).long()), torch.ones(2, 3))
    with pytest.raises(BuildError) as caught:
        module(x, ids)
    assert caught.value.problems[0].code == "MP701"
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("held", "given", "hint"),
    [
        (torch.float32, torch.float64, "float32"),
        (torch.float64, torch.float32, "float64"),
        (torch.float16, torch.float32, "float16"),
    ],
)
def test_an_input_of_another_float_than_the_network_holds(
    held: torch.dtype, given: torch.dtype, hint: str
) -> None:
    module = built(MLP).to(held)
    with pytest.raises(BuildError) as caught:
        module(torch.ones(1, 3, dtype=given))
    [problem] = caught.value.problems
    assert (problem.code, problem.path, problem.hint) == ("MP701", "inputs.x", f"pass it as {hint}")
    assert f"is {str(given)[6:]}[1, 3], and the network's own tensors are {hint}: " in problem.message
    assert isinstance(caught.value.__cause__, RuntimeError)
    with pytest.raises(BuildError, match="MP701"):
        module(x=torch.ones(1, 3, dtype=given))


def test_another_float_is_fine_where_torch_takes_it() -> None:
    x = torch.ones(1, 3, dtype=torch.float64)
    assert built(text_of("same: {ReLU: {}}"))(x).dtype == torch.float64
    converting = "to: {to: {dtype: float32}}\nfc: {Linear: {in_features: 3, out_features: 2}}"
    assert built(text_of(converting))(x).dtype == torch.float32
    with torch.autocast("cpu", torch.bfloat16):
        assert built(MLP)(x[:, :3].bfloat16()).dtype == torch.bfloat16


class Full(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        raise torch.OutOfMemoryError("out of memory")


def test_what_torch_says_of_something_else_stays() -> None:
    module = built(MLP)
    module.hidden = nn.Linear(4, 5)
    with pytest.raises(RuntimeError, match="shapes"):
        module(torch.ones(1, 3))
    module.hidden = Full()
    with pytest.raises(torch.OutOfMemoryError):
        module(torch.ones(1, 3).double())


def test_nested_inputs_that_are_not_as_declared() -> None:
    module, x = built(NESTED), torch.ones(2, 3)
    for pair, more, message in (
        ([x], {"bias": torch.ones(3)}, "inputs.pair.1: .*is missing: the list has 1 items"),
        (x, {"bias": torch.ones(3)}, "a list or tuple is declared, not Tensor"),
        ([x, x], {"b": x}, "a mapping with the key 'bias' is declared, not the keys are b"),
    ):
        with pytest.raises(BuildError, match=message):
            module(pair, more)


def test_a_layer_called_twice_is_one_layer() -> None:
    module = built(text_of("a: {Linear: {in_features: 3, out_features: 3}}\nb: {call: a}"))
    assert list(module.state_dict()) == ["a.weight", "a.bias"]
    x = torch.ones(1, 3)
    assert torch.equal(module(x), module.a(module.a(x)))


def test_ports_of_a_layer() -> None:
    text = text_of(
        "lstm: {LSTM: {input_size: 3, hidden_size: 4, batch_first: true}}\n"
        "out: {Linear: {in_features: 4, out_features: 2}, inputs: [lstm.h_n]}",
        inputs="x: {dtype: float32, shape: [batch, length, 3]}",
        more="outputs: [out, lstm.output]\n",
    )
    module = built(text)
    x = torch.randn(2, 5, 3)
    out, output = module(x)
    expected, (h_n, _) = module.lstm(x)
    assert torch.equal(output, expected)
    assert torch.equal(out, module.out(h_n))


def test_raw_tensors_and_ties() -> None:
    text = text_of(
        "a: {Linear: {in_features: 3, out_features: 3}}\n"
        "b: {Linear: {in_features: 3, out_features: 3, bias: false}}\n"
        "sum: {add: {}, inputs: [b, token]}\nlast: {add: {}, inputs: [sum, table]}",
        more="parameters: {token: {shape: [3]}}\nbuffers: {table: {shape: [3], persistent: false}}\n"
        "tied: [[a.weight, b.weight]]\n",
    )
    module = built(text)
    assert module.a.weight is module.b.weight
    assert list(module.state_dict()) == ["token", "a.weight", "a.bias", "b.weight"]
    assert list(dict(module.named_buffers())) == ["table"]
    x = torch.ones(1, 3)
    assert torch.equal(module(x), module.b(module.a(x)) + module.token + module.table)


def test_tied_recurrent_layers_run_on_the_shared_tensor() -> None:
    lstm = "{LSTM: {input_size: 3, hidden_size: 3}}"
    text = text_of(
        f"a: {lstm}\nb: {{LSTM: {{input_size: 3, hidden_size: 3}}, inputs: [a.output]}}",
        inputs="x: {dtype: float32, shape: [length, batch, 3]}",
        more="outputs: b.output\ntied: [[a.weight_ih_l0, b.weight_ih_l0]]\n",
    )
    module = built(text)
    assert module.b._flat_weights[0] is module.a.weight_ih_l0


# ------------------------------------------------------------------------------------------------ modes, freezing, sizes


def test_frozen_layers_have_no_gradients_and_stay_in_eval_mode() -> None:
    norm = "BatchNorm1d: {num_features: 3}"
    text = text_of(f"a: {{{norm}, frozen: true}}\nb: {{{norm}, frozen: [weight]}}\nc: {{{norm}}}")
    module = built(text)
    for mode in (True, False, True):
        module.train(mode)
        assert [module.a.training, module.b.training, module.c.training] == [False, mode, mode]
    grads = {name: each.requires_grad for name, each in module.named_parameters()}
    assert grads == {
        "a.weight": False, "a.bias": False, "b.weight": False, "b.bias": True, "c.weight": True, "c.bias": True
    }  # fmt: skip
    before = module.a.running_mean.clone()
    module(torch.randn(4, 3))
    assert torch.equal(module.a.running_mean, before)
    assert module.c.num_batches_tracked == 1


def test_a_frozen_block_stays_in_eval_mode_as_a_whole() -> None:
    text = RESIDUAL.replace("repeat: 2}", "repeat: 2, frozen: true}")
    module = built(text)
    assert module.training
    assert not any(each.training for each in module.layer.modules() if each is not module.layer)
    assert module.stem[1].training


def test_a_setting_that_differs_by_mode() -> None:
    module = built(
        text_of(
            "drop: {Dropout: {p: {train: 1.0, eval: 0.5}}}\nplus: {add: {other: 1.0, alpha: {train: 2, eval: 3}}}"
        )
    )
    x = torch.ones(1, 3)
    assert torch.equal(module.train()(x), torch.full((1, 3), 2.0))
    assert torch.equal(module.eval()(x), torch.full((1, 3), 4.0))
    assert module.drop.p == 0.5
    assert module.train().drop.p == 1.0


def test_a_setting_that_torch_cannot_switch_is_refused() -> None:
    text = text_of("a: {Linear: {in_features: 3, out_features: 3, bias: {train: true, eval: false}}}")
    with pytest.raises(BuildError, match="MP712 a: bias of Linear can't differ between train and eval"):
        build(check(read(text)))


def test_sizes_that_are_known_only_when_running() -> None:
    text = text_of(
        "plus: {add: {other: 'max(n, 4) * 2 - n // 2'}}",
        inputs="x: {dtype: int64, shape: [n]}",
    )
    module = built(text)
    for size in (2, 9):
        assert module(torch.zeros(size).long())[0] == max(size, 4) * 2 - size // 2


def test_sizes_that_are_passed_into_blocks() -> None:
    text = """\
modelpack: 1
name: net
inputs: {x: {dtype: int64, shape: [n, m]}}
blocks:
  Plus:
    arguments: {count: dim}
    inputs: {x: {shape: [rows, columns]}}
    layers:
      plus: {add: {other: $count * columns}}
layers:
  first: {use: Plus, with: {count: n + 1}}
  again: {call: first}
"""
    module = built(text)
    for rows, columns in ((2, 3), (4, 5)):
        assert module(torch.zeros(rows, columns).long())[0, 0] == 2 * (rows + 1) * columns


# ------------------------------------------------------------------------------------------------ as any module


def test_half_and_to() -> None:
    module = built(MLP).half()
    assert module(torch.ones(1, 3).half()).dtype == torch.float16
    assert module.to(torch.float64)(torch.ones(1, 3).double()).dtype == torch.float64


def test_hooks_on_submodules() -> None:
    module, seen = built(RESIDUAL), []
    module.layer[0].register_forward_hook(lambda block, inputs, output: seen.append(tuple(output.shape)))
    module.layer[0].relu.register_forward_hook(lambda layer, inputs, output: seen.append("relu"))
    module(IMAGE)
    assert seen == ["relu", "relu", (2, 4, 6, 7)]


def test_deepcopy_is_independent() -> None:
    module = built(RESIDUAL).eval()
    twin = copy.deepcopy(module)
    expected = module(IMAGE)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.zero_()
    assert torch.equal(twin(IMAGE), expected)


def test_state_dict_survives_torch_save() -> None:
    module, file = built(RESIDUAL), io.BytesIO()
    torch.save(module.state_dict(), file)
    file.seek(0)
    twin = build(check(read(RESIDUAL)), "cpu")
    twin.load_state_dict(torch.load(file))
    assert torch.equal(twin.eval()(IMAGE), module.eval()(IMAGE))


def test_replicas_share_no_state() -> None:
    module = built(RESIDUAL).eval()
    before = {name: dict(vars(each)) for name, each in module.named_modules()}
    module(IMAGE)
    assert all(vars(each) == before[name] for name, each in module.named_modules())


def test_values_are_freed_when_nothing_needs_them_any_more() -> None:
    layers = "\n".join(f"l{number}: {{add: {{other: 1.0}}}}" for number in range(6))
    module, alive = built(text_of(layers + "\nlast: {Identity: {}}")), []
    original, made = torch.add, []

    def count(*args: torch.Tensor, **kwargs: object) -> torch.Tensor:
        result = original(*args, **kwargs)
        made.append(weakref.ref(result))
        return result

    module.last.register_forward_pre_hook(
        lambda layer, inputs: alive.extend(each() is not None for each in made)
    )
    for action in type(module)._program.actions[True]:
        if action.function is original:
            object.__setattr__(action, "function", count)
    module(torch.ones(1, 3))
    assert alive == [False] * 5 + [True]


def test_compiles_to_one_graph() -> None:
    module = built(RESIDUAL).eval()
    compiled = torch.compile(module, fullgraph=True, dynamic=True, backend="aot_eager")
    assert torch.equal(compiled(IMAGE), module(IMAGE))
    larger = torch.randn(3, 3, 10, 12)
    assert torch.equal(compiled(larger), module(larger))


def test_many_networks_can_be_compiled_in_one_process() -> None:
    for size in range(1, 12):
        text = MLP.replace("out_features: 2", f"out_features: {size}")
        compiled = torch.compile(built(text), fullgraph=True, backend="eager")
        assert compiled(torch.ones(1, 3)).shape == (1, size)


def test_compiles_with_named_outputs_and_dimensions() -> None:
    module = built(NESTED)
    compiled = torch.compile(module, fullgraph=True, backend="eager")
    inputs = [torch.ones(2, 3), torch.ones(2, 3)], {"bias": torch.ones(3)}
    assert torch.equal(compiled(*inputs).result, module(*inputs).result)


def test_exports_with_its_tree() -> None:
    module = built(RESIDUAL).eval()
    dims = {"image": {0: torch.export.Dim.AUTO, 2: torch.export.Dim.AUTO, 3: torch.export.Dim.AUTO}}
    program = torch.export.export(module, (IMAGE,), dynamic_shapes=dims, strict=False)
    stacks = [node.meta["nn_module_stack"] for node in program.graph.nodes if node.op == "call_function"]
    paths = {path for stack in stacks for path, _ in stack.values()}
    assert {"layer.0.conv", "layer.1", "stem.1", "fc"} <= paths
    assert torch.equal(program.module()(IMAGE), module(IMAGE))


def test_a_module_with_other_tensors_than_its_type_declares_is_refused() -> None:
    text = """\
modelpack: 1
name: net
inputs: {x: {dtype: float32, shape: [batch, 3]}}
layers:
  a: {Linear: {in_features: 3, out_features: 4}}
"""
    rows = {**ROWS, "Linear": ModuleRow("Linear", Transposed)}
    with pytest.raises(BuildError, match=r"^MP721 a: Linear declares other tensors .*: weight$"):
        build(check(read(text)), rows=rows)


class Transposed(nn.Linear):
    def __init__(self, in_features: int, out_features: int, bias: bool, **options: Any) -> None:
        super().__init__(out_features, in_features, bias, **options)
        self.bias = nn.Parameter(torch.empty(out_features, **options))


def test_a_network_of_one_mode_refuses_the_other():
    text = """
modelpack: 1
name: fixed
modes: [eval]
inputs:
  x: {dtype: float32, shape: [batch, 3]}
layers:
  drop: {Dropout: {p: 0.5}}
"""
    module = build(check_text(text), "cpu")
    assert not module.training
    assert not module.drop.training
    with pytest.raises(BuildError, match="MP740 the network is carried in eval mode only"):
        module.train()
    assert not module.drop.training
    assert module.eval() is module
