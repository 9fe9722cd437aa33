"""Dropping squares and cubes of activations (arXiv 1810.12890)."""

import flambeau
from flambeau import nn

__all__ = ["DropBlock2d", "DropBlock3d", "drop_block2d", "drop_block3d"]


def _drop_block(input, p, block_size, inplace, eps, training, dims, pool):
    if not 0.0 <= p <= 1.0:
        raise ValueError(f"drop probability has to be between 0 and 1, but got {p}.")
    if input.ndim != dims + 2:
        raise ValueError(f"input should be {dims + 2} dimensional. Got {input.ndim} dimensions.")
    if not training or p == 0.0:
        return input
    sizes = input.shape[2:]
    block = min(block_size, *sizes)
    total, centers = 1, 1
    for size in sizes:
        total, centers = total * size, centers * (size - block + 1)
    share = p * total / (block**dims * centers)
    noise = flambeau.empty(
        [*input.shape[:2], *(size - block + 1 for size in sizes)], dtype=input.dtype, device=input.device
    )
    noise = nn.functional.pad(noise.bernoulli_(share), [block // 2] * (2 * dims))
    kept = 1 - pool(noise, kernel_size=block, stride=1, padding=block // 2)
    scale = kept.numel() / (eps + kept.sum())
    return input.mul_(kept).mul_(scale) if inplace else input * kept * scale


def drop_block2d(input, p, block_size, inplace=False, eps=1e-6, training=True):
    """Set squares to zero at random, and scale the rest to keep the mean.

    Args:
        input: (N, C, H, W).
        p: share of elements that become zero.
        block_size: side of a square.
        inplace: write into the input.
        eps: added to the number of elements left.
        training: without it the input is returned.

    >>> flambeau.vision.ops.drop_block2d(flambeau.ones(1, 1, 4, 4), 0.3, 3, training=False).sum()
    tensor(16.)
    """
    return _drop_block(input, p, block_size, inplace, eps, training, 2, nn.functional.max_pool2d)


def drop_block3d(input, p, block_size, inplace=False, eps=1e-6, training=True):
    """Set cubes to zero at random, and scale the rest to keep the mean.

    Args:
        input: (N, C, D, H, W).
        p: share of elements that become zero.
        block_size: side of a cube.
        inplace: write into the input.
        eps: added to the number of elements left.
        training: without it the input is returned.

    >>> flambeau.vision.ops.drop_block3d(flambeau.ones(1, 1, 2, 4, 4), 0.3, 3, training=False).sum()
    tensor(32.)
    """
    return _drop_block(input, p, block_size, inplace, eps, training, 3, nn.functional.max_pool3d)


class DropBlock2d(nn.Module):
    """A layer of flambeau.vision.ops.drop_block2d.

    Args:
        p: share of elements that become zero.
        block_size: side of a square.
        inplace: write into the input.
        eps: added to the number of elements left.

    >>> flambeau.vision.ops.DropBlock2d(0.1, 3)
    DropBlock2d(p=0.1, block_size=3, inplace=False)
    """

    def __init__(self, p, block_size, inplace=False, eps=1e-6):
        super().__init__()
        self.p, self.block_size, self.inplace, self.eps = p, block_size, inplace, eps

    def forward(self, input):
        return drop_block2d(input, self.p, self.block_size, self.inplace, self.eps, self.training)

    def __repr__(self):
        return f"{self.__class__.__name__}(p={self.p}, block_size={self.block_size}, inplace={self.inplace})"


class DropBlock3d(DropBlock2d):
    """A layer of flambeau.vision.ops.drop_block3d.

    Args:
        p: share of elements that become zero.
        block_size: side of a cube.
        inplace: write into the input.
        eps: added to the number of elements left.

    >>> flambeau.vision.ops.DropBlock3d(0.1, 3)
    DropBlock3d(p=0.1, block_size=3, inplace=False)
    """

    def forward(self, input):
        return drop_block3d(input, self.p, self.block_size, self.inplace, self.eps, self.training)
