"""`__torch_dispatch__` of classes: tensors that stand for something else, and decide what each op does with them.

What happens to such a tensor goes through `__torch_function__` first, as with every subclass. Below that the core's functions
are asked for (`_interpreters`), and the class gets to see them as operators of `torch.ops.aten`. A tensor made by
`_make_wrapper_subclass` has a shape, strides, dtype and device; its memory is never looked at.
"""

from . import _C, overrides
from ._aten import perform
from ._interpreters import Interpreter, active, within
from ._ops import OpOverload, OpOverloadPacket

_wrappers: set = set()  # the classes of tensors without numbers of their own


def is_wrapper(tensor):
    """Whether a tensor has no numbers of its own."""
    return type(tensor) in _wrappers


def notice(cls):
    """A class with `__torch_dispatch__` exists: from now on it is asked."""
    overrides.enable()
    overrides.below = _Dispatch
    if cls.__torch_function__ is _C._disabled_torch_function_impl:
        cls.__torch_function__ = classmethod(_straight_down)


def _straight_down(cls, func, types, args=(), kwargs=None):
    """What `__torch_function__ = _disabled_torch_function_impl` means for a class with `__torch_dispatch__`."""
    return overrides._computed(func, args, kwargs or {})


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
    with overrides.DisableTorchFunctionSubclass(), within([]):
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
        if next(_asked((*args, *kwargs.values())), None) is None:
            return NotImplemented if isinstance(function, str) or not active() else function(*args, **kwargs)
        return perform(function, args, kwargs, _send)

    @staticmethod
    def whole(function, args, kwargs):
        """The classes are asked for a public function at once: one that is computed outside of the core."""
        full = overrides.resolve_name(function) or function.__name__
        name = (
            full.removeprefix("torch.").removeprefix("flambeau.").removeprefix("nn.functional.").removeprefix("Tensor.")
        )
        operator = OpOverload(OpOverloadPacket("aten", name.replace(".", "_"), function), "default", function)
        return _send(operator, *args, **kwargs)


def _asked(values):
    """The arguments whose classes are asked."""
    for value in values:
        if isinstance(value, (list, tuple)):
            yield from _asked(value)
        elif isinstance(value, _C.Tensor) and type(value).__torch_dispatch__ is not _C.Tensor.__torch_dispatch__:
            yield value


def _send(operator, *args, **kwargs):
    """Ask the classes of the arguments; where there are none, it is an ordinary call."""
    asked = list(_asked((*args, *kwargs.values())))
    return _ask(operator, asked, args, kwargs) if asked else operator(*args, **kwargs)


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
