"""Every loop that a float32 convolution may take, at sizes for which it is chosen, against NumPy in float64."""

import itertools

import numpy as np
import pytest

import flambeau as fl
from tests.ops.conv import np_conv, np_conv_transpose

# n, channels, size, results, kernel, stride, padding, dilation, groups
SHAPES = [
    (2, 64, (12, 11), 48, 1, 1, 0, 1, 1),  # 1 x 1: blocks of pixels, few channels
    (1, 64, (33, 20), 40, 1, 1, 0, 1, 1),
    (2, 130, (31, 33), 20, 1, 1, 0, 1, 1),
    (3, 34, (30, 19), 16, 1, 1, 0, 1, 2),
    (2, 40, (9, 8), 200, 1, 1, 0, 1, 1),  # 1 x 1: a product per image
    (2, 32, (7, 5), 64, 1, 1, 0, 1, 2),
    (2, 32, (15, 13), 72, 1, 2, 0, 1, 1),  # 1 x 1 with a stride: pixels between are left out
    (1, 48, (14, 9), 160, 1, (2, 3), 0, 1, 1),
    (3, 64, (9, 9), 32, 1, 2, 0, 1, 2),
    (5, 256, (61, 63), 16, 1, 2, 0, 1, 1),  # more than is copied at a time
    (2, 16, (4, 4), 8, 1, 1, 0, 1, 1),
    (1, 24, (6, 6), 24, 1, 1, 1, 1, 1),  # 1 x 1 with padding: not a plain product
    (1, 96, (7, 7), 80, 3, 1, 1, 1, 1),  # few pixels, many weights: every tap written out
    (1, 64, (14, 13), 64, 3, 2, 1, 1, 1),
    (1, 128, (6, 6), 128, 3, 1, 2, 2, 2),
    (1, 64, (5, 7), 64, (1, 5), 1, (0, 2), 1, 1),
    (2, 64, (12, 14), 64, 3, 1, 1, 1, 1),  # Winograd
    (1, 32, (30, 29), 48, 3, 1, 0, 1, 1),
    (4, 64, (4, 4), 64, 3, 1, 1, 1, 1),
    (9, 80, (9, 10), 112, 3, 1, 1, 1, 1),
    (2, 64, (18, 17), 64, 3, 1, 1, 1, 1),  # Winograd along rows
    (3, 32, (16, 16), 48, 3, 1, 1, 1, 1),
    (1, 64, (21, 56), 32, 3, 1, 0, 1, 1),
    (2, 64, (15, 33), 64, 3, 1, (2, 1), 1, 2),
    (2, 32, (13, 12), 32, 3, 2, 1, 1, 1),  # pixels last
    (3, 64, (9, 8), 128, 3, 2, 1, 1, 1),  # few pixels, many weights: their gradient is a product
    (2, 192, (8, 9), 256, 3, 2, 1, (2, 1), 2),
    (40, 256, (8, 7), 272, 1, 2, 0, 1, 1),
    (2, 24, (16, 15), 40, 5, 1, 2, 1, 1),
    (2, 3, (33, 30), 24, 7, 2, 3, 1, 1),  # the first layer of a picture network
    (2, 3, (33, 29), 40, 7, 2, 3, 1, 1),  # few source channels: columns
    (5, 3, (8, 9), 33, 3, 1, 1, 1, 1),
    (1, 6, (30, 70), 96, (5, 3), 1, (2, 0), (2, 3), 3),
    (2, 15, (20, 20), 32, 5, 1, 2, 1, 1),
    (3, 1, (1, 300), 35, (1, 16), (1, 5), (0, 3), 1, 1),
    (2, 5, (17, 16), 7, 3, 1, 1, 1, 1),  # pixels side by side
    (2, 24, (11, 12), 24, 3, 1, 1, 1, 24),  # one channel per group
    (2, 16, (14, 15), 32, 3, 2, 1, 1, 16),
    (1, 20, (9, 40), 20, 5, 1, 2, 1, 20),
    (2, 8, (12, 12), 8, 3, 1, 2, 2, 8),
]


def np_weight_grad(x, g, kernel, stride, padding, dilation, groups):
    x = np.pad(x, [(0, 0), (0, 0), *((p, p) for p in padding)])
    n, o = g.shape[:2]
    xg, gg = x.reshape(n, groups, -1, *x.shape[2:]), g.reshape(n, groups, o // groups, *g.shape[2:])
    dw = np.zeros((groups, o // groups, xg.shape[2], *kernel))
    for tap in itertools.product(*map(range, kernel)):
        window = tuple(
            slice(t * d, t * d + (m - 1) * s + 1, s)
            for t, d, m, s in zip(tap, dilation, g.shape[2:], stride, strict=True)
        )
        dw[(..., *tap)] = np.einsum("ngohw,ngchw->goc", gg, xg[(..., *window)])
    return dw.reshape(o, -1, *kernel)


def close(value, expected):
    found = value.numpy()
    assert found.shape == expected.shape
    np.testing.assert_allclose(found, expected, rtol=0, atol=3e-6 * max(1.0, np.abs(expected).max()))


@pytest.mark.parametrize("channels_last", [False, True], ids=["first", "last"])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_values_and_gradients(shape, channels_last):
    n, c, size, o, *rest, groups = shape
    kernel, stride, padding, dilation = (v if isinstance(v, tuple) else (v, v) for v in rest)
    random = np.random.default_rng(abs(hash(shape)) % 1000)
    x, w, b = (random.standard_normal(s) for s in ((n, c, *size), (o, c // groups, *kernel), (o,)))
    w /= np.sqrt(w[0].size)
    expected = np_conv(x, w, b, stride, padding, dilation, groups)
    g = random.standard_normal(expected.shape)
    g /= np.sqrt(g[0, 0].size)
    layout = fl.channels_last if channels_last else fl.contiguous_format
    tx, tw, tg = (fl.tensor(v.astype(np.float32)).contiguous(memory_format=layout) for v in (x, w, g))
    tb = fl.tensor(b.astype(np.float32), requires_grad=True)
    y = fl.nn.functional.conv2d(tx.requires_grad_(), tw.requires_grad_(), tb, stride, padding, dilation, groups)
    y.backward(tg)
    close(y.detach(), expected)
    full = [
        (m - 1) * s - 2 * p + d * (k - 1) + 1
        for m, s, p, d, k in zip(g.shape[2:], stride, padding, dilation, kernel, strict=True)
    ]
    more = [a - b for a, b in zip(size, full, strict=True)]
    close(tx.grad, np_conv_transpose(g, w, None, stride, padding, more, groups, dilation))
    close(tw.grad, np_weight_grad(x, g, kernel, stride, padding, dilation, groups))
    close(tb.grad, g.sum((0, 2, 3)))


@pytest.mark.parametrize("shape", SHAPES[::3], ids=str)
def test_threads_do_not_change_a_bit(shape):
    n, c, size, o, kernel, stride, padding, dilation, groups = shape
    x = fl.randn(n, c, *size)
    w = fl.randn(o, c // groups, *(kernel if isinstance(kernel, tuple) else (kernel, kernel)))
    threads, results = fl.get_num_threads(), []
    try:
        for count in (1, 2, 3):
            fl.set_num_threads(count)
            results.append(fl.nn.functional.conv2d(x, w, None, stride, padding, dilation, groups))
    finally:
        fl.set_num_threads(threads)
    assert all(fl.equal(results[0], other) for other in results[1:])


@pytest.mark.parametrize("value", [np.inf, np.nan])
@pytest.mark.parametrize("groups", [1, 3])
@pytest.mark.parametrize("channels_last", [False, True], ids=["first", "last"])
def test_weight_gradient_of_few_channels_beside_an_infinity(channels_last, groups, value):
    random = np.random.default_rng(3)
    x, g = random.random((2, 6, 13, 11)) + 1, random.random((2, 3, 13, 10)) + 1
    x[0, 2, 4, -1] = x[1, 3, 12, 5] = value  # the last column meets no result under the first taps
    expected = np_weight_grad(x, g, (3, 4), (1, 1), (1, 1), (1, 1), groups)
    assert np.isfinite(expected[:, :, :, :2]).any() and not np.isfinite(expected).all()
    layout = fl.channels_last if channels_last else fl.contiguous_format
    for dtype in (fl.float32, fl.float64):
        tx, tg = (fl.tensor(v, dtype=dtype).contiguous(memory_format=layout) for v in (x, g))
        w = fl.zeros(3, 6 // groups, 3, 4, dtype=dtype, requires_grad=True)
        fl.nn.functional.conv2d(tx, w, None, 1, 1, 1, groups).backward(tg)
        np.testing.assert_allclose(w.grad.numpy(), expected, rtol=1e-5)
