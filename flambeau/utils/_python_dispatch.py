"""Modes that see every call of the core's functions: TorchDispatchMode.

They stand below the public functions (`flambeau.overrides` is above them): composed functions arrive as the primitives that they are
made of. What the engine computes in a backward pass is not seen, for it never leaves the core.
"""

import contextlib

from .. import _C
from .._interpreters import Interpreter, active, within

__all__ = ["TorchDispatchMode"]


class TorchDispatchMode(Interpreter):
    """A context whose `__torch_dispatch__(func, types, args, kwargs)` answers every call of a primitive inside it.

    `func` is one of `torch.ops.aten`, such as `torch.ops.aten.mm.default`. Inside `__torch_dispatch__` the mode itself is not active.

    >>> class Count(flambeau.utils._python_dispatch.TorchDispatchMode):
    ...     calls = []
    ...     def __torch_dispatch__(self, func, types, args=(), kwargs=None):
    ...         self.calls.append(str(func))
    ...         return func(*args, **(kwargs or {}))
    >>> x = flambeau.ones(2, 2)
    >>> with Count() as mode:
    ...     y = flambeau.nn.functional.softplus(x @ x) + 1
    >>> mode.calls
    ['aten.mm.default', 'aten.softplus.default', 'aten.add.Tensor']
    """

    every_call = True

    def __init__(self, _dispatch_key=None):
        super().__init__()

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        raise NotImplementedError("a TorchDispatchMode must define __torch_dispatch__(self, func, types, args, kwargs)")

    def run(self, function, args, kwargs):
        from .._aten import perform

        def send(operator, *args, **kwargs):
            kinds = tuple({type(x) for x in args if isinstance(x, _C.Tensor) and type(x) is not _C.Tensor})
            return self.__torch_dispatch__(operator, kinds, args, kwargs)

        return perform(function, args, kwargs, send)


def _get_current_dispatch_mode():
    """The innermost active mode, or None."""
    return next((mode for mode in reversed(active()) if isinstance(mode, TorchDispatchMode)), None)


@contextlib.contextmanager
def _disable_current_modes():
    """A context without dispatch modes; gives those that are disabled."""
    with within([i for i in active() if not isinstance(i, TorchDispatchMode)]):
        yield [i for i in active() if isinstance(i, TorchDispatchMode)]


BaseTorchDispatchMode = TorchDispatchMode


def is_in_torch_dispatch_mode(include_infra_modes=True):
    """Whether a dispatch mode is active."""
    return _get_current_dispatch_mode() is not None


def is_traceable_wrapper_subclass(t):
    """Whether a tensor says what it is made of: its class has `__tensor_flatten__` and `__tensor_unflatten__`."""
    return isinstance(t, _C.Tensor) and is_traceable_wrapper_subclass_type(type(t))


def is_traceable_wrapper_subclass_type(t):
    """Whether a class of tensors has `__tensor_flatten__` and `__tensor_unflatten__`."""
    return issubclass(t, _C.Tensor) and hasattr(t, "__tensor_flatten__") and hasattr(t, "__tensor_unflatten__")


def transform_subclass(t, callback, outer_size=None, outer_stride=None):
    """A tensor of the same class made of other parts: callback(name of an attribute, tensor) gives each.

    Args:
        t: a tensor for which is_traceable_wrapper_subclass is true.
        outer_size, outer_stride: of the result; by default the tensor's.
    """
    names, context = t.__tensor_flatten__()
    parts = {name: callback(name, getattr(t, name)) for name in names}
    size = t.size() if outer_size is None else outer_size
    stride = t.stride() if outer_stride is None else outer_stride
    return type(t).__tensor_unflatten__(parts, context, size, stride)


def return_and_correct_aliasing(func, args, kwargs, out):
    """What a `__torch_dispatch__` has to return for an operator: its result, or for one that changes its argument that argument."""
    name = func.overloadpacket.__name__
    if name.endswith("_") and not name.endswith("__"):
        return args[0]
    return kwargs["out"] if kwargs and kwargs.get("out") is not None else out
