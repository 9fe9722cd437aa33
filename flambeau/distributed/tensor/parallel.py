"""Layers whose parameters are split over processes."""

from ..._unbuilt import define

define(
    globals(),
    "parameters are not split over processes here: use nn.parallel.DistributedDataParallel",
    classes="ColwiseParallel RowwiseParallel SequenceParallel PrepareModuleInput PrepareModuleOutput ParallelStyle",
    functions="parallelize_module loss_parallel",
)
