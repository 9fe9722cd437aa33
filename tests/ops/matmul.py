"""Matrix products and what is composed of them."""

import numpy as np

from tests.frame import COMPLEX, FLOATS, INTS, Error, Row, Sample, tensor

PRODUCT = FLOATS + INTS + COMPLEX
EXACT = ("float64", "complex128")
TOLERANCE = {"float16": (4e-3, 1e-2), "bfloat16": (3e-2, 5e-2), "float32": (1e-5, 1e-5), "complex64": (2e-5, 2e-5)}
SMALL = {"low": -2, "high": 2}


def t(*shape):
    return tensor(*shape, **SMALL)


def product(name, ref, samples, **fields):
    """A row for a matrix product: every dtype but bool, which has none."""
    defaults = {"dtypes": PRODUCT, "rejects": ("bool",), "differentiable": EXACT, "out": True, "tol": TOLERANCE}
    return Row(name, ref, samples, **{**defaults, **fields})


def np_add(multiply):
    def ref(x, a, b, beta=1, alpha=1):
        return (beta * x if beta else 0) + alpha * multiply(a, b)

    return ref


def np_inner(a, b):
    return a * b if np.ndim(a) == 0 or np.ndim(b) == 0 else np.inner(a, b)


def np_tensordot(a, b, dims=2):
    return np.tensordot(a, b, dims)


def np_kron(a, b):
    n = max(np.ndim(a), np.ndim(b))
    a, b = (np.reshape(x, (1,) * (n - np.ndim(x)) + np.shape(x)) for x in (a, b))
    return np.kron(a, b)


def np_bilinear(a, b, w, bias=None):
    y = np.einsum("...i,oij,...j->...o", a, w, b)
    return y if bias is None else y + bias


def np_linear(x, w, bias=None):
    y = x @ w.T
    return y if bias is None else y + bias


def np_cdist(a, b, p=2.0, compute_mode=None):
    d = np.abs(a[..., :, None, :] - b[..., None, :, :])
    if p == 0:
        return (d != 0).sum(-1).astype(d.dtype)
    return np.linalg.norm(d, p, -1)


def np_cross(a, b, dim=None):
    if dim is None:
        dim = next(i for i, s in enumerate(a.shape) if s == 3)
    return np.cross(a, b, axis=dim)


def np_attention(q, k, v, attn_mask=None, dropout_p=0.0, is_causal=False, scale=None, enable_gqa=False):
    if enable_gqa:
        k, v = (np.repeat(x, q.shape[-3] // x.shape[-3], -3) for x in (k, v))
    s = q @ np.swapaxes(k, -1, -2) * (1 / np.sqrt(q.shape[-1]) if scale is None else scale)
    if is_causal:
        s = np.where(np.tril(np.ones(s.shape[-2:], bool)), s, -np.inf)
    if attn_mask is not None:
        s = np.where(attn_mask, s, -np.inf) if attn_mask.dtype == bool else s + attn_mask
    top = s.max(-1, keepdims=True, initial=-np.inf)
    e = np.exp(s - np.where(np.isinf(top), 0, top))
    total = e.sum(-1, keepdims=True)
    return e / np.where(total == 0, 1, total) @ v


MASK = tensor(4, 5, dtype="bool", values=[[i % 3 != j % 2 for j in range(5)] for i in range(4)])
HIDDEN = tensor(4, 5, dtype="bool", values=[[i != 1 for _ in range(5)] for i in range(4)])

ROWS = [
    product(
        "matmul",
        np.matmul,
        [
            Sample(t(3, 4), t(4, 2)),
            Sample(t(4), t(4)),
            Sample(t(3, 4), t(4)),
            Sample(t(4), t(4, 2)),
            Sample(t(2, 3, 4), t(4, 2)),
            Sample(t(3, 4), t(2, 4, 2)),
            Sample(t(4), t(2, 4, 2)),
            Sample(t(2, 3, 4), t(4)),
            Sample(t(2, 1, 3, 4), t(3, 4, 2)),
            Sample(t(2, 0), t(0, 3)),
            Sample(t(0, 3), t(3, 2)),
            Sample(t(0, 2, 3), t(3, 2)),
            Sample(t(2, 3), t(3, 0)),
        ],
        large=Sample(t(150, 300), t(300, 170)),
        alias=("linalg.matmul",),
        errors=[
            Error(t(2, 3), t(4, 5), raises=RuntimeError, match="shapes cannot be multiplied"),
            Error(tensor(), t(4, 5), raises=RuntimeError, match="at least 1D"),
            Error(t(2, 2, 3), t(3, 3, 2), raises=RuntimeError),
            Error(tensor(2, 3, dtype="float64"), t(3, 2), raises=RuntimeError, match="same dtype"),
            Error(tensor(2, 3, dtype="int64"), t(3, 2), raises=RuntimeError, match=r"convert one with \.to\(float32\)"),
        ],
    ),
    product(
        "linalg.multi_dot",
        np.linalg.multi_dot,
        [Sample([t(2, 3), t(3, 4), t(4, 2)]), Sample([t(3), t(3, 4), t(4)])],
        dtypes=FLOATS + COMPLEX,
        rejects=(),
        method=False,
        errors=[Error([t(2, 3)], raises=RuntimeError), Error([t(2, 3), t(2, 3)], raises=RuntimeError)],
    ),
    product(
        "linalg.matrix_power",
        np.linalg.matrix_power,
        [Sample(t(3, 3), 3), Sample(t(2, 2, 2), 1), Sample(t(2, 2), 0)],
        dtypes=FLOATS + COMPLEX,
        method="matrix_power",
        alias=("matrix_power",),
        errors=[Error(t(2, 3), 2, raises=RuntimeError)],
    ),
    product(
        "linalg.vecdot",
        lambda x, y, dim=-1: (np.conj(x) * y).sum(dim),
        [Sample(t(2, 3), t(2, 3)), Sample(t(3, 2), t(3, 1), dim=0), Sample(t(3), t(2, 3))],
        dtypes=FLOATS + COMPLEX,
        method=False,
    ),
    Row(
        "linalg.cross",
        lambda a, b, dim=-1: np.cross(a, b, axis=dim),
        [Sample(t(2, 3), t(2, 3)), Sample(t(3, 2), t(3, 2), dim=0)],
        dtypes=PRODUCT,
        differentiable=EXACT,
        out=True,
        method=False,
    ),
    product(
        "mm",
        np.matmul,
        [Sample(t(3, 4), t(4, 2)), Sample(t(1, 17), t(17, 1)), Sample(t(0, 4), t(4, 2)), Sample(t(2, 0), t(0, 2))],
        large=Sample(t(700, 70), t(70, 65)),
        errors=[Error(t(3), t(3, 2), raises=RuntimeError), Error(t(2, 3), t(2, 3), raises=RuntimeError)],
    ),
    product(
        "bmm",
        np.matmul,
        [Sample(t(2, 3, 4), t(2, 4, 2)), Sample(t(0, 3, 4), t(0, 4, 2)), Sample(t(2, 3, 0), t(2, 0, 2))],
        large=Sample(t(40, 33, 40), t(40, 40, 31)),
        errors=[Error(t(2, 3), t(3, 2), raises=RuntimeError), Error(t(2, 3, 4), t(1, 4, 2), raises=RuntimeError)],
    ),
    product("mv", np.matmul, [Sample(t(3, 4), t(4)), Sample(t(3, 0), t(0))], large=Sample(t(900, 700), t(700))),
    product("dot", np.dot, [Sample(t(5), t(5)), Sample(t(0), t(0))], errors=[Error(t(2), t(3), raises=RuntimeError)]),
    product("vdot", np.vdot, [Sample(t(5), t(5)), Sample(t(0), t(0))]),
    product(
        "inner",
        np_inner,
        [Sample(t(5), t(5)), Sample(t(2, 3, 4), t(5, 4)), Sample(tensor(), t(3)), Sample(t(2, 0), t(3, 0))],
    ),
    Row(
        "outer",
        np.outer,
        [Sample(t(3), t(4)), Sample(t(0), t(2))],
        dtypes=PRODUCT,
        differentiable=EXACT,
        out=True,
        errors=[Error(t(2, 2), t(3), raises=RuntimeError)],
    ),
    Row("ger", np.outer, [Sample(t(3), t(4))], dtypes=PRODUCT, differentiable=EXACT, out=True),
    product(
        "addmm",
        np_add(np.matmul),
        [
            Sample(t(3, 2), t(3, 4), t(4, 2)),
            Sample(t(2), t(3, 4), t(4, 2)),
            Sample(t(3, 1), t(3, 4), t(4, 2), beta=2, alpha=3),
            Sample(t(3, 2), t(3, 4), t(4, 2), beta=0),
            Sample(t(2), t(3, 0), t(0, 2)),
        ],
        inplace=False,
        errors=[Error(t(3), t(3, 4), t(4, 2), raises=RuntimeError), Error(t(2), t(3, 4), t(3, 2), raises=RuntimeError)],
    ),
    product(
        "addmv", np_add(np.matmul), [Sample(t(3), t(3, 4), t(4)), Sample(tensor(), t(3, 4), t(4), beta=2, alpha=3)]
    ),
    product(
        "baddbmm",
        np_add(np.matmul),
        [Sample(t(2, 3, 2), t(2, 3, 4), t(2, 4, 2)), Sample(t(2), t(2, 3, 4), t(2, 4, 2), beta=2, alpha=3)],
    ),
    product(
        "addbmm",
        np_add(lambda a, b: np.matmul(a, b).sum(0)),
        [Sample(t(3, 2), t(2, 3, 4), t(2, 4, 2)), Sample(t(2), t(2, 3, 4), t(2, 4, 2), beta=2, alpha=3)],
    ),
    Row(
        "addr",
        np_add(np.outer),
        [Sample(t(3, 2), t(3), t(2)), Sample(t(2), t(3), t(2), beta=2, alpha=3)],
        dtypes=PRODUCT,
        differentiable=EXACT,
        out=True,
        tol=TOLERANCE,
    ),
    product(
        "nn.functional.linear",
        np_linear,
        [
            Sample(t(3, 4), t(2, 4), t(2)),
            Sample(t(2, 3, 4), t(2, 4)),
            Sample(t(4), t(2, 4), t(2)),
            Sample(t(0, 4), t(2, 4), t(2)),
            Sample(t(3, 4), t(4)),
        ],
        method=False,
        out=False,
        covers=("linear",),
        large=Sample(t(64, 300), t(130, 300), t(130)),
        errors=[Error(t(3, 5), t(2, 4), t(2), raises=RuntimeError, match="in_features")],
    ),
    product(
        "nn.functional.bilinear",
        np_bilinear,
        [Sample(t(3, 4), t(3, 2), t(5, 4, 2), t(5)), Sample(t(2, 3, 4), t(2, 3, 2), t(1, 4, 2))],
        method=False,
        out=False,
        alias=("bilinear",),
    ),
    product(
        "einsum",
        lambda equation, *xs: np.einsum(equation, *xs),
        [
            Sample("ij,jk->ik", t(2, 3), t(3, 4)),
            Sample("bij,bjk", t(2, 2, 3), t(2, 3, 2)),
            Sample("ii->i", t(3, 3)),
            Sample("ij->", t(2, 3)),
            Sample("i,j->ij", t(2), t(3)),
            Sample("...ij,...jk->...ik", t(2, 2, 3), t(3, 2)),
            Sample("ij,jk,kl->il", t(2, 3), t(3, 2), t(2, 2)),
            Sample("ba,bc,bd->acd", t(2, 3), t(2, 2), t(2, 3)),
        ],
        method=False,
        out=False,
        errors=[
            Error("ij,jk->ik", t(2, 3), t(4, 4), raises=RuntimeError),
            Error("ij->k", t(2, 3), raises=RuntimeError),
        ],
        dtypes=("int64", *FLOATS, *COMPLEX),  # sums of narrow integers widen
        rejects=(),
    ),
    product(
        "tensordot",
        np_tensordot,
        [
            Sample(t(2, 3, 4), t(3, 4, 5)),
            Sample(t(2, 3), t(3, 2), dims=1),
            Sample(t(2), t(3), dims=0),
            Sample(t(2, 3), t(3, 2), dims=[[0, 1], [1, 0]]),
        ],
        method=False,
    ),
    Row(
        "kron",
        np_kron,
        [Sample(t(2, 3), t(2, 2)), Sample(t(2), t(2, 1, 2)), Sample(tensor(), t(2, 2))],
        dtypes=PRODUCT,
        differentiable=EXACT,
        out=True,
    ),
    Row(
        "trace",
        np.trace,
        [Sample(t(3, 4)), Sample(t(0, 2))],
        dtypes=FLOATS + INTS + COMPLEX,
        rejects=("bool",),
        result="sum",
        differentiable=EXACT,
        errors=[Error(t(3), raises=RuntimeError)],
    ),
    Row(
        "cross",
        np_cross,
        [Sample(t(2, 3), t(2, 3)), Sample(t(3, 2), t(3, 2), dim=0)],
        dtypes=PRODUCT,
        differentiable=EXACT,
        out=True,
        errors=[Error(t(2, 2), t(2, 2), raises=RuntimeError)],
    ),
    product(
        "chain_matmul",
        lambda *m: np.linalg.multi_dot(m) if len(m) > 1 else m[0],
        [Sample(t(2, 3), t(3, 4), t(4, 2))],
        method=False,
        dtypes=FLOATS + COMPLEX,
        rejects=(),
    ),
    Row(
        "cdist",
        np_cdist,
        [
            Sample(t(3, 4), t(2, 4)),
            Sample(t(2, 3, 4), t(2, 2, 4), p=1.0),
            Sample(t(3, 4), t(2, 4), p=3.0),
            Sample(t(3, 4), t(2, 4), p=0.0),
            Sample(t(3, 4), t(2, 4), p=np.inf),
            Sample(t(0, 4), t(2, 4)),
        ],
        dtypes=("float32", "float64"),
        method=False,
        gradgrad=False,
        errors=[Error(t(3, 4), t(2, 5), raises=RuntimeError), Error(t(3, 4), t(2, 4), p=-1.0, raises=RuntimeError)],
    ),
    Row(
        "nn.functional.scaled_dot_product_attention",
        np_attention,
        [
            Sample(t(2, 3, 4, 6), t(2, 3, 5, 6), t(2, 3, 5, 2)),
            Sample(t(1, 2, 4, 3), t(1, 2, 5, 3), t(1, 2, 5, 3), is_causal=True),
            Sample(t(1, 2, 4, 3), t(1, 2, 5, 3), t(1, 2, 5, 3), attn_mask=MASK),
            Sample(t(1, 2, 4, 3), t(1, 2, 5, 3), t(1, 2, 5, 3), attn_mask=HIDDEN, scale=0.7),
            Sample(t(1, 4, 2, 3), t(1, 2, 3, 3), t(1, 2, 3, 3), enable_gqa=True),
            Sample(t(4, 3), t(5, 3), t(5, 3)),
            Sample(t(2, 0, 3), t(2, 5, 3), t(2, 5, 3)),
        ],
        dtypes=FLOATS,
        method=False,
        tol={"float32": (2e-5, 1e-5), "float16": (5e-3, 5e-3), "bfloat16": (4e-2, 3e-2)},
        covers=("scaled_dot_product_attention",),
        large=Sample(t(2, 4, 90, 32), t(2, 4, 300, 32), t(2, 4, 300, 32)),
        errors=[
            Error(t(2, 4, 3), t(2, 5, 2), t(2, 5, 3), raises=RuntimeError),
            Error(t(2, 4, 3), t(2, 5, 3), t(2, 4, 3), raises=RuntimeError),
            Error(t(4, 3), t(5, 3), tensor(5, 3, dtype="float64"), raises=RuntimeError, match="same dtype"),
        ],
    ),
]
