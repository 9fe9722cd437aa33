"""torch.distributed.checkpoint.optimizer."""

from ..._unbuilt import define

define(
    globals(),
    "checkpoints of several processes are not written here: save the state_dict of one with flambeau.save",
    functions="load_sharded_optimizer_state_dict",
)
