"""Collective operations that return new tensors."""

from .._unbuilt import define


def wait_tensor(tensor):
    """A tensor that is there: the tensor itself."""
    return tensor


define(
    globals(),
    "use the functions of flambeau.distributed, which fill tensors",
    classes="AsyncCollectiveTensor",
    functions="all_to_all_single_autograd all_gather_tensor_autograd",
)
