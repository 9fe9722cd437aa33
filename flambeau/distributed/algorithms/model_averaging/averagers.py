"""torch.distributed.algorithms.model_averaging.averagers."""

from ...._unbuilt import define

define(
    globals(),
    "parameters are not split over processes here: use nn.parallel.DistributedDataParallel",
    classes="ModelAverager PeriodicModelAverager",
)
