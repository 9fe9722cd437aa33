"""Tensors whose elements are split over processes: not here."""

from ..._unbuilt import define

from ..device_mesh import DeviceMesh, init_device_mesh

define(
    globals(),
    "parameters are not split over processes here: use nn.parallel.DistributedDataParallel",
    classes="DTensor",
    functions="distribute_tensor distribute_module empty ones zeros rand randn full",
)


class Placement:
    """How a tensor's elements are spread over processes."""

    def is_shard(self, dim=None):
        """Whether each has a part (along a dimension)."""
        return isinstance(self, Shard) and dim in (None, self.dim)

    def is_replicate(self):
        """Whether each has all."""
        return isinstance(self, Replicate)

    def is_partial(self, reduce_op=None):
        """Whether their sum (or another reduction) is the tensor."""
        return isinstance(self, Partial) and reduce_op in (None, self.reduce_op)

    def __eq__(self, other):
        return type(self) is type(other) and vars(self) == vars(other)

    def __hash__(self):
        return hash((type(self), *vars(self).values()))

    def __repr__(self):
        return f"{type(self).__name__}({', '.join(f'{k}={v!r}' for k, v in vars(self).items())})"


class Replicate(Placement):
    """Every process has all of it."""


class Shard(Placement):
    """Every process has a part along a dimension."""

    def __init__(self, dim):
        self.dim = dim


class Partial(Placement):
    """The sum (or another reduction) of what the processes have is the tensor."""

    def __init__(self, reduce_op="sum"):
        self.reduce_op = reduce_op
