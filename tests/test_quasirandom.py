"""Sobol sequences: torch's points, scrambled ones too."""

import copy

import numpy as np
import pytest

from tests.frame import fl

Engine = fl.quasirandom.SobolEngine
# SobolEngine(3).draw(8) of torch
POINTS = [
    [0, 0, 0], [0.5, 0.5, 0.5], [0.75, 0.25, 0.25], [0.25, 0.75, 0.75], [0.375, 0.375, 0.625], [0.875, 0.875, 0.125],
    [0.625, 0.125, 0.875], [0.125, 0.625, 0.375],
]  # fmt: skip


def test_points():
    engine = Engine(3)
    assert engine.draw().tolist() == POINTS[:1] and engine.draw(2).tolist() == POINTS[1:3]
    assert engine.draw(0).shape == (0, 3) and engine.num_generated == 3
    assert engine.draw(5, dtype=fl.float64).tolist() == POINTS[3:]
    assert engine.reset().draw_base2(3).tolist() == POINTS
    with pytest.raises(ValueError, match="power of 2"):
        engine.draw_base2(2)


def test_scrambled_points():
    found = Engine(2, scramble=True, seed=7).draw(3)
    np.testing.assert_allclose(found.numpy(), [[0.1995, 0.1709], [0.9454, 0.8953], [0.6495, 0.4836]], atol=6e-5)
    engine = Engine(2, True, 7)
    engine.draw(3)
    assert engine.quasi.tolist() == [697404747, 519292890] and engine.shift.tolist() == [214182645, 183537049]


@pytest.mark.parametrize("scramble", [False, True])
@pytest.mark.parametrize("dimension", [1, 40, 1111])
def test_sequence_goes_on(dimension, scramble):
    engine, other = Engine(dimension, scramble, 3), Engine(dimension, scramble, 3)
    points = engine.draw(64).numpy()
    assert (points[:9] == other.draw(9).numpy()).all() and (points[9:] == other.draw(55).numpy()).all()
    assert (other.reset().fast_forward(20).fast_forward(3).draw(3).numpy() == points[23:26]).all()
    assert (copy.deepcopy(other).draw(2).numpy() == other.draw(2).numpy()).all()
    assert all(len(np.unique((points[:, d] * 64).astype(int))) == 64 for d in range(dimension))  # one in each 64th


def test_last_dimension():
    state = Engine(Engine.MAXDIM).sobolstate
    assert state.shape == (21201, 30) and len(np.unique(state.numpy(), axis=0)) == 21201


def test_engine_checks_its_arguments():
    assert (
        repr(Engine(2)) == "SobolEngine(dimension=2)"
        and repr(Engine(2, True, 7)) == "SobolEngine(dimension=2, scramble=True, seed=7)"
    )
    out = fl.empty(2, 3)
    assert Engine(3).draw(2, out=out) is out and out.tolist() == POINTS[:2]
    for dimension, error in ((0, ValueError), (21202, ValueError), (2.5, TypeError)):
        with pytest.raises(error):
            Engine(dimension)
    with pytest.raises(NotImplementedError):
        Engine(2).draw(2, dtype=fl.float16)
    with pytest.raises(RuntimeError):
        Engine(2).draw(-1)
