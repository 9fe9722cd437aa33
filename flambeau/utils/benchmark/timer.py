"""Timer: runs code many times and notes how long it takes."""

import enum
import textwrap
import timeit
from timeit import default_timer as timer

from ...ops.system import get_num_threads, set_num_threads
from .measurement import Measurement, TaskSpec

__all__ = ["Language", "Timer", "timer"]


class Language(enum.Enum):
    """The language of the code.

    >>> flambeau.utils.benchmark.Language.PYTHON.value
    0
    """

    PYTHON = 0
    CPP = 1


class _Threads:
    def __init__(self, count):
        self._count = count

    def __enter__(self):
        self._before = get_num_threads()
        set_num_threads(self._count)

    def __exit__(self, *error):
        set_num_threads(self._before)


class Timer:
    """Measures a piece of Python code.

    Args:
        stmt: the code.
        setup: code that runs before, once.
        timer: the clock.
        globals: {name: value} that the code sees.
        label, sub_label, description, env: names for tables.
        num_threads: how many threads operations may use meanwhile.
        language: Python; C++ is an error.

    >>> m = flambeau.utils.benchmark.Timer("x + 1", globals={"x": flambeau.ones(3)}).timeit(10)
    >>> m.number_per_run, m.median > 0
    (10, True)
    """

    def __init__(self, stmt="pass", setup="pass", global_setup="", timer=timer, globals=None, label=None, sub_label=None,
                 description=None, env=None, num_threads=1, language=Language.PYTHON):  # fmt: skip
        if language not in (Language.PYTHON, "py", "python"):
            raise ValueError("[Timer] only Python code is measured: language must be 'python'")
        if global_setup:
            raise ValueError(
                f"global_setup is C++ only, got `{global_setup}`. Most likely this code can simply be moved to `setup`."
            )
        stmt, setup = textwrap.dedent(stmt).strip("\n").rstrip(), textwrap.dedent(setup).strip("\n").rstrip()
        names = dict(globals or {})
        if "torch" not in names:
            import flambeau

            names["torch"] = flambeau
        self._globals, self._clock = names, timer
        self._timer = timeit.Timer(stmt=stmt, setup=setup, timer=timer, globals=names)
        self._task_spec = TaskSpec(stmt, setup, global_setup, label, sub_label, description, env, num_threads)

    def timeit(self, number=1_000_000):
        """One measurement of so many runs."""
        with _Threads(self._task_spec.num_threads):
            self._timer.timeit(number=max(int(number // 100), min(number, 2)))
            return Measurement(number, [self._timer.timeit(number=number)], self._task_spec)

    def _runs_per_block(self, min_run_time):
        """How often to run the code so that the clock's own cost does not count."""
        overhead = min(self._timed(0) for _ in range(5))
        number = 1
        while True:
            taken = self._timed(number)
            if overhead <= taken * 1e-4 and taken >= min_run_time / 1000 or taken > min_run_time:
                return number
            number *= 10

    def _timed(self, number):
        return self._timer.timeit(number=number)

    def blocked_autorange(self, callback=None, min_run_time=0.2):
        """Measurements until min_run_time seconds are over."""
        with _Threads(self._task_spec.num_threads):
            number = self._runs_per_block(min_run_time)
            times = []
            while sum(times) < min_run_time:
                times.append(self._timed(number))
                if callback is not None:
                    callback(number, times[-1])
        return Measurement(number, times, self._task_spec)

    def adaptive_autorange(self, threshold=0.1, *, min_run_time=0.01, max_run_time=10.0, callback=None):
        """Measurements until they vary by less than threshold, or max_run_time seconds are over."""
        with _Threads(self._task_spec.num_threads):
            number = self._runs_per_block(min_run_time)
            times = []
            while sum(times) < max_run_time:
                times.append(self._timed(number))
                if callback is not None:
                    callback(number, times[-1])
                made = Measurement(number, times, self._task_spec)
                if sum(times) > min_run_time and len(times) > 3 and made.meets_confidence(threshold):
                    break
        return Measurement(number, times, self._task_spec)

    def collect_callgrind(self, *args, **kwargs):
        """Counts of instructions: an error, as Valgrind is not used."""
        raise NotImplementedError(
            "[Timer.collect_callgrind] instructions are not counted: use timeit or blocked_autorange"
        )
