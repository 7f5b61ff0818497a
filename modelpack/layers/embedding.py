"""Embedding, EmbeddingBag: rows of a table, looked up by number."""

from __future__ import annotations

from modelpack.dims import Dim
from modelpack.dtypes import DType
from modelpack.layers.base import (
    Layer,
    Tensor,
    choice,
    example,
    flag,
    layer,
    number,
    optional_number,
    parameter,
    parameter_dtype,
    setting,
    size,
    torch_nn,
)
from modelpack.layers.initial import Init
from modelpack.layers.kinds import Integer, Nullable
from modelpack.layers.rules import of_dtype, of_dtypes, of_rank, of_shape
from modelpack.tensors import Mismatch, TensorSpec

__all__ = ["Embedding", "EmbeddingBag"]

INDICES = frozenset({DType.INT32, DType.INT64})

_NUM_EMBEDDINGS = size("rows of the table: indices are 0 to this, less 1")
_EMBEDDING_DIM = size("length of each row")
_MAX_NORM = optional_number(
    "rows that are looked up and longer than this are scaled down to it, in the table itself"
)
_NORM_TYPE = number("p of the p-norm that `max_norm` limits", default=2.0)
_SCALE_GRAD_BY_FREQ = flag(
    "whether gradients are divided by how often their row is looked up in a batch", default=False
)
_SPARSE = flag("whether the gradient of `weight` is a sparse tensor", default=False)


@layer(source=torch_nn("Embedding"))
class Embedding(Layer):
    """Looks up rows of the table `weight`.

    Shapes: indices ``[*]`` to ``[*, embedding_dim]``. Rows other than 0 to ``num_embeddings - 1`` are an error when run.
    """

    num_embeddings: int = _NUM_EMBEDDINGS
    embedding_dim: int = _EMBEDDING_DIM
    padding_idx: int | None = setting(
        Nullable(Integer()),
        "row that gets no gradient and begins as zeros; negative ones count from the end",
        default=None,
    )
    max_norm: float | None = _MAX_NORM
    norm_type: float = _NORM_TYPE
    scale_grad_by_freq: bool = _SCALE_GRAD_BY_FREQ
    sparse: bool = _SPARSE
    dtype: DType = parameter_dtype()

    examples = (
        example("int64[batch, length]", num_embeddings=10, embedding_dim=4),
        example("int32[batch]", num_embeddings=5, embedding_dim=3, padding_idx=2, sparse=True),
        example(
            "int64[]",
            num_embeddings=7,
            embedding_dim=2,
            max_norm=1.0,
            norm_type=1.0,
            scale_grad_by_freq=True,
            dtype="float64",
        ),
    )

    def tensors(self) -> tuple[Tensor, ...]:
        return _table(self.num_embeddings, self.embedding_dim, self.padding_idx, self.dtype)

    def infer(self, input: TensorSpec) -> TensorSpec:
        _row(self.padding_idx, self.num_embeddings)
        return TensorSpec(self.dtype, (*of_dtypes(input, INDICES).shape, self.embedding_dim))


@layer(source=torch_nn("EmbeddingBag"))
class EmbeddingBag(Layer):
    """Looks up rows of the table `weight` and reduces those of each bag to one.

    Shapes: indices ``[bags, length]``, or ``[count]`` with ``offsets[bags]``, where each bag begins, to
    ``[bags, embedding_dim]``. Offsets begin with 0 and never go down. `per_sample_weights` are shaped as the indices;
    each row is multiplied by its own before the sum.
    """

    num_embeddings: int = _NUM_EMBEDDINGS
    embedding_dim: int = _EMBEDDING_DIM
    max_norm: float | None = _MAX_NORM
    norm_type: float = _NORM_TYPE
    scale_grad_by_freq: bool = _SCALE_GRAD_BY_FREQ
    mode: str = choice("sum", "mean", "max", doc="how the rows of a bag are reduced", default="mean")
    sparse: bool = _SPARSE
    include_last_offset: bool = flag(
        "whether `offsets` has one more entry, where the last bag ends", default=False
    )
    padding_idx: int | None = setting(
        Nullable(Integer()),
        "row that no bag counts, that gets no gradient and begins as zeros; negative ones count from the end",
        default=None,
    )
    dtype: DType = parameter_dtype()

    examples = (
        example("int64[batch, 3]", num_embeddings=10, embedding_dim=4),
        example("int64[6]", "int64[batch]", num_embeddings=5, embedding_dim=3, mode="max", padding_idx=1),
        example(
            "int32[6]", "int32[3]", num_embeddings=5, embedding_dim=3, include_last_offset=True, sparse=True
        ),
        example(
            "int64[batch, 3]",
            None,
            "float64[batch, 3]",
            num_embeddings=5,
            embedding_dim=3,
            mode="sum",
            max_norm=0.5,
            norm_type=1.0,
            scale_grad_by_freq=True,
            dtype="float64",
        ),
    )

    def tensors(self) -> tuple[Tensor, ...]:
        self._check()
        return _table(self.num_embeddings, self.embedding_dim, self.padding_idx, self.dtype)

    def infer(
        self,
        input: TensorSpec,
        offsets: TensorSpec | None = None,
        per_sample_weights: TensorSpec | None = None,
    ) -> TensorSpec:
        self._check()
        of_rank(of_dtypes(input, INDICES), 1, 2)
        if per_sample_weights is not None:
            self._check_weights(input, per_sample_weights)
        return TensorSpec(self.dtype, (self._bags(input, offsets), self.embedding_dim))

    def _check(self) -> None:
        _row(self.padding_idx, self.num_embeddings)
        for name, given in (("scale_grad_by_freq", self.scale_grad_by_freq), ("sparse", self.sparse)):
            if self.mode == "max" and given:
                raise Mismatch(f"mode 'max' does not go with {name}", code="MP308", setting=name)

    def _check_weights(self, input: TensorSpec, weights: TensorSpec) -> None:
        if self.mode != "sum":
            raise Mismatch(
                f"per_sample_weights go with mode 'sum' only, not '{self.mode}'",
                code="MP308",
                setting="mode",
                port="per_sample_weights",
            )
        of_shape(of_dtype(weights, self.dtype, "per_sample_weights"), input.shape, "per_sample_weights")

    def _bags(self, input: TensorSpec, offsets: TensorSpec | None) -> Dim:
        if input.rank == 2:
            if offsets is not None:
                raise Mismatch(
                    f"its input {input} is a matrix of bags, so that it takes no offsets", port="offsets"
                )
            if input.shape[1] == 0:
                raise Mismatch(f"its input {input} has bags of no length", code="MP307")
            return input.shape[0]
        if offsets is None:
            raise Mismatch(f"its input {input} needs offsets, where each bag begins", port="offsets")
        if offsets.dtype not in INDICES or offsets.rank != 1:
            raise Mismatch(
                f"its offsets must be one axis of int32 or int64, not {offsets}", code="MP306", port="offsets"
            )
        count = offsets.shape[0]
        if not self.include_last_offset:
            return count
        if count == 0:
            raise Mismatch(
                f"include_last_offset needs an offset at least, its offsets are {offsets}", port="offsets"
            )
        return count - 1


def _table(rows: int, length: int, padding_idx: int | None, dtype: DType) -> tuple[Tensor, ...]:
    row = _row(padding_idx, rows)
    init = Init("normal") if row is None else Init("embedding", {"padding_idx": row})
    return (parameter("weight", (rows, length), dtype, init),)


def _row(padding_idx: int | None, rows: int) -> int | None:
    """`padding_idx` counted from the front.

    Raises:
        Mismatch: the table has no such row.
    """
    if padding_idx is None:
        return None
    if not -rows <= padding_idx < rows:
        raise Mismatch(
            f"padding_idx is {padding_idx}, but the table has {rows} rows",
            code="MP308",
            setting="padding_idx",
        )
    return padding_idx % rows
