"""Cuts through networks that people have made: what a part gives is what a hook on the original saw, bit by bit; a cut that more
than one tensor crosses is refused, and the error names each of them.

All cuts between two layers of the top level, and inside of the containers that are named below; with random weights, few layers
and small images.
What crosses a cut is counted here once more, from the wiring of the checked network alone.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

import modelpack
from benchmarks.zoo.case import Case, Given, images, tokens
from benchmarks.zoo.cases import ZOO
from benchmarks.zoo.observe import leaves, same
from benchmarks.zoo.of_torchvision import torchvision
from benchmarks.zoo.saving import made
from modelpack.architecture import Apply, Block, Node
from modelpack.errors import ArchitectureError
from modelpack.layers.stateful import Assign
from modelpack.network import Again, Body, Child, Network, Slot, slots
from modelpack.opened import OpenPack
from modelpack.reuse.opening import opened
from modelpack.reuse.part import Part
from tests.torch.models import LeNet

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")


def _lenet() -> nn.Module:
    return LeNet()


def _squeezenet() -> nn.Module:
    return torchvision().models.SqueezeNet("1_1", num_classes=5)


def _googlenet() -> nn.Module:
    """With three of its nine modules of parallel branches; in the place of the others only their widths change."""
    model = torchvision().models.GoogLeNet(num_classes=5, aux_logits=False, init_weights=False)
    for each in ("inception4b", "inception4c", "inception4d", "inception5a"):
        setattr(model, each, nn.Identity())
    model.inception4e, model.inception5b = nn.Conv2d(512, 832, 1), nn.Conv2d(832, 1024, 1)
    return model


def _densenet() -> nn.Module:
    return torchvision().models.DenseNet(4, (2, 1, 1), 8, num_classes=5)


def _mobilenet() -> nn.Module:
    """Its first stages: with and without squeeze and excitation, with strides, ReLU and Hardswish."""
    stages, last = torchvision().models.mobilenetv3._mobilenet_v3_conf("mobilenet_v3_small")
    return torchvision().models.MobileNetV3(stages[:4], last, num_classes=5)


def _vit() -> nn.Module:
    return torchvision().models.VisionTransformer(32, 8, 2, 2, 16, 16, num_classes=5)


def _of_transformers(kind: str, given: Callable[[int, int], Given], size: int, **settings: Any) -> Case:
    def make() -> nn.Module:
        torchvision()  # transformers imports it where it's installed
        import transformers

        return transformers.AutoModel.from_config(transformers.AutoConfig.for_model(kind, **settings))

    return Case("transformers", kind, make, given, size)


def _pixels(batch: int, side: int) -> Given:
    return (), {"pixel_values": torch.randn(batch, 3, side, side)}


def _pair(batch: int, length: int) -> Given:
    given = torch.randint(3, 99, (2, batch, length))
    return (), {"input_ids": given[0], "decoder_input_ids": given[1][:, 3:]}


def _of_images(make: Callable[[], nn.Module], size: int = 64, channels: int = 3) -> Case:
    return Case("torchvision", make.__name__, make, images(channels), size)


_ENCODER = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 16}
_SEGFORMER: dict[str, Any] = {
    "num_encoder_blocks": 2,
    "depths": [1, 1],
    "hidden_sizes": [8, 16],
    "num_attention_heads": [1, 2],
    "sr_ratios": [2, 1],
    "patch_sizes": [7, 3],
    "strides": [4, 2],
    "mlp_ratios": [2, 2],
}
_SWIN = {"image_size": 32, "patch_size": 4, "embed_dim": 8, "depths": [2], "num_heads": [1], "window_size": 4}
_CONVNEXT = {"num_stages": 2, "hidden_sizes": [8, 16], "depths": [1, 2]}
_GPT2 = {"n_embd": 16, "n_layer": 2, "n_head": 2, "n_positions": 32}
_T5 = {"d_model": 16, "d_kv": 8, "d_ff": 16, "num_layers": 1, "num_heads": 2}

NETWORKS: Mapping[str, tuple[Case, tuple[str, ...]]] = {
    "lenet": (_of_images(_lenet, 28, 1), ()),
    "resnet18": (ZOO["torchvision/resnet18"], ("layer2.0",)),
    "squeezenet": (_of_images(_squeezenet), ("features.3",)),
    "googlenet": (_of_images(_googlenet), ("inception3a",)),
    "densenet": (_of_images(_densenet), ("features.denseblock1",)),
    "mobilenet_v3": (_of_images(_mobilenet), ("features.2",)),
    "unet": (ZOO["plain/unet"], ()),
    "lstm": (ZOO["plain/lstm"], ()),
    "vit": (_of_images(_vit, 32), ("encoder",)),
    "convnext": (_of_transformers("convnext", _pixels, 32, **_CONVNEXT), ("encoder", "encoder.stages.1")),
    "swin": (_of_transformers("swin", _pixels, 32, **_SWIN), ("encoder.layers.0",)),
    "segformer": (_of_transformers("segformer", _pixels, 32, **_SEGFORMER), ("stages.1",)),
    "bert": (
        _of_transformers("bert", tokens(99), 9, vocab_size=99, **_ENCODER),
        ("encoder", "encoder.layer.0"),
    ),
    "gpt2": (_of_transformers("gpt2", tokens(99), 9, vocab_size=99, **_GPT2), ("h.0",)),
    "t5": (_of_transformers("t5", _pair, 9, vocab_size=99, **_T5), ("encoder", "encoder.block.0")),
}
"""A network with random weights, and containers inside of which it is cut, too."""


@dataclass(frozen=True)
class Seen:
    """What the original did on an example."""

    inputs: Mapping[str, Any]
    outputs: list[torch.Tensor]
    hooked: Mapping[str, list[torch.Tensor]]
    """module -> what it gave, the first time"""


@pytest.mark.parametrize("name", NETWORKS)
def test_parts_of_a_captured_network(
    name: str, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    case, containers = NETWORKS[name]
    model = made(case)
    torch.manual_seed(1)
    args, kwargs = case.given(2, case.size)
    modelpack.save(model, tmp_path / "net.modelpack", args, dict(kwargs))
    seen = observed(model.eval(), args, kwargs)
    with modelpack.open(tmp_path / "net.modelpack") as pack:
        levels = [Level(pack, flat, seen, inside) for flat, inside in flattened(pack.network, containers)]
        counts = [level.cut_everywhere() for level in levels]
    hooked, legal, refused = map(sum, zip(*counts, strict=True))
    assert hooked
    assert legal
    record_property("cuts", (hooked, legal, refused))


def observed(model: nn.Module, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Seen:
    hooked: dict[str, list[torch.Tensor]] = {}

    def hook(name: str) -> Callable[[nn.Module, Any, Any], None]:
        def note(_module: nn.Module, _args: Any, given: Any) -> None:
            # Cloned, as what follows may work in place.
            hooked.setdefault(name, copied(given))

        return note

    for name, each in model.named_modules():
        each.register_forward_hook(hook(name))
    inputs = inspect.signature(model.forward).bind(*args, **kwargs).arguments
    with torch.no_grad():
        outputs = copied(model(*args, **kwargs))
    return Seen(inputs, outputs, hooked)


def copied(given: Any) -> list[torch.Tensor]:
    return [each.clone() for _, each in leaves(given)]


def flattened(network: Network, containers: tuple[str, ...]) -> Iterator[tuple[Network, str]]:
    """The network without repetitions at its top level; and with each container open, to be cut inside of it."""
    yield opened(network, ()), ""
    for each in containers:
        does = opened(network, (each,)).main.by_name[each].does
        assert isinstance(does, Child)
        yield opened(network, (f"{each}.{does.body.steps[0].name}",)), f"{each}."


# ------------------------------------------------------------------------------------------------- counted here


def live_steps(main: Body) -> set[int]:
    """The steps that the outputs, or assignments to buffers, depend on."""
    offset = len(main.inputs) + len(main.raw)
    waiting = [slot.index - offset for slot in slots(main.wiring)]
    waiting += [
        at
        for at, step in enumerate(main.steps)
        if isinstance(step.node.action, Apply) and step.node.action.type is Assign.type
    ]
    found: set[int] = set()
    while waiting:
        at = waiting.pop()
        if at < 0 or at in found:
            continue
        found.add(at)
        waiting += [slot.index - offset for wiring in main.steps[at].inputs for slot in slots(wiring)]
    return found


def crossing(main: Body, at: int) -> dict[str, Slot]:
    """What steps before number `at` made that others from there on, or the outputs, use."""
    offset = len(main.inputs) + len(main.raw)
    live = live_steps(main)
    used = [
        slot
        for number, step in enumerate(main.steps)
        if number >= at and number in live
        for wiring in step.inputs
        for slot in slots(wiring)
    ]
    return {
        ".".join((main.steps[slot.index - offset].name, *map(str, slot.path))): slot
        for slot in (*used, *slots(main.wiring))
        if offset <= slot.index < offset + at
    }


def called_inside(main: Body, at: int) -> list[str]:
    """The layers inside of containers before number `at` that are called from there on."""
    before = [step.name for step in main.steps[:at]]
    return [
        step.does.target
        for step in main.steps[at:]
        if isinstance(step.does, Again)
        and step.does.target not in before
        and any(step.does.target.startswith(f"{name}.") for name in before)
    ]


def in_no_place(block: Block) -> Block:
    def without(node: Node) -> Node:
        if not isinstance(node.action, Apply):
            return node
        settings = {name: each for name, each in node.action.settings.items() if name != "inplace"}
        return replace(node, action=replace(node.action, settings=settings))

    return replace(block, nodes=tuple(map(without, block.nodes)))


# --------------------------------------------------------------------------------------------------------- cuts


class Level:
    """A network whose steps are the places to cut at."""

    def __init__(self, pack: OpenPack, flat: Network, seen: Seen, inside: str) -> None:
        self.pack = pack
        self.inside = inside
        self.main = flat.main
        self.names = [step.name for step in flat.main.steps]
        self.seen = seen
        self.values = self._values(flat)

    def _values(self, flat: Network) -> Mapping[str, Any]:
        """What each step gives: the whole network with all of them as outputs, and nothing done in place."""
        steps = [step.name for step in self.main.steps if step.node.when != "train"]
        whole = replace(
            flat.architecture,
            main=replace(in_no_place(self.main.block), outputs={name: name for name in steps}),
            blocks={name: in_no_place(each) for name, each in flat.architecture.blocks.items()},
        )
        return self._run(Part(whole, self.pack.tensors, {}, {}), self.seen.inputs)

    def cut_everywhere(self) -> tuple[int, int, int]:
        """How many parts were held against a hook, and how many cuts were made, and refused."""
        hooked = legal = refused = 0
        for at in (each for each in range(1, len(self.names)) if self._is_place(each)):
            hooked += self._up_to(self.names[at - 1])
            crosses = crossing(self.main, at)
            if len(crosses) > 1 or called_inside(self.main, at):
                self._refused(at, crosses)
                refused += 1
            else:
                self._from(at, crosses, self.pack.take(self.names[at]))
                legal += 1
        return hooked, legal, refused

    def _is_place(self, at: int) -> bool:
        return all(name.startswith(self.inside) for name in self.names[at - 1 : at + 1])

    def _up_to(self, name: str) -> bool:
        """Whether the original has a module of that name; what the part up to it gives is what that gave."""
        if name not in self.values:
            return False
        given = copied(self._run(self.pack.take(last=name), self.seen.inputs))
        assert same(given, copied(self.values[name])), f"up to '{name}'"
        expected = self.seen.hooked.get(name)
        assert expected is None or agree(given, expected), f"up to '{name}'"
        return expected is not None

    def _from(self, at: int, crosses: Mapping[str, Slot], part: Part) -> None:
        entering = {entering_name(name, part): self._value(slot) for name, slot in crosses.items()}
        given = copied(self._run(part, {**self.seen.inputs, **entering}))
        assert same(given, self.seen.outputs), f"from '{self.names[at]}' on"

    def _refused(self, at: int, crosses: Mapping[str, Slot]) -> None:
        with pytest.raises(ArchitectureError) as caught:
            self.pack.take(self.names[at])
        (problem,) = caught.value.problems
        if problem.code == "MP343":
            assert any(f"'{target}'" in problem.message for target in called_inside(self.main, at))
            return
        assert problem.code == "MP341"
        assert [name for name in crosses if f"'{name}'" not in problem.message] == []
        assert f"takes in {len(crosses)} tensors" in problem.message
        if not called_inside(self.main, at):
            self._from(at, crosses, self.pack.take(self.names[at], inputs=[*crosses]))

    def _value(self, slot: Slot) -> torch.Tensor:
        value: Any = self.values[
            self.main.steps[slot.index - len(self.main.inputs) - len(self.main.raw)].name
        ]
        for key in slot.path:
            value = value[key]
        return value.clone()

    def _run(self, part: Part, values: Mapping[str, Any]) -> Any:
        with torch.no_grad():
            return part.load()(**{name: values[name] for name in part.network.inputs})


def entering_name(name: str, part: Part) -> str:
    """What a tensor is called that comes into a part."""
    stem = name.replace(".", "_").replace("-", "_")
    return next(each for each in (stem, f"x_{stem}", f"{stem}_2") if each in part.network.inputs)


def agree(given: list[torch.Tensor], expected: list[torch.Tensor]) -> bool:
    """Equal; but a part also gives what a module put into a cache, and nothing that nobody uses."""
    few, many = sorted((given, expected), key=len)
    rest = iter(many)
    return bool(few) and all(any(same(one, other) for other in rest) for one in few)
