"""MultiheadAttention."""

from __future__ import annotations

from math import sqrt

from modelpack.dims import Dim
from modelpack.dtypes import DType
from modelpack.layers.base import (
    Layer,
    Tensor,
    example,
    flag,
    layer,
    number,
    parameter,
    parameter_dtype,
    setting,
    size,
    torch_nn,
)
from modelpack.layers.initial import ZEROS, Init
from modelpack.layers.kinds import Integer, Nullable
from modelpack.layers.rules import of_dtype, of_rank, of_shape, show_shape
from modelpack.tensors import Mismatch, TensorSpec

__all__ = [
    "MultiheadAttention",
    "check_hint",
    "check_key_padding_mask",
    "check_mask",
    "joined",
    "split",
]


@layer(source=torch_nn("MultiheadAttention"))
class MultiheadAttention(Layer):
    """``softmax(q @ k.T / sqrt(embed_dim / num_heads)) @ v`` in each head, of learned projections `q`, `k`, `v` of the inputs.

    Shapes: `query` ``[target, batch, embed_dim]``, `key` ``[source, batch, kdim]``, `value` ``[source, batch, vdim]`` to
    `attn_output`, shaped as `query`, and `attn_output_weights` ``[batch, target, source]``, or
    ``[batch, num_heads, target, source]`` if they aren't averaged. All without ``batch`` if the query has two axes.
    `key_padding_mask` ``[batch, source]`` and `attn_mask` ``[target, source]`` or ``[batch * num_heads, target, source]``
    take away what is true where they are booleans, and are added to the scores where they are floats.
    Paper: Vaswani et al. 2017, "Attention Is All You Need" (arXiv:1706.03762).
    """

    embed_dim: int = size("length of the query's and the output's last axis", axis=-1)
    num_heads: int = size("heads, each with an equal share of `embed_dim`")
    dropout: float = number(
        "probability of a weight to be zeroed in training", default=0.0, minimum=0, maximum=1
    )
    bias: bool = flag("whether the projections of inputs and output have a bias", default=True)
    add_bias_kv: bool = flag("whether a learned position is added to keys and values", default=False)
    add_zero_attn: bool = flag("whether a position of zeros is added to keys and values", default=False)
    kdim: int | None = setting(
        Nullable(Integer(1)), "length of the key's last axis; null: `embed_dim`", default=None
    )
    vdim: int | None = setting(
        Nullable(Integer(1)), "length of the value's last axis; null: `embed_dim`", default=None
    )
    batch_first: bool = flag(
        "whether the batch is the first axis of inputs and output, and not the second", default=False
    )
    need_weights: bool = flag("whether `attn_output_weights` is put out; faster without", default=True)
    average_attn_weights: bool = flag(
        "whether the weights that are put out are the mean over heads", default=True
    )
    is_causal: bool = flag(
        "whether `attn_mask` may be taken for the causal mask, which lets a faster way be taken",
        default=False,
    )
    dtype: DType = parameter_dtype()

    outputs = ("attn_output", "attn_output_weights")
    examples = (
        example(
            "float32[target, batch, 4]",
            "float32[source, batch, 4]",
            "float32[source, batch, 4]",
            embed_dim=4,
            num_heads=2,
        ),
        example(
            "float32[batch, target, 6]",
            "float32[batch, source, 5]",
            "float32[batch, source, 3]",
            "float32[batch, source]",
            "float32[3*batch, target, source]",
            embed_dim=6,
            num_heads=3,
            dropout=0.25,
            bias=False,
            add_bias_kv=True,
            add_zero_attn=True,
            kdim=5,
            vdim=3,
            batch_first=True,
            average_attn_weights=False,
        ),
        example(
            "float64[target, 4]",
            "float64[source, 4]",
            "float64[source, 4]",
            "float64[source]",
            "float64[target, source]",
            embed_dim=4,
            num_heads=1,
            need_weights=False,
            dtype="float64",
        ),
        example(
            "float32[length, batch, 4]",
            "float32[length, batch, 4]",
            "float32[length, batch, 4]",
            None,
            "bool[length, length]",
            embed_dim=4,
            num_heads=2,
            need_weights=False,
            is_causal=True,
        ),
    )

    def tensors(self) -> tuple[Tensor, ...]:
        self._check()
        wide = self.embed_dim
        learned: dict[str, tuple[tuple[int, ...], Init]]
        if self._separate:
            lengths = {"q": wide, "k": self.kdim or wide, "v": self.vdim or wide}
            learned = {
                f"{name}_proj_weight": ((wide, length), Init("xavier_uniform"))
                for name, length in lengths.items()
            }
        else:
            learned = {"in_proj_weight": ((3 * wide, wide), Init("xavier_uniform"))}
        if self.bias:
            learned["in_proj_bias"] = ((3 * wide,), ZEROS)
        if self.add_bias_kv:
            learned |= dict.fromkeys(("bias_k", "bias_v"), ((1, 1, wide), Init("xavier_normal")))
        learned["out_proj.weight"] = ((wide, wide), Init("kaiming_uniform", {"a": sqrt(5)}))
        if self.bias:
            learned["out_proj.bias"] = ((wide,), ZEROS)
        return tuple(parameter(name, shape, self.dtype, init) for name, (shape, init) in learned.items())

    def infer(
        self,
        query: TensorSpec,
        key: TensorSpec,
        value: TensorSpec,
        key_padding_mask: TensorSpec | None = None,
        attn_mask: TensorSpec | None = None,
    ) -> tuple[TensorSpec, ...]:
        self._check()
        of_rank(of_dtype(query, self.dtype), 2, 3)
        _, batch = split(query, self.batch_first)
        if key.rank != query.rank:
            raise Mismatch(
                f"its query {query} has {query.rank} axes, its key {key} {key.rank}", code="MP302", port="key"
            )
        source, _ = split(key, self.batch_first)
        for port, spec, length in (("key", key, self.kdim), ("value", value, self.vdim)):
            shape = joined(source, batch, length or self.embed_dim, self.batch_first)
            of_shape(of_dtype(spec, self.dtype, port), shape, port)
        check_key_padding_mask(key_padding_mask, "key_padding_mask", key, self.batch_first)
        check_mask(attn_mask, "attn_mask", query, key, self.num_heads, self.batch_first)
        check_hint(self.is_causal, "is_causal", attn_mask, "attn_mask")
        return (query, self._weights(query, source)) if self.need_weights else (query,)

    @property
    def _separate(self) -> bool:
        """Whether each input has a projection of its own, and not all the same."""
        return any(length not in (None, self.embed_dim) for length in (self.kdim, self.vdim))

    def _check(self) -> None:
        if self.embed_dim % self.num_heads:
            raise Mismatch(
                f"embed_dim {self.embed_dim} is not a multiple of num_heads {self.num_heads}",
                code="MP308",
                setting="num_heads",
            )

    def _weights(self, query: TensorSpec, source: Dim) -> TensorSpec:
        target, batch = split(query, self.batch_first)
        heads = () if self.average_attn_weights else (self.num_heads,)
        return query.with_shape(*batch, *heads, target, source + self.add_bias_kv + self.add_zero_attn)


# ---------------------------------------------------------------------------------------------- shared with transformers


def split(x: TensorSpec, batch_first: bool) -> tuple[Dim, tuple[Dim, ...]]:
    """The length of a sequence of vectors, and its batch size if it has one."""
    if x.rank == 2:
        return x.shape[0], ()
    first, second, _ = x.shape
    return (second, (first,)) if batch_first else (first, (second,))


def joined(length: Dim, batch: tuple[Dim, ...], features: int, batch_first: bool) -> tuple[Dim, ...]:
    """The inverse of `split`."""
    return (*batch, length, features) if batch_first else (length, *batch, features)


def check_key_padding_mask(mask: TensorSpec | None, port: str, key: TensorSpec, batch_first: bool) -> None:
    """Refuse a mask that isn't ``[batch, source]``, of booleans or of the key's dtype.

    Raises:
        Mismatch: it isn't.
    """
    if mask is not None:
        source, batch = split(key, batch_first)
        of_shape(_mask_dtype(mask, port, key), (*batch, source), port)


def check_mask(
    mask: TensorSpec | None, port: str, query: TensorSpec, key: TensorSpec, num_heads: int, batch_first: bool
) -> None:
    """Refuse a mask that is neither ``[target, source]`` nor ``[batch * num_heads, target, source]``.

    Raises:
        Mismatch: it's neither, or not of booleans or of the query's dtype.
    """
    if mask is None:
        return
    (target, batch), (source, _) = split(query, batch_first), split(key, batch_first)
    one = (target, source)
    many = (*(size * num_heads for size in batch or (1,)), target, source)
    if mask.rank not in (2, 3):
        shapes = f"{show_shape(one)} or {show_shape(many)}"
        raise Mismatch(f"its {port} must have the shape {shapes}, not {mask}", code="MP302", port=port)
    of_shape(_mask_dtype(mask, port, query), one if mask.rank == 2 else many, port)


def check_hint(hint: bool | None, setting: str, mask: TensorSpec | None, port: str) -> None:
    """Refuse the hint that a mask is causal where there is none.

    Raises:
        Mismatch: there is none.
    """
    if hint and mask is None:
        raise Mismatch(
            f"{setting} says something about {port}, which is not given", setting=setting, port=port
        )


def _mask_dtype(mask: TensorSpec, port: str, query: TensorSpec) -> TensorSpec:
    if mask.dtype not in (DType.BOOL, query.dtype):
        raise Mismatch(f"its {port} must be bool or {query.dtype}, not {mask}", code="MP306", port=port)
    return mask
