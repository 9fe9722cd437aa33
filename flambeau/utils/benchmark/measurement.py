"""Times of one piece of code."""

import dataclasses
import math
from functools import cached_property

__all__ = ["Measurement", "TaskSpec", "select_unit", "trim_sigfig", "unit_to_english"]

_UNITS = (("s", 1.0), ("ms", 1e-3), ("us", 1e-6), ("ns", 1e-9))
_NAMES = {"ns": "nanosecond", "us": "microsecond", "ms": "millisecond", "s": "second", "m": "minute", "h": "hour"}


def select_unit(t):
    """(unit, seconds in it) that suit a time in seconds.

    >>> flambeau.utils.benchmark.select_unit(2e-5)
    ('us', 1e-06)
    """
    unit = ("ns", "us", "ms", "s")[max(0, min(3, int(math.log10(t) // 3) + 3))] if t > 0 else "ns"
    return unit, dict(_UNITS)[unit]


def unit_to_english(u):
    """The name of a unit.

    >>> flambeau.utils.benchmark.unit_to_english("us")
    'microsecond'
    """
    return _NAMES[u]


def trim_sigfig(x, n):
    """A number rounded to n significant digits.

    >>> flambeau.utils.benchmark.trim_sigfig(1234.5, 2)
    1200.0
    """
    if x == 0:
        return 0.0
    scale = 10.0 ** (math.ceil(math.log10(abs(x))) - n)
    return float(round(x / scale) * scale)


@dataclasses.dataclass(frozen=True)
class TaskSpec:
    """What is measured.

    >>> flambeau.utils.benchmark.TaskSpec("x + 1", "x = 2").title
    'x + 1'
    """

    stmt: str
    setup: str
    global_setup: str = ""
    label: str | None = None
    sub_label: str | None = None
    description: str | None = None
    env: str | None = None
    num_threads: int = 1

    @property
    def title(self):
        """The label, or the code itself."""
        if self.label is not None:
            return self.label + (f": {self.sub_label}" if self.sub_label else "")
        if "\n" not in self.stmt:
            return self.stmt
        lines = self.stmt.splitlines()
        return f"stmt:\n  {chr(10).join('  ' + line for line in lines).strip()}"

    def setup_str(self):
        """The code that runs before, as text."""
        return "" if self.setup == "pass" or not self.setup else f"setup:\n  {self.setup}" if "\n" in self.setup else f"setup: {self.setup}"  # fmt: skip

    def summarize(self):
        """Everything as text."""
        parts = [self.title, self.description or "", self.setup_str()]
        return "\n".join(part for part in parts if part)


def _quantile(values, share):
    place = (len(values) - 1) * share
    low = math.floor(place)
    high = min(low + 1, len(values) - 1)
    return values[low] + (values[high] - values[low]) * (place - low)


@dataclasses.dataclass(repr=False)
class Measurement:
    """The times of a Timer.

    Attributes:
        number_per_run: how often the code ran in each time.
        raw_times: seconds, each of number_per_run runs.
        task_spec: what was measured.

    >>> m = flambeau.utils.benchmark.Measurement(10, [1e-4, 2e-4, 3e-4], flambeau.utils.benchmark.TaskSpec("f()", ""))
    >>> round(m.median * 1e6), round(m.mean * 1e6)
    (20, 20)
    """

    number_per_run: int
    raw_times: list
    task_spec: TaskSpec
    metadata: dict | None = None

    def __getattr__(self, name):
        if name.startswith("__") or name == "task_spec":
            raise AttributeError(name)
        if hasattr(TaskSpec, name) or name in TaskSpec.__dataclass_fields__:
            return getattr(self.task_spec, name)
        raise AttributeError(f"'Measurement' object has no attribute {name!r}")

    @property
    def times(self):
        """Seconds of one run."""
        return [t / self.number_per_run for t in self.raw_times]

    @cached_property
    def _sorted(self):
        return sorted(self.times)

    @property
    def median(self):
        """The median time in seconds."""
        return _quantile(self._sorted, 0.5)

    @property
    def mean(self):
        """The mean time in seconds."""
        return sum(self.times) / len(self.times)

    @property
    def iqr(self):
        """The width of the middle half of the times, in seconds."""
        return _quantile(self._sorted, 0.75) - _quantile(self._sorted, 0.25)

    @property
    def significant_figures(self):
        """How many digits of the median mean something."""
        if len(self._sorted) < 3:
            return 1 if len(self._sorted) == 1 else 2
        relative = self.iqr / math.sqrt(len(self._sorted)) / self.median if self.median else 0
        return 1 if relative == 0 else max(1, min(5, -math.floor(math.log10(2 * relative))))

    @property
    def has_warnings(self):
        """Whether the times vary much."""
        return len(self._sorted) > 1 and self.iqr / self.median > 0.1

    def meets_confidence(self, threshold=0.1):
        """Whether the times vary little."""
        return self.iqr / self.median < threshold

    @property
    def title(self):
        """What was measured."""
        return self.task_spec.title

    @property
    def env(self):
        """Where it was measured, as the Timer was told."""
        return "Unspecified env" if self.task_spec.env is None else self.task_spec.env

    @property
    def as_row_name(self):
        """Its name as a row of Compare."""
        return self.sub_label or self.stmt or "[Unknown]"

    def __repr__(self):
        unit, scale = select_unit(self.median)
        lines = [f"{object.__repr__(self)}", self.task_spec.summarize()]
        count = len(self._sorted)
        plural = "s" if count > 1 else ""
        if count == 1:
            lines.append(f"  {self.median / scale:.2f} {unit}")
        else:
            low, high = _quantile(self._sorted, 0.25) / scale, _quantile(self._sorted, 0.75) / scale
            lines.append(f"  Median: {self.median / scale:.2f} {unit}")
            lines.append(f"  IQR:    {self.iqr / scale:.2f} {unit} ({low:.2f} to {high:.2f})")
        per = " per measurement" if count > 1 else ""
        threads = f", {self.num_threads} thread{'s' if self.num_threads > 1 else ''}"
        lines.append(f"  {count} measurement{plural}, {self.number_per_run} runs{per}{threads}")
        if self.has_warnings:
            lines.append(
                f"  WARNING: Interquartile range is {self.iqr / self.median * 100:.1f}% of the median measurement."
            )
            lines.append("           This suggests significant environmental influence.")
        return "\n".join(line for line in lines if line)

    @staticmethod
    def merge(measurements):
        """Measurements of the same task as one, for each task."""
        groups = {}
        for one in measurements:
            groups.setdefault(one.task_spec, []).append(one)
        return [Measurement(1, [t for one in group for t in one.times], task, None) for task, group in groups.items()]
