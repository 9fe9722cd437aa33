"""Calls of the core's functions as calls of torch's operators: what dispatch modes and classes with `__torch_dispatch__` see.

Most functions are operators of the same name. Others go by another name or with other arguments (`_RULES`), or are what torch
does in several steps (`_STEPS`).
"""

import functools

from . import _C
from ._interpreters import as_primitive
from ._ops import OpOverload, OpOverloadPacket, core_function, namespace
from .overrides import DisableTorchFunctionSubclass, Unreadable

_aten = namespace("aten")
_METHODS = {
    "__getitem__": "getitem",
    "__setitem__": "setitem",
    "item": "_local_scalar_dense",
    "T": "t",
    "mT": "mT",
    "data": "detach",
}


def perform(function, args, kwargs, send):
    """The result of a function of the core, or of the method of Tensor of a name, in terms of send(operator, *args, **kwargs).

    NotImplemented for what is no computation, such as reading an attribute.
    """
    if isinstance(function, str):
        name, args = as_primitive(function, args) or (
            _METHODS.get(function, function if function in _STEPS else None),
            args,
        )
    else:
        name = function.__name__
    if name is None:
        return NotImplemented
    if name in _STEPS:
        return _STEPS[name](send, *args, **kwargs)
    operator, args, kwargs = _operator(name, args, kwargs)
    return send(operator, *args, **kwargs)


@functools.cache
def _primitive(name):
    """One of the core's functions as an operator."""
    function = getattr(_C.Tensor, f"__{name}__") if name in ("getitem", "setitem") else getattr(_C, name)

    def call(*args, **kwargs):
        with DisableTorchFunctionSubclass():  # for arguments whose classes are asked in their turn
            return function(*args, **kwargs)

    return OpOverload(OpOverloadPacket("aten", name, call), "default", call)


def _operator(name, args, kwargs):
    """(operator, arguments, keywords) as torch has them for a call of a primitive."""
    if name in _RULES:
        operator, *taken = _RULES[name](*args)
        return operator, tuple(taken), {**kwargs, **(_KEYWORDS[name](*args) if name in _KEYWORDS else {})}
    if name in _BY_SECOND and len(args) > 1:
        overload = "Tensor" if name in _ALWAYS_TENSOR or isinstance(args[1], _C.Tensor) else "Scalar"
        return getattr(getattr(_aten, name), overload), args, kwargs
    plain = not kwargs and name != "prelu" and all(map(_is_tensors, args))  # prelu's weight has another shape here
    if (plain or name in _SAME) and core_function(name):
        return getattr(_aten, name).default, args, kwargs
    return _primitive(name), args, kwargs


def _is_tensors(value):
    return isinstance(value, _C.Tensor) or (isinstance(value, (list, tuple)) and all(map(_is_tensors, value)))


# Functions of the core with other arguments than tensors, that are those of the public function.
_SAME = {
    "argmax", "argmin", "cat", "flip", "gather", "index_select", "layer_norm", "sort", "squeeze", "stack", "unsqueeze",
}  # fmt: skip


_ALWAYS_TENSOR = {"add", "add_", "div", "div_", "mul", "mul_", "sub", "sub_"}
_BY_SECOND = {
    *_ALWAYS_TENSOR, "bitwise_and", "bitwise_or", "bitwise_xor", "eq", "floor_divide", "fmod", "ge", "gt", "le", "lt", "ne", "remainder",
}  # fmt: skip


def _sub(first, second):
    return (_aten.sub.Tensor if isinstance(first, _C.Tensor) else _aten.rsub.Scalar), *(
        (first, second) if isinstance(first, _C.Tensor) else (second, first)
    )


def _pow(base, exponent):
    kinds = [isinstance(x, _C.Tensor) for x in (base, exponent)]
    overload = "Tensor_Tensor" if all(kinds) else "Tensor_Scalar" if kinds[0] else "Scalar"
    return getattr(_aten.pow, overload), base, exponent


def _reduction(name, all_dims, some_dims):
    def rule(input, dims=(), keepdim=False, dtype=None):
        packet = getattr(_aten, name)
        if dims is None or dims == ():
            return getattr(packet, all_dims), input
        return getattr(packet, some_dims), input, [dims] if isinstance(dims, int) else list(dims), keepdim

    return rule


def _product(first, second):
    """The operator of a product of two tensors whose dimensions it takes."""
    names = {(1, 1): "dot", (2, 1): "mv", (2, 2): "mm", (3, 3): "bmm"}
    return getattr(_aten, names.get((first.dim(), second.dim()), "matmul")).default


def _convolution(n, transposed):
    def each(value):
        sizes = [value] if isinstance(value, int) else list(value)
        return sizes * n if len(sizes) == 1 else sizes

    def rule(input, weight, bias, stride, padding, *rest):
        if padding is None:  # "same": the core finds out how much
            return _primitive(f"conv{n}d"), input, weight, bias, stride, padding, *rest
        dilation, groups, more = (rest[2], rest[1], rest[0]) if transposed else (*rest, 0)
        return (
            _aten.convolution.default,
            input,
            weight,
            bias,
            *map(each, (stride, padding, dilation)),
            transposed,
            each(more),
            groups,
        )

    return rule


_RULES = {
    "sub": _sub,
    "pow": _pow,
    "square": lambda x: _pow(x, 2),
    "cube": lambda x: _pow(x, 3),
    "add_scaled": lambda x, y, alpha: (_aten.add.Tensor, x, y),
    "sum": _reduction("sum", "default", "dim_IntList"),
    "mean": _reduction("mean", "default", "dim"),
    "max_dim": lambda x, dim, keepdim: (_aten.max.dim, x, dim, keepdim),
    "min_dim": lambda x, dim, keepdim: (_aten.min.dim, x, dim, keepdim),
    "amax": lambda x, *dims: (_aten.amax.default, x, *dims) if dims else (_aten.max.default, x),
    "amin": lambda x, *dims: (_aten.amin.default, x, *dims) if dims else (_aten.min.default, x),
    **{f"conv{n}d": _convolution(n, False) for n in (1, 2, 3)},
    **{f"conv_transpose{n}d": _convolution(n, True) for n in (1, 2, 3)},
    "t": lambda x: (_aten.permute.default, x, list(range(x.dim()))[::-1]),
    "mT": lambda x: (_aten.transpose.int, x, -2, -1),
    "transpose": lambda x, i, j: (_aten.t.default, x) if x.dim() == 2 and (i, j) == (0, 1) else (_aten.transpose.int, x, i, j),
    "permute": lambda x, dims: (_aten.permute.default, x, list(dims)),
    "view": lambda x, size: (_aten.view.default, x, list(size)),
    "expand": lambda x, size: (_aten.expand.default, x, list(size)),
    "clone": lambda x, *layout: (_aten.clone.default, x),
    "softmax": lambda x, dim: (_aten._softmax.default, x, dim, False),
    "log_softmax": lambda x, dim: (_aten._log_softmax.default, x, dim, False),
    "split_sizes": lambda x, sizes, dim: (_aten.split_with_sizes.default, x, list(sizes), dim),
    "where_": lambda condition, x, y: (_aten.where.self, condition, x, y),
    "gelu_tanh": lambda x: (_aten.gelu.default, x),
    "detach": lambda x: (_aten.detach.default, x),
    "_local_scalar_dense": lambda x: (_aten._local_scalar_dense.default, x),
}  # fmt: skip


_KEYWORDS = {"add_scaled": lambda x, y, alpha: {"alpha": alpha}, "gelu_tanh": lambda x: {"approximate": "tanh"}}


# ------------------------------------------------------------------------------------------------ ops in several steps


def _linear(send, input, weight, bias=None):
    flat = _reshape(send, input, (-1, input.shape[-1])) if input.dim() > 2 else input
    weight = send(_aten.t.default, weight)
    if bias is not None and flat.dim() == 2:
        return _unflat(send, send(_aten.addmm.default, bias, flat, weight), input)
    product = _unflat(send, send(_product(flat, weight), flat, weight), input)
    return product if bias is None else send(_aten.add.Tensor, product, bias)


def _unflat(send, product, input):
    """The product of a matrix made of all rows of an input, in the input's shape."""
    return _reshape(send, product, (*input.shape[:-1], product.shape[-1])) if input.dim() > 2 else product


def _matmul(send, first, second):
    batch = first.shape[:-2]
    if first.dim() > 2 and second.dim() == 2:
        flat = _reshape(send, first, (-1, first.shape[-1]))
        return _unflat(send, send(_aten.mm.default, flat, second), first)
    if first.dim() > 3 and second.shape[:-2] == batch:
        three = [_reshape(send, x, (-1, *x.shape[-2:])) for x in (first, second)]
        return _reshape(send, send(_aten.bmm.default, *three), (*batch, first.shape[-2], second.shape[-1]))
    return send(_product(first, second), first, second)


def _reshape(send, input, size):
    if input.is_contiguous():
        return send(_aten.view.default, input, list(size))
    return send(_aten._unsafe_view.default, _contiguous(send, input), list(size))


def _contiguous(send, input, *layout):
    from ._types import contiguous_format

    return input if input.is_contiguous() else send(_aten.clone.default, input, memory_format=contiguous_format)


def _to_dtype(send, input, dtype, *layout):
    return input if input.dtype is dtype else send(_aten._to_copy.default, input, dtype=dtype)


def _div(send, first, second):
    if isinstance(first, _C.Tensor):
        return send(_aten.div.Tensor, first, second)
    return send(_aten.mul.Tensor, send(_aten.reciprocal.default, second), first)


def _is_simple(part):
    """Whether part of a key is of the kinds that are taken one by one here; the rest is left to the core."""
    if isinstance(part, _C.Tensor):
        return part.dim() == 1
    if isinstance(part, list):
        return bool(part) and all(type(i) is int for i in part)
    return part is None or part is Ellipsis or (isinstance(part, (int, slice)) and not isinstance(part, bool))


def _view(send, input, parts):
    """What the numbers and slices of a key leave of a tensor, and the tensors of indices by dimension."""
    taken = sum(part is not None and part is not Ellipsis for part in parts)
    dim, indices = 0, {}
    for part in parts:
        if part is Ellipsis:
            dim = input.dim() - taken
            continue
        taken -= part is not None
        if isinstance(part, int):
            input = send(_aten.select.int, input, dim, part)
            continue
        if part is None:
            input = send(_aten.unsqueeze.default, input, dim)
        elif isinstance(part, slice) and part != slice(None):
            input = send(_aten.slice.Tensor, input, dim, part.start, part.stop, 1 if part.step is None else part.step)
        elif isinstance(part, (list, _C.Tensor)):
            indices[dim] = _C.tensor(part, None, False) if isinstance(part, list) else part
        dim += 1
    return input, [indices.get(i) for i in range(max(indices) + 1)] if indices else []


def _getitem(send, input, key):
    parts = key if isinstance(key, tuple) else (key,)
    if not all(map(_is_simple, parts)):
        return send(_primitive("getitem"), input, key)
    input, indices = _view(send, input, parts)
    return send(_aten.index.Tensor, input, indices) if indices else input


def _setitem(send, input, key, value):
    parts = key if isinstance(key, tuple) else (key,)
    if not all(map(_is_simple, parts)):
        return send(_primitive("setitem"), input, key, value)
    target, indices = _view(send, input, parts)
    if indices:
        value = value if isinstance(value, _C.Tensor) else _C.tensor(value, input.dtype, False)
        send(_aten.index_put_.default, target, indices, value)
    elif isinstance(value, _C.Tensor):
        send(_aten.copy_.default, target, value)
    else:
        send(_aten.fill_.Scalar, target, value)
    return None


def _unreadable(name):
    def refuse(send, input):
        if type(input).__torch_dispatch__ is _C.Tensor.__torch_dispatch__:
            return NotImplemented
        raise Unreadable(f"{name}() is not supported for tensor subclasses, got {type(input).__name__}")

    return refuse


def _number(kind):
    return lambda send, input: kind(send(_aten._local_scalar_dense.default, input))


def _adjoint(send, input):
    turned = send(_aten.transpose.int, input, -2, -1) if input.dim() else input
    return send(_aten.conj.default, turned) if input.is_complex() else turned


_STEPS = {
    "H": _adjoint,
    "mH": _adjoint,
    "linear": _linear,
    "matmul": _matmul,
    "reshape": _reshape,
    "contiguous": _contiguous,
    "to_dtype": _to_dtype,
    "div": _div,
    "getitem": _getitem,
    "setitem": _setitem,
    "memory": _unreadable(".numpy"),
    "tolist": _unreadable(".tolist"),
    "__bool__": _number(bool),
    "__float__": _number(float),
    "__index__": _number(int),
    "__int__": _number(int),
}
