"""Rows of the functions that choose by index tensors and masks. Advanced indexing itself: tests/test_indexing.py."""

import numpy as np

from tests.frame import ALL, FLOATS, REAL, Error, Row, Sample, T, index, tensor

MASK = {"dtype": "bool"}


def indices(*values):
    return T((len(values),), dtype="int64", values=list(values))


def index_add(x, dim, at, source, alpha=1):
    out = np.array(x)
    np.add.at(np.moveaxis(out, dim, 0), at, alpha * np.moveaxis(source, dim, 0))
    return out


def index_copy(x, dim, at, source):
    out = np.array(x)
    np.moveaxis(out, dim, 0)[at] = np.moveaxis(source, dim, 0)
    return out


def index_fill(x, dim, at, value):
    out = np.array(x)
    np.moveaxis(out, dim, 0)[at] = value
    return out


def scatter_with(function, start=None, finish=None):
    """A scatter that reduces with a NumPy ufunc."""

    def reference(x, dim, at, source, *_, include_self=True, **__):
        out = np.array(x)
        source = np.broadcast_to(source, at.shape) if np.ndim(source) == 0 else source
        source = source[tuple(slice(n) for n in at.shape)]
        places = list(np.indices(at.shape))
        places[dim] = at
        if not include_self:
            out[tuple(places)] = start
        function.at(out, tuple(places), source) if function else out.__setitem__(tuple(places), source)
        return finish(x, out, places, include_self) if finish else out

    return reference


def divide(x, total, places, include_self):
    counts = np.ones(x.shape)
    if not include_self:
        counts[tuple(places)] = 0
    np.add.at(counts, tuple(places), 1)
    counts[counts == 0] = 1
    return total / counts


def scatter_reduce(x, dim, at, source, reduce, include_self=True):
    table = {
        "sum": (np.add, 0, None),
        "prod": (np.multiply, 1, None),
        "mean": (np.add, 0, divide),
        "amax": (np.maximum, -np.inf, None),
        "amin": (np.minimum, np.inf, None),
    }
    return scatter_with(*table[reduce])(x, dim, at, source, include_self=include_self)


def index_reduce(x, dim, at, source, reduce, include_self=True):
    shape = [1] * x.ndim
    shape[dim] = -1
    return scatter_reduce(x, dim, np.broadcast_to(at.reshape(shape), source.shape), source, reduce, include_self)


def masked_scatter(x, mask, source):
    out = np.array(np.broadcast_to(x, np.broadcast_shapes(x.shape, mask.shape)))
    mask = np.broadcast_to(mask, out.shape)
    out[mask] = source.reshape(-1)[: mask.sum()]
    return out


def put(x, at, source, accumulate=False):
    out = np.array(x).reshape(-1)
    if accumulate:
        np.add.at(out, at.reshape(-1), source.reshape(-1))
    else:
        out[at.reshape(-1)] = source.reshape(-1)
    return out.reshape(x.shape)


def index_put(x, at, values, accumulate=False):
    out = np.array(x)
    if accumulate:
        np.add.at(out, tuple(at), values)
    else:
        out[tuple(at)] = values
    return out


def take_along(x, at, dim=None):
    if dim is None:
        return np.take(x, at)
    return np.take_along_axis(x, at, dim)


def embedding(at, weight, padding_idx=None, max_norm=None, norm_type=2.0, scale_grad_by_freq=False, sparse=False):
    return weight[at]


def check_renorm(result, weight, at, max_norm, norm_type=2.0):
    lengths = (np.abs(result.detach().numpy().astype(np.float64)) ** norm_type).sum(-1) ** (1 / norm_type)
    assert (lengths[at.numpy()] <= max_norm * 1.001).all()


OUT_OF_RANGE = {"raises": (IndexError, RuntimeError), "match": "out of (bounds|range)|out of range"}
DISTINCT = T((2, 4), dtype="int64", values=[[0, 2, 1, 3], [3, 1, 0, 2]])
PLACES = index(2, 4, high=3)

ROWS = [
    Row(
        "index_select",
        lambda x, dim, at: np.take(x, at, dim),
        [
            Sample(tensor(3, 4), 0, index(5, high=3)),
            Sample(tensor(3, 4, 2), 1, index(3, high=4)),
            Sample(tensor(3, 4), -1, index(0, high=4)),
            Sample(tensor(5), 0, index(2, high=5)),
        ],
        dtypes=ALL,
        large=Sample(tensor(500, 300), 0, index(700, high=500)),
        errors=[
            Error(tensor(3), 0, indices(3), **OUT_OF_RANGE),
            Error(tensor(3), 0, indices(-1), **OUT_OF_RANGE),
            Error(tensor(3), 1, indices(0), raises=IndexError, match="Dimension out of range"),
            Error(tensor(3), 0, tensor(2, dtype="float32"), raises=RuntimeError, match="Expected dtype"),
        ],
    ),
    Row(
        "index_add",
        index_add,
        [
            Sample(tensor(3, 4), 0, index(5, high=3), tensor(5, 4)),
            Sample(tensor(3, 4, 2), 1, index(3, high=4), tensor(3, 3, 2), alpha=2),
            Sample(tensor(4), 0, index(0, high=4), tensor(0)),
        ],
        dtypes=REAL,
        inplace=True,
        tol={"float16": (1e-2, 1e-2), "bfloat16": (6e-2, 1e-1)},
        large=Sample(tensor(50, 300), 0, index(900, high=50), tensor(900, 300)),
        errors=[
            Error(tensor(3), 0, indices(3), tensor(1), **OUT_OF_RANGE),
            Error(tensor(3, 2), 0, indices(0), tensor(1, 3), raises=RuntimeError, match="shape"),
            Error(tensor(3), 0, indices(0), tensor(1, dtype="float64"), raises=RuntimeError, match="scalar type"),
        ],
    ),
    Row(
        "index_copy",
        index_copy,
        [
            Sample(tensor(3, 4), 0, indices(2, 0), tensor(2, 4)),
            Sample(tensor(3, 4, 2), 1, indices(3), tensor(3, 1, 2)),
        ],
        dtypes=ALL,
        inplace=True,
        errors=[Error(tensor(3), 0, indices(3), tensor(1), **OUT_OF_RANGE)],
    ),
    Row(
        "index_fill",
        index_fill,
        [
            Sample(tensor(3, 4), 0, indices(2, 0), 2),
            Sample(tensor(3, 4, 2), 1, indices(-1), 1),
            Sample(tensor(3), 0, indices(), 1),
        ],
        dtypes=ALL,
        inplace=True,
        errors=[Error(tensor(3), 0, indices(3), 1, **OUT_OF_RANGE)],
    ),
    Row(
        "index_reduce",
        index_reduce,
        [
            Sample(
                tensor(3, 4, distinct=True),
                0,
                index(5, high=3),
                tensor(5, 4, distinct=True, low=-2, high=4),
                how,
                include_self=keep,
            )
            for how in ("prod", "mean", "amax", "amin")
            for keep in (True, False)
        ],
        dtypes=("float32", "float64"),
        gradgrad=False,
        errors=[Error(tensor(3), 0, indices(0), tensor(1), "sum", raises=RuntimeError, match="reduce")],
    ),
    Row(
        "gather",
        lambda x, dim, at: np.take_along_axis(
            x[tuple(slice(None) if d == dim else slice(n) for d, n in enumerate(at.shape))], at, dim
        ),
        [
            Sample(tensor(3, 5), 1, index(3, 2, high=5)),
            Sample(tensor(3, 5), 0, index(7, 4, high=3)),
            Sample(tensor(2, 3, 4), 2, index(2, 1, 6, high=4)),
            Sample(tensor(0, 5), 1, index(0, 2, high=5)),
            Sample(tensor(4), 0, index(6, high=4)),
        ],
        dtypes=ALL,
        large=Sample(tensor(700, 501), 1, index(700, 400, high=501)),
        errors=[
            Error(tensor(3, 5), 2, index(3, 2, high=5), raises=IndexError, match="Dimension out of range"),
            Error(tensor(3), 0, indices(3), **OUT_OF_RANGE),
            Error(tensor(3), 0, indices(-1), **OUT_OF_RANGE),
            Error(tensor(3, 5), 0, indices(0), raises=RuntimeError, match="dimensions"),
            Error(tensor(3, 5), 0, index(2, 6, high=3), raises=RuntimeError, match="Size does not match"),
            Error(tensor(3), 0, tensor(2, dtype="float32"), raises=RuntimeError, match="Expected dtype"),
        ],
    ),
    Row(
        "scatter",
        scatter_with(None),
        [
            Sample(tensor(3, 4), 1, DISTINCT, tensor(2, 4)),
            Sample(tensor(3, 4), 1, DISTINCT, tensor(3, 5)),
            Sample(tensor(4, 4), 0, T((1, 4), dtype="int64", values=[[0, 3, 3, 1]]), tensor(2, 4)),
            Sample(tensor(3, 4), 0, PLACES, 2),
            Sample(tensor(4), 0, indices(), tensor(0)),
        ],
        dtypes=ALL,
        inplace=True,
        errors=[
            Error(tensor(3), 0, indices(3), tensor(1), **OUT_OF_RANGE),
            Error(tensor(3), 0, indices(0), tensor(1, dtype="float64"), raises=RuntimeError, match="dtype"),
            Error(tensor(3), 0, indices(0, 1), tensor(1), raises=RuntimeError, match="no larger"),
        ],
    ),
    Row(
        "scatter_add",
        scatter_with(np.add),
        [
            Sample(tensor(3, 4), 0, PLACES, tensor(2, 4)),
            Sample(tensor(3, 4), 1, index(2, 6, high=4), tensor(3, 7)),
            Sample(tensor(5), 0, index(9, high=5), tensor(9)),
        ],
        dtypes=REAL,
        inplace=True,
        tol={"float16": (1e-2, 1e-2), "bfloat16": (6e-2, 1e-1)},
        large=Sample(tensor(300, 700), 1, index(300, 700, high=700), tensor(300, 700)),
        errors=[Error(tensor(3), 0, indices(3), tensor(1), **OUT_OF_RANGE)],
    ),
    Row(
        "scatter_reduce",
        scatter_reduce,
        covers=("scatter_extreme", "scatter_product"),
        samples=[
            Sample(
                tensor(3, 4, distinct=True),
                0,
                PLACES,
                tensor(2, 4, distinct=True, low=-2, high=4),
                how,
                include_self=keep,
            )
            for how in ("sum", "prod", "mean", "amax", "amin")
            for keep in (True, False)
        ],
        dtypes=("float32", "float64"),
        gradgrad=False,
        errors=[
            Error(tensor(3), 0, indices(3), tensor(1), "sum", **OUT_OF_RANGE),
            Error(tensor(3), 0, indices(0), tensor(1), "max", raises=RuntimeError, match="reduce"),
        ],
    ),
    Row(
        "index_put",
        index_put,
        [
            Sample(tensor(3, 4), (indices(0, 2), indices(1, 3)), tensor(2)),
            Sample(tensor(3, 4), (indices(0, 2),), tensor(4)),
            Sample(tensor(3, 4), (indices(0, 0),), tensor(2, 4), accumulate=True),
            Sample(tensor(3, 4), (T((3, 4), **MASK),), tensor()),
        ],
        dtypes=REAL,
        inplace=True,
        errors=[
            Error(tensor(3), (indices(3),), tensor(1), raises=IndexError, match="out of bounds"),
            Error(tensor(3), (indices(0),), tensor(1, dtype="float64"), raises=RuntimeError, match="dtypes match"),
            Error(tensor(3), (indices(0, 1),), tensor(3), raises=RuntimeError, match="shape mismatch"),
        ],
    ),
    Row(
        "index_put_",
        None,
        [
            Sample(
                tensor(3, 4, grad=False), (T((3, 4), dtype="bool", values=np.zeros((3, 4), bool)),), tensor(grad=False)
            )
        ],
        check=lambda result, *args: None,
        dtypes=REAL,
        differentiable=(),
    ),
    Row(
        "take",
        np.take,
        [
            Sample(tensor(3, 4), index(5, high=12)),
            Sample(tensor(3, 4), index(2, 2, high=12, low=-12)),
            Sample(tensor(4), index(0, high=4)),
        ],
        dtypes=ALL,
        errors=[Error(tensor(3), indices(3), raises=IndexError, match="out of range")],
    ),
    Row(
        "take_along_dim",
        take_along,
        [
            Sample(tensor(3, 4), index(3, 2, high=4), 1),
            Sample(tensor(3, 4), index(1, 4, high=3), 0),
            Sample(tensor(3, 4), index(5, high=12)),
        ],
        dtypes=ALL,
        errors=[Error(tensor(3, 4), indices(0), 1, raises=RuntimeError, match="dimensions")],
    ),
    Row(
        "put",
        put,
        [
            Sample(tensor(3, 4), indices(0, -1, 5), tensor(3)),
            Sample(tensor(3, 4), indices(0, 0, 5), tensor(3), accumulate=True),
        ],
        dtypes=REAL,
        inplace=True,
        errors=[
            Error(tensor(3), indices(3), tensor(1), raises=IndexError, match="out of range"),
            Error(tensor(3), indices(0), tensor(2), raises=IndexError, match="same number"),
        ],
    ),
    Row(
        "masked_fill",
        lambda x, mask, value: np.where(mask, value, x),
        [
            Sample(tensor(3, 4), T((3, 4), **MASK), 2),
            Sample(tensor(3, 4), T((4,), **MASK), tensor()),
            Sample(tensor(4), T((3, 4), **MASK), 1),
            Sample(tensor(), T((), **MASK), 1),
        ],
        dtypes=ALL,
        inplace=True,
        large=Sample(tensor(601, 501), T((601, 501), **MASK), 0),
        errors=[
            Error(tensor(3), tensor(3, dtype="float32"), 0, raises=RuntimeError, match="boolean"),
            Error(tensor(3), T((2,), **MASK), 0, raises=RuntimeError),
        ],
    ),
    Row(
        "masked_select",
        lambda x, mask: np.broadcast_arrays(x, mask)[0][np.broadcast_arrays(x, mask)[1]],
        [
            Sample(tensor(3, 4), T((3, 4), **MASK)),
            Sample(tensor(3, 4), T((4,), **MASK)),
            Sample(tensor(4), T((3, 1), **MASK)),
            Sample(tensor(0), T((0,), **MASK)),
        ],
        dtypes=ALL,
        large=Sample(tensor(601, 501), T((601, 501), **MASK)),
        errors=[Error(tensor(3), tensor(3, dtype="float32"), raises=RuntimeError, match="Bool")],
    ),
    Row(
        "masked_scatter",
        masked_scatter,
        [Sample(tensor(3, 4), T((3, 4), **MASK), tensor(12)), Sample(tensor(3, 4), T((4,), **MASK), tensor(3, 5))],
        dtypes=ALL,
        inplace=True,
        errors=[
            Error(
                tensor(3),
                T((3,), dtype="bool", values=[True, True, True]),
                tensor(2),
                raises=RuntimeError,
                match="Number of elements",
            ),
            Error(tensor(3), T((3,), **MASK), tensor(3, dtype="float64"), raises=RuntimeError, match="dtypes"),
        ],
    ),
    Row(
        "nonzero",
        lambda x: np.argwhere(x) if np.ndim(x) else np.empty((int(bool(x)), 0)),
        [Sample(tensor(3, 4)), Sample(tensor(2, 3, 2)), Sample(tensor()), Sample(tensor(0, 2))],
        dtypes=ALL,
        result="int64",
        differentiable=(),
        large=Sample(tensor(601, 501)),
    ),
    Row(
        "argwhere",
        np.argwhere,
        [Sample(tensor(3, 4)), Sample(tensor(0, 2))],
        dtypes=ALL,
        result="int64",
        differentiable=(),
    ),
    Row(
        "nn.functional.embedding",
        embedding,
        [
            Sample(index(2, 3, high=5), tensor(5, 4)),
            Sample(index(7, high=5), tensor(5, 4, grad=False), padding_idx=1),
            Sample(index(0, high=5), tensor(5, 4)),
            Sample(index(high=5), tensor(5, 4)),
        ],
        dtypes=FLOATS,
        result="promote",
        method=False,
        large=Sample(index(3000, high=50), tensor(50, 200)),
        covers=("embedding_backward",),
        errors=[
            Error(indices(5), tensor(5, 4), raises=IndexError, match="out of range"),
            Error(indices(-1), tensor(5, 4), raises=IndexError, match="out of range"),
            Error(indices(0), tensor(5), raises=RuntimeError, match="2-D"),
            Error(tensor(2, dtype="float32"), tensor(5, 4), raises=RuntimeError, match="Long"),
        ],
    ),
    Row(
        "embedding_renorm_",
        None,
        [Sample(T((2, 2), values=[[0.1, 0.1], [0.2, 0.0]], grad=False), indices(1), 1.0, 2.0)],
        check=check_renorm,
        dtypes=("float32", "float64"),
        method=False,
        differentiable=(),
    ),
]
