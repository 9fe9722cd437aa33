"""States of models and optimizers by the names of parameters: torch.distributed.checkpoint.state_dict in one process."""

import importlib

import pytest

from tests.frame import fl

states = importlib.import_module(f"{fl.__name__}.distributed.checkpoint.state_dict")
nn = fl.nn
Options = states.StateDictOptions


def pair(rate=0.1):
    model = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3))
    return model, fl.optim.AdamW(model.parameters(), lr=rate)


@pytest.mark.parametrize("options", [Options(), Options(flatten_optimizer_state_dict=True, full_state_dict=True)])
def test_round_trip(options):
    model, optimizer = pair()
    model(fl.rand(4, 2)).sum().backward()
    optimizer.step()
    of_model, of_optimizer = states.get_state_dict(model, optimizer, options=options)
    assert list(of_model) == list(model.state_dict())
    if options.flatten_optimizer_state_dict:
        assert of_optimizer["param_groups.1.bias.lr"] == 0.1 and of_optimizer["state.0.weight.step"] == 1
    else:
        assert list(of_optimizer["state"]) == of_optimizer["param_groups"][0]["params"]
    other, its = pair(0.7)
    found = states.set_state_dict(other, its, model_state_dict=of_model, optim_state_dict=of_optimizer, options=options)
    assert not found.missing_keys and its.param_groups[0]["lr"] == 0.1
    assert fl.equal(other[0].weight, model[0].weight)
    assert fl.equal(its.state[other[0].weight]["exp_avg"], optimizer.state[model[0].weight]["exp_avg"])


def test_an_optimizer_without_state_gets_one_and_nothing_moves():
    model, optimizer = pair()
    before = model[0].weight.detach().clone()
    state = states.get_optimizer_state_dict(model, [optimizer])
    assert state["state"]["0.weight"]["exp_avg"].tolist() == [[0.0, 0.0]] * 3 and state["param_groups"][0]["lr"] == 0.1
    assert fl.equal(model[0].weight, before) and model[0].weight.grad is None


def test_parts():
    model, optimizer = pair()
    short = Options(keep_submodule_prefixes=False)
    assert list(states.get_model_state_dict(model, submodules={model[0]})) == ["0.weight", "0.bias"]
    assert list(states.get_model_state_dict(model, submodules={model[0]}, options=short)) == ["weight", "bias"]
    found = states.get_optimizer_state_dict(model, optimizer, submodules={model[1]})
    assert list(found["state"]) == found["param_groups"][0]["params"] == ["1.weight", "1.bias"]
    model[0].bias.requires_grad_(False)
    assert "0.bias" not in states.get_model_state_dict(model, options=Options(ignore_frozen_params=True))
    assert list(states.get_model_state_dict(nn.DataParallel(model))) == list(model.state_dict())


def test_loading():
    model, optimizer = pair()
    found = states.set_model_state_dict(model, {"0.weight": fl.ones(3, 2)}, options=Options(strict=False))
    assert "0.bias" in found.missing_keys and model[0].weight.sum().item() == 6
    with pytest.raises(RuntimeError, match="Missing key"):
        states.set_model_state_dict(model, {"0.weight": fl.ones(3, 2)})
    with fl.device("meta"):
        empty = nn.Linear(2, 3)
    states.set_model_state_dict(empty, nn.Linear(2, 3).state_dict(), options=Options(full_state_dict=True))
    assert not empty.weight.is_meta
    with pytest.raises(RuntimeError, match="0.weight"):
        states.set_optimizer_state_dict(model, optimizer, {"state": {}, "param_groups": []})


def test_torch_is_in_torch():
    assert fl.torch is fl
