"""Tensors larger than the caches, for which loops over memory have other forms."""

import numpy as np
import pytest

from tests.frame import fl

COUNT = 5_000_011  # float32: more than 16 MB, and no multiple of anything


def numbers(dtype, count=COUNT):
    return (np.arange(count) % 251 - 120).astype(dtype)


@pytest.mark.parametrize("dtype", ["float32", "float64", "int64", "uint8", "complex128"])
def test_copies_and_fills(dtype):
    x = numbers(dtype, 3_000_017)
    tensor, kind = fl.from_numpy(x), getattr(fl, dtype)
    assert np.array_equal(tensor.clone().numpy(), x)
    assert np.array_equal(fl.cat([tensor, tensor]).numpy(), np.concatenate([x, x]))
    assert not fl.zeros(3_000_017, dtype=kind).numpy().any()
    assert (fl.full((3_000_017,), 7, dtype=kind).numpy() == 7).all()
    window = fl.zeros(2, 3_000_017, dtype=kind)
    window[1, 5:-3] = tensor[5:-3]
    assert np.array_equal(window[1, 5:-3].numpy(), x[5:-3]) and window.numpy()[1, :5].sum() == 0


@pytest.mark.parametrize("dtype", ["float32", "float64", "int64"])
def test_elementwise(dtype):
    x, y = numbers(dtype), numbers(dtype)[::-1].copy()
    a, b = fl.from_numpy(x), fl.from_numpy(y)
    assert np.array_equal((a * b + a).numpy(), x * y + x)
    assert np.array_equal((a < b).numpy(), x < y)
    expected = x - y
    assert np.array_equal(a.sub_(b).numpy(), expected)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_reductions(dtype):
    x = np.random.default_rng(0).normal(size=COUNT).astype(dtype)
    x[4_000_003] = 9
    tensor, exact = fl.from_numpy(x), x.astype(np.float64)
    rough = 1e-6 if dtype == "float32" else 1e-14
    assert tensor.sum().item() == pytest.approx(exact.sum(), abs=rough * np.abs(exact).sum())
    assert tensor.norm().item() == pytest.approx(np.sqrt((exact * exact).sum()), rel=rough)
    assert tensor.max().item() == 9 and tensor.argmax().item() == 4_000_003
    x[77] = np.nan
    assert np.isnan(tensor.max().item()) and np.isnan(tensor.sum().item()) and tensor.argmax().item() == 77
