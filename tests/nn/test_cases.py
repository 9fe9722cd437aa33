"""Small programs give what they gave in torch (see cases/__init__.py)."""

import json

import pytest

from tests.frame import fl
from tests.nn.cases import RECORDED, load_cases, outcome

CASES = load_cases()
WANTED = json.loads(RECORDED.read_text())


def differences(got, want, path=""):
    """Where two results differ; numbers may be off by rounding."""
    if isinstance(want, dict) and isinstance(got, dict):
        if list(got) != list(want):
            return [f"{path}: {list(got)} is not {list(want)}"]
        return [line for key in want for line in differences(got[key], want[key], f"{path}/{key}")]
    if isinstance(want, list) and isinstance(got, list) and len(got) == len(want):
        return [line for i, (a, b) in enumerate(zip(got, want)) for line in differences(a, b, f"{path}/{i}")]
    numbers = isinstance(want, float | int) and isinstance(got, float | int) and not isinstance(want, bool)
    same = got == want or (numbers and abs(got - want) <= 2e-4 * max(1, abs(want)))
    return [] if same else [f"{path}: {got!r} is not {want!r}"]


@pytest.mark.parametrize("name", sorted(CASES))
def test_case(name):
    found = differences(json.loads(json.dumps(outcome(CASES[name], fl))), WANTED[name])
    assert not found, "\n".join(found[:10])
