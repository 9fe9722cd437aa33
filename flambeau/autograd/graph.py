"""The graph as Python sees it: nodes, edges, hooks on saved tensors."""

from collections import namedtuple

from .. import _C

__all__ = [
    "GradientEdge",
    "Node",
    "allow_mutation_on_saved_tensors",
    "disable_saved_tensors_hooks",
    "get_gradient_edge",
    "increment_version",
    "register_multi_grad_hook",
    "save_on_cpu",
    "saved_tensors_hooks",
]

Node = _C.Node


class _Handle:
    """Removes a hook; usable in a with statement."""

    def __init__(self, owner, id):
        self.owner, self.id = owner, id

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.remove()


class TensorHandle(_Handle):
    def remove(self):
        _C.remove_tensor_hook(self.owner, self.id)


class NodeHandle(_Handle):
    def remove(self):
        self.owner._remove_hook(self.id)


class GradientEdge(namedtuple("GradientEdge", ("node", "output_nr"))):
    """Where a gradient goes: a node, and which of its outputs.

    >>> x = flambeau.ones(2, requires_grad=True)
    >>> edge = flambeau.autograd.graph.get_gradient_edge(x * 2)
    >>> edge.node.name(), edge.output_nr
    ('MulBackward0', 0)
    """

    __slots__ = ()


def get_gradient_edge(tensor):
    """The edge along which gradients of a tensor flow.

    >>> x = flambeau.ones(2, requires_grad=True)
    >>> flambeau.autograd.graph.get_gradient_edge(x * 2).output_nr
    0
    """
    if not tensor.requires_grad:
        raise RuntimeError("It is not possible to get the gradient edge for a Tensor that does not require gradients")
    return GradientEdge(*_C.gradient_edge(tensor))


class saved_tensors_hooks:
    """Inside, what the graph saves goes through pack(tensor), and unpack(packed) gives it back in the backward pass.

    >>> x = flambeau.ones(2, requires_grad=True)
    >>> with flambeau.autograd.graph.saved_tensors_hooks(lambda t: t.numpy(), flambeau.from_numpy):
    ...     y = x.exp()
    >>> y.sum().backward()
    """

    def __init__(self, pack_hook, unpack_hook):
        self.hooks = pack_hook, unpack_hook

    def __enter__(self):
        _C.push_saved_hooks(*self.hooks)

    def __exit__(self, *error):
        _C.pop_saved_hooks()


class save_on_cpu(saved_tensors_hooks):
    """Saved tensors are moved to the CPU, where they are already.

    >>> x = flambeau.ones(2, requires_grad=True)
    >>> with flambeau.autograd.graph.save_on_cpu():
    ...     y = x * x
    >>> y.sum().backward()
    >>> x.grad
    tensor([2., 2.])
    """

    def __init__(self, pin_memory=False, device_type="cuda"):
        super().__init__(lambda tensor: tensor, lambda packed: packed)


class _Copies(saved_tensors_hooks):
    _active = False

    def __init__(self):
        super().__init__(lambda tensor: tensor.clone(), self._copy)

    def _copy(self, tensor):
        if not _Copies._active:
            raise AssertionError(
                "Trying to backward outside of the 'allow_mutation_on_saved_tensors' context in which the graph was originally recorded."
            )
        return tensor

    def __enter__(self):
        if _Copies._active:
            raise RuntimeError("allow_mutation_on_saved_tensors contexts cannot be nested")
        _Copies._active = True
        super().__enter__()
        return self

    def __exit__(self, *error):
        _Copies._active = False
        super().__exit__(*error)


def allow_mutation_on_saved_tensors():
    """A context in which tensors may be changed in place although backward needs what they were: copies of what is saved are kept.

    >>> x = flambeau.ones(2, requires_grad=True)
    >>> with flambeau.autograd.graph.allow_mutation_on_saved_tensors():
    ...     y = x.clone()
    ...     z = (y * y).sum()
    ...     _ = y.zero_()
    ...     z.backward()
    >>> x.grad
    tensor([2., 2.])
    """
    return _Copies()


def increment_version(tensor):
    """Say that a tensor, or each of several, was changed in place where autograd did not see it.

    >>> x = flambeau.ones(2)
    >>> flambeau.autograd.graph.increment_version(x)
    >>> x._version
    1
    """
    for each in (tensor,) if isinstance(tensor, _C.Tensor) else tensor:
        _C.as_strided(each.detach(), (0,), (1,), 0).zero_()  # writes nothing


class disable_saved_tensors_hooks:
    """Inside, saved_tensors_hooks may not be used: a RuntimeError with the given message.

    >>> identity = lambda tensor: tensor
    >>> with flambeau.autograd.graph.disable_saved_tensors_hooks("not in this block"):
    ...     with flambeau.autograd.graph.saved_tensors_hooks(identity, identity):
    ...         pass
    Traceback (most recent call last):
        ...
    RuntimeError: not in this block
    """

    def __init__(self, error_message):
        self.message = error_message

    def __enter__(self):
        message = self.message

        def refuse(tensor):
            raise RuntimeError(message)

        self._before = saved_tensors_hooks.__enter__
        saved_tensors_hooks.__enter__ = refuse

    def __exit__(self, *error):
        saved_tensors_hooks.__enter__ = self._before


def register_multi_grad_hook(tensors, fn, *, mode="all"):
    """Call fn once the gradients of several tensors are there: with the list of them, or with the first.

    Args:
        tensors: a sequence; those that require no gradient give None in the list.
        fn: called once in each backward pass.
        mode: "all" (the list) or "any" (the first); a ValueError for others.
    Returns: a handle, whose remove() ends it.

    >>> x, y = flambeau.ones(1, requires_grad=True), flambeau.ones(1, requires_grad=True)
    >>> handle = flambeau.autograd.graph.register_multi_grad_hook([x, y], print)
    >>> (2 * x + 3 * y).backward()
    [tensor([2.]), tensor([3.])]
    >>> handle.remove()
    """
    if mode not in ("all", "any"):
        raise ValueError(f"[register_multi_grad_hook] mode must be 'all' or 'any', got {mode!r}")
    grads, wanted = {}, [t for t in tensors if t.requires_grad]

    def collect(index):
        def hook(grad):
            first = not grads
            grads[index] = grad
            if mode == "any":
                if first:
                    fn(grad)
            elif len(grads) == len(wanted):
                by_tensor = iter(sorted(grads.items()))
                values = [next(by_tensor)[1] if t.requires_grad else None for t in tensors]
                grads.clear()
                fn(values)

        return hook

    handles = [t.register_hook(collect(i)) for i, t in enumerate(wanted)]
    return _Handles(handles)


class _Handles:
    def __init__(self, handles):
        self.handles = handles

    def remove(self):
        for handle in self.handles:
            handle.remove()
