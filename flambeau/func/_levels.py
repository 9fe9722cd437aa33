"""Differentiation levels: variables of one transform that outer transforms and plain autograd see through."""

from .. import _C
from .._interpreters import Batched, active
from ..utils._pytree import tree_flatten, tree_map, tree_unflatten

Tensor = _C.Tensor


def _recorded(x):
    """The tensor that the graph knows: of a batch in vmap, the whole."""
    while type(x) is Batched:
        x = x.physical
    return x


class Level:
    """The variables of one transform. Outer gradients flow through those that were already being differentiated."""

    def __init__(self):
        self.outer = _C.is_grad_enabled()
        self.leaves = []  # variables that begin at this level

    def enter(self, value):
        """The tree with each tensor replaced by a variable of this level."""
        return tree_map(self._variable, value)

    def _variable(self, x):
        if not isinstance(x, Tensor):
            raise ValueError(f"Thing passed to transform API must be Tensor, got {type(x)}")
        if not (x.is_floating_point() or x.is_complex()):
            raise RuntimeError("only Tensors of floating point dtype can require gradients")
        if active():
            from ._batching import spread_over_all

            x = spread_over_all(x)  # each of the batch has a gradient of its own
        if self.outer and x.requires_grad:
            return x.view_as(x)
        variable = x.detach().requires_grad_()
        self.leaves.append(variable)
        return variable

    def leave(self, tree):
        """The tree as the world outside may see it: cut off from this level, unless it also depends on more."""
        leaves, spec = tree_flatten(tree)
        return tree_unflatten([self._result(x) for x in leaves], spec)

    def _result(self, x):
        if not isinstance(x, Tensor) or not x.requires_grad:
            return x
        return x if self.sees_more([x]) else x.detach()

    def sees_more(self, tensors):
        """Whether somebody outside differentiates through these: then a derivative must be recorded too."""
        if not self.outer:
            return False
        own = {id(_recorded(leaf)) for leaf in self.leaves}
        tensors = [_recorded(x) for x in tensors]
        if any(x.requires_grad and x.is_leaf and id(x) not in own for x in tensors):
            return True
        todo, seen = [x.grad_fn for x in tensors if x.grad_fn is not None], set()
        while todo:
            node = todo.pop()
            if node in seen:
                continue
            seen.add(node)
            variable = getattr(node, "variable", None)
            if variable is not None and id(variable) not in own:
                return True
            todo += [below for below, _ in node.next_functions if below is not None]
        return False
