"""Averaged models: every averaging function, buffers, batch norms, against torch and against the means themselves."""

import numpy as np
import pytest

import flambeau as fl

AVERAGES = {
    "plain": lambda utils: {},
    "device": lambda utils: {"device": "cpu"},
    "ema": lambda utils: {"avg_fn": utils.get_ema_avg_fn(0.9)},
    "swa": lambda utils: {"avg_fn": utils.get_swa_avg_fn()},
    "ema of lists": lambda utils: {"multi_avg_fn": utils.get_ema_multi_avg_fn(0.7)},
    "swa of lists": lambda utils: {"multi_avg_fn": utils.get_swa_multi_avg_fn()},
    "own": lambda utils: {"avg_fn": lambda average, now, count: 0.5 * average + 0.5 * now},
}


def network(lib):
    nn = lib.nn
    model = nn.Sequential(nn.Conv2d(2, 3, 3), nn.BatchNorm2d(3), nn.ReLU(), nn.Flatten(), nn.Linear(12, 2))
    draw = np.random.default_rng(0).standard_normal
    with lib.no_grad():
        for param in model.parameters():
            param.copy_(lib.tensor(draw(tuple(param.shape)).tolist()))
    return model


def values_of(model):
    return [(name, value.tolist()) for name, value in model.state_dict().items()]


def followed(lib, name, use_buffers, steps=5):
    """The state dicts of an averaged model along a made-up training, after update_bn, and what it computes then."""
    utils = lib.optim.swa_utils
    draw = np.random.default_rng(1).standard_normal
    model = network(lib)
    averaged = utils.AveragedModel(model, use_buffers=use_buffers, **AVERAGES[name](utils))
    trace = []
    for _ in range(steps):
        with lib.no_grad():
            for param in model.parameters():
                param.add_(lib.tensor(draw(tuple(param.shape)).tolist()), alpha=0.1)
        model(lib.tensor(draw((5, 2, 4, 4)).tolist()))
        averaged.update_parameters(model)
        trace.append(values_of(averaged))
    batches = [(lib.tensor(draw((4, 2, 4, 4)).tolist()), number) for number in range(3)]
    utils.update_bn(batches, averaged)
    trace.append([*values_of(averaged), ("training", averaged.training)])
    averaged.eval()
    trace.append([("result", averaged(batches[0][0]).detach().tolist())])
    return trace


# Where batch norms have integer buffers, torch refuses swa of lists.
KINDS = [(name, use_buffers) for name in AVERAGES for use_buffers in (False, True)]


@pytest.mark.oracle
@pytest.mark.parametrize(("name", "use_buffers"), [kind for kind in KINDS if kind != ("swa of lists", True)])
def test_averages_are_torchs(name, use_buffers):
    torch = pytest.importorskip("torch")
    for mine, theirs in zip(followed(fl, name, use_buffers), followed(torch, name, use_buffers), strict=True):
        assert [key for key, _ in mine] == [key for key, _ in theirs]
        for (_, ours), (_, expected) in zip(mine, theirs, strict=True):
            np.testing.assert_allclose(ours, expected, rtol=2e-5, atol=2e-6)


@pytest.mark.parametrize("use_buffers", [False, True])
def test_functions_of_one_and_of_lists_agree(use_buffers):
    for one, many in (("swa", "swa of lists"), ("plain", "swa")):
        assert followed(fl, one, use_buffers) == followed(fl, many, use_buffers)


def test_means():
    utils, w = fl.optim.swa_utils, fl.nn.Linear(1, 1, bias=False)
    plain, ema = utils.AveragedModel(w), utils.AveragedModel(w, avg_fn=utils.get_ema_avg_fn(0.9))
    history = [float(x) for x in np.random.default_rng(2).standard_normal(10)]
    for value in history:
        with fl.no_grad():
            w.weight.fill_(value)
        plain.update_parameters(w)
        ema.update_parameters(w)
    expected = history[0]
    for value in history[1:]:
        expected = 0.9 * expected + 0.1 * value
    assert plain.module.weight.item() == pytest.approx(np.mean(history), abs=1e-6)
    assert ema.module.weight.item() == pytest.approx(expected, abs=1e-6) and plain.n_averaged.item() == 10


def test_misuse():
    utils, model = fl.optim.swa_utils, fl.nn.Linear(1, 1)
    for decay in (-0.1, 2.0):
        for make in (utils.get_ema_avg_fn, utils.get_ema_multi_avg_fn):
            with pytest.raises(ValueError, match="Invalid decay value"):
                make(decay)
    with pytest.raises(AssertionError, match="Only one of"):
        utils.AveragedModel(model, avg_fn=utils.get_swa_avg_fn(), multi_avg_fn=utils.get_swa_multi_avg_fn())
    with pytest.raises(ValueError, match="anneal_strategy"):
        utils.SWALR(fl.optim.SGD(model.parameters()), 0.1, anneal_strategy="step")
    with pytest.raises(ValueError, match="anneal_epochs"):
        utils.SWALR(fl.optim.SGD(model.parameters()), 0.1, anneal_epochs=-1)
