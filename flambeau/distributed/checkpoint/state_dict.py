"""torch.distributed.checkpoint.state_dict."""

from ..._unbuilt import define

define(
    globals(),
    "checkpoints of several processes are not written here: save the state_dict of one with flambeau.save",
    classes="StateDictOptions",
    functions="get_model_state_dict get_optimizer_state_dict get_state_dict set_model_state_dict set_optimizer_state_dict set_state_dict",
)
