"""Gradients that do not go through the engine: sparse ones of dense leaves (an Embedding's table).

The core adds and stores dense gradients only. A function whose gradient is sparse gives None to the engine and delivers the
gradient here; where the pass ends, it goes into `.grad` or among the results of `grad`. It says so when it is called
(`expect`): before the first such call nobody makes a `Pass`.
"""

import threading
import weakref

from .. import _C
from .._types import strided


class _Passes(threading.local):
    running = ()  # of this thread, the innermost last


_passes = _Passes()
expected = False
_guarded: dict = {}  # id: weak reference to a leaf whose .grad was sparse at least once


def expect():
    """From now on passes take deliveries."""
    global expected
    expected = True


class Pass:
    """A context around a backward pass; `found` has the delivered gradients by the id of their leaf.

    Args:
        leaves: the ids of the leaves that are asked for, or None for all.
    """

    def __init__(self, leaves=None):
        self.leaves, self.found, self.aside = leaves, {}, {}

    def __enter__(self):
        _passes.running = (*_passes.running, self)
        return self

    def __exit__(self, *exception):
        _passes.running = _passes.running[:-1]

    def accumulate(self):
        """Everything found goes into .grad of its leaf."""
        for leaf, gradient in (*self.aside.values(), *self.found.values()):
            _accumulate(leaf, gradient)


def deliver(leaf, gradient):
    """The sparse gradient of a dense leaf, found by a function's backward."""
    current = _passes.running[-1]
    if current.leaves is not None and id(leaf) not in current.leaves:
        return
    _, before = current.found.get(id(leaf), (leaf, None))
    current.found[id(leaf)] = (leaf, gradient if before is None else total(before, gradient))


def total(a, b):
    """The sum of two gradients, either of which may be sparse."""
    return b + a if _is_sparse(a) and not _is_sparse(b) else a + b


def _is_sparse(tensor):
    return tensor.layout is not strided


def _accumulate(leaf, gradient):
    before = leaf.grad
    if before is None:
        leaf.grad = gradient
    elif _is_sparse(before) and _is_sparse(gradient) and not gradient.requires_grad:
        before.add_(gradient)
    else:
        leaf.grad = total(before, gradient)
    if _is_sparse(leaf.grad):
        _guard(leaf)


def _guard(leaf):
    """From now on a dense gradient of this leaf finds no sparse one in its place: it is set aside until the pass ends."""
    if id(leaf) in _guarded:
        return
    key = id(leaf)
    weak = _guarded[key] = weakref.ref(leaf, lambda _: _guarded.pop(key, None))

    def set_aside(gradient):
        found = weak()
        if found is not None and _passes.running and found.grad is not None and _is_sparse(found.grad):
            _passes.running[-1].aside[key] = (found, found.grad)
            found.grad = None

    _C.register_tensor_hook(leaf, set_aside)
