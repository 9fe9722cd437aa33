"""Queues of work of CUDA devices: there are no devices."""

from .. import _streams
from ._kind import KIND as _KIND
from ._kind import refuse as _refuse

__all__ = ["Event", "ExternalStream", "Stream", "StreamContext"]


class Stream(_streams.Stream):
    """A queue of work on a CUDA device: an error, as there is none.

    >>> flambeau.cuda.Stream()
    Traceback (most recent call last):
        ...
    RuntimeError: [Stream] torch.cuda.Stream requires CUDA support
    """

    def __init__(self, device=None, priority=0, **kwargs):
        raise RuntimeError(f"[{type(self).__name__}] torch.cuda.{type(self).__name__} requires CUDA support")


class ExternalStream(Stream):
    """A stream made elsewhere: an error, as there is no device.

    >>> issubclass(flambeau.cuda.ExternalStream, flambeau.cuda.Stream)
    True
    """


class Event(_streams.Event):
    """A mark in a CUDA stream: an error, as there is no device.

    >>> flambeau.cuda.Event(enable_timing=True)
    Traceback (most recent call last):
        ...
    RuntimeError: [Event] torch.cuda.Event requires CUDA support
    """

    def __init__(self, enable_timing=False, blocking=False, interprocess=False, external=False):
        raise RuntimeError("[Event] torch.cuda.Event requires CUDA support")


class StreamContext(_streams.StreamContext):
    """A block in which work goes to a stream; None for the default one.

    >>> with flambeau.cuda.StreamContext(None):
    ...     pass
    """

    _refuse = staticmethod(_refuse)


def stream(stream):
    """A block in which work goes to a stream; None for the default one.

    >>> with flambeau.cuda.stream(None):
    ...     pass
    """
    return StreamContext(stream)


def set_stream(stream):
    """Let work go to a stream; None for the one in use.

    >>> flambeau.cuda.set_stream(None)
    """
    StreamContext(stream).__enter__()


_KIND.define(
    globals(),
    current_stream=("The stream in use: an error, as there is no device.", lambda device=None: _refuse()),
    default_stream=("A device's first stream: an error, as there is no device.", lambda device=None: _refuse()),
    get_stream_from_external=(
        "A stream by its address: an error, as there is no device.",
        lambda data_ptr, device=None: _refuse(),
        "0",
    ),
)
__all__ += ["set_stream", "stream"]
