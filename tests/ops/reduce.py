"""Reductions and scans."""

import numpy as np
from scipy import special

from tests.frame import ALL, COMPLEX, FLOATS, INTS, REAL, Error, Row, Sample, T, reduction, tensor

REDUCE = (*FLOATS, *COMPLEX)
DIM = [Error(tensor(3, 4), dim=2, raises=IndexError, match="Dimension out of range")]
TWICE = [*DIM, Error(tensor(3, 4), dim=(0, 0), raises=RuntimeError, match="multiple times")]
EMPTY = [
    *TWICE,
    Error(tensor(0, 3), dim=0, raises=IndexError, match="non-zero size"),
    Error(tensor(0), raises=RuntimeError),
]
# Halves are added in float32; sums of many of them leave the default tolerance of products and variances.
LOOSE = {"float16": (5e-3, 5e-3), "bfloat16": (4e-2, 4e-2), "float32": (2e-5, 1e-5), "complex64": (2e-5, 1e-5)}


def axes(x, dim):
    return tuple(range(np.ndim(x))) if dim is None or (isinstance(dim, tuple) and not dim) else dim


def first_index(x, dim, best):
    """Index of the first extreme along dim, of the flattened array without one."""
    return best(np.asarray(x)) if dim is None or np.ndim(x) == 0 else best(np.asarray(x), axis=dim)


def arg(best):
    def call(x, dim=None, keepdim=False):
        found = first_index(x, dim, best)
        if not keepdim or np.ndim(x) == 0:
            return found
        return np.reshape(found, (1,) * np.ndim(x)) if dim is None else np.expand_dims(found, dim)

    return call


def with_index(value, best):
    def call(x, dim=None, keepdim=False):
        if dim is None:
            return value(x)
        if np.ndim(x) == 0:
            return x, 0
        index = first_index(x, dim, best)
        values = value(x, axis=dim)
        return (np.expand_dims(values, dim), np.expand_dims(index, dim)) if keepdim else (values, index)

    return call


def moment(function):
    def call(x, dim=None, keepdim=False, correction=1):
        with np.errstate(all="ignore"):
            return function(x, axis=axes(x, dim), ddof=correction, keepdims=keepdim)

    return call


def both(function):
    def call(x, dim=None, keepdim=False, correction=1):
        return moment(function)(x, dim, keepdim, correction), np.mean(x, axis=axes(x, dim), keepdims=keepdim)

    return call


def vector_norm(x, ord=2, dim=None, keepdim=False):
    return np.linalg.norm(np.ravel(x), ord) if dim is None else np.linalg.norm(x, ord, axis=dim, keepdims=keepdim)


def running(function):
    return lambda x, dim: function(x, axis=dim) if np.ndim(x) else x


def running_logsumexp(x, axis):
    return np.log(np.cumsum(np.exp(x), axis)) if np.iscomplexobj(x) else np.logaddexp.accumulate(x, axis)


def running_index(better):
    """Running extreme and the latest place where it stands."""

    def call(x, dim):
        if np.ndim(x) == 0:
            return x, 0
        rows = np.moveaxis(x, dim, 0)
        values, index = rows.copy(), np.zeros(rows.shape, np.int64)
        for i in range(1, len(rows)):
            take = better(rows[i], values[i - 1])
            values[i] = np.where(take, rows[i], values[i - 1])
            index[i] = np.where(take, i, index[i - 1])
        return np.moveaxis(values, 0, dim), np.moveaxis(index, 0, dim)

    return call


def lower_median(x, dim=None, keepdim=False):
    if np.ndim(x) == 0:
        return x if dim is None else (x, 0)
    if dim is None:
        return np.sort(np.ravel(x))[(np.size(x) - 1) // 2]
    order = np.argsort(x, axis=dim, kind="stable")
    index = np.take(order, [(np.shape(x)[dim] - 1) // 2], axis=dim)
    values = np.take_along_axis(x, index, dim)
    return (values, index) if keepdim else (np.squeeze(values, dim), np.squeeze(index, dim))


def check_mode(result, x, dim=-1, keepdim=False):
    values, index = result
    assert values.shape == index.shape
    if x.dim():
        picked = x.gather(dim, index if keepdim else index.unsqueeze(dim))
        assert (picked == (values if keepdim else values.unsqueeze(dim))).all()


def scans(**fields):
    return [
        Sample(tensor(5, **fields), 0),
        Sample(tensor(3, 4, **fields), 1),
        Sample(tensor(2, 3, 2, **fields), -2),
        Sample(tensor(**fields), 0),
        Sample(tensor(0, 3, **fields), 0),
    ]


def sum_rule(dtype):
    return "int64" if dtype in (*INTS, "bool") else dtype


def truth_rule(dtype):
    return "uint8" if dtype == "uint8" else "bool"


LONG_SCAN = Sample(tensor(301, 503), 1)
CORRECTIONS = [{"dim": 1, "correction": 0}, {"correction": 2}]

ROWS = [
    reduction("sum", np.sum, dtypes=ALL, result="sum", differentiable=("float64", "complex128"), errors=TWICE, tol=LOOSE, out=True),
    reduction("mean", np.mean, dtypes=REDUCE, rejects=("int64", "bool"), differentiable=("float64", "complex128"), errors=TWICE,
              tol=LOOSE, empty=False, out=True),
    reduction("nansum", np.nansum, dtypes=REAL, result="sum", errors=TWICE, tol=LOOSE, rejects=COMPLEX, out=True),
    reduction("nanmean", np.nanmean, dtypes=FLOATS, errors=TWICE, tol=LOOSE, empty=False, rejects=("int64",), out=True),
    reduction("prod", np.prod, low=0.5, high=1.5, dims="one", dtypes=(*FLOATS, "int64", "int8", *COMPLEX), result="sum",
              differentiable=("float64", "complex128"), errors=DIM, tol=LOOSE, large=Sample(tensor(301, 20, low=0.8, high=1.2), dim=1)),
    reduction("amax", np.max, dtypes=REAL, distinct=True, empty=False, errors=EMPTY, rejects=COMPLEX, out=True),
    reduction("amin", np.min, dtypes=REAL, distinct=True, empty=False, errors=EMPTY, rejects=COMPLEX, out=True),
    Row("aminmax", lambda x, dim=None, keepdim=False: (np.min(x, axis=axes(x, dim), keepdims=keepdim),
                                                       np.max(x, axis=axes(x, dim), keepdims=keepdim)),
        [Sample(tensor(3, 4, distinct=True)), Sample(tensor(3, 4, distinct=True), dim=1, keepdim=True), Sample(tensor())],
        result=("first", "first"), large=Sample(tensor(701, 503)), rejects=COMPLEX),
    Row("max", with_index(np.max, np.argmax),
        [Sample(tensor(3, 4, distinct=True)), Sample(tensor()), Sample(tensor(), 0), Sample(tensor(3, 4, distinct=True), 0),
         Sample(tensor(2, 3, 4, distinct=True), -2, True), Sample(tensor(2, 0, 3), 2)],
        result=("first", "int64"), large=Sample(tensor(701, 503), 1), errors=EMPTY[len(TWICE):], rejects=COMPLEX),
    Row("min", with_index(np.min, np.argmin),
        [Sample(tensor(3, 4, distinct=True)), Sample(tensor()), Sample(tensor(), 0), Sample(tensor(3, 4, distinct=True), 0),
         Sample(tensor(2, 3, 4, distinct=True), -2, True), Sample(tensor(2, 0, 3), 2)],
        result=("first", "int64"), large=Sample(tensor(701, 503), 1), errors=EMPTY[len(TWICE):], rejects=COMPLEX),
    Row("argmax", arg(np.argmax),
        [Sample(tensor(3, 4)), Sample(tensor()), Sample(tensor(3, 4), 1), Sample(tensor(2, 3, 4), 0, True), Sample(tensor(40, 3), 0)],
        result="int64", differentiable=(), large=Sample(tensor(701, 503), 0), errors=DIM, rejects=(*COMPLEX, "bool"), out=True),
    Row("argmin", arg(np.argmin),
        [Sample(tensor(3, 4)), Sample(tensor()), Sample(tensor(3, 4), 1), Sample(tensor(2, 3, 4), 0, True), Sample(tensor(40, 3), 0)],
        result="int64", differentiable=(), large=Sample(tensor(701, 503)), errors=DIM, rejects=(*COMPLEX, "bool"), out=True),
    reduction("any", np.any, dtypes=ALL, result=truth_rule, differentiable=(), errors=TWICE),
    reduction("all", np.all, dtypes=ALL, result=truth_rule, differentiable=(), errors=TWICE),
    Row("count_nonzero", lambda x, dim=None: np.count_nonzero(x, axis=axes(x, dim)),
        [Sample(tensor(3, 4)), Sample(tensor()), Sample(tensor(3, 4), 1), Sample(tensor(2, 3, 4), (0, 2)), Sample(tensor(0, 3), 0)],
        dtypes=ALL, result="int64", differentiable=(), large=Sample(tensor(701, 503), 1), errors=DIM),
    Row("var", moment(np.var), [Sample(tensor(3, 4)), Sample(tensor(3, 4), dim=1), Sample(tensor(2, 5, 3), dim=(0, 2), keepdim=True)]
        + [Sample(tensor(4, 5), **kw) for kw in CORRECTIONS],
        dtypes=FLOATS, rejects=("int64",), tol=LOOSE, large=Sample(tensor(301, 503), dim=0), errors=TWICE, out=True),
    Row("std", moment(np.std), [Sample(tensor(3, 4)), Sample(tensor(3, 4), dim=1), Sample(tensor(2, 5, 3), dim=(0, 2), keepdim=True)]
        + [Sample(tensor(4, 5), **kw) for kw in CORRECTIONS],
        dtypes=FLOATS, rejects=("int64",), tol=LOOSE, large=Sample(tensor(301, 503), dim=0), errors=TWICE, out=True),
    Row("var_mean", both(np.var), [Sample(tensor(3, 4)), Sample(tensor(3, 4), dim=1, keepdim=True), Sample(tensor(4, 5), correction=0)],
        dtypes=FLOATS, result=("first", "first"), tol=LOOSE, method=False, large=Sample(tensor(301, 503), dim=1)),
    Row("std_mean", both(np.std), [Sample(tensor(3, 4)), Sample(tensor(3, 4), dim=1, keepdim=True), Sample(tensor(4, 5), correction=0)],
        dtypes=FLOATS, result=("first", "first"), tol=LOOSE, method=False, large=Sample(tensor(301, 503), dim=1)),
    Row("median", lower_median, [Sample(tensor(3, 4, distinct=True)), Sample(tensor()), Sample(tensor(3, 5, distinct=True), 1),
                                 Sample(tensor(4, 2, 3, distinct=True), 0, True)],
        result=("first", "int64"), errors=DIM, large=Sample(tensor(101, 53, distinct=True), 1)),
    Row("nanmedian", lower_median, [Sample(tensor(3, 4, distinct=True)), Sample(tensor(3, 5, distinct=True), 1)],
        result=("first", "int64"), errors=DIM),
    Row("mode", None, [Sample(tensor(3, 5, low=0, high=3)), Sample(tensor(4, 2), 0, True), Sample(tensor())],
        dtypes=REAL, check=check_mode, errors=DIM),
    Row("logsumexp", lambda x, dim, keepdim=False: special.logsumexp(x, axis=dim, keepdims=keepdim) if np.ndim(x) else x,
        [Sample(tensor(3, 4), 1), Sample(tensor(3, 4), 0, True), Sample(tensor(2, 3, 4), (0, 2)), Sample(tensor(), 0), Sample(tensor(3, 0, grad=False), 1),
         *(Sample(T((2, 3), values=[[np.inf, 1, -np.inf], [v, np.inf, v]], grad=False), d) for v in (1.0, -np.inf) for d in (0, 1)),
         Sample(T((), values=np.inf, grad=False), 0), Sample(T((2,), values=[-np.inf, -np.inf], grad=False), 0)],
        dtypes=(*FLOATS, *COMPLEX), differentiable=("float64", "complex128"), result="float", tol=LOOSE, large=Sample(tensor(301, 503), 1), errors=DIM, out=True),
    Row("norm", lambda x, p=2, dim=None, keepdim=False: vector_norm(x, p, dim, keepdim),
        [Sample(tensor(3, 4)), Sample(tensor()), Sample(tensor(3, 4), 1), Sample(tensor(3, 4), 3, 1), Sample(tensor(3, 4), np.inf, 0, True)],
        dtypes=FLOATS, tol=LOOSE, large=Sample(tensor(701, 503)), covers=("vector_norm",)),
    Row("linalg.vector_norm", vector_norm,
        [Sample(tensor(3, 4)), Sample(tensor(3, 4), 1, 0), Sample(tensor(3, 4), -np.inf, 1), Sample(tensor(3, 4), 0.5, 1, True)],
        dtypes=FLOATS, tol=LOOSE, method=False, gradgrad=True, covers=("vector_norm",),
        errors=[Error(tensor(3), dtype="int64", raises=RuntimeError, match="floating point")]),
    Row("linalg.matrix_norm", lambda x, ord="fro": np.linalg.norm(x, ord, axis=(-2, -1)),
        [Sample(tensor(3, 4)), Sample(tensor(3, 4, distinct=True), 1), Sample(tensor(2, 3, 4, distinct=True), np.inf), Sample(tensor(3, 4, distinct=True), -1)],
        dtypes=("float32", "float64"), method=False, errors=[Error(tensor(3), raises=RuntimeError), Error(tensor(3, 3), 3, raises=RuntimeError)]),
    Row("linalg.norm", lambda x, ord=None: np.linalg.norm(x if ord is not None else np.ravel(x), ord),
        [Sample(tensor(3, 4)), Sample(tensor(5), 3), Sample(tensor(3, 4, distinct=True), 1)], dtypes=("float32", "float64"), method=False),
    Row("cumsum", running(np.cumsum), scans(), dtypes=ALL, result=sum_rule, differentiable=("float64", "complex128"), tol=LOOSE,
        large=LONG_SCAN, errors=[Error(tensor(3), 1, raises=IndexError)], out=True),
    Row("cumprod", running(np.cumprod), scans(low=0.5, high=1.5), dtypes=(*FLOATS, "int64", *COMPLEX), result=sum_rule,
        differentiable=("float64", "complex128"), tol=LOOSE, errors=[Error(tensor(3), 1, raises=IndexError)], covers=("linear_scan",), out=True),
    Row("cummax", running_index(np.greater_equal), scans(distinct=True), dtypes=REAL, result=("first", "int64"), large=LONG_SCAN, rejects=COMPLEX),
    Row("cummin", running_index(np.less_equal), scans(distinct=True), dtypes=REAL, result=("first", "int64"), large=LONG_SCAN, rejects=COMPLEX),
    Row("logcumsumexp", running(running_logsumexp), scans(), dtypes=(*FLOATS, *COMPLEX), differentiable=("float64", "complex128"), rejects=("int64",), tol=LOOSE, large=LONG_SCAN, out=True),
]  # fmt: skip
