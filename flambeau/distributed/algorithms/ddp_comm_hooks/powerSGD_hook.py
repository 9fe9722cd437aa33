"""torch.distributed.algorithms.ddp_comm_hooks.powerSGD_hook."""

from ...._unbuilt import define

define(
    globals(),
    "gradients are sent whole here: use default_hooks",
    classes="PowerSGDState",
    functions="powerSGD_hook batched_powerSGD_hook",
)
