"""torch.distributed.algorithms.ddp_comm_hooks.post_localSGD_hook."""

from ...._unbuilt import define

define(
    globals(),
    "gradients are averaged in every step here: use default_hooks",
    classes="PostLocalSGDState",
    functions="post_localSGD_hook",
)
