"""Parametrized weights, the older norms, and calls with other parameters."""

import copy
import pickle

import numpy as np
import pytest

from tests.frame import fl

nn = fl.nn
parametrize, norms = fl.nn.utils.parametrize, fl.nn.utils.parametrizations


class Double(nn.Module):
    def forward(self, x):
        return 2 * x

    def right_inverse(self, x):
        return x / 2


def test_register_and_remove():
    layer = nn.Linear(3, 3)
    before = layer.weight.detach().clone()
    assert parametrize.register_parametrization(layer, "weight", Double()) is layer
    assert fl.allclose(layer.weight, before) and type(layer).__name__ == "ParametrizedLinear"
    assert sorted(layer.state_dict()) == ["bias", "parametrizations.weight.original"]
    assert isinstance(layer.parametrizations.weight.original, nn.Parameter) and isinstance(layer, nn.Linear)
    layer(fl.ones(1, 3)).sum().backward()
    assert float(layer.parametrizations.weight.original.grad.sum()) == 18
    layer.weight = fl.ones(3, 3)
    assert float(layer.parametrizations.weight.original.detach().sum()) == 4.5
    parametrize.register_parametrization(layer, "weight", Double())
    assert float(layer.weight.detach().sum()) == 18 and len(layer.parametrizations.weight) == 2
    twin = copy.deepcopy(layer)
    twin.weight = fl.zeros(3, 3)
    assert float(layer.weight.detach().sum()) == 18
    with pytest.raises(RuntimeError, match="only supported through state_dict"):
        pickle.dumps(layer)
    assert parametrize.is_parametrized(layer, "weight") and not parametrize.is_parametrized(layer, "bias")
    parametrize.remove_parametrizations(layer, "weight")
    assert (
        type(layer) is nn.Linear and isinstance(layer.weight, nn.Parameter) and float(layer.weight.detach().sum()) == 18
    )
    assert not parametrize.is_parametrized(layer) and set(layer.state_dict()) == {"bias", "weight"}


def test_cached_and_misuse():
    layer, calls = nn.Linear(2, 2), []

    class Count(nn.Module):
        def forward(self, x):
            calls.append(1)
            return x

    class Shrink(nn.Module):
        def forward(self, x):
            return x[0]

    parametrize.register_parametrization(layer, "weight", Count(), unsafe=True)
    calls.clear()
    with parametrize.cached():
        layer.weight, layer.weight
    layer.weight
    assert len(calls) == 2
    with pytest.raises(ValueError, match="does not have a parameter"):
        parametrize.register_parametrization(layer, "nothing", Count())
    with pytest.raises(ValueError, match="shape"):
        parametrize.register_parametrization(nn.Linear(2, 2), "weight", Shrink())
    with pytest.raises(ValueError, match="does not have a parametrization"):
        parametrize.remove_parametrizations(nn.Linear(2, 2), "weight")


def test_weight_norm():
    layer = nn.Linear(4, 2)
    before = layer.weight.detach().clone()
    norms.weight_norm(layer)
    assert fl.allclose(layer.weight, before, atol=1e-6)
    assert list(layer.state_dict()) == [
        "bias",
        "parametrizations.weight.original0",
        "parametrizations.weight.original1",
    ]
    layer.load_state_dict({"weight_g": fl.ones(2, 1), "weight_v": fl.ones(2, 4), "bias": fl.zeros(2)})
    assert fl.allclose(layer.weight, fl.full((2, 4), 0.5))
    layer(fl.ones(1, 4)).sum().backward()
    assert layer.parametrizations.weight.original0.grad.shape == (2, 1)


def test_spectral_norm():
    layer = norms.spectral_norm(nn.Linear(6, 4))
    largest = np.linalg.norm(layer.weight.detach().numpy(), 2)
    assert abs(largest - 1) < 0.05
    assert "parametrizations.weight.0._u" in layer.state_dict()
    layer.eval()
    assert fl.equal(layer.weight, layer.weight)


@pytest.mark.filterwarnings("ignore:.*deprecated")
def test_older_norms():
    layer = nn.Linear(4, 2)
    before = layer.weight.detach().clone()
    nn.utils.weight_norm(layer)
    assert sorted(layer.state_dict()) == ["bias", "weight_g", "weight_v"] and fl.allclose(layer.weight, before)
    layer.weight_g.data.mul_(2)
    assert fl.allclose(layer(fl.ones(1, 4)), nn.functional.linear(fl.ones(1, 4), 2 * before, layer.bias), atol=1e-5)
    nn.utils.remove_weight_norm(layer)
    assert fl.allclose(layer.weight, 2 * before, atol=1e-5) and isinstance(layer.weight, nn.Parameter)
    nn.utils.spectral_norm(layer)
    assert sorted(layer.state_dict()) == ["bias", "weight_orig", "weight_u", "weight_v"]
    layer(fl.ones(1, 4)).sum().backward()
    assert layer.weight_orig.grad is not None
    nn.utils.remove_spectral_norm(layer)
    assert sorted(layer.state_dict()) == ["bias", "weight"]


def test_functional_call():
    call = nn.utils.stateless.functional_call if fl.__name__ != "torch" else fl.func.functional_call
    net = nn.Sequential(nn.Linear(2, 1), nn.BatchNorm1d(1))
    w = fl.ones(1, 2, requires_grad=True)
    out = call(net[0], {"weight": w, "bias": fl.zeros(1)}, (fl.ones(1, 2),))
    out.sum().backward()
    assert float(out.detach()) == 2 and w.grad.tolist() == [[1.0, 1.0]] and net[0].weight.grad is None
    assert isinstance(net[0].weight, nn.Parameter)
    tied = nn.Sequential(nn.Linear(2, 2, bias=False), nn.Linear(2, 2, bias=False))
    tied[1].weight = tied[0].weight
    assert float(call(tied, {"0.weight": fl.ones(2, 2)}, fl.ones(1, 2)).sum()) == 8


def test_skip_init():
    fl.manual_seed(0)
    expected = fl.rand(1)
    fl.manual_seed(0)
    layer = nn.utils.skip_init(nn.Linear, 3, 2)
    assert fl.equal(fl.rand(1), expected)
    assert layer.weight.shape == (2, 3) and layer.weight.device.type == "cpu"
