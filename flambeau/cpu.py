"""The CPU as a device, with the questions that GPUs are asked."""

import contextlib

__all__ = ["current_device", "device_count", "is_available", "is_initialized", "set_device", "stream", "synchronize"]


def is_available():
    """Whether there is a CPU.

    >>> flambeau.cpu.is_available()
    True
    """
    return True


def is_initialized():
    """Whether the CPU is ready.

    >>> flambeau.cpu.is_initialized()
    True
    """
    return True


def device_count():
    """The number of CPU devices.

    >>> flambeau.cpu.device_count()
    1
    """
    return 1


def current_device():
    """The device in use.

    >>> flambeau.cpu.current_device()
    'cpu'
    """
    return "cpu"


def synchronize(device=None):
    """Wait until all work is done: it is.

    >>> flambeau.cpu.synchronize()
    """


def set_device(device):
    """Accepted for torch's sake: there is one CPU.

    >>> flambeau.cpu.set_device("cpu")
    """


@contextlib.contextmanager
def stream(stream):
    """Accepted for torch's sake: there are no streams.

    >>> with flambeau.cpu.stream(None):
    ...     pass
    """
    yield
