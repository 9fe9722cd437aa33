"""Tensors without memory of their own, whose class computes for them: `__torch_dispatch__`.

Such a class gets the core's primitives, as `TorchDispatchMode` does: composed functions arrive as what they are made of. It stands
above the graph: what it computes with the tensors inside of its instances is recorded, the instances themselves are not.
"""

from . import _C
from ._interpreters import Interpreter, active, as_primitive, within
from ._ops import namespace

_NAMES = {"__getitem__": "getitem", "item": "_local_scalar_dense", "T": "t", "mT": "mT"}


def make_wrapper_subclass(
    cls, size, *, strides=None, dtype=None, layout=None, device=None, requires_grad=False, **rest
):
    """An instance of a Tensor subclass with a shape and dtype and no memory: `Tensor._make_wrapper_subclass`.

    Args:
        cls: has `__torch_dispatch__`.
        size: the shape.
        dtype: the default dtype if None.
        strides, layout, device, rest (storage_offset, memory_format, pin_memory and the like): accepted; there is no memory.

    Raises:
        RuntimeError: the class has no `__torch_dispatch__`.
    """
    if getattr(cls, "__torch_dispatch__", None) is None:
        raise RuntimeError(
            f"[_make_wrapper_subclass] {cls.__name__} must define __torch_dispatch__: its instances hold no numbers"
        )
    if not any(isinstance(interpreter, _Classes) for interpreter in active()):
        _Classes().stay()  # from now on there are such tensors
    with within([]):
        memoryless = _C.expand(_C.zeros((), dtype or _C.get_default_dtype()), tuple(size))
        return _C.make_subclass(cls, memoryless, requires_grad)


class _Classes(Interpreter):
    """Sees every primitive and gives those with a wrapper among their arguments to its class."""

    every_call = True

    def run(self, function, args, kwargs):
        owners = _wrappers((*args, *kwargs.values()))
        if not owners:
            return NotImplemented
        name = function if isinstance(function, str) else function.__name__
        if isinstance(function, str):
            name, args = as_primitive(function, args) or (_NAMES.get(function), args)
        if name is None:
            return NotImplemented
        if _C.is_grad_enabled() and name != "detach" and any(owner.requires_grad for owner in owners):
            raise NotImplementedError(
                f"[{name}] {type(owners[0]).__name__}.__torch_dispatch__ is not differentiated: compute under torch.no_grad(), or "
                "let the tensors inside require the gradients"
            )
        operator, args, kwargs = _operator(name, args, kwargs)
        kinds = tuple(dict.fromkeys(type(owner) for owner in owners))
        with within([*active(), self]):
            return type(owners[0]).__torch_dispatch__(operator, kinds, args, kwargs)


def _wrappers(values):
    """The tensors among values, and in lists among them, whose class answers."""
    found = []
    for value in values:
        if isinstance(value, (list, tuple)):
            found += _wrappers(value)
        elif isinstance(value, _C.Tensor) and getattr(type(value), "__torch_dispatch__", None) is not None:
            found.append(value)
    return found


def _operator(name, args, kwargs):
    """A primitive as one of torch.ops.aten's, with its arguments there."""
    aten = namespace("aten")
    if name == "to_dtype":
        return aten._to_copy.default, args[:1], {"dtype": args[1]}
    if name in ("clone", "contiguous"):
        return aten.clone.default, args[:1], {}
    if name in ("add", "sub", "mul", "div", "add_", "sub_", "mul_", "div_"):
        return getattr(aten, name).Tensor, args, kwargs
    return getattr(aten, name).default, args, kwargs
