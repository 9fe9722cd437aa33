"""swap_tensors: two tensors exchange everything but their identity."""

import weakref

__all__ = ["swap_tensors"]


def swap_tensors(t1, t2):
    """Exchange two tensors: their memory, class, attributes and place in the graph. Whoever has the one sees the other.

    Args:
        t1, t2: tensors; of neither may there be weak references, and both leaves or neither is part of a graph.

    Raises:
        RuntimeError: there are weak references to one.

    >>> a, b = flambeau.ones(2), flambeau.zeros(3)
    >>> flambeau.utils.swap_tensors(a, b)
    >>> a, b
    (tensor([0., 0., 0.]), tensor([1., 1.]))
    """
    for tensor in (t1, t2):
        if weakref.getweakrefs(tensor):
            raise RuntimeError("Cannot swap t1 because it has weakref associated with it")
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
    own, other = dict(t1.__dict__), dict(t2.__dict__)
    t1.__dict__.clear()
    t1.__dict__.update(other)
    t2.__dict__.clear()
    t2.__dict__.update(own)
