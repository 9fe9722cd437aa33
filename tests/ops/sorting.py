"""Rows of sorting, selecting, searching and counting."""

import numpy as np

from tests.frame import INTS, REAL, Error, Row, Sample, T, dtype_name, tensor, to_numpy

NAN, INF = float("nan"), float("inf")
ORDER = (3.0, NAN, 1.0, -0.0, 0.0, INF, -INF, 1.0, NAN)


def check_sort(result, x, dim=-1, descending=False, stable=False):
    """Values as NumPy sorts them; the places lead to them, and equal elements keep their order."""
    values, places, source = to_numpy(result[0]), to_numpy(result[1]), to_numpy(x)
    assert dtype_name(result[1]) == "int64" and result[0].dtype == x.dtype and values.shape == source.shape
    if source.ndim == 0:
        assert values == source and places == 0
        return
    keys = -source.astype(np.float64) if descending else source.astype(np.float64)
    order = np.argsort(keys, dim, kind="stable")
    if descending:  # NaN comes first there
        nan_first = np.where(np.isnan(keys), -np.inf, keys)
        order = np.lexsort((nan_first, ~np.isnan(keys)), dim) if source.ndim == 1 else order
    np.testing.assert_array_equal(values, np.take_along_axis(source, order, dim))
    np.testing.assert_array_equal(np.take_along_axis(source, places, dim), values)
    if source.ndim == 1 and stable and not descending:
        np.testing.assert_array_equal(places, order)


def check_topk(result, x, k, dim=-1, largest=True, sorted=True):
    values, places, source = to_numpy(result[0]), to_numpy(result[1]), to_numpy(x)
    if source.ndim == 0:
        assert values == source
        return
    ordered = np.sort(source, dim)
    chosen = np.flip(ordered, dim) if largest else ordered
    np.testing.assert_array_equal(values, np.take(chosen, range(k), dim))
    np.testing.assert_array_equal(np.take_along_axis(source, places, dim), values)


def check_kth(result, x, k, dim=-1, keepdim=False):
    values, places, source = to_numpy(result[0]), to_numpy(result[1]), to_numpy(x)
    if source.ndim == 0:
        assert values == source and places == 0
        return
    if not keepdim:
        values, places = np.expand_dims(values, dim), np.expand_dims(places, dim)
    np.testing.assert_array_equal(values, np.take(np.sort(source, dim), [k - 1], dim))
    np.testing.assert_array_equal(np.take_along_axis(source, places, dim), values)


def check_unique(result, x, sorted=True, return_inverse=False, return_counts=False, dim=None):
    results = result if isinstance(result, tuple) else (result,)
    wanted = np.unique(to_numpy(x), return_inverse=True, return_counts=True, axis=dim)
    wanted = (wanted[0], wanted[1].reshape(x.shape if dim is None else -1), wanted[2])
    kept = (wanted[0], *([wanted[1]] if return_inverse else []), *([wanted[2]] if return_counts else []))
    assert len(results) == len(kept)
    for found, want in zip(results, kept, strict=True):
        np.testing.assert_array_equal(to_numpy(found), want)


def check_consecutive(result, x, return_inverse=False, return_counts=False, dim=None):
    values, inverse, counts = (to_numpy(t) for t in result)
    source = to_numpy(x).reshape(-1) if dim is None else to_numpy(x)
    np.testing.assert_array_equal(np.take(values, inverse.reshape(-1), dim or 0), source)
    assert counts.sum() == source.shape[dim or 0]
    assert (np.diff(values, axis=dim or 0) != 0).any(
        axis=None if values.ndim == 1 else 1 - (dim or 0)
    ).all() or values.size < 2


def search(sorted_sequence, input, right=False, side=None, out_int32=False, sorter=None):
    how = "right" if right or side == "right" else "left"
    if sorter is not None:
        return np.searchsorted(sorted_sequence, input, how, sorter)
    if np.ndim(sorted_sequence) == 1:
        return np.searchsorted(sorted_sequence, input, how)
    return np.stack([np.searchsorted(s, v, how) for s, v in zip(sorted_sequence, input, strict=True)])


LINE = T((5,), values=[1, 3, 3, 5, 7], grad=False)

ROWS = [
    Row(
        "sort",
        None,
        [
            Sample(tensor(7, distinct=True)),
            Sample(tensor(3, 5, distinct=True), 0),
            Sample(tensor(3, 5, distinct=True), 1, True),
            Sample(tensor()),
            Sample(tensor(0)),
            Sample(tensor(2, 0, 3), 2),
            Sample(T((9,), values=ORDER, dtype="float32", grad=False)),
            Sample(T((9,), values=ORDER, dtype="float64", grad=False), -1, True),
            Sample(tensor(400, grad=False), stable=True),
            Sample(tensor(2, 30, 3, grad=False), 1),
        ],
        dtypes=REAL,
        check=check_sort,
        out=False,
        large=Sample(tensor(200_003)),
        errors=[
            Error(tensor(3), 1, raises=IndexError, match="out of range"),
            Error(tensor(3), raises=RuntimeError, match="complex", dtype="complex64"),
        ],
    ),
    Row(
        "argsort",
        lambda x, dim=-1: np.argsort(x, dim, kind="stable"),
        [Sample(tensor(7, distinct=True)), Sample(tensor(3, 5, distinct=True), 0), Sample(tensor(0))],
        dtypes=REAL,
        result="int64",
        differentiable=(),
    ),
    Row(
        "msort",
        lambda x: np.sort(x, 0),
        [Sample(tensor(7, distinct=True)), Sample(tensor(3, 5, distinct=True)), Sample(tensor(0, 2))],
        dtypes=REAL,
        out=True,
    ),
    Row(
        "topk",
        None,
        [
            Sample(tensor(7, distinct=True), 3),
            Sample(tensor(4, 5, distinct=True), 2, 0),
            Sample(tensor(4, 5, distinct=True), 5, 1, False),
            Sample(tensor(), 1),
            Sample(tensor(3), 0),
            Sample(tensor(3000, grad=False), 5),
            Sample(tensor(3000, grad=False), 2000),
        ],
        dtypes=REAL,
        check=check_topk,
        errors=[
            Error(tensor(3), 4, raises=RuntimeError, match="out of range"),
            Error(tensor(3), -1, raises=RuntimeError),
        ],
    ),
    Row(
        "kthvalue",
        None,
        [
            Sample(tensor(7, distinct=True), 3),
            Sample(tensor(4, 5, distinct=True), 2, 0),
            Sample(tensor(4, 5, distinct=True), 5, 1, True),
            Sample(tensor(), 1),
            Sample(tensor(0, 3), 2, 1),
        ],
        dtypes=REAL,
        check=check_kth,
        errors=[
            Error(tensor(3), 4, raises=RuntimeError, match="out of range"),
            Error(tensor(3), 0, raises=RuntimeError),
            Error(tensor(0), 1, raises=IndexError, match="non-zero size"),
        ],
    ),
    Row(
        "searchsorted",
        search,
        [
            Sample(LINE, tensor(3, 4, low=0, high=8, grad=False)),
            Sample(LINE, tensor(6, low=0, high=8, grad=False), right=True),
            Sample(LINE, tensor(low=0, high=8, grad=False), side="right"),
            Sample(LINE, tensor(0, grad=False)),
            Sample(T((2, 3), values=[[1, 2, 3], [2, 4, 6]], grad=False), tensor(2, 4, low=0, high=7, grad=False)),
            Sample(
                T((3,), values=[5, 1, 3], grad=False),
                tensor(4, low=0, high=6, grad=False),
                sorter=T((3,), dtype="int64", values=[1, 2, 0]),
            ),
        ],
        dtypes=REAL,
        result="int64",
        differentiable=(),
        method=False,
        errors=[
            Error(tensor(2, 3), tensor(3, 3), raises=RuntimeError, match="boundaries tensor"),
            Error(tensor(3), tensor(3), side="up", raises=RuntimeError, match="side"),
            Error(
                tensor(3),
                tensor(3),
                sorter=T((3,), dtype="int64", values=[0, 1, 3]),
                raises=RuntimeError,
                match="out of range",
            ),
        ],
    ),
    Row(
        "bucketize",
        lambda x, b, right=False: np.searchsorted(b, x, "right" if right else "left"),
        [
            Sample(tensor(3, 4, low=0, high=8, grad=False), LINE),
            Sample(tensor(5, low=0, high=8, grad=False), LINE, right=True),
            Sample(tensor(low=0, high=8, grad=False), LINE),
        ],
        dtypes=REAL,
        result="int64",
        differentiable=(),
        method=False,
        errors=[Error(tensor(3), tensor(2, 2), raises=RuntimeError, match="1 dimension")],
    ),
    Row(
        "isin",
        np.isin,
        [Sample(tensor(3, 4), tensor(5)), Sample(tensor(), tensor(2)), Sample(tensor(4), tensor(3), invert=True)],
        dtypes=REAL,
        result="bool",
        differentiable=(),
        method=False,
    ),
    Row(
        "unique",
        None,
        [
            Sample(tensor(20)),
            Sample(tensor(4, 5), return_inverse=True, return_counts=True),
            Sample(tensor(0)),
            Sample(tensor()),
            Sample(tensor(6, 2, low=0, high=1), dim=0, return_inverse=True, return_counts=True),
            Sample(tensor(2, 7, low=0, high=1), dim=1),
        ],
        dtypes=INTS + ("float32", "float64"),
        check=check_unique,
        differentiable=(),
        errors=[Error(tensor(3), dim=4, raises=IndexError, match="out of range")],
    ),
    Row(
        "unique_consecutive",
        None,
        [
            Sample(tensor(20, low=0, high=1), True, True),
            Sample(tensor(6, 2, low=0, high=1), True, True, dim=0),
            Sample(tensor(0), True, True),
        ],
        dtypes=INTS,
        check=check_consecutive,
        differentiable=(),
    ),
    Row(
        "bincount",
        lambda x, weights=None, minlength=0: np.bincount(x, weights, minlength),
        [
            Sample(tensor(20, low=0, high=6)),
            Sample(tensor(5, low=0, high=6), minlength=9),
            Sample(tensor(0), minlength=2),
        ],
        dtypes=INTS,
        result="int64",
        differentiable=(),
        errors=[
            Error(T((2,), dtype="int64", values=[-1, 2]), raises=RuntimeError, match="non-negative"),
            Error(tensor(2, 2), dtype="int64", raises=RuntimeError, match="1-d"),
        ],
    ),
    Row(
        "histc",
        lambda x, bins=100, min=0, max=0: np.histogram(x, bins, None if min == max else (min, max))[0],
        [Sample(tensor(50), 7), Sample(tensor(50), 4, -1, 2), Sample(tensor(3, 4), 5, min=-2, max=2)],
        dtypes=("float32", "float64"),
        differentiable=(),
        errors=[
            Error(tensor(3), 0, raises=RuntimeError, match="bins"),
            Error(tensor(3), 3, 2, 1, raises=RuntimeError, match="max"),
        ],
    ),
]
