"""Operations of products are those that torch counts itself, while the original runs."""

import pytest
import torch
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.zoo.of_torchvision import torchvision
from modelpack.backends.torch.capture import capture
from modelpack.checker import check
from modelpack.costs import costs, free_dimensions
from modelpack.flops import PRODUCTS
from tests.core.test_costs import PRODUCTS as BY_HAND
from tests.core.test_costs import SIZES, product


def vision_transformer() -> nn.Module:
    return torchvision().models.VisionTransformer(
        image_size=32, patch_size=8, num_layers=2, num_heads=2, hidden_dim=16, mlp_dim=32, num_classes=5
    )


MODELS = {
    "resnet18": (lambda: torchvision().models.resnet18(), (2, 3, 64, 96)),
    "mobilenet_v3_small": (lambda: torchvision().models.mobilenet_v3_small(), (2, 3, 64, 64)),
    "vision_transformer": (vision_transformer, (3, 3, 32, 32)),
    "transposed": (lambda: nn.Sequential(nn.ConvTranspose2d(4, 6, 3, stride=2, groups=2)), (2, 4, 9, 7)),
}


@pytest.mark.parametrize(("make", "shape"), MODELS.values(), ids=list(MODELS))
def test_products_cost_what_torch_counts(make, shape):
    model = make().eval()
    image = torch.randn(shape)
    network = check(capture(model, (image,)).architecture)
    (spec,) = network.inputs.values()
    sizes = {
        str(axis): size for axis, size in zip(spec.shape, shape, strict=True) if not isinstance(axis, int)
    }
    rows = list(costs(network, sizes).rows())
    assert sum(row.own.flops for row in rows if row.kind in PRODUCTS) == counted(model, image)


UNCOUNTED = {"Bilinear", "addbmm", "conv_tbc", "LSTM in both directions"}
"""Torch has no formula for the kernels of these."""


@pytest.mark.parametrize("name", sorted(BY_HAND.keys() - UNCOUNTED))
def test_a_product_costs_what_torch_counts(name):
    layer, shapes, _ = BY_HAND[name]
    built = product(layer, shapes)
    sizes = {each: SIZES[each] for each in free_dimensions(built)}
    found = costs(built, sizes)
    tensors = [torch.randn(tuple(found.at_sizes(spec).shape)) for spec in built.inputs.values()]
    assert found.total.flops == counted(built.architecture.build().eval(), *tensors)


def counted(model: nn.Module, *inputs: torch.Tensor) -> int:
    """By torch, without the kernels that it doesn't count: fused attention on a CPU."""
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        with torch.no_grad(), sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counter:
            model(*inputs)
    finally:
        torch.backends.mha.set_fastpath_enabled(True)
    return counter.get_total_flops()
