"""torch.distributed.checkpoint.state_dict_loader."""

from ..._unbuilt import define

define(
    globals(),
    "checkpoints of several processes are not written here: save the state_dict of one with flambeau.save",
    functions="_load_state_dict",
)
