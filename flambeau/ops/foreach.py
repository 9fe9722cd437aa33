"""torch._foreach_*: one call for a list of tensors. Each is the op applied tensor by tensor.

>>> flambeau._foreach_add([flambeau.ones(1), flambeau.ones(2)], 1)
(tensor([2.]), tensor([2., 2.]))
"""

from .. import _C
from . import copies, elementary, pointwise, reduce, selection

__all__ = []

_UNARY = (
    "abs", "acos", "asin", "atan", "ceil", "cos", "cosh", "erf", "erfc", "exp", "expm1", "floor", "frac", "lgamma", "log", "log10",
    "log1p", "log2", "neg", "reciprocal", "round", "rsqrt", "sigmoid", "sign", "sin", "sinh", "sqrt", "tan", "tanh", "trunc",
)  # fmt: skip
_BINARY = ("add", "sub", "mul", "div", "pow", "maximum", "minimum", "clamp_max", "clamp_min")


def _checked(op, tensors):
    """The list of tensors that a call is about."""
    if not isinstance(tensors, (list, tuple)):
        raise TypeError(f"[{op}] expected a list or tuple of tensors, got {type(tensors).__name__}")
    if not tensors:
        raise RuntimeError(f"[{op}] Tensor list must have at least one tensor.")
    for t in tensors:
        if not isinstance(t, _C.Tensor):
            raise TypeError(f"[{op}] expected a list of tensors, got one with {type(t).__name__}")
    return tensors


def _each(op, count, argument):
    """An argument for each tensor: its own of a list, or the same for all."""
    if isinstance(argument, _C.Tensor) and argument.dim() == 1 and "addc" in op:
        argument = argument.tolist()
    if not isinstance(argument, (list, tuple)):
        return [argument] * count
    if len(argument) != count:
        what = "tensor" if isinstance(argument[0] if argument else 0, _C.Tensor) else "scalar"
        raise RuntimeError(
            f"[{op}] Tensor list must have same number of elements as {what} list, got {count} and {len(argument)}."
        )
    return argument


def _method(name, tensor):
    """The method of a tensor; maximum and minimum have no form in place: there it is a clamp."""
    return getattr(tensor, {"maximum_": "clamp_min_", "minimum_": "clamp_max_"}.get(name, name))


def _apart(name):
    """The function that gives new tensors."""
    op = f"_foreach_{name}"

    def foreach(self, *arguments, **keywords):
        if name == "pow" and not isinstance(self, (list, tuple)):  # a number to the power of each
            (exponents,) = arguments
            return tuple(pointwise.pow(self, t) for t in _checked(op, exponents))
        count = len(_checked(op, self))
        columns = [_each(op, count, a) for a in arguments]
        return tuple(_call(name, t, row, keywords) for t, *row in zip(self, *columns))

    return _named(op, foreach, f"{name} of each tensor of a list, as new tensors.")


def _call(name, t, row, keywords):
    keywords = dict(keywords)
    if name in ("addcmul", "addcdiv") and len(row) == 3:
        keywords["value"] = row.pop()
    if name in ("maximum", "minimum") and not isinstance(row[0], _C.Tensor):
        return (selection.clamp_min if name == "maximum" else selection.clamp_max)(t, row[0])
    return getattr(t, name)(*row, **keywords)


def _in_place(name):
    """The function that changes its tensors, and returns the list."""
    op = f"_foreach_{name}_"

    def foreach(self, *arguments, **keywords):
        count = len(_checked(op, self))
        columns = [_each(op, count, a) for a in arguments]
        for t, *row in zip(self, *columns):
            rest = dict(keywords)
            if name in ("addcmul", "addcdiv") and len(row) == 3:
                rest["value"] = row.pop()
            _method(f"{name}_", t)(*row, **rest)
        return self

    return _named(op, foreach, f"{name} of each tensor of a list, in place.")


def _named(op, function, text):
    function.__name__ = function.__qualname__ = op
    function.__doc__ = text
    return function


def _foreach_norm(self, ord=2, dtype=None):
    """The vector norm of each tensor."""
    return tuple(_C.vector_norm(t, float(ord), (), False, dtype) for t in _checked("_foreach_norm", self))


def _foreach_powsum(self, ord=2, dtype=None):
    """The sum of |x|^ord of each tensor: its norm without the root."""
    return tuple(
        reduce.sum(pointwise.pow(elementary.abs(t if dtype is None else t.to(dtype)), ord))
        for t in _checked("_foreach_powsum", self)
    )


def _foreach_max(self):
    """The largest element of each tensor."""
    return tuple(reduce.max(t) for t in _checked("_foreach_max", self))


def _foreach_mm(self, other):
    """The matrix product of each pair."""
    return tuple(a @ b for a, b in zip(_checked("_foreach_mm", self), _each("_foreach_mm", len(self), other)))


def _foreach_clone(self, *, memory_format=None):
    """A copy of each tensor."""
    return tuple(copies.clone(t) for t in _checked("_foreach_clone", self))


def _foreach_copy_(self, src, non_blocking=False):
    """Copy each of `src` into its tensor; returns the tensors."""
    for t, value in zip(
        _checked("_foreach_copy_", self), _each("_foreach_copy_", len(self), _checked("_foreach_copy_", src))
    ):
        _C.copy_(t, value)
    return self


def _foreach_zero_(self):
    """Set each tensor to zero."""
    for t in _checked("_foreach_zero_", self):
        _C.zero_(t)
    return self


for _name in (*_UNARY, *_BINARY, "addcmul", "addcdiv", "lerp"):
    globals()[f"_foreach_{_name}"] = _apart(_name)
    globals()[f"_foreach_{_name}_"] = _in_place(_name)
