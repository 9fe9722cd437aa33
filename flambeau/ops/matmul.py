"""Matrix products: vectors, matrices, stacks of them, and what is composed of them."""

from .. import _C
from ._common import before_write, check_tensor, write_out
from ._host import one_by_one

__all__ = [
    "addbmm", "addmm", "addmv", "addr", "baddbmm", "bilinear", "bmm", "cdist", "chain_matmul", "cross", "dot",
    "einsum", "ger", "inner", "kron", "matmul", "matrix_power", "mm", "mv", "outer", "tensordot", "trace", "vdot",
]  # fmt: skip
FUNCTIONAL = ["bilinear", "grouped_mm", "linear"]


def _expect(op, ok, message, *tensors):
    """An error unless ok; the message has a place for the shape of each tensor."""
    if not ok:
        raise _C.ShapeError(f"[{op}] {message.format(*(tuple(t.shape) for t in tensors))}")


def _same_dtype(op, *tensors):
    dtype = tensors[0].dtype
    for t in tensors:
        if t.dtype is not dtype:
            shapes = ", ".join(f"{tuple(x.shape)} {str(x.dtype).split('.')[-1]}" for x in tensors)
            raise _C.DTypeError(f"[{op}] expected tensors of the same dtype, got {shapes}; convert with .to(...)")


def _check_out(op, out, result):
    """Matrix products do not cast into `out`: its dtype must be the result's."""
    if out is not None and out.dtype != result.dtype:
        raise _C.DTypeError(f"[{op}] expected out tensor to have dtype {result.dtype}, but got {out.dtype} instead")
    return write_out(out, result)


def _as_vector(op, x):
    if x.ndim != 1:
        _expect(op, False, "expected vectors (1-D tensors), got {}", x)


# ---------------------------------------------------------------------------------------------------- plain products


def matmul(input, other, *, out=None):
    """The matrix product of two tensors.

    Two matrices give their product, two vectors their dot product; a vector on the left counts as a row, on the right
    as a column, and leaves no dimension. With more dimensions, the last two are matrices and those before broadcast.

    Args:
        input: `(*, m, k)` or `(k,)`.
        other: `(*, k, n)` or `(k,)`, of the same dtype (bool has no product).

    Returns:
        Tensor: `(*, m, n)`, without m or n for a vector.

    Raises:
        ShapeError: the inner sizes disagree, or an argument has no dimension.

    >>> flambeau.matmul(flambeau.ones(2, 3), flambeau.ones(3))
    tensor([3., 3.])
    """
    result = _C.matmul(input, other)
    return result if out is None else _check_out("matmul", out, result)


def mm(input, mat2, *, out=None):
    """The product of two matrices: `out[i, j] = sum_k input[i, k] * mat2[k, j]`.

    Args:
        input: `(m, k)`.
        mat2: `(k, n)`, of the same dtype.

    Returns:
        Tensor: `(m, n)`.

    >>> flambeau.mm(flambeau.ones(2, 3), flambeau.ones(3, 2))
    tensor([[3., 3.],
            [3., 3.]])
    """
    if input.ndim != 2 or mat2.ndim != 2:
        raise _C.ShapeError(
            f"[mm] expected two matrices (2-D tensors), got {tuple(input.shape)} and {tuple(mat2.shape)}; use matmul"
        )
    result = _C.matmul(input, mat2)
    return result if out is None else _check_out("mm", out, result)


@one_by_one
def grouped_mm(mat_a, mat_b, *, offs=None, bias=None, out_dtype=None):
    """Matrix products of groups, as a mixture of experts needs.

    Args:
        mat_a: (M, K) whose rows, with mat_b (G, K, N), or columns, with mat_b (K, N), are cut into G groups; or (G, M, K).
        mat_b: (G, K, N); or (K, N) whose columns, with mat_a (G, M, K), or rows are cut into groups.
        offs: int32 (G), where each group ends; None where both have three dimensions.
        bias: must be None.
        out_dtype: the dtype of mat_a, if given.

    Returns: (M, N) for groups of rows or columns; (G, M, N) for groups of the summed dimension, and for batches.
    Raises: RuntimeError for other shapes and dtypes.

    >>> a, b = flambeau.ones(3, 2), flambeau.stack([flambeau.ones(2, 1), 2 * flambeau.ones(2, 1)])
    >>> flambeau.nn.functional.grouped_mm(a, b, offs=flambeau.tensor([1, 3], dtype=flambeau.int32)).tolist()
    [[2.0], [4.0], [4.0]]
    """
    _check_groups(mat_a, mat_b, offs, bias, out_dtype)
    if offs is None:
        return bmm(mat_a, mat_b)
    ends = offs.tolist()
    cuts = list(zip([0, *ends], ends))
    if mat_a.dim() == 2 and mat_b.dim() == 2:
        parts = [_C.slice(mat_a, 1, i, j, 1) @ _C.slice(mat_b, 0, i, j, 1) for i, j in cuts]
        return _C.cat([_C.unsqueeze(p, 0) for p in parts], 0)
    if mat_a.dim() == 2:
        parts, dim, rest = [_C.slice(mat_a, 0, i, j, 1) @ mat_b[g] for g, (i, j) in enumerate(cuts)], 0, mat_a.shape[0]
    else:
        parts, dim, rest = [mat_a[g] @ _C.slice(mat_b, 1, i, j, 1) for g, (i, j) in enumerate(cuts)], 1, mat_b.shape[1]
    rest -= ends[-1] if ends else 0
    other = mat_b.shape[-1] if dim == 0 else mat_a.shape[-2]
    if rest > 0:  # what is in no group
        parts.append(_C.full((rest, other) if dim == 0 else (other, rest), 0, mat_a.dtype))
    return _C.cat(parts, dim)


def _check_groups(mat_a, mat_b, offs, bias, out_dtype):
    for name, t in (("mat_a", mat_a), ("mat_b", mat_b)):
        if t.dim() not in (2, 3):
            raise RuntimeError(f"[grouped_mm] {name} has to be 2 or 3d, got shape {tuple(t.shape)}")
    if mat_a.dtype not in (_C.float32, _C.bfloat16, _C.float16) or mat_a.dtype is not mat_b.dtype:
        raise RuntimeError(
            f"[grouped_mm] expected two float32, bfloat16 or float16 tensors, got {mat_a.dtype} and {mat_b.dtype}"
        )
    if (offs is None) != (mat_a.dim() == mat_b.dim() == 3):
        raise RuntimeError(
            "[grouped_mm] Have to provide offsets if there is a 2d matrix, or no offset if both matrices are 3d"
        )
    if offs is not None and (offs.dtype is not _C.int32 or offs.dim() != 1):
        raise RuntimeError(f"[grouped_mm] Offsets have to be int32 (G), got {offs.dtype} {tuple(offs.shape)}")
    if mat_a.shape[-1] != mat_b.shape[-2]:
        raise RuntimeError(
            f"[grouped_mm] contraction dimension of mat_a and mat_b must match: {tuple(mat_a.shape)}, {tuple(mat_b.shape)}"
        )
    groups = {t.shape[0] for t in (mat_a, mat_b) if t.dim() == 3} | ({offs.shape[0]} if offs is not None else set())
    if len(groups) > 1:
        raise RuntimeError(f"[grouped_mm] matrix batch sizes have to match, got {sorted(groups)}")
    if bias is not None:
        raise RuntimeError("[grouped_mm] Bias not supported yet: add it to the result")
    if out_dtype not in (None, mat_a.dtype):
        raise RuntimeError(f"[grouped_mm] out_dtype must be {mat_a.dtype}, that of mat_a, got {out_dtype}")


def bmm(input, mat2, *, out=None):
    """The products of two stacks of matrices; nothing broadcasts.

    Args:
        input: `(b, m, k)`.
        mat2: `(b, k, n)`, of the same dtype.

    Returns:
        Tensor: `(b, m, n)`.

    >>> flambeau.bmm(flambeau.ones(4, 2, 3), flambeau.ones(4, 3, 5)).shape
    torch.Size([4, 2, 5])
    """
    if input.ndim != 3 or mat2.ndim != 3 or input.shape[0] != mat2.shape[0]:
        raise _C.ShapeError(
            f"[bmm] expected batch1 (b, m, k) and batch2 (b, k, n), both 3D tensors, got {tuple(input.shape)} and "
            f"{tuple(mat2.shape)}; use matmul to broadcast"
        )
    result = _C.matmul(input, mat2)
    return result if out is None else _check_out("bmm", out, result)


def mv(input, vec, *, out=None):
    """The product of a matrix and a vector: `(m, k)` and `(k,)` give `(m,)`.

    >>> flambeau.mv(flambeau.ones(2, 3), flambeau.ones(3))
    tensor([3., 3.])
    """
    ok = input.ndim == 2 and vec.ndim == 1
    _expect("mv", ok, "expected a matrix and a vector, got {} and {}", input, vec)
    return _check_out("mv", out, _C.matmul(input, vec))


def dot(input, tensor, *, out=None):
    """The dot product of two vectors of the same length and dtype; nothing is conjugated.

    >>> flambeau.dot(flambeau.ones(3), flambeau.ones(3))
    tensor(3.)
    """
    _as_vector("dot", input)
    _as_vector("dot", tensor)
    result = _C.matmul(input, tensor)
    return result if out is None else _check_out("dot", out, result)


def vdot(input, other, *, out=None):
    """The dot product of two vectors, the first one conjugated.

    >>> flambeau.vdot(flambeau.ones(3), flambeau.ones(3))
    tensor(3.)
    """
    return dot(_conj(input), other, out=out)


def _conj(x):
    return x.conj() if x.is_complex() else x


def inner(input, other, *, out=None):
    """Sums of products over the last dimension of both: `out[..., j...] = sum_k input[..., k] * other[j..., k]`.

    A tensor without dimensions scales the other.

    Args:
        input: `(*a, k)`.
        other: `(*b, k)`, of the same dtype.

    Returns:
        Tensor: `(*a, *b)`.

    >>> flambeau.inner(flambeau.ones(2, 3), flambeau.ones(4, 3)).shape
    torch.Size([2, 4])
    """
    if input.ndim == 0 or other.ndim == 0:
        return write_out(out, input * other)
    if input.ndim == 1 and other.ndim == 1:
        return dot(input, other, out=out)
    _same_dtype("inner", input, other)
    ok = input.shape[-1] == other.shape[-1]
    _expect("inner", ok, "the last dimensions must be equal, got {} and {}", input, other)
    rows = input.reshape(_product(input.shape[:-1]), input.shape[-1])
    columns = other.reshape(_product(other.shape[:-1]), other.shape[-1])
    result = matmul(rows, columns.transpose(0, 1)).reshape(*input.shape[:-1], *other.shape[:-1])
    return _check_out("inner", out, result)


def _product(sizes):
    total = 1
    for size in sizes:
        total *= size
    return total


def outer(input, vec2, *, out=None):
    """All products of the elements of two vectors: `out[i, j] = input[i] * vec2[j]`.

    >>> flambeau.outer(flambeau.ones(2), flambeau.ones(3)).shape
    torch.Size([2, 3])
    """
    _as_vector("outer", input)
    _as_vector("outer", vec2)
    return write_out(out, input.unsqueeze(1) * vec2)


def ger(input, vec2, *, out=None):
    """Another name of `outer`.

    >>> flambeau.ger(flambeau.ones(2), flambeau.ones(3)).shape
    torch.Size([2, 3])
    """
    return outer(input, vec2, out=out)


def linear(input, weight, bias=None):
    """A linear layer: `y = x W^T + b`.

    Args:
        input: `(*, in_features)`.
        weight: `(out_features, in_features)`, or `(in_features,)` for one output without its dimension.
        bias: `(out_features,)`, or None.

    Returns:
        Tensor: `(*, out_features)`.

    Raises:
        ShapeError: the sizes disagree.

    >>> flambeau.nn.functional.linear(flambeau.ones(2, 3), flambeau.ones(4, 3), flambeau.ones(4)).shape
    torch.Size([2, 4])
    """
    return _C.linear(input, weight, bias)


# ------------------------------------------------------------------------------------------------------ product and sum


def _scaled(x, by):
    return x if by == 1 else x * by


def _number_of(x, number):
    """alpha and beta in the dtype of the result: whole for integers."""
    return int(number) if not (x.is_floating_point() or x.is_complex()) else number


def _add_product(op, input, a, b, beta, alpha):
    """beta * input + alpha * (a @ b), in one kernel for floats; input is not looked at if beta is 0."""
    dtype = a.dtype
    if input.dtype is dtype is b.dtype and dtype.is_floating_point and a.ndim >= 2 and b.ndim >= 2:
        return _C.addmm(input, a, b, beta, alpha)
    _same_dtype(op, input, a, b)
    beta, alpha = _number_of(a, beta), _number_of(a, alpha)
    result = _scaled(_C.matmul(a, b), alpha)
    input = input.expand(result.shape)
    return result if beta == 0 else _scaled(input, beta) + result


def addmm(input, mat1, mat2, *, beta=1, alpha=1, out=None):
    """A matrix product added to a matrix: `beta * input + alpha * (mat1 @ mat2)`.

    Args:
        input: broadcasts to `(m, n)`; not looked at (NaN included) if beta is 0.
        mat1: `(m, k)`.
        mat2: `(k, n)`.

    Returns:
        Tensor: `(m, n)`.

    >>> flambeau.addmm(flambeau.ones(2), flambeau.ones(2, 3), flambeau.ones(3, 2))
    tensor([[4., 4.],
            [4., 4.]])
    """
    ok = mat1.ndim == 2 and mat2.ndim == 2
    _expect("addmm", ok, "mat1 and mat2 must be matrices, got {} and {}", mat1, mat2)
    result = _add_product("addmm", input, mat1, mat2, beta, alpha)
    return result if out is None else _check_out("addmm", out, result)


def addmv(input, mat, vec, *, beta=1, alpha=1, out=None):
    """A matrix-vector product added to a vector: `beta * input + alpha * (mat @ vec)`.

    >>> flambeau.addmv(flambeau.ones(2), flambeau.ones(2, 3), flambeau.ones(3))
    tensor([4., 4.])
    """
    ok = mat.ndim == 2 and vec.ndim == 1
    _expect("addmv", ok, "expected a matrix and a vector, got {} and {}", mat, vec)
    if mat.is_floating_point():  # one kernel, with one rounding
        column = _add_product("addmv", input.unsqueeze(-1), mat, vec.unsqueeze(-1), beta, alpha)
        return _check_out("addmv", out, column.squeeze(-1))
    return _check_out("addmv", out, _add_product("addmv", input, mat, vec, beta, alpha))


def _check_stacks(op, batch1, batch2):
    ok = batch1.ndim == 3 and batch2.ndim == 3 and batch1.shape[0] == batch2.shape[0]
    _expect(op, ok, "expected (b, m, k) and (b, k, n), both 3D tensors, got {} and {}", batch1, batch2)


def baddbmm(input, batch1, batch2, *, beta=1, alpha=1, out=None):
    """Stacks of matrix products added to a stack: `beta * input + alpha * bmm(batch1, batch2)`.

    Args:
        input: broadcasts to `(b, m, n)`.
        batch1: `(b, m, k)`.
        batch2: `(b, k, n)`.

    Returns:
        Tensor: `(b, m, n)`.

    >>> flambeau.baddbmm(flambeau.ones(1), flambeau.ones(2, 1, 3), flambeau.ones(2, 3, 1)).flatten()
    tensor([4., 4.])
    """
    _check_stacks("baddbmm", batch1, batch2)
    return _check_out("baddbmm", out, _add_product("baddbmm", input, batch1, batch2, beta, alpha))


def addbmm(input, batch1, batch2, *, beta=1, alpha=1, out=None):
    """The sum of a stack of matrix products added to a matrix: `beta * input + alpha * sum_b batch1[b] @ batch2[b]`.

    Args:
        input: broadcasts to `(m, n)`.
        batch1: `(b, m, k)`.
        batch2: `(b, k, n)`.

    Returns:
        Tensor: `(m, n)`.

    >>> flambeau.addbmm(flambeau.ones(1, 1), flambeau.ones(2, 1, 3), flambeau.ones(2, 3, 1))
    tensor([[7.]])
    """
    _check_stacks("addbmm", batch1, batch2)
    b, m, k = batch1.shape
    ok = k == batch2.shape[1]
    _expect("addbmm", ok, "the inner sizes must be equal, got {} and {}", batch1, batch2)
    left, right = batch1.permute(1, 0, 2).reshape(m, b * k), batch2.reshape(b * k, batch2.shape[2])
    return _check_out("addbmm", out, _add_product("addbmm", input, left, right, beta, alpha))


def addr(input, vec1, vec2, *, beta=1, alpha=1, out=None):
    """An outer product added to a matrix: `beta * input + alpha * outer(vec1, vec2)`.

    >>> flambeau.addr(flambeau.ones(2, 2), flambeau.ones(2), flambeau.ones(2))
    tensor([[2., 2.],
            [2., 2.]])
    """
    _as_vector("addr", vec1)
    _as_vector("addr", vec2)
    if input.dtype == _C.bool and vec1.dtype == _C.bool and vec2.dtype == _C.bool:
        product = (vec1.unsqueeze(1) * vec2) if alpha else _C.zeros((len(vec1), len(vec2)), _C.bool)
        return write_out(out, (input.expand(product.shape) | product) if beta else product)
    product = _scaled(vec1.unsqueeze(1) * vec2, alpha)
    dtype = _C.promote_types(input.dtype, product.dtype)
    if beta == 0:
        return write_out(out, product.to(dtype))
    input = input.to(dtype)  # so that beta does not widen a bool
    return write_out(out, _scaled(input.expand(product.shape), beta) + product)


def _in_place(function):
    name = function.__name__ + "_"

    def method(self, *args, beta=1, alpha=1, **named):
        result = function(before_write(self), *args, beta=beta, alpha=alpha, **named)
        ok = result.shape == self.shape
        _expect(name, ok, "the result {} does not fit into self {}", result, self)
        return _C.copy_(self, result)

    method.__name__ = method.__qualname__ = name
    method.__doc__ = f"`{function.__name__}`, written into the tensor itself."
    return method


# ------------------------------------------------------------------------------------------------------- compositions


def tensordot(a, b, dims=2, out=None, *, axes=None):
    """Sums of products over several dimensions of both tensors.

    Args:
        a: a tensor.
        b: a tensor of the same dtype.
        dims: how many last dimensions of `a` meet as many first ones of `b`; or two lists, for `a` and `b`.
        axes: NumPy's name of `dims`.

    Returns:
        Tensor: the remaining dimensions of `a`, then those of `b`.

    >>> flambeau.tensordot(flambeau.ones(2, 3, 4), flambeau.ones(3, 4, 5)).shape
    torch.Size([2, 5])
    """
    _same_dtype("tensordot", a, b)
    left, right = _contracted_dims(a, b, dims if axes is None else axes)
    for i, j in zip(left, right, strict=True):
        if a.shape[i] == 1 and b.shape[j] != 1:
            b = b.sum(j, keepdim=True)
        elif b.shape[j] == 1 and a.shape[i] != 1:
            a = a.sum(i, keepdim=True)
        ok = a.shape[i] == b.shape[j]
        _expect(
            "tensordot",
            ok,
            f"contracted dimensions need to match, got {a.shape[i]} in dim {i} of a and {b.shape[j]} in dim {j} of b",
        )
    a_rest = [d for d in range(a.ndim) if d not in left]
    b_rest = [d for d in range(b.ndim) if d not in right]
    shape = [a.shape[d] for d in a_rest] + [b.shape[d] for d in b_rest]
    if _product(shape) == 1:  # as in torch: autocast leaves dot alone
        flat = [x.permute(rest + dims).reshape(-1) for x, rest, dims in ((a, a_rest, left), (b, b_rest, right))]
        return _check_out("tensordot", out, dot(*flat).reshape(shape))
    depth = _product(a.shape[d] for d in left)
    rows = a.permute(a_rest + left).reshape(_product(a.shape[d] for d in a_rest), depth)
    columns = b.permute(right + b_rest).reshape(depth, _product(b.shape[d] for d in b_rest))
    return _check_out("tensordot", out, matmul(rows, columns).reshape(shape))


def _contracted_dims(a, b, dims):
    if isinstance(dims, _C.Tensor):
        dims = dims.tolist()
    if isinstance(dims, int):
        if dims < 0:
            raise RuntimeError(f"[tensordot] expects dims >= 0, but got dims={dims}")
        ok = dims <= min(a.ndim, b.ndim)
        _expect(
            "tensordot",
            ok,
            f"expects dims <= ndim of both tensors, but got dims={dims} with {tuple(a.shape)} and {tuple(b.shape)}",
        )
        return list(range(a.ndim - dims, a.ndim)), list(range(dims))
    left, right = ([d] if isinstance(d, int) else list(d) for d in dims)
    _expect(
        "tensordot",
        len(left) == len(right),
        f"both dimension lists should have the same length, got {left} and {right}",
    )
    return [_wrap(d, a.ndim) for d in left], [_wrap(d, b.ndim) for d in right]


def _wrap(dim, ndim):
    if not -max(ndim, 1) <= dim < max(ndim, 1):
        raise IndexError(
            f"Dimension out of range (expected to be in range of [{-max(ndim, 1)}, {max(ndim, 1) - 1}], but got {dim})"
        )
    return dim % max(ndim, 1)


def kron(input, other, *, out=None):
    """The Kronecker product: every element of `input` times the whole of `other`.

    Args:
        input: `(a_1, ..., a_n)`.
        other: `(b_1, ..., b_n)`; the one with fewer dimensions gets leading ones.

    Returns:
        Tensor: `(a_1 * b_1, ..., a_n * b_n)`.

    >>> flambeau.kron(flambeau.eye(2), flambeau.ones(1, 2))
    tensor([[1., 1., 0., 0.],
            [0., 0., 1., 1.]])
    """
    n = max(input.ndim, other.ndim)
    a = (1,) * (n - input.ndim) + tuple(input.shape)
    b = (1,) * (n - other.ndim) + tuple(other.shape)
    spread = input.reshape([s for size in a for s in (size, 1)]) * other.reshape([s for size in b for s in (1, size)])
    return write_out(out, spread.reshape([x * y for x, y in zip(a, b, strict=True)]))


def bilinear(input1, input2, weight, bias=None):
    """A bilinear form per output: `y[o] = x1^T W[o] x2 + b[o]`.

    Args:
        input1: `(*, in1)`.
        input2: `(*, in2)`.
        weight: `(out, in1, in2)`.
        bias: `(out,)`, or None.

    Returns:
        Tensor: `(*, out)`.

    >>> flambeau.nn.functional.bilinear(flambeau.ones(5, 2), flambeau.ones(5, 3), flambeau.ones(4, 2, 3)).shape
    torch.Size([5, 4])
    """
    shapes = f"{tuple(input1.shape)}, {tuple(input2.shape)} and {tuple(weight.shape)}"
    ok = input1.ndim == input2.ndim and input1.shape[:-1] == input2.shape[:-1] and weight.ndim == 3
    _expect(
        "bilinear",
        ok,
        f"expected (*, in1), (*, in2) and (out, in1, in2), got {shapes}",
    )
    ok = (input1.shape[-1], input2.shape[-1]) == tuple(weight.shape[1:])
    _expect(
        "bilinear",
        ok,
        f"input sizes must equal weight's, got {shapes}",
    )
    ok = bias is None or bias.shape[0] == weight.shape[0]
    _expect("bilinear", ok, "bias size does not match weight size")
    outputs, in1, in2 = weight.shape
    batch = input1.shape[:-1]
    left = _C.matmul(input1.reshape(_product(batch), in1), weight.permute(1, 0, 2).reshape(in1, outputs * in2))
    result = _C.matmul(left.reshape(_product(batch), outputs, in2), input2.reshape(_product(batch), in2, 1))
    result = result.reshape(*batch, outputs)
    return result if bias is None else result + bias


def trace(input):
    """The sum of the diagonal of a matrix.

    >>> flambeau.trace(flambeau.eye(3))
    tensor(3.)
    """
    _expect("trace", input.ndim == 2, f"expected a matrix, but got tensor with {input.ndim} dims")
    if input.dtype == _C.bool:
        raise NotImplementedError("[trace] \"trace\" not implemented for 'Bool'")
    return input.diagonal().sum()


def cross(input, other, dim=None, *, out=None):
    """The vector product of vectors of three elements along a dimension.

    Args:
        input: a tensor with size 3 along `dim`.
        other: one that broadcasts with it, of the same dtype.
        dim: the dimension; by default the first of size 3.

    Returns:
        Tensor: the broadcast shape.

    >>> flambeau.cross(flambeau.tensor([1.0, 0.0, 0.0]), flambeau.tensor([0.0, 1.0, 0.0]))
    tensor([0., 0., 1.])
    """
    ok = input.ndim == other.ndim
    _expect("cross", ok, "inputs must have the same number of dimensions, got {} and {}", input, other)
    if dim is None:
        dim = next((d for d in range(input.ndim) if input.shape[d] == 3), None)
        _expect("cross", dim is not None, "no dimension of size 3 in input {}", input)
    return linalg_cross(input, other, dim=dim, out=out)


def linalg_cross(input, other, *, dim=-1, out=None):
    """The vector product of vectors of three elements along a dimension (the last by default).

    >>> flambeau.linalg.cross(flambeau.tensor([1.0, 0.0, 0.0]), flambeau.tensor([0.0, 1.0, 0.0]))
    tensor([0., 0., 1.])
    """
    from . import stack

    ok = input.ndim == other.ndim
    _expect("cross", ok, "inputs must have the same number of dimensions, got {} and {}", input, other)
    _same_dtype("cross", input, other)
    dim = _wrap(dim, input.ndim)
    ok = input.ndim > 0 and input.shape[dim] == 3 and other.shape[dim] == 3
    _expect(
        "cross", ok, f"inputs dimension {dim} must have length 3, got {tuple(input.shape)} and {tuple(other.shape)}"
    )
    a, b = input.unbind(dim), other.unbind(dim)
    return write_out(
        out, stack([a[(i + 1) % 3] * b[(i + 2) % 3] - a[(i + 2) % 3] * b[(i + 1) % 3] for i in range(3)], dim)
    )


def linalg_vecdot(x, y, *, dim=-1, out=None):
    """Dot products along a dimension, `x` conjugated: `sum(conj(x) * y, dim)`.

    >>> flambeau.linalg.vecdot(flambeau.ones(2, 3), flambeau.ones(2, 3))
    tensor([3., 3.])
    """
    ok = x.is_floating_point() or x.is_complex()
    if not ok:
        raise _C.DTypeError(f"[linalg.vecdot] expected a floating point or complex tensor as input, got {x.dtype}")
    _same_dtype("linalg.vecdot", x, y)
    last = max(x.ndim, y.ndim) - 1
    if dim in (-1, last) and x.ndim and y.ndim and x.shape[-1] == y.shape[-1]:
        product = _C.matmul(_conj(x).unsqueeze(-2), y.unsqueeze(-1))
        return write_out(out, product.squeeze(-1).squeeze(-1))
    return write_out(out, (_conj(x) * y).sum(dim))


# ------------------------------------------------------------------------------------------------------------- chains


def chain_matmul(*matrices, out=None):
    """The product of several matrices, in the cheapest order.

    >>> flambeau.chain_matmul(flambeau.ones(2, 3), flambeau.ones(3, 4), flambeau.ones(4, 1)).shape
    torch.Size([2, 1])
    """
    for m in matrices:
        check_tensor("chain_matmul", m)
        _expect("chain_matmul", m.ndim == 2, "expected matrices, got {}", m)
    if not matrices:
        raise ValueError("[chain_matmul] Expected one or more matrices")
    if len(matrices) == 1:
        return matrices[0]
    return _check_out("chain_matmul", out, multi_dot(matrices))


def multi_dot(tensors, *, out=None):
    """The product of several matrices, in the cheapest order; the first and the last may be vectors.

    >>> flambeau.linalg.multi_dot([flambeau.ones(3), flambeau.ones(3, 4), flambeau.ones(4)])
    tensor(12.)
    """
    tensors = list(tensors)
    if len(tensors) < 2:
        raise RuntimeError(f"[multi_dot] expected at least 2 tensors but got {len(tensors)}")
    _same_dtype("multi_dot", *tensors)
    row, column = tensors[0].ndim == 1, tensors[-1].ndim == 1
    if row:
        tensors[0] = tensors[0].unsqueeze(0)
    if column:
        tensors[-1] = tensors[-1].unsqueeze(1)
    for t in tensors:
        _expect("multi_dot", t.ndim == 2, "expected matrices, got {}", t)
    for a, b in zip(tensors, tensors[1:], strict=False):
        ok = a.shape[1] == b.shape[0]
        _expect("multi_dot", ok, "tensors cannot be multiplied, shapes {} and {}", a, b)
    result = _multiply_chain(
        tensors, _cheapest_order([t.shape[0] for t in tensors] + [tensors[-1].shape[1]]), 0, len(tensors) - 1
    )
    result = result.squeeze(0) if row else result
    return _check_out("multi_dot", out, result.squeeze(-1) if column else result)


def _cheapest_order(sizes):
    """Where to cut each part of the chain (Cormen et al., Introduction to Algorithms, 15.2)."""
    n = len(sizes) - 1
    cost, cut = {(i, i): 0 for i in range(n)}, {}
    for length in range(1, n):
        for i in range(n - length):
            j = i + length
            options = ((cost[i, s] + cost[s + 1, j] + sizes[i] * sizes[s + 1] * sizes[j + 1], s) for s in range(i, j))
            cost[i, j], cut[i, j] = min(options)
    return cut


def _multiply_chain(tensors, cut, i, j):
    if i == j:
        return tensors[i]
    s = cut[i, j]
    return matmul(_multiply_chain(tensors, cut, i, s), _multiply_chain(tensors, cut, s + 1, j))


def matrix_power(input, n, *, out=None):
    """A square matrix (or each of a stack) times itself, n times; a negative n takes the inverse.

    Args:
        input: `(*, m, m)`.
        n: the exponent; 0 gives identity matrices.

    Returns:
        Tensor: `(*, m, m)`.

    >>> flambeau.linalg.matrix_power(2 * flambeau.eye(2), 3)
    tensor([[8., 0.],
            [0., 8.]])
    """
    ok = input.ndim >= 2 and input.shape[-1] == input.shape[-2]
    _expect("matrix_power", ok, "expected square matrices, got {}", input)
    if n == 0:
        from . import eye, where

        never = _C.zeros(
            input.shape, _C.bool, input.device
        )  # as in torch, the result depends on input, with derivative 0
        return write_out(out, where(never, input, eye(input.shape[-1], dtype=input.dtype, device=input.device)))
    if n < 0:
        from ..linalg import inv

        input, n = inv(input), -n
    result, square = None, input
    while n:
        if n & 1:
            result = square if result is None else matmul(result, square)
        n >>= 1
        square = matmul(square, square) if n else square
    return write_out(out, result.clone() if result is input else result)


# ---------------------------------------------------------------------------------------------------------- distances


def cdist(x1, x2, p=2.0, compute_mode="use_mm_for_euclid_dist_if_necessary"):
    """The distances between all pairs of rows: `out[..., i, j] = ||x1[..., i, :] - x2[..., j, :]||_p`.

    Args:
        x1: `(*, m, d)`, floating point.
        x2: `(*, r, d)`.
        p: the norm, from 0 (how many differ) to infinity (the largest difference).
        compute_mode: whether distances for p=2 come from a matrix product: faster, a little less exact.

    Returns:
        Tensor: `(*, m, r)`.

    >>> flambeau.cdist(flambeau.zeros(1, 2), flambeau.tensor([[3.0, 4.0]]))
    tensor([[5.]])
    """
    _check_points(x1, x2, p, compute_mode)
    large = max(x1.shape[-2], x2.shape[-2]) > 25 and compute_mode == "use_mm_for_euclid_dist_if_necessary"
    if p == 2 and (large or compute_mode == "use_mm_for_euclid_dist") and x1.numel() and x2.numel():
        return _euclidean(x1, x2)
    return _norm_of_differences(x1.unsqueeze(-2) - x2.unsqueeze(-3), p)


def _check_points(x1, x2, p, compute_mode):
    for x in (x1, x2):
        if not x.is_floating_point():
            raise _C.DTypeError(f"[cdist] only supports floating-point dtypes, got {x.dtype}")
        _expect("cdist", x.ndim >= 2, "expected tensors of at least two dimensions, got {} and {}", x1, x2)
    ok = x1.shape[-1] == x2.shape[-1]
    _expect("cdist", ok, "X1 and X2 must have the same number of columns, got {} and {}", x1, x2)
    if p < 0:
        raise RuntimeError(f"[cdist] only supports non-negative p values, got {p}")
    if compute_mode not in (
        "use_mm_for_euclid_dist_if_necessary",
        "use_mm_for_euclid_dist",
        "donot_use_mm_for_euclid_dist",
    ):
        raise ValueError(f"{compute_mode} is not a valid value for compute_mode")


def _positive_root(squares):
    """The square root, with derivative 0 at 0."""
    from . import where

    positive = squares > 0
    return where(positive, where(positive, squares, 1.0).sqrt(), 0.0 * squares)


def _euclidean(x1, x2):
    squares = (x1 * x1).sum(-1, keepdim=True) + (x2 * x2).sum(-1).unsqueeze(-2)
    product = _C.matmul(x1 * -2, x2.transpose(-1, -2))
    if _C.is_grad_enabled() and (x1.requires_grad or x2.requires_grad):
        return _positive_root(squares + product)
    return product.add_(squares).clamp_(min=0).sqrt_()


def _norm_of_differences(d, p):
    from . import where

    if p == 0:
        return d.sign().abs().sum(-1)
    if p == 1:
        return d.abs().sum(-1)
    if p == 2:
        return _positive_root((d * d).sum(-1))
    if d.shape[-1] == 0:
        return d.sum(-1)
    if p == float("inf"):
        return d.abs().amax(-1)
    zero = d == 0
    total = where(zero, 0.0, where(zero, 1.0, d).abs() ** p).sum(-1)
    empty = total == 0
    return where(empty, 0.0, where(empty, 1.0, total) ** (1.0 / p))


from ._einsum import einsum  # noqa: E402  (composed of the above)

addmm_, addmv_, addbmm_, addr_, baddbmm_ = (_in_place(f) for f in (addmm, addmv, addbmm, addr, baddbmm))
METHODS = [
    "addbmm", "addbmm_", "addmm", "addmm_", "addmv", "addmv_", "addr", "addr_", "baddbmm", "baddbmm_", "bmm",
    "cross", "dot", "ger", "inner", "kron", "matmul", "matrix_power", "mm", "mv", "outer", "trace", "vdot",
    ("__rmatmul__", lambda self, other: matmul(other, self)),
]  # fmt: skip
