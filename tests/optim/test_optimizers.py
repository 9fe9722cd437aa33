"""Optimizers: values, state layout, hooks, errors."""

import copy
import pickle
import warnings

import pytest

import flambeau as fl
from tests.optim import cases


def close(mine, theirs, tolerance):
    for x, y in zip(mine, theirs, strict=True):
        x, y = (x, y) if isinstance(x, list) else ([x], [y])
        for a, b in zip(x, y, strict=True):
            assert abs(a - b) <= tolerance * (1 + abs(b)), (mine, theirs)


@pytest.mark.parametrize("name, place", cases.CONFIGS, ids=str)
def test_recorded_values(name, place):
    trace, _ = cases.run(fl, name, cases.OPTIMIZERS[name][place])
    close(trace[-1], cases.recorded()["optimizers"][f"{name} {place}"], cases.TOLERANCE.get(name, 1e-9))


@pytest.mark.oracle
@pytest.mark.parametrize("name, place", cases.CONFIGS, ids=str)
def test_every_step_is_torchs(name, place):
    torch = pytest.importorskip("torch")
    options = cases.OPTIMIZERS[name][place]
    dtype = "float64" if name == "LBFGS" else "float32"  # whose iteration magnifies rounding errors
    mine, my_optimizer = cases.run(fl, name, options, dtype)
    theirs, their_optimizer = cases.run(torch, name, options, dtype)
    for ours, expected in zip(mine, theirs, strict=True):
        close(ours, expected, cases.TOLERANCE.get(name, 2e-5))
    ours, expected = my_optimizer.state_dict(), their_optimizer.state_dict()
    assert [list(group) for group in ours["param_groups"]] == [list(group) for group in expected["param_groups"]]
    for number, state in expected["state"].items():
        assert set(ours["state"][number]) == set(state)
        for key, value in state.items():
            if isinstance(value, torch.Tensor) and name != "LBFGS":
                assert str(ours["state"][number][key].dtype).split(".")[1] == str(value.dtype).split(".")[1]
                close(
                    [ours["state"][number][key].tolist()]
                    if value.dim() == 0
                    else ours["state"][number][key].reshape(-1).tolist(),
                    [value.tolist()] if value.dim() == 0 else value.reshape(-1).tolist(),
                    cases.TOLERANCE.get(name, 1e-4),
                )


@pytest.mark.oracle
@pytest.mark.parametrize("name", cases.OPTIMIZERS)
def test_state_dicts_go_both_ways(name, tmp_path):
    torch = pytest.importorskip("torch")
    options = cases.OPTIMIZERS[name][-1]
    _, mine = cases.run(fl, name, options)
    _, theirs = cases.run(torch, name, options)
    fl.save(mine.state_dict(), tmp_path / "mine.pt")
    torch.save(theirs.state_dict(), tmp_path / "theirs.pt")
    theirs.load_state_dict(torch.load(tmp_path / "mine.pt", weights_only=True))
    mine.load_state_dict(fl.load(tmp_path / "theirs.pt"))
    after = [
        cases.run(lib, name, {}, optimizer_class=lambda params, o=o: o, params=o.param_groups[0]["params"])[0]
        for lib, o in ((fl, mine), (torch, theirs))
    ]
    close(after[0][-1], after[1][-1], cases.TOLERANCE.get(name, 1e-9))


@pytest.mark.parametrize("name", [name for name in cases.OPTIMIZERS if name != "LBFGS"])
def test_resumed_is_uninterrupted(name):
    options = cases.OPTIMIZERS[name][-1]
    whole, _ = cases.run(fl, name, options, "float32")
    _, half = cases.run(fl, name, options, "float32", steps=4)
    params = half.param_groups[0]["params"]
    again = getattr(fl.optim, name)(params)
    again.load_state_dict(pickle.loads(pickle.dumps(half.state_dict())))
    for step in range(4, cases.STEPS):
        cases.loss_and_gradients(fl, params, step)
        again.step()
    assert [param.detach().reshape(-1).tolist() for param in params] == whole[-1]


@pytest.mark.parametrize("name", ["SGD", "Adam", "RMSprop", "Adagrad", "Adadelta", "Adamax", "NAdam", "RAdam", "Rprop"])
def test_complex_parameters_are_pairs_of_real_ones(name):
    options = cases.OPTIMIZERS[name][-1]
    real = fl.tensor([[1.0, -2.0], [0.5, 3.0]], dtype=fl.float64, requires_grad=True)
    pair = fl.view_as_complex(real.detach().clone()).requires_grad_()
    optimizers = [getattr(fl.optim, name)([p], **options) for p in (real, pair)]
    for step in range(3):
        grad = fl.tensor([[0.1, -0.2 * step], [1.0, 0.3]], dtype=fl.float64)
        real.grad, pair.grad = grad, fl.view_as_complex(grad.clone())
        for optimizer in optimizers:
            optimizer.step()
    close(fl.view_as_real(pair.detach()).reshape(-1).tolist(), real.detach().reshape(-1).tolist(), 1e-12)
    states = optimizers[1].state_dict()["state"]
    assert all(
        value.is_complex()
        for state in states.values()
        for key, value in state.items()
        if key not in ("step", "mu_product")
    )


@pytest.mark.parametrize("name", ["SGD", "Adam", "AdamW", "RMSprop", "Adagrad"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_native_call_is_the_formula(name, dtype, monkeypatch):
    """To the last bit: the kernel rounds where the tensor ops do."""

    def params():
        return [*cases.start(fl, name, dtype), fl.linspace(-2, 2, 1001, dtype=getattr(fl, dtype), requires_grad=True)]

    for options in cases.OPTIMIZERS[name]:
        fused, _ = cases.run(fl, name, options, dtype, params=params())
        with monkeypatch.context() as patch:
            patch.setattr(getattr(fl.optim, name), "_fused", lambda *_: False)
            formula, _ = cases.run(fl, name, options, dtype, params=params())
        assert fused == formula


@pytest.mark.oracle
@pytest.mark.parametrize("options", cases.OPTIMIZERS["Muon"], ids=str)
def test_newton_schulz_rounds_as_torchs(options):
    """In bfloat16 any other rounding would show in the third digit."""
    torch = pytest.importorskip("torch")
    assert cases.run(fl, "Muon", options, "float32")[0] == cases.run(torch, "Muon", options, "float32")[0]


@pytest.mark.parametrize("name", ["SGD", "Adam", "RMSprop", "Adagrad"])
def test_strided_parameters_and_gradients(name):
    options = cases.OPTIMIZERS[name][-1]
    values = fl.arange(12.0).reshape(3, 4) / 7
    plain = values.clone().requires_grad_()
    strided = values.t().contiguous().t().requires_grad_()
    sliced = fl.zeros(6, 8)[::2, ::2].copy_(values).detach().requires_grad_()
    assert not strided.is_contiguous() and not sliced.is_contiguous()
    optimizers = [getattr(fl.optim, name)([p], **options) for p in (plain, strided, sliced)]
    for _ in range(3):
        plain.grad = plain.detach() + 0.5
        strided.grad = strided.detach() + 0.5
        sliced.grad = (sliced.detach() + 0.5).t().contiguous().t()
        for optimizer in optimizers:
            optimizer.step()
    close(strided.reshape(-1).tolist(), plain.reshape(-1).tolist(), 1e-6)
    close(sliced.reshape(-1).tolist(), plain.reshape(-1).tolist(), 1e-6)


def test_steps_are_seen_by_autograd():
    w = fl.ones(3, requires_grad=True)
    loss = (w * w).sum()
    before = w._version
    w.grad = fl.ones(3)
    fl.optim.SGD([w], lr=0.1).step()
    assert w._version > before
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        loss.backward()


def test_empty_and_missing_gradients():
    empty, without, used = (fl.zeros(n, requires_grad=True) for n in (0, 2, 2))
    empty.grad, used.grad = fl.zeros(0), fl.ones(2)
    for kind in (fl.optim.SGD, fl.optim.Adam):
        optimizer = kind([empty, without, used], lr=0.1)
        optimizer.step()
        assert without.tolist() == [0, 0] and without not in optimizer.state
    assert used[0].item() == pytest.approx(-0.2)


def test_learning_rate_in_a_tensor():
    w, lr = fl.ones(1, requires_grad=True), fl.tensor(0.5)
    w.grad = fl.ones(1)
    for kind in (fl.optim.SGD, fl.optim.Adam, fl.optim.RMSprop, fl.optim.Adagrad):
        optimizer = kind([w], lr=lr)
        optimizer.step()
        assert optimizer.param_groups[0]["lr"] is lr
    with pytest.raises(ValueError, match="Tensor lr must be 1-element"):
        fl.optim.Adam([w], lr=fl.ones(2))


def test_differentiable_step():
    w = fl.ones(2, dtype=fl.float64, requires_grad=True)
    for kind in (fl.optim.SGD, fl.optim.Adam, fl.optim.RMSprop, fl.optim.Adagrad):
        lr = fl.tensor(0.5, dtype=fl.float64, requires_grad=True)
        param = w.clone()
        param.grad = w * 3
        kind([param], lr=lr, differentiable=True).step()
        (gradient,) = fl.autograd.grad(param.sum(), lr)
        assert gradient.item() < 0


# ---------------------------------------------------------------- the protocol


def test_groups_keep_their_options():
    a, b = fl.zeros(1, requires_grad=True), fl.zeros(1, requires_grad=True)
    optimizer = fl.optim.SGD([{"params": [a]}, {"params": b, "lr": 2.0}], lr=1.0)
    a.grad, b.grad = fl.ones(1), fl.ones(1)
    optimizer.step()
    assert (a.item(), b.item()) == (-1.0, -2.0)
    optimizer.zero_grad()
    assert a.grad is None
    a.grad = fl.ones(1)
    optimizer.zero_grad(set_to_none=False)
    assert a.grad.item() == 0
    c = fl.zeros(1, requires_grad=True)
    optimizer.add_param_group({"params": [c], "momentum": 0.5})
    assert optimizer.param_groups[2]["lr"] == 1.0
    assert repr(fl.optim.Muon([fl.zeros(1, 1)], lr=1)).startswith(
        "Muon (\nParameter Group 0\n    adjust_lr_fn: None\n    eps: "
    )
    assert repr(optimizer).endswith(
        "    weight_decay: 0\n\nParameter Group 2\n" + repr(optimizer).split("Parameter Group 2\n")[1]
    )


def test_named_parameters():
    model = fl.nn.Linear(2, 1)
    optimizer = fl.optim.SGD(model.named_parameters(), lr=0.1)
    assert optimizer.param_groups[0]["param_names"] == ["weight", "bias"]
    assert optimizer.state_dict()["param_groups"][0]["param_names"] == ["weight", "bias"]
    with pytest.raises(ValueError, match="names are missing"):
        optimizer.add_param_group({"params": [fl.zeros(1, requires_grad=True)]})


def test_closure_and_its_result():
    w = fl.ones(1, requires_grad=True)
    optimizer = fl.optim.SGD([w], lr=0.1)

    def closure():
        optimizer.zero_grad()
        loss = (w * w).sum()
        loss.backward()
        return loss

    with fl.no_grad():
        assert optimizer.step(closure).item() == 1
    assert w.item() == pytest.approx(0.8)


def test_hooks_in_order():
    w, calls = fl.ones(1, requires_grad=True), []
    optimizer = fl.optim.SGD([w], lr=0.1)
    handles = [
        optimizer.register_step_pre_hook(lambda o, args, kwargs: calls.append("pre")),
        optimizer.register_step_post_hook(lambda o, args, kwargs: calls.append("post")),
        fl.optim.optimizer.register_optimizer_step_pre_hook(lambda o, args, kwargs: calls.append("every pre")),
        fl.optim.optimizer.register_optimizer_step_post_hook(lambda o, args, kwargs: calls.append("every post")),
    ]
    optimizer.step()
    assert calls == ["every pre", "pre", "post", "every post"]
    for handle in handles:
        handle.remove()
    optimizer.step()
    assert len(calls) == 4
    optimizer.register_state_dict_post_hook(lambda o, state: {**state, "more": 1})
    assert optimizer.state_dict()["more"] == 1
    optimizer.register_load_state_dict_pre_hook(lambda o, state: {k: v for k, v in state.items() if k != "more"})
    optimizer.register_load_state_dict_post_hook(lambda o: calls.append("loaded"))
    optimizer.load_state_dict(optimizer.state_dict())
    assert calls[-1] == "loaded"


def test_subclasses_with_their_own_step():
    class Mine(fl.optim.Optimizer):
        def __init__(self, params):
            super().__init__(params, {"lr": fl.optim.optimizer.required})

        def step(self, closure=None):
            return "stepped"

    with pytest.raises(ValueError, match="required optimization parameter lr"):
        Mine([fl.zeros(1)])
    optimizer, calls = Mine([{"params": [fl.zeros(1)], "lr": 1}]), []
    optimizer.register_step_post_hook(lambda *_: calls.append(1))
    assert optimizer.step() == "stepped" and calls == [1]


def test_copies_and_pickles():
    _, optimizer = cases.run(fl, "Adam", {"lr": 0.1}, steps=2)
    clone = copy.deepcopy(optimizer)
    assert clone.param_groups[0]["params"][0] is not optimizer.param_groups[0]["params"][0]
    assert clone.state_dict()["state"][0]["step"].item() == 2


def step_with_gradient(optimizer):
    for param in optimizer.param_groups[0]["params"]:
        param.grad = fl.ones_like(param)
    optimizer.step()


@pytest.mark.parametrize(
    "make, error, text",
    [
        (lambda w: fl.optim.SGD([], lr=0.1), ValueError, "optimizer got an empty parameter list"),
        (lambda w: fl.optim.SGD(w, lr=0.1), TypeError, "should be an iterable of Tensors or dicts"),
        (lambda w: fl.optim.SGD([1], lr=0.1), TypeError, "can only optimize Tensors, but one of the params is int"),
        (lambda w: fl.optim.SGD([w * 2], lr=0.1), ValueError, "can't optimize a non-leaf Tensor"),
        (lambda w: fl.optim.SGD([{"params": {w}}], lr=0.1), TypeError, "ordered collections"),
        (
            lambda w: fl.optim.SGD([{"params": [w]}, {"params": [w]}], lr=0.1),
            ValueError,
            "more than one parameter group",
        ),
        (lambda w: fl.optim.SGD([w], lr=-1), ValueError, "Invalid learning rate: -1"),
        (lambda w: fl.optim.SGD([w], momentum=-1), ValueError, "Invalid momentum value: -1"),
        (lambda w: fl.optim.SGD([w], nesterov=True), ValueError, "requires a momentum and zero dampening"),
        (lambda w: fl.optim.Adam([w], betas=(1.0, 0.9)), ValueError, "Invalid beta parameter at index 0: 1.0"),
        (lambda w: fl.optim.Adam([w], eps=-1), ValueError, "Invalid epsilon value: -1"),
        (lambda w: fl.optim.Adam([w], fused=True, foreach=True), RuntimeError, "cannot be `True` together"),
        (
            lambda w: step_with_gradient(fl.optim.Adam([w.cfloat().detach()], fused=True)),
            RuntimeError,
            "requires all the params to be floating",
        ),
        (lambda w: fl.optim.Adagrad([w], lr_decay=-1), ValueError, "Invalid lr_decay value: -1"),
        (lambda w: fl.optim.Muon([w]), ValueError, "only supports 2D parameters"),
        (lambda w: fl.optim.LBFGS([{"params": [w]}, {"params": [fl.zeros(1)]}]), ValueError, "per-parameter options"),
    ],
)
def test_misuse(make, error, text):
    with pytest.raises(error, match=text.replace("(", r"\(")):
        make(fl.ones(1, requires_grad=True))


def test_twice_the_same_parameter_warns():
    w = fl.ones(1, requires_grad=True)
    with pytest.warns(UserWarning, match="duplicate parameters"):
        fl.optim.SGD([w, w], lr=0.1)


def test_state_dicts_that_do_not_fit():
    first = fl.optim.SGD([fl.zeros(1), fl.zeros(1)], lr=0.1)
    with pytest.raises(ValueError, match="doesn't match the size"):
        fl.optim.SGD([fl.zeros(1)], lr=0.1).load_state_dict(first.state_dict())
    with pytest.raises(ValueError, match="different number of parameter groups"):
        cases.two_groups(fl).load_state_dict(first.state_dict())


def test_averaged_model():
    model = fl.nn.Linear(1, 1)
    averaged = fl.optim.swa_utils.AveragedModel(model)
    values = []
    for step in range(3):
        with fl.no_grad():
            model.weight.fill_(float(step))
        values.append(float(step))
        averaged.update_parameters(model)
        assert averaged.module.weight.item() == pytest.approx(sum(values) / len(values))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        averaged(fl.ones(1, 1))
