"""Profiling: every call of the core's functions, with its time, from the one place that they all run through."""

import functools
import threading
import time
import traceback

from .. import _C
from .._interpreters import Interpreter, as_primitive
from .profiler_util import EventList, FunctionEvent, FunctionEventAvg, Interval, Kernel, MemRecordsAcc

__all__ = [
    "EventList",
    "FunctionEvent",
    "FunctionEventAvg",
    "Interval",
    "Kernel",
    "MemRecordsAcc",
    "emit_itt",
    "emit_nvtx",
    "kineto_available",
    "profile",
    "record_function",
]

_active: list = []  # the recorders of this process
_LIBRARY = __file__.rsplit("/", 2)[0]
_NAMES = {"run_backward": "autograd::engine::run_backward", "matmul": "aten::matmul"}


def kineto_available():
    """Whether traces can be written: yes.

    >>> flambeau.autograd.profiler.kineto_available()
    True
    """
    return True


def _shape_of(value):
    if isinstance(value, _C.Tensor):
        return list(value.shape)
    if isinstance(value, (list, tuple)) and value and all(isinstance(item, _C.Tensor) for item in value):
        return [list(item.shape) for item in value]
    return []


def _stack():
    frames = [f for f in traceback.extract_stack() if not f.filename.startswith((_LIBRARY, "<"))]
    return [f"{frame.filename}({frame.lineno}): {frame.name}" for frame in reversed(frames)]


def _bytes_in_use():
    return _C.memory_stats()["live_bytes"]


class _Calls(Interpreter):
    """Sees the calls of one thread."""

    every_call = True

    def __init__(self, recorder):
        self._recorder = recorder

    def run(self, function, args, kwargs):
        if isinstance(function, str):
            known = as_primitive(function, args)
            if known is None:
                return NotImplemented
            name, args = known
            function = getattr(_C, name)
        name = function.__name__
        mark = self._recorder.begin()
        try:
            return function(*args, **kwargs)
        finally:
            self._recorder.end(mark, _NAMES.get(name, f"aten::{name}"), args)


class Recorder:
    """Collects events: begin and end of each call and range, nested by thread."""

    def __init__(self, record_shapes=False, profile_memory=False, with_stack=False, with_flops=False):
        self.record_shapes, self.profile_memory = record_shapes, profile_memory
        self.with_stack, self.with_flops = with_stack, with_flops
        self.events = []
        self.origin = time.perf_counter_ns()
        self._open = threading.local()
        self._calls = _Calls(self)
        self.recording = False

    def start(self):
        """See calls of this thread from now on."""
        self.recording = True
        _active.append(self)
        self._calls.__enter__()

    def stop(self):
        """See no more."""
        if self.recording:
            self.recording = False
            self._calls.__exit__(None, None, None)
            _active.remove(self)

    def begin(self):
        """A call begins."""
        stack = self._open.__dict__.setdefault("stack", [])
        stack.append([])
        return time.perf_counter_ns(), _bytes_in_use() if self.profile_memory else 0

    def end(self, mark, name, args=(), user=False):
        """The call that began with this mark ends."""
        now = time.perf_counter_ns()
        children = self._open.stack.pop()
        event = FunctionEvent(
            len(self.events) + 1,
            name,
            threading.get_native_id(),
            (mark[0] - self.origin) / 1000,
            (now - self.origin) / 1000,
            [_shape_of(arg) for arg in args] if self.record_shapes else None,
            _stack() if self.with_stack else None,
            _bytes_in_use() - mark[1] if self.profile_memory else 0,
            _flops(name, args) if self.with_flops else None,
            user,
        )
        for child in children:
            event.append_cpu_child(child)
        if self._open.stack:
            self._open.stack[-1].append(event)
        self.events.append(event)

    def event_list(self):
        """What was seen, in the order in which it began."""
        ordered = sorted(self.events, key=lambda event: (event.time_range.start, -event.time_range.end))
        for number, event in enumerate(ordered, 1):
            event.id = number
        return EventList(ordered, profile_memory=self.profile_memory, with_flops=self.with_flops)


def _flops(name, args):
    """Multiplications and additions of a product of matrices."""
    shapes = [tuple(arg.shape) for arg in args if isinstance(arg, _C.Tensor)]
    if name in ("aten::matmul", "aten::mm", "aten::bmm") and len(shapes) >= 2 and shapes[1]:
        rows = 1
        for size in shapes[0]:
            rows *= size
        return 2 * rows * (shapes[1][-1] if len(shapes[1]) > 1 else 1)
    if name == "aten::linear" and len(shapes) >= 2:
        rows = 1
        for size in shapes[0]:
            rows *= size
        return 2 * rows * shapes[1][0]
    return None


class record_function:
    """A named range of a profile; also a decorator.

    >>> with flambeau.autograd.profiler.profile() as profile:
    ...     with flambeau.autograd.profiler.record_function("mine"):
    ...         _ = flambeau.ones(2) * 2
    >>> profile.key_averages()[0].key
    'mine'
    """

    def __init__(self, name, args=None):
        self.name, self.args = name, args
        self._marks = []

    def __enter__(self):
        self._marks.append([(recorder, recorder.begin()) for recorder in _active])
        return self

    def __exit__(self, *error):
        for recorder, mark in self._marks.pop():
            recorder.end(mark, self.name, user=True)
        return False

    def __call__(self, function):
        @functools.wraps(function)
        def wrapped(*args, **kwargs):
            with record_function(self.name, self.args):
                return function(*args, **kwargs)

        return wrapped


class profile:
    """A context that records the calls in it.

    Args:
        enabled: whether it records at all.
        record_shapes, with_flops, profile_memory, with_stack: what to note beside times.
        use_cuda, use_device, use_kineto, use_cpu, with_modules, experimental_config: accepted; there is the CPU.

    >>> with flambeau.autograd.profiler.profile() as profile:
    ...     _ = flambeau.ones(2).exp()
    >>> profile.function_events[-1].name
    'aten::exp'
    """

    def __init__(self, enabled=True, *, use_cuda=False, use_device=None, record_shapes=False, with_flops=False,
                 profile_memory=False, with_stack=False, with_modules=False, use_kineto=False, use_cpu=True,
                 experimental_config=None, acc_events=False, custom_trace_id_callback=None):  # fmt: skip
        self.enabled, self.entered = enabled, False
        self.record_shapes, self.with_flops = record_shapes or with_flops, with_flops
        self.profile_memory, self.with_stack, self.use_device = profile_memory, with_stack, use_device
        self._recorder = None
        self._events = None

    def __enter__(self):
        if not self.enabled:
            return self
        if self.entered:
            raise RuntimeError("Profiler context manager is not reentrant")
        self.entered = True
        self._recorder = Recorder(self.record_shapes, self.profile_memory, self.with_stack, self.with_flops)
        self._recorder.start()
        return self

    def __exit__(self, *error):
        if self.enabled:
            self._recorder.stop()
            self._events = self._recorder.event_list()
        return False

    def __repr__(self):
        return "<unfinished torch.autograd.profile>" if self._events is None else repr(self._events)

    def __str__(self):
        return "<unfinished torch.autograd.profile>" if self._events is None else str(self._events)

    @property
    def function_events(self):
        """The events."""
        if self._events is None:
            raise RuntimeError("Profiler didn't finish running")
        return self._events

    def table(self, sort_by=None, row_limit=100, **options):
        """The events as a table: see EventList.table."""
        return self.function_events.table(sort_by, row_limit, **options)

    def export_chrome_trace(self, path):
        """Write the events as a trace that chrome://tracing and Perfetto show."""
        self.function_events.export_chrome_trace(path)

    def export_stacks(self, path, metric="self_cpu_time_total"):
        """Write stacks and times in the format of flame graphs."""
        if not self.with_stack:
            raise RuntimeError("export_stacks() requires with_stack=True")
        self.function_events.export_stacks(path, metric)

    def key_averages(self, group_by_input_shape=False, group_by_stack_n=0, group_by_overload_name=False):
        """Averages by name."""
        return self.function_events.key_averages(group_by_input_shape, group_by_stack_n)

    def total_average(self):
        """All events added up."""
        return self.function_events.total_average()

    @property
    def self_cpu_time_total(self):
        """Microseconds of all events, each counted once."""
        return self.function_events.self_cpu_time_total


class _Elsewhere:
    """Marks for another profiler: nothing is sent."""

    def __init__(self, enabled=True, record_shapes=False):
        self.enabled, self.entered, self.record_shapes = enabled, False, record_shapes

    def __exit__(self, *error):
        return False


class emit_nvtx(_Elsewhere):
    """Marks for NVIDIA's profiler: an error, as there is no GPU, unless enabled is False.

    >>> with flambeau.autograd.profiler.emit_nvtx(enabled=False):
    ...     pass
    """

    def __enter__(self):
        if self.enabled:
            raise AssertionError(
                "[CUDA] Torch not compiled with CUDA enabled: check flambeau.cuda.is_available() first"
            )
        return self


class emit_itt(_Elsewhere):
    """Marks for Intel's profiler: an error, as it is not built in, unless enabled is False.

    >>> with flambeau.autograd.profiler.emit_itt(enabled=False):
    ...     pass
    """

    def __enter__(self):
        if self.enabled:
            raise RuntimeError("[ITT] ITT functions not installed. Are you sure you have a ITT build?")
        return self
