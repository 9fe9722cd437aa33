"""torch.profiler.profiler: where torch defines what torch.profiler has."""

from . import *  # noqa: F403
from . import ProfilerAction, _KinetoProfile  # noqa: F401
