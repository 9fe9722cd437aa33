"""`__torch_function__` of classes and modes, in processes of their own where the state before the first one matters."""

import inspect
import subprocess
import sys
import threading

import numpy as np
import pytest

from tests.frame import fl

overrides = fl.overrides
F = fl.nn.functional


class Logged(fl.Tensor):
    calls: list = []

    @classmethod
    def __torch_function__(cls, func, types, args=(), kwargs=None):
        cls.calls.append((func, types, len(args), dict(kwargs or {})))
        return super().__torch_function__(func, types, args, kwargs)


class Plain(fl.Tensor):
    pass


class Diagonal:
    """The duck of torch's documentation: n equal numbers on a diagonal."""

    handled: dict = {}

    def __init__(self, n, value):
        self.n, self.value = n, value

    @classmethod
    def __torch_function__(cls, func, types, args=(), kwargs=None):
        if func not in cls.handled or not all(issubclass(t, (fl.Tensor, Diagonal)) for t in types):
            return NotImplemented
        return cls.handled[func](*args, **(kwargs or {}))


Diagonal.handled[fl.mean] = lambda input: float(input.value) / input.n
Diagonal.handled[fl.std_mean] = lambda input, **keywords: keywords
Diagonal.handled[fl.stack] = lambda tensors, dim=0: (len(tensors), dim)
Diagonal.handled[fl.Tensor.add] = lambda a, b: "added"


def names_of(function):
    Logged.calls.clear()
    result = function()
    return [getattr(f, "__name__", "") for f, *_ in Logged.calls], result


def logged(*shape):
    return fl.ones(*shape).as_subclass(Logged)


@pytest.mark.parametrize(
    ("call", "name"),
    [
        (lambda x: x + 1, "add"),
        (lambda x: 1 + x, "add"),
        (lambda x: 1 - x, "__rsub__"),
        (lambda x: 2 / x, "__rdiv__"),
        (lambda x: x @ x, "matmul"),
        (lambda x: x**2, "pow"),
        (lambda x: 2**x, "__rpow__"),
        (lambda x: x // 2, "__floordiv__"),
        (lambda x: x < 1, "lt"),
        (lambda x: x == 1, "__eq__"),
        (lambda x: -x, "neg"),
        (lambda x: abs(x), "abs"),
        (lambda x: x[0], "__getitem__"),
        (lambda x: fl.ones(2)[x.long()], "__getitem__"),
        (lambda x: x.relu(), "relu"),
        (lambda x: fl.exp(x), "exp"),
        (lambda x: F.gelu(x), "gelu"),
        (lambda x: F.layer_norm(x, (2,)), "layer_norm"),
        (lambda x: fl.linalg.inv(x + fl.eye(2)), "inv"),
        (lambda x: fl.fft.fft(x), "fft"),
        (lambda x: fl.cat([fl.ones(1, 2), x]), "cat"),
        (lambda x: fl.add(fl.ones(2), other=x), "add"),
        (lambda x: x.view(-1), "view"),
        (lambda x: x.sum(), "sum"),
        (lambda x: x.t(), "t"),
    ],
)
def test_results_of_a_subclass_have_its_class(call, name):
    x = logged(2, 2)
    expected = call(fl.ones(2, 2))
    names, result = names_of(lambda: call(x))
    assert name in names[-1:] and type(result) is Logged
    np.testing.assert_allclose(result.detach().numpy(), expected.numpy(), 1e-6)


@pytest.mark.parametrize(
    "name", ["shape", "dtype", "device", "ndim", "requires_grad", "grad", "T", "data", "real", "is_sparse", "layout"]
)
def test_attributes_are_asked(name):
    x = logged(2, 2)
    Logged.calls.clear()
    value = getattr(x, name)
    assert [f for f, *_ in Logged.calls] == [getattr(fl.Tensor, name).__get__]
    assert type(value) is (Logged if name in ("T", "data", "real") else type(value))


def test_attributes_are_set_through_the_protocol():
    x = logged(2)
    Logged.calls.clear()
    x.requires_grad = True
    assert Logged.calls[0][0] == fl.Tensor.requires_grad.__set__ and x.requires_grad


def test_gradients_flow_through_a_subclass():
    x = fl.tensor([1.0, 2.0], requires_grad=True)
    y = (x.as_subclass(Plain) ** 2).sum()
    assert type(y) is Plain
    y.backward()
    assert x.grad.tolist() == [2, 4]


def test_in_place_and_items_of_a_subclass():
    x = logged(3)
    before = x
    x += 1
    x[0] = 7
    assert (
        x is before and x.tolist() == [7, 2, 2] and len(x) == 3 and bool(x[0]) and float(x[1]) == 2 and int(x[2]) == 2
    )


def test_parameters_take_no_part():
    p = fl.nn.Parameter(fl.ones(2))
    assert type(p + 1) is fl.Tensor and type(p.sum()) is fl.Tensor and not overrides.has_torch_function([p])


def test_ducks():
    d = Diagonal(5, 2)
    assert fl.mean(d) == 0.4
    assert fl.std_mean(d, dim=1) == {"dim": 1}
    assert fl.stack([d, fl.ones(2)], dim=1) == (2, 1)
    assert fl.ones(2) + d == "added" and fl.add(d, 1) == "added"
    with pytest.raises(TypeError, match="no implementation found|Multiple dispatch failed"):
        fl.exp(d)


FRESH = """
import flambeau as torch
{before}
class Duck:
    def __init__(self, value): self.value = value
    @classmethod
    def __torch_function__(cls, func, types, args=(), kwargs=None):
        return func.__name__, [getattr(a, "value", a) for a in args], kwargs
print(torch.std_mean(Duck(3), dim=0), mean(Duck(4)), torch.nn.functional.gelu(Duck(5)))
"""


def test_the_first_duck_of_a_process():
    text = FRESH.format(before="from flambeau import mean")
    done = subprocess.run([sys.executable, "-c", text], capture_output=True, text=True)
    assert done.stdout == "('std_mean', [3], {'dim': 0}) ('mean', [4], {}) ('gelu', [5], {})\n", done.stderr


def test_nothing_is_changed_before_it_is_needed():
    text = """
import flambeau
class Ordinary: pass
assert "gate" not in str(flambeau.mean.__code__.co_consts) and not hasattr(flambeau.mean, "__wrapped__")
import sys
assert "flambeau.overrides" not in sys.modules
class Noticed(flambeau.Tensor): pass
assert hasattr(flambeau.mean, "__wrapped__")
"""
    subprocess.run([sys.executable, "-c", text], check=True)


def test_functions_keep_their_identity_and_signature():
    assert str(inspect.signature(fl.mean)).startswith("(input, dim=None, keepdim=False")
    assert fl.Tensor.mean is fl.mean and fl.mean.__name__ == "mean" and "mean" in fl.mean.__doc__
    assert overrides.resolve_name(fl.mean) == "torch.mean"


class Mode(overrides.TorchFunctionMode):
    def __init__(self):
        self.names = []

    def __torch_function__(self, func, types, args=(), kwargs=None):
        self.names.append(func.__name__)
        return func(*args, **(kwargs or {}))


def test_modes_see_every_call_and_nest():
    x = fl.ones(2)
    with Mode() as outer:
        fl.ones(2)
        with Mode() as inner:
            _ = x + 1
        x.sum()
        x.dim()
    x.sum()
    assert outer.names == ["ones", "add", "sum", "dim"] and inner.names == ["add"]


def test_modes_see_constructors_and_classes_do_not():
    with Mode() as mode:
        fl.tensor([1.0])
        fl.as_tensor([1.0])
        fl.zeros(2)
    assert mode.names == ["tensor", "as_tensor", "zeros"]
    x = logged(2)
    Logged.calls.clear()
    assert type(fl.as_tensor(x)) is Logged and not [f for f, *_ in Logged.calls if f is fl.as_tensor]


def test_signatures_of_decorated_functions_remain():
    assert str(inspect.signature(fl.linalg.matrix_rank)).startswith("(input")


def test_a_mode_belongs_to_its_thread():
    with Mode() as mode:
        thread = threading.Thread(target=lambda: fl.ones(2).sum())
        thread.start()
        thread.join()
    assert mode.names == []


def test_a_mode_can_replace_results():
    class Zero(overrides.TorchFunctionMode):
        def __torch_function__(self, func, types, args=(), kwargs=None):
            return 0 if func is fl.Tensor.add else func(*args, **(kwargs or {}))

    with Zero():
        assert fl.ones(2) + fl.ones(2) == 0
    assert (fl.ones(2) + fl.ones(2)).tolist() == [2, 2]


def test_disabling():
    x = logged(2)
    Logged.calls.clear()
    with fl.DisableTorchFunctionSubclass():
        assert type(x + 1) is fl.Tensor
    assert not Logged.calls
    with Mode() as mode, fl.DisableTorchFunctionSubclass():
        x.sum()
    assert mode.names == ["sum"]
    with Mode() as mode, fl.DisableTorchFunction():
        x.sum()
    assert mode.names == []


def test_subclasses_are_asked_first():
    order = []

    def make(name, base):
        def answer(cls, func, types, args=(), kwargs=None):
            order.append(name)
            return NotImplemented

        return type(name, (base,), {"__torch_function__": classmethod(answer)})

    first = make("First", fl.Tensor)
    second = make("Second", first)
    with pytest.raises(TypeError, match="all __torch_function__ handlers returned NotImplemented"):
        fl.add(fl.ones(1).as_subclass(first), fl.ones(1).as_subclass(second))
    assert order == ["Second", "First"]


def test_asking_oneself():
    @overrides.wrap_torch_function(lambda x: (x,))
    def mine(x):
        return x * 2

    Diagonal.handled[mine] = lambda x: "mine"
    assert mine(Diagonal(1, 1)) == "mine" and mine(fl.ones(1)).tolist() == [2]
    assert overrides.has_torch_function_unary(Diagonal(1, 1)) and not overrides.has_torch_function_variadic(
        fl.ones(1), 3
    )
    assert overrides.is_tensor_like(Diagonal(1, 1)) and not overrides.is_tensor_like(3)
    assert overrides.is_tensor_method_or_property(fl.Tensor.T.__get__)


def test_deepcopy_pickle_and_repr_of_a_subclass():
    import copy

    x = fl.ones(2).as_subclass(Plain)
    assert type(copy.deepcopy(x)) is Plain and repr(x) == "Plain([1., 1.])"
    assert f"{x.sum()}" == "Plain(2.)" and len(list(x)) == 2


def test_every_overridable_function_is_asked():
    class Count:
        @classmethod
        def __torch_function__(cls, func, types, args=(), kwargs=None):
            return func

    skipped = []
    for functions in overrides.get_overridable_functions().values():
        for function in functions:
            if inspect.isfunction(function):
                parameters = list(inspect.signature(function).parameters.values())
                if parameters and parameters[0].kind in (0, 1, 2) and function.__name__ not in overrides._MODES_ONLY:
                    assert function(Count()) is function
                else:
                    skipped.append(function.__name__)
    assert len(skipped) < 60, skipped
