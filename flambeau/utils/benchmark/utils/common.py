"""torch.utils.benchmark.utils.common."""

from ..measurement import *  # noqa: F403
