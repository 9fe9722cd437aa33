"""Queues of work and marks in them: on the CPU work is done when a call returns, so there is nothing to wait for."""

from . import _C

__all__ = ["Event", "Stream"]


def _cpu_only(name, device):
    device = _C.device("cpu") if device is None else _C.device(device)
    if device.type != "cpu":
        raise RuntimeError(f"[{name}] PyTorch is not linked with support for {device.type} devices: use device='cpu'")
    return device


class Stream:
    """A queue of work on a device.

    Args:
        device: "cpu", the default; a RuntimeError for others.
        priority: accepted.

    >>> flambeau.Stream().query()
    True
    """

    def __init__(self, device=None, *, priority=0):
        self.device = _cpu_only("Stream", device)
        self.device_index, self.device_type, self.stream_id = -1, 0, 0

    def query(self):
        """Whether all work is done: yes."""
        return True

    def synchronize(self):
        """Wait until all work is done: it is."""

    def wait_event(self, event):
        """Let the stream wait for an event: it has happened."""

    def record_event(self, event=None):
        """Mark a place in the stream: a RuntimeError on the CPU, as in torch."""
        raise RuntimeError(f"[Stream] {self.device.type} backend doesn't support events.")

    def wait_stream(self, stream):
        """Let the stream wait for another's work: a RuntimeError on the CPU, as in torch."""
        self.record_event()

    def is_capturing(self):
        """Whether the work is being recorded into a graph: no."""
        return False

    def __enter__(self):
        return self

    def __exit__(self, *error):
        return False

    def __eq__(self, other):
        return isinstance(other, Stream) and self.device == other.device and self.stream_id == other.stream_id

    def __hash__(self):
        return hash((self.device, self.stream_id))

    def __repr__(self):
        return (
            f"torch.Stream device_type={self.device.type}, device_index={self.device_index}, stream_id={self.stream_id}"
        )


class Event:
    """A mark in a stream.

    Args:
        device: "cpu", the default; a RuntimeError for others.
        enable_timing: whether the event keeps its time.
        blocking, interprocess: accepted.

    >>> flambeau.Event().query()
    True
    """

    def __init__(self, device=None, *, enable_timing=False, blocking=False, interprocess=False):
        self.device, self.event_id = _cpu_only("Event", device), 0
        self._timing = enable_timing

    def query(self):
        """Whether the work before the event is done: yes."""
        return True

    def synchronize(self):
        """Wait for the event: it has happened."""

    def wait(self, stream=None):
        """Let a stream wait for the event: it has happened."""

    def record(self, stream=None):
        """Put the mark into a stream: a RuntimeError on the CPU, as in torch."""
        raise RuntimeError(f"[Event] {self.device.type} backend doesn't support events.")

    def elapsed_time(self, end_event):
        """Milliseconds between two recorded events: none can be recorded on the CPU."""
        if not (self._timing and end_event._timing):
            raise ValueError("[Event] Both events must be created with argument 'enable_timing=True'.")
        self.record()

    def ipc_handle(self):
        """A handle for other processes: torch has none yet."""
        raise NotImplementedError("[Event] torch.Event ipc is not supported yet")

    def __repr__(self):
        return (
            f"torch.Event device_type={self.device.type}, device_index=-1, event_flag={int(self._timing)}, event_id=0"
        )


class StreamContext:
    """A block in which work goes to a stream of a device that is not there: only to the default one, None."""

    _refuse: staticmethod  # raises

    def __init__(self, stream):
        self.stream = stream

    def __enter__(self):
        if self.stream is not None:
            self._refuse()

    def __exit__(self, *error):
        return False
