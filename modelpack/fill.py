"""Init -> numbers: what each initialiser does, block by block."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import ceil, prod, sqrt

import numpy as np
import numpy.typing as npt

from modelpack.draws import Stream
from modelpack.dtypes import DType
from modelpack.initialise import argument, fans, gain
from modelpack.layers.initial import Init
from modelpack.rounding import rounded

__all__ = ["FILLS", "bytes_of"]

_BLOCK = 2**16
"""Elements that are made at once where each is independent of the others. Part of what a seed means: it can't change."""

Floats = npt.NDArray[np.float64]
Draw = Callable[[int], Floats]


def bytes_of(init: Init, shape: tuple[int, ...], dtype: DType, seed: int, name: str) -> memoryview:
    """The bytes of a tensor that has some elements, for an initialiser that `validate` lets pass.

    Raises:
        ValueError: the values are beyond what `dtype` can hold.
    """
    return FILLS[init.name](init, shape, dtype, Stream(seed, name)).view(np.uint8).data


Fill = Callable[[Init, tuple[int, ...], DType, Stream], npt.NDArray[np.generic]]


def _in_blocks(draw: Draw, shape: tuple[int, ...], dtype: DType) -> npt.NDArray[np.generic]:
    total = prod(shape)
    first = rounded(draw(min(_BLOCK, total)), dtype)
    result = np.empty(total, first.dtype)
    result[: first.size] = first
    for start in range(_BLOCK, total, _BLOCK):
        stop = min(start + _BLOCK, total)
        result[start:stop] = rounded(draw(stop - start), dtype)
    return result


def _number(init: Init, name: str) -> float:
    return float(argument(init, name))


# ---------------------------------------------------------------------------------------------- without randomness


def _constant(value: float, shape: tuple[int, ...], dtype: DType) -> npt.NDArray[np.generic]:
    return np.full(prod(shape), rounded(np.array([value]), dtype)[0])


def _given(init: Init, shape: tuple[int, ...], dtype: DType, _: Stream) -> npt.NDArray[np.generic]:
    return _constant(_number(init, "val"), shape, dtype)


def _zeros(_: Init, shape: tuple[int, ...], dtype: DType, __: Stream) -> npt.NDArray[np.generic]:
    return _constant(0.0, shape, dtype)


def _ones(_: Init, shape: tuple[int, ...], dtype: DType, __: Stream) -> npt.NDArray[np.generic]:
    return _constant(1.0, shape, dtype)


def _eye(_: Init, shape: tuple[int, ...], dtype: DType, __: Stream) -> npt.NDArray[np.generic]:
    result = _constant(0.0, shape, dtype).reshape(shape)
    np.fill_diagonal(result, rounded(np.ones(1), dtype)[0])
    return result.reshape(-1)


def _dirac(init: Init, shape: tuple[int, ...], dtype: DType, _: Stream) -> npt.NDArray[np.generic]:
    """A convolution that gives its input back, in each group: ones in the middle of the kernels ``[d, d]``."""
    result = _constant(0.0, shape, dtype).reshape(shape)
    groups = int(_number(init, "groups"))
    of_group = shape[0] // groups
    middle = tuple(size // 2 for size in shape[2:])
    same = np.arange(min(of_group, shape[1]))
    for group in range(groups):
        result[(group * of_group + same, same, *middle)] = rounded(np.ones(1), dtype)[0]
    return result.reshape(-1)


# ---------------------------------------------------------------------------------------------- each for itself


def _uniform(init: Init, shape: tuple[int, ...], dtype: DType, stream: Stream) -> npt.NDArray[np.generic]:
    low, high = _number(init, "a"), _number(init, "b")
    return _in_blocks(lambda count: stream.uniform(count, low, high), shape, dtype)


def _normal(init: Init, shape: tuple[int, ...], dtype: DType, stream: Stream) -> npt.NDArray[np.generic]:
    mean, std = _number(init, "mean"), _number(init, "std")
    return _in_blocks(lambda count: stream.normal(count, mean, std), shape, dtype)


def _trunc_normal(
    init: Init, shape: tuple[int, ...], dtype: DType, stream: Stream
) -> npt.NDArray[np.generic]:
    mean, std, low, high = (_number(init, name) for name in ("mean", "std", "a", "b"))
    return _in_blocks(lambda count: stream.truncated_normal(count, mean, std, low, high), shape, dtype)


def _embedding(init: Init, shape: tuple[int, ...], dtype: DType, stream: Stream) -> npt.NDArray[np.generic]:
    result = _in_blocks(lambda count: stream.normal(count, 0.0, 1.0), shape, dtype).reshape(shape)
    result[int(_number(init, "padding_idx"))] = 0
    return result.reshape(-1)


def _xavier_std(init: Init, shape: tuple[int, ...]) -> float:
    """Glorot and Bengio 2010, "Understanding the difficulty of training deep feedforward neural networks"."""
    return _number(init, "gain") * sqrt(2.0 / sum(fans(shape)))


def _kaiming_std(init: Init, shape: tuple[int, ...]) -> float:
    """He et al. 2015, "Delving Deep into Rectifiers" (arXiv:1502.01852)."""
    fan_in, fan_out = fans(shape)
    fan = fan_in if argument(init, "mode") == "fan_in" else fan_out
    return gain(str(argument(init, "nonlinearity")), _number(init, "a")) / sqrt(fan)


def _uniform_of(std: Callable[[Init, tuple[int, ...]], float]) -> Fill:
    def fill(init: Init, shape: tuple[int, ...], dtype: DType, stream: Stream) -> npt.NDArray[np.generic]:
        bound = sqrt(3.0) * std(init, shape)
        return _in_blocks(lambda count: stream.uniform(count, -bound, bound), shape, dtype)

    return fill


def _normal_of(std: Callable[[Init, tuple[int, ...]], float]) -> Fill:
    def fill(init: Init, shape: tuple[int, ...], dtype: DType, stream: Stream) -> npt.NDArray[np.generic]:
        deviation = std(init, shape)
        return _in_blocks(lambda count: stream.normal(count, 0.0, deviation), shape, dtype)

    return fill


# ---------------------------------------------------------------------------------------------- the whole at once


def _orthogonal(init: Init, shape: tuple[int, ...], dtype: DType, stream: Stream) -> npt.NDArray[np.generic]:
    """Saxe et al. 2013, "Exact solutions to the nonlinear dynamics of learning in deep linear neural networks"
    (arXiv:1312.6120). As R has positive numbers on its diagonal, Q is uniform: Mezzadri 2006 (arXiv:math-ph/0609050)."""
    rows, columns = shape[0], prod(shape[1:])
    long, short = max(rows, columns), min(rows, columns)
    vectors = np.ascontiguousarray(stream.normal(rows * columns, 0.0, 1.0).reshape(long, short).T)
    # Once leaves an error of the condition number's size, which float64 alone can hold; twice leaves none.
    for _ in range(2 if dtype is DType.FLOAT64 else 1):
        _orthonormalise(vectors)
    matrix = vectors.T if rows >= columns else vectors
    return rounded(np.ascontiguousarray(matrix * _number(init, "gain")).reshape(-1), dtype)


def _orthonormalise(vectors: Floats) -> None:
    """Modified Gram-Schmidt on the rows of `vectors`, in place.

    LAPACK is two to three times as fast, but it sums in an order that depends on the processor and on the number of threads.
    """
    scratch = np.empty_like(vectors)
    for at, vector in enumerate(vectors):
        vector /= np.sqrt(_row_sums((vector * vector)[np.newaxis])[0])
        others = vectors[at + 1 :]
        products = scratch[at + 1 :]
        lengths = _row_sums(np.multiply(others, vector, out=products)).copy()
        others -= np.multiply(lengths[:, np.newaxis], vector, out=products)


def _row_sums(numbers: Floats) -> Floats:
    """The sum of each row, by halves, so that the order of additions is the same everywhere; `numbers` is overwritten."""
    count = numbers.shape[1]
    while count > 1:
        half = count // 2
        numbers[:, :half] += numbers[:, count - half : count]
        count -= half
    return numbers[:, 0]


def _sparse(init: Init, shape: tuple[int, ...], dtype: DType, stream: Stream) -> npt.NDArray[np.generic]:
    """Martens 2010, "Deep learning via Hessian-free optimization": of each column, a part is zeros."""
    rows, columns = shape
    numbers = stream.normal(rows * columns, 0.0, _number(init, "std")).reshape(shape)
    order = np.argsort(stream.raw(rows * columns).reshape(shape), axis=0, kind="stable")
    np.put_along_axis(numbers, order[: ceil(_number(init, "sparsity") * rows)], 0.0, axis=0)
    return rounded(numbers.reshape(-1), dtype)


FILLS: Mapping[str, Fill] = {
    "zeros": _zeros,
    "ones": _ones,
    "constant": _given,
    "uniform": _uniform,
    "normal": _normal,
    "embedding": _embedding,
    "trunc_normal": _trunc_normal,
    "eye": _eye,
    "dirac": _dirac,
    "xavier_uniform": _uniform_of(_xavier_std),
    "xavier_normal": _normal_of(_xavier_std),
    "kaiming_uniform": _uniform_of(_kaiming_std),
    "kaiming_normal": _normal_of(_kaiming_std),
    "orthogonal": _orthogonal,
    "sparse": _sparse,
}
"""Initialiser -> its values; the arguments' kinds are in `INITIALISERS`."""
