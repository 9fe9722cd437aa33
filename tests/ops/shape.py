"""Views, copies and rearrangements."""

import itertools

import numpy as np

from tests.frame import ALL, COMPLEX, FLOATS, REAL, Error, Row, Sample, T, tensor

FLOAT_AND_COMPLEX = ("float64", "complex128")


def unwrap(sizes):
    """Sizes given one by one or as one list."""
    return tuple(sizes[0]) if len(sizes) == 1 and isinstance(sizes[0], list | tuple) else sizes


def move(name, ref, samples, **fields):
    """A row for something that only moves elements: every dtype, exact gradients."""
    defaults = {"dtypes": ALL, "differentiable": FLOAT_AND_COMPLEX, "method": "." not in name}
    return Row(name, ref, samples, **{**defaults, **fields})


def np_expand(x, *sizes):
    sizes = unwrap(sizes)
    padded = (1,) * (len(sizes) - np.ndim(x)) + np.shape(x)
    return np.broadcast_to(x, [old if new == -1 else new for new, old in zip(sizes, padded, strict=True)])


def np_flatten(x, start_dim=0, end_dim=-1):
    if np.ndim(x) == 0:
        return np.reshape(x, 1)
    end = end_dim % x.ndim + 1
    start = start_dim % x.ndim
    return x.reshape(*x.shape[:start], int(np.prod(x.shape[start:end])), *x.shape[end:])


def np_unflatten(x, dim, sizes):
    dim %= x.ndim
    known = -int(np.prod(sizes))
    sizes = [x.shape[dim] // known if s == -1 else s for s in sizes] if -1 in sizes else sizes
    return x.reshape(*x.shape[:dim], *sizes, *x.shape[dim + 1 :])


def np_squeeze(x, dim=None):
    dims = range(x.ndim) if dim is None else (dim if isinstance(dim, list | tuple) else (dim,))
    keep = [d for d in range(x.ndim) if d not in [e % max(x.ndim, 1) for e in dims] or x.shape[d] != 1]
    return x.reshape([x.shape[d] for d in keep])


def np_split(x, size, dim=0):
    length = x.shape[dim]
    sizes = size if isinstance(size, list | tuple) else [min(size, length - s) for s in range(0, length, size)] or [0]
    return np.split(x, np.cumsum(sizes)[:-1], dim)


def np_chunk(x, chunks, dim=0):
    length = x.shape[dim]
    if length == 0:
        return [x] * chunks
    return np_split(x, -(-length // chunks), dim)


def np_unfold(x, dim, size, step):
    if x.ndim == 0:
        return np.reshape(x, 1)[:size]
    windows = np.lib.stride_tricks.sliding_window_view(x, size, dim)
    return windows[(slice(None),) * (dim % x.ndim) + (slice(None, None, step),)]


def np_as_strided(x, size, stride, storage_offset=0):
    flat = np.ravel(x)
    places = storage_offset + sum(np.indices(size)[d] * stride[d] for d in range(len(size))) if size else storage_offset
    return flat[places]


def np_diag_embed(x, offset=0, dim1=-2, dim2=-1):
    n = x.shape[-1] + abs(offset)
    out = np.zeros((*x.shape[:-1], n, n), x.dtype)
    rows = np.arange(x.shape[-1]) + max(-offset, 0)
    out[..., rows, rows + offset] = x
    return np.moveaxis(out, (-2, -1), (dim1, dim2))


def np_pad(x, pad, mode="constant", value=None):
    """torch's order of `pad`: last dim first; negative numbers crop."""
    pairs = [(0, 0)] * (x.ndim - len(pad) // 2) + [(pad[i], pad[i + 1]) for i in range(len(pad) - 2, -1, -2)]
    widths = [(max(a, 0), max(b, 0)) for a, b in pairs]
    modes = {"constant": "constant", "reflect": "reflect", "replicate": "edge", "circular": "wrap"}
    options = {"constant_values": value or 0} if mode == "constant" else {}
    out = np.pad(x, widths, modes[mode], **options)
    return out[tuple(slice(max(-a, 0), n - max(-b, 0)) for n, (a, b) in zip(out.shape, pairs, strict=True))]


def np_roll(x, shifts, dims=None):
    return np.roll(x, shifts, dims)


def np_meshgrid(*arrays, indexing="ij"):
    return list(np.meshgrid(*(np.reshape(a, -1) for a in arrays), indexing=indexing))


def np_block_diag(*blocks):
    blocks = [np.atleast_2d(b) for b in blocks]
    out = np.zeros(np.sum([b.shape for b in blocks], 0), np.result_type(*blocks))
    row = column = 0
    for b in blocks:
        out[row : row + b.shape[0], column : column + b.shape[1]] = b
        row, column = row + b.shape[0], column + b.shape[1]
    return out


def np_atleast_3d(x):
    """torch adds the missing dims as NumPy does: a vector becomes (1, N, 1)."""
    return np.atleast_3d(x)


VIEWS = [
    move(
        "reshape",
        np.reshape,
        [
            Sample(tensor(3, 4), (2, 6)),
            Sample(tensor(3, 4), (-1, 2)),
            Sample(tensor(), (1,)),
            Sample(tensor(1), ()),
            Sample(tensor(0, 3), (3, 0)),
            Sample(tensor(2, 3, 4), (6, -1)),
        ],
        errors=[Error(tensor(6), (4, -1), raises=RuntimeError, match="6")],
    ),
    move(
        "Tensor.view",
        lambda x, *s: np.reshape(x, unwrap(s)),
        [Sample(tensor(12), 3, 4), Sample(tensor(12), (-1, 2)), Sample(tensor(), 1, 1), Sample(tensor(0), 0, 5)],
        view=True,
        covers=("view_dtype",),  # its values are in test_autograd.py
        errors=[Error(tensor(6), 4, 2, raises=RuntimeError, match="6")],
    ),
    move("Tensor.view_as", lambda x, y: np.reshape(x, y.shape), [Sample(tensor(12), tensor(3, 4, grad=False))]),
    move("Tensor.reshape_as", lambda x, y: np.reshape(x, y.shape), [Sample(tensor(2, 6), tensor(3, 4, grad=False))]),
    move(
        "Tensor.expand",
        np_expand,
        [
            Sample(tensor(3, 1), 3, 4),
            Sample(tensor(3, 1), -1, 4),
            Sample(tensor(1, 4), 2, 3, 4),
            Sample(tensor(), 2, 2),
            Sample(tensor(1), (0,)),
            Sample(tensor(), ()),
        ],
        errors=[Error(tensor(2, 3), 2, 4, raises=RuntimeError, match="")],
    ),
    move(
        "Tensor.expand_as",
        lambda x, y: np.broadcast_to(x, y.shape),
        [Sample(tensor(3, 1), tensor(2, 3, 4, grad=False))],
    ),
    move("broadcast_to", np_expand, [Sample(tensor(3, 1), (3, 4)), Sample(tensor(), (2, 2)), Sample(tensor(1), (0,))]),
    move(
        "broadcast_tensors",
        lambda *xs: list(np.broadcast_arrays(*xs)),
        [Sample(tensor(3, 1), tensor(4), tensor()), Sample(tensor(0), tensor(1))],
        method=False,
    ),
    move(
        "permute",
        np.transpose,
        [
            Sample(tensor(2, 3, 4), (2, 0, 1)),
            Sample(tensor(2, 3), (-1, 0)),
            Sample(tensor(), ()),
            Sample(tensor(2, 0), (1, 0)),
        ],
        view=True,
        errors=[
            Error(tensor(2, 3), (0, 0), raises=RuntimeError, match=""),
            Error(tensor(2, 3), (0,), raises=RuntimeError, match=""),
        ],
    ),
    move(
        "transpose",
        lambda x, a, b: np.swapaxes(x, a, b) if np.ndim(x) else x,
        [
            Sample(tensor(2, 3, 4), 0, 2),
            Sample(tensor(2, 3), -1, 0),
            Sample(tensor(), 0, -1),
            Sample(tensor(0, 2), 0, 1),
        ],
        view=True,
        alias=("swapaxes", "swapdims"),
        errors=[Error(tensor(2, 3), 0, 2, raises=IndexError, match="2")],
    ),
    move(
        "movedim",
        np.moveaxis,
        [Sample(tensor(2, 3, 4), 0, 2), Sample(tensor(2, 3, 4), (0, 2), (1, 0))],
        view=True,
        alias=("moveaxis",),
    ),
    move(
        "t", np.transpose, [Sample(tensor(2, 3)), Sample(tensor(3)), Sample(tensor()), Sample(tensor(0, 2))], view=True
    ),
    move("adjoint", lambda x: np.conj(np.swapaxes(x, -1, -2)), [Sample(tensor(2, 3)), Sample(tensor(2, 3, 4))]),
    move(
        "squeeze",
        np_squeeze,
        [
            Sample(tensor(1, 3, 1)),
            Sample(tensor(1, 3, 1), 0),
            Sample(tensor(1, 3, 1), 1),
            Sample(tensor(1, 3, 1), (0, -1)),
            Sample(tensor()),
            Sample(tensor(), 0),
            Sample(tensor(1, 0)),
        ],
        view=True,
    ),
    move(
        "unsqueeze",
        np.expand_dims,
        [Sample(tensor(2, 3), d) for d in (0, 1, 2, -1, -3)] + [Sample(tensor(), 0), Sample(tensor(0), 1)],
        view=True,
        errors=[Error(tensor(2), 3, raises=IndexError, match="3")],
    ),
    move(
        "flatten",
        np_flatten,
        [
            Sample(tensor(2, 3, 4)),
            Sample(tensor(2, 3, 4), 1),
            Sample(tensor(2, 3, 4), 0, 1),
            Sample(tensor()),
            Sample(tensor(0, 2)),
            Sample(tensor(2, 3), start_dim=-1),
        ],
    ),
    move(
        "unflatten",
        np_unflatten,
        [Sample(tensor(2, 6), 1, (2, 3)), Sample(tensor(6, 2), 0, (-1, 3)), Sample(tensor(0, 2), 0, (0, 3))],
    ),
    move("ravel", np.ravel, [Sample(tensor(2, 3)), Sample(tensor()), Sample(tensor(0, 2))]),
    move(
        "select",
        lambda x, d, i: np.take(x, i, d),
        [Sample(tensor(3, 4), 0, 1), Sample(tensor(3, 4), -1, -1), Sample(tensor(2, 3, 4), 1, 2)],
        view=True,
        covers=("index", "embed"),
        errors=[
            Error(tensor(3), 0, 3, raises=IndexError, match="3"),
            Error(tensor(), 0, 0, raises=IndexError, match=""),
        ],
    ),
    move(
        "narrow",
        lambda x, d, s, n: np.take(x, range(s, s + n) if s >= 0 else range(x.shape[d] + s, x.shape[d] + s + n), d),
        [Sample(tensor(5, 3), 0, 1, 3), Sample(tensor(5, 3), 1, 0, 0), Sample(tensor(5, 3), 0, -2, 2)],
        view=True,
        errors=[Error(tensor(3), 0, 2, 2, raises=RuntimeError, match="")],
    ),
    move(
        "diagonal",
        lambda x, offset=0, dim1=0, dim2=1: np.diagonal(x, offset, dim1, dim2),
        [
            Sample(tensor(3, 4)),
            Sample(tensor(3, 4), 1),
            Sample(tensor(3, 4), -2),
            Sample(tensor(2, 3, 4), 0, 2, 0),
            Sample(tensor(3, 3), 5),
            Sample(tensor(0, 3)),
        ],
        view=True,
    ),
    move(
        "split",
        np_split,
        [
            Sample(tensor(5, 3), 2),
            Sample(tensor(5, 3), [1, 4]),
            Sample(tensor(2, 6), 3, 1),
            Sample(tensor(0, 2), 2),
            Sample(tensor(5), [0, 5]),
        ],
        view=True,
        errors=[Error(tensor(5), [2, 2], raises=RuntimeError, match="5")],
    ),
    move(
        "chunk",
        np_chunk,
        [Sample(tensor(5, 3), 2), Sample(tensor(5, 3), 7), Sample(tensor(2, 6), 3, 1), Sample(tensor(0), 3)],
        view=True,
        errors=[Error(tensor(5), 0, raises=RuntimeError, match="0")],
    ),
    move(
        "tensor_split",
        lambda x, s, dim=0: np.array_split(x, s, dim),
        [Sample(tensor(5, 3), 2), Sample(tensor(7), (1, 4)), Sample(tensor(2, 5), 3, dim=1)],
        view=True,
    ),
    move("hsplit", np.hsplit, [Sample(tensor(4, 6), 2), Sample(tensor(6), (1, 4))], view=True),
    move("vsplit", np.vsplit, [Sample(tensor(4, 6), 2)], view=True),
    move("dsplit", np.dsplit, [Sample(tensor(2, 3, 4), 2)], view=True),
    move(
        "unbind",
        lambda x, dim=0: [np.take(x, i, dim) for i in range(x.shape[dim])],
        [Sample(tensor(3, 4)), Sample(tensor(3, 4), 1), Sample(tensor(3, 4), -1)],
        view=True,
    ),
    move(
        "Tensor.unfold",
        np_unfold,
        [
            Sample(tensor(7), 0, 3, 2),
            Sample(tensor(2, 6), 1, 2, 2),
            Sample(tensor(2, 6), -1, 6, 1),
            Sample(tensor(3, 5), 0, 2, 1),
            Sample(tensor(), 0, 1, 1),
        ],
        covers=("scatter_window",),
    ),
    move(
        "as_strided",
        np_as_strided,
        [
            Sample(tensor(12), (3, 4), (4, 1)),
            Sample(tensor(12), (3, 3), (1, 2), 3),
            Sample(tensor(12), (2, 3), (0, 1)),
            Sample(tensor(12), (), ()),
        ],
        contiguous_only=True,
    ),
    move(
        "real",
        np.real,
        [Sample(tensor(2, 3)), Sample(tensor())],
        dtypes=FLOATS + COMPLEX,
        method=False,
        result=lambda d: {"complex64": "float32", "complex128": "float64"}.get(d, d),
    ),
    move(
        "imag",
        np.imag,
        [Sample(tensor(2, 3)), Sample(tensor())],
        dtypes=COMPLEX,
        method=False,
        differentiable=("complex128",),
        result=lambda d: {"complex64": "float32", "complex128": "float64"}[d],
    ),
    move(
        "view_as_real",
        lambda x: np.stack([x.real, x.imag], -1),
        [Sample(tensor(2, 3)), Sample(tensor())],
        dtypes=COMPLEX,
        method=False,
        differentiable=("complex128",),
        result=lambda d: {"complex64": "float32", "complex128": "float64"}[d],
        rejects=("float32",),
    ),
    move(
        "view_as_complex",
        lambda x: x[..., 0] + 1j * x[..., 1],
        [Sample(tensor(2, 3, 2)), Sample(tensor(2))],
        dtypes=("float32", "float64"),
        differentiable=("float64",),
        result=lambda d: {"float32": "complex64", "float64": "complex128"}[d],
        method=False,
        contiguous_only=True,
        rejects=("int64",),
    ),
]

COPIES = [
    move("clone", np.array, [Sample(tensor(2, 3)), Sample(tensor()), Sample(tensor(0, 2))]),
    move("Tensor.contiguous", np.array, [Sample(tensor(2, 3)), Sample(tensor()), Sample(tensor(0, 2))]),
    move(
        "cat",
        lambda xs, dim=0: np.concatenate(xs, dim),
        [
            Sample([tensor(2, 3), tensor(1, 3)]),
            Sample((tensor(2, 3), tensor(2, 1)), 1),
            Sample([tensor(2, 3), tensor(2, 0)], dim=-1),
            Sample([tensor(2)]),
            Sample([tensor(2, 2)] * 3, 0),
            Sample([tensor(0), tensor(0)]),
        ],
        method=False,
        out=True,
        alias=("concat", "concatenate"),
        large=Sample([tensor(300, 700), tensor(300, 701)], 1),
        errors=[
            Error([tensor(2, 3), tensor(2, 4)], raises=RuntimeError, match=""),
            Error([], raises=(RuntimeError, ValueError), match=""),
            Error([tensor(), tensor()], raises=RuntimeError, match=""),
        ],
    ),
    move(
        "stack",
        lambda xs, dim=0: np.stack(xs, dim),
        [
            Sample([tensor(2, 3), tensor(2, 3)]),
            Sample((tensor(2, 3),) * 3, 1),
            Sample([tensor(), tensor()], dim=-1),
            Sample([tensor(0, 2), tensor(0, 2)]),
        ],
        method=False,
        out=True,
        errors=[Error([tensor(2), tensor(3)], raises=RuntimeError, match="")],
    ),
    move(
        "hstack",
        np.hstack,
        [Sample([tensor(2), tensor(3)]), Sample([tensor(2, 1), tensor(2, 3)]), Sample([tensor(), tensor()])],
        method=False,
    ),
    move(
        "vstack",
        np.vstack,
        [Sample([tensor(3), tensor(3)]), Sample([tensor(2, 3), tensor(1, 3)])],
        method=False,
        alias=("row_stack",),
    ),
    move("dstack", np.dstack, [Sample([tensor(3), tensor(3)]), Sample([tensor(2, 3), tensor(2, 3)])], method=False),
    move("column_stack", np.column_stack, [Sample([tensor(3), tensor(3, 2)])], method=False),
    move(
        "tile",
        lambda x, r: np.tile(x, r),
        [Sample(tensor(2, 3), (2,)), Sample(tensor(2), (2, 3)), Sample(tensor(), (3,))],
    ),
    move(
        "Tensor.repeat",
        lambda x, *r: np.tile(x, unwrap(r)),
        [Sample(tensor(2, 3), 2, 1), Sample(tensor(2), (2, 3)), Sample(tensor(2), 0), Sample(tensor(), 3)],
        errors=[Error(tensor(2, 3), 2, raises=RuntimeError, match="")],
    ),
    move(
        "repeat_interleave",
        lambda x, r, dim=None: np.repeat(x, r, dim),
        [
            Sample(tensor(2, 3), 2),
            Sample(tensor(2, 3), 2, dim=1),
            Sample(tensor(3), T((3,), dtype="int64", values=[1, 0, 2]), dim=0),
        ],
    ),
    move(
        "flip",
        lambda x, d: np.flip(x, d),
        [
            Sample(tensor(2, 3), (0,)),
            Sample(tensor(2, 3, 2), (0, -1)),
            Sample(tensor(0, 2), (0,)),
            Sample(tensor(), ()),
        ],
        errors=[Error(tensor(2), (1,), raises=IndexError, match="")],
    ),
    move(
        "roll",
        np_roll,
        [
            Sample(tensor(2, 3), 2),
            Sample(tensor(2, 3), 1, 0),
            Sample(tensor(2, 3), (1, -4), (0, 1)),
            Sample(tensor(), 1),
            Sample(tensor(0), 1),
        ],
    ),
    move(
        "tril",
        lambda x, diagonal=0: np.tril(x, diagonal),
        [Sample(tensor(3, 4)), Sample(tensor(3, 4), 1), Sample(tensor(2, 3, 3), diagonal=-1), Sample(tensor(0, 3))],
        out=True,
        inplace=True,
        errors=[Error(tensor(3), raises=RuntimeError, match="")],
    ),
    move(
        "triu",
        lambda x, diagonal=0: np.triu(x, diagonal),
        [Sample(tensor(3, 4)), Sample(tensor(3, 4), 1), Sample(tensor(2, 3, 3), diagonal=-1), Sample(tensor(0, 3))],
        out=True,
        inplace=True,
    ),
    move(
        "diag",
        lambda x, diagonal=0: np.diag(x, diagonal),
        [Sample(tensor(3)), Sample(tensor(3), -1), Sample(tensor(3, 4)), Sample(tensor(3, 4), 2)],
    ),
    move(
        "diagflat",
        lambda x, offset=0: np.diagflat(x, offset),
        [Sample(tensor(2, 2)), Sample(tensor(3), 1), Sample(tensor())],
    ),
    move("diag_embed", np_diag_embed, [Sample(tensor(3)), Sample(tensor(2, 3), 1), Sample(tensor(2, 3), -1, 0, 2)]),
    move(
        "block_diag",
        np_block_diag,
        [Sample(tensor(2, 3), tensor(1, 1)), Sample(tensor(3), tensor()), Sample(tensor(2, 2))],
        method=False,
    ),
    move(
        "meshgrid",
        np_meshgrid,
        [Sample(tensor(2), tensor(3), indexing="ij"), Sample(tensor(2), tensor(3), indexing="xy")],
        method=False,
    ),
    move(
        "cartesian_prod",
        lambda *xs: np.array(list(itertools.product(*xs))),
        [Sample(tensor(2), tensor(3))],
        method=False,
    ),
    move(
        "combinations",
        lambda x, r=2: np.array(list(itertools.combinations(x, r))),
        [Sample(tensor(4)), Sample(tensor(4), 3)],
        method=False,
    ),
    move("atleast_1d", np.atleast_1d, [Sample(tensor()), Sample(tensor(2))], method=False),
    move("atleast_2d", np.atleast_2d, [Sample(tensor()), Sample(tensor(2)), Sample(tensor(2, 3))], method=False),
    move("atleast_3d", np_atleast_3d, [Sample(tensor()), Sample(tensor(2)), Sample(tensor(2, 3))], method=False),
    move(
        "nn.functional.pad",
        np_pad,
        [
            Sample(tensor(2, 3), (1, 2)),
            Sample(tensor(2, 3), (0, 1, 2, 0), value=2.0),
            Sample(tensor(2, 4), (-1, 1)),
            Sample(tensor(2, 4), (-1, -1, 0, -1)),
            Sample(tensor(0, 3), (1, 1)),
            Sample(tensor(2, 3), (1, 1), "constant", 1.0),
            Sample(tensor(2, 4), (1, 3), "reflect"),
            Sample(tensor(2, 3, 4), (1, 2, 2, 1), "replicate"),
            Sample(tensor(2, 3, 4, 3), (1, 2, 2, 1), "circular"),
        ],
        covers=("pad", "constant_pad"),
        dtypes=REAL + COMPLEX,
        errors=[
            Error(tensor(2, 4), (1, 1), mode, dtype="bool", raises=NotImplementedError)
            for mode in ("reflect", "replicate")
        ],
    ),
]

ROWS = VIEWS + COPIES
