"""One call per layer: what it is, computes and differentiates is torch's, and it survives saving and copying."""

import copy
import json
import math
import pickle

import pytest

from tests.frame import fl
from tests.nn.layers import LAYERS, RECORDED, figures, leaves

FIGURES = json.loads(RECORDED.read_text())
KEYS = [f"{i}: {layer.text}" for i, layer in enumerate(LAYERS)]


def close(got, want, tol):
    if got is None or want is None:
        return got == want
    size = max(1.0, *(abs(x) for x in want[1] if math.isfinite(x)), 0.0)  # the sums may nearly cancel
    return got[0] == want[0] and all(near(x, y, tol * size) for x, y in zip(got[1], want[1], strict=True))


def near(x, y, tol):
    return x == y or (math.isnan(x) and math.isnan(y)) or abs(x - y) <= tol


def run_layer_test(layer, key):
    """Compares a layer with torch's recorded figures, then saves, loads, pickles, copies and prints it."""
    got, want = figures(fl, layer), FIGURES[key]
    assert got["repr"] == want["repr"]
    assert got["names"] == want["names"]
    for kind in ("results", "grads", "buffers"):
        for i, (mine, theirs) in enumerate(zip(got[kind], want[kind], strict=True)):
            assert close(mine, theirs, layer.tol), f"{kind}[{i}]: {mine} is not {theirs}"
    module, inputs = layer.make(fl), layer.feed(fl)
    module(*inputs)  # gives shapes to lazy layers
    module.eval()
    expected = leaves(module(*inputs))
    fresh = layer.make(fl)
    fresh(*inputs)
    fresh.load_state_dict(module.state_dict())
    for twin in (fresh.eval(), copy.deepcopy(module), pickle.loads(pickle.dumps(module))):
        assert repr(twin) == repr(module)
        for a, b in zip(leaves(twin(*inputs)), expected, strict=True):
            assert fl.equal(a.nan_to_num(), b.nan_to_num())


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("layer", "key"), list(zip(LAYERS, KEYS, strict=True)), ids=KEYS)
def test_layer(layer, key):
    run_layer_test(layer, key)


def test_linear_without_features():
    """Nothing comes out, and nothing flows back, whatever the number of dimensions."""
    for shape in ((3,), (2, 3), (2, 4, 3)):
        with pytest.warns(UserWarning, match="zero-element"):
            layer = fl.nn.Linear(3, 0)
        x = fl.ones(*shape, requires_grad=True)
        layer(x).sum().backward()
        assert (
            fl.equal(x.grad, fl.zeros(*shape)) and layer.weight.grad.shape == (0, 3) and layer.bias.grad.shape == (0,)
        )
