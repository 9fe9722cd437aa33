"""Models whose parameters are split over processes: not here."""

from ..._unbuilt import define

from .api import *

define(
    globals(),
    "parameters are not split over processes here: use nn.parallel.DistributedDataParallel",
    classes="FullyShardedDataParallel FSDPModule CPUOffloadPolicy OffloadPolicy MixedPrecisionPolicy FlatParameter UnshardHandle",
    functions="fully_shard register_fsdp_forward_method",
)
