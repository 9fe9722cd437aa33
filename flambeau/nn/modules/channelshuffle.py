"""Mixing groups of channels."""

from flambeau.nn import functional as F

from .module import Module

__all__ = ["ChannelShuffle"]


class ChannelShuffle(Module):
    """Interleaves the groups of channels: (*, g, C / g, H, W) becomes (*, C / g, g, H, W) (Zhang et al., 2017).

    Args:
        groups: g.

    Example::

        >>> flambeau.nn.ChannelShuffle(2)(flambeau.arange(4.0).view(1, 4, 1, 1)).flatten()
        tensor([0., 2., 1., 3.])
    """

    __constants__ = ["groups"]

    def __init__(self, groups):
        super().__init__()
        self.groups = groups

    def forward(self, input):
        return F.channel_shuffle(input, self.groups)

    def extra_repr(self):
        return f"groups={self.groups}"
