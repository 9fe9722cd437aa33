"""What tensors know of the graph: hooks, detach."""

from .. import _C

__all__ = ["detach", "detach_", "is_grad_enabled", "is_inference", "is_inference_mode_enabled"]
METHODS = [
    "detach",
    "detach_",
    "requires_grad_",
    "register_hook",
    "register_post_accumulate_grad_hook",
    ("retain_grad", lambda self: _C.retain_grad(self)),
]

is_grad_enabled = _C.is_grad_enabled
is_inference_mode_enabled = _C.is_inference_mode_enabled


def is_inference(input):
    """Whether a tensor was made in inference mode.

    >>> flambeau.is_inference(flambeau.ones(2))
    False
    """
    return input.is_inference()


def detach(input):
    """The same memory outside the graph.

    >>> flambeau.ones(2, requires_grad=True).detach().requires_grad
    False
    """
    return _C.detach(input)


def detach_(input):
    """Take this tensor itself out of the graph: it becomes a leaf that requires no gradient.

    >>> x = flambeau.ones(2, requires_grad=True) * 2
    >>> x.detach_().requires_grad, x.is_leaf
    (False, True)
    """
    return _C.detach_(input)


def requires_grad_(self, requires_grad=True):
    """Ask (or stop asking) for gradients of this leaf, in place."""
    self.requires_grad = requires_grad
    return self


def register_hook(self, hook):
    """Call hook(grad) whenever the gradient of this tensor is computed; what it returns, if not None, replaces the
    gradient.

    >>> x = flambeau.ones(2, requires_grad=True)
    >>> handle = x.register_hook(lambda grad: grad * 2)
    >>> x.sum().backward()
    >>> x.grad
    tensor([2., 2.])
    """
    from ..autograd.graph import TensorHandle

    return TensorHandle(self, _C.register_tensor_hook(self, hook))


def register_post_accumulate_grad_hook(self, hook):
    """Call hook(tensor) after a gradient has been added to `.grad` of this leaf."""
    from ..autograd.graph import TensorHandle

    def call(tensor):
        hook(tensor)

    return TensorHandle(self, _C.register_post_accumulate_grad_hook(self, call))
