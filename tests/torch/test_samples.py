"""`modelpack verify` runs a pack's samples: equal, other, too few."""

import pytest
import torch
from torch import nn
from typer.testing import CliRunner

import modelpack
from modelpack.backends.torch.samples import run_samples
from modelpack.dtypes import DType
from modelpack.errors import BuildError
from modelpack.pack import TensorData, write_pack
from tests.commands import app


class Two(nn.Module):
    """Two inputs, two outputs."""

    def __init__(self):
        super().__init__()
        self.first = nn.Linear(3, 4)
        self.second = nn.Linear(5, 4)

    def forward(self, a, b):
        return self.first(a) + self.second(b), self.first(a)


@pytest.fixture
def pack(tmp_path):
    torch.manual_seed(0)
    path = tmp_path / "two.modelpack"
    modelpack.save(Two(), path, args=(torch.randn(2, 3), torch.randn(2, 5)), samples=True)
    return path


def run(path):
    with modelpack.open(path) as opened:
        return run_samples(opened, opened.pack.samples)


def with_samples(pack, change):
    """The pack with its samples changed: a function from name and tensor to another tensor, or None to leave it out."""
    with modelpack.open(pack) as opened:
        samples = {name: torch.from_numpy(each.numpy()) for name, each in opened.pack.samples.tensors.items()}
        changed = {name: change(name, tensor) for name, tensor in samples.items()}
        target = pack.with_name("changed.modelpack")
        weights = opened.tensors.values()
        write_pack(
            target,
            architecture=opened.pack.architecture,
            weights=[TensorData(each.name, each.dtype, each.shape, each.read()) for each in weights],
            samples=[
                TensorData(name, DType.FLOAT32, tuple(each.shape), memoryview(each.numpy()).cast("B"))
                for name, each in changed.items()
                if each is not None
            ],
        )
    return target


def test_samples_agree_bit_by_bit(pack):
    assert (run(pack).outputs, run(pack).exact) == (2, True)
    result = CliRunner().invoke(app, ["verify", str(pack)])
    assert result.exit_code == 0
    assert "samples agree bit by bit (2 outputs)" in result.stdout


def test_a_rounding_error_is_told_and_allowed(pack):
    close = with_samples(pack, lambda name, each: each * (1 + 2e-7) if name == "output.0" else each)
    assert run(close).exact is False


def test_other_outputs_are_refused_by_name(pack):
    other = with_samples(pack, lambda name, each: each + 0.01 if name == "output.1" else each)
    with pytest.raises(BuildError, match=r"MP731 output\.1"):
        run(other)
    result = CliRunner().invoke(app, ["verify", str(other)])
    assert result.exit_code == 1
    assert "MP731" in result.stderr


@pytest.mark.parametrize("name", ["input.1", "output.1"])
def test_samples_that_do_not_fit_are_refused(pack, name):
    fewer = with_samples(pack, lambda each, tensor: None if each == name else tensor)
    with pytest.raises(BuildError, match="MP730"):
        run(fewer)


# ---------------------------------------------------------------------------------------------- hostile ones


def written(tmp_path, layers, samples, weights=(), inputs="x: {dtype: float32, shape: [batch]}"):
    """A pack of this text and these samples, each a name, dtype, shape and bytes."""
    path = tmp_path / "hostile.modelpack"
    text = f"modelpack: 1\nname: net\ninputs: {{{inputs}}}\nlayers: {layers}\n"
    write_pack(
        path,
        architecture=text.encode(),
        weights=[TensorData(*each) for each in weights],
        samples=[TensorData(*each) for each in samples],
    )
    return path


def refused(path, said):
    """The pack fails with MP732 and `said`, and `verify` says so."""
    with pytest.raises(BuildError, match=said) as caught:
        run(path)
    assert [problem.code for problem in caught.value.problems] == ["MP732"]
    result = CliRunner().invoke(app, ["verify", str(path)])
    assert isinstance(result.exception, SystemExit)
    assert result.exit_code == 1
    assert "MP732" in result.stderr


def test_an_index_beyond_the_table_is_told(tmp_path):
    path = written(
        tmp_path,
        "{table: {Embedding: {num_embeddings: 2, embedding_dim: 3}}}",
        [("input.0", DType.INT64, (1,), (99).to_bytes(8, "little"))],
        [("table.weight", DType.FLOAT32, (2, 3), bytes(24))],
        inputs="x: {dtype: int64, shape: [batch]}",
    )
    refused(path, "the network fails on its samples: IndexError")


def test_a_sample_in_a_dtype_that_torch_lacks_is_told(tmp_path):
    sample = ("input.0", DType("float4_e2m1fn"), (2,), bytes(1))
    refused(written(tmp_path, "{act: {ReLU: {}}}", [sample]), "ValueError: torch has no dtype")


def test_a_size_divided_by_nothing_is_told(tmp_path):
    path = written(
        tmp_path,
        "{made: {zeros: {size: ['8 // (batch - 2)']}}}",
        [("input.0", DType.FLOAT32, (2,), bytes(8))],
    )
    refused(path, "ZeroDivisionError")


@pytest.mark.parametrize(
    ("layers", "size"),
    [
        ("{made: {zeros: {size: [68719476736]}}}", 4),
        ("{made: {zeros: {size: ['batch * batch * 1024']}}}", 1024),
    ],
)
def test_a_tensor_larger_than_samples_may_ask_for_is_not_made(tmp_path, layers, size):
    sample = ("input.0", DType.FLOAT32, (size,), bytes(4 * size))
    refused(written(tmp_path, layers, [sample]), "elements")


def test_many_large_tensors_are_not_made_either(tmp_path):
    block = "{m%d: {zeros: {size: [134217728]}}}"
    layers = "{" + ", ".join((block % at)[1:-1] for at in range(17)) + "}"
    refused(written(tmp_path, layers, [("input.0", DType.FLOAT32, (1,), bytes(4))]), "2,281,701,376 in all")


CALLED_AGAIN = """{
  one: {use: large, inputs: x},
  wide: {cat: {dim: 0}, inputs: [x, x, x]},
  two: {call: one, inputs: wide}}
outputs: one
blocks:
  large:
    inputs: {y: {dtype: float32, shape: [n]}}
    layers: {made: {zeros: {size: ['n * n * 8388608']}}}"""


def test_sizes_inside_blocks_that_are_called_again_count(tmp_path):
    """The first call makes few elements, the second, of the same block, nine times as many."""
    sample = ("input.0", DType.FLOAT32, (2,), bytes(8))
    refused(written(tmp_path, CALLED_AGAIN, [sample]), "made: .*301,989,888 elements")


def test_the_pack_that_runs_is_the_one_that_was_opened(pack):
    """Another pack at the same path, saved after the digests were compared, isn't run."""
    with modelpack.open(pack) as opened:
        torch.manual_seed(1)
        modelpack.save(Two(), pack, args=(torch.randn(2, 3), torch.randn(2, 5)), samples=True)
        assert run_samples(opened, opened.pack.samples).exact
