"""The zoo's networks of timm: the smallest of each family."""

from __future__ import annotations

from typing import Any

from torch import nn

from benchmarks.zoo.case import Case, images
from benchmarks.zoo.of_torchvision import torchvision

__all__ = ["CASES"]


def _make(name: str, settings: dict[str, Any]) -> nn.Module:
    torchvision()  # timm imports it
    import timm

    return timm.create_model(name, pretrained=False, num_classes=10, **settings)


def _case(name: str, size: int = 64, others: tuple[int, ...] = (96,), **settings: Any) -> Case:
    return Case("timm", name, lambda: _make(name, settings), images(), size, others)


def _sized(name: str, size: int = 64, **settings: Any) -> Case:
    """One that is made for its image size."""
    return _case(name, size, (), img_size=size, **settings)


CASES = (
    _sized("beit_base_patch16_224", depth=4, embed_dim=192, num_heads=3),
    _sized("cait_xxs24_224"),
    _sized("coat_lite_tiny"),
    _sized("convit_tiny"),
    _case("convmixer_768_32"),
    *map(_case, ("convnext_atto", "cs3darknet_focus_s", "davit_tiny")),
    _sized("deit_tiny_distilled_patch16_224"),
    *map(_case, ("dla46_c", "dpn48b", "edgenext_xx_small")),
    _case("efficientformer_l1", 224, ()),
    _case("efficientnet_b0"),
    _sized("eva02_tiny_patch14_224", 56),
    *map(_case, ("fastvit_t8", "ghostnet_050", "hrnet_w18_small")),
    _case("levit_128s", 224, ()),
    _sized("mixer_s32_224"),
    *map(_case, ("mobilenetv3_small_050", "mobilevit_xxs", "nfnet_l0")),
    _sized("pit_ti_224"),
    *map(
        _case, ("poolformer_s12", "regnetx_002", "res2net50_48w_2s", "resnest14d", "rexnet_100", "skresnet18")
    ),
    _sized("swin_tiny_patch4_window7_224", 224, depths=(2, 2, 2, 2)),
    _sized("tnt_s_patch16_224"),
    _case("tresnet_m"),
    _sized("twins_svt_small"),
    _case("vgg11"),
    _sized("vit_tiny_patch16_224"),
    _case("volo_d1_224", 224, ()),
    _case("xcit_nano_12_p16_224"),
)
