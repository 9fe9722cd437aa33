"""Histograms, and what looks at the bits of numbers."""

import numpy as np

from tests.frame import BOOL, FLOATS, INTS, Error, Row, Sample, T, tensor

FLOAT = ("float32", "float64")


def np_histogram(x, bins, range=None, weight=None, density=False):
    x = np.ravel(x)
    if not x.size and range is None and not np.ndim(bins):
        range = (0, 1)
    return np.histogram(x, bins, range, weights=None if weight is None else np.ravel(weight), density=density)


def np_histogramdd(x, bins, range=None, weight=None, density=False):
    x = np.reshape(x, (-1, np.shape(x)[-1]))
    limits = None if range is None else np.reshape(range, (-1, 2))
    weights = None if weight is None else np.ravel(weight)
    hist, edges = np.histogramdd(x, bins, limits, weights=weights, density=density)
    return hist, *edges


def check_frexp(result, x):
    mantissa, exponent = result
    values = x.detach().double().numpy()
    want, power = np.frexp(values)
    plain = np.isfinite(values)
    np.testing.assert_array_equal(mantissa.detach().double().numpy(), want)
    np.testing.assert_array_equal(exponent.numpy()[plain], power[plain])
    assert exponent.dtype.itemsize == 4 and mantissa.dtype is x.dtype


def np_hash(x, dim=None, keepdim=False):
    bits = x.view(np.uint64) if x.dtype == np.float64 else x.astype(np.int64).view(np.uint64)
    axis = None if dim is None else dim
    return np.bitwise_xor.reduce(bits, axis, keepdims=keepdim) if np.ndim(x) else bits


EDGES = T((4,), values=[-3.0, -1.0, 0.5, 2.0], grad=False)
EXTREMES = (0.0, -0.0, 1.0, -1.0, 0.1, 1e-310, 5e-324, -3e-320, 1e-40, 1e-45, 1e300, 3e38, np.inf, -np.inf, np.nan)
ROWS = [
    Row(
        "histogram",
        np_histogram,
        [
            Sample(tensor(40), 5),
            Sample(tensor(3, 4), 3, range=(-1.0, 2.0)),
            Sample(tensor(7), 4, weight=tensor(7, low=0)),
            Sample(tensor(30), 4, density=True),
            Sample(tensor(30), EDGES),
            Sample(tensor(30), EDGES, weight=tensor(30, low=0), density=True),
            Sample(tensor(), 2),
            Sample(tensor(0), 2),
            Sample(tensor(3, values=[2.0, 2.0, 2.0]), 2),
        ],
        dtypes=FLOAT,
        differentiable=(),
        out=True,
        errors=[
            Error(tensor(3), 0, raises=RuntimeError, match="bins must be > 0"),
            Error(tensor(3), 2, range=(1.0, 0.0), raises=RuntimeError, match="min should not exceed max"),
            Error(tensor(2, values=[0.0, np.inf]), 2, raises=RuntimeError, match="not finite"),
            Error(tensor(3), tensor(2, 2), raises=RuntimeError, match="one dimension"),
            Error(tensor(3), 2, weight=tensor(2), raises=RuntimeError, match="same shape"),
            Error(tensor(3), 2, dtype="int64", raises=NotImplementedError),
        ],
    ),
    Row(
        "histogramdd",
        np_histogramdd,
        [
            Sample(tensor(20, 2), 3),
            Sample(tensor(20, 2), [2, 4], range=[-1.0, 1.0, -2.0, 2.0]),
            Sample(tensor(5, 4, 3), [2, 3, 2], weight=tensor(5, 4, low=0)),
            Sample(tensor(20, 2), [EDGES, EDGES], density=True),
        ],
        dtypes=FLOAT,
        differentiable=(),
        method=False,
        errors=[
            Error(tensor(3), 2, raises=RuntimeError, match="2 dimensions"),
            Error(tensor(3, 2), [2], raises=RuntimeError, match="size of bins"),
            Error(tensor(3, 2), 2, range=[0.0, 1.0], raises=RuntimeError, match="range"),
        ],
    ),
    Row(
        "frexp",
        None,
        [Sample(tensor(5)), Sample(tensor()), Sample(tensor(2, 3)), Sample(tensor(0))]
        + [Sample(tensor(len(EXTREMES), values=EXTREMES, grad=False))],
        check=check_frexp,
        dtypes=FLOATS,
        errors=[Error(tensor(3), dtype="int64", raises=RuntimeError, match="floating")],
    ),
    Row(
        "hash_tensor",
        np_hash,
        [
            Sample(tensor(5)),
            Sample(tensor()),
            Sample(tensor(3, 4), 1),
            Sample(tensor(3, 4), 0, keepdim=True),
            Sample(tensor(2, 3, 5), (0, 2)),
            Sample(tensor(), 0),
            Sample(tensor(0, 3), 1),
        ],
        dtypes=(*FLOATS, *INTS, *BOOL),
        result="uint64",
        differentiable=(),
        out=True,
        errors=[
            Error(tensor(0), raises=RuntimeError, match="dim"),
            Error(tensor(3), 2, raises=IndexError),
            Error(tensor(0, 3), 0, raises=IndexError, match="non-zero"),
            Error(tensor(3), mode=1, raises=RuntimeError, match="mode"),
            Error(tensor(3), dtype="complex64", raises=NotImplementedError),
        ],
    ),
]
