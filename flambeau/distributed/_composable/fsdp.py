"""torch.distributed._composable.fsdp."""

from ..fsdp import FSDPModule, fully_shard  # noqa: F401
