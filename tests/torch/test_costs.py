"""Operations of products are those that torch counts itself, while the original runs."""

import pytest
import torch
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.zoo.of_torchvision import torchvision
from modelpack.backends.torch.capture import capture
from modelpack.checker import check
from modelpack.costs import costs
from modelpack.flops import PRODUCTS


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


def counted(model: nn.Module, image: torch.Tensor) -> int:
    """By torch, without the kernels that it doesn't count: fused attention on a CPU."""
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        with torch.no_grad(), sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counter:
            model(image)
    finally:
        torch.backends.mha.set_fastpath_enabled(True)
    return counter.get_total_flops()
