"""Family -> the types that it declares. Made from the families by `make generate`."""

from __future__ import annotations

__all__ = ["MEMBERS"]

# fmt: off
MEMBERS = {
    "activation":
        "ReLU ReLU6 SELU SiLU Mish Hardswish Hardsigmoid ELU LeakyReLU GELU Hardshrink Softshrink "
        "Softplus LogSigmoid Sigmoid Tanh Tanhshrink Softsign CELU Threshold Hardtanh RReLU PReLU ",
    "adaptive_pooling":
        "AdaptiveAvgPool1d AdaptiveAvgPool2d AdaptiveAvgPool3d AdaptiveMaxPool1d AdaptiveMaxPool2d "
        "AdaptiveMaxPool3d FractionalMaxPool2d FractionalMaxPool3d ",
    "areas":
        "trapezoid cumulative_trapezoid ",
    "arithmetic":
        "add sub rsub mul floor_divide remainder fmod maximum minimum fmax fmin div pow where "
        "masked_fill clamp clamp_tensor addcmul addcdiv lerp ",
    "attention":
        "MultiheadAttention ",
    "cells":
        "rnn_tanh_cell rnn_relu_cell gru_cell ",
    "class_losses":
        "cross_entropy_loss nll_loss multi_margin_loss multilabel_margin_loss ",
    "comparison":
        "eq ne lt le gt ge bitwise_and bitwise_or bitwise_xor logical_and logical_or logical_xor "
        "logical_not isnan isinf isfinite isreal isposinf isneginf signbit bitwise_not ",
    "complex_numbers":
        "complex polar view_as_complex view_as_real imag conj angle sgn ",
    "contraction":
        "einsum ",
    "conversion":
        "dropout feature_dropout alpha_dropout feature_alpha_dropout to type_as contiguous ",
    "convolution":
        "Conv1d Conv2d Conv3d ConvTranspose1d ConvTranspose2d ConvTranspose3d ",
    "creation":
        "zeros ones full zeros_like ones_like full_like new_full new_zeros new_ones arange linspace "
        "eye copy ",
    "diagonals":
        "diagonal diagonal_scatter diag diag_embed diagflat trace tril_indices triu_indices ",
    "distance":
        "CosineSimilarity PairwiseDistance ",
    "distributions":
        "bernoulli bernoulli_like multinomial normal normal_functional uniform cauchy log_normal "
        "exponential geometric poisson standard_gamma ",
    "dropout":
        "Dropout Dropout1d Dropout2d Dropout3d AlphaDropout FeatureAlphaDropout StochasticDepth ",
    "elementwise":
        "neg sign ceil floor trunc frac clone detach relu relu6 silu mish selu hardswish "
        "hardsigmoid log_sigmoid gelu softplus elu celu leaky_relu hardtanh round exp expm1 log "
        "log1p log2 log10 sqrt rsqrt reciprocal sin cos tan asin acos atan sinh cosh tanh sigmoid "
        "erf abs real square softmax log_softmax glu prelu ",
    "embedding":
        "Embedding EmbeddingBag ",
    "factors":
        "linalg_qr linalg_lu linalg_lu_factor linalg_svd linalg_svdvals linalg_eigh linalg_eigvalsh "
        "linalg_eig linalg_eigvals linalg_pinv linalg_matrix_rank linalg_matrix_norm linalg_norm ",
    "fourier":
        "fft_fft fft_ifft fft_rfft fft_irfft fft_hfft fft_ihfft fft_fft2 fft_fftn fft_ifft2 "
        "fft_ifftn fft_rfft2 fft_rfftn fft_irfft2 fft_irfftn fft_hfft2 fft_hfftn fft_ihfft2 "
        "fft_ihfftn fft_fftshift fft_ifftshift fft_fftfreq fft_rfftfreq ",
    "functional":
        "linear conv1d conv2d conv3d embedding scaled_dot_product_attention ",
    "grouped":
        "grouped_mm ",
    "imaging":
        "max_pool1d max_pool2d max_pool3d avg_pool1d avg_pool2d avg_pool3d adaptive_avg_pool1d "
        "adaptive_avg_pool2d adaptive_avg_pool3d pad grid_sampler im2col col2im ",
    "indexing":
        "select slice narrow index_select gather scatter index index_put tril triu one_hot unfold ",
    "joining":
        "cat stack split chunk unbind tensor_split meshgrid ",
    "linalg":
        "linalg_inv linalg_matrix_exp linalg_cholesky cholesky_inverse linalg_inv_ex "
        "linalg_cholesky_ex linalg_det logdet linalg_slogdet linalg_matrix_power linalg_solve "
        "linalg_solve_triangular cholesky_solve linalg_householder_product ",
    "linear":
        "Linear Bilinear Identity ",
    "losses":
        "mse_loss l1_loss smooth_l1_loss huber_loss soft_margin_loss kl_div hinge_embedding_loss "
        "poisson_nll_loss binary_cross_entropy binary_cross_entropy_with_logits margin_ranking_loss "
        "cosine_embedding_loss triplet_margin_loss ",
    "matrix":
        "matmul mm bmm mv addmm baddbmm dot vdot cdist cosine_similarity ",
    "normalization":
        "BatchNorm1d BatchNorm2d BatchNorm3d SyncBatchNorm InstanceNorm1d InstanceNorm2d "
        "InstanceNorm3d LayerNorm RMSNorm GroupNorm LocalResponseNorm CrossMapLRN2d ",
    "norms":
        "layer_norm rms_norm group_norm batch_norm weight_norm spectral_norm ",
    "ordering":
        "sort argsort topk cumsum cumprod diff ",
    "padding":
        "ConstantPad1d ConstantPad2d ConstantPad3d ZeroPad1d ZeroPad2d ZeroPad3d ReflectionPad1d "
        "ReflectionPad2d ReflectionPad3d ReplicationPad1d ReplicationPad2d ReplicationPad3d "
        "CircularPad1d CircularPad2d CircularPad3d ",
    "pairs":
        "atan2 hypot logaddexp logaddexp2 nextafter igamma igammac gcd lcm xlogy special_xlog1py "
        "special_zeta bitwise_left_shift bitwise_right_shift copysign float_power ldexp heaviside "
        "isclose isin ",
    "placing":
        "scatter_add scatter_reduce index_add index_copy index_reduce index_fill take_flat "
        "take_along_dim put masked_scatter select_scatter slice_scatter ",
    "pooling":
        "MaxPool1d MaxPool2d MaxPool3d AvgPool1d AvgPool2d AvgPool3d LPPool1d LPPool2d LPPool3d "
        "MaxUnpool1d MaxUnpool2d MaxUnpool3d ",
    "pools":
        "max_unpool2d max_unpool3d max_pool1d_with_indices max_pool2d_with_indices "
        "max_pool3d_with_indices adaptive_max_pool1d adaptive_max_pool2d adaptive_max_pool3d "
        "fractional_max_pool2d fractional_max_pool3d ",
    "products":
        "outer inner tensordot kron addmv addbmm addr linalg_multi_dot chain_matmul ",
    "random":
        "rand randn rand_like randn_like randint randint_like randperm random rrelu ",
    "rearrangement":
        "tile repeat_interleave flip roll rot90 fliplr flipud movedim view_dtype sum_to_size ",
    "recurrent":
        "RNN LSTM GRU RNNCell LSTMCell GRUCell ",
    "reduction":
        "sum mean nansum nanmean prod amax amin max min max_dim min_dim median_dim nanmedian_dim "
        "argmax argmin all any var std linalg_vector_norm logsumexp histc ",
    "resizing":
        "upsample_nearest1d upsample_nearest2d upsample_nearest3d upsample_nearest_exact1d "
        "upsample_nearest_exact2d upsample_nearest_exact3d upsample_linear1d upsample_bilinear2d "
        "upsample_bicubic2d upsample_trilinear3d upsample_bilinear2d_aa upsample_bicubic2d_aa "
        "upsample_lanczos2d_aa ",
    "searching":
        "bucketize searchsorted ",
    "sequences":
        "rnn_tanh rnn_relu gru lstm lstm_cell ",
    "shape":
        "reshape reshape_as flatten unflatten transpose permute t matrix_transpose adjoint squeeze "
        "unsqueeze expand expand_as ",
    "shape_layers":
        "Flatten Unflatten ",
    "shuffling":
        "pixel_shuffle pixel_unshuffle channel_shuffle affine_grid_generator pad_sequence "
        "pairwise_distance pdist ",
    "signals":
        "hann_window blackman_window bartlett_window hamming_window kaiser_window logspace "
        "scalar_tensor ",
    "softmax":
        "GLU Softmax Softmin LogSoftmax Softmax2d ",
    "special":
        "asinh acosh atanh exp2 sinc deg2rad rad2deg erfc erfinv lgamma digamma i0 special_entr "
        "special_i0e special_i1 special_i1e special_ndtr special_ndtri special_log_ndtr "
        "special_erfcx special_airy_ai special_bessel_j0 special_bessel_j1 special_bessel_y0 "
        "special_bessel_y1 special_modified_bessel_i0 special_modified_bessel_i1 "
        "special_modified_bessel_k0 special_modified_bessel_k1 special_scaled_modified_bessel_k0 "
        "special_scaled_modified_bessel_k1 special_spherical_bessel_j0 logit polygamma mvlgamma "
        "nan_to_num frexp special_chebyshev_polynomial_t special_chebyshev_polynomial_u "
        "special_chebyshev_polynomial_v special_chebyshev_polynomial_w "
        "special_shifted_chebyshev_polynomial_t special_shifted_chebyshev_polynomial_u "
        "special_shifted_chebyshev_polynomial_v special_shifted_chebyshev_polynomial_w "
        "special_hermite_polynomial_h special_hermite_polynomial_he special_laguerre_polynomial_l "
        "special_legendre_polynomial_p ",
    "stacking":
        "atleast_1d atleast_2d atleast_3d hstack vstack dstack column_stack hsplit vsplit dsplit "
        "block_diag cartesian_prod broadcast_tensors ",
    "stateful":
        "by_mode assign ",
    "statistics":
        "var_mean std_mean median nanmedian mode kthvalue msort count_nonzero aminmax cummax cummin "
        "logcumsumexp quantile nanquantile renorm dist ",
    "thresholds":
        "hardshrink softshrink threshold ",
    "transformer":
        "TransformerEncoder TransformerDecoder Transformer ",
    "transformer_layer":
        "TransformerEncoderLayer TransformerDecoderLayer ",
    "transposed":
        "conv_transpose1d conv_transpose2d conv_transpose3d conv_tbc bilinear instance_norm ",
    "upsampling":
        "Upsample UpsamplingNearest2d UpsamplingBilinear2d ",
    "vectors":
        "linalg_cross cross linalg_vecdot vander linalg_vander ",
    "vision":
        "Unfold Fold PixelShuffle PixelUnshuffle ChannelShuffle ",
}
