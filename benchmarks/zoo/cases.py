"""All networks of the zoo, by name (`timm/convnext_atto`)."""

from __future__ import annotations

from benchmarks.zoo import of_plain, of_timm, of_torchvision, of_transformers
from benchmarks.zoo.case import Case

__all__ = ["ZOO"]

ZOO: dict[str, Case] = {
    f"{case.library}/{case.name}": case
    for module in (of_torchvision, of_timm, of_transformers, of_plain)
    for case in module.CASES
}
