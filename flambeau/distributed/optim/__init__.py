"""Optimizers of several processes: not here."""

from ..._unbuilt import define

define(
    globals(),
    "parameters are not split over processes here: use nn.parallel.DistributedDataParallel",
    classes="DistributedOptimizer PostLocalSGDOptimizer ZeroRedundancyOptimizer",
)
