"""Every test starts from the same random state."""

import os
import signal

import pytest

from tests.frame import fl

# A shell starts what runs in the background deaf to Ctrl-C, and children inherit that: tests that send it would wait for ever.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True)
def seeded():
    fl.manual_seed(0)


def pytest_report_header():
    return f"implementation: {os.environ.get('FLAMBEAU_IMPL', 'flambeau')} from {fl.__file__}"
