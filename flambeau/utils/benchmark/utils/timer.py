"""torch.utils.benchmark.utils.timer."""

from ..timer import *  # noqa: F403
