"""Pooling and its inverse."""

import itertools

import numpy as np

from tests.frame import FLOATS, Error, Row, Sample, index, tensor

from .conv import spread

TOL = {"float16": (2e-3, 4e-3), "bfloat16": (1.6e-2, 3e-2), "float32": (1e-5, 1e-5)}


def windows(size, kernel, stride, pad, dilation, ceil_mode):
    """Per result position: (first place before clipping, end of the padded window, places inside)."""
    room = size + 2 * pad - dilation * (kernel - 1) - 1
    count = (-(-room // stride) if ceil_mode else room // stride) + 1
    if ceil_mode and (count - 1) * stride >= size + pad:
        count -= 1
    found = []
    for o in range(count):
        begin = o * stride - pad
        inside = [begin + k * dilation for k in range(kernel) if 0 <= begin + k * dilation < size]
        found.append((min(begin + kernel, size + pad) - begin, inside))
    return found


def pool(x, axes, reduce):
    """reduce(values (..., window), places, padded sizes) per combination of the axes' windows."""
    dims = len(axes)
    out = None
    for at in itertools.product(*(range(len(a)) for a in axes)):
        picked = [axes[d][at[d]] for d in range(dims)]
        places = np.ix_(*(inside for _, inside in picked))
        flat = np.ravel_multi_index(np.broadcast_arrays(*places), x.shape[-dims:]).reshape(-1)
        value = reduce(x[(..., *places)].reshape(*x.shape[:-dims], -1), flat, [padded for padded, _ in picked])
        if out is None:
            out = np.zeros((*x.shape[:-dims], *(len(a) for a in axes)), value.dtype)
        out[(..., *at)] = value
    return out


def sliding(x, dims, kernel, stride, padding, dilation, ceil_mode):
    kernel = spread(kernel, dims)
    stride = kernel if stride is None else spread(stride, dims)
    settings = zip(x.shape[-dims:], kernel, stride, spread(padding, dims), spread(dilation, dims), strict=True)
    return [windows(*s, ceil_mode) for s in settings]


def np_max_pool(dims):
    def run(x, kernel_size, stride=None, padding=0, dilation=1, ceil_mode=False, return_indices=False):
        axes = sliding(x, dims, kernel_size, stride, padding, dilation, ceil_mode)
        values = pool(x, axes, lambda v, flat, padded: v.max(-1))
        return (values, pool(x, axes, lambda v, flat, padded: flat[v.argmax(-1)])) if return_indices else values

    return run


def np_avg_pool(dims):
    def run(x, kernel_size, stride=None, padding=0, ceil_mode=False, count_include_pad=True, divisor_override=None):
        axes = sliding(x, dims, kernel_size, stride, padding, 1, ceil_mode)
        return pool(
            x, axes,
            lambda v, flat, padded: v.sum(-1) / (divisor_override or (np.prod(padded) if count_include_pad else v.shape[-1])),
        )  # fmt: skip

    return run


def adaptive(x, dims, size):
    size = [n if s is None else s for s, n in zip(spread(size, dims), x.shape[-dims:], strict=True)]
    return [
        [(0, list(range(o * n // m, -(-(o + 1) * n // m)))) for o in range(m)]
        for n, m in zip(x.shape[-dims:], size, strict=True)
    ]


def np_adaptive_avg(dims):
    return lambda x, size: pool(x, adaptive(x, dims, size), lambda v, flat, padded: v.mean(-1))


def np_adaptive_max(dims):
    def run(x, size, return_indices=False):
        axes = adaptive(x, dims, size)
        values = pool(x, axes, lambda v, flat, padded: v.max(-1))
        return (values, pool(x, axes, lambda v, flat, padded: flat[v.argmax(-1)])) if return_indices else values

    return run


def np_lp_pool(dims):
    def run(x, p, kernel, stride=None, ceil_mode=False):
        axes = sliding(x, dims, kernel, stride, 0, 1, ceil_mode)
        full = np.prod(spread(kernel, dims))
        if np.isinf(p):
            return pool(x, axes, lambda v, flat, padded: (np.abs(v).max if p > 0 else np.abs(v).min)(-1))
        return pool(x, axes, lambda v, flat, padded: ((v**p).sum(-1) / np.prod(padded) * full) ** (1 / p))

    return run


def np_max_unpool(dims):
    def run(x, indices, kernel, stride=None, padding=0, output_size=None):
        kernel = spread(kernel, dims)
        stride = kernel if stride is None else spread(stride, dims)
        size = output_size or [
            (n - 1) * s + k - 2 * p
            for n, k, s, p in zip(x.shape[-dims:], kernel, stride, spread(padding, dims), strict=True)
        ]
        lead = x.shape[:-dims]
        out = np.zeros((*lead, int(np.prod(size))), x.dtype)
        np.put_along_axis(out, indices.reshape(*lead, -1), x.reshape(*lead, -1), -1)
        return out.reshape(*lead, *size)

    return run


def max_samples(dims):
    x = (7, 6, 5)[:dims]
    return [
        Sample(tensor(2, 3, *x, distinct=True), 2),
        Sample(tensor(3, *x, distinct=True), 3, 2, 1),
        Sample(tensor(1, 2, *x, distinct=True), 2, 1, 0, 2),
        Sample(tensor(1, 2, *x, distinct=True), 2, 2, 1, ceil_mode=True),
    ]


def avg_samples(dims):
    x = (7, 6, 5)[:dims]
    return [
        Sample(tensor(2, 3, *x), 2),
        Sample(tensor(3, *x), 3, 2, 1),
        Sample(tensor(1, 2, *x), 3, 2, 1, True, False),
        Sample(tensor(1, 2, *x), 2, 2, 1, ceil_mode=True),
    ] + ([] if dims == 1 else [Sample(tensor(1, 2, *x), 2, divisor_override=3)])


def pool_errors(dims):
    x = (5,) * dims
    return [
        Error(tensor(1, 1, 1, *x), 2, raises=RuntimeError),
        Error(tensor(1, 2, *x), 3, 1, 2, raises=RuntimeError, match="pad should be at most half"),
        Error(tensor(1, 2, *x), 9, raises=RuntimeError),
    ]


NO_METHOD = {"method": False, "tol": TOL}
SECOND = ("float32", "float64")
ROWS = []
for dims in (1, 2, 3):
    x = (7, 6, 5)[:dims]
    ROWS += [
        Row(
            f"nn.functional.max_pool{dims}d", np_max_pool(dims), max_samples(dims), dtypes=FLOATS, errors=pool_errors(dims),
            covers=("max_pool", "plane_scatter", "plane_gather"), alias=(f"max_pool{dims}d",),
            large=Sample(tensor(16, 16, *(64, 16, 4)[:dims], distinct=True), 2), **NO_METHOD,
        ),
        Row(
            f"nn.functional.avg_pool{dims}d", np_avg_pool(dims), avg_samples(dims), dtypes=SECOND, errors=pool_errors(dims),
            covers=("average_pool", "average_pool_grad"), **NO_METHOD,
        ),
        Row(
            f"nn.functional.adaptive_avg_pool{dims}d", np_adaptive_avg(dims),
            [Sample(tensor(2, 3, *x), 3), Sample(tensor(3, *x), 1), Sample(tensor(2, 3, *x), 9)], dtypes=FLOATS,
            errors=[Error(tensor(1, 2, *x), -1, raises=RuntimeError)], **NO_METHOD,
        ),
        Row(
            f"nn.functional.adaptive_max_pool{dims}d", np_adaptive_max(dims),
            [Sample(tensor(2, 3, *x, distinct=True), 3), Sample(tensor(3, *x, distinct=True), 1)], dtypes=FLOATS, **NO_METHOD,
        ),
        Row(
            f"nn.functional.lp_pool{dims}d", np_lp_pool(dims),
            [
                Sample(tensor(2, 3, *x, low=0.5), 2, 2), Sample(tensor(3, *x, low=0.5), 3, 2, 1),
                Sample(tensor(2, 3, *x, low=0.5, distinct=True), float("inf"), 2), Sample(tensor(3, *x, low=0.5, distinct=True), float("-inf"), 2, 1, True),
            ],
            dtypes=SECOND, **NO_METHOD,
        ),
        Row(
            f"nn.functional.max_unpool{dims}d", np_max_unpool(dims),
            [
                Sample(tensor(1, 1, *[2] * dims), index(1, 1, *[2] * dims, values=np.arange(2**dims).reshape(1, 1, *[2] * dims) * 2, high=99), 2),
            ],
            dtypes=SECOND,
            errors=[Error(tensor(1, *[2] * dims), index(1, *[2] * dims, low=500, high=501), 2, raises=RuntimeError, match="index")],
            **NO_METHOD,
        ),
    ]  # fmt: skip
