"""Special functions to double precision over many orders of magnitude, which rows of small samples cannot show."""

import numpy as np
import pytest
from scipy import special

from tests.frame import fl

RNG = np.random.default_rng(0)
POSITIVE = np.concatenate([10 ** RNG.uniform(-12, 3, 4000), RNG.uniform(0, 40, 4000)])
WAVE = np.sqrt(2 / np.pi / np.maximum(POSITIVE, 1))  # what oscillating functions are measured by, near their zeros
K_RANGE = POSITIVE[POSITIVE < 700]


def error(value, expected, size):
    return np.max(np.abs(value - expected) / size)


@pytest.mark.parametrize(
    ("name", "reference", "points", "size"),
    [
        ("bessel_j0", special.j0, POSITIVE, WAVE),
        ("bessel_j1", special.j1, POSITIVE, np.minimum(WAVE, POSITIVE / 2)),
        ("bessel_y0", special.y0, POSITIVE, np.maximum(WAVE, np.abs(special.y0(POSITIVE)))),
        ("bessel_y1", special.y1, POSITIVE, np.maximum(WAVE, np.abs(special.y1(POSITIVE)))),
        ("modified_bessel_k0", special.k0, K_RANGE, special.k0(K_RANGE)),
        ("modified_bessel_k1", special.k1, K_RANGE, special.k1(K_RANGE)),
        ("scaled_modified_bessel_k0", special.k0e, POSITIVE, special.k0e(POSITIVE)),
        ("scaled_modified_bessel_k1", special.k1e, POSITIVE, special.k1e(POSITIVE)),
    ],
)
def test_bessel(name, reference, points, size):
    value = getattr(fl.special, name)(fl.from_numpy(points)).numpy()
    assert error(value, reference(points), size) < 3e-13


def test_airy():
    points = np.concatenate([RNG.uniform(-60, 90, 4000), RNG.uniform(-12, 4, 4000)])
    expected = special.airy(points)[0]
    size = np.where(points < 0, np.maximum(1, np.abs(points)) ** -0.25, expected)
    assert error(fl.special.airy_ai(fl.from_numpy(points)).numpy(), expected, size) < 1e-12


@pytest.mark.parametrize("spread", ["near", "everywhere"])
def test_incomplete_gamma(spread):
    if spread == "near":  # x within some standard deviations of a, where neither function is near 0 or 1
        a = 10 ** RNG.uniform(-10, 7, 4000)
        x = a * np.exp(RNG.normal(size=4000) * np.minimum(3, 1 / np.sqrt(a)))
    else:
        a, x = 10 ** RNG.uniform(-4, 2, (2, 4000))
    for name in ("gammainc", "gammaincc"):
        expected = getattr(special, name)(a, x)
        value = getattr(fl.special, name)(fl.from_numpy(a), fl.from_numpy(x)).numpy()
        assert error(value, expected, np.maximum(expected, 1e-250)) < 2e-11


def test_incomplete_gamma_at_the_edges():
    a = [0.0, 0.0, 1.0, -1.0, np.inf, 1.0, np.inf, np.nan, 1.0, 5.0, np.inf]
    x = [0.0, 1.0, 0.0, 1.0, 1.0, np.inf, np.inf, 1.0, np.nan, -1.0, 0.0]
    for name in ("gammainc", "gammaincc"):
        value = getattr(fl.special, name)(fl.tensor(a), fl.tensor(x)).numpy()
        np.testing.assert_array_equal(value, getattr(special, name)(a, x).astype(np.float32))


def test_the_derivative_by_the_order_is_refused():
    a = fl.ones(2, requires_grad=True)
    with pytest.raises(NotImplementedError, match="igamma: input"):
        fl.igamma(a, fl.ones(2)).sum().backward()


def test_high_degrees():
    x = fl.linspace(-1, 1, 9, dtype=fl.float64)
    value = fl.special.chebyshev_polynomial_t(x, 10**6).numpy()
    np.testing.assert_allclose(value, np.cos(10**6 * np.arccos(x.numpy())), atol=1e-9)
    assert fl.special.hermite_polynomial_h(fl.ones(1), 129).isnan().all()
    assert fl.special.legendre_polynomial_p(fl.full((1,), 3.0), 10**9).isnan().all()


def test_incomplete_gamma_in_place():
    a, x = fl.tensor([1.0, 4.0]), fl.tensor([2.0, 3.0], requires_grad=True)
    plain = fl.igamma(a, x)
    other = a.clone()
    assert other.igamma_(x) is other
    np.testing.assert_array_equal(other.detach().numpy(), plain.detach().numpy())
    (expected,) = fl.autograd.grad(plain.sum(), x)
    np.testing.assert_array_equal(fl.autograd.grad(other.sum(), x)[0].numpy(), expected.numpy())
    np.testing.assert_allclose(a.clone().igammac_(x.detach()).numpy(), 1 - plain.detach().numpy(), 1e-6)
