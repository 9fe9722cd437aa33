"""Convolutions and transposed convolutions."""

from .. import _C

__all__ = [
    "conv1d",
    "conv2d",
    "conv3d",
    "conv_tbc",
    "conv_transpose1d",
    "conv_transpose2d",
    "conv_transpose3d",
    "convolution",
]
FUNCTIONAL = ["conv1d", "conv2d", "conv3d", "conv_tbc", "conv_transpose1d", "conv_transpose2d", "conv_transpose3d"]


def _padding(op, padding):
    """The padding for _C: None stands for "same"."""
    if not isinstance(padding, str):
        return padding
    if padding not in ("same", "valid"):
        raise RuntimeError(f"[{op}] Invalid padding string: '{padding}', expected 'same' or 'valid'")
    return None if padding == "same" else 0


def _complex(run, input, weight, bias):
    """(a + ib) * (c + id) by real convolutions; `run(input, weight, bias)`."""
    from . import complex

    a, b, c, d = input.real, input.imag, weight.real, weight.imag
    real = run(a, c, None if bias is None else bias.real) - run(b, d, None)
    return complex(real, run(a, d, None if bias is None else bias.imag) + run(b, c, None))


def _conv(op, input, weight, bias, stride, padding, dilation, groups):
    padding = _padding(op, padding)
    run = getattr(_C, op)
    if isinstance(input, _C.Tensor) and input.dtype.is_complex and weight.dtype == input.dtype:
        return _complex(lambda x, w, b: run(x, w, b, stride, padding, dilation, groups), input, weight, bias)
    return run(input, weight, bias, stride, padding, dilation, groups)


def conv1d(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    r"""Slides filters over sequences: $y_{o,l} = b_o + \sum_{c,k} w_{o,c,k}\, x_{c,\, s l + d k - p}$.

    Args:
        input: (N, C, L) or (C, L).
        weight: (O, C / groups, K), of the input's dtype.
        bias: (O,) or None.
        stride, padding, dilation: an int or a 1-tuple; padding may be "same" or "valid".
        groups: input and result channels are cut into so many groups that do not mix.
    Returns: (N, O, L') or (O, L'), with L' = floor((L + 2 padding - dilation (K - 1) - 1) / stride + 1).
    Raises: RuntimeError if shapes, dtypes or settings do not fit.

    >>> flambeau.conv1d(flambeau.tensor([[1.0, 2.0, 4.0]]), flambeau.tensor([[[1.0, -1.0]]]))
    tensor([[-1., -2.]])
    """
    return _conv("conv1d", input, weight, bias, stride, padding, dilation, groups)


def conv2d(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    r"""Slides filters over images: $y_{o} = b_o + \sum_c w_{o,c} \star x_c$ (cross-correlation).

    Args:
        input: (N, C, H, W) or (C, H, W); channels_last strides are kept.
        weight: (O, C / groups, KH, KW), of the input's dtype.
        bias: (O,) or None.
        stride, padding, dilation: an int or a pair; padding may be "same" or "valid".
        groups: input and result channels are cut into so many groups that do not mix.
    Returns: (N, O, H', W') or (O, H', W'), sizes as in `conv1d`.
    Raises: RuntimeError if shapes, dtypes or settings do not fit.

    >>> flambeau.conv2d(flambeau.ones(1, 1, 3, 3), flambeau.ones(1, 1, 2, 2))
    tensor([[[[4., 4.],
              [4., 4.]]]])
    """
    return _conv("conv2d", input, weight, bias, stride, padding, dilation, groups)


def conv3d(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    r"""Slides filters over volumes: $y_{o} = b_o + \sum_c w_{o,c} \star x_c$ (cross-correlation).

    Args:
        input: (N, C, D, H, W) or (C, D, H, W).
        weight: (O, C / groups, KD, KH, KW), of the input's dtype.
        bias: (O,) or None.
        stride, padding, dilation: an int or a triple; padding may be "same" or "valid".
        groups: input and result channels are cut into so many groups that do not mix.
    Returns: (N, O, D', H', W') or (O, D', H', W'), sizes as in `conv1d`.
    Raises: RuntimeError if shapes, dtypes or settings do not fit.

    >>> flambeau.conv3d(flambeau.ones(1, 1, 2, 2, 2), flambeau.ones(1, 1, 2, 2, 2)).item()
    8.0
    """
    return _conv("conv3d", input, weight, bias, stride, padding, dilation, groups)


def _conv_transpose(op, input, weight, bias, stride, padding, output_padding, groups, dilation):
    run = getattr(_C, op)
    if isinstance(input, _C.Tensor) and input.dtype.is_complex and weight.dtype == input.dtype:
        settings = (stride, padding, output_padding, groups, dilation)
        return _complex(lambda x, w, b: run(x, w, b, *settings), input, weight, bias)
    if isinstance(input, _C.Tensor) and not (input.dtype.is_floating_point or input.dtype == _C.int64):
        raise NotImplementedError(f"[{op}] \"{op}\" not implemented for '{input.dtype}'")
    return run(input, weight, bias, stride, padding, output_padding, groups, dilation)


def conv_transpose1d(input, weight, bias=None, stride=1, padding=0, output_padding=0, groups=1, dilation=1):
    """The adjoint of `conv1d` in its input: every element spreads a filter over the result.

    Args:
        input: (N, C, L) or (C, L).
        weight: (C, O / groups, K), of the input's dtype.
        bias: (O,) or None.
        stride, padding, dilation: of the convolution that is transposed.
        output_padding: added to one side of the result; smaller than stride or dilation.
        groups: input and result channels are cut into so many groups that do not mix.
    Returns: (N, O, L'), L' = (L - 1) stride - 2 padding + dilation (K - 1) + output_padding + 1; unbatched as the
        input.
    Raises: RuntimeError if shapes, dtypes or settings do not fit.

    >>> flambeau.conv_transpose1d(flambeau.tensor([[1.0, 2.0]]), flambeau.tensor([[[1.0, 10.0]]]))
    tensor([[ 1., 12., 20.]])
    """
    return _conv_transpose("conv_transpose1d", input, weight, bias, stride, padding, output_padding, groups, dilation)


def conv_transpose2d(input, weight, bias=None, stride=1, padding=0, output_padding=0, groups=1, dilation=1):
    """The adjoint of `conv2d` in its input: every pixel spreads a filter over the result.

    Args:
        input: (N, C, H, W) or (C, H, W).
        weight: (C, O / groups, KH, KW), of the input's dtype.
        bias: (O,) or None.
        stride, padding, dilation: of the convolution that is transposed.
        output_padding: added to one side of the result; smaller than stride or dilation.
        groups: input and result channels are cut into so many groups that do not mix.
    Returns: (N, O, H', W') or (O, H', W'), sizes as in `conv_transpose1d`.
    Raises: RuntimeError if shapes, dtypes or settings do not fit.

    >>> flambeau.conv_transpose2d(flambeau.ones(1, 1, 1, 2), flambeau.ones(1, 1, 1, 2))
    tensor([[[[1., 2., 1.]]]])
    """
    return _conv_transpose("conv_transpose2d", input, weight, bias, stride, padding, output_padding, groups, dilation)


def conv_transpose3d(input, weight, bias=None, stride=1, padding=0, output_padding=0, groups=1, dilation=1):
    """The adjoint of `conv3d` in its input: every voxel spreads a filter over the result.

    Args:
        input: (N, C, D, H, W) or (C, D, H, W).
        weight: (C, O / groups, KD, KH, KW), of the input's dtype.
        bias: (O,) or None.
        stride, padding, dilation: of the convolution that is transposed.
        output_padding: added to one side of the result; smaller than stride or dilation.
        groups: input and result channels are cut into so many groups that do not mix.
    Returns: (N, O, D', H', W') or (O, D', H', W'), sizes as in `conv_transpose1d`.
    Raises: RuntimeError if shapes, dtypes or settings do not fit.

    >>> flambeau.conv_transpose3d(flambeau.ones(1, 1, 1, 1, 2), flambeau.ones(1, 1, 1, 1, 2))
    tensor([[[[[1., 2., 1.]]]]])
    """
    return _conv_transpose("conv_transpose3d", input, weight, bias, stride, padding, output_padding, groups, dilation)


def convolution(input, weight, bias, stride, padding, dilation, transposed, output_padding, groups):
    """Any of `conv1d` .. `conv3d` and their transposes, by the number of dimensions.

    Args:
        input, weight, bias: as for the function that is meant.
        stride, padding, dilation, output_padding: sequences of ints.
        transposed: whether the transposed convolution is meant.
        groups: number of groups.
    Returns: the convolution.
    Raises: RuntimeError if shapes, dtypes or settings do not fit.

    >>> flambeau.convolution(flambeau.ones(1, 1, 3), flambeau.ones(1, 1, 2), None, [1], [0], [1], False, [0], 1)
    tensor([[[2., 2.]]])
    """
    dims = weight.dim() - 2
    if min(output_padding, default=0) < 0:
        raise RuntimeError(f"[convolution] negative output_padding is not supported, got {list(output_padding)}")
    if 0 in weight.shape[2:]:
        raise RuntimeError(f"[convolution] kernel size should be greater than zero, got {tuple(weight.shape[2:])}")
    if transposed:
        return _conv_transpose(
            f"conv_transpose{dims}d", input, weight, bias, stride, padding, output_padding, groups, dilation
        )
    return _conv(f"conv{dims}d", input, weight, bias, stride, padding, dilation, groups)


def conv_tbc(input, weight, bias, pad=0):
    """A 1-dimensional convolution of data in the order (time, batch, channels).

    Args:
        input: (T, N, C).
        weight: (K, C, O).
        bias: (O,).
        pad: zeros before and after.
    Returns: (T + 2 pad - K + 1, N, O).
    Raises: RuntimeError if shapes do not fit.

    >>> flambeau.conv_tbc(flambeau.ones(3, 1, 1), flambeau.ones(2, 1, 1), flambeau.zeros(1)).flatten()
    tensor([2., 2.])
    """
    if input.dim() != 3 or weight.dim() != 3 or bias.dim() != 1:
        raise RuntimeError(
            f"[conv_tbc] expected input (T, N, C), weight (K, C, O) and bias (O,), got {tuple(input.shape)}, "
            f"{tuple(weight.shape)} and {tuple(bias.shape)}"
        )
    return conv1d(input.permute(1, 2, 0), weight.permute(2, 1, 0), bias, 1, pad).permute(2, 0, 1).contiguous()
