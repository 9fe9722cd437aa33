"""torch._jit_internal: marks for TorchScript under the name that libraries import them from."""

import typing
from typing import Final  # noqa: F401

from .futures import Future  # noqa: F401
from .jit._marks import (  # noqa: F401
    FunctionModifiers,
    _copy_to_script_wrapper,
    _drop,
    _overload,
    _overload_method,
    export,
    ignore,
    is_scripting,
    unused,
)
from .jit.annotations import (  # noqa: F401
    BroadcastingList1,
    BroadcastingList2,
    BroadcastingList3,
    BroadcastingList4,
    BroadcastingList5,
    BroadcastingList6,
)

BroadcastingListCls = BroadcastingList1


def boolean_dispatch(arg_name, arg_index, default, if_true, if_false, module_name, func_name):
    """A function that is one of two, as one argument says."""

    def fn(*args, **kwargs):
        chosen = kwargs.get(arg_name, args[arg_index] if arg_index < len(args) else default)
        return (if_true if chosen else if_false)(*args, **kwargs)

    fn.__doc__ = if_true.__doc__ or if_false.__doc__
    if module_name is not None:
        fn.__module__ = module_name
    if func_name is not None:
        fn.__name__ = func_name
    return fn


def get_torchscript_modifier(fn):
    """The mark of a function, or None."""
    if not callable(fn):
        return None
    return getattr(getattr(fn, "__func__", fn), "_torchscript_modifier", FunctionModifiers.DEFAULT)


def is_ignored_fn(fn):
    """Whether a function is marked as one that TorchScript leaves alone."""
    return get_torchscript_modifier(fn) in (FunctionModifiers.UNUSED, FunctionModifiers.IGNORE)


def should_drop(fn):
    """Whether a function is marked as unused."""
    return get_torchscript_modifier(fn) == FunctionModifiers.UNUSED


def is_tuple(ann):
    """Whether a type is a Tuple[...]."""
    return typing.get_origin(ann) is tuple


def is_list(ann):
    """Whether a type is a List[...]."""
    return typing.get_origin(ann) is list


def is_dict(ann):
    """Whether a type is a Dict[...]."""
    return typing.get_origin(ann) is dict


def is_optional(ann):
    """Whether a type is an Optional[...]."""
    return is_union(ann) and type(None) in typing.get_args(ann)


def is_union(ann):
    """Whether a type is a Union[...]."""
    return typing.get_origin(ann) is typing.Union or type(ann).__name__ == "UnionType"


def _qualified_name(obj, mangle_name=True):
    """A name that TorchScript would use."""
    module = obj.__module__
    name = obj.__qualname__ if hasattr(obj, "__qualname__") else obj.__name__
    return f"__torch__.{name}" if module == "__main__" else f"__torch__.{module}.{name}"
