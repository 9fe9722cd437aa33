"""torch.utils.benchmark.utils.compare."""

from ..table import *  # noqa: F403
