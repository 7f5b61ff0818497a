"""Special functions of each element."""

from __future__ import annotations

import torch

from modelpack.backends.torch.rows import OperationRow, Row, aliases, overloads

_OF_TORCH = {
    "asinh": ("arcsinh",),
    "acosh": ("arccosh",),
    "atanh": ("arctanh",),
    "exp2": ("special_exp2",),
    "sinc": ("special_sinc",),
    "deg2rad": (),
    "rad2deg": (),
    "erfc": ("special_erfc",),
    "erfinv": ("special_erfinv",),
    "lgamma": ("special_gammaln",),
    "digamma": ("special_digamma", "special_psi"),
    "i0": ("special_i0",),
    "logit": ("special_logit",),
    "mvlgamma": ("special_multigammaln",),
    "nan_to_num": (),
}
"""Functions of torch, each with the other names that it has."""

_OF_SPECIAL = (
    *("entr", "i0e", "i1", "i1e", "ndtr", "ndtri", "log_ndtr", "erfcx", "airy_ai"),
    *("bessel_j0", "bessel_j1", "bessel_y0", "bessel_y1"),
    *("modified_bessel_i0", "modified_bessel_i1", "modified_bessel_k0", "modified_bessel_k1"),
    *("scaled_modified_bessel_k0", "scaled_modified_bessel_k1", "spherical_bessel_j0"),
)

_OF_X = ("airy_ai", "scaled_modified_bessel_k0", "scaled_modified_bessel_k1", "spherical_bessel_j0")
"""Those whose input ATen calls `x`."""

_POLYNOMIALS = (
    *(f"chebyshev_polynomial_{kind}" for kind in "tuvw"),
    *(f"shifted_chebyshev_polynomial_{kind}" for kind in "tuvw"),
    *("hermite_polynomial_h", "hermite_polynomial_he", "laguerre_polynomial_l", "legendre_polynomial_p"),
)


def _polygamma(input: torch.Tensor, n: int) -> torch.Tensor:
    return torch.polygamma(n, input)


ROWS: tuple[Row, ...] = (
    *(OperationRow(name, getattr(torch, name), aliases(name, *others)) for name, others in _OF_TORCH.items()),
    *(
        OperationRow(
            f"special_{name}",
            getattr(torch.special, name),
            overloads(f"special_{name}"),
            schema={"x": "input"} if name in _OF_X else {},
        )
        for name in _OF_SPECIAL
    ),
    OperationRow("polygamma", _polygamma, aliases("polygamma", "special_polygamma")),
    OperationRow("frexp", torch.frexp, overloads("frexp", "Tensor")),
    *(
        OperationRow(
            f"special_{name}",
            getattr(torch.special, name),
            overloads(f"special_{name}", "default", "x_scalar", "n_scalar"),
        )
        for name in _POLYNOMIALS
    ),
)
