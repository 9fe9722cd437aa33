"""Learning-rate schedules: torch's values, states and warnings."""

import pytest

import flambeau as fl
from tests.optim import cases

schedules = fl.optim.lr_scheduler


@pytest.mark.parametrize("name", cases.SCHEDULES)
def test_recorded_values(name):
    mine = [[group[0] for group in step] for step in cases.run_schedule(fl, name)[::7]]
    for ours, expected in zip(mine, cases.recorded()["schedules"][name], strict=True):
        assert ours == pytest.approx(expected, rel=1e-12, abs=1e-18)


@pytest.mark.oracle
@pytest.mark.parametrize("kind", ["SGD", "Adam"])
@pytest.mark.parametrize("name", cases.SCHEDULES)
def test_a_hundred_steps_are_torchs(name, kind):
    torch = pytest.importorskip("torch")
    assert cases.run_schedule(fl, name, kind) == cases.run_schedule(torch, name, kind)


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
