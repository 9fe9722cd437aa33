"""Elementary functions of float32 in units of the last place, over floats of every size, and the same however a loop is cut."""

import os
import subprocess
import sys

import numpy as np
import pytest
from scipy import special

from tests.frame import fl

BITS = np.arange(0, 2**32, 16411, dtype=np.uint64).astype(np.uint32)  # a prime: all signs, exponents and ends
EVERY = BITS.view(np.float32)[np.isfinite(BITS.view(np.float32))]
NEAR = np.random.default_rng(0).normal(size=100_000).astype(np.float32) * 4
UNIT = np.random.default_rng(1).uniform(0, 1, 100_000).astype(np.float32)
EDGES = np.float32(
    [0, -0.0, np.inf, -np.inf, np.nan, 1e-45, -1e-45, 88.72, 88.73, -87.34, -103.9, -104.1, 9.0, 9.02, 3.92, 12, 3e38]
)
POINTS = np.concatenate([EVERY, NEAR, EDGES])


def normal_density(x):
    return np.exp(-x * x / 2) / np.sqrt(2 * np.pi)


# The largest error in units of the last place, whatever the instruction set.
FUNCTIONS = {
    "exp": (np.exp, 1.1),
    "tanh": (np.tanh, 2.5),
    "erf": (special.erf, 1.4),  # 1.05 with fused multiply-adds
    "sigmoid": (special.expit, 2.5),
    "sin": (np.sin, 1.6),
    "cos": (np.cos, 1.6),
    "log": (np.log, 1),
    "expm1": (np.expm1, 1.5),
    "log1p": (np.log1p, 1.5),
    "log2": (np.log2, 1.1),
    "log10": (np.log10, 1.1),
    "tan": (np.tan, 1.75),
    "asin": (np.arcsin, 1.2),
    "acos": (np.arccos, 0.8),
}


def units(value, exact):
    """How far value is from exact, in the last place of a float32 of that size."""
    size = np.maximum(np.abs(exact), 2.0**-126)
    with np.errstate(all="ignore"):
        error = np.abs(value - exact) / np.exp2(np.floor(np.log2(size)) - 23)
    same = (value == exact) | (np.isnan(value) & np.isnan(exact))
    overflow = np.isinf(value) & (np.abs(exact) > 3.4028234e38)
    return np.where(same | overflow, 0, error)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_accuracy(name):
    reference, bound = FUNCTIONS[name]
    with np.errstate(all="ignore"):
        exact = reference(POINTS.astype(np.float64))
    error = units(getattr(fl, name)(fl.tensor(POINTS)).numpy().astype(np.float64), exact)
    assert error.max() <= bound, POINTS[error.argmax()]


def test_inverses():
    """erfinv and ndtri up to the ends of where they are defined, and sinc, which is zero at integers."""
    inner = np.concatenate(
        [UNIT, 1 - UNIT * np.float32(1e-4), UNIT * np.float32(1e-6), [np.nextafter(np.float32(1), 0)]]
    )
    exact = inner.astype(np.float64)
    with np.errstate(divide="ignore"):
        from_one = special.erfcinv(1 - exact)
    error = units(
        fl.erfinv(fl.tensor(inner)).numpy().astype(np.float64), np.where(exact > 0.5, from_one, special.erfinv(exact))
    )
    assert error.max() <= 3.6, inner[error.argmax()]
    assert fl.equal(fl.erfinv(fl.tensor(-inner)), -fl.erfinv(fl.tensor(inner)))
    for p in (inner, np.float32(10) ** -np.arange(38, dtype=np.float32)):
        error = units(fl.special.ndtri(fl.tensor(p)).numpy().astype(np.float64), special.ndtri(p.astype(np.float64)))
        assert error.max() <= 4.1, p[error.argmax()]
    ends = fl.tensor([0.0, 1.0, -1.0, 2.0, np.nan] * 7)
    assert fl.erfinv(ends)[:3].tolist() == [0, np.inf, -np.inf] and fl.erfinv(ends)[3:5].isnan().all()
    assert fl.special.ndtri(ends)[:2].tolist() == [-np.inf, np.inf] and fl.special.ndtri(ends)[2:5].isnan().all()
    x = np.concatenate([NEAR, np.arange(-40, 40), np.float32([2**23 + 1, 1e30, np.inf, np.nan, 0, -0.0])]).astype(
        np.float32
    )
    with np.errstate(invalid="ignore"):
        np.testing.assert_allclose(fl.sinc(fl.tensor(x)).numpy(), np.sinc(x.astype(np.float64)), 3e-7, 4e-8)


def test_powers_have_whole_logarithms():
    exponents = np.arange(-37, 39)
    tens = np.float32([f"1e{k}" for k in exponents])
    np.testing.assert_array_equal(fl.log10(fl.tensor(tens)).numpy(), exponents)
    twos = np.arange(-149, 128)
    np.testing.assert_array_equal(fl.log2(fl.tensor(np.exp2(twos).astype(np.float32))).numpy(), twos)


def test_tails():
    """What is tiny in a tail stays relatively accurate there."""
    x = np.linspace(-12.9, 12.9, 100_001, dtype=np.float32)
    exact = x.astype(np.float64)
    functional = fl.nn.functional
    for function, expected in (
        (functional.gelu, exact * special.ndtr(exact)),
        (functional.silu, exact * special.expit(exact)),
        (fl.special.ndtr, special.ndtr(exact)),
        (functional.softplus, np.logaddexp(0, exact)),
        (functional.logsigmoid, -np.logaddexp(0, -exact)),
        (functional.mish, exact * np.tanh(np.logaddexp(0, exact))),
    ):
        assert units(function(fl.tensor(x)).numpy().astype(np.float64), expected).max() < 10


def test_derivatives():
    x = np.linspace(-30, 30, 100_001, dtype=np.float32)
    exact, functional = x.astype(np.float64), fl.nn.functional
    s = special.expit(exact)
    for function, expected in (
        (functional.gelu, special.ndtr(exact) + exact * normal_density(exact)),
        (functional.silu, s * (1 + exact * special.expit(-exact))),
        (fl.tanh, 1 - np.tanh(exact) ** 2),
    ):
        leaf = fl.tensor(x, requires_grad=True)
        function(leaf).sum().backward()
        np.testing.assert_allclose(leaf.grad.numpy(), expected, rtol=1e-6, atol=2e-7)


CUTS = """
import flambeau as fl

F = fl.nn.functional
x = fl.randn(5000) * 3
for f in (fl.exp, fl.tanh, fl.sin, fl.cos, fl.tan, fl.sinc, fl.erf, fl.sigmoid, fl.special.ndtr, F.silu, F.mish, F.gelu,
          F.elu, F.softplus, lambda x: fl.log(x.abs()), lambda x: fl.log2(x.abs()), lambda x: fl.log10(x.abs()),
          lambda x: fl.asin(x / 16).acos(), lambda x: fl.erfinv(x / 16), lambda x: fl.special.ndtri(x.sigmoid()),
          lambda x: fl.logit(x.sigmoid()), lambda x: F.gelu(x, approximate="tanh")):
    whole = f(x)
    for first, length in ((0, 1), (1, 15), (3, 16), (7, 63), (64, 64), (65, 130), (0, 4097), (11, 4989)):
        assert fl.equal(f(x[first : first + length].clone()), whole[first : first + length]), (f, length)
    assert fl.equal(f(x[::3]), whole[::3]), f
    mixed = x.clone()
    mixed[::50] = 1e6  # which other code may compute
    kept = fl.arange(5000) % 50 != 0
    assert fl.equal(f(mixed)[kept], whole[kept]), f
    assert fl.equal(f(x.view(50, 100).t()), whole.view(50, 100).t()), f
"""


@pytest.mark.parametrize("isa", ["baseline", "avx2", "avx512"])
def test_where_a_loop_is_cut_never_shows(isa):
    environment = {**os.environ, "FLAMBEAU_ISA": isa}
    if subprocess.run([sys.executable, "-c", "import flambeau; flambeau._C.cpu_isa()"], env=environment).returncode:
        return  # not in this build, or not for this machine
    done = subprocess.run([sys.executable, "-c", CUTS], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
