"""What a program spends its time on: `profile` records calls, step by step if it has a schedule, and writes tables and traces.

    with profile(activities=[ProfilerActivity.CPU], record_shapes=True) as p:
        model(x)
    print(p.key_averages().table(sort_by="cpu_time_total"))
    p.export_chrome_trace("trace.json")

Calls of the core's functions are seen, one backward pass as a whole.
"""

import enum
import os
import time

from ..autograd.profiler import Recorder, kineto_available, record_function
from ..autograd.profiler_util import DeviceType, write_trace

__all__ = [
    "DeviceType",
    "ProfilerAction",
    "ProfilerActivity",
    "kineto_available",
    "profile",
    "record_function",
    "schedule",
    "supported_activities",
    "tensorboard_trace_handler",
]


class ProfilerActivity(enum.Enum):
    """Whose work is recorded.

    >>> flambeau.profiler.ProfilerActivity.CPU.name
    'CPU'
    """

    CPU = 0
    XPU = 1
    MTIA = 2
    CUDA = 3
    HPU = 4
    PrivateUse1 = 5


class ProfilerAction(enum.Enum):
    """What a schedule says for a step.

    >>> flambeau.profiler.ProfilerAction.RECORD.value
    2
    """

    NONE = 0
    WARMUP = 1
    RECORD = 2
    RECORD_AND_SAVE = 3


def supported_activities():
    """The activities that can be recorded.

    >>> flambeau.profiler.supported_activities() == {flambeau.profiler.ProfilerActivity.CPU}
    True
    """
    return {ProfilerActivity.CPU}


def schedule(*, wait, warmup, active, repeat=0, skip_first=0, skip_first_wait=0):
    """A function from a step's number to what to do in it: wait, warm up and record, in cycles.

    Args:
        wait, warmup, active: steps of each kind in a cycle.
        repeat: cycles (0: without end).
        skip_first: steps before the first cycle.
        skip_first_wait: if not 0, the first cycle does not wait.

    >>> plan = flambeau.profiler.schedule(wait=1, warmup=1, active=2, repeat=1)
    >>> [plan(step).name for step in range(5)]
    ['NONE', 'WARMUP', 'RECORD', 'RECORD_AND_SAVE', 'NONE']
    """
    if min(wait, warmup, repeat, skip_first) < 0 or active <= 0:
        raise AssertionError("Invalid profiler schedule arguments")

    def action(step):
        if step < 0:
            raise AssertionError("Step must be non-negative")
        if step < skip_first:
            return ProfilerAction.NONE
        step -= skip_first
        if skip_first_wait != 0:
            step += wait
        steps = wait + warmup + active
        if repeat > 0 and step // steps >= repeat:
            return ProfilerAction.NONE
        place = step % steps
        if place < wait:
            return ProfilerAction.NONE
        if place < wait + warmup:
            return ProfilerAction.WARMUP
        return ProfilerAction.RECORD_AND_SAVE if place == steps - 1 else ProfilerAction.RECORD

    return action


def tensorboard_trace_handler(dir_name, worker_name=None, use_gzip=False):
    """An on_trace_ready that writes each trace into a folder, where TensorBoard's profiler finds it.

    >>> import os, tempfile
    >>> folder = tempfile.mkdtemp()
    >>> with flambeau.profiler.profile(on_trace_ready=flambeau.profiler.tensorboard_trace_handler(folder)):
    ...     _ = flambeau.ones(2)
    >>> os.listdir(folder)[0].endswith(".pt.trace.json")
    True
    """

    def handler(prof):
        import socket

        os.makedirs(dir_name, exist_ok=True)
        worker = worker_name or f"{socket.gethostname()}_{os.getpid()}"
        name = f"{worker}.{time.time_ns()}.pt.trace.json{'.gz' if use_gzip else ''}"
        prof.export_chrome_trace(os.path.join(dir_name, name))

    return handler


def _always(step):
    return ProfilerAction.RECORD


class profile:
    """A context that records the calls in it, all of them or those of the steps that a schedule says.

    Args:
        activities: accepted; the CPU's work is recorded.
        schedule: what to do in each step; `step()` ends one.
        on_trace_ready: called with the profile when a recorded cycle ends.
        record_shapes, profile_memory, with_stack, with_flops: what to note beside times.
        with_modules, experimental_config, execution_trace_observer, acc_events, use_cuda: accepted.

    >>> with flambeau.profiler.profile(record_shapes=True) as p:
    ...     _ = flambeau.ones(2, 3) @ flambeau.ones(3, 4)
    >>> [(event.name, event.input_shapes) for event in p.events()][-1]
    ('aten::matmul', [[2, 3], [3, 4]])
    """

    def __init__(self, *, activities=None, schedule=None, on_trace_ready=None, record_shapes=False, profile_memory=False,
                 with_stack=False, with_flops=False, with_modules=False, experimental_config=None,
                 execution_trace_observer=None, acc_events=False, use_cuda=None, custom_trace_id_callback=None,
                 **more):  # fmt: skip
        self.activities = set(activities) if activities else supported_activities()
        self.schedule, self.record_steps = schedule or _always, schedule is not None
        self.on_trace_ready = on_trace_ready
        self.record_shapes, self.profile_memory = record_shapes or with_flops, profile_memory
        self.with_stack, self.with_flops = with_stack, with_flops
        self.step_num = 0
        self.current_action = self.schedule(0)
        self.profiler = None
        self._recorder, self._events, self._step = None, None, None
        self._metadata = {}

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *error):
        self.stop()
        return False

    def start(self):
        """Begin."""
        if self.current_action in (ProfilerAction.RECORD, ProfilerAction.RECORD_AND_SAVE):
            self._begin()
        self._enter_step()

    def stop(self):
        """End; what is being recorded is complete."""
        self._leave_step()
        if self._recorder is not None:
            self._finish(True)

    def step(self):
        """The next step begins."""
        self._leave_step()
        before = self.current_action
        self.step_num += 1
        self.current_action = self.schedule(self.step_num)
        recording = self.current_action in (ProfilerAction.RECORD, ProfilerAction.RECORD_AND_SAVE)
        if self._recorder is not None and (before == ProfilerAction.RECORD_AND_SAVE or not recording):
            self._finish(before == ProfilerAction.RECORD_AND_SAVE)
        if recording and self._recorder is None:
            self._begin()
        self._enter_step()

    def _begin(self):
        self._recorder = Recorder(self.record_shapes, self.profile_memory, self.with_stack, self.with_flops)
        self.profiler = self
        self._recorder.start()

    def _finish(self, ready):
        self._recorder.stop()
        self._events, self._recorder = self._recorder.event_list(), None
        if ready and self.on_trace_ready is not None:
            self.on_trace_ready(self)

    def _enter_step(self):
        if self.record_steps:
            self._step = record_function(f"ProfilerStep#{self.step_num}")
            self._step.__enter__()

    def _leave_step(self):
        if self._step is not None:
            self._step.__exit__(None, None, None)
            self._step = None

    def events(self):
        """The events of the last recorded cycle, as an EventList."""
        if self._events is None and self._recorder is not None:
            return self._recorder.event_list()
        if self._events is None:
            raise AssertionError("[profile] nothing was recorded yet: profiler didn't finish running")
        return self._events

    @property
    def function_events(self):
        """The events."""
        return self.events()

    def key_averages(self, group_by_input_shape=False, group_by_stack_n=0, group_by_overload_name=False):
        """Averages by name."""
        return self.events().key_averages(group_by_input_shape, group_by_stack_n)

    def export_chrome_trace(self, path):
        """Write a trace that chrome://tracing and Perfetto show; a path that ends in .gz is compressed."""
        write_trace(path, self.events(), self._metadata)

    def export_stacks(self, path, metric="self_cpu_time_total"):
        """Write stacks and times in the format of flame graphs; needs with_stack."""
        if not self.with_stack:
            raise RuntimeError("export_stacks() requires with_stack=True")
        self.events().export_stacks(path, metric)

    def add_metadata(self, key, value):
        """Put a text into the trace file."""
        self._metadata[key] = str(value)

    def add_metadata_json(self, key, value):
        """Put a JSON value, given as text, into the trace file."""
        import json

        self._metadata[key] = json.loads(value)

    preset_metadata_json = add_metadata_json

    def toggle_collection_dynamic(self, enable, activities):
        """Stop or go on recording."""
        if self._recorder is not None and enable != self._recorder.recording:
            self._recorder.start() if enable else self._recorder.stop()


_KinetoProfile = profile
