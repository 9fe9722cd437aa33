"""GradScaler: scales, steps, skipped steps and states, as torch's on the CPU."""

import copy
import math
import pickle

import pytest

from tests.frame import fl


def made(**options):
    w = fl.nn.Parameter(fl.tensor([1.0, 2.0]))
    return (
        w,
        fl.optim.SGD([w], lr=0.5),
        fl.amp.GradScaler("cpu", **{"init_scale": 4.0, "growth_interval": 2, **options}),
    )


def iterate(w, optimizer, scaler, factor, unscale=False):
    optimizer.zero_grad()
    scaler.scale((w * factor).sum()).backward()
    if unscale:
        scaler.unscale_(optimizer)
        assert w.grad.tolist() == [factor] * 2 or not math.isfinite(factor)
    scaler.step(optimizer)
    scaler.update()
    return w.tolist(), scaler.get_scale(), scaler.state_dict()["_growth_tracker"]


def test_scale_grows_and_backs_off():
    parts = made()
    assert iterate(*parts, 1.0) == ([0.5, 1.5], 4.0, 1)
    assert iterate(*parts, 1.0, unscale=True) == ([0.0, 1.0], 8.0, 0)
    assert iterate(*parts, math.inf) == ([0.0, 1.0], 4.0, 0)
    assert iterate(*parts, math.nan, unscale=True) == ([0.0, 1.0], 2.0, 0)
    assert iterate(*parts, 2.0) == ([-1.0, 0.0], 2.0, 1)


def test_scale_stays_finite():
    parts = made(init_scale=2.0**127, growth_interval=1)
    assert iterate(*parts, 0.0)[1:] == (2.0**127, 0)


def test_several_optimizers_and_dtypes():
    a, b = fl.nn.Parameter(fl.ones(2)), fl.nn.Parameter(fl.ones(3, dtype=fl.float64))
    unused = fl.nn.Parameter(fl.ones(1))
    first, second = fl.optim.SGD([a, unused], lr=1.0), fl.optim.SGD([b], lr=1.0)
    scaler = fl.amp.GradScaler("cpu", init_scale=8.0)
    scaler.scale((a * math.inf).sum() + b.sum()).backward()
    scaler.step(first)
    scaler.step(second)
    scaler.update()
    assert a.tolist() == [1, 1] and b.tolist() == [0, 0, 0] and scaler.get_scale() == 4.0


def test_order_of_calls():
    w, optimizer, scaler = made()
    for call in (scaler.update, lambda: scaler.step(optimizer), lambda: scaler.unscale_(optimizer)):
        with pytest.raises(AssertionError, match="_scale is None"):
            call()
    scaler.scale(w.sum()).backward()
    scaler.unscale_(optimizer)
    with pytest.raises(RuntimeError, match="already been called"):
        scaler.unscale_(optimizer)
    with pytest.raises(AssertionError, match="pickled"):
        pickle.dumps(scaler)
    scaler.step(optimizer)
    for call in (scaler.step, scaler.unscale_):
        with pytest.raises(RuntimeError):
            call(optimizer)
    with pytest.raises(RuntimeError, match="Closure"):
        scaler.step(optimizer, closure=lambda: 1)
    scaler.update()
    optimizer.zero_grad()
    with pytest.raises(AssertionError, match="No inf checks"):
        scaler.step(optimizer)


def test_outputs():
    _, _, scaler = made()
    one, (two, three) = scaler.scale([fl.ones(1), (fl.ones(1, dtype=fl.float16), fl.ones(1, dtype=fl.float64))])
    assert [t.item() for t in (one, two, three)] == [4, 4, 4] and two.dtype is fl.float16 and three.dtype is fl.float64
    assert [t.item() for t in scaler.scale(iter([fl.ones(1)]))] == [4]
    with pytest.raises(ValueError):
        scaler.scale(3.0)


def test_half_gradients_are_refused():
    w = fl.nn.Parameter(fl.ones(2, dtype=fl.float16))
    w.grad = fl.ones(2, dtype=fl.float16)
    scaler = fl.amp.GradScaler("cpu")
    scaler.scale(fl.ones(1))
    with pytest.raises(ValueError, match="FP16"):
        scaler.unscale_(fl.optim.SGD([w], lr=1.0))


def test_new_scale():
    _, _, scaler = made()
    scaler.scale(fl.ones(1))
    for value in (8.0, fl.tensor(8.0)):
        scaler.update(value)
        assert scaler.get_scale() == 8.0
    with pytest.raises(AssertionError):
        scaler.update(fl.ones(2))


def test_state():
    w, optimizer, scaler = made()
    iterate(w, optimizer, scaler, 1.0)
    state = scaler.state_dict()
    assert state == {
        "scale": 4.0,
        "growth_factor": 2.0,
        "backoff_factor": 0.5,
        "growth_interval": 2,
        "_growth_tracker": 1,
    }
    other = fl.amp.GradScaler("cpu")
    other.load_state_dict(state)
    assert (
        other.state_dict()
        == state
        == copy.deepcopy(scaler).state_dict()
        == pickle.loads(pickle.dumps(scaler)).state_dict()
    )
    assert iterate(w, optimizer, other, 1.0)[1] == 8.0
    with pytest.raises(RuntimeError, match="empty"):
        other.load_state_dict({})
    other.set_growth_factor(3.0)
    other.set_backoff_factor(0.25)
    other.set_growth_interval(5)
    assert (other.get_growth_factor(), other.get_backoff_factor(), other.get_growth_interval()) == (3.0, 0.25, 5)


def test_disabled():
    w, optimizer, _ = made()
    scaler = fl.amp.GradScaler("cpu", enabled=False)
    assert scaler.state_dict() == {} and scaler.get_scale() == 1.0 and not scaler.is_enabled()
    scaler.scale(w.sum()).backward()
    scaler.unscale_(optimizer)
    scaler.step(optimizer)
    scaler.update()
    assert w.tolist() == [0.5, 1.5]
    with pytest.warns(UserWarning, match="CUDA is not available"):
        assert not fl.amp.GradScaler().is_enabled()
    with pytest.warns(FutureWarning), pytest.warns(UserWarning):
        assert not fl.cuda.amp.GradScaler().is_enabled()


def test_factors_are_checked():
    for options in ({"growth_factor": 1.0}, {"backoff_factor": 1.0}):
        with pytest.raises(AssertionError):
            fl.amp.GradScaler("cpu", **options)


def test_what_subclasses_replace():
    class Counting(fl.amp.GradScaler):
        steps = 0

        def _maybe_opt_step(self, optimizer, optimizer_state, *args, **kwargs):
            self.steps += 1
            return super()._maybe_opt_step(optimizer, optimizer_state, *args, **kwargs)

    w, optimizer, _ = made()
    scaler = Counting("cpu", init_scale=4.0)
    assert iterate(w, optimizer, scaler, 1.0)[1] == 4.0 and iterate(w, optimizer, scaler, math.inf)[1] == 2.0
    assert scaler.steps == 2 and scaler._get_scale_async().item() == 2.0
    w.grad = fl.tensor([math.inf, 1.0])
    (found,) = scaler._check_inf_per_device(optimizer).values()
    assert found.item() == 1.0 and w.grad.tolist() == [math.inf, 1.0]
    assert list(scaler._found_inf_per_device(optimizer).values()) == [found]
