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
        self.names.append(str(func).removeprefix("aten."))
        return func(*args, **(kwargs or {}))


@pytest.mark.parametrize(
    ("call", "names"),
    [
        (lambda x: x + 1, ["add.Tensor"]),
        (lambda x: 1 - x, ["rsub.Scalar"]),
        (lambda x: x @ x, ["mm.default"]),
        (lambda x: x.relu(), ["relu.default"]),
        (lambda x: fl.relu(x).sum(), ["relu.default", "sum.default"]),
        (lambda x: x.view(4), ["view.default"]),
        (lambda x: x.view(4)[0].item(), ["view.default", "select.int", "_local_scalar_dense.default"]),
        (lambda x: x == x, ["eq.Tensor"]),
        (lambda x: x.shape, []),
        (lambda x: fl.nn.functional.layer_norm(x, (2,)), ["layer_norm.default"]),
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
            return result * 0 if func is fl.ops.aten.exp.default else result

    x = fl.ones(2)
    with Log() as outer, Zeros() as inner:
        assert dispatch._get_current_dispatch_mode() is inner
        assert fl.exp(x).tolist() == [0, 0]
        with dispatch._disable_current_modes():
            assert fl.exp(x)[0] > 2
    assert outer.names[:2] == ["exp.default", "mul.Tensor"] and dispatch._get_current_dispatch_mode() is None


def test_inside_and_outside_of_vmap():
    x = fl.ones(3, 2)
    with Log() as outside:
        fl.vmap(fl.sin)(x)
    assert outside.names == ["sin.default"]
    inside = Log()

    def f(a):
        with inside:
            return a.sin() + 1

    assert fl.vmap(f)(x).shape == (3, 2) and inside.names == ["sin.default", "add.Tensor"]


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


def test_a_mode_without_an_answer():
    with pytest.raises(NotImplementedError, match="must define __torch_dispatch__"), dispatch.TorchDispatchMode():
        fl.exp(fl.ones(2))


def test_keys():
    """Whatever is between the brackets means the same under a mode, one step for each part of it or one for all."""
    x = fl.arange(24.0).reshape(2, 3, 4)
    rows, mask = fl.tensor([1, 0, 1]), x > 5
    keys = [0, -1, slice(1, None), (slice(None), 1), (..., 2), (None, 0), (0, ..., None), (1, slice(None), slice(None, None, 2)), rows,
            (slice(None), rows), (rows, slice(1, 2), 0), (0, rows), [1, 0], (fl.tensor(1), 0), mask, mask[0, :, 0], True, (0, [1, 2]),
            (slice(None), None, rows[:2]), (rows[:2], rows[:2])]  # fmt: skip
    for key in keys:
        try:
            expected = x[key]
        except IndexError:
            with pytest.raises(IndexError), Log():
                x[key]
            continue
        with Log():
            assert x[key].equal(expected), key
        for value in (7.0, expected * 2):
            plain, seen = x.clone(), x.clone()
            plain[key] = value
            with Log():
                seen[key] = value
            assert seen.equal(plain), key
