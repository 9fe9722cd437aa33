"""Hooks around forward and backward: order, what they may change, and how they go away."""

import pytest

from tests.frame import fl

nn = fl.nn
module = fl.nn.modules.module


def test_forward_hooks_in_order():
    layer, seen = nn.Identity(), []
    layer.register_forward_pre_hook(lambda m, args: seen.append("pre"))
    layer.register_forward_pre_hook(lambda m, args: seen.append("first"), prepend=True)
    layer.register_forward_hook(lambda m, args, out: seen.append("post"))
    handle = layer.register_forward_hook(lambda m, args, out: out + 1)
    assert float(layer(fl.zeros(()))) == 1 and seen == ["first", "pre", "post"]
    handle.remove()
    assert float(layer(fl.zeros(()))) == 0
    handle.remove()


def test_hooks_replace_arguments_and_results():
    layer = nn.Linear(2, 2)
    layer.register_forward_pre_hook(lambda m, args: args[0] * 0)
    layer.register_forward_hook(lambda m, args, out: (out, "more"))
    result, more = layer(fl.ones(1, 2))
    assert fl.allclose(result[0], layer.bias) and more == "more"


def test_hooks_with_kwargs():
    class Scale(nn.Module):
        def forward(self, x, factor=1):
            return x * factor

    layer = Scale()
    layer.register_forward_pre_hook(lambda m, args, kwargs: (args, {"factor": kwargs["factor"] + 1}), with_kwargs=True)
    layer.register_forward_hook(lambda m, args, kwargs, out: out + kwargs["factor"], with_kwargs=True)
    assert float(layer(fl.ones(()), factor=2)) == 6
    layer.register_forward_pre_hook(lambda m, args, kwargs: 3, with_kwargs=True)
    with pytest.raises(RuntimeError, match="must return None or a tuple"):
        layer(fl.ones(()), factor=2)


def test_always_called():
    class Broken(nn.Module):
        def forward(self, x):
            raise ValueError("broken")

    layer, seen = Broken(), []
    layer.register_forward_hook(lambda m, args, out: seen.append(("always", out)), always_call=True)
    layer.register_forward_hook(lambda m, args, out: seen.append("never"))
    with pytest.raises(ValueError, match="broken"):
        layer(fl.ones(1))
    assert seen == [("always", None)]


def test_global_forward_hooks():
    seen = []
    handles = [
        module.register_module_forward_pre_hook(lambda m, args: seen.append("pre")),
        module.register_module_forward_hook(lambda m, args, out: seen.append("post")),
        module.register_module_forward_hook(lambda m, args, kwargs, out: seen.append(kwargs), with_kwargs=True),
    ]
    try:
        nn.Identity()(fl.ones(1))
    finally:
        for handle in handles:
            handle.remove()
    nn.Identity()(fl.ones(1))
    assert seen == ["pre", "post", {}]


def test_handle_as_context():
    layer, seen = nn.Identity(), []
    with layer.register_forward_hook(lambda m, args, out: seen.append(1)):
        layer(1)
    layer(1)
    assert seen == [1]


def test_full_backward_hooks():
    layer, seen = nn.Linear(3, 2), []

    def after(m, grad_in, grad_out):
        seen.append(("after", tuple(grad_in[0].shape), tuple(grad_out[0].shape)))
        return (grad_in[0] * 0,)

    layer.register_full_backward_pre_hook(lambda m, grad_out: seen.append(("before", tuple(grad_out[0].shape))))
    layer.register_full_backward_hook(after)
    x = fl.ones(4, 3, requires_grad=True)
    layer(x).sum().backward()
    assert seen == [("before", (4, 2)), ("after", (4, 3), (4, 2))]
    assert float(x.grad.abs().sum()) == 0 and float(layer.weight.grad.sum()) == 24


def test_backward_pre_hook_replaces_gradients():
    layer = nn.Identity()
    layer.register_full_backward_pre_hook(lambda m, grad_out: (grad_out[0] * 3,))
    x = fl.ones(2, requires_grad=True)
    layer(x).sum().backward()
    assert x.grad.tolist() == [3.0, 3.0]


@pytest.mark.filterwarnings("ignore:Full backward hook is firing")
def test_backward_hook_without_input_gradients():
    layer, seen = nn.Linear(3, 2), []
    layer.register_full_backward_hook(lambda m, grad_in, grad_out: seen.append((grad_in, tuple(grad_out[0].shape))))
    layer(fl.ones(1, 3)).sum().backward()
    assert seen == [((None,), (1, 2))]


def test_backward_hook_with_several_values():
    class Pair(nn.Module):
        def forward(self, a, n, b):
            return a * 2, n, b * 3

    layer, seen = Pair(), []
    layer.register_full_backward_hook(lambda m, gi, go: seen.append(([g is None for g in gi], [g is None for g in go])))
    a, b = fl.ones(2, requires_grad=True), fl.ones(2, requires_grad=True)
    x, _, y = layer(a, 5, b)
    (x.sum() + y.sum()).backward()
    assert seen == [([False, True, False], [False, True, False])]
    assert a.grad.tolist() == [2.0, 2.0] and b.grad.tolist() == [3.0, 3.0]


def test_wrong_number_of_gradients():
    layer = nn.Identity()
    layer.register_full_backward_hook(lambda m, grad_in, grad_out: (None, None))
    with pytest.raises(RuntimeError, match="invalid number of grad_input, got 2, but expected 1"):
        layer(fl.ones(2, requires_grad=True)).sum().backward()


def test_the_two_kinds_do_not_mix():
    layer = nn.Identity()
    layer.register_full_backward_hook(lambda *a: None)
    with pytest.raises(RuntimeError, match="both regular backward hooks and full"):
        layer.register_backward_hook(lambda *a: None)


@pytest.mark.filterwarnings("ignore:Using a non-full")
def test_plain_backward_hook():
    layer, seen = nn.Tanh(), []
    layer.register_backward_hook(lambda m, grad_in, grad_out: seen.append(len(grad_out)))
    layer(fl.ones(2, requires_grad=True)).sum().backward()
    assert seen == [1]


def test_hooks_survive_copies():
    import copy

    layer = nn.Identity()
    layer.register_forward_hook(add_one)
    assert float(copy.deepcopy(layer)(fl.zeros(()))) == 1


def add_one(m, args, out):
    return out + 1
