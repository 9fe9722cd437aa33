"""Depthwise convolutions of float32, which have loops of their own in both layouts, against the general loops of
float64."""

import numpy as np
import pytest

import flambeau as fl

# n, channels, sizes, kernel, stride, padding, dilation, result channels per group; a group for each channel
DEPTHWISE = [
    (2, 5, (9, 11), (3, 3), 1, 1, 1, 1),
    (3, 48, (7, 7), (3, 3), 1, 1, 1, 1),
    (5, 7, (7, 7), (5, 5), 2, 2, 1, 1),
    (3, 3, (8, 9), (3, 3), 1, 1, 2, 2),  # planes of a few vectors: an odd number of results
    (3, 7, (8, 6), (3, 4), (1, 2), (1, 4), 1, 1),
    (2, 35, (14, 15), (3, 3), 2, 1, 1, 1),
    (1, 3, (70, 53), (3, 3), 1, 1, 1, 1),
    (1, 2, (130, 200), (3, 3), 2, 1, 1, 1),
    (2, 16, (28, 28), (5, 5), 2, 2, 1, 1),
    (2, 17, (20, 33), (7, 7), 1, 3, 1, 1),
    (1, 4, (3, 2), (5, 5), 1, 7, 1, 1),
    (2, 6, (10, 40), (3, 2), (3, 4), (0, 2), (2, 3), 1),
    (1, 4, (12, 12), (1, 1), 3, 0, 1, 1),
    (2, 3, (8, 9), (4, 1), 2, 1, 2, 1),
    (2, 4, (9, 17), (3, 3), 1, 1, 1, 2),
    (2, 4, (9, 18), (3, 3), 2, 1, 1, 2),
    (2, 33, (6,), (4,), 1, 3, 1, 1),
    (1, 2, (500,), (5,), 2, 2, 1, 1),
    (2, 4, (5, 6, 7), (3, 3, 3), 1, 1, 1, 1),
    (1, 20, (5, 20, 18), (2, 3, 3), 2, 1, 1, 1),
    (0, 4, (5, 5), (3, 3), 1, 1, 1, 1),
]


def case(geometry, seed=0):
    n, channels, sizes, kernel, stride, padding, dilation, many = geometry
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((n, channels, *sizes))
    w = rng.standard_normal((channels * many, 1, *kernel))
    b = rng.standard_normal(channels * many)
    return x, w, b, {"stride": stride, "padding": padding, "dilation": dilation, "groups": channels}


def all_results(x, w, b, how, dtype, last, ones=False):
    """The result and the gradients in x, w and the bias; the incoming gradient is ones or the same for every dtype."""
    x, w, b = (fl.tensor(v, dtype=dtype) for v in (x, w, b))
    if last:
        x = x.to(memory_format=fl.channels_last if x.ndim == 4 else fl.channels_last_3d)
    x, w, b = (v.requires_grad_() for v in (x, w, b))
    y = getattr(fl, f"conv{x.ndim - 2}d")(x, w, b, **how)
    grad = np.ones(y.shape) if ones else np.random.default_rng(1).standard_normal(y.shape)
    y.backward(fl.tensor(grad, dtype=dtype))
    return [v.detach().numpy() for v in (y, x.grad, w.grad, b.grad)]


def layouts(geometry):
    return [False, True] if len(geometry[2]) > 1 else [False]


@pytest.mark.parametrize("geometry", DEPTHWISE, ids=str)
def test_same_values_as_the_general_loops(geometry):
    x, w, b, how = case(geometry)
    expected = all_results(x, w, b, how, fl.float64, False)
    for last in layouts(geometry):
        for found, right in zip(all_results(x, w, b, how, fl.float32, last), expected, strict=True):
            np.testing.assert_allclose(found, right, rtol=2e-5, atol=2e-5 * max(1, np.abs(right).max(initial=0)))


@pytest.mark.parametrize("geometry", [g for g in DEPTHWISE if g[0]], ids=str)
def test_infinity_and_nan_stay_in_their_windows(geometry):
    x, w, b, how = case(geometry)
    x.reshape(-1)[[0, x.size // 2, -1]] = np.inf, np.nan, -np.inf
    many = geometry[-1]
    touched = all_results(~np.isfinite(x), np.ones_like(w), np.zeros_like(b), how, fl.float64, False, ones=True)
    for last in layouts(geometry) if many == 1 else [False]:
        y, dx, dw, db = all_results(x, w, b, how, fl.float32, last)
        np.testing.assert_array_equal(np.isfinite(y), touched[0] == 0)
        np.testing.assert_array_equal(np.isfinite(dw), touched[2] == 0)
        assert np.isfinite(dx).all() and np.isfinite(db).all()


@pytest.mark.parametrize("last", [False, True])
def test_threads_do_not_change_a_bit(last):
    x, w, b, how = case((3, 40, (40, 41), (3, 3), 1, 1, 1, 1))
    before, results = fl.get_num_threads(), []
    try:
        for threads in (1, 2, 3):
            fl.set_num_threads(threads)
            results.append(all_results(x, w, b, how, fl.float32, last))
    finally:
        fl.set_num_threads(before)
    for found in results[1:]:
        for a, c in zip(found, results[0], strict=True):
            np.testing.assert_array_equal(a, c)


def test_transposed():
    rng = np.random.default_rng(0)
    for stride, kernel, more in ((2, 4, 0), (2, 3, 1), (3, 2, 1), (1, 3, 0)):
        x, w = rng.standard_normal((2, 6, 9, 13)), rng.standard_normal((6, 1, kernel, kernel))
        how = {"stride": stride, "padding": 1, "output_padding": more, "groups": 6}
        right = fl.conv_transpose2d(fl.tensor(x), fl.tensor(w), **how).numpy()
        for last in (False, True):
            x32 = fl.tensor(x, dtype=fl.float32)
            if last:
                x32 = x32.to(memory_format=fl.channels_last)
            found = fl.conv_transpose2d(x32, fl.tensor(w, dtype=fl.float32), **how)
            np.testing.assert_allclose(found.numpy(), right, rtol=2e-5, atol=2e-5)
