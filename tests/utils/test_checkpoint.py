"""Checkpointed activations give the same gradients."""

import pytest

import flambeau as fl
from flambeau.utils.checkpoint import CheckpointError, checkpoint, checkpoint_sequential


def gradients(model, x, run):
    fl.manual_seed(0)
    x.grad = None
    model.zero_grad()
    run().sum().backward()
    return [x.grad.tolist()] + [p.grad.tolist() for p in model.parameters()]


@pytest.mark.parametrize("reentrant", [True, False])
def test_same_gradients(reentrant):
    x = fl.randn(5, 4, requires_grad=True)
    model = fl.nn.Sequential(fl.nn.Linear(4, 4), fl.nn.Dropout(0.5), fl.nn.ReLU(), fl.nn.Linear(4, 3), fl.nn.Tanh())
    expected = gradients(model, x, lambda: model(x))
    assert gradients(model, x, lambda: checkpoint(model, x, use_reentrant=reentrant)) == expected
    for segments in (1, 2, 3, 5):
        run = lambda: checkpoint_sequential(model, segments, x, use_reentrant=reentrant)
        assert gradients(model, x, run) == expected


def test_twice_through_the_same_graph():
    x = fl.ones(2, requires_grad=True)
    y = checkpoint(lambda x: (x * 2).sin().exp(), x, use_reentrant=False).sum()
    y.backward(retain_graph=True)
    first = x.grad.tolist()
    y.backward()
    assert x.grad.tolist() == [2 * value for value in first]


def test_functions_that_differ_the_second_time():
    calls = []

    def fickle(x):
        calls.append(1)
        return (x if len(calls) == 1 else x[:1]).sin().cos()

    with pytest.raises(CheckpointError, match="different metadata"):
        checkpoint(fickle, fl.ones(2, requires_grad=True), use_reentrant=False).sum().backward()


def test_misuse():
    with pytest.warns(UserWarning, match="use_reentrant parameter should be passed explicitly"):
        checkpoint(fl.sin, fl.ones(1, requires_grad=True))
    with pytest.raises(ValueError, match="Unexpected keyword arguments: more"):
        checkpoint(fl.sin, fl.ones(1, requires_grad=True), use_reentrant=True, more=1)


def test_second_derivatives():
    """What is computed again takes its place in the graph, so derivatives go through it, also where checkpoints are nested."""

    def plain(x):
        return ((x * w).exp() * x).sin()

    def once(x):
        return checkpoint(plain, x, use_reentrant=False)

    def nested(x):
        return checkpoint(once, x, use_reentrant=False)

    w = fl.rand(3, dtype=fl.float64, requires_grad=True)
    x = fl.rand(3, dtype=fl.float64, requires_grad=True)

    def second(function):
        (first,) = fl.autograd.grad(function(x).sum(), x, create_graph=True)
        return [g.tolist() for g in fl.autograd.grad(first.sum(), (x, w))]

    assert second(once) == second(plain) == second(nested)
    assert fl.autograd.gradgradcheck(once, (x,))
