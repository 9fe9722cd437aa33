"""Every test starts from the same random state."""

import os

import pytest

from tests.frame import fl


@pytest.fixture(autouse=True)
def seeded():
    fl.manual_seed(0)


def pytest_report_header():
    return f"implementation: {os.environ.get('FLAMBEAU_IMPL', 'flambeau')} from {fl.__file__}"
