"""The old name of torch.distributed.tensor."""

from ..tensor import DTensor, Replicate, Shard, distribute_tensor
