"""Timing of code, with its spread: Timer measures, Measurement holds the times, Compare makes a table."""

from .measurement import Measurement, TaskSpec, select_unit, trim_sigfig, unit_to_english
from .table import Colorize, Compare
from .timer import Language, Timer, timer

__all__ = [
    "Colorize",
    "Compare",
    "Language",
    "Measurement",
    "TaskSpec",
    "Timer",
    "select_unit",
    "timer",
    "trim_sigfig",
    "unit_to_english",
]
