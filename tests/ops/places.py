"""Places as coordinates, pieces, derivatives on grids, and norms with their statistics."""

import numpy as np

from tests.frame import ALL, FLOATS, INTS, Error, Row, Sample, T, index, tensor
from tests.ops import norm, shape

SECOND = ("float32", "float64")


def np_sum_to(x, *size):
    size = tuple(size[0]) if len(size) == 1 and not isinstance(size[0], int) else size
    extra = np.ndim(x) - len(size)
    stretched = [i + extra for i, n in enumerate(size) if n == 1]
    return np.reshape(np.sum(x, (*range(extra), *stretched), keepdims=True), size)


def np_nonzero(x, size, fill_value=-1):
    found = np.argwhere(x)[:size]
    return np.concatenate([found, np.full((size - len(found), np.ndim(x)), fill_value)])


def np_unravel(places, size):
    size = (size,) if isinstance(size, int) else size
    return [p.astype(np.int64) for p in np.unravel_index(places % int(np.prod(size)), size)]


def np_fill_diagonal(x, value, wrap=False):
    x = np.array(x)
    np.fill_diagonal(x, value, wrap)
    return x


def np_gradient(x, spacing=None, dim=None, edge_order=1):
    axes = tuple(range(np.ndim(x))) if dim is None else dim if isinstance(dim, tuple) else (dim,)
    steps = spacing if isinstance(spacing, list | tuple) else [1 if spacing is None else spacing] * len(axes)
    found = np.gradient(np.asarray(x), *steps, axis=axes, edge_order=edge_order)
    return list(found) if isinstance(found, list | tuple) else [found]


def pieces(name, **fields):
    """unsafe_NAME: what NAME gives."""
    row = next(r for r in shape.ROWS if r.name == name.removesuffix("_with_sizes"))
    lists = name == "split_with_sizes"
    samples = [s for s in row.list_samples() if name == "chunk" or isinstance(s.args[1], list) == lists]
    return Row(f"unsafe_{name}", row.ref, samples, dtypes=ALL, errors=row.errors if name != "split" else [], **fields)


def statistics(rows, eps):
    return rows.mean(-1), 1 / np.sqrt(rows.var(-1) + eps)


def native_layer_norm(x, size, weight, bias, eps):
    rows = np.reshape(x, (*np.shape(x)[: np.ndim(x) - len(size)], -1))
    kept = rows.shape[:-1] + (1,) * len(size)
    return norm.layer_norm(x, size, weight, bias, eps), *(np.reshape(s, kept) for s in statistics(rows, eps))


def native_group_norm(x, weight, bias, n, c, inner, groups, eps):
    rows = np.reshape(x, (n, groups, -1))
    return norm.group_norm(x, groups, weight, bias, eps), *statistics(rows, eps)


def native_batch_norm(x, weight, bias, mean, var, training, momentum, eps):
    out = norm.batch_norm(x, mean, var, weight, bias, training, momentum, eps)
    if not training:
        return out, np.zeros(0), np.zeros(0)
    return out, *statistics(np.reshape(np.swapaxes(x, 0, 1), (np.shape(x)[1], -1)), eps)


FUNCTIONS = {"sum": np.sum, "mean": np.mean, "prod": np.prod, "max": np.max, "min": np.min}
EMPTY = {"sum": 0.0, "mean": np.nan, "prod": 1.0, "max": -np.inf, "min": np.inf}


def np_segments(x, reduce, lengths=None, offsets=None, axis=0, unsafe=False, initial=None):
    """The pieces of each row along an axis, reduced."""
    if axis:
        parts = {"lengths": lengths} if offsets is None else {"offsets": offsets}
        rows = [
            np_segments(row, reduce, **{k: v[i] for k, v in parts.items()}, initial=initial) for i, row in enumerate(x)
        ]
        return np.stack(rows)
    ends = np.cumsum([0, *lengths]) if offsets is None else offsets
    found = []
    for a, b in zip(ends[:-1], ends[1:], strict=True):
        piece = x[a:b]
        if a == b:
            found.append(np.full(x.shape[1:], EMPTY[reduce] if initial is None else initial))
        elif initial is None:
            found.append(FUNCTIONS[reduce](piece, 0))
        else:
            first = np.full((1, *x.shape[1:]), initial)
            value = FUNCTIONS["sum" if reduce == "mean" else reduce](np.concatenate([first, piece]), 0)
            found.append(value / (b - a) if reduce == "mean" else value)
    return np.stack(found)


LENGTHS = {"lengths": T((3,), dtype="int64", values=[2, 1, 2])}
OFFSETS = {"offsets": T((4,), dtype="int64", values=[0, 2, 4, 5])}
SPARSE = {"lengths": T((4,), dtype="int64", values=[2, 0, 3, 0]), "initial": 2.0}


def np_grouped(a, b, offs=None):
    """Products of groups of rows, of columns, or of what is summed."""
    if offs is None:
        return a @ b
    cuts = list(zip([0, *offs[:-1]], offs, strict=True))
    if a.ndim == b.ndim == 2:
        return np.stack([a[:, i:j] @ b[i:j] for i, j in cuts])
    if a.ndim == 2:
        return np.concatenate([a[i:j] @ b[g] for g, (i, j) in enumerate(cuts)])
    return np.concatenate([a[g] @ b[:, i:j] for g, (i, j) in enumerate(cuts)], 1)


GROUPS = {"offs": T((3,), dtype="int32", values=[2, 2, 8])}
COORDINATES = T((4,), values=[0.0, 1.0, 3.0, 4.0], grad=False)
MOVING = [tensor(3, low=-0.1, high=0.1, grad=False), tensor(3, low=0.5, high=1.5, grad=False)]
ROWS = [
    Row(
        "Tensor.sum_to_size",
        np_sum_to,
        [
            Sample(tensor(2, 3), 1, 3),
            Sample(tensor(2, 3), 3),
            Sample(tensor(2, 3), (2, 1)),
            Sample(tensor(4, 2, 3), 2, 1),
            Sample(tensor(2, 3), (2, 3)),
            Sample(tensor(2, 3), ()),
            Sample(tensor(), ()),
            Sample(tensor(0, 3), 1, 3),
        ],
        dtypes=FLOATS,
        method=False,
        tol=norm.LOOSE,
        errors=[Error(tensor(2, 3), 2, raises=RuntimeError, match="not expandable")],
    ),
    pieces("split"),
    pieces("split_with_sizes"),
    pieces("chunk"),
    Row(
        "nonzero_static",
        np_nonzero,
        [
            Sample(tensor(5), size=3),
            Sample(tensor(2, 3, values=[[0, 1, 0], [2, 0, 0]]), size=4),
            Sample(tensor(2, 3, values=[[0, 1, 0], [2, 0, 0]]), size=3, fill_value=7),
            Sample(tensor(2, 2), size=0),
            Sample(tensor(0), size=2),
            Sample(tensor(), size=2),
        ],
        dtypes=ALL,
        result="int64",
        differentiable=(),
        errors=[Error(tensor(2), size=-1, raises=RuntimeError, match="non-negative")],
    ),
    Row(
        "unravel_index",
        np_unravel,
        [
            Sample(index(5, high=6), (2, 3)),
            Sample(index(2, 2, high=24), (2, 3, 4)),
            Sample(index(high=4), 4),
            Sample(index(3, low=-6, high=0), (2, 3)),
            Sample(index(0, high=4), (2, 2)),
        ],
        dtypes=("int64",),
        differentiable=(),
        method=False,
        errors=[
            Error(tensor(2), (2, 3), raises=TypeError, match="integer dtype"),
            Error(index(2, high=2), (2.0, 3), raises=TypeError, match="only contain ints"),
            Error(index(2, high=2), (2, -3), raises=ValueError, match="negative"),
        ],
    ),
    Row(
        "Tensor.fill_diagonal_",
        np_fill_diagonal,
        [
            Sample(tensor(3, 4), 5),
            Sample(tensor(5, 2), 5),
            Sample(tensor(8, 2), 5, wrap=True),
            Sample(tensor(3, 3, 3), 2),
            Sample(tensor(2, 2), 0, wrap=True),
        ],
        dtypes=(*FLOATS, *INTS),
        method=False,
        errors=[
            Error(tensor(3), 1, raises=RuntimeError, match="larger than 1"),
            Error(tensor(2, 3, 2), 1, raises=RuntimeError, match="equal length"),
        ],
    ),
    Row(
        "gradient",
        np_gradient,
        [
            Sample(tensor(5)),
            Sample(tensor(3, 4)),
            Sample(tensor(3, 4), spacing=2.0, dim=1),
            Sample(tensor(3, 4), spacing=[2.0, 0.5], edge_order=2),
            Sample(tensor(4), spacing=(COORDINATES,)),
            Sample(tensor(4, 3), spacing=(COORDINATES,), dim=0, edge_order=2),
            Sample(tensor(2), spacing=3.0),
            Sample(tensor(0, 2), dim=1),
        ],
        dtypes=SECOND,
        method=False,
        errors=[
            Error(tensor(1), raises=RuntimeError, match="edge_order"),
            Error(tensor(3), edge_order=3, raises=RuntimeError, match="edge_order=1"),
            Error(tensor(3), spacing=(1.0, 2.0), raises=RuntimeError, match="spacing"),
            Error(tensor(3), dim=1, raises=IndexError, match="out of range"),
            Error(tensor(3), dim=(0, 0), raises=RuntimeError, match="multiple times"),
            Error(tensor(3), dtype="uint8", raises=RuntimeError, match="uint8"),
            Error(tensor(3), spacing=tensor(3), raises=TypeError, match="Tensor"),
        ],
    ),
    Row(
        "segment_reduce",
        np_segments,
        [Sample(tensor(5, distinct=True), reduce, **LENGTHS) for reduce in FUNCTIONS]
        + [Sample(tensor(5, 3, distinct=True), reduce, **OFFSETS) for reduce in FUNCTIONS]
        + [Sample(tensor(5, distinct=True), reduce, **SPARSE) for reduce in FUNCTIONS]
        + [
            Sample(tensor(5, grad=False), reduce, lengths=T((3,), dtype="int64", values=[0, 5, 0]))
            for reduce in FUNCTIONS
        ]
        + [Sample(tensor(2, 3), "sum", lengths=T((2, 2), dtype="int64", values=[[1, 2], [3, 0]]), axis=1)],
        dtypes=SECOND,
        method=False,
        errors=[
            Error(tensor(3), "sum", raises=RuntimeError, match="Either lengths or offsets"),
            Error(tensor(5), "median", **LENGTHS, raises=RuntimeError, match="must be either"),
            Error(tensor(4), "sum", **LENGTHS, raises=RuntimeError, match="sum to"),
            Error(tensor(2, 5), "sum", **LENGTHS, axis=1, raises=RuntimeError, match="last dimension"),
            Error(
                tensor(2), "sum", lengths=T((2,), dtype="int64", values=[-1, 3]), raises=RuntimeError, match="negative"
            ),
        ],
    ),
    Row(
        "nn.functional.grouped_mm",
        np_grouped,
        [
            Sample(tensor(8, 8), tensor(3, 8, 16), **GROUPS),
            Sample(tensor(3, 4, 8), tensor(8, 8), **GROUPS),
            Sample(tensor(4, 8), tensor(8, 8), **GROUPS),
            Sample(tensor(3, 4, 8), tensor(3, 8, 8)),
        ],
        dtypes=("float32", "float16", "bfloat16"),
        differentiable=(),
        method=False,
        tol=norm.LOOSE,
        errors=[
            Error(tensor(8, 4), tensor(3, 4, 5), raises=RuntimeError, match="offsets"),
            Error(tensor(8, 4), tensor(3, 5, 5), **GROUPS, raises=RuntimeError, match="contraction"),
            Error(tensor(8, 4), tensor(2, 4, 5), **GROUPS, raises=RuntimeError, match="batch sizes"),
            Error(tensor(4), tensor(2, 4, 5), **GROUPS, raises=RuntimeError, match="2 or 3d"),
            Error(tensor(8, 4), tensor(3, 4, 5), **GROUPS, dtype="float64", raises=RuntimeError, match="float32"),
            Error(tensor(8, 4), tensor(3, 4, 5), **GROUPS, bias=tensor(5), raises=RuntimeError, match="Bias"),
        ],
    ),
    Row(
        "native_layer_norm",
        native_layer_norm,
        [
            Sample(tensor(3, 4), (4,), None, None, 1e-5),
            Sample(tensor(2, 3, 4), (3, 4), tensor(3, 4), tensor(3, 4), 1e-5),
        ],
        dtypes=SECOND,
        method=False,
        tol=norm.LOOSE,
        errors=[Error(tensor(3, 4), (3,), None, None, 1e-5, raises=RuntimeError)],
    ),
    Row(
        "native_group_norm",
        native_group_norm,
        [
            Sample(tensor(2, 4, 3), None, None, 2, 4, 3, 2, 1e-5),
            Sample(tensor(2, 4, 3), tensor(4), tensor(4), 2, 4, 3, 1, 1e-5),
        ],
        dtypes=SECOND,
        method=False,
        tol=norm.LOOSE,
        errors=[Error(tensor(2, 4, 3), None, None, 2, 4, 3, 3, 1e-5, raises=RuntimeError)],
    ),
    Row(
        "native_batch_norm",
        native_batch_norm,
        [
            Sample(tensor(4, 3), None, None, None, None, True, 0.1, 1e-5),
            Sample(tensor(4, 3, 2), tensor(3), tensor(3), None, None, True, 0.1, 1e-5),
            Sample(tensor(4, 3), tensor(3), tensor(3), *MOVING, False, 0.1, 1e-5),
        ],
        dtypes=SECOND,
        method=False,
        tol=norm.LOOSE,
        errors=[Error(tensor(4, 3), None, None, None, None, False, 0.1, 1e-5, raises=RuntimeError)],
    ),
]
