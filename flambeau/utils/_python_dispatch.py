"""Modes that see every call of the core's functions: TorchDispatchMode.

They stand below the public functions (`flambeau.overrides` is above them): composed functions arrive as the primitives that they are
made of. What the engine computes in a backward pass is not seen, for it never leaves the core.
"""

import contextlib
import functools

from .. import _C
from .._interpreters import Interpreter, active, as_primitive, within

__all__ = ["Primitive", "TorchDispatchMode"]

_METHODS = {"__getitem__": "getitem", "__setitem__": "setitem", "item": "_local_scalar_dense", "T": "t", "mT": "mT"}


class Primitive:
    """One of the core's functions as dispatch modes get it: `func(*args, **kwargs)` computes it.

    >>> flambeau.utils._python_dispatch.primitive("exp")
    <Primitive aten.exp>
    """

    def __init__(self, name, function):
        self.__name__, self._function = name, function
        self.overloadpacket = self.default = self

    def __call__(self, *args, **kwargs):
        return self._function(*args, **kwargs)

    def name(self):
        """Its name with a namespace: "aten::exp"."""
        return f"aten::{self.__name__}"

    def __repr__(self):
        return f"<Primitive aten.{self.__name__}>"

    def __str__(self):
        return f"aten.{self.__name__}"


@functools.cache
def primitive(name):
    """The primitive of a name."""
    if name in _METHODS:
        attribute = getattr(_C.Tensor, name)
        return Primitive(_METHODS[name], attribute if callable(attribute) else attribute.__get__)
    if not callable(getattr(_C, name, None)):
        raise AttributeError(f"[torch.ops] there is no operator aten::{name}")
    return Primitive(name, getattr(_C, name))


class TorchDispatchMode(Interpreter):
    """A context whose `__torch_dispatch__(func, types, args, kwargs)` answers every call of a primitive inside it.

    `func` is a `Primitive`. Inside `__torch_dispatch__` the mode itself is not active.

    >>> class Count(flambeau.utils._python_dispatch.TorchDispatchMode):
    ...     calls = []
    ...     def __torch_dispatch__(self, func, types, args=(), kwargs=None):
    ...         self.calls.append(func.__name__)
    ...         return func(*args, **(kwargs or {}))
    >>> x = flambeau.ones(2, 2)
    >>> with Count() as mode:
    ...     y = flambeau.nn.functional.softplus(x @ x) + 1
    >>> mode.calls
    ['matmul', 'softplus', 'add']
    """

    every_call = True

    def __init__(self, _dispatch_key=None):
        super().__init__()

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        raise NotImplementedError("a TorchDispatchMode must define __torch_dispatch__(self, func, types, args, kwargs)")

    def run(self, function, args, kwargs):
        if not isinstance(function, str):
            name = function.__name__
        elif (found := as_primitive(function, args)) is not None:
            name, args = found
        elif function in _METHODS:
            name = function
        else:
            return NotImplemented
        kinds = tuple({type(x) for x in args if isinstance(x, _C.Tensor) and type(x) is not _C.Tensor})
        return self.__torch_dispatch__(primitive(name), kinds, args, kwargs)


def _get_current_dispatch_mode():
    """The innermost active mode, or None."""
    return next((mode for mode in reversed(active()) if isinstance(mode, TorchDispatchMode)), None)


@contextlib.contextmanager
def _disable_current_modes():
    """A context without dispatch modes; gives those that are disabled."""
    with within([i for i in active() if not isinstance(i, TorchDispatchMode)]):
        yield [i for i in active() if isinstance(i, TorchDispatchMode)]
