"""torch.distributed.fsdp.fully_sharded_data_parallel."""

from . import FullyShardedDataParallel  # noqa: F401
from .api import *  # noqa: F403
