"""Every operator that real networks call is read by a row, or is listed in `spec/omitted-operations.md` with the reason."""

from __future__ import annotations

from pathlib import Path

from modelpack.backends.torch.bindings import ROWS
from modelpack.backends.torch.rows import OperationRow

OMITTED = Path(__file__).parents[2] / "spec" / "omitted-operations.md"

# Called outside the layers of torch.nn by 261 networks of torchvision, timm, transformers and plain torch.
_TEXT = """
__and__ __or__ _weight_norm abs adaptive_avg_pool2d add add_ addcmul addmm alias amax arange argmax
argsort avg_pool2d baddbmm batch_norm bitwise_not bmm cat cdist ceil chunk clamp clamp_min clone col2im
contiguous conv1d conv2d conv3d copy_ cos cosine_similarity cumsum detach detach_ diff div div_ dropout
einsum embedding empty_like eq exp expand expand_as eye fft_fftn fill_ flatten flip floor_divide full
full_like gather ge gelu grid_sampler group_norm gt histc im2col index index_put_ index_select layer_norm
le lift_fresh_copy linalg_vector_norm linear linspace log log_softmax lt masked_fill matmul max max_pool2d
maximum mean meshgrid min minimum mul mul_ mv ne neg new_empty new_ones new_zeros numpy_T one_hot ones
ones_like pad permute pow real reciprocal relu relu_ repeat repeat_interleave reshape reshape_as rms_norm
roll rsqrt rsub scaled_dot_product_attention scatter_ select sigmoid sign silu sin slice softmax softplus
sort split split_with_sizes sqrt square squeeze stack sub sum swapaxes t tanh tensor_split tile to topk
transformers.grouped_mm_fallback.default transpose tril type_as unbind unfold unsqueeze unsqueeze_
upsample_bicubic2d upsample_bilinear2d upsample_linear1d upsample_nearest2d vdot view view_as where zero_
zeros zeros_like
"""
OPERATORS = _TEXT.split()


def omitted() -> dict[str, str]:
    rows = [
        line.split("|") for line in OMITTED.read_text().split("## ")[0].splitlines() if line.startswith("| `")
    ]
    return {row[1].strip().strip("`"): row[2].strip() for row in rows}


def read_by_a_row() -> set[str]:
    rows = (row for row in ROWS.values() if isinstance(row, OperationRow))
    return {each._schema.name.partition("::")[2] for row in rows for each in row.overloads}


def test_every_operator_of_real_networks_is_read_or_omitted_with_a_reason() -> None:
    assert len(OPERATORS) == len(set(OPERATORS)) == 157
    assert set(OPERATORS) - read_by_a_row() == omitted().keys()
    assert all(len(why) > 20 for why in omitted().values())
