"""Training programs give torch's losses from the same seed, step by step: as recorded, and as torch gives them here."""

import json
from pathlib import Path

import numpy as np
import pytest

from tests.frame import fl
from tests.programs import PROGRAMS

RECORDED = json.loads((Path(__file__).parent / "recorded" / "training.json").read_text())


@pytest.mark.parametrize("name", PROGRAMS)
def test_recorded_losses(name):
    losses = PROGRAMS[name](fl)
    assert len(losses) == 50
    np.testing.assert_allclose(losses, RECORDED[name], rtol=1e-4)


@pytest.mark.oracle
@pytest.mark.parametrize("name", PROGRAMS)
def test_torch_losses(name):
    torch = pytest.importorskip("torch")
    np.testing.assert_allclose(PROGRAMS[name](fl), PROGRAMS[name](torch), rtol=1e-4)
