"""TorchDispatchMode: what it sees, and that nothing of it remains."""

import threading

import pytest

from tests.frame import fl

dispatch = fl.utils._python_dispatch


class Log(dispatch.TorchDispatchMode):
    def __init__(self):
        super().__init__()
        self.names = []

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        self.names.append(func.__name__)
        return func(*args, **(kwargs or {}))


@pytest.mark.parametrize(
    ("call", "names"),
    [
        (lambda x: x + 1, ["add"]),
        (lambda x: 1 - x, ["sub"]),
        (lambda x: x @ x, ["matmul"]),
        (lambda x: x.relu(), ["relu"]),
        (lambda x: fl.relu(x).sum(), ["relu", "sum"]),
        (lambda x: x.view(4), ["view"]),
        (lambda x: x.view(4)[0].item(), ["view", "getitem", "_local_scalar_dense"]),
        (lambda x: x == x, ["eq"]),
        (lambda x: x.shape, []),
        (lambda x: fl.nn.functional.layer_norm(x, (2,)), ["layer_norm"]),
    ],
)
def test_what_it_sees(call, names):
    x = fl.ones(2, 2)
    expected = call(x)
    with Log() as log:
        found = call(x)
    assert log.names == names
    assert found == expected if not isinstance(found, fl.Tensor) else fl.equal(found, expected)
    before = list(log.names)
    call(x)
    assert log.names == before


def test_modes_nest_and_can_replace_results():
    class Zeros(dispatch.TorchDispatchMode):
        def __torch_dispatch__(self, func, types, args=(), kwargs=None):
            result = func(*args, **(kwargs or {}))
            return result * 0 if func is dispatch.primitive("exp") else result

    x = fl.ones(2)
    with Log() as outer, Zeros() as inner:
        assert dispatch._get_current_dispatch_mode() is inner
        assert fl.exp(x).tolist() == [0, 0]
        with dispatch._disable_current_modes():
            assert fl.exp(x)[0] > 2
    assert outer.names[:2] == ["exp", "mul"] and dispatch._get_current_dispatch_mode() is None


def test_inside_and_outside_of_vmap():
    x = fl.ones(3, 2)
    with Log() as outside:
        fl.vmap(fl.sin)(x)
    assert outside.names == ["sin"]
    inside = Log()

    def f(a):
        with inside:
            return a.sin() + 1

    assert fl.vmap(f)(x).shape == (3, 2) and inside.names == ["sin", "add"]


def test_gradients_are_recorded_inside():
    x = fl.tensor([1.0, 2.0], requires_grad=True)
    with Log():
        y = (x**2).sum()
    y.backward()
    assert x.grad.tolist() == [2, 4]


def test_a_mode_belongs_to_its_thread():
    with Log() as log:
        thread = threading.Thread(target=lambda: fl.exp(fl.ones(2)))
        thread.start()
        thread.join()
    assert log.names == []


def test_primitives():
    assert dispatch.primitive("exp").name() == "aten::exp" and str(dispatch.primitive("exp")) == "aten.exp"
    with pytest.raises(AttributeError, match="no operator"):
        dispatch.primitive("nothing")
    with pytest.raises(NotImplementedError), dispatch.TorchDispatchMode():
        fl.exp(fl.ones(2))
