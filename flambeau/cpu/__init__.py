"""The CPU as a device, with the questions that GPUs are asked."""

import importlib as _importlib

from .. import _streams

__all__ = [
    "Event",
    "Stream",
    "StreamContext",
    "current_device",
    "current_stream",
    "device_count",
    "is_available",
    "is_initialized",
    "set_device",
    "stream",
    "synchronize",
]


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


class Stream(_streams.Stream):
    """A queue of work on the CPU: work is done when a call returns, so waiting for one takes no time.

    >>> flambeau.cpu.Stream().wait_stream(flambeau.cpu.current_stream())
    """

    def __init__(self, priority=-1):
        super().__init__("cpu")

    def record_event(self, event=None):
        """Mark a place in the stream: all work before it is done."""

    def wait_stream(self, stream):
        """Let the stream wait for another's work: it is done."""


class Event(_streams.Event):
    """A mark in a stream of the CPU: everything before it is done.

    >>> flambeau.cpu.Event().query()
    True
    """

    def __init__(self, enable_timing=False):
        super().__init__("cpu", enable_timing=enable_timing)

    def record(self, stream=None):
        """Put the mark into a stream."""


_current = [Stream()]


def current_stream(device=None):
    """The stream in use.

    >>> flambeau.cpu.current_stream() is flambeau.cpu.current_stream()
    True
    """
    return _current[-1]


class StreamContext:
    """A block in which work goes to a stream; None for the one in use.

    >>> stream = flambeau.cpu.Stream()
    >>> with flambeau.cpu.StreamContext(stream):
    ...     flambeau.cpu.current_stream() is stream
    True
    """

    def __init__(self, stream):
        self.stream = stream

    def __enter__(self):
        _current.append(_current[-1] if self.stream is None else self.stream)

    def __exit__(self, *error):
        _current.pop()
        return False


def stream(stream):
    """A block in which work goes to a stream; None for the one in use.

    >>> with flambeau.cpu.stream(None):
    ...     pass
    """
    return StreamContext(stream)


def __getattr__(name):
    if name == "amp":
        return _importlib.import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
