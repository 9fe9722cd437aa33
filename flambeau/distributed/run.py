"""torchrun: not here."""

from .._unbuilt import define

define(
    globals(),
    "programs are started by themselves here: set RANK, WORLD_SIZE, MASTER_ADDR and MASTER_PORT, or use multiprocessing.spawn",
    functions="main run get_args_parser config_from_args",
)
