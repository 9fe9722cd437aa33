"""Tensor: the methods that the op families list, operators, and what makes a tensor a good Python object."""

import importlib

from . import _C, autograd, ops
from .ops.creation import construct

Tensor = _C.Tensor
Tensor.__module__ = "flambeau"
Tensor.__doc__ = """An array of one dtype, with a place in the graph of what it was computed from.

Made by flambeau.tensor, by creation functions and by every operation; `Tensor(...)` itself is torch's old constructor.

>>> flambeau.tensor([[1.0, 2.0], [3.0, 4.0]]).sum()
tensor(10.)
"""
_C.Size.__doc__ = """The shape of a tensor: a tuple of ints.

>>> flambeau.ones(2, 3).shape.numel()
6
"""
_C.dtype.__doc__ = """The type of a tensor's elements, such as float32.

>>> flambeau.float64.itemsize
8
"""
_C.device.__doc__ = """Where a tensor's memory is: a type, and an index where there are several.

>>> flambeau.device("cpu").type
'cpu'
"""
_C.Generator.__doc__ = """A stream of random numbers (MT19937), with the seeding and the numbers of torch's.

Args:
    device: "cpu", or None for the same; a RuntimeError for others.

>>> g = flambeau.Generator().manual_seed(0)
>>> flambeau.rand(2, generator=g)
tensor([0.4963, 0.7682])
"""
_C.Node.__doc__ = """One recorded operation of the graph; a tensor's is its grad_fn.

>>> (flambeau.ones(1, requires_grad=True) * 2).grad_fn.name()
'MulBackward0'
"""
_C.ShapeError.__doc__ = """Shapes that do not fit together.

>>> try:
...     flambeau.ones(2) + flambeau.ones(3)
... except flambeau.ShapeError as error:
...     print(str(error)[:5])
[add]
"""
_C.DTypeError.__doc__ = """A dtype that an operation does not take.

>>> issubclass(flambeau.DTypeError, RuntimeError)
True
"""
_C.OutOfMemoryError.__doc__ = """More memory was asked for than there is.

>>> issubclass(flambeau.OutOfMemoryError, RuntimeError)
True
"""
_C.OutOfRangeError.__doc__ = """An index or dim that is not there.

>>> issubclass(flambeau.OutOfRangeError, IndexError)
True
"""
_C.LinAlgError.__doc__ = """A matrix that a decomposition cannot handle, a singular one for instance.

>>> issubclass(flambeau.LinAlgError, RuntimeError)
True
"""


def _enter_device(self):
    """The device of new tensors in a block: it is there, or the block is not entered."""
    from . import _default_device

    _default_device.enter(self)
    return self


def _leave_device(self, *error):
    from . import _default_device

    _default_device.leave()
    return False


def _generator(state):
    """A generator that goes on from a state; what copies and pickles of generators are made by."""
    return _C.Generator().set_state(state)


for _family in ops.FAMILIES:
    _module = importlib.import_module(f"flambeau.ops.{_family}")
    for _entry in getattr(_module, "METHODS", ()):
        _name, _function = _entry if isinstance(_entry, tuple) else (_entry, getattr(_module, _entry))
        setattr(Tensor, _name, _function)

# Operators that are Python functions of the families.
_OPERATORS = (
    "matmul",
    "pow",
    "remainder",
    "floor_divide",
    "bitwise_and",
    "bitwise_or",
    "bitwise_xor",
    "bitwise_left_shift",
    "bitwise_right_shift",
    "bitwise_not",
    "abs",
)
for _operator in _OPERATORS:
    if hasattr(ops, _operator):
        _C.set_operator(_operator, getattr(ops, _operator))


_C.set_constructor(construct)


def _disabled_torch_function_impl(function, types, args=(), kwargs=None):
    """What a class sets as `__torch_function__` that wants no part in it, such as Parameter."""
    from .overrides import DisableTorchFunctionSubclass

    with DisableTorchFunctionSubclass():
        return function(*args, **(kwargs or {}))


def _torch_function(cls, func, types, args=(), kwargs=None):
    """The default of subclasses: compute as if they were tensors, and give the results their class."""
    from .overrides import compute_as

    return compute_as(cls, func, types, args, kwargs or {})


def _class_noticed():
    """A class with `__torch_function__` exists: from now on the public functions ask."""
    from .overrides import enable

    enable()


def _notice_subclass(cls, **keywords):
    """Subclasses that are made without a class statement are noticed here."""
    super(Tensor, cls).__init_subclass__(**keywords)
    if cls.__torch_dispatch__ is not Tensor.__torch_dispatch__:
        from ._wrappers import notice

        notice(cls)
    if cls.__torch_function__ is not _disabled_torch_function_impl:
        _class_noticed()


def _disabled_torch_dispatch_impl(function, types, args=(), kwargs=None):
    """The `__torch_dispatch__` of all tensors: the function itself, as if they were plain ones."""
    from ._interpreters import below
    from .overrides import DisableTorchFunction

    with DisableTorchFunction(), below():
        return function(*args, **(kwargs or {}))


def _make_wrapper_subclass(cls, size, **options):
    """A tensor of a class with `__torch_dispatch__` that has no numbers of its own; see _wrappers.make."""
    from ._wrappers import make

    return make(cls, size, **options)


_C._disabled_torch_dispatch_impl = _disabled_torch_dispatch_impl
_C._disabled_torch_function_impl = _disabled_torch_function_impl
_C.watch_classes(_class_noticed, _disabled_torch_function_impl)


def backward(self, gradient=None, retain_graph=None, create_graph=False, inputs=None):
    """Compute the gradients of this tensor and add them to `.grad` of the leaves it came from.

    Args:
        gradient: the gradient of what follows by this tensor, of its shape; may be left out for one-element tensors.
        retain_graph: keep what the graph has saved, for another pass (default: create_graph).
        create_graph: record the pass itself, for higher derivatives.
        inputs: only these tensors get a gradient.

    >>> x = flambeau.tensor([1.0, 2.0], requires_grad=True)
    >>> (x * x).sum().backward()
    >>> x.grad
    tensor([2., 4.])
    """
    autograd.backward(self, gradient, retain_graph, create_graph, inputs=inputs)


def _iterate(self):
    """The slices along the first dimension, one by one."""
    if self.dim() == 0:
        raise TypeError("iteration over a 0-d tensor")
    return iter(_C.unbind(self, 0))


def _contains(self, element):
    """Whether any element equals a number or tensor."""
    return bool((element == self).any())


def _reversed(self):
    return self if self.dim() == 0 else self.flip(0)


def _repr(self, *, tensor_contents=None):
    from ._printing import tensor_text

    return tensor_text(self)


def _format(self, spec):
    if self.dim() == 0 and type(self) is Tensor:
        return self.item().__format__(spec)
    return object.__format__(self, spec)


def _deepcopy(self, memo):
    """A copy with its own memory; only of leaves, as in torch."""
    if not self.is_leaf:
        raise RuntimeError(
            "Only Tensors created explicitly by the user (graph leaves) support the deepcopy protocol at the moment. "
            "If you were attempting to deepcopy a module, detach its outputs first"
        )
    if id(self) in memo:
        return memo[id(self)]
    if type(self).__torch_dispatch__ is not Tensor.__torch_dispatch__:
        from ._wrappers import deep_copy, is_wrapper

        if is_wrapper(self):
            return deep_copy(self, memo)
    import copy

    with _no_grad():
        storage_key = ("flambeau.storage", _C.storage_id(self))
        whole = memo.get(storage_key)
        if whole is None:
            whole = memo[storage_key] = _C.clone_storage(self)
        fresh = _C.set_storage_of(whole, tuple(self.shape), self.stride(), self.storage_offset(), self.dtype)
    copied = _C.make_subclass(type(self), fresh, self.requires_grad)
    memo[id(self)] = copied
    if self.grad is not None:
        copied.grad = copy.deepcopy(self.grad, memo)
    copied.__dict__.update({name: copy.deepcopy(value, memo) for name, value in self.__dict__.items()})
    return copied


def _no_grad():
    from .autograd.grad_mode import no_grad

    return no_grad()


def _reduce(self, protocol):
    """Pickled through serialization.py, which rebuilds storages, strides and subclasses."""
    from .serialization import reduce_tensor

    return reduce_tensor(self)


_PROTOCOLS = {
    "backward": backward,
    "__iter__": _iterate,
    "__contains__": _contains,
    "__reversed__": _reversed,
    "__repr__": _repr,
    "__format__": _format,
    "__deepcopy__": _deepcopy,
    "__reduce_ex__": _reduce,
    "__array_priority__": 1000,
    "__init_subclass__": classmethod(_notice_subclass),
    "__torch_function__": classmethod(_torch_function),
    "__torch_dispatch__": _disabled_torch_dispatch_impl,
    "_make_wrapper_subclass": staticmethod(_make_wrapper_subclass),
    "_make_subclass": staticmethod(lambda cls, data, require_grad=False: _C.make_subclass(cls, data, require_grad)),
}
_OF_GENERATORS = {"__reduce__": lambda self: (_generator, (self.get_state(),))}
_OF_DEVICES = {"__enter__": _enter_device, "__exit__": _leave_device}
for _kind, _members in ((Tensor, _PROTOCOLS), (_C.Generator, _OF_GENERATORS), (_C.device, _OF_DEVICES)):
    for _name, _value in _members.items():
        setattr(_kind, _name, _value)
