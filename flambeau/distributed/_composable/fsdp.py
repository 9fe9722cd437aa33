"""torch.distributed._composable.fsdp."""

from ..fsdp import *  # noqa: F403
