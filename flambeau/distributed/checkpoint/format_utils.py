"""torch.distributed.checkpoint.format_utils."""

from ..._unbuilt import define

define(
    globals(),
    "checkpoints of several processes are not written here: save the state_dict of one with flambeau.save",
    classes="_EmptyStateDictLoadPlanner",
    functions="dcp_to_torch_save torch_save_to_dcp",
)
