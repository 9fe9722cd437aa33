"""swap_tensors: two tensors exchange everything but their identity."""

import copyreg
import weakref

from .._C import Tensor
from .._interpreters import within
from ..overrides import DisableTorchFunctionSubclass

__all__ = ["swap_tensors"]


def swap_tensors(t1, t2):
    """Exchange two tensors: their memory, class, attributes and place in the graph. Whoever has the one sees the other.

    Args:
        t1, t2: tensors without weak references to them, and leaves: their places in a graph cannot be exchanged.

    Raises:
        RuntimeError: there are weak references to one, one is not a leaf, or their classes have different `__slots__`.

    >>> a, b = flambeau.ones(2), flambeau.zeros(3)
    >>> flambeau.utils.swap_tensors(a, b)
    >>> a, b
    (tensor([0., 0., 0.]), tensor([1., 1.]))
    """
    if t1 is t2:
        return
    slots = [set(copyreg._slotnames(type(t))) for t in (t1, t2)]
    for name, tensor in (("t1", t1), ("t2", t2)):
        if not isinstance(tensor, Tensor):
            raise TypeError(f"[swap_tensors] expected two tensors, got {type(tensor).__name__} as {name}")
        if weakref.getweakrefs(tensor):
            raise RuntimeError(f"Cannot swap {name} because it has weakref associated with it")
    if slots[0] != slots[1]:
        raise RuntimeError("Cannot swap t1 and t2 if they have different slots")
    with DisableTorchFunctionSubclass(), within([]):
        _swap_contents(t1, t2)
    for name in slots[0]:
        _swap_attribute(t1, t2, name)
    own, other = dict(t1.__dict__), dict(t2.__dict__)
    t1.__dict__.clear()
    t1.__dict__.update(other)
    t2.__dict__.clear()
    t2.__dict__.update(own)


def _swap_contents(t1, t2):
    """Memory, gradients and classes."""
    for tensor in (t1, t2):
        if not tensor.is_leaf:
            raise RuntimeError("[swap_tensors] expected leaves: a tensor that is part of a graph cannot be exchanged")
    first, second = t1.data, t2.data
    grads = [(t.requires_grad, t.grad) for t in (t1, t2)]
    for tensor in (t1, t2):
        tensor.grad = None
        if tensor.requires_grad:
            tensor.requires_grad_(False)
    t1.data, t2.data = second, first
    if type(t1) is not type(t2):
        t1.__class__, t2.__class__ = t2.__class__, t1.__class__
    for tensor, (needs, gradient) in ((t1, grads[1]), (t2, grads[0])):
        if needs:
            tensor.requires_grad_(True)
        tensor.grad = gradient


def _swap_attribute(t1, t2, name):
    missing = object()
    values = [getattr(t, name, missing) for t in (t1, t2)]
    for tensor, value in zip((t2, t1), values, strict=True):
        if value is not missing:
            setattr(tensor, name, value)
        elif hasattr(tensor, name):
            delattr(tensor, name)
