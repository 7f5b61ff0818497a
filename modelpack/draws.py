"""Seed and name -> numbers: uniform, normal, truncated normal.

One 64-bit draw per number, of Philox-4x64-10 (Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3"), whose
key is a hash of seed and name. numpy keeps the raw output of its generators the same for ever, but not its
distributions; and its logarithm differs between machines. So these are done here, by operations that don't.
"""

from __future__ import annotations

from hashlib import blake2b
from math import erf, sqrt

import numpy as np
import numpy.typing as npt

__all__ = ["Stream", "inverse_normal_cdf", "natural_log"]

Floats = npt.NDArray[np.float64]


class Stream:
    """The random numbers of one tensor, in order."""

    def __init__(self, seed: int, name: str) -> None:
        key = blake2b(f"{seed}\0{name}".encode(), digest_size=16, person=b"modelpack init").digest()
        self._generator = np.random.Philox(key=int.from_bytes(key, "little"))

    def raw(self, count: int) -> npt.NDArray[np.uint64]:
        """Integers of 64 random bits."""
        return self._generator.random_raw(count)

    def open_unit(self, count: int) -> Floats:
        """Numbers between 0 and 1, without either: odd multiples of 2**-53."""
        return ((self.raw(count) >> np.uint64(12)).astype(np.float64) + 0.5) * 2.0**-52

    def uniform(self, count: int, low: float, high: float) -> Floats:
        """Numbers from `low` to `high`."""
        return low + (high - low) * self.open_unit(count)

    def normal(self, count: int, mean: float, std: float) -> Floats:
        """Numbers of a normal distribution."""
        return mean + std * inverse_normal_cdf(self.open_unit(count))

    def truncated_normal(self, count: int, mean: float, std: float, low: float, high: float) -> Floats:
        """Numbers of a normal distribution from `low` to `high`, by rejection: of normal numbers where three in ten
        fall between, of uniform ones where fewer do."""
        inside = (erf((high - mean) / std / sqrt(2)) - erf((low - mean) / std / sqrt(2))) / 2
        draw = self._accept_normal if inside > 0.3 else self._accept_uniform
        numbers = np.empty(count)
        missing = np.arange(count)
        while missing.size:
            drawn, accepted = draw(missing.size, mean, std, low, high)
            numbers[missing[accepted]] = drawn[accepted]
            missing = missing[~accepted]
        return numbers

    def _accept_normal(
        self, count: int, mean: float, std: float, low: float, high: float
    ) -> tuple[Floats, npt.NDArray[np.bool_]]:
        drawn = self.normal(count, mean, std)
        return drawn, (drawn >= low) & (drawn <= high)

    def _accept_uniform(
        self, count: int, mean: float, std: float, low: float, high: float
    ) -> tuple[Floats, npt.NDArray[np.bool_]]:
        drawn = self.uniform(count, low, high)
        likeliest = max(low, min(mean, high))
        log_density = (((likeliest - mean) / std) ** 2 - ((drawn - mean) / std) ** 2) / 2
        return drawn, natural_log(self.open_unit(count)) < log_density


# ---------------------------------------------------------------------------------------------- functions

_LN2 = 0.6931471805599453
_HALF_ROOT = sqrt(0.5)
_LOG_TERMS = 13


def natural_log(x: Floats) -> Floats:
    """The natural logarithm of positive numbers, to about 2 units in the last place.

    With ``x = m * 2**e`` and ``s = (m - 1) / (m + 1)``: ``e * log(2) + 2 * (s + s**3 / 3 + s**5 / 5 + …)``.
    """
    mantissa, exponent = np.frexp(x)
    small = mantissa < _HALF_ROOT
    mantissa = np.where(small, 2 * mantissa, mantissa)
    exponent = np.where(small, exponent - 1, exponent)
    s = (mantissa - 1) / (mantissa + 1)
    square = s * s
    series = np.full_like(s, 1 / (2 * _LOG_TERMS + 1))
    for term in range(_LOG_TERMS - 1, -1, -1):
        series = series * square + 1 / (2 * term + 1)
    return exponent * _LN2 + 2 * s * series


# Wichura 1988, "Algorithm AS 241: The Percentage Points of the Normal Distribution", PPND16: to about 1 in 10**16.
_CENTRE = (
    (
        2.5090809287301226727e3,
        3.3430575583588128105e4,
        6.7265770927008700853e4,
        4.5921953931549871457e4,
        1.3731693765509461125e4,
        1.9715909503065514427e3,
        1.3314166789178437745e2,
        3.3871328727963666080e0,
    ),
    (
        5.2264952788528545610e3,
        2.8729085735721942674e4,
        3.9307895800092710610e4,
        2.1213794301586595867e4,
        5.3941960214247511077e3,
        6.8718700749205790830e2,
        4.2313330701600911252e1,
        1.0,
    ),
)
_TAIL = (
    (
        7.74545014278341407640e-4,
        2.27238449892691845833e-2,
        2.41780725177450611770e-1,
        1.27045825245236838258e0,
        3.64784832476320460504e0,
        5.76949722146069140550e0,
        4.63033784615654529590e0,
        1.42343711074968357734e0,
    ),
    (
        1.05075007164441684324e-9,
        5.47593808499534494600e-4,
        1.51986665636164571966e-2,
        1.48103976427480074590e-1,
        6.89767334985100004550e-1,
        1.67638483018380384940e0,
        2.05319162663775882187e0,
        1.0,
    ),
)
_FAR_TAIL = (
    (
        2.01033439929228813265e-7,
        2.71155556874348757815e-5,
        1.24266094738807843860e-3,
        2.65321895265761230930e-2,
        2.96560571828504891230e-1,
        1.78482653991729133580e0,
        5.46378491116411436990e0,
        6.65790464350110377720e0,
    ),
    (
        2.04426310338993978564e-15,
        1.42151175831644588870e-7,
        1.84631831751005468180e-5,
        7.86869131145613259100e-4,
        1.48753612908506148525e-2,
        1.36929880922735805310e-1,
        5.99832206555887937690e-1,
        1.0,
    ),
)


def inverse_normal_cdf(p: Floats) -> Floats:
    """Where the standard normal distribution function is `p`, between 0 and 1."""
    q = p - 0.5
    result = q * _ratio(_CENTRE, 0.180625 - q * q)
    tail = np.abs(q) > 0.425
    r = np.sqrt(-natural_log(np.minimum(p[tail], 1 - p[tail])))
    distance = np.where(r <= 5, _ratio(_TAIL, r - 1.6), _ratio(_FAR_TAIL, r - 5))
    result[tail] = np.where(q[tail] < 0, -distance, distance)
    return result


def _ratio(polynomials: tuple[tuple[float, ...], tuple[float, ...]], x: Floats) -> Floats:
    above, below = (_polynomial(each, x) for each in polynomials)
    return above / below


def _polynomial(coefficients: tuple[float, ...], x: Floats) -> Floats:
    result = np.full_like(x, coefficients[0])
    for each in coefficients[1:]:
        result = result * x + each
    return result
