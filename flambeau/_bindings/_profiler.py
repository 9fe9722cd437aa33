"""torch._C._profiler: what torch.profiler's constants are kept in."""

from ..profiler import ProfilerActivity  # noqa: F401
