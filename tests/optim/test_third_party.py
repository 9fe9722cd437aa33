"""What optimizers of other projects are built on: subclassing, wrapping, helpers, and steps as functions of lists."""

import copy
import importlib
import inspect
import pickle
import types

import pytest

import flambeau as fl
from tests.optim import cases


def classes(lib):
    """Optimizers as other projects write them, on one library."""
    base = importlib.import_module(f"{lib.__name__}.optim.optimizer")

    class Lion(base.Optimizer):
        """Signs of an interpolated momentum."""

        def __init__(self, params, lr=1e-2, betas=(0.9, 0.99), weight_decay=0.0, differentiable=False):
            defaults = {"lr": lr, "betas": betas, "weight_decay": weight_decay, "differentiable": differentiable}
            super().__init__(params, defaults)

        def __setstate__(self, state):
            super().__setstate__(state)
            for group in self.param_groups:
                group.setdefault("differentiable", False)

        @base._use_grad_for_differentiable
        def step(self, closure=None):
            self._accelerator_graph_capture_health_check()
            for group in self.param_groups:
                beta1, beta2 = (base._get_value(beta) for beta in group["betas"])
                for p in group["params"]:
                    if p.grad is None:
                        continue
                    state = self.state[p]
                    if len(state) == 0:
                        state["exp_avg"] = lib.zeros_like(p, memory_format=lib.preserve_format)
                    average = state["exp_avg"]
                    p.mul_(1 - group["lr"] * group["weight_decay"])
                    p.add_(average.lerp(p.grad, 1 - beta1).sign_(), alpha=-group["lr"])
                    average.lerp_(p.grad, 1 - beta2)

    class Lamb(base.Optimizer):
        """Adam with a trust ratio per tensor."""

        def __init__(self, params, lr=base.required, betas=(0.9, 0.999), eps=1e-6):
            super().__init__(params, {"lr": lr, "betas": betas, "eps": eps})

        @lib.no_grad()
        def step(self, closure=None):
            for group in self.param_groups:
                beta1, beta2 = group["betas"]
                for p in group["params"]:
                    if p.grad is None:
                        continue
                    state = self.state[p]
                    if not state:
                        state.update(step=0, exp_avg=lib.zeros_like(p.data), exp_avg_sq=lib.zeros_like(p.data))
                    state["step"] += 1
                    m, v = state["exp_avg"], state["exp_avg_sq"]
                    m.mul_(beta1).add_(p.grad, alpha=1 - beta1)
                    v.mul_(beta2).addcmul_(p.grad, p.grad, value=1 - beta2)
                    update = m / v.sqrt().add(group["eps"])
                    ratio = p.data.norm().clamp(0, 10) / update.norm()
                    p.data.add_(update, alpha=-group["lr"] * base._get_value(ratio))

    class Sharp(base.Optimizer):
        """A wrapper: shares the groups of another optimizer and takes its step from a point uphill (as SAM does)."""

        def __init__(self, params, kind, rho=0.05, **options):
            super().__init__(params, {"rho": rho, **options})
            self.base = kind(self.param_groups, **options)
            self.param_groups = self.base.param_groups
            self.defaults.update(self.base.defaults)

        @lib.no_grad()
        def step(self, closure):
            closure()
            for p in self.param_groups[0]["params"]:
                self.state[p]["old"] = p.data.clone()
                p.add_(p.grad, alpha=self.param_groups[0]["rho"])
            closure()
            for p in self.param_groups[0]["params"]:
                p.data = self.state[p]["old"]
            self.base.step()

    return Lion, Lamb, Sharp


def trained(lib, place, **options):
    """The parameters after some steps of one of the classes."""
    kind = classes(lib)[place]
    params = cases.start(lib, "Adam", "float32")
    optimizer = kind(params, **options) if place < 2 else kind(params, lib.optim.SGD, lr=0.05, momentum=0.9)
    schedule = lib.optim.lr_scheduler.ExponentialLR(optimizer, 0.9)
    for step in range(6):
        if place == 2:
            optimizer.step(lambda step=step: cases.loss_and_gradients(lib, params, step))
        else:
            cases.loss_and_gradients(lib, params, step)
            optimizer.step()
        schedule.step()
    return [param.detach().reshape(-1).tolist() for param in params], optimizer


@pytest.mark.oracle
@pytest.mark.parametrize(("place", "options"), [(0, {"weight_decay": 0.1}), (1, {"lr": 0.01}), (2, {})])
def test_values_are_torchs(place, options):
    torch = pytest.importorskip("torch")
    (mine, my_optimizer), (theirs, their_optimizer) = (trained(lib, place, **options) for lib in (fl, torch))
    for ours, expected in zip(mine, theirs, strict=True):
        assert ours == pytest.approx(expected, rel=1e-5, abs=1e-6)
    ours, expected = my_optimizer.state_dict(), their_optimizer.state_dict()
    assert {k: list(v) for k, v in ours["state"].items()} == {k: list(v) for k, v in expected["state"].items()}
    assert [list(g) for g in ours["param_groups"]] == [list(g) for g in expected["param_groups"]]


def test_state_of_a_subclass_is_saved():
    _, optimizer = trained(fl, 0)
    again = classes(fl)[0](cases.start(fl, "Adam", "float32"))
    again.load_state_dict(copy.deepcopy(optimizer.state_dict()))
    for mine, theirs in zip(again.state.values(), optimizer.state.values(), strict=True):
        assert fl.equal(mine["exp_avg"], theirs["exp_avg"])
    with pytest.raises(ValueError, match="required optimization parameter lr"):
        classes(fl)[1](cases.start(fl, "Adam"))


def test_hooks_run_once_where_a_step_calls_its_parents():
    class Counting(fl.optim.SGD):
        def step(self, closure=None):
            return super().step(closure)

    optimizer, calls = Counting([fl.zeros(1, requires_grad=True)]), []
    optimizer.register_step_post_hook(lambda *_: calls.append(1))
    optimizer.step()
    assert calls == [1] and optimizer._zero_grad_profile_name == "Optimizer.zero_grad#Counting.zero_grad"


def test_a_step_on_the_instance_replaces_that_of_the_class():
    """As schedulers and gradient scalers of other projects do it."""
    optimizer, calls = fl.optim.SGD([fl.zeros(1, requires_grad=True)]), []
    step = optimizer.step.__func__

    def counted(self, *args, **kwargs):
        calls.append(1)
        return step(self, *args, **kwargs)

    optimizer.step = types.MethodType(counted, optimizer)
    optimizer.step()
    assert calls == [1] and pickle.loads(pickle.dumps(optimizer)).step.__func__ is not counted


@pytest.mark.oracle
def test_helpers_are_torchs():
    torch = pytest.importorskip("torch")
    mine, theirs = fl.optim.optimizer, importlib.import_module("torch.optim.optimizer")
    names = [name for name in vars(theirs) if name.startswith("_") and not name.startswith(("__", "_single_tensor"))]
    assert not [
        name for name in names if not hasattr(mine, name) and name not in ("_P", "_T", "_foreach_supported_types")
    ]
    for lib, module in ((fl, mine), (torch, theirs)):
        params = [lib.zeros(2, requires_grad=True)]
        assert module._default_to_fused_or_foreach(params, False, use_fused=True) == (True, False)
        assert module._default_to_fused_or_foreach(params, True, use_fused=True) == (False, False)
        lists = [[lib.ones(1), lib.ones(2).double()], [lib.zeros(1), None]]
        grouped = lib.optim.Optimizer._group_tensors_by_device_and_dtype(lists, with_indices=True)
        assert sorted((str(key[1]), places) for key, (_, places) in grouped.items()) == [
            ("torch.float32", [0]),
            ("torch.float64", [1]),
        ]
        pair = [lib.zeros(2, dtype=lib.complex64)]
        module._view_as_real(pair, other := [lib.ones(2, dtype=lib.complex64)])
        assert pair[0].shape == other[0].shape == (2, 2)
        assert module._to_scalar(lib.ones(1)).shape == () and module._get_value(lib.tensor(3.0)) == 3.0
        assert module._stack_if_compiling([1]) == [1] and str(module._get_scalar_dtype()) == "torch.float32"
        with pytest.raises(RuntimeError, match="requires all the params to be floating point"):
            module._device_dtype_check_for_fused(lib.ones(1, dtype=lib.int64))


HOMES = {"Muon": "_muon", "Adafactor": "_adafactor"}
FUNCTIONS = [name for name in cases.OPTIMIZERS if name != "LBFGS"]


def function_of(lib, name):
    return getattr(importlib.import_module(f"{lib.__name__}.optim.{HOMES.get(name, name.lower())}"), name.lower())


@pytest.mark.oracle
@pytest.mark.parametrize("name", FUNCTIONS)
def test_signatures_of_functions(name):
    torch = pytest.importorskip("torch")
    ours, theirs = (inspect.signature(function_of(lib, name)).parameters.values() for lib in (fl, torch))
    assert [(p.kind, p.default) for p in ours] == [(p.kind, p.default) for p in theirs]
    assert [p.name for p in ours][2:] == [p.name for p in theirs][2:]


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_function_of_lists_is_the_step(name):
    from flambeau.optim._functional import _PAIRS, _STATES

    options = cases.OPTIMIZERS[name][1]
    _, optimizer = cases.run(fl, name, options, steps=2)  # so that there are states
    group = optimizer.param_groups[0]
    params = [p.detach().clone() for p in group["params"]]
    states = [{k: v.clone() for k, v in optimizer.state[p].items()} for p in group["params"]]
    cases.loss_and_gradients(fl, group["params"], 2)
    grads = [p.grad.clone() for p in group["params"]]
    optimizer.step()

    function = function_of(fl, name)
    flat = {
        part: value
        for pair, parts in _PAIRS.items()
        if isinstance(group.get(pair), tuple)
        for part, value in zip(parts, group[pair], strict=True)
    }
    given, lists = {"has_complex": False, **group, **flat}, []
    keywords = {}
    for parameter in list(inspect.signature(function).parameters.values())[2:]:
        if (
            parameter.name in _STATES
            and parameter.default is parameter.empty
            and parameter.kind is not parameter.KEYWORD_ONLY
        ):
            lists.append([state.get(_STATES[parameter.name]) for state in states])
        elif parameter.name in given and parameter.name not in ("foreach", "fused"):
            keywords[parameter.name] = given[parameter.name]
    function(params, grads, *lists, **keywords)
    for mine, param in zip(params, group["params"], strict=True):
        assert fl.equal(mine, param.detach())


def test_functions_take_scaled_gradients():
    w, g, average, square, step = fl.ones(2), fl.full((2,), 8.0), fl.zeros(2), fl.zeros(2), fl.tensor(0.0)
    options = {
        "amsgrad": False,
        "beta1": 0.9,
        "beta2": 0.99,
        "lr": 0.5,
        "weight_decay": 0.0,
        "eps": 0.0,
        "maximize": False,
    }
    adam = fl.optim.adam.adam
    adam([w], [g], [average], [square], [], [step], found_inf=fl.ones(1), **options)
    assert w.tolist() == [1, 1] and step.item() == 0
    adam([w], [g], [average], [square], [], [step], grad_scale=fl.tensor(8.0), found_inf=fl.zeros(1), **options)
    assert w.tolist() == pytest.approx([0.5, 0.5]) and step.item() == 1 and g.tolist() == [1, 1]
    buffers = [None]
    fl.optim.sgd.sgd(
        [w], [g], buffers, weight_decay=0, momentum=0.9, lr=0.1, dampening=0, nesterov=False, maximize=False
    )
    assert buffers[0].tolist() == [1, 1] and fl.optim._functional.sgd is fl.optim.sgd.sgd
