"""Pooling and its inverse."""

import math

from .. import _C
from ._common import check_tensor
from ._host import any_of

__all__ = [
    "adaptive_avg_pool1d", "adaptive_max_pool1d", "avg_pool1d", "max_pool1d", "max_pool1d_with_indices", "max_pool2d", "max_pool3d",
]  # fmt: skip
FUNCTIONAL = [
    "adaptive_avg_pool1d", "adaptive_avg_pool2d", "adaptive_avg_pool3d", "adaptive_max_pool1d", "adaptive_max_pool2d",
    "adaptive_max_pool3d", "avg_pool1d", "avg_pool2d", "avg_pool3d", "fractional_max_pool2d", "fractional_max_pool3d", "lp_pool1d",
    "lp_pool2d", "lp_pool3d", "max_pool1d", "max_pool2d", "max_pool3d", "max_unpool1d", "max_unpool2d", "max_unpool3d",
    "adaptive_max_pool1d_with_indices", "adaptive_max_pool2d_with_indices", "adaptive_max_pool3d_with_indices",
    "fractional_max_pool2d_with_indices", "fractional_max_pool3d_with_indices", "max_pool1d_with_indices",
    "max_pool2d_with_indices", "max_pool3d_with_indices",
]  # fmt: skip


def _max_pool(op, dims, input, kernel_size, stride, padding, dilation, ceil_mode, return_indices):
    stride = None if stride == [] or stride == () else stride
    values, indices = _C.max_pool(op, dims, input, kernel_size, stride, padding, dilation, ceil_mode, return_indices)
    return (values, indices) if return_indices else values


def max_pool1d(input, kernel_size, stride=None, padding=0, dilation=1, ceil_mode=False, return_indices=False):
    r"""The maximum of each window: $y_l = \max_k x_{s l + d k - p}$.

    Args:
        input: (N, C, L) or (C, L), floating.
        kernel_size, stride, padding, dilation: an int or a 1-tuple; the stride is the kernel size if left out.
        ceil_mode: let the last window reach over the edge.
        return_indices: also return where the maxima are.
    Returns: (N, C, L') or (C, L'), L' = floor((L + 2 padding - dilation (kernel_size - 1) - 1) / stride + 1); or (values, indices).
    Raises: RuntimeError if sizes do not fit.

    >>> flambeau.max_pool1d(flambeau.tensor([[1.0, 3.0, 2.0, 5.0]]), 2)
    tensor([[3., 5.]])
    """
    if return_indices and not input.is_floating_point():  # torch takes integers here alone
        pairs = [_row(value, rest) for value, rest in ((kernel_size, 1), (stride, 1), (padding, 0), (dilation, 1))]
        values, indices = _max_pool("max_pool2d", 2, _C.unsqueeze(input, -2), *pairs, ceil_mode, True)
        return _C.squeeze(values, -2), _C.squeeze(indices, -2)
    kernel, pad = (v[0] if isinstance(v, (list, tuple)) and v else v for v in (kernel_size, padding))
    if isinstance(kernel, int) and isinstance(pad, int) and pad > kernel // 2:  # dilation does not count here
        raise RuntimeError(
            f"[max_pool1d] pad should be at most half of kernel size, but got pad={pad} and kernel_size={kernel}"
        )
    return _max_pool("max_pool1d", 1, input, kernel_size, stride, padding, dilation, ceil_mode, return_indices)


def _row(value, rest):
    """A setting of a line as one of an image of one row."""
    if value is None or (isinstance(value, (list, tuple)) and not value):
        return None
    return (rest, value[0] if isinstance(value, (list, tuple)) else value)


def max_pool2d(input, kernel_size, stride=None, padding=0, dilation=1, ceil_mode=False, return_indices=False):
    """The maximum of each window of images.

    Args:
        input: (N, C, H, W) or (C, H, W).
        kernel_size, stride, padding, dilation: an int or a pair; the stride is the kernel size if left out.
        ceil_mode: let the last window reach over the edge.
        return_indices: also return where the maxima are (in the flattened plane).
    Returns: (N, C, H', W') or (C, H', W'), sizes as in `max_pool1d`; or (values, indices).
    Raises: RuntimeError if sizes do not fit.

    >>> flambeau.max_pool2d(flambeau.arange(4.0).reshape(1, 2, 2), 2)
    tensor([[[3.]]])
    """
    return _max_pool("max_pool2d", 2, input, kernel_size, stride, padding, dilation, ceil_mode, return_indices)


def max_pool3d(input, kernel_size, stride=None, padding=0, dilation=1, ceil_mode=False, return_indices=False):
    """The maximum of each window of volumes.

    Args:
        input: (N, C, D, H, W) or (C, D, H, W).
        kernel_size, stride, padding, dilation: an int or a triple; the stride is the kernel size if left out.
        ceil_mode: let the last window reach over the edge.
        return_indices: also return where the maxima are (in the flattened volume).
    Returns: (N, C, D', H', W') or (C, D', H', W'), sizes as in `max_pool1d`; or (values, indices).
    Raises: RuntimeError if sizes do not fit.

    >>> flambeau.max_pool3d(flambeau.arange(8.0).reshape(1, 2, 2, 2), 2)
    tensor([[[[7.]]]])
    """
    return _max_pool("max_pool3d", 3, input, kernel_size, stride, padding, dilation, ceil_mode, return_indices)


def _avg_pool(op, dims, input, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override=None):
    stride = None if stride == [] or stride == () else stride
    if divisor_override is not None and divisor_override == 0:
        raise RuntimeError(f"[{op}] divisor must be not zero")
    return _C.avg_pool(
        op, dims, input, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override or 0
    )


def avg_pool1d(input, kernel_size, stride=None, padding=0, ceil_mode=False, count_include_pad=True):
    r"""The mean of each window: $y_l = \frac1k \sum_j x_{s l + j - p}$.

    Args:
        input: (N, C, L) or (C, L), floating.
        kernel_size, stride, padding: an int or a 1-tuple; the stride is the kernel size if left out.
        ceil_mode: let the last window reach over the edge.
        count_include_pad: whether padding counts in the divisor.
    Returns: (N, C, L') or (C, L'), sizes as in `max_pool1d`.
    Raises: RuntimeError if sizes do not fit.

    >>> flambeau.avg_pool1d(flambeau.tensor([[1.0, 3.0, 2.0, 5.0]]), 2)
    tensor([[2.0000, 3.5000]])
    """
    return _avg_pool("avg_pool1d", 1, input, kernel_size, stride, padding, ceil_mode, count_include_pad)


def avg_pool2d(
    input, kernel_size, stride=None, padding=0, ceil_mode=False, count_include_pad=True, divisor_override=None
):
    """The mean of each window of images.

    Args:
        input: (N, C, H, W) or (C, H, W), floating.
        kernel_size, stride, padding: an int or a pair; the stride is the kernel size if left out.
        ceil_mode: let the last window reach over the edge.
        count_include_pad: whether padding counts in the divisor.
        divisor_override: divide by this instead.
    Returns: (N, C, H', W') or (C, H', W'), sizes as in `max_pool1d`.
    Raises: RuntimeError if sizes do not fit.

    >>> flambeau.nn.functional.avg_pool2d(flambeau.arange(4.0).reshape(1, 2, 2), 2)
    tensor([[[1.5000]]])
    """
    return _avg_pool(
        "avg_pool2d", 2, input, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override
    )


def avg_pool3d(
    input, kernel_size, stride=None, padding=0, ceil_mode=False, count_include_pad=True, divisor_override=None
):
    """The mean of each window of volumes.

    Args:
        input: (N, C, D, H, W) or (C, D, H, W), floating.
        kernel_size, stride, padding: an int or a triple; the stride is the kernel size if left out.
        ceil_mode: let the last window reach over the edge.
        count_include_pad: whether padding counts in the divisor.
        divisor_override: divide by this instead.
    Returns: (N, C, D', H', W') or (C, D', H', W'), sizes as in `max_pool1d`.
    Raises: RuntimeError if sizes do not fit.

    >>> flambeau.nn.functional.avg_pool3d(flambeau.arange(8.0).reshape(1, 2, 2, 2), 2)
    tensor([[[[3.5000]]]])
    """
    kernel = (kernel_size,) * 3 if isinstance(kernel_size, int) else tuple(kernel_size)
    if any(n < k for n, k in zip(input.shape[-3:], kernel * 3 if len(kernel) == 1 else kernel)):
        raise RuntimeError(f"[avg_pool3d] input image {tuple(input.shape[-3:])} smaller than kernel size {kernel}")
    return _avg_pool(
        "avg_pool3d", 3, input, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override
    )


def _output_size(op, dims, input, output_size):
    """An output_size (int, or a sequence in which None keeps the input's size) as a tuple."""
    check_tensor(op, input)
    if isinstance(output_size, int):
        return (output_size,) * dims
    if input.dim() <= len(output_size):
        raise ValueError(
            f"[{op}] Input dimension should be at least {len(output_size) + 1}, got input {tuple(input.shape)}"
        )
    if len(output_size) != dims:
        raise RuntimeError(f"[{op}] output_size must have {dims} entries, got {tuple(output_size)}")
    return tuple(size if wanted is None else wanted for wanted, size in zip(output_size, input.shape[-dims:]))


def adaptive_avg_pool1d(input, output_size):
    """Means over windows that cut the input into `output_size` parts of about equal length.

    Args:
        input: (N, C, L) or (C, L), floating.
        output_size: an int or a 1-tuple.
    Returns: (N, C, output_size) or (C, output_size).
    Raises: RuntimeError if sizes do not fit.

    >>> flambeau.adaptive_avg_pool1d(flambeau.tensor([[1.0, 3.0, 2.0, 5.0]]), 2)
    tensor([[2.0000, 3.5000]])
    """
    size = _output_size("adaptive_avg_pool1d", 1, input, output_size)
    return _C.adaptive_avg_pool("adaptive_avg_pool1d", 1, input, size)


def adaptive_avg_pool2d(input, output_size):
    """Means over windows that cut images into a grid of `output_size` parts.

    Args:
        input: (N, C, H, W) or (C, H, W), floating.
        output_size: an int or a pair; None keeps a size.
    Returns: (N, C, *output_size) or (C, *output_size).
    Raises: RuntimeError if sizes do not fit.

    >>> flambeau.nn.functional.adaptive_avg_pool2d(flambeau.arange(4.0).reshape(1, 2, 2), 1)
    tensor([[[1.5000]]])
    """
    size = _output_size("adaptive_avg_pool2d", 2, input, output_size)
    return _C.adaptive_avg_pool("adaptive_avg_pool2d", 2, input, size)


def adaptive_avg_pool3d(input, output_size):
    """Means over windows that cut volumes into a grid of `output_size` parts.

    Args:
        input: (N, C, D, H, W) or (C, D, H, W), floating.
        output_size: an int or a triple; None keeps a size.
    Returns: (N, C, *output_size) or (C, *output_size).
    Raises: RuntimeError if sizes do not fit.

    >>> flambeau.nn.functional.adaptive_avg_pool3d(flambeau.arange(8.0).reshape(1, 2, 2, 2), 1)
    tensor([[[[3.5000]]]])
    """
    size = _output_size("adaptive_avg_pool3d", 3, input, output_size)
    return _C.adaptive_avg_pool("adaptive_avg_pool3d", 3, input, size)


def _adaptive_max_pool(op, dims, input, output_size, return_indices):
    values, indices = _C.adaptive_max_pool(op, dims, input, _output_size(op, dims, input, output_size))
    return (values, indices) if return_indices else values


def adaptive_max_pool1d(input, output_size, return_indices=False):
    """Maxima over windows that cut the input into `output_size` parts of about equal length.

    Args:
        input: (N, C, L) or (C, L), floating.
        output_size: an int or a 1-tuple.
        return_indices: also return where the maxima are.
    Returns: (N, C, output_size) or (C, output_size); or (values, indices).
    Raises: RuntimeError if sizes do not fit.

    >>> flambeau.nn.functional.adaptive_max_pool1d(flambeau.tensor([[1.0, 3.0, 2.0, 5.0]]), 2)
    tensor([[3., 5.]])
    """
    return _adaptive_max_pool("adaptive_max_pool1d", 1, input, output_size, return_indices)


def adaptive_max_pool2d(input, output_size, return_indices=False):
    """Maxima over windows that cut images into a grid of `output_size` parts.

    Args:
        input: (N, C, H, W) or (C, H, W), floating.
        output_size: an int or a pair; None keeps a size.
        return_indices: also return where the maxima are (in the flattened plane).
    Returns: (N, C, *output_size) or (C, *output_size); or (values, indices).
    Raises: RuntimeError if sizes do not fit.

    >>> flambeau.nn.functional.adaptive_max_pool2d(flambeau.arange(4.0).reshape(1, 2, 2), 1)
    tensor([[[3.]]])
    """
    return _adaptive_max_pool("adaptive_max_pool2d", 2, input, output_size, return_indices)


def adaptive_max_pool3d(input, output_size, return_indices=False):
    """Maxima over windows that cut volumes into a grid of `output_size` parts.

    Args:
        input: (N, C, D, H, W) or (C, D, H, W), floating.
        output_size: an int or a triple; None keeps a size.
        return_indices: also return where the maxima are (in the flattened volume).
    Returns: (N, C, *output_size) or (C, *output_size); or (values, indices).
    Raises: RuntimeError if sizes do not fit.

    >>> flambeau.nn.functional.adaptive_max_pool3d(flambeau.arange(8.0).reshape(1, 2, 2, 2), 1)
    tensor([[[[7.]]]])
    """
    return _adaptive_max_pool("adaptive_max_pool3d", 3, input, output_size, return_indices)


def _lp_pool(op, dims, input, norm_type, kernel_size, stride, ceil_mode):
    if math.isinf(norm_type):
        sign = 1 if norm_type > 0 else -1
        return sign * _max_pool(op, dims, sign * input.abs(), kernel_size, stride, 0, 1, ceil_mode, False)
    kernel = (kernel_size,) * dims if isinstance(kernel_size, int) else tuple(kernel_size)
    mean = _avg_pool(op, dims, input.pow(norm_type), kernel, stride, 0, ceil_mode, True)
    return (mean.sign() * mean.abs().relu()).mul(math.prod(kernel)).pow(1.0 / norm_type)


def lp_pool1d(input, norm_type, kernel_size, stride=None, ceil_mode=False):
    r"""The p-norm of each window: $y = (\sum x^p)^{1/p}$.

    Args:
        input: (N, C, L) or (C, L), floating.
        norm_type: p; of infinity the largest |x|, of minus infinity the smallest.
        kernel_size, stride: an int or a 1-tuple; the stride is the kernel size if left out.
        ceil_mode: let the last window reach over the edge.
    Returns: (N, C, L') or (C, L'), sizes as in `max_pool1d`.
    Raises: RuntimeError if sizes do not fit.

    >>> flambeau.nn.functional.lp_pool1d(flambeau.tensor([[3.0, 4.0]]), 2, 2)
    tensor([[5.]])
    """
    return _lp_pool("lp_pool1d", 1, input, norm_type, kernel_size, stride, ceil_mode)


def lp_pool2d(input, norm_type, kernel_size, stride=None, ceil_mode=False):
    r"""The p-norm of each window of images: $y = (\sum x^p)^{1/p}$.

    Args:
        input: (N, C, H, W) or (C, H, W), floating.
        norm_type: p; of infinity the largest |x|, of minus infinity the smallest.
        kernel_size, stride: an int or a pair; the stride is the kernel size if left out.
        ceil_mode: let the last window reach over the edge.
    Returns: (N, C, H', W') or (C, H', W'), sizes as in `max_pool1d`.
    Raises: RuntimeError if sizes do not fit.

    >>> flambeau.nn.functional.lp_pool2d(flambeau.ones(1, 2, 2), 2, 2)
    tensor([[[2.]]])
    """
    return _lp_pool("lp_pool2d", 2, input, norm_type, kernel_size, stride, ceil_mode)


def lp_pool3d(input, norm_type, kernel_size, stride=None, ceil_mode=False):
    r"""The p-norm of each window of volumes: $y = (\sum x^p)^{1/p}$.

    Args:
        input: (N, C, D, H, W) or (C, D, H, W), floating.
        norm_type: p; of infinity the largest |x|, of minus infinity the smallest.
        kernel_size, stride: an int or a triple; the stride is the kernel size if left out.
        ceil_mode: let the last window reach over the edge.
    Returns: (N, C, D', H', W') or (C, D', H', W'), sizes as in `max_pool1d`.
    Raises: RuntimeError if sizes do not fit.

    >>> flambeau.nn.functional.lp_pool3d(flambeau.ones(1, 2, 2, 2), 3, 2)
    tensor([[[[2.]]]])
    """
    return _lp_pool("lp_pool3d", 3, input, norm_type, kernel_size, stride, ceil_mode)


def _window_starts(samples, size, result, kernel):
    """Where fractional windows start, per plane: (N, C, result)."""
    from . import arange, cat, full

    if result == 1:
        return full((*samples.shape, 1), size - kernel, dtype=_C.int64, device=samples.device)
    alpha = (size - kernel) / (result - 1)
    steps = arange(result - 1, dtype=samples.dtype, device=samples.device)
    starts = ((steps + samples.unsqueeze(-1)) * alpha).long() - (samples.unsqueeze(-1) * alpha).long()
    return cat([starts, full((*samples.shape, 1), size - kernel, dtype=_C.int64, device=samples.device)], -1)


def _fractional_max_pool(op, dims, input, kernel_size, output_size, output_ratio, return_indices, samples):
    from . import arange, rand

    if output_size is None and output_ratio is None:
        raise ValueError(f"[{op}] requires specifying either an output_size or an output_ratio")
    spatial = tuple(input.shape[-dims:])
    kernel = (kernel_size,) * dims if isinstance(kernel_size, int) else tuple(kernel_size)
    if output_size is None:
        ratio = (output_ratio,) * dims if isinstance(output_ratio, float) else tuple(output_ratio)
        output_size = tuple(int(size * r) for size, r in zip(spatial, ratio))
    result = (output_size,) * dims if isinstance(output_size, int) else tuple(output_size)
    for size, k, out in zip(spatial, kernel, result):
        if out + k - 1 > size:
            raise RuntimeError(f"[{op}] pool size {k} and output size {out} are too large for an input of size {size}")
    x = input if input.dim() == dims + 2 else input.unsqueeze(0)
    if samples is None:
        samples = rand(x.shape[0], x.shape[1], dims, dtype=input.dtype, device=input.device)
    samples = samples[: x.shape[0]]  # torch takes more than it needs
    flat = 0
    for d in range(dims):  # places of every window's elements: (N, C, results..., kernel elements...)
        sample = samples[..., dims - 1 - d] if dims == 2 else samples[..., d]
        places = _window_starts(sample, spatial[d], result[d], kernel[d]).unsqueeze(-1) + arange(
            kernel[d], device=sample.device
        )
        shape = [1] * (2 * dims)
        shape[d], shape[dims + d] = result[d], kernel[d]
        flat = flat * spatial[d] + places.reshape(*x.shape[:2], *shape)
    flat = flat.reshape(*x.shape[:2], *result, math.prod(kernel))
    windows = x.flatten(2).gather(2, flat.flatten(2)).reshape(flat.shape)
    best = windows.detach().argmax(-1, keepdim=True)
    indices = flat.gather(-1, best).squeeze(-1)
    values = windows.gather(-1, best).squeeze(-1)
    if input.dim() == dims + 1:
        values, indices = values.squeeze(0), indices.squeeze(0)
    return (values, indices) if return_indices else values


def fractional_max_pool2d(
    input, kernel_size, output_size=None, output_ratio=None, return_indices=False, _random_samples=None
):
    """Maxima over windows whose places are drawn at random so that `output_size` of them cover an image.

    Args:
        input: (N, C, H, W) or (C, H, W), floating.
        kernel_size: an int or a pair.
        output_size: an int or a pair; or
        output_ratio: the result's size as a part of the input's.
        return_indices: also return where the maxima are (in the flattened plane).
    Returns: (N, C, *output_size) or (C, *output_size); or (values, indices).
    Raises: ValueError without size and ratio; RuntimeError if sizes do not fit.
    Source: Graham: Fractional max-pooling (arXiv 1412.6071).

    >>> flambeau.nn.functional.fractional_max_pool2d(flambeau.ones(1, 5, 5), 2, output_size=3).shape
    torch.Size([1, 3, 3])
    """
    op = "fractional_max_pool2d"
    return _fractional_max_pool(op, 2, input, kernel_size, output_size, output_ratio, return_indices, _random_samples)


def fractional_max_pool3d(
    input, kernel_size, output_size=None, output_ratio=None, return_indices=False, _random_samples=None
):
    """Maxima over windows whose places are drawn at random so that `output_size` of them cover a volume.

    Args:
        input: (N, C, D, H, W) or (C, D, H, W), floating.
        kernel_size: an int or a triple.
        output_size: an int or a triple; or
        output_ratio: the result's size as a part of the input's.
        return_indices: also return where the maxima are (in the flattened volume).
    Returns: (N, C, *output_size) or (C, *output_size); or (values, indices).
    Raises: ValueError without size and ratio; RuntimeError if sizes do not fit.

    >>> flambeau.nn.functional.fractional_max_pool3d(flambeau.ones(1, 5, 5, 5), 2, output_size=3).shape
    torch.Size([1, 3, 3, 3])
    """
    op = "fractional_max_pool3d"
    return _fractional_max_pool(op, 3, input, kernel_size, output_size, output_ratio, return_indices, _random_samples)


def _unpool_size(op, dims, input, kernel_size, stride, padding, output_size):
    spread = [
        (v,) * dims if isinstance(v, int) else tuple(v)
        for v in (kernel_size, kernel_size if stride is None else stride, padding)
    ]
    default = [(size - 1) * s + k - 2 * p for size, k, s, p in zip(input.shape[-dims:], *spread)]
    if output_size is None:
        return default
    size = tuple(output_size)[-dims:] if len(output_size) == dims + 2 else tuple(output_size)
    if len(size) != dims:
        raise ValueError(
            f"[{op}] output_size should be a sequence containing {dims} or {dims + 2} elements, but it has a length of '{len(output_size)}'"
        )
    for wanted, usual, s in zip(size, default, spread[1]):
        if not usual - s < wanted < usual + s:
            raise ValueError(
                f'[{op}] invalid output_size "{tuple(size)}" (each entry must be less than a stride away from {default})'
            )
    return size


def _max_unpool(op, dims, input, indices, kernel_size, stride, padding, output_size):
    from . import zeros

    size = _unpool_size(op, dims, input, kernel_size, stride, padding, output_size)
    if indices.dtype != _C.int64:
        raise RuntimeError(f"[{op}] elements in indices should be type int64 but got: {indices.dtype}")
    if input.shape != indices.shape:
        raise RuntimeError(
            f"[{op}] expected shape of indices to be that of the input ({tuple(input.shape)}), got {tuple(indices.shape)}"
        )
    if input.dim() not in (dims + 1, dims + 2):
        raise RuntimeError(f"[{op}] expected a {dims + 1}D or {dims + 2}D input, got {tuple(input.shape)}")
    lead, count = tuple(input.shape[:-dims]), math.prod(size)
    if any_of((indices < 0) | (indices >= count)):
        raise RuntimeError(
            f"[{op}] found an invalid max index: indices must lie in [0, {count}) for the output size {tuple(size)}"
        )
    flat = zeros((*lead, count), dtype=input.dtype, device=input.device).scatter(
        -1, indices.flatten(-dims), input.flatten(-dims)
    )
    return flat.reshape(*lead, *size)


def max_unpool1d(input, indices, kernel_size, stride=None, padding=0, output_size=None):
    """Puts maxima back to where `max_pool1d` found them, zeros elsewhere.

    Args:
        input, indices: what max pooling with return_indices gave.
        kernel_size, stride, padding: as they were there.
        output_size: the size before pooling, where it is ambiguous.
    Returns: (N, C, L) or (C, L).
    Raises: ValueError if output_size is impossible; RuntimeError if indices do not fit.

    >>> flambeau.nn.functional.max_unpool1d(flambeau.tensor([[3.0, 5.0]]), flambeau.tensor([[1, 3]]), 2)
    tensor([[0., 3., 0., 5.]])
    """
    return _max_unpool("max_unpool1d", 1, input, indices, kernel_size, stride, padding, output_size)


def max_unpool2d(input, indices, kernel_size, stride=None, padding=0, output_size=None):
    """Puts maxima back to where `max_pool2d` found them, zeros elsewhere.

    Args:
        input, indices: what max pooling with return_indices gave.
        kernel_size, stride, padding: as they were there.
        output_size: the size before pooling, where it is ambiguous.
    Returns: (N, C, H, W) or (C, H, W).
    Raises: ValueError if output_size is impossible; RuntimeError if indices do not fit.

    >>> flambeau.nn.functional.max_unpool2d(flambeau.tensor([[[3.0]]]), flambeau.tensor([[[2]]]), 2)
    tensor([[[0., 0.],
             [3., 0.]]])
    """
    return _max_unpool("max_unpool2d", 2, input, indices, kernel_size, stride, padding, output_size)


def max_unpool3d(input, indices, kernel_size, stride=None, padding=0, output_size=None):
    """Puts maxima back to where `max_pool3d` found them, zeros elsewhere.

    Args:
        input, indices: what max pooling with return_indices gave.
        kernel_size, stride, padding: as they were there.
        output_size: the size before pooling, where it is ambiguous.
    Returns: (N, C, D, H, W) or (C, D, H, W).
    Raises: ValueError if output_size is impossible; RuntimeError if indices do not fit.

    >>> flambeau.nn.functional.max_unpool3d(flambeau.tensor([[[[3.0]]]]), flambeau.tensor([[[[7]]]]), 2).flatten()
    tensor([0., 0., 0., 0., 0., 0., 0., 3.])
    """
    return _max_unpool("max_unpool3d", 3, input, indices, kernel_size, stride, padding, output_size)


def _with_indices(pool):
    """The form of a pooling that always returns (values, indices); its example finds the last of 3 x 3 ... elements."""
    family, dims = pool.__name__.partition("_")[0], int(pool.__name__[-2])
    shape, last = (1, *[3] * dims), 3**dims - 1
    window = {"adaptive": "1", "fractional": "2, output_size=1", "max": "3"}[family]
    left, right = "tensor(" + "[" * len(shape), "]" * len(shape) + ")"

    def pooled(*args, **kwargs):
        return pool(*args, **{**kwargs, "return_indices": True})

    pooled.__name__ = pooled.__qualname__ = f"{pool.__name__}_with_indices"
    pooled.__doc__ = f"""`{pool.__name__}` with return_indices=True: (values, indices).

    >>> x = flambeau.arange({last + 1}.0).reshape{shape}
    >>> flambeau.nn.functional.{pooled.__name__}(x, {window})
    ({left}{last}.{right}, {left}{last}{right})
    """
    return pooled


adaptive_max_pool1d_with_indices = _with_indices(adaptive_max_pool1d)
adaptive_max_pool2d_with_indices = _with_indices(adaptive_max_pool2d)
adaptive_max_pool3d_with_indices = _with_indices(adaptive_max_pool3d)
fractional_max_pool2d_with_indices = _with_indices(fractional_max_pool2d)
fractional_max_pool3d_with_indices = _with_indices(fractional_max_pool3d)
max_pool1d_with_indices = _with_indices(max_pool1d)
max_pool2d_with_indices = _with_indices(max_pool2d)
max_pool3d_with_indices = _with_indices(max_pool3d)
