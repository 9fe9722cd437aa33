"""Differentiation levels: variables of one transform that outer transforms and plain autograd see through."""

from .. import _C, autograd
from ..utils._pytree import tree_flatten, tree_map, tree_unflatten

Tensor = _C.Tensor


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
        own = {id(leaf) for leaf in self.leaves}
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


def pullback(outputs, variables, cotangents, record):
    """Gradients of the variables (zeros where none), the graph kept."""
    reached = [(y, v) for y, v in zip(outputs, cotangents, strict=True) if y.requires_grad]
    if not reached:
        return [_C.zeros_like(x) for x in variables]
    ys, vs = zip(*reached, strict=True)
    found = autograd.grad(ys, variables, vs, retain_graph=True, create_graph=record, allow_unused=True)
    return [_C.zeros_like(x) if g is None else g for g, x in zip(found, variables, strict=True)]


class Pushforward:
    """Directional derivatives from two reverse passes: the pullback is linear, and its own pullback is the pushforward.

    Source: https://j-towns.github.io/2017/06/12/A-new-trick.html
    """

    def __init__(self, outputs, variables):
        self.outputs, self.variables = outputs, variables
        self.dummies = [_C.zeros_like(y).detach().requires_grad_() for y in outputs]
        reached = [i for i, y in enumerate(outputs) if y.requires_grad]
        self.gradients = [None] * len(variables)
        if reached:
            self.gradients = autograd.grad(
                [outputs[i] for i in reached],
                variables,
                [self.dummies[i] for i in reached],
                create_graph=True,
                allow_unused=True,
            )

    def __call__(self, tangents, record):
        pairs = [
            (g, t.to(g.dtype))
            for g, t in zip(self.gradients, tangents, strict=True)
            if g is not None and t is not None and g.requires_grad
        ]
        if not pairs:
            return [_C.zeros_like(y) for y in self.outputs]
        gs, ts = zip(*pairs, strict=True)
        found = autograd.grad(gs, self.dummies, ts, retain_graph=True, create_graph=record, allow_unused=True)
        return [_C.zeros_like(y) if d is None else d for d, y in zip(found, self.outputs, strict=True)]
