"""torch.distributed.tensor.experimental."""

from ..._unbuilt import define

define(
    globals(),
    "parameters are not split over processes here: use nn.parallel.DistributedDataParallel",
    functions="context_parallel implicit_replication local_map",
)
