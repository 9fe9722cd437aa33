"""What programs tell and ask TorchScript: marks on functions, types, questions. Functions run as they are written."""

import builtins
import functools
import typing
from collections import OrderedDict, namedtuple

__all__ = [
    "Attribute",
    "annotate",
    "export",
    "export_opnames",
    "ignore",
    "interface",
    "is_scripting",
    "isinstance",
    "script_if_tracing",
    "script_method",
    "unused",
]

Final = typing.Final
_MODIFIER = "_torchscript_modifier"


class FunctionModifiers:
    """How torch marks functions for its compiler."""

    UNUSED = "unused (ignored and replaced with raising of an exception)"
    IGNORE = "ignore (leave as a call to Python, cannot be torch.jit.save'd)"
    EXPORT = "export (compile this function even if nothing calls it)"
    DEFAULT = "default (if called from a exported function / forward)"
    COPY_TO_SCRIPT_WRAPPER = "if this method is not scripted, copy the python method onto the scripted model"
    _DROP = "_drop (function is fully ignored, declaration can be unscriptable)"


def _mark(fn, modifier):
    target = fn.fget if builtins.isinstance(fn, property) else fn
    setattr(target, _MODIFIER, modifier)
    return fn


def modifier_of(fn):
    """The mark of a function; the default if it has none."""
    target = fn.fget if builtins.isinstance(fn, property) else getattr(fn, "__func__", fn)
    return getattr(target, _MODIFIER, FunctionModifiers.DEFAULT)


def is_scripting():
    """Whether the code is compiled TorchScript: no, it is Python.

    >>> flambeau.jit.is_scripting()
    False
    """
    return False


def export(fn):
    """Mark a method: a scripted module has it, even if `forward` does not call it.

    >>> @flambeau.jit.export
    ... def double(x):
    ...     return 2 * x
    >>> double(3)
    6
    """
    return _mark(fn, FunctionModifiers.EXPORT)


def ignore(drop=False, **kwargs):
    """Mark a function that stays Python: the function itself. Also a decorator with an argument.

    >>> @flambeau.jit.ignore
    ... def show(x):
    ...     return str(x)
    >>> show(3)
    '3'
    """
    if callable(drop):
        return _mark(drop, FunctionModifiers.IGNORE)
    if not builtins.isinstance(drop, bool):
        raise RuntimeError(f"[ignore] Argument to @torch.jit.ignore must be a bool or a function but got {drop}")
    drop = kwargs.pop("drop_on_export", drop)
    return lambda fn: _mark(fn, FunctionModifiers.UNUSED if drop else FunctionModifiers.IGNORE)


def unused(fn):
    """Mark a method that TorchScript leaves out; here it can be called.

    >>> @flambeau.jit.unused
    ... def debug(x):
    ...     return x
    >>> debug(3)
    3
    """
    if builtins.isinstance(fn, property):
        for accessor in (fn.fget, fn.fset):
            if accessor is not None:
                setattr(accessor, _MODIFIER, FunctionModifiers.UNUSED)
        return fn
    return _mark(fn, FunctionModifiers.UNUSED)


def _drop(fn):
    return _mark(fn, FunctionModifiers._DROP)


def _copy_to_script_wrapper(fn):
    return _mark(fn, FunctionModifiers.COPY_TO_SCRIPT_WRAPPER)


def _overload(func):
    """A signature of a function that has several; the definition that follows is the function."""
    return func


def _overload_method(func):
    """A signature of a method that has several; the definition that follows is the method."""
    return func


def interface(obj):
    """Mark a class whose methods are what others must have: the class itself.

    >>> @flambeau.jit.interface
    ... class Layer:
    ...     def forward(self, x):
    ...         pass
    """
    if not builtins.isinstance(obj, type):
        raise RuntimeError("[interface] interface must be applied to a class")
    obj.__torch_script_interface__ = True
    return obj


def script_method(fn):
    """Mark a method of a subclass of ScriptModule: the method itself.

    >>> class Double(flambeau.jit.ScriptModule):
    ...     @flambeau.jit.script_method
    ...     def forward(self, x):
    ...         return 2 * x
    >>> Double()(flambeau.ones(1))
    tensor([2.])
    """
    return _mark(fn, FunctionModifiers.EXPORT)


def script_if_tracing(fn):
    """Mark a function that is compiled when it is first called in a trace; here it is called.

    >>> @flambeau.jit.script_if_tracing
    ... def double(x):
    ...     return 2 * x
    >>> double(3)
    6
    """

    @functools.wraps(fn)
    def wrapper(*args, **kwargs):
        return fn(*args, **kwargs)

    wrapper.__original_fn = fn
    wrapper.__script_if_tracing_wrapper = True
    return wrapper


_script_if_tracing = script_if_tracing


def annotate(the_type, the_value):
    """A value, and its type for the compiler: the value.

    >>> flambeau.jit.annotate(list[int], [])
    []
    """
    return the_value


class Attribute(namedtuple("Attribute", ["value", "type"])):
    """A value with its type, for attributes of old ScriptModules.

    >>> flambeau.jit.Attribute(1, int)
    Attribute(value=1, type=<class 'int'>)
    """

    __slots__ = ()


def export_opnames(m):
    """The operators that a scripted module calls: an error, as calls are not known before they are made.

    >>> flambeau.jit.export_opnames(None)
    Traceback (most recent call last):
        ...
    RuntimeError: [jit.export_opnames] a module's calls are not known before they are made: use flambeau.profiler while it runs
    """
    raise RuntimeError(
        "[jit.export_opnames] a module's calls are not known before they are made: use flambeau.profiler while it runs"
    )


# ------------------------------------------------------------------------------------------------------ types of values


def isinstance(obj, target_type):
    """Whether a value is of a type, those of a container's items included.

    Args:
        obj: any value.
        target_type: a type such as `List[int]` or `Optional[Tensor]`, or a tuple of them.

    Raises:
        RuntimeError: a container without the type of its items.

    >>> from typing import Dict, List
    >>> flambeau.jit.isinstance([1, 2], List[int]), flambeau.jit.isinstance({"a": 1}, Dict[str, str])
    (True, False)
    """
    if builtins.isinstance(target_type, tuple):
        return any(isinstance(obj, one) for one in target_type)
    return _matches(obj, target_type)


def _matches(obj, kind):
    origin, args = typing.get_origin(kind), typing.get_args(kind)
    if kind in (typing.List, typing.Dict, typing.Tuple, typing.Optional):  # noqa: UP006
        name = getattr(kind, "_name", kind)
        raise RuntimeError(
            f"Attempted to use {name} without a contained type. Please add a contained type, e.g. {name}[int]"
        )
    if origin is typing.Union or type(kind).__name__ == "UnionType":
        return any(_matches(obj, one) for one in args)
    if kind is None or kind is type(None):
        return obj is None
    if origin is list:
        return builtins.isinstance(obj, list) and all(_matches(item, args[0]) for item in obj)
    if origin in (dict, OrderedDict):
        return builtins.isinstance(obj, dict) and all(
            _matches(key, args[0]) and _matches(value, args[1]) for key, value in obj.items()
        )
    if origin is tuple:
        return _matches_tuple(obj, args)
    if origin is not None:
        return builtins.isinstance(obj, origin)
    return kind is typing.Any or builtins.isinstance(obj, kind)


def _matches_tuple(obj, args):
    if not builtins.isinstance(obj, tuple):
        return False
    if len(args) == 2 and args[1] is Ellipsis:
        return all(_matches(item, args[0]) for item in obj)
    return len(obj) == len(args) and all(map(_matches, obj, args))


# ------------------------------------------------------------------------------------------------------ asynchronous calls


def fork(func, *args, **kwargs):
    """Call a function and put its result, or its error, into a Future.

    >>> flambeau.jit.wait(flambeau.jit.fork(lambda x: x + 1, 2))
    3
    """
    from ..futures import Future

    future = Future()
    try:
        future.set_result(func(*args, **kwargs))
    except Exception as error:
        future.set_exception(error)
    return future


def wait(future):
    """The result of what `fork` began.

    >>> flambeau.jit.wait(flambeau.jit.fork(max, 2, 3))
    3
    """
    return future.wait()


_fork, _wait = fork, wait


def _get_tracing_state():
    from . import _trace

    return _trace.state()


def _log_api_usage_once(name):
    """Torch counts who uses what; nobody counts here."""
