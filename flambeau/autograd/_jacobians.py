"""Derivatives of a function at a point, by central differences and by differentiation, for gradcheck.

The derivative of a real output s by a complex input z = x + iy is ds/dx + i ds/dy, as backward gives it. Reverse mode sees a
complex output as two real ones, its parts; forward mode sees a complex input so.
"""

import itertools

from .. import _C
from .._types import strided


def is_sparse(tensor):
    """Whether a tensor has one of the sparse layouts."""
    return tensor.layout is not strided


def dense(tensor):
    """A tensor with all its zeros, without history."""
    return tensor.detach().to_dense() if is_sparse(tensor) else tensor.detach()


def is_inexact(tensor):
    """Whether a tensor's numbers can have derivatives."""
    return tensor.is_floating_point() or tensor.is_complex()


def outputs_of(func, inputs):
    """What func gives, as a tuple of tensors."""
    outputs = func(*inputs)
    outputs = tuple(outputs) if isinstance(outputs, (tuple, list)) else (outputs,)
    for value in outputs:
        if not isinstance(value, _C.Tensor):
            kind = type(value).__name__
            raise TypeError(f"[gradcheck] func must return a Tensor or a sequence of Tensors, got {kind}: leave it out")
    return outputs


def part_of(along_real, along_imaginary, part):
    """The derivative of a part of an output by an input, from its derivatives along the axes of the input."""
    take = (lambda t: t.imag) if part == "imaginary" else (lambda t: t.real if t.is_complex() else t)
    first = take(along_real)
    return first if along_imaginary is None else first + 1j * take(along_imaginary)


class Point:
    """A function at its inputs. `inputs` are those that require gradients, and `outputs` those that do; both are known by
    their number among these."""

    def __init__(self, func, arguments, eps, masked):
        self.func, self.arguments, self.eps, self.masked = func, arguments, eps, bool(masked)
        self.places = [i for i, x in enumerate(arguments) if isinstance(x, _C.Tensor) and x.requires_grad]
        self.inputs = [arguments[i] for i in self.places]
        self.values = [dense(x).clone() for x in self.inputs]
        self.all_outputs = outputs_of(func, arguments)
        self.kept = [i for i, y in enumerate(self.all_outputs) if y.requires_grad]
        self.outputs = [self.all_outputs[i] for i in self.kept]

    def indices(self, k):
        """Where input k can change: its elements, or those that it specifies."""
        everywhere = itertools.product(*map(range, self.values[k].shape))
        if not (self.masked and is_sparse(self.inputs[k])):
            return everywhere
        return map(tuple, self._pattern(k).nonzero().tolist())

    def _pattern(self, k):
        """Ones where a sparse input has elements."""
        return _C.ones_like(self.values[k]).sparse_mask(self._elements(k)).to_dense()

    def _elements(self, k):
        """Something with the elements that a sparse input may have."""
        x = self.inputs[k].detach() if self.masked else _C.ones_like(self.values[k])
        return x.to_sparse().coalesce()

    def masked_to_input(self, k, values):
        """Values for input k, zero where it cannot change."""
        return values * self._pattern(k) if self.masked and is_sparse(self.inputs[k]) else values

    def unit(self, k, index):
        """The direction of one element of input k."""
        unit = _C.zeros_like(self.values[k])
        unit[index] = 1
        return unit

    # ---- by differences

    def _moved(self, k, values):
        """All outputs where input k is `values`."""
        x, arguments = self.inputs[k], list(self.arguments)
        if is_sparse(x):
            arguments[self.places[k]] = self._sparse(k, values)
            return [dense(y).clone() for y in outputs_of(self.func, arguments)]
        x.data.copy_(values)  # in place, for a function that has its inputs from elsewhere too
        try:
            return [dense(y).clone() for y in outputs_of(self.func, arguments)]
        finally:
            x.data.copy_(self.values[k])

    def _sparse(self, k, values):
        """The values in the layout of input k."""
        made, layout = values.sparse_mask(self._elements(k)), self.inputs[k].layout
        return (made if layout is made.layout else made.to_sparse(layout=layout)).requires_grad_()

    def difference(self, k, direction, where=""):
        """The derivatives of all outputs along a direction of input k; None of integers."""
        low = self._moved(k, self.values[k] - self.eps * direction)
        high = self._moved(k, self.values[k] + self.eps * direction)
        for a, b in zip(low, high, strict=True):
            for what in ("shape", "dtype"):
                if getattr(a, what) != getattr(b, what):
                    raise AssertionError(
                        f"Expected `func` to return outputs with the same {what} when inputs are perturbed {where}by "
                        f"{self.eps}, but got: {what}s {getattr(a, what)} and {getattr(b, what)}."
                    )
        return [(b - a) / (2 * self.eps) if is_inexact(a) else None for a, b in zip(low, high, strict=True)]

    # ---- by differentiation

    def pull(self, i, cotangent):
        """The gradients of all inputs for a cotangent of output i: dense, zeros for None."""
        from . import grad

        found = grad(self.outputs[i], self.inputs, cotangent, retain_graph=True, allow_unused=True)
        return [self._gradient(k, g) for k, g in enumerate(found)]

    def _gradient(self, k, found):
        if found is None:
            return _C.zeros_like(self.values[k])
        return self.masked_to_input(k, dense(found))

    def push(self, k, tangent):
        """The tangents of the outputs, zeros for None, for a tangent of input k."""
        from . import forward_ad

        arguments = [x.detach() if isinstance(x, _C.Tensor) else x for x in self.arguments]
        with forward_ad.dual_level():
            arguments[self.places[k]] = forward_ad.make_dual(arguments[self.places[k]], tangent)
            outputs = outputs_of(self.func, arguments)
            found = [forward_ad.unpack_dual(outputs[i]).tangent for i in self.kept]
        likes = (y.detach() for y in self.outputs)
        return [_C.zeros_like(y) if t is None else t.detach() for y, t in zip(likes, found, strict=True)]


class Jacobians:
    """All derivatives: matrices (elements of the input, elements of the output)."""

    def __init__(self, point):
        self.point = point
        self._found = {}

    def along(self, k, axis):
        """By differences, of every output of the function by input k along an axis; None of integers."""
        if (k, axis) not in self._found:
            self._found[k, axis] = self._differences(k, axis)
        return self._found[k, axis]

    def _differences(self, k, axis):
        x, outputs = self.point.values[k], self.point.all_outputs
        found = [y.detach().new_zeros((*x.shape, y.numel())) if is_inexact(y) else None for y in outputs]
        for index in self.point.indices(k):
            columns = self.point.difference(k, axis * self.point.unit(k, index), f"on index {index} ")
            for matrix, column in zip(found, columns, strict=True):
                if matrix is not None:
                    matrix[index] = column.reshape(-1)
        return [None if m is None else m.reshape(x.numel(), m.shape[-1]) for m in found]

    def numerical(self, i, k, part):
        """By differences, of (a part of) output i by input k, as reverse mode gives it."""
        place = self.point.kept[i]
        imaginary = self.along(k, 1j)[place] if self.point.values[k].is_complex() else None
        return part_of(self.along(k, 1)[place], imaginary, part)

    def reverse(self, i, axis):
        """In reverse mode, of output i along an axis by each input."""
        y = self.point.outputs[i].detach()
        found = [x.new_zeros((x.numel(), *y.shape)) for x in self.point.values]
        for index in itertools.product(*map(range, y.shape)):
            cotangent = _C.zeros_like(y)
            cotangent[index] = axis
            column = (slice(None), *index)
            for matrix, gradient in zip(found, self.point.pull(i, cotangent), strict=True):
                matrix[column] = gradient.reshape(-1)
        return [m.reshape(m.shape[0], y.numel()) for m in found]

    def forward(self, k, axis):
        """In forward mode, of the outputs by input k along an axis."""
        x = self.point.values[k]
        found = [y.detach().new_zeros((*x.shape, y.numel())) for y in self.point.outputs]
        for index in self.point.indices(k):
            columns = self.point.push(k, axis * self.point.unit(k, index))
            for matrix, column in zip(found, columns, strict=True):
                matrix[index] = column.reshape(-1)
        return [m.reshape(x.numel(), m.shape[-1]) for m in found]

    def scale(self, k, i=None):
        """By how much the tolerance of one element has to grow."""
        return 1.0


class Products(Jacobians):
    """Derivatives times a random direction of the input, and in reverse mode one of the output: a few calls of the function.

    The directions have length 1 and no negative numbers, so that errors of one sign do not cancel.
    """

    def __init__(self, point):
        super().__init__(point)
        source = _C.Generator()
        self.inputs = [self._direction(x, source) for x in point.values]
        self.outputs = [self._direction(y.detach(), source) for y in point.outputs]

    @staticmethod
    def _direction(like, source):
        from ..ops import rand

        drawn = rand(like.shape, generator=source, dtype=_C.float64)
        return (drawn / drawn.norm() if like.numel() else drawn).to(
            like.real.dtype if like.is_complex() else like.dtype
        )

    def _differences(self, k, axis):
        return self.point.difference(k, axis * self._inside(k))

    def _inside(self, k):
        """The direction of input k, where it can change."""
        return self.point.masked_to_input(k, self.inputs[k])

    def numerical(self, i, k, part):
        return (self.outputs[i] * super().numerical(i, k, part)).sum()

    def reverse(self, i, axis):
        y = self.point.outputs[i].detach()
        gradients = self.point.pull(i, (axis * self.outputs[i]).to(y.dtype))
        return [self._product(g, u) for g, u in zip(gradients, self.inputs, strict=True)]

    @staticmethod
    def _product(gradient, direction):
        if gradient.is_complex():
            return _C.complex((gradient.real * direction).sum(), (gradient.imag * direction).sum())
        return (gradient * direction).sum()

    def forward(self, k, axis):
        return self.point.push(k, (axis * self._inside(k)).to(self.point.values[k].dtype))

    def scale(self, k, i=None):
        return float(self.inputs[k].sum()) * (1.0 if i is None else float(self.outputs[i].sum()))
