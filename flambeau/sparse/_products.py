"""Matrix products with sparse factors."""

import flambeau
from flambeau.ops._common import check_tensor

from ._compressed import BY_ROW, compress, expanded, flat_elements, rows_columns, to_sparse_coo
from ._coordinates import add_rows, coalesce, merge, spans, unflatten
from ._tensor import check_dim, is_compressed, is_coo, is_dense, layout_name, make_coo


def _parts(matrix):
    """(rows, columns, elements) of a sparse matrix."""
    if is_compressed(matrix):
        return rows_columns(matrix)
    return matrix._positions[0], matrix._positions[1], matrix._elements


def _check_matrix(op, matrix, name):
    if matrix.dim() != 2 or (not is_dense(matrix) and matrix.dense_dim() != 0):
        if matrix.dim() == 1:
            check_dim(1, 1)
        raise RuntimeError(f"{op}: {name} must be a matrix, got shape {tuple(matrix.shape)}")


def _check_pair(op, a, b):
    check_tensor(op, a, "mat1")
    check_tensor(op, b, "mat2")
    _check_matrix(op, a, "mat1")
    _check_matrix(op, b, "mat2")
    if a.shape[1] != b.shape[0]:
        raise RuntimeError(
            f"[{op}] mat1 and mat2 shapes cannot be multiplied ({a.shape[0]}x{a.shape[1]} and {b.shape[0]}x{b.shape[1]})"
        )
    if a.dtype is not b.dtype:
        raise RuntimeError(f"[{op}] expected scalar type {a.dtype} but found {b.dtype}")


def _sparse_dense(a, b):
    """A dense product: each stored element takes its row of b, scaled, to its row of the result."""
    row, column, elements = _parts(a)
    rows = b.index_select(0, column) * elements.unsqueeze(1)
    return add_rows(b.new_zeros((a.shape[0], b.shape[1])), row, rows)


def _sparse_sparse(a, b):
    """A coalesced product: each element of a meets the elements of its row of b."""
    b = coalesce(b)
    row, column, elements = _parts(a)
    b_row, b_column, b_elements = _parts(b)
    low = flambeau.searchsorted(b_row, column)
    lengths = flambeau.searchsorted(b_row, column, right=True) - low
    of_a, of_b = spans(low, lengths)
    flat, merged = merge(
        row[of_a] * b.shape[1] + b_column[of_b],
        elements.index_select(0, of_a) * b_elements.index_select(0, of_b),
    )
    size = (a.shape[0], b.shape[1])
    return make_coo(size, unflatten(flat, size), merged, True)


def mm(input, mat2, *, out=None):
    """The product of two matrices of which one or both are sparse."""
    _check_pair("mm", input, mat2)
    if is_dense(mat2):
        return _sparse_dense(input, mat2)
    if is_dense(input):
        return _sparse_dense(mat2.t(), input.t()).t().contiguous()
    if is_coo(input) and is_coo(mat2):
        return _sparse_sparse(input, mat2)
    if is_compressed(input) and is_compressed(mat2):
        return compress(_sparse_sparse(to_sparse_coo(input), to_sparse_coo(mat2)), input.layout)
    raise RuntimeError(
        f"addmm: computation on CPU is not implemented for {layout_name(input)} @ {layout_name(mat2)}: use one sparse layout"
    )


def mv(input, vec, *, out=None):
    """The product of a sparse matrix and a vector."""
    if input.dim() != 2 or vec.dim() != 1:
        raise RuntimeError(
            f"mv: two tensor dim should be 2 and 1, but got SparseTensor Dim: {input.dim()} Tensor Dim: {vec.dim()}"
        )
    if input.shape[1] != vec.shape[0]:
        raise RuntimeError(f"mv: expected self.size(-1) == vec.size(-1), got {input.shape[1]} and {vec.shape[0]}")
    if input.dtype is not vec.dtype:
        raise RuntimeError(f"[mv] expected scalar type {input.dtype} but found {vec.dtype}")
    row, column, elements = _parts(input)
    return add_rows(vec.new_zeros(input.shape[0]), row, vec.index_select(0, column) * elements)


def matmul(input, other, *, out=None):
    """Matrix with matrix, matrix with vector, vector with matrix."""
    check_tensor("matmul", input)
    check_tensor("matmul", other, "other")
    dims = (input.dim(), other.dim())
    if dims == (2, 2):
        return mm(input, other)
    if dims == (2, 1) and is_dense(other):
        return mv(input, other)
    if dims == (1, 2) and is_dense(input):
        return mv(other.t(), input)
    if dims == (1, 2):
        return mm(input.unsqueeze(0), other).select(0, 0)
    if dims == (3, 3):
        return bmm(input, other)
    raise RuntimeError(
        f"[matmul] expand is unsupported for Sparse tensors: shapes {tuple(input.shape)} and {tuple(other.shape)}"
    )


def rmatmul(self, other):
    """other @ self."""
    return matmul(other, self)


def bmm(input, mat2, *, out=None):
    """Products of matrices in two batches, of which the first has 3 sparse dimensions."""
    if not is_coo(input) or input.sparse_dim() != 3:
        if is_coo(input):
            raise RuntimeError(f"bmm_sparse: Tensor 'self' must have 3 sparse dims, but has {input.sparse_dim()}")
        raise RuntimeError("bmm_sparse: Tensor 'self' must be sparse with coordinates")
    if not is_dense(mat2) or mat2.dim() != 3:
        raise RuntimeError("bmm_sparse: Tensor 'mat2' must be dense, with 3 dimensions")
    batch, rows, inner = input.shape
    if tuple(mat2.shape[:2]) != (batch, inner):
        raise RuntimeError(f"bmm_sparse: shapes cannot be multiplied: {tuple(input.shape)} and {tuple(mat2.shape)}")
    number, row, column = input._positions
    blocks = flambeau.stack([number * rows + row, number * inner + column])
    diagonal = make_coo((batch * rows, batch * inner), blocks, input._elements, False)
    return mm(diagonal, mat2.reshape(batch * inner, mat2.shape[2])).reshape(batch, rows, mat2.shape[2])


def addmm(input, mat1, mat2, *, beta=1, alpha=1, out=None):
    """beta * input + alpha * mat1 @ mat2, of a dense input and one sparse factor (or all compressed)."""
    _check_pair("addmm", mat1, mat2)
    if not is_dense(input):
        if is_compressed(input) and (is_compressed(mat1) or is_compressed(mat2)) and not is_coo(mat1):
            product = mm(mat1, mat2)
            if is_compressed(product):
                return (input * beta).add(product, alpha=alpha)
        raise RuntimeError(
            f"addmm: expected strided result tensor, got tensor with layout {layout_name(input)} for {layout_name(mat1)} @ "
            f"{layout_name(mat2)}"
        )
    if not is_dense(mat1) and not is_dense(mat2):
        raise RuntimeError(
            "addmm_sparse_dense: expected either 'mat1' to have sparse layout and 'mat2' to have strided layout, got 'mat1' "
            f"with layout {layout_name(mat1)} and 'mat2' with layout {layout_name(mat2)}"
        )
    product = mm(mat1, mat2)
    base = input.expand(product.shape)
    return alpha * product if beta == 0 else beta * base + alpha * product


def addmm_(self, mat1, mat2, *, beta=1, alpha=1):
    """`addmm`, in place."""
    return self.copy_(addmm(self, mat1, mat2, beta=beta, alpha=alpha))


def addmv(input, mat, vec, *, beta=1, alpha=1, out=None):
    """beta * input + alpha * mat @ vec."""
    product = mv(mat, vec)
    return alpha * product if beta == 0 else beta * input + alpha * product


def linear(input, weight, bias=None):
    """input @ weight.T + bias."""
    product = mm(input, weight.t())
    return product if bias is None else product + bias


# ---- products that stay sparse


def _stored_rows(op, mat1, mat2):
    if is_compressed(mat1) or is_compressed(mat2):
        raise NotImplementedError(f"[{op}] Could not run 'aten::{op}' with arguments from the 'SparseCsrCPU' backend")
    if not is_coo(mat1) or not is_dense(mat2):
        raise RuntimeError(
            f"{op}: expected 'mat1' to have sparse and 'mat2' to have strided layout, got {layout_name(mat1)} and "
            f"{layout_name(mat2)}"
        )
    for matrix in (mat1, mat2):
        if matrix.dim() != 2:
            raise RuntimeError(f"{op}: matrices expected, got {matrix.dim()}D tensor")
    _check_pair(op, mat1, mat2)
    rows, place = mat1._positions[0].unique(return_inverse=True)
    pieces = mat2.index_select(0, mat1._positions[1]) * mat1._elements.unsqueeze(1)
    return rows, add_rows(mat2.new_zeros((rows.shape[0], mat2.shape[1])), place, pieces)


def hspmm(mat1, mat2, *, out=None):
    """The product of a sparse and a dense matrix; the rows in which mat1 stores something are stored whole.

    >>> flambeau.hspmm(flambeau.sparse_coo_tensor([[1], [0]], [2.0], (3, 1)), flambeau.ones(1, 2))
    tensor(indices=tensor([[1]]),
           values=tensor([[2., 2.]]),
           size=(3, 2), nnz=1, layout=torch.sparse_coo)
    """
    if is_dense(mat1):
        raise NotImplementedError("[hspmm] Could not run 'aten::hspmm' with arguments from the 'CPU' backend")
    rows, pieces = _stored_rows("hspmm", mat1, mat2)
    return make_coo((mat1.shape[0], mat2.shape[1]), rows[None], pieces, False)


def smm(input, mat):
    """The product of a sparse and a dense matrix, as a sparse one.

    >>> flambeau.smm(flambeau.sparse_coo_tensor([[1], [0]], [2.0], (3, 1)), flambeau.ones(1, 2)).to_dense()
    tensor([[0., 0.],
            [2., 2.],
            [0., 0.]])
    """
    rows, pieces = _stored_rows("sspaddmm", input, mat)
    width = mat.shape[1]
    positions = flambeau.stack([rows.repeat_interleave(width), flambeau.arange(width).repeat(rows.shape[0])])
    return make_coo((input.shape[0], width), positions, pieces.reshape(-1), False)


def sspaddmm(input, mat1, mat2, *, beta=1, alpha=1, out=None):
    """beta * input + alpha * mat1 @ mat2, of sparse input and mat1 and a dense mat2, as a sparse matrix.

    >>> x, m = flambeau.eye(2).to_sparse(), flambeau.sparse_coo_tensor([[1], [0]], [2.0], (2, 1))
    >>> flambeau.sspaddmm(x, m, flambeau.ones(1, 2)).to_dense()
    tensor([[1., 0.],
            [2., 3.]])
    """
    product = smm(mat1, mat2)
    if not is_coo(input):
        raise RuntimeError(f"sspaddmm: expected 'self' to have sparse layout, got {layout_name(input)}")
    if tuple(input.shape) != tuple(product.shape):
        raise RuntimeError(f"sspaddmm: expected 'self' of shape {tuple(product.shape)}, got {tuple(input.shape)}")
    positions = flambeau.cat([input._positions, product._positions], 1)
    elements = flambeau.cat([input._elements * beta, product._elements * alpha])
    return make_coo(input.shape, positions, elements, False)


def saddmm(input, mat1, mat2, beta=1, alpha=1, out=None):
    """`sspaddmm`, under an old name.

    >>> x, m = flambeau.eye(2).to_sparse(), flambeau.sparse_coo_tensor([[1], [0]], [2.0], (2, 1))
    >>> flambeau.saddmm(x, m, flambeau.ones(1, 2)).to_dense()
    tensor([[1., 0.],
            [2., 3.]])
    """
    return sspaddmm(input, mat1, mat2, beta=beta, alpha=alpha)


def product(mat1, mat2):
    """The product of two matrices of any layout."""
    return flambeau.mm(mat1, mat2) if is_dense(mat1) and is_dense(mat2) else mm(mat1, mat2)


def dsmm(input, mat2, out_dtype=None):
    """The product of two matrices, one or both of them sparse; mm's old name.

    >>> flambeau.dsmm(flambeau.eye(2).to_sparse(), flambeau.ones(2, 1))
    tensor([[1.],
            [1.]])
    """
    return product(input, mat2)


def spmm(input, mat2, out_dtype=None):
    """The product of two matrices, one or both of them sparse; mm's old name.

    >>> flambeau.spmm(flambeau.eye(2).to_sparse(), flambeau.ones(2, 1))
    tensor([[1.],
            [1.]])
    """
    return product(input, mat2)


hsmm = hspmm


# ---- at chosen places


_REDUCTIONS = {"sum": "sum", "mean": "mean", "amax": "amax", "amin": "amin"}


def mm_reduce(mat1, mat2, reduce):
    """The product of a matrix by rows and a dense one, with another reduction in place of the sum."""
    if not (is_compressed(mat1) and mat1.layout is BY_ROW) or not is_dense(mat2):
        raise NotImplementedError(
            f"[sparse.mm] with reduce needs a sparse_csr and a dense matrix, got {layout_name(mat1)} and {layout_name(mat2)}"
        )
    if reduce not in _REDUCTIONS:
        raise RuntimeError(f"reduce argument must be either sum, mean, amax or amin, got {reduce}")
    _check_pair("mm", mat1, mat2)
    row, column, elements = rows_columns(mat1)
    pieces = mat2.index_select(0, column) * elements.unsqueeze(1)
    base = pieces.new_zeros((mat1.shape[0], mat2.shape[1]))
    return base.scatter_reduce(
        0, row.unsqueeze(1).expand(pieces.shape), pieces, _REDUCTIONS[reduce], include_self=False
    )


def sampled_addmm(input, mat1, mat2, *, beta=1.0, alpha=1.0, out=None):
    """beta * input + alpha * mat1 @ mat2 at the places that input, compressed by rows, stores.

    Args:
        input: (..., m, n), layout sparse_csr.
        mat1: (..., m, k), dense.
        mat2: (..., k, n), dense.

    >>> x = flambeau.eye(2).to_sparse_csr()
    >>> flambeau.sparse.sampled_addmm(x, flambeau.ones(2, 3), flambeau.ones(3, 2)).values()
    tensor([4., 4.])
    """
    if not is_compressed(input) or input.layout is not BY_ROW:
        raise NotImplementedError(
            f"[sampled_addmm] Could not run 'aten::sparse_sampled_addmm' with a tensor of layout {getattr(input, 'layout', None)}: "
            "input must be sparse_csr"
        )
    if not is_dense(mat1) or not is_dense(mat2):
        raise RuntimeError("sampled_addmm: Expected mat1 and mat2 to have strided layout")
    if mat1.shape[-1] != mat2.shape[-2] or tuple(input.shape) != (*mat1.shape[:-1], mat2.shape[-1]):
        raise RuntimeError(
            f"sampled_addmm: mat1 {tuple(mat1.shape)} and mat2 {tuple(mat2.shape)} do not give input's shape "
            f"{tuple(input.shape)}"
        )
    line, column = expanded(input)
    rows, columns = input.shape[-2:]
    left = mat1.reshape(-1, mat1.shape[-1]).index_select(0, line)
    batch = line.div(max(rows, 1), rounding_mode="floor")
    right = mat2.transpose(-1, -2).reshape(-1, mat2.shape[-2]).index_select(0, batch * columns + column)
    sampled = alpha * (left * right).sum(1)
    elements = sampled if beta == 0 else beta * flat_elements(input) + sampled
    return input._with(elements.reshape(input._elements.shape))


PRODUCTS = {
    "mm": mm, "mv": mv, "matmul": matmul, "bmm": bmm, "addmm": addmm, "addmm_": addmm_, "addmv": addmv, "smm": smm,
    "sspaddmm": sspaddmm, "__matmul__": matmul, "__rmatmul__": rmatmul,
}  # fmt: skip
