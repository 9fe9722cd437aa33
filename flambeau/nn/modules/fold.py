"""Sliding windows as columns, and back."""

from flambeau.nn import functional as F

from .module import Module

__all__ = ["Fold", "Unfold"]


class Fold(Module):
    """Adds up columns of windows into an image, the transpose of `Unfold`.

    Args:
        output_size: (H, W) of the image.
        kernel_size, dilation, padding, stride: an int or a pair.

    Shape:
        (N, C prod(kernel_size), L) to (N, C, H, W).

    Example::

        >>> flambeau.nn.Fold((4, 5), (2, 2))(flambeau.ones(1, 3 * 2 * 2, 12)).shape
        torch.Size([1, 3, 4, 5])
    """

    __constants__ = ["output_size", "kernel_size", "dilation", "padding", "stride"]

    def __init__(self, output_size, kernel_size, dilation=1, padding=0, stride=1):
        super().__init__()
        self.output_size = output_size
        self.kernel_size = kernel_size
        self.dilation = dilation
        self.padding = padding
        self.stride = stride

    def forward(self, input):
        return F.fold(input, self.output_size, self.kernel_size, self.dilation, self.padding, self.stride)

    def extra_repr(self):
        return (
            f"output_size={self.output_size}, kernel_size={self.kernel_size}, dilation={self.dilation}, "
            f"padding={self.padding}, stride={self.stride}"
        )


class Unfold(Module):
    """Makes a column of every window of an image.

    Args:
        kernel_size, dilation, padding, stride: an int or a pair.

    Shape:
        (N, C, H, W) to (N, C prod(kernel_size), L), L being the number of windows.

    Example::

        >>> flambeau.nn.Unfold((2, 3))(flambeau.ones(2, 5, 3, 4)).shape
        torch.Size([2, 30, 4])
    """

    __constants__ = ["kernel_size", "dilation", "padding", "stride"]

    def __init__(self, kernel_size, dilation=1, padding=0, stride=1):
        super().__init__()
        self.kernel_size = kernel_size
        self.dilation = dilation
        self.padding = padding
        self.stride = stride

    def forward(self, input):
        return F.unfold(input, self.kernel_size, self.dilation, self.padding, self.stride)

    def extra_repr(self):
        return f"kernel_size={self.kernel_size}, dilation={self.dilation}, padding={self.padding}, stride={self.stride}"
