"""Sequential, ModuleList, ModuleDict, ParameterList, ParameterDict behave as lists and dictionaries."""

import copy
from collections import OrderedDict

import pytest

from tests.frame import fl

nn = fl.nn


def kinds(modules):
    return [type(m).__name__ for m in modules]


def test_sequential_as_a_list():
    net = nn.Sequential(nn.Linear(2, 2), nn.ReLU(), nn.Tanh())
    assert kinds(net) == ["Linear", "ReLU", "Tanh"] and len(net) == 3
    assert kinds([net[0], net[-1]]) == ["Linear", "Tanh"] and kinds(net[1:]) == ["ReLU", "Tanh"]
    net[1] = nn.GELU()
    del net[0]
    assert kinds(net) == ["GELU", "Tanh"] and list(net._modules) == ["0", "1"]
    assert net.append(nn.ReLU()) is net and net.insert(0, nn.SiLU()) is net
    assert kinds(net.extend([nn.ELU()])) == ["SiLU", "GELU", "Tanh", "ReLU", "ELU"]
    assert type(net.pop(1)).__name__ == "GELU" and list(net._modules) == ["0", "1", "2", "3"]
    assert kinds(net + nn.Sequential(nn.ReLU()))[-1] == "ReLU" and len(net) == 4
    assert len(net * 2) == 8 and len(2 * net) == 8
    net *= 2
    assert len(net) == 8
    net += nn.Sequential(nn.ReLU())
    assert len(net) == 9


def test_sequential_with_names():
    net = nn.Sequential(OrderedDict(a=nn.Linear(2, 3), b=nn.ReLU()))
    assert net.a is net[0] and list(net.state_dict()) == ["a.weight", "a.bias"]
    assert list(net[1:]._modules) == ["b"] and net(fl.ones(1, 2)).shape == (1, 3)


@pytest.mark.parametrize(
    ("misuse", "error"),
    [
        (lambda s: s[3], IndexError),
        (lambda s: s["0"], TypeError),
        (lambda s: s + 3, ValueError),
        (lambda s: s * 0, ValueError),
        (lambda s: s * "a", TypeError),
        (lambda s: s.insert(9, nn.ReLU()), IndexError),
        (lambda s: s.insert(0, 3), AssertionError),
        (lambda s: s.pop(7), IndexError),
        (lambda s: nn.Sequential(3), TypeError),
        (lambda s: nn.ModuleList([3]), TypeError),
        (lambda s: nn.ModuleList(s)[9], IndexError),
        (lambda s: nn.ModuleList().extend(3), TypeError),
        (lambda s: nn.ModuleList()(1), NotImplementedError),
        (lambda s: nn.ModuleDict({"a": 3}), TypeError),
        (lambda s: nn.ModuleDict({3: nn.ReLU()}), TypeError),
        (lambda s: nn.ModuleDict(3), TypeError),
        (lambda s: nn.ModuleDict([("a", nn.ReLU(), 3)]), ValueError),
        (lambda s: nn.ModuleDict()["a"], KeyError),
        (lambda s: nn.ParameterList()[0], IndexError),
        (lambda s: nn.ParameterList().extend(3), TypeError),
        (lambda s: nn.ParameterList()(1), RuntimeError),
        (lambda s: nn.ParameterDict(3), TypeError),
        (lambda s: nn.ParameterDict().update([("a", 1, 2)]), ValueError),
        (lambda s: nn.ParameterDict()["a"], AttributeError),
        (lambda s: nn.ParameterDict().__getitem__(3), TypeError),
        (lambda s: nn.ParameterDict()(1), RuntimeError),
    ],
)
def test_misuse(misuse, error):
    with pytest.raises(error):
        misuse(nn.Sequential(nn.ReLU(), nn.Tanh()))


def test_module_list():
    layers = nn.ModuleList([nn.Linear(2, 2), nn.Linear(2, 2)])
    layers.append(nn.ReLU()).extend([nn.ReLU()])
    layers.insert(3, nn.Tanh())
    assert kinds(layers) == ["Linear", "Linear", "ReLU", "Tanh", "ReLU"]
    assert repr(layers).splitlines()[1] == "  (0-1): 2 x Linear(in_features=2, out_features=2, bias=True)"
    assert kinds(layers[2:4]) == ["ReLU", "Tanh"] and type(layers[2:4]) is nn.ModuleList
    del layers[2:]
    layers += [nn.GELU()]
    assert kinds(layers + [nn.ELU()]) == ["Linear", "Linear", "GELU", "ELU"]
    del layers[0]
    assert list(layers._modules) == ["0", "1"] and type(layers.pop(-1)).__name__ == "GELU"
    layers[0] = nn.SiLU()
    assert kinds(layers) == ["SiLU"] and nn.SiLU not in layers


def test_module_dict():
    heads = nn.ModuleDict({"a": nn.ReLU(), "b": nn.Tanh()})
    heads["c"] = nn.GELU()
    heads.update([("d", nn.ELU())])
    assert list(heads) == list(heads.keys()) == ["a", "b", "c", "d"] and "b" in heads and len(heads) == 4
    assert kinds(heads.values()) == ["ReLU", "Tanh", "GELU", "ELU"] and dict(heads.items())["a"] is heads["a"]
    assert kinds([heads.pop("a")]) == ["ReLU"]
    del heads["b"]
    other = nn.ModuleDict(heads)
    heads.clear()
    assert len(heads) == 0 and list(other) == ["c", "d"] and heads is not other


def test_parameter_list():
    ps = nn.ParameterList([fl.ones(2), nn.Parameter(fl.zeros(3)), "text"])
    assert isinstance(ps[0], nn.Parameter) and ps[2] == "text" and len(list(ps.parameters())) == 2
    ps.append(fl.ones(1)).extend([fl.ones(4)])
    ps += [5]
    assert len(ps) == 6 and ps[-1] == 5 and [p.shape[0] for p in ps[3:5]] == [1, 4]
    ps[0] = fl.full((7,), 2.0)
    assert ps[0].shape == (7,) and list(ps.state_dict()) == ["0", "1", "3", "4"]
    assert len(copy.deepcopy(ps)) == 6


def test_parameter_dict():
    ps = nn.ParameterDict({"b": fl.ones(1), "a": fl.zeros(2)})
    assert list(ps) == ["a", "b"] and isinstance(ps["a"], nn.Parameter) and "a" in ps
    ps["note"] = "text"
    ps.update(OrderedDict(z=fl.ones(3), y=fl.ones(1)))
    assert list(ps) == ["a", "b", "note", "z", "y"] and list(reversed(ps))[0] == "y"
    assert ps.get("none", 4) == 4 and ps.setdefault("k", 5) == 5 and ps.pop("k") == 5
    assert ps.popitem()[0] == "y" and len(ps.copy()) == len(ps) == 4
    assert [k for k, _ in ps.items()] == list(ps.keys()) and len(list(ps.values())) == 4
    both = ps | nn.ParameterDict({"q": fl.ones(1)})
    assert list(both)[-1] == "q" and list(ps.fromkeys(["m"], 3).items()) == [("m", 3)]
    ps |= nn.ParameterDict({"q": fl.ones(1)})
    assert "q" in ps and ps.q is ps["q"]
    del ps["a"]
    ps.clear()
    assert len(ps) == 0 and list(ps.parameters()) == []
