"""Element by element: functions that keep 0, sums and products of sparse tensors with each other and with dense ones."""

import math

import flambeau
from flambeau import _C

from ._compressed import compress, to_sparse_coo
from ._coordinates import coalesce, elements_at, flat_positions
from ._tensor import is_compressed, is_coo, is_dense, layout_name, make_coo

# f(0) = 0, or False. In-place forms exist where the dtype stays.
_ZERO_TO_ZERO = (
    "abs", "absolute", "arcsin", "arcsinh", "arctan", "arctanh", "asin", "asinh", "atan", "atanh", "ceil", "deg2rad", "erf",
    "erfinv", "expm1", "fix", "floor", "frac", "log1p", "rad2deg", "relu", "round", "sgn", "sign", "sin", "sinh", "sqrt", "tan",
    "tanh", "trunc",
)  # fmt: skip
_QUESTIONS = ("isinf", "isnan", "isneginf", "isposinf", "signbit")
_LINEAR = ("neg", "negative", "positive", "conj", "conj_physical", "resolve_conj", "resolve_neg")


def _on_elements(name, merged):
    public = getattr(flambeau, name)

    def apply(self, *args, **kwargs):
        self = coalesce(self) if merged and is_coo(self) else self
        return self._with(public(self._elements, *args, **kwargs))

    def apply_(self, *args, **kwargs):
        if merged and is_coo(self) and not self._sorted:
            raise RuntimeError(f"{name}_ requires coalesced input")
        return self._become(apply(self, *args, **kwargs))

    apply.__doc__ = f"`{name}` of the stored elements; the others stay 0."
    apply_.__doc__ = f"`{name}`, in place."
    return apply, apply_


def _unary(names, merged, inplace=True):
    table = {}
    for name in names:
        apply, apply_ = _on_elements(name, merged)
        table[name] = apply
        if inplace and hasattr(_C.Tensor, name + "_"):
            table[name + "_"] = apply_
    return table


def _is_number(value):
    return not isinstance(value, _C.Tensor) or (is_dense(value) and value.dim() == 0)


def _same_size(name, a, b):
    if tuple(a.shape) != tuple(b.shape):
        raise RuntimeError(
            f"{name}: expected sizes of 'self' and 'other' to match, but {list(a.shape)} != {list(b.shape)}"
        )


# ---- sums


def add(input, other, *, alpha=1, out=None):
    """input + alpha * other: both sparse, or the first dense."""
    if is_dense(input) and not _is_number(input):
        return _add_to_dense(input.clone(), other, alpha)
    if is_compressed(input) and is_dense(other) and not _is_number(other):
        return _add_to_dense(other * alpha if alpha != 1 else other.clone(), input, 1)
    if _is_number(other) or is_dense(other) or is_dense(input):
        raise RuntimeError("add(sparse, dense) is not supported. Use add(dense, sparse) instead.")
    if input.layout is not other.layout:
        raise RuntimeError(f"[add] layouts must be the same, got {input.layout} and {other.layout}")
    _same_size("add", input, other)
    if is_compressed(input):
        return compress(add(to_sparse_coo(input), to_sparse_coo(other), alpha=alpha), input.layout)
    if input.sparse_dim() != other.sparse_dim():
        raise RuntimeError(
            f"add: expected 'self' and 'other' to have same number of sparse dims, got {input.sparse_dim()} and "
            f"{other.sparse_dim()}"
        )
    dtype = flambeau.result_type(input._elements, other._elements)
    scaled = other._elements if alpha == 1 else other._elements * alpha
    if input._positions.shape == other._positions.shape and bool((input._positions == other._positions).all()):
        return input._with(input._elements + scaled)
    positions = flambeau.cat([input._positions, other._positions], 1)
    elements = flambeau.cat([input._elements.to(dtype), scaled.to(dtype)])
    both = make_coo(input.shape, positions, elements, False)
    crowded = both._nnz() > math.prod(both.shape[: both.sparse_dim()])  # a sum of many sums must not grow for ever
    return coalesce(both) if crowded or (input._sorted and other._sorted) else both


def _add_to_dense(dense, sparse, alpha):
    """dense + alpha * sparse, in the memory of dense if the dtype allows."""
    if tuple(dense.shape) != tuple(sparse.shape):
        raise RuntimeError(
            f"add: expected 'self' and 'other' to have same size, but self has size {list(dense.shape)} while other has size "
            f"{list(sparse.shape)} (FYI: dense-sparse addition does not currently support broadcasting)"
        )
    dtype = flambeau.result_type(dense, sparse._elements)
    return _accumulate(dense.to(dtype), sparse, alpha)


def _accumulate(dense, sparse, alpha):
    sparse = to_sparse_coo(sparse) if is_compressed(sparse) else sparse
    elements = sparse._elements if alpha == 1 else sparse._elements * alpha
    elements = elements.to(dense.dtype)
    ndim = sparse.sparse_dim()
    if ndim == 0:
        return dense.add_(elements.sum(0))
    if dense.is_contiguous() and dense.dtype is not flambeau.bool:
        flat = flat_positions(sparse._positions, dense.shape[:ndim])
        rows = dense.view(math.prod(dense.shape[:ndim]), *dense.shape[ndim:])
        rows.index_add_(0, flat, elements)
        return dense
    return dense.index_put_(tuple(sparse._positions), elements, accumulate=True)


def add_(self, other, *, alpha=1):
    """self + alpha * other, in place."""
    if not is_dense(self):
        if is_dense(other) or _is_number(other):
            raise RuntimeError("add(sparse, dense) is not supported. Use add(dense, sparse) instead.")
        return self._become(add(self, other, alpha=alpha))
    _same_size("add", self, other)
    if not flambeau.can_cast(other.dtype, self.dtype):
        raise RuntimeError(f"Can't convert result type {other.dtype} to output {self.dtype} in add operation")
    _accumulate(self, other, alpha)
    return self


def _opposite(alpha):
    return -alpha


def sub(input, other, *, alpha=1, out=None):
    """input - alpha * other."""
    if is_compressed(input) or is_compressed(other):
        raise NotImplementedError("[sub] unsupported tensor layout: SparseCsr; use .to_sparse_coo() first")
    return add(input, other, alpha=_opposite(alpha))


def sub_(self, other, *, alpha=1):
    """self - alpha * other, in place."""
    if is_compressed(self) or is_compressed(other):
        raise NotImplementedError("[sub_] unsupported tensor layout: SparseCsr; use .to_sparse_coo() first")
    return add_(self, other, alpha=_opposite(alpha))


def radd(self, other):
    """other + self."""
    return add(other, self) if isinstance(other, _C.Tensor) else add(self, other)


def rsub(self, other):
    """other - self."""
    return sub(other, self)


# ---- products


def mul(input, other, *, out=None):
    """The product; 0 where a sparse factor stores nothing."""
    if not isinstance(input, _C.Tensor) or is_dense(input):
        input, other = other, input
    if _is_number(other):
        return input._with(input._elements * other)
    if is_compressed(other) and is_coo(input):
        raise RuntimeError("Expected result Tensor to be of format CSR")
    if is_compressed(input):
        other = to_sparse_coo(other) if is_compressed(other) else other
        return compress(mul(to_sparse_coo(input), other), input.layout)
    if is_dense(other):
        return _times_dense(input, other)
    _same_size("mul", input, other)
    if other.sparse_dim() != input.sparse_dim():
        raise RuntimeError(f"mul: sparse dims must be the same, got {input.sparse_dim()} and {other.sparse_dim()}")
    if not (input._sorted and other._sorted):  # on the pattern of one that is not coalesced
        first = other._sorted or (not input._sorted and input._nnz() < other._nnz())
        pattern, rest = (input, other) if first else (other, input)
        return pattern._with(pattern._elements * elements_at(rest, pattern))
    return _times_coalesced(input, other)


def _times_coalesced(a, b):
    sizes = a.shape[: a.sparse_dim()]
    here = flambeau.isin(flat_positions(a._positions, sizes), flat_positions(b._positions, sizes)).nonzero().view(-1)
    common = make_coo(a.shape, a._positions.index_select(1, here), a._elements.index_select(0, here), True)
    return common._with(common._elements * elements_at(b, common))


def _times_dense(sparse, dense):
    shape = flambeau.broadcast_shapes(sparse.shape, dense.shape)
    lead = shape[: len(shape) - sparse.dim()]
    if tuple(shape[len(lead) :]) != tuple(sparse.shape):
        raise RuntimeError(
            f"[mul] a sparse tensor of shape {tuple(sparse.shape)} cannot be broadcast to {tuple(shape)}"
        )
    for size in reversed(lead):
        copies = [sparse.unsqueeze(0)] * size
        sparse = make_coo((size, *sparse.shape), *_repeated(copies, sparse), sparse._sorted)
    return sparse._with(sparse._elements * elements_at(dense.expand(shape), sparse))


def _repeated(copies, sparse):
    count, stored = len(copies), sparse._nnz()
    first = flambeau.arange(count).repeat_interleave(stored)[None]
    positions = flambeau.cat([first, sparse._positions.repeat(1, count)])
    return positions, sparse._elements.repeat(count, *(1,) * (sparse._elements.dim() - 1))


def mul_(self, other):
    """The product, in place; with a dense self its elements change."""
    if not is_dense(self):
        return self._become(mul(self, other))
    if is_compressed(other):
        raise RuntimeError("Expected result Tensor to be of format CSR")
    return self.copy_(mul(other, self).to_dense())


def _divided(name, input, other, rounding):
    if is_compressed(input) or is_compressed(other):
        raise NotImplementedError(f"[{name}] unsupported tensor layout: SparseCsr; use .to_sparse_coo() first")
    if not _is_number(other):
        kind = " floor" if name == "floor_divide" else ""
        raise RuntimeError(
            f"Sparse{kind} division requires a scalar or zero-dim dense tensor divisor (got shape {list(other.shape)} for "
            "divisor)"
        )
    input = coalesce(input) if rounding else input
    return input._with(input._elements.div(other, rounding_mode=rounding))


def div(input, other, *, rounding_mode=None, out=None):
    """The quotient by a number."""
    return _divided("div", input, other, rounding_mode)


def div_(self, other, *, rounding_mode=None):
    """The quotient by a number, in place."""
    if is_dense(self):
        _divided("div", self, other, rounding_mode)
    return self._become(div(self, other, rounding_mode=rounding_mode))


def floor_divide(input, other, *, out=None):
    """The quotient by a number, rounded down."""
    return _divided("floor_divide", input, other, "floor")


def floor_divide_(self, other):
    """The quotient by a number, rounded down, in place."""
    return self._become(floor_divide(self, other))


def pow(input, exponent, *, out=None):
    """A power, other than 0, of the stored elements."""
    if is_compressed(input) or is_compressed(exponent):
        raise NotImplementedError("[pow] unsupported tensor layout: SparseCsr; use .to_sparse_coo() first")
    if isinstance(exponent, _C.Tensor) or not is_coo(input):
        raise NotImplementedError("[pow] Could not run 'aten::pow' with arguments from the 'SparseCPU' backend")
    if exponent == 0:
        raise RuntimeError("pow: cannot raise to zeroth power on sparse tensor; it would make the result tensor dense")
    input = coalesce(input)
    return input._with(input._elements.pow(exponent))


# ---- copies


def copy_(self, src, non_blocking=False):
    """Everything of another tensor of the same layout, in place."""
    if not isinstance(src, _C.Tensor) or is_dense(src) or is_dense(self):
        raise RuntimeError(
            "copy_() between dense and sparse Tensors is not implemented! "
            f"Found self type = {self.type()} and src type = {src.type() if isinstance(src, _C.Tensor) else type(src)}"
        )
    if self.layout is not src.layout:
        raise RuntimeError(
            f"torch.copy_: copy of sparse compressed tensors having different layouts is not supported. self layout is "
            f"{layout_name(self)} and src layout is {layout_name(src)}"
        )
    if is_compressed(self) and (tuple(self.shape) != tuple(src.shape) or self._nnz() != src._nnz()):
        raise RuntimeError(
            f"torch.copy_: only sparse compressed tensors with the same number of specified elements are supported: "
            f"{tuple(self.shape)} with {self._nnz()} and {tuple(src.shape)} with {src._nnz()}"
        )
    return self._become(src.to(self.dtype).clone())


def zero_(self):
    """Nothing stored any more, in place."""
    from ._creation import zeros_like

    return self._become(zeros_like(self))


def real(self):
    """The real parts."""
    return self._with(flambeau.real(self._elements))


_SHARED = {
    **_unary(_ZERO_TO_ZERO, True), **_unary(_QUESTIONS, True, inplace=False), **_unary(_LINEAR, False),
    "real": real, "add": add, "add_": add_, "sub": sub, "sub_": sub_, "subtract": sub, "subtract_": sub_, "mul": mul,
    "mul_": mul_, "multiply": mul, "multiply_": mul_, "div": div, "div_": div_, "divide": div, "divide_": div_,
    "true_divide": div, "true_divide_": div_, "floor_divide": floor_divide, "floor_divide_": floor_divide_, "pow": pow,
    "copy_": copy_, "zero_": zero_, "__add__": add, "__radd__": radd, "__iadd__": add_, "__sub__": sub, "__rsub__": rsub,
    "__isub__": sub_, "__mul__": mul, "__rmul__": mul, "__imul__": mul_, "__truediv__": div, "__itruediv__": div_,
    "__floordiv__": floor_divide, "__ifloordiv__": floor_divide_, "__pow__": pow, "__neg__": lambda self: self.neg(),
    "__abs__": lambda self: self.abs(), "__pos__": lambda self: self.positive(),
}  # fmt: skip
COO = {**_SHARED, **_unary(("nan_to_num",), True), **_unary(("square",), True, inplace=False)}
COMPRESSED = {**_SHARED, **_unary(("angle",), False, inplace=False)}
