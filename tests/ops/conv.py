"""Convolutions."""

import itertools

import numpy as np

from tests.frame import FLOATS, Error, Row, Sample, tensor

TOL = {"float16": (4e-3, 2e-2), "bfloat16": (3e-2, 1e-1), "float32": (1e-5, 2e-5), "complex64": (1e-5, 2e-5)}


def spread(value, dims):
    value = list(value) if isinstance(value, list | tuple) else [value]
    return value * dims if len(value) == 1 else value


def np_conv(x, w, bias=None, stride=1, padding=0, dilation=1, groups=1):
    dims = w.ndim - 2
    if x.ndim == dims + 1:
        return np_conv(x[None], w, bias, stride, padding, dilation, groups)[0]
    stride, dilation = spread(stride, dims), spread(dilation, dims)
    reach = [d * (k - 1) for d, k in zip(dilation, w.shape[2:], strict=True)]
    if padding == "same":
        sides = [(r // 2, r - r // 2) for r in reach]
    else:
        sides = [(p, p) for p in spread(0 if padding == "valid" else padding, dims)]
    x = np.pad(x, [(0, 0), (0, 0), *sides])
    sizes = [(n - r - 1) // s + 1 for n, r, s in zip(x.shape[2:], reach, stride, strict=True)]
    n, o = x.shape[0], w.shape[0]
    xg = x.reshape(n, groups, x.shape[1] // groups, *x.shape[2:])
    wg = w.reshape(groups, o // groups, *w.shape[1:])
    y = np.zeros((n, groups, o // groups, *sizes), np.result_type(x, w))
    for tap in itertools.product(*map(range, w.shape[2:])):
        window = tuple(
            slice(t * d, t * d + (m - 1) * s + 1, s) for t, d, m, s in zip(tap, dilation, sizes, stride, strict=True)
        )
        y += np.einsum("ngc...,goc->ngo...", xg[(..., *window)], wg[(..., *tap)])
    y = y.reshape(n, o, *sizes)
    return y if bias is None else y + bias.reshape(-1, *[1] * dims)


def np_conv_transpose(x, w, bias=None, stride=1, padding=0, output_padding=0, groups=1, dilation=1):
    dims = w.ndim - 2
    if x.ndim == dims + 1:
        return np_conv_transpose(x[None], w, bias, stride, padding, output_padding, groups, dilation)[0]
    stride, dilation, padding, more = (spread(v, dims) for v in (stride, dilation, padding, output_padding))
    n = x.shape[0]
    full = [
        (m - 1) * s + d * (k - 1) + 1 + p
        for m, s, d, k, p in zip(x.shape[2:], stride, dilation, w.shape[2:], more, strict=True)
    ]
    xg = x.reshape(n, groups, x.shape[1] // groups, *x.shape[2:])
    wg = w.reshape(groups, w.shape[0] // groups, *w.shape[1:])
    y = np.zeros((n, groups, w.shape[1], *full), np.result_type(x, w))
    for tap in itertools.product(*map(range, w.shape[2:])):
        window = tuple(
            slice(t * d, t * d + (m - 1) * s + 1, s)
            for t, d, m, s in zip(tap, dilation, x.shape[2:], stride, strict=True)
        )
        y[(..., *window)] += np.einsum("ngc...,gco->ngo...", xg, wg[(..., *tap)])
    crop = tuple(slice(p, size - p) for p, size in zip(padding, full, strict=True))
    y = y.reshape(n, groups * w.shape[1], *full)[(..., *crop)]
    return y if bias is None else y + bias.reshape(-1, *[1] * dims)


def conv_samples(dims):
    x, w = (5, 6, 4)[:dims], (3, 2, 3)[:dims]
    return [
        Sample(tensor(2, 3, *x), tensor(4, 3, *w), tensor(4)),
        Sample(tensor(3, *x), tensor(4, 3, *w)),
        Sample(tensor(2, 4, *x), tensor(6, 2, *w), None, 2, 1, 1, 2),
        Sample(tensor(1, 2, *[s + 3 for s in x]), tensor(2, 2, *w), tensor(2), 1, 0, 2),
        Sample(tensor(2, 3, *x), tensor(3, 1, *[3] * dims), tensor(3), padding="same", groups=3),
        Sample(tensor(1, 2, *x), tensor(2, 2, *w), stride=[3] + [1] * (dims - 1), padding="valid"),
        Sample(tensor(0, 2, *x), tensor(2, 2, *w)),
    ]


def transpose_samples(dims):
    x, w = (3, 2, 3)[:dims], (3, 2, 2)[:dims]
    return [
        Sample(tensor(2, 3, *x), tensor(3, 4, *w), tensor(4)),
        Sample(tensor(3, *x), tensor(3, 2, *w)),
        Sample(tensor(2, 4, *x), tensor(4, 3, *w), None, 2, 1, 1, 2),
        Sample(tensor(1, 2, *x), tensor(2, 2, *w), tensor(2), 1, 0, 0, 1, 2),
        Sample(tensor(1, 2, *x), tensor(2, 1, *w), stride=[3] + [1] * (dims - 1)),
    ]


def errors(dims, transposed):
    x, w = (5,) * dims, (3,) * dims
    more = (
        []
        if transposed
        else [Error(tensor(1, 2, *[2] * dims), tensor(2, 2, *w), raises=RuntimeError, match="[Kk]ernel size")]
    )
    return [
        *more,
        Error(tensor(1, 3, *x), tensor(2, 2, *w), raises=RuntimeError, match="channels"),
        Error(tensor(*x[1:]), tensor(2, 2, *w), raises=RuntimeError),
        Error(tensor(1, 2, *x), tensor(2, 2, *w), tensor(3), raises=RuntimeError, match="bias"),
        Error(tensor(1, 2, *x), tensor(2, 2, *w), None, 0, raises=RuntimeError, match="stride"),
        Error(tensor(1, 2, *x), tensor(2, 2, *w), None, 1, -1, raises=RuntimeError, match="negative padding"),
        Error(tensor(1, 2, *x, dtype="float64"), tensor(2, 2, *w, dtype="float32"), raises=RuntimeError),
    ]


def np_conv_tbc(x, w, bias, pad=0):
    return np_conv(x.transpose(1, 2, 0), w.transpose(2, 1, 0), bias, 1, pad).transpose(2, 0, 1)


COMMON = {"method": False, "tol": TOL, "differentiable": ("float64", "complex128")}
COVERS = ("convolution", "convolution_transpose", "convolution_weight_grad")
LARGE = {
    1: Sample(tensor(8, 32, 256), tensor(64, 32, 5), tensor(64), padding=2),
    2: Sample(tensor(4, 32, 30, 30), tensor(48, 32, 3, 3), tensor(48), padding=1),
    3: Sample(tensor(2, 8, 12, 12, 12), tensor(32, 8, 3, 3, 3), tensor(32), padding=1),
}
ROWS = [
    *(
        Row(
            f"conv{dims}d", np_conv, conv_samples(dims), dtypes=FLOATS + ("int64", "complex64"), errors=errors(dims, False),
            large=LARGE[dims], alias=(f"nn.functional.conv{dims}d",), covers=COVERS, **COMMON,
        )
        for dims in (1, 2, 3)
    ),
    *(
        Row(
            f"conv_transpose{dims}d", np_conv_transpose, transpose_samples(dims), dtypes=FLOATS + ("complex64",),
            errors=errors(dims, True), alias=(f"nn.functional.conv_transpose{dims}d",), covers=COVERS, **COMMON,
        )
        for dims in (1, 2, 3)
    ),
    Row(
        "conv_tbc", np_conv_tbc, [Sample(tensor(5, 2, 3), tensor(3, 3, 4), tensor(4)), Sample(tensor(5, 2, 3), tensor(3, 3, 4), tensor(4), 1)],
        dtypes=("float32", "float64"), alias=("nn.functional.conv_tbc",), method=False, tol=TOL,
    ),
    Row(
        "convolution",
        lambda x, w, b, stride, padding, dilation, transposed, more, groups: (
            np_conv_transpose(x, w, b, stride, padding, more, groups, dilation)
            if transposed
            else np_conv(x, w, b, stride, padding, dilation, groups)
        ),
        [
            Sample(tensor(1, 2, 5), tensor(3, 2, 3), tensor(3), [1], [1], [1], False, [0], 1),
            Sample(tensor(1, 2, 5), tensor(2, 3, 3), None, [2], [1], [1], True, [1], 1),
        ],
        dtypes=("float32", "float64"), method=False, tol=TOL,
    ),
]  # fmt: skip
