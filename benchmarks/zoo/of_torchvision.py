"""The zoo's networks of torchvision."""

from __future__ import annotations

import functools
from typing import Any

import torch

from benchmarks.zoo.case import Case, images, of_sizes

__all__ = ["CASES", "torchvision"]

_WITH_BACKWARD = ("roi_align", "roi_pool", "ps_roi_align", "ps_roi_pool", "deform_conv2d")
_OPERATORS = ("nms", "qnms", *_WITH_BACKWARD, *(f"_{each}_backward" for each in _WITH_BACKWARD))


@functools.cache
def torchvision() -> Any:
    """torchvision, whose wheel looks on import for operators that only its build for CUDA can load beside this torch.

    They are given names only, as none of the networks here calls one.
    """
    _define()
    import torchvision

    return torchvision


@functools.cache
def _define() -> torch.library.Library:
    library = torch.library.Library("torchvision", "FRAGMENT")
    for name in _OPERATORS:
        library.define(f"{name}(Tensor input) -> Tensor")
    return library


def _case(name: str, size: int = 64, others: tuple[int, ...] = (96,), **settings: Any) -> Case:
    return Case(
        "torchvision",
        name,
        lambda: torchvision().models.get_model(name, weights=None, **settings),
        images(),
        size,
        others,
    )


def _segmentation(name: str) -> Case:
    make = functools.partial(_segmenter, name)
    return Case("torchvision", name, make, images(), 64, (96,))


def _segmenter(name: str) -> Any:
    return torchvision().models.get_model(name, weights=None, weights_backbone=None, num_classes=5)


def _video(name: str) -> Case:
    return Case(
        "torchvision",
        name,
        lambda: torchvision().models.get_model(name, weights=None),
        of_sizes(lambda batch, side: torch.randn(batch, 3, 8, side, side)),
        32,
        (48,),
    )


CASES = (
    _case("alexnet"),
    _case("vgg11_bn"),
    _case("googlenet", init_weights=False),
    _case("inception_v3", 96, (128,), init_weights=False),
    *map(_case, ("resnet18", "resnext50_32x4d", "densenet121", "squeezenet1_1", "shufflenet_v2_x0_5")),
    *map(_case, ("mobilenet_v2", "mobilenet_v3_small", "mnasnet0_5", "efficientnet_b0", "efficientnet_v2_s")),
    *map(_case, ("regnet_y_400mf", "convnext_tiny")),
    _case("vit_b_16", 32, (), image_size=32),
    _case("swin_t"),
    _case("swin_v2_t"),
    _case("maxvit_t", 224, ()),
    _segmentation("deeplabv3_resnet50"),
    _segmentation("fcn_resnet50"),
    _video("r3d_18"),
)
