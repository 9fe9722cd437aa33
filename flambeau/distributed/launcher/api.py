"""torch.distributed.launcher.api."""

from ..._unbuilt import define

define(
    globals(),
    "programs are started by themselves here: set RANK, WORLD_SIZE, MASTER_ADDR and MASTER_PORT, or use multiprocessing.spawn",
    classes="LaunchConfig elastic_launch",
)
