"""Learning-rate schedules: torch's values, states and warnings."""

import copy

import pytest

import flambeau as fl
from tests.optim import cases

schedules = fl.optim.lr_scheduler
# A SequentialLR in another one says so where it is made, as torch's does.
nested = pytest.mark.filterwarnings("ignore:Detected call of `lr_scheduler.step:UserWarning")


@nested
@pytest.mark.parametrize("name", cases.SCHEDULES)
def test_recorded_values(name):
    for step, expected in zip(cases.run_schedule(fl, name)[::7], cases.recorded()["schedules"][name], strict=True):
        for ours, theirs in zip(step, expected, strict=True):
            assert ours == pytest.approx(theirs, rel=1e-12, abs=1e-18)


@nested
@pytest.mark.oracle
@pytest.mark.parametrize("kind", ["SGD", "Adam", "RMSprop"])
@pytest.mark.parametrize("name", cases.SCHEDULES)
def test_a_hundred_steps_are_torchs(name, kind):
    torch = pytest.importorskip("torch")
    assert cases.run_schedule(fl, name, kind) == cases.run_schedule(torch, name, kind)
    for dtype in ("float32", "float64"):
        mine, theirs = (
            cases.run_schedule(lib, name, kind, rate=lambda x, lib=lib: lib.tensor(x, dtype=getattr(lib, dtype)))
            for lib in (fl, torch)
        )
        assert mine == theirs


def comparable(state):
    """A scheduler's state without the functions in it."""
    return {
        key: [comparable(each) for each in value] if key == "_schedulers" else str(value)
        for key, value in state.items()
        if not callable(value) and not (isinstance(value, list) and any(map(callable, value)))
    }


@nested
@pytest.mark.oracle
@pytest.mark.parametrize("name", cases.SCHEDULES)
def test_states_are_exchanged(name):
    """In the middle: torch's state goes on here, and ours there."""
    torch = pytest.importorskip("torch")
    for source, target in ((torch, fl), (fl, torch)):
        (one, first), (two, second) = (
            (o, cases.SCHEDULES[name](lib.optim.lr_scheduler, o))
            for lib in (source, target)
            for o in [cases.two_groups(lib)]
        )
        for _ in range(23):
            one.step()
            first.step()
        two.load_state_dict(one.state_dict())
        second.load_state_dict(copy.deepcopy(first.state_dict()))
        for _ in range(60):
            assert cases.seen(one) == cases.seen(two) and first.get_last_lr() == second.get_last_lr()
            assert comparable(first.state_dict()) == comparable(second.state_dict())
            for each in (one, two, first, second):
                each.step()


@pytest.mark.oracle
@pytest.mark.parametrize("last", [0, 1, 9, 30])
@pytest.mark.parametrize("name", cases.RESUMED)
def test_made_to_go_on(name, last):
    """With last_epoch, in groups that have what the schedule has left there before."""
    torch = pytest.importorskip("torch")
    traces = []
    for lib in (fl, torch):
        optimizer = cases.two_groups(lib)
        for lr, group in zip((0.1, 0.2), optimizer.param_groups, strict=True):
            group.update(
                initial_lr=lr, lr=lr / 2, max_lr=0.5, min_lr=1e-5, max_momentum=0.95, base_momentum=0.85, swa_lr=0.05
            )
        scheduler = cases.RESUMED[name](lib.optim.lr_scheduler, optimizer, last)
        trace = []
        for _ in range(40):
            trace.append((cases.seen(optimizer), scheduler.last_epoch, scheduler.get_last_lr()))
            optimizer.step()
            scheduler.step()
        traces.append(trace)
    assert traces[0] == traces[1]


@pytest.mark.oracle
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", cases.RESUMED)
def test_epochs_and_closed_forms(name):
    torch = pytest.importorskip("torch")
    traces = []
    for lib in (fl, torch):
        optimizer = cases.two_groups(lib)
        scheduler = cases.RESUMED[name](lib.optim.lr_scheduler, optimizer, -1)
        trace = []
        for epoch in (1, 2, 5, 9, 3, 0, 50):
            optimizer.step()
            scheduler.step(epoch)
            closed = scheduler._get_closed_form_lr() if hasattr(scheduler, "_get_closed_form_lr") else None
            trace.append((cases.seen(optimizer), scheduler.last_epoch, closed))
        traces.append(trace)
    assert traces[0] == traces[1]


@nested
@pytest.mark.parametrize("name", cases.SCHEDULES)
def test_resumed_is_uninterrupted(name):
    first, second = cases.two_groups(fl), cases.two_groups(fl)
    one = cases.SCHEDULES[name](schedules, first)
    for _ in range(13):
        first.step()
        one.step()
    two = cases.SCHEDULES[name](schedules, second)
    second.load_state_dict(first.state_dict())
    two.load_state_dict(one.state_dict())
    for _ in range(30):
        assert one.get_last_lr() == two.get_last_lr()
        for each in (first, second, one, two):
            each.step()


@pytest.mark.parametrize(
    "options", [{}, {"mode": "max", "threshold_mode": "abs"}, {"cooldown": 2, "patience": 1}, {"min_lr": [0.01, 0.02]}]
)
@pytest.mark.oracle
def test_plateau_is_torchs(options):
    torch = pytest.importorskip("torch")
    states = []
    for lib in (fl, torch):
        optimizer = cases.two_groups(lib)
        scheduler = lib.optim.lr_scheduler.ReduceLROnPlateau(optimizer, **options)
        trace, metric = [], 0.3
        for _ in range(100):
            metric = 3.7 * metric * (1 - metric)
            scheduler.step(metric)
            trace.append((scheduler.state_dict(), [group["lr"] for group in optimizer.param_groups]))
        states.append(trace)
    assert states[0] == states[1]


def test_plateau_waits_and_lowers():
    optimizer = cases.two_groups(fl)
    scheduler = schedules.ReduceLROnPlateau(optimizer, factor=0.5, patience=1)
    rates = []
    for metric in [3, 2, 2, 2, 2, 2]:
        scheduler.step(fl.tensor(float(metric)))
        rates.append(optimizer.param_groups[0]["lr"])
    assert rates == [0.1, 0.1, 0.1, 0.05, 0.05, 0.025]


def test_learning_rate_in_a_tensor_is_changed_in_place():
    lr = fl.tensor(1.0)
    optimizer = fl.optim.SGD([fl.zeros(1)], lr=lr)
    scheduler = schedules.ExponentialLR(optimizer, 0.5)
    optimizer.step()
    scheduler.step()
    assert lr.item() == 0.5 and optimizer.param_groups[0]["lr"] is lr


def test_warnings_of_order():
    optimizer = cases.two_groups(fl)
    scheduler = schedules.StepLR(optimizer, 2)
    with pytest.warns(UserWarning, match="before `optimizer.step"):
        scheduler.step()
    with pytest.warns(UserWarning, match="epoch parameter"):
        scheduler.step(4)
    with pytest.warns(UserWarning, match="get_last_lr"):
        scheduler.get_lr()
    assert scheduler.get_last_lr()[0] == pytest.approx(0.001)


@pytest.mark.parametrize(
    "make, error, text",
    [
        (lambda o: schedules.StepLR(1, 2), TypeError, "int is not an Optimizer"),
        (lambda o: schedules.StepLR(o, 2, last_epoch=3), KeyError, "initial_lr"),
        (lambda o: schedules.LambdaLR(o, [len]), ValueError, "Expected 2 lr_lambdas, but got 1"),
        (lambda o: schedules.ConstantLR(o, 2.0), ValueError, "between 0 and 1"),
        (lambda o: schedules.LinearLR(o, 0.0), ValueError, "greater than 0"),
        (lambda o: schedules.CosineAnnealingWarmRestarts(o, 0), ValueError, "positive integer T_0"),
        (lambda o: schedules.OneCycleLR(o, 0.1), ValueError, "You must define either total_steps"),
        (lambda o: schedules.CyclicLR(o, 0.1, 0.2, mode="x"), ValueError, "mode is invalid"),
        (lambda o: schedules.ReduceLROnPlateau(o, factor=1.0), ValueError, "Factor should be < 1.0"),
        (lambda o: schedules.SequentialLR(o, [], []), ValueError, "at least one scheduler"),
        (lambda o: schedules.ChainedScheduler([]), ValueError, "at least one scheduler"),
    ],
)
def test_misuse(make, error, text):
    with pytest.raises(error, match=text):
        make(cases.two_groups(fl))


def test_one_cycle_ends():
    optimizer = cases.two_groups(fl)
    scheduler = schedules.OneCycleLR(optimizer, 0.1, total_steps=2)
    optimizer.step()
    scheduler.step()
    scheduler.step()
    with pytest.raises(ValueError, match="Tried to step 3 times"):
        scheduler.step()
