"""Rows of the random ops. The references are the streams: NumPy has the same MT19937 and the same seeding."""

import numpy as np

from tests.frame import FLOATS, INTS, Error, Row, Sample, dtype_name, fl, kind, tensor, to_numpy


def words(n):
    """The generator's first n 32-bit words after manual_seed(0)."""
    return np.random.RandomState(0).randint(0, 2**32, size=n, dtype=np.uint32).astype(np.uint64)


def uniforms(n):
    """The first n doubles in [0, 1): 53 bits of a 64-bit word each."""
    w = words(2 * n)
    return ((w[::2] << np.uint64(32) | w[1::2]) & np.uint64(2**53 - 1)) * 2.0**-53


def floats(n):
    """The first n floats in [0, 1): 24 bits of a word each."""
    return (words(n) & np.uint64(2**24 - 1)) * 2.0**-24


def pairs(n):
    """The first n normals of a tensor with less than 16 elements: Box and Muller on pairs of doubles."""
    u = uniforms(n + n % 2).reshape(-1, 2)
    radius, angle = np.sqrt(-2 * np.log1p(-u[:, 1])), 2 * np.pi * u[:, 0]
    return np.stack([radius * np.cos(angle), radius * np.sin(angle)], 1).reshape(-1)[:n]


def normals(n, double):
    """The first n normals of a contiguous float32 or float64 tensor: blocks of 16, a shorter last block anew."""
    if n < 16:
        return pairs(n)
    u = uniforms(n + 16) if double else floats(n + 16)

    def block(b):
        radius, angle = np.sqrt(-2 * np.log(1 - b[..., :8])), 2 * np.pi * b[..., 8:]
        return np.concatenate([radius * np.cos(angle), radius * np.sin(angle)], -1)

    out = u[:n].copy()
    out[: n - n % 16] = block(out[: n - n % 16].reshape(-1, 16)).reshape(-1)
    if n % 16:
        out[n - 16 :] = block(u[n : n + 16])
    return out


def shape_of(size):
    return tuple(size[0]) if len(size) == 1 and not isinstance(size[0], int) else tuple(size)


def expect(values, tolerance=0.0):
    """A check that compares a result with values(result, *args, **kwargs), flat."""

    def check(result, *args, **kwargs):
        wanted = np.asarray(values(result, *args, **kwargs), dtype=np.float64)
        found = to_numpy(result).reshape(-1).astype(np.float64)
        np.testing.assert_allclose(found, wanted.reshape(-1), tolerance, tolerance)

    return check


def check_rand(result, *size, dtype=None, out=None, **_):
    assert tuple(result.shape) == shape_of(size)
    double = dtype_name(result) == "float64"
    wanted = (uniforms if double else floats)(result.numel()).reshape(result.shape)
    if dtype_name(result) in ("float16", "bfloat16"):
        np.testing.assert_allclose(to_numpy(result), wanted, 0, 4e-3)
    elif not result.is_complex():
        np.testing.assert_array_equal(to_numpy(result), wanted.astype(to_numpy(result).dtype))


def check_randn(result, *size, dtype=None, out=None, **_):
    assert tuple(result.shape) == shape_of(size)
    if dtype_name(result) in ("float32", "float64"):
        wanted = normals(result.numel(), dtype_name(result) == "float64").reshape(result.shape)
        np.testing.assert_allclose(to_numpy(result), wanted, 2e-5, 2e-6)


def check_like(numbers, tolerance=0.0):
    def check(result, x, *_, **kwargs):
        assert result.shape == x.shape and result.dtype == kwargs.get("dtype", x.dtype)
        assert not result.requires_grad
        if x.is_contiguous() and kind(dtype_name(result)) == 2 and "16" not in dtype_name(result):
            wanted = numbers(result.numel(), dtype_name(result) == "float64").reshape(result.shape)
            np.testing.assert_allclose(to_numpy(result), wanted, tolerance, tolerance)

    return check


def uniform_numbers(n, double):
    return uniforms(n) if double else floats(n).astype(np.float32)


def check_randint(result, *args, dtype=None, out=None, **_):
    *bounds, size = args
    low, high = (0, bounds[0]) if len(bounds) == 1 else bounds
    assert tuple(result.shape) == tuple(size)
    assert dtype_name(result) == (dtype_name(dtype) if dtype else "int64")
    span, n = high - low, result.numel()
    w = words(2 * n)
    draws = w[:n] if span < 2**28 else w[::2] << np.uint64(32) | w[1::2]
    wanted = (draws % np.uint64(span)).astype(np.int64) + low
    np.testing.assert_array_equal(to_numpy(result).reshape(-1), wanted)


def check_randint_like(result, x, *bounds, **kwargs):
    assert result.dtype == kwargs.get("dtype", x.dtype)
    if x.is_contiguous():
        low, high = (0, bounds[0]) if len(bounds) == 1 else bounds
        wanted = (words(result.numel()) % np.uint64(high - low)).astype(np.int64) + low
        np.testing.assert_array_equal(to_numpy(result).reshape(-1), wanted)


def permutation(n):
    w, p = words(max(n, 1)), np.arange(n)
    for i in range(n - 1):
        j = i + int(w[i]) % (n - i)
        p[i], p[j] = p[j], p[i]
    return p


def check_randperm(result, n, dtype=None, out=None, **_):
    assert dtype_name(result) == (dtype_name(dtype) if dtype else "int64")
    np.testing.assert_array_equal(to_numpy(result), permutation(n))


def check_bernoulli(result, x, p=None, **_):
    assert result.dtype == x.dtype and result.shape == x.shape
    if not x.is_contiguous():
        assert set(to_numpy(result).reshape(-1).tolist()) <= {0.0, 1.0}
    elif p is not None:
        np.testing.assert_array_equal(to_numpy(result).reshape(-1), uniforms(x.numel()) < p)
    else:
        u = uniforms(x.numel()) if dtype_name(x) == "float64" else floats(x.numel())
        np.testing.assert_array_equal(to_numpy(result).reshape(-1), u < to_numpy(x).reshape(-1))


def check_normal(result, mean, std, size=None, **_):
    shape = tuple(size) if size is not None else np.broadcast_shapes(np.shape(mean), np.shape(std))
    assert tuple(result.shape) == shape
    mean, std = (to_numpy(v).astype(np.float64) if isinstance(v, fl.Tensor) else v for v in (mean, std))
    if dtype_name(result) in ("float32", "float64"):
        z = normals(result.numel(), dtype_name(result) == "float64").reshape(shape)
        np.testing.assert_allclose(to_numpy(result), z * std + mean, 1e-5, 1e-5)


def check_multinomial(result, p, num_samples, replacement=False, **_):
    assert dtype_name(result) == "int64" and tuple(result.shape) == (*p.shape[:-1], num_samples)
    if not p.is_contiguous():
        return
    chosen, p = to_numpy(result).reshape(-1, num_samples), to_numpy(p).astype(np.float64)
    p = p.reshape(-1, p.shape[-1])
    if replacement and num_samples > 1:
        cumulative = np.cumsum(p, -1) / p.sum(-1, keepdims=True)
        u = uniforms(chosen.size).reshape(chosen.shape)
        wanted = np.stack([np.searchsorted(c, row) for c, row in zip(cumulative, u, strict=True)])
    else:
        race = p / -np.log1p(-uniforms(p.size)).reshape(p.shape)
        wanted = np.argsort(-race, -1, kind="stable")[:, :num_samples]
    np.testing.assert_array_equal(chosen, wanted)


def check_poisson(result, rates, *_, **__):
    assert result.dtype == rates.dtype and result.shape == rates.shape
    counts, rates = to_numpy(result), to_numpy(rates)
    assert (counts == np.floor(counts)).all() and (counts >= 0).all()
    if rates.size > 100:
        assert abs(counts.mean() - rates.mean()) < 0.5


def check_binomial(result, count, prob, **_):
    assert result.dtype == count.dtype
    values, count = to_numpy(result), to_numpy(count)
    assert (values >= 0).all() and (values <= count).all() and (values == np.floor(values)).all()
    if values.size > 100:
        assert abs(values.mean() - (count * to_numpy(prob)).mean()) < 0.5


def check_dropout(result, x, p=0.5, training=True, inplace=False):
    values, source = to_numpy(result), to_numpy(x)
    if not training or p == 0.0:
        np.testing.assert_array_equal(values, source)
        return
    scale = 1.0 / (1.0 - p) if p < 1.0 else 0.0
    keep = (uniforms(source.size) < 1.0 - p).reshape(source.shape) if x.is_contiguous() else values != 0
    tolerance = 1e-2 if "16" in dtype_name(result) else 1e-6
    np.testing.assert_allclose(values, np.where(keep, source * scale, 0.0), tolerance, tolerance)


def check_channels(dims):
    """Whole channels are dropped: one draw each."""

    def check(result, x, p=0.5, training=True, inplace=False):
        values, source = to_numpy(result), to_numpy(x)
        if training and p not in (0.0, 1.0):
            lead = source.shape[: source.ndim - dims]
            keep = (uniforms(int(np.prod(lead))) < 1.0 - p).reshape(lead + (1,) * dims)
            source = np.where(keep, source / (1.0 - p), 0.0)
        elif training and p == 1.0:
            source = source * 0.0
        np.testing.assert_allclose(values, source, 1e-6, 1e-6)

    return check


def alpha_values(x, keep, p):
    alpha = 1.7580993408473766
    a = 1.0 / np.sqrt((alpha**2 * p + 1) * (1 - p))
    return np.where(keep, x, -alpha) * a + alpha * a * p


def check_alpha(per_channel):
    def check(result, x, p=0.5, training=True, inplace=False):
        values, source = to_numpy(result), to_numpy(x)
        if not training or p == 0.0:
            np.testing.assert_array_equal(values, source)
        elif p == 1.0:
            assert (values == 0).all()
        elif x.is_contiguous():
            lead = source.shape[:2] + (1,) * (source.ndim - 2) if per_channel else source.shape
            keep = (uniforms(int(np.prod(lead))) < 1.0 - p).reshape(lead)
            np.testing.assert_allclose(values, alpha_values(source, keep, p), 1e-5, 1e-5)

    return check


def check_rrelu(result, x, lower=1 / 8, upper=1 / 3, training=False, inplace=False):
    values, source = to_numpy(result), to_numpy(x)
    if not training:
        wanted = np.where(source >= 0, source, source * (lower + upper) / 2)
        np.testing.assert_allclose(values, wanted, 2e-2 if "16" in dtype_name(result) else 1e-6)
        return
    slopes = values / np.where(source == 0, 1, source)
    assert ((source > 0) <= (slopes == 1)).all()
    below = slopes[source < 0]
    assert (below >= lower - 2e-2).all() and (below <= upper + 2e-2).all()


def check_gumbel(result, logits, tau=1, hard=False, eps=1e-10, dim=-1):
    values = to_numpy(result).astype(np.float64)
    np.testing.assert_allclose(values.sum(dim), 1.0, 2e-2)
    if hard:
        assert set(np.unique(values.round(3))) <= {0.0, 1.0}


SIZES = [(5,), (3, 4), (2, 3, 7), (0,), (2, 0), ()]


def sized(*before, dtypes=("float32",), **fields):
    """Samples with a size given as one tuple, per dtype."""
    return [Sample(*before, size, dtype=f"fl.{d}", **fields) for d in dtypes for size in SIZES]


ROWS = [
    Row(
        "rand",
        None,
        [Sample(3, 4), Sample(40), Sample((2, 3)), Sample(()), *sized(dtypes=FLOATS)],
        dtypes=("float32",),
        check=check_rand,
        method=False,
        differentiable=(),
        random=True,
        large=Sample(100_003),
        errors=[Error(-1, raises=RuntimeError, match="negative")],
    ),
    Row(
        "randn",
        None,
        [Sample(3, 4), Sample(15), Sample(16), Sample(17), Sample(40), Sample(()), *sized(dtypes=FLOATS)],
        dtypes=("float32",),
        check=check_randn,
        method=False,
        differentiable=(),
        random=True,
        large=Sample(100_003),
        errors=[Error(-1, raises=RuntimeError, match="negative")],
    ),
    Row(
        "rand_like",
        None,
        [Sample(tensor(3, 4)), Sample(tensor()), Sample(tensor(0, 2))],
        dtypes=FLOATS,
        check=check_like(uniform_numbers),
        method=False,
        differentiable=(),
        random=True,
        rejects=INTS,
    ),
    Row(
        "randn_like",
        None,
        [Sample(tensor(3, 4)), Sample(tensor(5, 7)), Sample(tensor()), Sample(tensor(0, 2))],
        dtypes=FLOATS,
        check=check_like(normals, 2e-5),
        method=False,
        differentiable=(),
        random=True,
        rejects=INTS,
    ),
    Row(
        "randint",
        None,
        [
            Sample(10, (3, 4)),
            Sample(-5, 5, (20,)),
            Sample(2**28 - 1, (9,)),
            Sample(2**28, (9,)),
            Sample(1, (3,)),
            Sample(-(2**40), 2**40, (9,)),
            Sample(2, ()),
            Sample(2, (0, 3)),
            *(Sample(0, 100, (7,), dtype=f"fl.{d}") for d in (*INTS, *FLOATS)),
        ],
        dtypes=("int64",),
        check=check_randint,
        method=False,
        differentiable=(),
        random=True,
        large=Sample(1000, (100_003,)),
        errors=[
            Error(3, 3, (2,), raises=RuntimeError, match="from.*to|low.*high"),
        ],
    ),
    Row(
        "randint_like",
        None,
        [Sample(tensor(3, 4), 10), Sample(tensor(5), -3, 3), Sample(tensor(), 4), Sample(tensor(0), 4)],
        dtypes=("float32", "float64", "int8", "int32", "int64"),
        check=check_randint_like,
        method=False,
        differentiable=(),
        random=True,
    ),
    Row(
        "randperm",
        None,
        [Sample(n) for n in (0, 1, 2, 10, 1000)] + [Sample(9, dtype=f"fl.{d}") for d in ("int32", "int16", "float32")],
        dtypes=("int64",),
        check=check_randperm,
        method=False,
        differentiable=(),
        random=True,
        out=True,
        errors=[Error(-1, raises=RuntimeError, match="negative|positive")],
    ),
    Row(
        "bernoulli",
        None,
        [
            Sample(tensor(5, 7, low=0, high=1)),
            Sample(tensor(low=0, high=1)),
            Sample(tensor(0, 2, low=0, high=1)),
            Sample(tensor(3, 4), 0.3),
            Sample(tensor(100), 0.0),
            Sample(tensor(100), 1.0),
        ],
        dtypes=FLOATS,
        check=check_bernoulli,
        differentiable=(),
        random=True,
        errors=[
            Error(tensor(3, low=2, high=3), raises=RuntimeError, match="p"),
            Error(tensor(3), 1.5, raises=RuntimeError),
        ],
    ),
    Row(
        "normal",
        None,
        [
            Sample(tensor(3, 4), tensor(3, 4, low=0)),
            Sample(tensor(5, 1), tensor(4, low=0)),
            Sample(tensor(3, 9), 2.0),
            Sample(1.5, tensor(20, low=0)),
            Sample(tensor(), tensor(low=0)),
            Sample(tensor(0), 1.0),
        ],
        dtypes=FLOATS,
        check=check_normal,
        method=False,
        differentiable=(),
        random=True,
        errors=[
            Error(tensor(3), -1.0, raises=RuntimeError, match="std"),
            Error(tensor(3), tensor(3, low=-3, high=-1), raises=RuntimeError, match="std"),
        ],
    ),
    Row(
        "multinomial",
        None,
        [
            Sample(tensor(7, low=0.1, high=1), 3),
            Sample(tensor(4, 6, low=0.1, high=1), 1),
            Sample(tensor(4, 6, low=0.1, high=1), 6),
            Sample(tensor(4, 6, low=0.1, high=1), 9, True),
            Sample(tensor(4, 6, low=0.1, high=1), 1, True),
        ],
        dtypes=("float32", "float64"),
        check=check_multinomial,
        differentiable=(),
        random=True,
        errors=[
            Error(tensor(3, low=0.1, high=1), 4, raises=RuntimeError),
            Error(tensor(3, low=0.1, high=1), 0, raises=RuntimeError),
            Error(tensor(2, 2, 2, low=0.1, high=1), 1, raises=RuntimeError),
            Error(tensor(3, low=-2, high=-1), 1, raises=RuntimeError),
            Error(tensor(3, values=[0.0, 0.0, 0.0]), 1, raises=RuntimeError),
        ],
    ),
    Row(
        "poisson",
        None,
        [
            Sample(tensor(20, 30, low=0, high=9)),
            Sample(tensor(30, 20, low=10, high=60)),
            Sample(tensor(low=0, high=9)),
            Sample(tensor(0, low=0)),
        ],
        dtypes=FLOATS,
        check=check_poisson,
        differentiable=(),
        random=True,
        method=False,
    ),
    Row(
        "binomial",
        None,
        [
            Sample(tensor(20, 20, low=20, high=20), tensor(20, 20, low=0, high=1)),
            Sample(tensor(200, low=200, high=200), tensor(200, low=0.1, high=0.9)),
            Sample(tensor(low=7, high=7), tensor(low=0, high=1)),
        ],
        dtypes=("float32", "float64"),
        check=check_binomial,
        differentiable=(),
        random=True,
        method=False,
    ),
    Row(
        "nn.functional.dropout",
        None,
        [
            Sample(tensor(5, 7, grad=False), 0.3),
            Sample(tensor(40)),
            Sample(tensor(), 0.5),
            Sample(tensor(0, 2), 0.5),
            Sample(tensor(5), 0.0),
            Sample(tensor(5), 1.0),
            Sample(tensor(5), 0.5, False),
        ],
        dtypes=FLOATS,
        check=check_dropout,
        random=True,
        method=False,
        covers=("mask_scale",),
        large=Sample(tensor(300_001), 0.5),
        errors=[Error(tensor(3), 1.5, raises=ValueError, match="probability")],
    ),
    *(
        Row(
            f"nn.functional.{name}",
            None,
            [Sample(tensor(*shape), p) for p in (0.5, 0.0, 1.0)] + [Sample(tensor(*shape), 0.5, False)],
            dtypes=("float32", "float64"),
            check=check_channels(dims),
            random=True,
            method=False,
            errors=[Error(tensor(*shape), -0.1, raises=ValueError, match="probability")],
        )
        for name, shape, dims in (
            ("dropout1d", (3, 4, 5), 1),
            ("dropout2d", (3, 4, 2, 3), 2),
            ("dropout3d", (3, 4, 2, 1, 3), 3),
        )
    ),
    Row(
        "nn.functional.alpha_dropout",
        None,
        [Sample(tensor(35), p, True) for p in (0.3, 0.0, 1.0)] + [Sample(tensor(5), 0.5, False)],
        dtypes=("float32", "float64"),
        check=check_alpha(False),
        random=True,
        method=False,
        errors=[Error(tensor(3), 1.5, True, raises=ValueError, match="probability")],
    ),
    Row(
        "nn.functional.feature_alpha_dropout",
        None,
        [Sample(tensor(5, 7, 2), p, True) for p in (0.3, 0.0, 1.0)] + [Sample(tensor(5, 2), 0.5, False)],
        dtypes=("float32", "float64"),
        check=check_alpha(True),
        random=True,
        method=False,
        errors=[Error(tensor(3, 3), 1.5, True, raises=ValueError, match="probability")],
    ),
    Row(
        "rrelu",
        None,
        [Sample(tensor(5, 7), 0.1, 0.3), Sample(tensor(5, 7), 0.1, 0.3, True), Sample(tensor()), Sample(tensor(0))],
        dtypes=("float32", "float64"),
        check=check_rrelu,
        random=True,
        method=False,
    ),
    Row(
        "nn.functional.gumbel_softmax",
        None,
        [Sample(tensor(7)), Sample(tensor(5, 7, grad=False), 0.5, True), Sample(tensor(3, 4, 2, grad=False), dim=1)],
        dtypes=("float32", "float64"),
        check=check_gumbel,
        random=True,
        method=False,
        gradgrad=False,
    ),
]
