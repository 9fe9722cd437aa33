"""Products with Jacobians, for flambeau.func, autograd.functional and autograd.forward_ad."""

import contextlib

from .. import _C
from . import enable_grad, grad


def units(like):
    """The unit tensors of a tensor's shape and dtype, one by one."""
    for i in range(like.numel()):
        unit = like.new_zeros(like.numel())
        unit[i] = 1
        yield unit.view(like.shape)


def jacobian_rows(pull, y, variables):
    """The Jacobians of y, shape (*y.shape, *x.shape) for each variable x; pull(v) gives gradients for a cotangent of y."""
    from ..ops import stack

    rows = [pull(unit) for unit in units(y)]
    if not rows:
        return [x.new_zeros((*y.shape, *x.shape)) for x in variables]
    columns = zip(*rows, strict=True)
    return [stack(column).view(*y.shape, *x.shape) for column, x in zip(columns, variables, strict=True)]


def gradients(outputs, variables, cotangents, record):
    """Gradients of the variables, None where there is no dependence; the graph is kept."""
    reached = [(y, v) for y, v in zip(outputs, cotangents, strict=True) if y.requires_grad]
    if not reached:
        return [None] * len(variables)
    ys, vs = zip(*reached, strict=True)
    return grad(ys, variables, vs, retain_graph=True, create_graph=record, allow_unused=True)


def filled(values, likes):
    """Zeros where a value is None."""
    return [_C.zeros_like(x) if v is None else v for v, x in zip(values, likes, strict=True)]


def pullback(outputs, variables, cotangents, record):
    """Gradients of the variables, zeros where there is no dependence."""
    return filled(gradients(outputs, variables, cotangents, record), variables)


_scopes: list[list] = []  # of each forward-mode computation under way: the contexts of functions that have a jvp


def enter_forward():
    """From here on custom functions are differentiated by their jvp where they have one."""
    _scopes.append([])


def exit_forward():
    """The last computation that began has its derivatives; with the outermost one goes what contexts hold."""
    contexts = _scopes.pop()
    if _scopes:
        _scopes[-1] += contexts
        return
    for ctx in contexts:
        ctx._linear = None


@contextlib.contextmanager
def forward_mode():
    """A forward-mode computation, for the length of a block."""
    enter_forward()
    try:
        yield
    finally:
        exit_forward()


def remember_jvp(function, ctx, args, saved):
    """In forward mode: record what a custom function's jvp does to tangents, which is linear; `transposed` goes back through it."""
    if not _scopes:
        return
    with enable_grad():
        tangents = [
            _C.zeros_like(a).detach().requires_grad_() if isinstance(a, _C.Tensor) and _differentiable(a) else None
            for a in args
        ]
        ctx._to_save = saved
        results = function.jvp(ctx, *tangents)
        ctx._to_save = ()
    ctx._linear = tangents, results if isinstance(results, tuple) else (results,)
    _scopes[-1].append(ctx)


def _differentiable(tensor):
    return tensor.is_floating_point() or tensor.is_complex()


def transposed(linear, cotangents):
    """The gradients of a function's arguments from those of its outputs, by the jvp that was recorded."""
    tangents, outputs = linear
    reached = [t for t in tangents if t is not None]
    pairs = [
        (y, g) for y, g in zip(outputs, cotangents, strict=False) if g is not None and y is not None and y.requires_grad
    ]
    if not pairs:
        return tuple(None for _ in tangents)
    ys, gs = zip(*pairs, strict=True)
    found = iter(grad(ys, reached, gs, retain_graph=True, create_graph=_C.is_grad_enabled(), allow_unused=True))
    return tuple(None if t is None else next(found) for t in tangents)


class Pushforward:
    """Directional derivatives from two reverse passes: the pullback is linear, and its own pullback is the pushforward.

    Source: https://j-towns.github.io/2017/06/12/A-new-trick.html
    """

    def __init__(self, outputs, variables):
        self.outputs, self.variables = outputs, variables
        self.dummies = [_C.zeros_like(y).detach().requires_grad_() for y in outputs]
        self.gradients = gradients(outputs, variables, self.dummies, True)

    def __call__(self, tangents, record):
        """The derivative of each output; a tangent may be None for zero."""
        pairs = [
            (g, t.to(g.dtype))
            for g, t in zip(self.gradients, tangents, strict=True)
            if g is not None and t is not None and g.requires_grad
        ]
        if not pairs:
            return [_C.zeros_like(y) for y in self.outputs]
        gs, ts = zip(*pairs, strict=True)
        found = grad(gs, self.dummies, ts, retain_graph=True, create_graph=record, allow_unused=True)
        return filled(found, self.outputs)
