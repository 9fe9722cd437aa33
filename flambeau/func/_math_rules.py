"""Rules of vmap for pointwise functions, reductions, scans, sorting, products of matrices and views."""

from .. import _C
from ._batching import Vmap, along, place, refuse_write, rule, without_dim

# ------------------------------------------------------------------------------------------------ pointwise


def common_dtype(values):
    """The dtype that promotion gives to what the function inside sees: tensors with dimensions rule over those without."""
    common = values[0]
    for value in values[1:]:
        dimensions = any(isinstance(x, _C.Tensor) and x.dim() for x in (common, value))
        common = _C.empty((0,) if dimensions else (), _C.result_type(common, value))
    return common.dtype


def _promoted(values):
    """Tensors converted before the call: one without dimensions for the function inside has one for the core."""
    tensors = [x for x in values if isinstance(x, _C.Tensor)]
    if all(x.dtype == tensors[0].dtype for x in tensors):
        return values
    dtype = common_dtype(values)
    return [_C.to_dtype(x, dtype, 1) if isinstance(x, _C.Tensor) and x.dtype != dtype else x for x in values]


def _pointwise(vmap, function, *args):
    tensors = [x for x in args if isinstance(x, _C.Tensor)]
    name = function.__name__
    rank = max(x.dim() for x in tensors)
    if len(tensors) > 1:
        with vmap.inside():
            free = 1 if name == "where_" else 0
            args = [*args[:free], *_promoted(args[free:])]
    return vmap.wrap(function(*(vmap.aligned(x, rank) for x in args)))


def _in_place(vmap, function, x, *args):
    if not vmap.holds(x):
        refuse_write(function.__name__)
    function(x.physical, *(vmap.aligned(value, x.dim()) for value in args))
    return x


for _name in _C.POINTWISE:
    rule(_name)(_pointwise)
    rule(_name + "_")(_in_place)
rule("copy_")(_in_place)


@rule("fill_")
def _fill(vmap, function, x, value):
    return _in_place(vmap, _C.copy_ if isinstance(value, _C.Tensor) else function, x, value)


@rule("zero_", "detach_")
def _whole_in_place(vmap, function, x):
    function(x.physical)
    return x


@rule("detach", "zeros_like", "ones_like", "empty_like", "triangle", "view_dtype")
def _whole(vmap, function, x, *args):
    return vmap.wrap(function(x.physical, *args))


@rule("clone", "contiguous", "to_dtype")
def _with_format(vmap, function, x, *args):
    code = args[-1] if args[-1] in (0, 1) else function.__name__ != "contiguous"  # channels_last says nothing here
    return vmap.wrap(function(x.physical, *args[:-1], int(code)))


@rule("full", "new_full")
def _full(vmap, function, size, value, dtype, *rest):
    physical = value.physical if dtype is None else _C.to_dtype(value.physical, dtype, 1)
    aligned = _C.reshape(physical, (vmap.size, *[1] * len(size)))
    made = _C.clone(_C.expand(aligned, (vmap.size, *size)), 0)
    return vmap.wrap(made.requires_grad_() if rest and rest[0] else made)


# ------------------------------------------------------------------------------------------------ reductions


def _reduced(vmap, x, dims, call):
    """call(physical, physical dims) with all dimensions where dims is ()."""
    dims = (dims,) if isinstance(dims, int) else tuple(dims)
    if x.dim() == 0:
        for d in dims:
            place(x, d)
        return vmap.wrap(without_dim(call(_C.unsqueeze(x.physical, 1), (1,))))
    places = [place(x, d) for d in (dims or range(x.dim()))]
    if len(set(places)) < len(places):
        raise RuntimeError(f"dim {dims} appears multiple times in the list of dims")
    return vmap.wrap(call(x.physical, tuple(places)))


@rule("sum", "mean", "nansum", "prod", "amax", "amin", "any", "all")
def _reduce(vmap, function, input, dim=(), keepdim=False, *dtype, **keywords):
    return _reduced(vmap, input, dim, lambda p, dims: function(p, dims, keepdim, *dtype, **keywords))


@rule("logsumexp")
def _logsumexp(vmap, function, input, dim, keepdim):
    return _reduced(vmap, input, dim, lambda p, dims: function(p, dims, keepdim))


@rule("count_nonzero")
def _count_nonzero(vmap, function, input, dim):
    return _reduced(vmap, input, dim, lambda p, dims: function(p, dims))


@rule("vector_norm")
def _vector_norm(vmap, function, input, p, dim, keepdim, dtype=None):
    return _reduced(vmap, input, dim, lambda physical, dims: function(physical, p, dims, keepdim, dtype))


@rule("var", "std", "var_mean", "std_mean")
def _moments(vmap, function, input, dim, correction, keepdim):
    return _reduced(vmap, input, dim, lambda p, dims: function(p, dims, correction, keepdim))


@rule("argmax", "argmin")
def _argument(vmap, function, input, dim=None, keepdim=False):
    if dim is not None:
        return _one_dim(vmap, function, input, dim, keepdim)
    flat = function(_C.reshape(input.physical, (vmap.size, -1)), 1, False)
    return vmap.wrap(_C.reshape(flat, (vmap.size, *[1] * input.dim())) if keepdim else flat)


@rule("sum_to")
def _sum_to(vmap, function, input, shape):
    physical, extra = input.physical, input.dim() - len(shape)
    if extra:
        physical = _C.sum(physical, tuple(range(1, extra + 1)))
    return vmap.wrap(function(physical, (vmap.size, *shape)))


# ------------------------------------------------------------------------------------------------ along one dimension


@rule(
    "cumsum", "cumprod", "logcumsumexp", "cummax", "cummin", "softmax", "log_softmax", "max_dim", "min_dim", "median_dim",
    "nanmedian_dim", "mode_dim", "sort", "select", "slice", "narrow", "unbind", "resample",
)  # fmt: skip
def _one_dim(vmap, function, x, dim, *args):
    if not vmap.holds(x):
        return vmap.loop(function, (x, dim, *args), {})
    physical, dim, scalar = along(x, dim)
    result = function(physical, dim, *args)
    return vmap.wrap(without_dim(result) if scalar else result)


@rule("topk", "kthvalue")
def _one_dim_after_count(vmap, function, x, k, dim, flag):
    physical, dim, scalar = along(x, dim)
    result = function(physical, k, dim, flag)
    return vmap.wrap(without_dim(result) if scalar else result)


@rule("searchsorted")
def _searchsorted(vmap, function, sorted, values, sorter, right, int32):
    if not isinstance(values, _C.Tensor):
        values = _C.full((), values, _C.result_type(sorted, values))
    flat = sorted.dim() == 1
    if flat and not vmap.holds(sorted) and not vmap.holds(sorter):
        return vmap.wrap(function(sorted, values.physical, sorter, right, int32))
    spread = vmap.spread(values)
    if flat:
        spread = _C.reshape(spread, (vmap.size, -1))
    found = function(vmap.spread(sorted), spread, sorter if sorter is None else vmap.spread(sorter), right, int32)
    return vmap.wrap(_C.reshape(found, (vmap.size, *values.shape)))


@rule("nonzero", "masked_select", "unique", "bincount")
def _dynamic(vmap, function, *args, **keywords):
    raise RuntimeError(
        f"vmap: We do not support batching operators that can output dynamic shape: {function.__name__}. Use torch.where, or a "
        "form with a fixed size (nonzero_static)."
    )


# ------------------------------------------------------------------------------------------------ views and joins


@rule("unsqueeze")
def _unsqueeze(vmap, function, x, dim):
    n = x.dim() + 1
    if not -n <= dim < n:
        raise IndexError(f"Dimension out of range (expected to be in range of [{-n}, {n - 1}], but got {dim})")
    return vmap.wrap(function(x.physical, dim % n + 1))


@rule("squeeze")
def _squeeze(vmap, function, x, dims):
    if x.dim() == 0:
        return vmap.wrap(function(x.physical, (0,)) if vmap.size != 1 else _C.view(x.physical, x.physical.shape))
    places = [place(x, d) for d in dims] if len(dims) else [d + 1 for d in range(x.dim()) if x.shape[d] == 1]
    return vmap.wrap(function(x.physical, tuple(places)) if places else _C.view(x.physical, x.physical.shape))


@rule("expand")
def _expand(vmap, function, x, size):
    return vmap.wrap(function(vmap.aligned(x, max(len(size), x.dim())), (vmap.size, *size)))


@rule("view", "reshape")
def _view(vmap, function, x, size):
    if -1 in size and not x.numel():
        size = tuple(function(_C.empty(x.shape, x.dtype), size).shape)
    return vmap.wrap(function(x.physical, (vmap.size, *size)))


@rule("permute")
def _permute(vmap, function, x, dims):
    return vmap.wrap(function(x.physical, (0, *[place(x, d) for d in dims])))


@rule("transpose")
def _transpose(vmap, function, x, first, second):
    places = place(x, first), place(x, second)
    return x if x.dim() == 0 else vmap.wrap(function(x.physical, *places))


@rule("diagonal")
def _diagonal(vmap, function, x, offset, first, second):
    return vmap.wrap(function(x.physical, offset, place(x, first), place(x, second)))


@rule("unfold")
def _unfold(vmap, function, x, dim, size, step):
    physical, dim, _ = along(x, dim)
    result = function(physical, dim, size, step)
    return vmap.wrap(_C.squeeze(result, (1,)) if x.dim() == 0 else result)


@rule("split_sizes")
def _split(vmap, function, x, sizes, dim):
    return vmap.wrap(function(x.physical, sizes, place(x, dim)))


@rule("flip")
def _flip(vmap, function, x, dims):
    return vmap.wrap(function(x.physical, [place(x, d) for d in dims]) if x.dim() else x.physical.clone())


@rule("roll")
def _roll(vmap, function, x, shifts, dims):
    if len(dims) or x.dim() == 0:
        return vmap.wrap(function(x.physical, shifts, [place(x, d) for d in dims]) if x.dim() else x.physical.clone())
    flat = function(_C.reshape(x.physical, (vmap.size, -1)), shifts, (1,))
    return vmap.wrap(_C.reshape(flat, x.physical.shape))


@rule("as_strided")
def _as_strided(vmap, function, input, size, stride, storage_offset=None):
    physical = input.physical
    offset = physical.storage_offset() if storage_offset is None else storage_offset
    return vmap.wrap(function(physical, (vmap.size, *size), (physical.stride(0), *stride), offset))


@rule("constant_pad")
def _constant_pad(vmap, function, x, pad, value):
    if vmap.holds(value):
        return vmap.loop(function, (x, pad, value), {})
    if len(pad) > 2 * x.dim():
        raise RuntimeError(
            f"[constant_pad_nd] Length of pad should be no more than twice the input's dimensions: {len(pad)} and {x.dim()}"
        )
    return vmap.wrap(function(x.physical, pad, value))


@rule("cat")
def _cat(vmap, function, tensors, dim):
    some = [x for x in tensors if x.dim() != 1 or x.shape[0]] or list(tensors)  # an empty list of numbers fits to all
    with vmap.inside():
        some = _promoted(some)
    return vmap.wrap(function([vmap.spread(x) for x in some], place(some[0], dim)))


@rule("stack")
def _stack(vmap, function, tensors, dim):
    return vmap.wrap(function([vmap.spread(x) for x in tensors], dim + 1 if dim >= 0 else dim))


# ------------------------------------------------------------------------------------------------ products


@rule("matmul")
def _matmul(vmap, function, input, other):
    if input.dim() == 0 or other.dim() == 0:
        raise RuntimeError(
            f"both arguments to matmul need to be at least 1D, but they are {input.dim()}D and {other.dim()}D"
        )
    if input.dim() == 1 and other.dim() == 2 and not vmap.holds(other):
        return vmap.wrap(function(input.physical, other))
    row, column = input.dim() == 1, other.dim() == 1
    with vmap.inside():
        left = _C.unsqueeze(input, 0) if row else input
        right = _C.unsqueeze(other, 1) if column else other
    rank = max(left.dim(), right.dim())
    result = function(vmap.aligned(left, rank), vmap.aligned(right, rank))
    if column:
        result = _C.squeeze(result, (-1,))
    return vmap.wrap(_C.squeeze(result, (-1 if column else -2,)) if row else result)


@rule("addmm")
def _addmm(vmap, function, input, first, second, beta, alpha):
    with vmap.inside():
        product = _C.matmul(first, second)
        product = product if alpha == 1 else product * alpha
        return product if beta == 0 else product + (input if beta == 1 else input * beta)


@rule("linear")
def _linear(vmap, function, input, weight, bias=None):
    if not vmap.holds(weight) and not vmap.holds(bias):
        return vmap.wrap(function(input.physical, weight, bias))
    with vmap.inside():
        product = input @ (weight.mT if weight.dim() > 1 else weight)
        return product if bias is None else product + bias


# ------------------------------------------------------------------------------------------------ autograd


@rule("run_backward")
def _run_backward(vmap, function, outputs, starts, keep, create_graph, inputs, allow_unused, accumulate):
    """The graph is that of the physical tensors. Those of one batch do not depend on each other, so the gradient of the sum
    of all outputs holds the gradient of each; a tensor that is no batch needs a pass for each of them."""
    rest = create_graph, inputs, allow_unused, accumulate
    if not all(map(vmap.holds, outputs)) or not all(map(vmap.holds, inputs)):
        return _backward_one_by_one(vmap, function, outputs, starts, keep, *rest)
    begun = [_start(vmap, y, v) for y, v in zip(outputs, starts, strict=True)]
    found = function(
        [y.physical for y in outputs], begun, keep, create_graph, [x.physical for x in inputs], allow_unused, accumulate
    )
    return [g if g is None else vmap.wrap(g) for g in found]


def _start(vmap, output, given):
    if given is not None:
        return vmap.spread(given)
    if output.numel() != 1:
        raise RuntimeError("grad can be implicitly created only for scalar outputs")
    return _C.ones_like(output.physical)


def _backward_one_by_one(vmap: Vmap, function, outputs, starts, keep, create_graph, inputs, allow_unused, accumulate):
    rows = []
    for i in range(vmap.size):
        ys = [y.physical[i] if vmap.holds(y) else y for y in outputs]
        vs = [v.physical[i] if vmap.holds(v) else v for v in starts]
        xs = [x.physical if vmap.holds(x) else x for x in inputs]
        again = keep or i + 1 < vmap.size
        found = function(ys, vs, again, create_graph, xs, allow_unused, accumulate)
        rows.append([g[i] if g is not None and vmap.holds(x) else g for g, x in zip(found, inputs, strict=True)])
    from ..ops import stack

    return [None if column[0] is None else vmap.wrap(stack(column)) for column in zip(*rows, strict=True)]
