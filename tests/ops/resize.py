"""Resizing, sampling, columns, and pixels moved between channels and space."""

import itertools

import numpy as np

from tests.frame import FLOATS, Error, Row, Sample, tensor

from .conv import spread

TOL = {"float16": (2e-3, 4e-3), "bfloat16": (1.6e-2, 3e-2), "float32": (1e-5, 1e-5)}
SECOND = ("float32", "float64")


def cubic(x, a):
    x = abs(x)
    return (a + 2) * x**3 - (a + 3) * x**2 + 1 if x < 1 else a * (x**3 - 5 * x**2 + 8 * x - 4) if x < 2 else 0


def resize_matrix(mode, size, out, factor, align, antialias):
    scale = 1 / factor if factor else size / out
    if align:
        scale = (size - 1) / max(out - 1, 1)
    m = np.zeros((out, size))
    for o in range(out):
        if mode in ("nearest", "nearest-exact"):
            m[o, min(int(np.floor((o + (mode != "nearest") * 0.5) * scale)), size - 1)] = 1
        elif mode == "area":
            begin, end = o * size // out, -(-(o + 1) * size // out)
            m[o, begin:end] = 1 / (end - begin)
        elif antialias:
            wide = max(scale, 1)
            weight = [
                cubic((j + 0.5 - scale * (o + 0.5)) / wide, -0.5) if mode == "bicubic" else max(0, 1 - abs(j + 0.5 - scale * (o + 0.5)) / wide)
                for j in range(size)
            ]  # fmt: skip
            m[o] = np.array(weight) / np.sum(weight)
        else:
            place = scale * o if align else scale * (o + 0.5) - 0.5
            place = place if mode == "bicubic" else max(place, 0)
            base = int(np.floor(place))
            for t in range(-1, 3) if mode == "bicubic" else range(2):
                w = cubic(t - (place - base), -0.75) if mode == "bicubic" else 1 - abs(t - (place - base))
                m[o, min(max(base + t, 0), size - 1)] += w
    return m


def np_interpolate(
    x, size=None, scale_factor=None, mode="nearest", align_corners=None, recompute_scale_factor=None, antialias=False
):
    dims = x.ndim - 2
    factors = [None] * dims if scale_factor is None else spread(scale_factor, dims)
    sizes = spread(size, dims) if size is not None else [int(n * f) for n, f in zip(x.shape[2:], factors, strict=True)]
    for d in range(dims):
        factor = None if recompute_scale_factor else factors[d]
        m = resize_matrix(mode, x.shape[d + 2], sizes[d], factor, align_corners, antialias)
        x = np.moveaxis(np.tensordot(x, m, (d + 2, 1)), -1, d + 2)
    return x


def np_unfold(x, kernel, dilation=1, padding=0, stride=1):
    if x.ndim == 3:
        return np_unfold(x[None], kernel, dilation, padding, stride)[0]
    kernel, dilation, padding, stride = (spread(v, 2) for v in (kernel, dilation, padding, stride))
    x = np.pad(x, [(0, 0), (0, 0), *((p, p) for p in padding)])
    sizes = [(n - d * (k - 1) - 1) // s + 1 for n, d, k, s in zip(x.shape[2:], dilation, kernel, stride, strict=True)]
    taps = []
    for tap in itertools.product(*map(range, kernel)):
        window = tuple(
            slice(t * d, t * d + (m - 1) * s + 1, s) for t, d, m, s in zip(tap, dilation, sizes, stride, strict=True)
        )
        taps.append(x[(..., *window)].reshape(*x.shape[:2], -1))
    return np.stack(taps, 2).reshape(x.shape[0], -1, sizes[0] * sizes[1])


def np_fold(x, size, kernel, dilation=1, padding=0, stride=1):
    if x.ndim == 2:
        return np_fold(x[None], size, kernel, dilation, padding, stride)[0]
    size = spread(size, 2)
    channels = x.shape[1] // int(np.prod(spread(kernel, 2)))
    places = np.arange(1.0, channels * size[0] * size[1] + 1).reshape(1, channels, *size)  # 0 is padding
    where = np_unfold(places, kernel, dilation, padding, stride).astype(int).reshape(-1)
    out = np.zeros((x.shape[0], places.size + 1), x.dtype)
    for n in range(x.shape[0]):
        np.add.at(out[n], where, x[n].reshape(-1))
    return out[:, 1:].reshape(x.shape[0], channels, *size)


def np_pixel_shuffle(x, r):
    *lead, c, h, w = x.shape
    x = np.moveaxis(x.reshape(*lead, c // (r * r), r, r, h, w), (-4, -3), (-3, -1))
    return x.reshape(*lead, c // (r * r), h * r, w * r)


def np_pixel_unshuffle(x, r):
    *lead, c, h, w = x.shape
    x = np.moveaxis(x.reshape(*lead, c, h // r, r, w // r, r), (-3, -1), (-4, -3))
    return x.reshape(*lead, c * r * r, h // r, w // r)


def np_channel_shuffle(x, groups):
    return x.reshape(x.shape[0], groups, -1, *x.shape[2:]).swapaxes(1, 2).reshape(x.shape)


def np_affine_grid(theta, size, align_corners=None):
    axes = []
    for n in size[2:]:
        places = np.linspace(-1, 1, n) if n > 1 else np.zeros(1)
        axes.append(places if align_corners or n == 1 else places * (n - 1) / n)
    grid = np.meshgrid(*axes, indexing="ij")[::-1]
    base = np.stack([*grid, np.ones(size[2:])], -1)
    return np.einsum("...k,njk->n...j", base, theta)


def np_grid_sample(x, grid, mode="bilinear", padding_mode="zeros", align_corners=None):
    """Bilinear with zeros or border; nearest with zeros."""
    dims = x.ndim - 2
    sizes = x.shape[2:]
    out = np.zeros((*x.shape[:2], *grid.shape[1:-1]))
    for at in np.ndindex(grid.shape[:-1]):
        g = grid[at][::-1]
        place = [
            (p + 1) / 2 * (s - 1) if align_corners else ((p + 1) * s - 1) / 2 for p, s in zip(g, sizes, strict=True)
        ]
        if padding_mode == "border":
            place = [min(max(p, 0), s - 1) for p, s in zip(place, sizes, strict=True)]
        for corner in itertools.product((0, 1), repeat=dims):
            base = [np.floor(p) for p in place]
            spot = [int(b + c) for b, c in zip(base, corner, strict=True)]
            weight = np.prod([1 - abs(p - s) for p, s in zip(place, spot, strict=True)])
            if mode == "nearest":
                weight = float(all(np.round(p) == s for p, s in zip(place, spot, strict=True)))
            if weight and all(0 <= s < n for s, n in zip(spot, sizes, strict=True)):
                out[(at[0], slice(None), *at[1:])] += weight * x[(at[0], slice(None), *spot)]
    return out


IMAGE = (1, 2, 5, 4)
ROWS = [
    Row(
        "nn.functional.interpolate", np_interpolate,
        [
            Sample(tensor(2, 3, 5), 8),
            Sample(tensor(*IMAGE), scale_factor=2.5),
            Sample(tensor(*IMAGE), (3, 7), mode="nearest-exact"),
            Sample(tensor(1, 2, 3, 2, 3), 4),
            Sample(tensor(2, 3, 5), 7, mode="linear"),
            Sample(tensor(2, 3, 5), 7, mode="linear", align_corners=True),
            Sample(tensor(*IMAGE), scale_factor=1.7, mode="bilinear"),
            Sample(tensor(*IMAGE), scale_factor=1.7, mode="bilinear", recompute_scale_factor=True),
            Sample(tensor(*IMAGE), (7, 3), mode="bicubic"),
            Sample(tensor(*IMAGE), (7, 3), mode="bicubic", align_corners=True),
            Sample(tensor(1, 2, 3, 2, 3), (4, 3, 2), mode="trilinear"),
            Sample(tensor(*IMAGE), 3, mode="area"),
            Sample(tensor(*IMAGE), (3, 2), mode="bilinear", antialias=True),
            Sample(tensor(*IMAGE), (3, 6), mode="bicubic", antialias=True),
        ],
        dtypes=SECOND, tol=TOL, method=False, covers=("resample",),
        errors=[
            Error(tensor(*IMAGE), raises=ValueError),
            Error(tensor(*IMAGE), 3, 2.0, raises=ValueError),
            Error(tensor(*IMAGE), 3, align_corners=True, raises=ValueError),
            Error(tensor(*IMAGE), 3, mode="linear", raises=NotImplementedError),
            Error(tensor(*IMAGE), 0, raises=RuntimeError),
        ],
    ),
    Row(
        "nn.functional.unfold", np_unfold,
        [Sample(tensor(2, 3, 5, 4), 2), Sample(tensor(3, 5, 4), (3, 2), 1, 1, 2), Sample(tensor(1, 2, 6, 6), 2, 2)],
        dtypes=FLOATS, method=False, covers=("im2col",), differentiable=("float64", "complex128"),
        errors=[Error(tensor(1, 2, 3, 3), 5, raises=RuntimeError)],
    ),
    Row(
        "nn.functional.fold", np_fold,
        [Sample(tensor(2, 12, 12), (5, 4), 2), Sample(tensor(8, 9), (4, 4), (2, 2), 1, 1, 2)],
        dtypes=FLOATS, tol=TOL, method=False, covers=("col2im",), differentiable=("float64", "complex128"),
        errors=[Error(tensor(1, 5, 4), (3, 3), 2, raises=RuntimeError), Error(tensor(1, 4, 5), (3, 3), 2, raises=RuntimeError)],
    ),
    Row(
        "pixel_shuffle", np_pixel_shuffle, [Sample(tensor(2, 8, 3, 2), 2), Sample(tensor(9, 2, 2), 3)], method=False,
        alias=("nn.functional.pixel_shuffle",), errors=[Error(tensor(1, 5, 2, 2), 2, raises=RuntimeError)],
    ),
    Row(
        "pixel_unshuffle", np_pixel_unshuffle, [Sample(tensor(2, 2, 6, 4), 2), Sample(tensor(1, 3, 3), 3)], method=False,
        alias=("nn.functional.pixel_unshuffle",), errors=[Error(tensor(1, 5, 3, 3), 2, raises=RuntimeError)],
    ),
    Row(
        "channel_shuffle", np_channel_shuffle, [Sample(tensor(2, 6, 3), 2), Sample(tensor(1, 6, 2, 2), 3)], method=False,
        alias=("native_channel_shuffle", "nn.functional.channel_shuffle", "nn.functional.native_channel_shuffle"),
        errors=[Error(tensor(1, 5, 3), 2, raises=RuntimeError)],
    ),
    Row(
        "nn.functional.affine_grid", np_affine_grid,
        [
            Sample(tensor(2, 2, 3), (2, 1, 3, 4), align_corners=False),
            Sample(tensor(1, 2, 3), (1, 1, 3, 2), align_corners=True),
            Sample(tensor(1, 3, 4), (1, 2, 2, 3, 2), align_corners=True),
        ],
        dtypes=SECOND, tol=TOL, method=False,
        errors=[Error(tensor(1, 2, 3), (1, 1, 2, 2, 2), align_corners=True, raises=ValueError)],
    ),
    Row(
        "nn.functional.grid_sample", np_grid_sample,
        [
            Sample(tensor(2, 2, 4, 3), tensor(2, 3, 2, 2, low=-1.2, high=1.2), align_corners=False),
            Sample(tensor(1, 2, 4, 3), tensor(1, 3, 2, 2, low=-1.2, high=1.2), align_corners=True),
            Sample(tensor(1, 2, 4, 3), tensor(1, 3, 2, 2, low=-1.2, high=1.2), "bilinear", "border", True),
            Sample(tensor(1, 2, 4, 3), tensor(1, 3, 2, 2, low=-1.2, high=1.2, grad=False), "nearest", align_corners=False),
            Sample(tensor(1, 2, 2, 4, 3), tensor(1, 2, 3, 2, 3, low=-1.2, high=1.2), align_corners=False),
        ],
        dtypes=SECOND, tol={"float32": (1e-4, 1e-4)}, method=False, gradgrad=False,
        errors=[
            Error(tensor(1, 2, 4, 3), tensor(1, 3, 2, 3), align_corners=False, raises=RuntimeError),
            Error(tensor(1, 2, 4, 3), tensor(2, 3, 2, 2), align_corners=False, raises=RuntimeError),
            Error(tensor(1, 2, 4, 3), tensor(1, 3, 2, 2), "cubic", raises=ValueError),
        ],
    ),
]  # fmt: skip
