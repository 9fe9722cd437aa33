"""torch.distributed.tensor._utils."""

from ..._unbuilt import define

define(
    globals(),
    "parameters are not split over processes here: use nn.parallel.DistributedDataParallel",
    functions="compute_local_shape_and_global_offset compute_global_tensor_info",
)
