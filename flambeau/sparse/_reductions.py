"""Sums, norms and softmax of sparse tensors."""

import flambeau

from ._compressed import compress, to_sparse_coo
from ._coordinates import add_rows, coalesce, flat_positions
from ._tensor import check_dim, is_compressed, is_coo, is_dense, make_coo


def _dims(dim, ndim):
    dims = [check_dim(d, ndim) for d in ((dim,) if isinstance(dim, int) else dim)]
    for d in dims:
        if dims.count(d) > 1:
            raise RuntimeError(f"dim {d} appears multiple times in the list of dims")
    return dims


def sum(input, dim=None, keepdim=False, *, dtype=None, out=None):
    """The sum of all elements, or along dimensions (sparse while some coordinates are left)."""
    if dim is None or (not isinstance(dim, int) and len(dim) == 0):
        return input._elements.sum(dtype=dtype)
    if is_compressed(input):
        if not keepdim:
            raise RuntimeError("reduction operations on CSR tensors with keepdim=False is unsupported")
        return compress(sum(to_sparse_coo(input), dim, True, dtype=dtype), input.layout)
    dims = _dims(dim, input.dim())
    total = _sum_dims(input, dims, dtype)
    if not keepdim:
        return total if is_dense(total) else coalesce(total)
    for d in sorted(dims):
        total = total.unsqueeze(d)
    return total if is_dense(total) else make_coo(total.shape, total._positions, total._elements, False)


def _sum_dims(input, dims, dtype):
    sparse = input.sparse_dim()
    inner = [d - sparse + 1 for d in dims if d >= sparse]
    elements = input._elements if dtype is None else input._elements.to(dtype)
    if inner:
        elements = elements.any(inner) if elements.dtype is flambeau.bool else elements.sum(inner, dtype=elements.dtype)
    kept = [d for d in range(sparse) if d not in dims]
    if not kept:
        return elements.sum(0)
    size = [n for d, n in enumerate(input.shape) if d not in dims]
    positions = input._positions.index_select(0, flambeau.tensor(kept))
    return coalesce(make_coo(size, positions, elements, len(kept) == sparse and input._sorted))


def sparse_sum(input, dim=None, dtype=None):
    """The sum of a sparse tensor's elements, all of them or along dimensions; sparse while a sparse dimension is left.

    Args:
        input: with layout sparse_coo.
        dim: a dimension, several, or None for all.
        dtype: of the result.

    >>> x = flambeau.sparse_coo_tensor([[0, 1], [2, 2]], [3.0, 4.0], (2, 3))
    >>> flambeau.sparse.sum(x), flambeau.sparse.sum(x, 0).to_dense()
    (tensor(7.), tensor([0., 0., 7.]))
    """
    if not is_coo(input):
        kind = NotImplementedError if dim is not None else RuntimeError
        raise kind(f"[sparse.sum] coalesce expected sparse coordinate tensor layout but got {input.layout}")
    return sum(input, dim, dtype=dtype)


def any(input, dim=None, keepdim=False, *, out=None):
    """Whether any element is not 0."""
    if dim is not None or is_compressed(input):
        raise NotImplementedError("[any] Could not run 'aten::any.dim' with arguments from the 'SparseCPU' backend")
    return coalesce(input)._elements.any()


def norm(input, p="fro", dim=None, keepdim=False, out=None, dtype=None):
    """The norm of all elements."""
    if is_compressed(input):
        raise NotImplementedError("[norm] Could not run 'aten::norm' with arguments from the 'SparseCsrCPU' backend")
    if dim is not None and len(_dims(dim, input.dim())) < input.dim():
        raise RuntimeError(
            "norm_sparse currently only supports full reductions, so 'dim' must either be empty or contain all dimensions of "
            "the input"
        )
    return coalesce(input)._elements.norm(p, dtype=dtype)


# ---- softmax


def _softmax(name, input, dim, dtype):
    if not is_coo(input):
        raise NotImplementedError(
            f"[sparse.{name}] Could not run 'aten::_sparse_{name}' with a tensor of layout {input.layout}"
        )
    input = coalesce(input if dtype is None else input.to(dtype))
    dim, sparse = check_dim(dim, input.dim()), input.sparse_dim()
    if dim >= sparse:
        return input._with(getattr(input._elements, name)(dim - sparse + 1))
    return input._with(_grouped_softmax(input, dim, name == "log_softmax"))


def _grouped_softmax(input, dim, logarithm):
    """Over the elements that differ in the coordinate `dim` only; what is not stored counts as -inf."""
    kept = [d for d in range(input.sparse_dim()) if d != dim]
    rows = input._positions.index_select(0, flambeau.tensor(kept, dtype=flambeau.int64))
    _, group = flat_positions(rows, [input.shape[d] for d in kept]).unique(return_inverse=True)
    elements = input._elements
    if elements.shape[0] == 0:
        return elements.clone()
    groups = int(group.max()) + 1
    wide = group.view(-1, *(1,) * (elements.dim() - 1)).expand(elements.shape)
    start = elements.detach().new_full((groups, *elements.shape[1:]), float("-inf"))
    largest = start.scatter_reduce(0, wide, elements.detach(), "amax").index_select(0, group)
    shifted = elements - largest.masked_fill(largest == float("-inf"), 0)
    powers = shifted.exp()
    total = add_rows(powers.new_zeros((groups, *powers.shape[1:])), group, powers).index_select(0, group)
    return shifted - total.log() if logarithm else powers / total


def softmax(input, dim, *, dtype=None):
    """Softmax over the stored elements of a sparse tensor; what is not stored counts as -inf and stays out.

    Args:
        input: with layout sparse_coo.
        dim: the dimension along which the results add up to 1.
        dtype: input is cast to this first.

    >>> x = flambeau.sparse_coo_tensor([[0, 0, 1], [0, 2, 1]], [1.0, 1.0, 5.0], (2, 3))
    >>> flambeau.sparse.softmax(x, 1).to_dense()
    tensor([[0.5000, 0.0000, 0.5000],
            [0.0000, 1.0000, 0.0000]])
    """
    return _softmax("softmax", input, dim, dtype)


def log_softmax(input, dim, *, dtype=None):
    """The logarithm of `sparse.softmax`, computed without overflow.

    >>> x = flambeau.sparse_coo_tensor([[0, 0, 1], [0, 2, 1]], [1.0, 1.0, 5.0], (2, 3))
    >>> flambeau.sparse.log_softmax(x, 1).values()
    tensor([-0.6931, -0.6931,  0.0000])
    """
    return _softmax("log_softmax", input, dim, dtype)


REDUCTIONS = {"sum": sum, "any": any, "norm": norm}
