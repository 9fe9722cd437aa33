"""Forward-mode differentiation: tensors that carry a tangent.

A dual tensor is a variable that remembers a direction; what is computed from it is recorded as for reverse mode, and its tangent
comes from two reverse passes when it is asked for (https://j-towns.github.io/2017/06/12/A-new-trick.html). So every op
with a derivative has a forward derivative.
"""

from typing import NamedTuple

from . import enable_grad
from ._products import Pushforward, enter_forward, exit_forward

__all__ = ["UnpackedDualTensor", "dual_level", "enter_dual_level", "exit_dual_level", "make_dual", "unpack_dual"]

_levels: list[list] = []  # of each level in use: pairs (variable, tangent)


class UnpackedDualTensor(NamedTuple):
    """What `unpack_dual` returns: the value, and its derivative in the direction of the tangents or None.

    >>> flambeau.autograd.forward_ad.UnpackedDualTensor(1, None).primal
    1
    """

    primal: object
    tangent: object


def enter_dual_level():
    """Begin a level and return its number; only one can be in use.

    >>> flambeau.autograd.forward_ad.enter_dual_level()
    0
    >>> flambeau.autograd.forward_ad.exit_dual_level()
    """
    if _levels:
        raise RuntimeError("Nested forward mode AD is not supported at the moment")
    _levels.append([])
    enter_forward()
    return 0


def exit_dual_level(*, level=None):
    """End the level: its tensors have no tangents any more.

    >>> level = flambeau.autograd.forward_ad.enter_dual_level()
    >>> flambeau.autograd.forward_ad.exit_dual_level(level=level)
    """
    if not _levels or (level is not None and level != len(_levels) - 1):
        raise RuntimeError(
            "Trying to exit a forward AD level that was not the last one that was created. This is not supported."
        )
    _levels.pop()
    exit_forward()


class dual_level:
    """A level for the length of a block.

    >>> fw = flambeau.autograd.forward_ad
    >>> with fw.dual_level():
    ...     x = fw.make_dual(flambeau.tensor(2.0), flambeau.tensor(1.0))
    ...     fw.unpack_dual(x**3)
    UnpackedDualTensor(primal=tensor(8.), tangent=tensor(12.))
    """

    def __enter__(self):
        self.level = enter_dual_level()
        return self.level

    def __exit__(self, *exc):
        exit_dual_level(level=self.level)


def make_dual(tensor, tangent, *, level=None):
    """A tensor with this tangent.

    Args:
        tensor: floating-point or complex.
        tangent: the same shape.

    Raises:
        RuntimeError: no level is in use, or the shapes differ.
        ValueError: the tensor has an integer dtype.

    >>> fw = flambeau.autograd.forward_ad
    >>> with fw.dual_level():
    ...     fw.unpack_dual(fw.make_dual(flambeau.zeros(2), flambeau.ones(2)).sum()).tangent
    tensor(2.)
    """
    if not _levels:
        raise RuntimeError(
            "Trying to create a dual Tensor for forward AD but no level exists, make sure to enter_dual_level() first."
        )
    for name, value in (("primal", tensor), ("tangent", tangent)):
        if not (value.is_floating_point() or value.is_complex()):
            raise ValueError(f"Expected {name} to be floating point or complex, but got: {value.dtype}")
    if tensor.shape != tangent.shape:
        raise RuntimeError(
            "Trying to set a forward gradient that has a different size than that of the original Tensor, this is not "
            f"supported. Tensor is of size {list(tensor.shape)} while the given forward gradient is of size "
            f"{list(tangent.shape)}."
        )
    with enable_grad():
        variable = tensor.view_as(tensor) if tensor.requires_grad else tensor.detach().requires_grad_()
    _levels[-1].append((variable, tangent))
    return variable


def unpack_dual(tensor, *, level=None):
    """The value of a tensor and its tangent (None if it does not depend on a dual tensor of this level).

    >>> fw = flambeau.autograd.forward_ad
    >>> with fw.dual_level():
    ...     fw.unpack_dual(flambeau.ones(2)).tangent is None
    True
    """
    if not _levels or not tensor.requires_grad:
        return UnpackedDualTensor(tensor, None)
    if not _levels[-1]:
        return UnpackedDualTensor(tensor.detach(), None)
    variables, tangents = zip(*_levels[-1], strict=True)
    outer = not all(v.is_leaf for v in variables)  # somebody differentiates in reverse mode too
    for variable, tangent in _levels[-1]:
        if variable is tensor:
            return UnpackedDualTensor(tensor if outer else tensor.detach(), tangent)
    record = outer or any(t.requires_grad for t in tangents)
    with enable_grad():
        forward = Pushforward([tensor], variables)
        if all(g is None for g in forward.gradients):
            return UnpackedDualTensor(tensor.detach(), None)
        (tangent,) = forward(tangents, record)
    primal = tensor if outer else tensor.detach()
    return UnpackedDualTensor(primal, tangent if record else tangent.detach())
