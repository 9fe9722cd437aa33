"""torch.distributed.tensor.placement_types."""

from ..._unbuilt import define
from . import Partial, Placement, Replicate, Shard  # noqa: F401

define(
    globals(),
    "parameters are not split over processes here: use nn.parallel.DistributedDataParallel",
    classes="_StridedShard",
)
