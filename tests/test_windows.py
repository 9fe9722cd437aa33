"""as_strided of tensors with any layout: what it shares, its gradients, and writes through it.

`PROGRAMS` also run in torch where it is installed; without it, central differences and what must be shared decide.
"""

import importlib

import numpy as np
import pytest

from tests.frame import fl


def bases(lib):
    """Tensors as they may lie in memory, with windows on it: (base, size, stride, offset)."""
    wide = lib.arange(63.0, dtype=lib.float64).reshape(7, 9)
    yield "gaps", wide[1::2, 1::2].detach(), (3,), (20,), 10
    yield "gaps, all of the storage", wide[1::2, 1::2].detach(), (7, 9), (9, 1), 0
    yield "overlapping windows on gaps", wide[1::2, 1::2].detach(), (3, 4), (9, 9), 10
    yield "begins after its window", lib.arange(10.0, dtype=lib.float64)[5:].detach(), (4, 2), (1, 2), 3
    yield "transposed", lib.arange(12.0, dtype=lib.float64).reshape(4, 3).t().detach(), (3,), (4,), 0
    yield "contiguous", lib.arange(12.0, dtype=lib.float64), (3, 3), (1, 2), 3
    yield "a window that reaches beyond", lib.arange(12.0, dtype=lib.float64)[:4].detach(), (3, 3), (1, 3), 2
    yield "repeated", lib.arange(3.0, dtype=lib.float64).expand(2, 3).detach(), (4,), (0,), 1
    yield "overlaps itself", lib.arange(6.0, dtype=lib.float64).as_strided((3, 3), (1, 1)).detach(), (3,), (2,), 0
    yield "repeating window", lib.arange(6.0, dtype=lib.float64)[::2].detach(), (2, 3), (0, 2), 0
    yield "0-dim", lib.arange(6.0, dtype=lib.float64)[3].detach(), (2,), (0,), 3
    yield "empty window", lib.arange(6.0, dtype=lib.float64)[::2].detach(), (0, 2), (1, 1), 0


def gradient(lib, base, size, stride, offset):
    """The window's values, its gradient, and the gradient of that gradient."""
    base.requires_grad_()
    window = base.as_strided(size, stride, offset)
    (first,) = lib.autograd.grad((window**3).sum(), base, create_graph=True)
    weighed = (first * lib.arange(1.0, 1 + first.numel()).reshape(first.shape)).sum() + 0 * base.sum()
    (second,) = lib.autograd.grad(weighed, base)
    return window, first, second


def write(lib, base, size, stride, offset):
    """Written through a window of a tensor that needs a gradient: what the tensor then is, and its gradient."""
    leaf = lib.ones(base.shape, dtype=lib.float64, requires_grad=True)
    memory = lib.zeros(200, dtype=lib.float64)
    held = memory.as_strided(base.shape, base.stride(), base.storage_offset()).detach()
    held.copy_(leaf)
    window = held.as_strided(size, stride, offset)
    window.mul_(3.0).add_(1.0)
    (held**2 * lib.arange(1.0, 1 + held.numel()).reshape(held.shape)).sum().backward()
    return held, window, leaf.grad


def inside(lib, base, size, stride, offset):
    """Whether a window may be written to: all of it lies in the base, each place once."""
    places = lib.arange(200).as_strided(tuple(base.shape), base.stride(), base.storage_offset()).reshape(-1).tolist()
    wanted = lib.arange(200).as_strided(size, stride, offset).reshape(-1).tolist()
    return set(wanted) <= set(places) and len(set(wanted)) == len(wanted) and len(set(places)) == len(places)


PROGRAMS = [gradient, write]
NAMES = [name for name, *_ in bases(fl)]


def array(t):
    return t.detach().numpy()


@pytest.mark.parametrize("program", PROGRAMS)
@pytest.mark.parametrize("number", range(len(NAMES)), ids=NAMES)
def test_like_torch(number, program):
    torch = pytest.importorskip("torch")
    arguments = list(bases(fl))[number][1:]
    if program is write and not inside(fl, *arguments):
        return
    ours, theirs = program(fl, *arguments), program(torch, *list(bases(torch))[number][1:])
    for a, b in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(array(a), array(b))


@pytest.mark.parametrize("number", range(len(NAMES)), ids=NAMES)
def test_shares_memory(number):
    """A window is a view, whether its tensor needs a gradient or not."""
    _, base, size, stride, offset = list(bases(fl))[number]
    plain = base.as_strided(size, stride, offset)
    base.requires_grad_()
    window = base.as_strided(size, stride, offset)
    assert window.data_ptr() == plain.data_ptr() and window._is_view() and window.stride() == plain.stride()
    assert window.requires_grad and window.tolist() == plain.tolist()


def test_gradients_by_differences():
    check = importlib.import_module(f"{fl.__name__}.autograd")
    x = fl.randn(4, 3, dtype=fl.float64, requires_grad=True)

    def windows(x):
        return (x.t()[::2] * 1.0).as_strided((2, 3), (1, 2), 1), (x.t() * 1.0).as_strided((3, 2), (2, 3), 2)

    assert check.gradcheck(windows, (x,)) and check.gradgradcheck(windows, (x,))


def test_a_chain_of_windows():
    x = fl.arange(24.0, requires_grad=True)
    y = (x * 1.0).reshape(4, 6).t().as_strided((3, 4), (2, 6), 1).as_strided((2,), (12,), 3)
    y.sum().backward()
    assert y.tolist() == [3, 15] and x.grad.nonzero().reshape(-1).tolist() == [3, 15]
