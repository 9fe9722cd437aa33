"""A GradScaler for parameters split over processes."""

from ..._unbuilt import define

define(
    globals(),
    "parameters are not split over processes here: use nn.parallel.DistributedDataParallel",
    classes="ShardedGradScaler",
)
