"""`__torch_dispatch__` of classes: tensors that stand for something else, and decide what each op does with them.

What happens to such a tensor goes through `__torch_function__` first, as with every subclass. Below that the core's functions
are asked for (`_interpreters`), and the class gets to see them as operators of `torch.ops.aten`. A tensor made by
`_make_wrapper_subclass` has a shape, strides, dtype and device; its memory is never looked at.
"""

import functools

from . import _C, overrides
from ._interpreters import Interpreter, active, as_primitive
from ._ops import OpOverload, OpOverloadPacket, namespace
from .utils._python_dispatch import _METHODS

_wrappers = set()  # the classes of tensors without numbers of their own


def is_wrapper(tensor):
    """Whether a tensor has no numbers of its own."""
    return type(tensor) in _wrappers


_aten = namespace("aten")


def notice(cls):
    """A class with `__torch_dispatch__` exists: from now on it is asked."""
    overrides.enable()
    overrides.below = _Dispatch
    if cls.__torch_function__ is _C._disabled_torch_function_impl:
        cls.__torch_function__ = classmethod(_straight_down)


def _straight_down(cls, func, types, args=(), kwargs=None):
    """What `__torch_function__ = _disabled_torch_function_impl` means for a class with `__torch_dispatch__`."""
    with overrides.DisableTorchFunctionSubclass():
        return func(*args, **(kwargs or {}))


def make(
    cls,
    size,
    *,
    strides=None,
    storage_offset=None,
    memory_format=None,
    dtype=None,
    layout=None,
    device=None,
    pin_memory=False,
    requires_grad=False,
    dispatch_sizes_strides_policy=None,
    dispatch_device=False,
    dispatch_layout=False,
    storage_size=None,
):
    """A tensor of a class with `__torch_dispatch__`, with these properties and no numbers of its own.

    Args:
        cls: the class. size, strides, storage_offset: the geometry; by default contiguous.
        dtype, device: by default the default dtype, on the CPU.
        requires_grad: as of other tensors.
        others: for PyTorch's sake.

    Raises:
        TypeError: cls does not define `__torch_dispatch__`.
    """
    import flambeau

    if not isinstance(cls, type):
        raise TypeError(f"[_make_wrapper_subclass] cls must be a type (got {type(cls).__name__})")
    if getattr(cls, "__torch_dispatch__", None) in (None, _C.Tensor.__torch_dispatch__):
        raise TypeError(f"{cls.__name__} must define __torch_dispatch__")
    if layout not in (None, flambeau.strided):
        raise NotImplementedError(f"[_make_wrapper_subclass] expected layout=torch.strided, got {layout}")
    notice(cls)
    _wrappers.add(cls)
    options = {"dtype": dtype, "device": device}
    with overrides.DisableTorchFunctionSubclass():
        if strides is None:
            memory = flambeau.empty(tuple(size), memory_format=memory_format, **options)
        else:
            offset = storage_offset or 0
            reach = offset + 1 + sum((n - 1) * step for n, step in zip(size, strides, strict=True))
            memory = flambeau.empty(max(reach, 0), **options).as_strided(tuple(size), tuple(strides), offset)
        return _C.make_subclass(cls, memory.detach(), requires_grad)


def deep_copy(tensor, memo):
    """A copy of a tensor of such a class: of what it says its clone is, with copies of its attributes."""
    import copy

    from .autograd import no_grad

    with no_grad():
        made = tensor.clone()
    if type(made) is not type(tensor):
        raise RuntimeError(
            f"[deepcopy] {type(tensor).__name__} must give one of its own class for aten.clone.default, got {type(made).__name__}; or "
            "define __deepcopy__"
        )
    memo[id(tensor)] = made
    made.requires_grad_(tensor.requires_grad)
    made.__dict__.update(copy.deepcopy(tensor.__dict__, memo))
    return made


class _Dispatch(Interpreter):
    """Asks the classes of arguments what an op does."""

    every_call = True

    def run(self, function, args, kwargs):
        asked = list(_asked((*args, *kwargs.values())))
        if not asked:
            return NotImplemented if isinstance(function, str) or not active() else function(*args, **kwargs)
        name, args = _named(function, args)
        if name is None:
            return NotImplemented  # an attribute
        if name in _STEPS:
            return _STEPS[name](*args, **kwargs)
        operator, args, kwargs = _operator(name, args, kwargs)
        return _ask(operator, asked, args, kwargs)


def _named(function, args):
    """The name of a primitive, and its arguments; None for what is no computation."""
    if not isinstance(function, str):
        return function.__name__, args
    if function == "data":
        return "detach", args
    return as_primitive(function, args) or (_METHODS.get(function, function if function in _STEPS else None), args)


def _asked(values):
    """The arguments whose classes are asked."""
    for value in values:
        if isinstance(value, (list, tuple)):
            yield from _asked(value)
        elif isinstance(value, _C.Tensor) and type(value).__torch_dispatch__ is not _C.Tensor.__torch_dispatch__:
            yield value


def _ask(operator, asked, args, kwargs):
    kinds = tuple(dict.fromkeys(type(value) for value in asked))
    _refuse_to_record(operator, asked)
    before = _C.set_types_disabled(False)  # what the answer does with tensors of such classes comes here again
    try:
        for kind in sorted(kinds, key=lambda kind: -len(kind.__mro__)):
            result = kind.__torch_dispatch__(operator, kinds, args, kwargs)
            if result is not NotImplemented:
                return args[0] if _changes(operator) else result
    finally:
        _C.set_types_disabled(before)
    lines = "".join(f"\n  - tensor subclass {kind}" for kind in kinds)
    raise TypeError(
        f"Multiple dispatch failed for 'torch.ops.{operator}'; all __torch_dispatch__ handlers returned NotImplemented:\n{lines}"
    )


def _changes(operator):
    name = operator.overloadpacket.__name__
    return name.endswith("_") and not name.endswith("__")


_WITHOUT_DERIVATIVE = {
    "detach",
    "zeros_like",
    "ones_like",
    "empty_like",
    "eq",
    "ne",
    "lt",
    "le",
    "gt",
    "ge",
    "_local_scalar_dense",
}


def _refuse_to_record(operator, asked):
    """The derivatives of the core's functions are in the core, where no class is asked."""
    name = operator.overloadpacket.__name__
    if name in _WITHOUT_DERIVATIVE or not _C.is_grad_enabled():
        return
    for value in asked:
        if value.requires_grad and is_wrapper(value):
            raise NotImplementedError(
                f"[{name}] gradients of {type(value).__name__}, which has no numbers of its own, are not recorded: compute under "
                "torch.no_grad(), or let its parts require the gradients"
            )


# ------------------------------------------------------------------------------------------------ operators of torch


@functools.cache
def _primitive(name):
    """One of the core's functions as an operator."""

    def call(*args, **kwargs):
        with overrides.DisableTorchFunctionSubclass():  # for arguments whose classes are asked in their turn
            return getattr(_C, name)(*args, **kwargs)

    return OpOverload(OpOverloadPacket("aten", name, call), "default", call)


def _operator(name, args, kwargs):
    """(operator, arguments, keywords) as torch has them for a call of a primitive."""
    if name in _RULES:
        operator, *taken = _RULES[name](*args)
        return operator, tuple(taken), {**kwargs, **(_KEYWORDS[name](*args) if name in _KEYWORDS else {})}
    if name in _BY_SECOND and len(args) > 1:
        overload = "Tensor" if name in _ALWAYS_TENSOR or isinstance(args[1], _C.Tensor) else "Scalar"
        return getattr(getattr(_aten, name), overload), args, kwargs
    return _primitive(name), args, kwargs


def _send(operator, *args, **kwargs):
    """One step of an op that torch takes apart."""
    asked = list(_asked(args))
    return _ask(operator, asked, args, kwargs) if asked else operator(*args, **kwargs)


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


def _matmul(first, second):
    names = {(1, 1): "dot", (2, 1): "mv", (2, 2): "mm", (3, 3): "bmm"}
    return getattr(_aten, names.get((first.dim(), second.dim()), "matmul")).default, first, second


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
    "matmul": _matmul,
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


def _linear(input, weight, bias=None):
    weight = _send(_aten.t.default, weight)
    if bias is not None and input.dim() == 2:
        return _send(_aten.addmm.default, bias, input, weight)
    flat = _reshape(input, (-1, input.shape[-1])) if input.dim() > 2 else input
    product = _send(_matmul(flat, weight)[0], flat, weight)
    product = _reshape(product, (*input.shape[:-1], product.shape[-1])) if input.dim() > 2 else product
    return product if bias is None else _send(_aten.add.Tensor, product, bias)


def _reshape(input, size):
    if input.is_contiguous():
        return _send(_aten.view.default, input, list(size))
    return _send(_aten._unsafe_view.default, _contiguous(input), list(size))


def _contiguous(input, *layout):
    from ._types import contiguous_format

    return input if input.is_contiguous() else _send(_aten.clone.default, input, memory_format=contiguous_format)


def _getitem(input, key):
    """One step for each part of the key, as torch does."""
    parts = key if isinstance(key, tuple) else (key,)
    taken = sum(not (part is None or part is Ellipsis or isinstance(part, bool)) for part in parts)
    dim, indices = 0, {}
    for part in parts:
        if part is Ellipsis:
            dim += input.dim() - dim - taken
            continue
        if part is None:
            input = _send(_aten.unsqueeze.default, input, dim)
        elif isinstance(part, int) and not isinstance(part, bool):
            input, dim = _send(_aten.select.int, input, dim, part), dim - 1
        elif isinstance(part, slice):
            if part != slice(None):
                input = _send(_aten.slice.Tensor, input, dim, part.start, part.stop, part.step or 1)
        else:
            indices[dim] = _C.tensor(part, None, False) if isinstance(part, (list, bool)) else part
        taken -= part is not None
        dim += 1
    if not indices:
        return input
    return _send(_aten.index.Tensor, input, [indices.get(i) for i in range(max(indices) + 1)])


def _setitem(input, key, value):
    target = _getitem(input, key)
    if isinstance(value, _C.Tensor):
        _send(_aten.copy_.default, target, value)
    else:
        _send(_aten.fill_.Scalar, target, value)


def _unreadable(name):
    def refuse(input):
        raise RuntimeError(f"{name}() is not supported for tensor subclasses, got {type(input).__name__}")

    return refuse


def _number(kind):
    return lambda input: kind(_send(_aten._local_scalar_dense.default, input))


_STEPS = {
    "linear": _linear,
    "reshape": _reshape,
    "getitem": _getitem,
    "setitem": _setitem,
    "to_dtype": lambda x, dtype, *layout: x if x.dtype is dtype else _send(_aten._to_copy.default, x, dtype=dtype),
    "contiguous": _contiguous,
    "memory": _unreadable(".numpy"),
    "tolist": _unreadable(".tolist"),
    "__bool__": _number(bool),
    "__float__": _number(float),
    "__index__": _number(int),
    "__int__": _number(int),
    "div": lambda x, y: (
        _send(_aten.div.Tensor, x, y)
        if isinstance(x, _C.Tensor)
        else _send(_aten.mul.Tensor, _send(_aten.reciprocal.default, y), x)
    ),
}
