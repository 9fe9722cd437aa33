"""Jacobians, Hessians and products with them, of functions of tensors.

In all of these `func` takes tensors and returns a tensor or a tuple of them; `inputs` are a tensor or a tuple, and results are shaped
like that. With create_graph=True results can be differentiated further. With strict=True an output that does not depend on
an input is an error instead of a zero.
"""

from .. import _C
from . import enable_grad
from ._products import Pushforward, gradients, jacobian_rows

__all__ = ["hessian", "hvp", "jacobian", "jvp", "vhp", "vjp"]


def _tuple_of(values, what, op):
    """(tuple, whether it was one)."""
    single = isinstance(values, _C.Tensor)
    values = (values,) if single else tuple(values) if isinstance(values, (tuple, list)) else values
    if not isinstance(values, tuple):
        raise TypeError(
            f"The {what} given to {op} must be either a Tensor or a tuple of Tensors but got {type(values)}."
        )
    for i, value in enumerate(values):
        if not isinstance(value, _C.Tensor):
            raise TypeError(
                f"The {what} given to {op} must be either a Tensor or a tuple of Tensors but the value at index {i} has "
                f"type {type(value)}."
            )
    return values, not single


def _like(values, many):
    return tuple(values) if many else values[0]


class _Point:
    """Inputs as fresh variables, and the outputs of func there."""

    def __init__(self, op, func, inputs, create_graph, strict):
        self.op, self.create_graph, self.strict = op, create_graph, strict
        inputs, self.many_in = _tuple_of(inputs, "inputs", op)
        self.inputs = tuple(
            x.view_as(x) if create_graph and x.requires_grad else x.detach().requires_grad_() for x in inputs
        )
        outputs, self.many_out = _tuple_of(func(*self.inputs), "outputs of the user-provided function", op)
        self.outputs = outputs
        if strict:
            for i, y in enumerate(outputs):
                if not y.requires_grad:
                    raise RuntimeError(
                        f"Output {i} of the user-provided function does not require gradients: it is independent of the inputs, "
                        "which strict mode does not allow."
                    )

    def pull(self, cotangents, record, outputs=None):
        """Gradients of the inputs; zeros (or an error) where there is no dependence."""
        outputs = self.outputs if outputs is None else outputs
        found = gradients(outputs, self.inputs, cotangents, record)
        return tuple(self.filled(i, g, x) for i, (g, x) in enumerate(zip(found, self.inputs, strict=True)))

    def filled(self, i, gradient, like):
        if gradient is not None:
            return gradient
        if self.strict:
            raise RuntimeError(
                f"The output of the user-provided function is independent of input {i}. This is not allowed in strict mode."
            )
        return _C.zeros_like(like)

    def vector(self, v, like, what):
        """v as a tuple of the shapes of `like`; may be left out for a single element."""
        if v is None:
            if len(like) != 1 or like[0].numel() != 1:
                raise RuntimeError(
                    f"The vector v can only be None if the {what} is a single Tensor with a single element."
                )
            return (_C.ones_like(like[0]),)
        v, _ = _tuple_of(v, "v", self.op)
        if len(v) != len(like):
            raise RuntimeError(f"v is a tuple of invalid length: should be {len(like)} but got {len(v)}.")
        for i, (a, b) in enumerate(zip(v, like, strict=True)):
            if a.shape != b.shape:
                raise RuntimeError(f"Entry {i} in v has invalid size: should be {b.shape} but got {a.shape}.")
        return tuple(a if self.create_graph and a.requires_grad else a.detach() for a in v)

    def done(self, values):
        return tuple(v if self.create_graph else v.detach() for v in values)

    def scalar(self):
        y = self.outputs[0]
        if self.many_out:
            raise RuntimeError(f"The function given to {self.op} should return a single Tensor")
        if y.numel() != 1:
            raise RuntimeError(
                f"The Tensor returned by the function given to {self.op} should contain a single element"
            )
        return y


def vjp(func, inputs, v=None, create_graph=False, strict=False):
    """The value of func and the product of a vector (shaped like the output) with its Jacobian.

    Args: see this module; v may be left out where the output is one element.
    Raises: RuntimeError for a v of another shape.

    >>> flambeau.autograd.functional.vjp(lambda x: x * x, flambeau.tensor([1.0, 2.0]), flambeau.tensor([1.0, 10.0]))
    (tensor([1., 4.]), tensor([ 2., 40.]))
    """
    with enable_grad():
        at = _Point("vjp", func, inputs, create_graph, strict)
        v = at.vector(v, at.outputs, "user-provided function returns")
        found = at.pull(v, create_graph)
    return _like(at.done(at.outputs), at.many_out), _like(at.done(found), at.many_in)


def jvp(func, inputs, v=None, create_graph=False, strict=False):
    """The value of func and the product of its Jacobian with a vector (shaped like the inputs).

    >>> flambeau.autograd.functional.jvp(lambda x: x * x, flambeau.tensor([1.0, 2.0]), flambeau.tensor([1.0, 10.0]))
    (tensor([1., 4.]), tensor([ 2., 40.]))
    """
    with enable_grad():
        at = _Point("jvp", func, inputs, create_graph, strict)
        v = at.vector(v, at.inputs, "input to the user-provided function")
        forward = Pushforward(at.outputs, at.inputs)
        for i, (g, x) in enumerate(zip(forward.gradients, at.inputs, strict=True)):
            at.filled(i, g, x)  # in strict mode an error where there is none
        found = forward(v, create_graph)
    return _like(at.done(at.outputs), at.many_out), _like(at.done(found), at.many_out)


def _jacobian_of(at, y, record):
    """Blocks (shape of y + shape of input) for each input."""
    return jacobian_rows(lambda v: at.pull((v,), record, (y,)), y, at.inputs)


def jacobian(func, inputs, create_graph=False, strict=False, vectorize=False, strategy="reverse-mode"):
    """The Jacobian: for outputs of shape S and inputs of shape T tensors of shape S + T, nested [output][input].

    Args: see this module; vectorize and strategy only choose how torch computes it.

    >>> flambeau.autograd.functional.jacobian(lambda x: x * x, flambeau.tensor([1.0, 2.0]))
    tensor([[2., 0.],
            [0., 4.]])
    """
    if strategy not in ("forward-mode", "reverse-mode"):
        raise AssertionError(
            'Expected strategy to be either "forward-mode" or "reverse-mode". Hint: If your function has more outputs than '
            'inputs, "forward-mode" tends to be more performant. Otherwise, prefer to use "reverse-mode".'
        )
    with enable_grad():
        at = _Point("jacobian", func, inputs, create_graph, strict)
        blocks = [at.done(_jacobian_of(at, y, create_graph)) for y in at.outputs]
    return _like([_like(row, at.many_in) for row in blocks], at.many_out)


def hessian(func, inputs, create_graph=False, strict=False, vectorize=False, outer_jacobian_strategy="reverse-mode"):
    """The second derivatives of a function that returns one element: shape T + T', nested [input][input].

    >>> flambeau.autograd.functional.hessian(lambda x: (x**3).sum(), flambeau.tensor([1.0, 2.0]))
    tensor([[ 6.,  0.],
            [ 0., 12.]])
    """
    with enable_grad():
        at = _Point("hessian", func, inputs, create_graph, strict)
        gradient = at.pull((_C.ones_like(at.scalar()),), True)
        rows = []
        for g in gradient:
            if strict and not g.requires_grad:
                raise RuntimeError("The Jacobian of the user-provided function is independent of the inputs.")
            rows.append(_like(at.done(_jacobian_of(at, g, create_graph)), at.many_in))
    return _like(rows, at.many_in)


def vhp(func, inputs, v=None, create_graph=False, strict=False):
    """The value of a function that returns one element, and the product of a vector with its Hessian.

    >>> flambeau.autograd.functional.vhp(lambda x: (x**3).sum(), flambeau.tensor([1.0, 2.0]), flambeau.ones(2))
    (tensor(9.), tensor([ 6., 12.]))
    """
    with enable_grad():
        at = _Point("vhp", func, inputs, create_graph, strict)
        v = at.vector(v, at.inputs, "input to the user-provided function")
        gradient = at.pull((_C.ones_like(at.scalar()),), True)
        found = at.pull(v, create_graph, gradient)
    return _like(at.done(at.outputs), False), _like(at.done(found), at.many_in)


def hvp(func, inputs, v=None, create_graph=False, strict=False):
    """The value of a function that returns one element, and the product of its Hessian with a vector.

    >>> flambeau.autograd.functional.hvp(lambda x: (x**3).sum(), flambeau.tensor([1.0, 2.0]), flambeau.ones(2))
    (tensor(9.), tensor([ 6., 12.]))
    """
    with enable_grad():
        at = _Point("hvp", func, inputs, create_graph, strict)
        v = at.vector(v, at.inputs, "input to the user-provided function")
        gradient = at.pull((_C.ones_like(at.scalar()),), True)
        found = at.pull(v, create_graph, gradient)  # second derivatives are symmetric
    return _like(at.done(at.outputs), False), _like(at.done(found), at.many_in)
