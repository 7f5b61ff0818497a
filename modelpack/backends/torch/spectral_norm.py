"""Spectral normalisation as one operator: what torch writes as a module and as a hook, each around the same arithmetic.

An operator and not a function, so that capture sees one call where a built network is captured again. It calls torch's own
functions on whatever device its tensors are, in the order in which torch's two implementations do: results are equal bit by bit.
"""

from __future__ import annotations

import torch
from torch.nn import functional

__all__ = ["SPECTRAL_NORM"]

_LIBRARY = torch.library.Library("modelpack", "FRAGMENT")
_LIBRARY.define(
    "spectral_norm(Tensor weight, Tensor u, Tensor v, bool training, int n_power_iterations, int dim, float eps, str first)"
    " -> Tensor"
)


def _spectral_norm(
    weight: torch.Tensor,
    u: torch.Tensor,
    v: torch.Tensor,
    training: bool,
    n_power_iterations: int,
    dim: int,
    eps: float,
    first: str,
) -> torch.Tensor:
    matrix = weight.movedim(dim, 0).reshape(weight.shape[dim], -1)
    if training:
        with torch.no_grad():
            for _ in range(n_power_iterations):
                if first == "u":
                    functional.normalize(torch.mv(matrix, v), dim=0, eps=eps, out=u)
                functional.normalize(torch.mv(matrix.t(), u), dim=0, eps=eps, out=v)
                if first == "v":
                    functional.normalize(torch.mv(matrix, v), dim=0, eps=eps, out=u)
    # Of clones, as the next forward changes both vectors, perhaps before this one is gone through backwards.
    return weight / torch.dot(u.clone(), torch.mv(matrix, v.clone()))


_LIBRARY.impl("spectral_norm", _spectral_norm, "CompositeImplicitAutograd")

SPECTRAL_NORM = torch.ops.modelpack.spectral_norm.default
