"""What a profile has seen: events, their averages by name, tables and trace files."""

import enum
import gzip
import json
import os
from collections import defaultdict

__all__ = ["DeviceType", "EventList", "FunctionEvent", "FunctionEventAvg", "Interval", "Kernel", "MemRecordsAcc"]


class DeviceType(enum.Enum):
    """Where an event took place.

    >>> flambeau.autograd.profiler_util.DeviceType.CPU.value
    0
    """

    CPU = 0
    CUDA = 1
    MKLDNN = 2
    XLA = 9
    Meta = 14
    MTIA = 18
    PrivateUse1 = 20


class Interval:
    """A time from start to end, in microseconds.

    >>> flambeau.autograd.profiler_util.Interval(1.0, 3.5).elapsed_us()
    2.5
    """

    def __init__(self, start, end):
        self.start, self.end = start, end

    def elapsed_us(self):
        """How long it is."""
        return self.end - self.start


class Kernel:
    """A kernel of a device: there are none on the CPU.

    >>> flambeau.autograd.profiler_util.Kernel("name", 0, 1.0).name
    'name'
    """

    def __init__(self, name, device, duration):
        self.name, self.device, self.duration = name, device, duration


class MemRecordsAcc:
    """Memory records between two times.

    >>> flambeau.autograd.profiler_util.MemRecordsAcc([]).in_interval(0, 1)
    []
    """

    def __init__(self, mem_records):
        self._records = sorted(mem_records, key=lambda record: record[0])

    def in_interval(self, start_us, end_us):
        """The records of this time."""
        return [record for record in self._records if start_us <= record[0] <= end_us]


def _format_time(us):
    if us >= 1e6:
        return f"{us / 1e6:.3f}s"
    if us >= 1e3:
        return f"{us / 1e3:.3f}ms"
    return f"{us:.3f}us"


def _format_share(part, whole):
    return "NaN" if whole == 0 and part != 0 else f"{part * 100 / whole if whole else 0:.2f}%"


def _format_memory(size):
    for unit, name in ((1024**3, "GB"), (1024**2, "MB"), (1024, "KB")):
        if abs(size) >= unit:
            return f"{size / unit:.2f} {name}"
    return f"{size} B"


class _Times:
    """What events and averages have in common: times as text, and nothing on other devices."""

    device_type = DeviceType.CPU
    device_time = device_time_total = self_device_time_total = device_memory_usage = self_device_memory_usage = 0
    cuda_time = cuda_time_total = self_cuda_time_total = 0
    is_async = is_remote = is_legacy = False
    node_id, use_device, overload_name = -1, None, ""

    cpu_time_str = property(lambda self: _format_time(self.cpu_time))
    cpu_time_total_str = property(lambda self: _format_time(self.cpu_time_total))
    self_cpu_time_total_str = property(lambda self: _format_time(self.self_cpu_time_total))
    device_time_str = device_time_total_str = self_device_time_total_str = property(lambda self: _format_time(0))

    @property
    def cpu_time(self):
        """Microseconds on average."""
        return self.cpu_time_total / self.count if self.count else 0.0


class FunctionEvent(_Times):
    """One call that a profile has seen.

    >>> event = flambeau.autograd.profiler_util.FunctionEvent(1, "aten::mul", 1, 0.0, 2.0)
    >>> event.cpu_time_total
    2.0
    """

    count = 1

    def __init__(self, id, name, thread, start_us, end_us, input_shapes=None, stack=None, cpu_memory_usage=0, flops=None,
                 is_user_annotation=False):  # fmt: skip
        self.id, self.name, self.trace_name, self.thread, self.fwd_thread = id, name, name, thread, thread
        self.time_range = Interval(start_us, end_us)
        self.cpu_children, self.cpu_parent, self.kernels = [], None, []
        self.input_shapes = [] if input_shapes is None else input_shapes
        self.stack = [] if stack is None else stack
        self.cpu_memory_usage, self.flops, self.scope = cpu_memory_usage, flops, 7 if is_user_annotation else 0
        self.is_user_annotation = is_user_annotation
        self.sequence_nr = -1

    @property
    def key(self):
        """The name by which it is averaged."""
        return self.name

    @property
    def cpu_time_total(self):
        """Microseconds from its start to its end."""
        return self.time_range.elapsed_us()

    @property
    def self_cpu_time_total(self):
        """Microseconds without those of the calls inside it."""
        return self.cpu_time_total - sum(child.cpu_time_total for child in self.cpu_children)

    @property
    def self_cpu_memory_usage(self):
        """Bytes without those of the calls inside it."""
        return self.cpu_memory_usage - sum(child.cpu_memory_usage for child in self.cpu_children)

    def append_cpu_child(self, child):
        """Put an event inside this one."""
        self.cpu_children.append(child)
        child.cpu_parent = self

    def __repr__(self):
        return (
            f"<FunctionEvent id={self.id} name={self.name} cpu_time={self.cpu_time_str} start_us={self.time_range.start:.2f} "
            f"end_us={self.time_range.end:.2f} cpu_children={[child.id for child in self.cpu_children]} thread={self.thread} "
            f"input_shapes={self.input_shapes} cpu_memory_usage={self.cpu_memory_usage}>"
        )


class FunctionEventAvg(_Times):
    """Events of one name (and shapes, if they were asked for), added up.

    >>> flambeau.autograd.profiler_util.FunctionEventAvg().count
    0
    """

    def __init__(self):
        self.key = self.input_shapes = self.stack = None
        self.count = self.cpu_time_total = self.self_cpu_time_total = 0
        self.cpu_memory_usage = self.self_cpu_memory_usage = self.flops = 0
        self.cpu_children, self.cpu_parent, self.is_user_annotation, self.scope = None, None, False, 0

    def add(self, other):
        """Add an event, or another average."""
        if self.key is None:
            self.key, self.input_shapes, self.stack = other.key, other.input_shapes, other.stack
            self.is_user_annotation, self.scope, self.cpu_parent = (
                other.is_user_annotation,
                other.scope,
                other.cpu_parent,
            )
        self.count += other.count
        for name in ("cpu_time_total", "self_cpu_time_total", "cpu_memory_usage", "self_cpu_memory_usage"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.flops += other.flops or 0
        return self

    __iadd__ = add

    def __repr__(self):
        return (
            f"<FunctionEventAvg key={self.key} self_cpu_time={self.self_cpu_time_total_str} cpu_time={self.cpu_time_str} "
            f"input_shapes={self.input_shapes if self.input_shapes else ''} cpu_memory_usage={self.cpu_memory_usage}>"
        )


class EventList(list):
    """Events, or averages of them; prints as a table.

    >>> x = flambeau.ones(2)
    >>> with flambeau.autograd.profiler.profile() as profile:
    ...     _ = (x * 2).exp()
    >>> [event.key for event in profile.key_averages()]
    ['aten::mul', 'aten::exp']
    """

    def __init__(self, *args, use_device=None, profile_memory=False, with_flops=False):
        super().__init__(*args)
        self._use_device, self._profile_memory, self._with_flops = use_device, profile_memory, with_flops

    def __str__(self):
        return self.table()

    @property
    def self_cpu_time_total(self):
        """Microseconds of all events, each counted once."""
        return sum(event.self_cpu_time_total for event in self)

    def key_averages(self, group_by_input_shapes=False, group_by_stack_n=0, group_by_overload_name=False):
        """Averages by name; also by shapes of the inputs, and by the innermost lines of the stack."""
        found = defaultdict(FunctionEventAvg)
        for event in self:
            key = [event.key]
            if group_by_input_shapes:
                key.append(str(event.input_shapes))
            if group_by_stack_n > 0:
                key += event.stack[:group_by_stack_n]
            found[tuple(key)].add(event)
        made = EventList(found.values(), profile_memory=self._profile_memory, with_flops=self._with_flops)
        for average in made:
            average.stack = (average.stack or [])[:group_by_stack_n]
            if not group_by_input_shapes:
                average.input_shapes = ""
        return made

    def total_average(self):
        """All events added up."""
        total = FunctionEventAvg()
        for event in self:
            total.add(event)
            total.key = None
        total.key = "Total"
        return total

    def export_chrome_trace(self, path):
        """Write the events as a trace that chrome://tracing and Perfetto show; a path that ends in .gz is compressed."""
        write_trace(path, self, {})

    @property
    def supported_export_stacks_metrics(self):
        """What export_stacks can count."""
        return ["self_cpu_time_total", "self_cuda_time_total", "self_xpu_time_total", "self_privateuse1_time_total"]

    def export_stacks(self, path, metric):
        """Write stacks and times in the format of flame graphs; needs with_stack."""
        if metric not in self.supported_export_stacks_metrics:
            raise ValueError(f"metric should be one of: {self.supported_export_stacks_metrics}")
        table = str.maketrans(" ;\t\n", "____")
        with open(path, "w") as file:
            for event in self:
                value = int(getattr(event, metric, 0))
                if event.stack and value > 0:
                    file.write(";".join(entry.translate(table) for entry in reversed(event.stack)) + f" {value}\n")

    def table(
        self,
        sort_by=None,
        row_limit=100,
        max_src_column_width=75,
        max_name_column_width=55,
        max_shapes_column_width=80,
        header=None,
        top_level_events_only=False,
        time_unit=None,
    ):
        """The events as a table.

        Args:
            sort_by: an attribute such as "cpu_time_total", "self_cpu_time_total", "cpu_memory_usage" or "count".
            row_limit: at most so many rows.
            header: a line above it.
            top_level_events_only: leave out what is inside other events.
        """
        events = list(self)
        if sort_by is not None:
            sort_by = sort_by.replace("cuda", "device")
            events.sort(key=lambda event: getattr(event, sort_by), reverse=True)
        if top_level_events_only:
            events = [event for event in events if event.cpu_parent is None]
        if not events:
            return ""
        columns = self._columns(events, max_name_column_width, max_shapes_column_width, max_src_column_width)
        rows = [[cell(event) for _, cell, _ in columns] for event in events[:row_limit]]
        longest = max(len(row[0]) for row in rows)
        columns[0] = ("Name", columns[0][1], max(longest, 4) + (4 if len(columns) > 8 else 2))
        rule = "  ".join("-" * width for _, _, width in columns) + "  "
        lines = [rule, "  ".join(title.rjust(width) for title, _, width in columns) + "  ", rule]
        lines += ["  ".join(text.rjust(width) for text, (_, _, width) in zip(row, columns)) + "  " for row in rows]
        total = f"Self CPU time total: {_format_time(self.self_cpu_time_total)}"
        return "\n".join(([header] if header else []) + lines + [rule, total, ""])

    def _columns(self, events, name_width, shapes_width, source_width):
        """[(title, function of an event, width)]."""
        whole = sum(event.self_cpu_time_total for event in self)
        columns = [
            ("Name", lambda e: _cut(e.key, name_width), 0),
            ("Self CPU %", lambda e: _format_share(e.self_cpu_time_total, whole), 12),
            ("Self CPU", lambda e: e.self_cpu_time_total_str, 12),
            ("CPU total %", lambda e: _format_share(e.cpu_time_total, whole), 12),
            ("CPU total", lambda e: e.cpu_time_total_str, 12),
            ("CPU time avg", lambda e: e.cpu_time_str, 12),
        ]
        if self._profile_memory:
            columns.append(("CPU Mem", lambda e: _format_memory(e.cpu_memory_usage), 12))
            columns.append(("Self CPU Mem", lambda e: _format_memory(e.self_cpu_memory_usage), 12))
        columns.append(("# of Calls", lambda e: str(e.count), 12))
        if any(event.input_shapes for event in events):
            longest = max(len(str(event.input_shapes)) for event in events)
            columns.append(
                ("Input Shapes", lambda e: _cut(str(e.input_shapes), shapes_width), min(longest, shapes_width) + 4)
            )
        if any(event.stack for event in events):
            columns.append(("Source Location", lambda e: _cut((e.stack or [""])[0], source_width), source_width))
        if self._with_flops:
            columns.append(("Total MFLOPs", lambda e: f"{(e.flops or 0) * 1e-6:.3f}" if e.flops else "--", 12))
        return columns


def _cut(text, width):
    return text if len(text) <= width else text[: width - 3] + "..."


def write_trace(path, events, metadata):
    """Write events in Chrome's format; the file appears complete or not at all."""
    pid = os.getpid()
    rows = [{"ph": "M", "name": "process_name", "pid": pid, "tid": 0, "ts": 0, "args": {"name": "python"}}]
    for event in events:
        args = {"External id": event.id}
        if event.input_shapes:
            args["Input Dims"] = event.input_shapes
        if event.stack:
            args["Call stack"] = ";".join(event.stack)
        rows.append(
            {
                "ph": "X", "cat": "user_annotation" if event.is_user_annotation else "cpu_op", "name": event.name, "pid": pid,
                "tid": event.thread, "ts": event.time_range.start, "dur": event.time_range.elapsed_us(), "args": args,
            }
        )  # fmt: skip
    content = {"schemaVersion": 1, "deviceProperties": [], "displayTimeUnit": "ms", **metadata, "traceEvents": rows}
    partial = f"{path}.{pid}.partial"
    with gzip.open(partial, "wt") if str(path).endswith(".gz") else open(partial, "w") as file:
        json.dump(content, file)
    os.replace(partial, path)
