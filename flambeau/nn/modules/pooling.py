"""Pooling: maxima, means and norms of windows."""

from flambeau.nn import functional as F

from .module import Module
from .utils import _pair, _single, _triple

__all__ = [
    "AdaptiveAvgPool1d",
    "AdaptiveAvgPool2d",
    "AdaptiveAvgPool3d",
    "AdaptiveMaxPool1d",
    "AdaptiveMaxPool2d",
    "AdaptiveMaxPool3d",
    "AvgPool1d",
    "AvgPool2d",
    "AvgPool3d",
    "FractionalMaxPool2d",
    "FractionalMaxPool3d",
    "LPPool1d",
    "LPPool2d",
    "LPPool3d",
    "MaxPool1d",
    "MaxPool2d",
    "MaxPool3d",
    "MaxUnpool1d",
    "MaxUnpool2d",
    "MaxUnpool3d",
]


class _MaxPoolNd(Module):
    """What the max-poolings share."""

    __constants__ = ["kernel_size", "stride", "padding", "dilation", "return_indices", "ceil_mode"]

    def __init__(
        self,
        kernel_size,
        stride=None,
        padding=0,
        dilation=1,
        return_indices=False,
        ceil_mode=False,
    ):
        super().__init__()
        self.kernel_size = kernel_size
        self.stride = stride if stride is not None else kernel_size
        self.padding = padding
        self.dilation = dilation
        self.return_indices = return_indices
        self.ceil_mode = ceil_mode

    def extra_repr(self):
        return (
            f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}, "
            f"dilation={self.dilation}, ceil_mode={self.ceil_mode}"
        )


class MaxPool1d(_MaxPoolNd):
    """The maximum of each window over 1 dimension.

    Args:
        kernel_size, stride, padding, dilation: an int or a 1-tuple; the stride is the kernel size if left out.
        return_indices: also return where the maxima are, for `MaxUnpool1d`.
        ceil_mode: let the last window reach over the edge.

    Shape:
        (N, C, L) or (C, L), both ways;
        L_out = floor((L + 2 padding - dilation (kernel_size - 1) - 1) / stride + 1).

    Example::

        >>> flambeau.nn.MaxPool1d(2)(flambeau.ones(2, 3, 8)).shape
        torch.Size([2, 3, 4])
    """

    def forward(self, input):
        return F.max_pool1d(
            input,
            self.kernel_size,
            self.stride,
            self.padding,
            self.dilation,
            ceil_mode=self.ceil_mode,
            return_indices=self.return_indices,
        )


class MaxPool2d(_MaxPoolNd):
    """The maximum of each window over 2 dimensions.

    Args:
        kernel_size, stride, padding, dilation: an int or a 2-tuple; the stride is the kernel size if left out.
        return_indices: also return where the maxima are, for `MaxUnpool2d`.
        ceil_mode: let the last window reach over the edge.

    Shape:
        (N, C, H, W) or (C, H, W), both ways;
        L_out = floor((L + 2 padding - dilation (kernel_size - 1) - 1) / stride + 1).

    Example::

        >>> flambeau.nn.MaxPool2d(2)(flambeau.ones(2, 3, 8, 8)).shape
        torch.Size([2, 3, 4, 4])
    """

    def forward(self, input):
        return F.max_pool2d(
            input,
            self.kernel_size,
            self.stride,
            self.padding,
            self.dilation,
            ceil_mode=self.ceil_mode,
            return_indices=self.return_indices,
        )


class MaxPool3d(_MaxPoolNd):
    """The maximum of each window over 3 dimensions.

    Args:
        kernel_size, stride, padding, dilation: an int or a 3-tuple; the stride is the kernel size if left out.
        return_indices: also return where the maxima are, for `MaxUnpool3d`.
        ceil_mode: let the last window reach over the edge.

    Shape:
        (N, C, D, H, W) or (C, D, H, W), both ways;
        L_out = floor((L + 2 padding - dilation (kernel_size - 1) - 1) / stride + 1).

    Example::

        >>> flambeau.nn.MaxPool3d(2)(flambeau.ones(2, 3, 8, 8, 8)).shape
        torch.Size([2, 3, 4, 4, 4])
    """

    def forward(self, input):
        return F.max_pool3d(
            input,
            self.kernel_size,
            self.stride,
            self.padding,
            self.dilation,
            ceil_mode=self.ceil_mode,
            return_indices=self.return_indices,
        )


class _MaxUnpoolNd(Module):
    """What the max-unpoolings share."""

    def extra_repr(self):
        return f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"


class MaxUnpool1d(_MaxUnpoolNd):
    """Puts the maxima of a `MaxPool1d` back to where they were, and 0 elsewhere.

    Args:
        kernel_size, stride, padding: as of the pooling.

    Shape:
        (N, C, L) or (C, L), both ways, with the indices that the pooling returned.

    Example::

        >>> x = flambeau.ones(2, 3, 8)
        >>> y, indices = flambeau.nn.MaxPool1d(2, return_indices=True)(x)
        >>> flambeau.nn.MaxUnpool1d(2)(y, indices).shape == x.shape
        True
    """

    def __init__(self, kernel_size, stride=None, padding=0):
        super().__init__()
        self.kernel_size = _single(kernel_size)
        self.stride = _single(stride if stride is not None else kernel_size)
        self.padding = _single(padding)

    def forward(self, input, indices, output_size=None):
        return F.max_unpool1d(input, indices, self.kernel_size, self.stride, self.padding, output_size)


class MaxUnpool2d(_MaxUnpoolNd):
    """Puts the maxima of a `MaxPool2d` back to where they were, and 0 elsewhere.

    Args:
        kernel_size, stride, padding: as of the pooling.

    Shape:
        (N, C, H, W) or (C, H, W), both ways, with the indices that the pooling returned.

    Example::

        >>> x = flambeau.ones(2, 3, 8, 8)
        >>> y, indices = flambeau.nn.MaxPool2d(2, return_indices=True)(x)
        >>> flambeau.nn.MaxUnpool2d(2)(y, indices).shape == x.shape
        True
    """

    def __init__(self, kernel_size, stride=None, padding=0):
        super().__init__()
        self.kernel_size = _pair(kernel_size)
        self.stride = _pair(stride if stride is not None else kernel_size)
        self.padding = _pair(padding)

    def forward(self, input, indices, output_size=None):
        return F.max_unpool2d(input, indices, self.kernel_size, self.stride, self.padding, output_size)


class MaxUnpool3d(_MaxUnpoolNd):
    """Puts the maxima of a `MaxPool3d` back to where they were, and 0 elsewhere.

    Args:
        kernel_size, stride, padding: as of the pooling.

    Shape:
        (N, C, D, H, W) or (C, D, H, W), both ways, with the indices that the pooling returned.

    Example::

        >>> x = flambeau.ones(2, 3, 8, 8, 8)
        >>> y, indices = flambeau.nn.MaxPool3d(2, return_indices=True)(x)
        >>> flambeau.nn.MaxUnpool3d(2)(y, indices).shape == x.shape
        True
    """

    def __init__(self, kernel_size, stride=None, padding=0):
        super().__init__()
        self.kernel_size = _triple(kernel_size)
        self.stride = _triple(stride if stride is not None else kernel_size)
        self.padding = _triple(padding)

    def forward(self, input, indices, output_size=None):
        return F.max_unpool3d(input, indices, self.kernel_size, self.stride, self.padding, output_size)


class _AvgPoolNd(Module):
    """What the average-poolings share."""

    __constants__ = ["kernel_size", "stride", "padding", "ceil_mode", "count_include_pad"]

    def extra_repr(self):
        return f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"


class AvgPool1d(_AvgPoolNd):
    """The mean of each window over 1 dimension.

    Args:
        kernel_size, stride, padding: an int or a 1-tuple; the stride is the kernel size if left out.
        ceil_mode: let the last window reach over the edge.
        count_include_pad: count padded zeros as elements.

    Shape:
        (N, C, L) or (C, L), both ways; L_out = floor((L + 2 padding - kernel_size) / stride + 1).

    Example::

        >>> flambeau.nn.AvgPool1d(2)(flambeau.ones(2, 3, 8)).shape
        torch.Size([2, 3, 4])
    """

    def __init__(
        self,
        kernel_size,
        stride=None,
        padding=0,
        ceil_mode=False,
        count_include_pad=True,
    ):
        super().__init__()
        self.kernel_size = _single(kernel_size)
        self.stride = _single(stride if stride is not None else kernel_size)
        self.padding = _single(padding)
        self.ceil_mode = ceil_mode
        self.count_include_pad = count_include_pad

    def forward(self, input):
        return F.avg_pool1d(
            input,
            self.kernel_size,
            self.stride,
            self.padding,
            self.ceil_mode,
            self.count_include_pad,
        )


class AvgPool2d(_AvgPoolNd):
    """The mean of each window over 2 dimensions.

    Args:
        kernel_size, stride, padding: an int or a 2-tuple; the stride is the kernel size if left out.
        ceil_mode: let the last window reach over the edge.
        count_include_pad: count padded zeros as elements.
        divisor_override: divide by this instead of the number of elements.

    Shape:
        (N, C, H, W) or (C, H, W), both ways; L_out = floor((L + 2 padding - kernel_size) / stride + 1).

    Example::

        >>> flambeau.nn.AvgPool2d(2)(flambeau.ones(2, 3, 8, 8)).shape
        torch.Size([2, 3, 4, 4])
    """

    __constants__ = ["kernel_size", "stride", "padding", "ceil_mode", "count_include_pad", "divisor_override"]

    def __init__(
        self,
        kernel_size,
        stride=None,
        padding=0,
        ceil_mode=False,
        count_include_pad=True,
        divisor_override=None,
    ):
        super().__init__()
        self.kernel_size = kernel_size
        self.stride = stride if stride is not None else kernel_size
        self.padding = padding
        self.ceil_mode = ceil_mode
        self.count_include_pad = count_include_pad
        self.divisor_override = divisor_override

    def forward(self, input):
        return F.avg_pool2d(
            input,
            self.kernel_size,
            self.stride,
            self.padding,
            self.ceil_mode,
            self.count_include_pad,
            self.divisor_override,
        )


class AvgPool3d(_AvgPoolNd):
    """The mean of each window over 3 dimensions.

    Args:
        kernel_size, stride, padding: an int or a 3-tuple; the stride is the kernel size if left out.
        ceil_mode: let the last window reach over the edge.
        count_include_pad: count padded zeros as elements.
        divisor_override: divide by this instead of the number of elements.

    Shape:
        (N, C, D, H, W) or (C, D, H, W), both ways; L_out = floor((L + 2 padding - kernel_size) / stride + 1).

    Example::

        >>> flambeau.nn.AvgPool3d(2)(flambeau.ones(2, 3, 8, 8, 8)).shape
        torch.Size([2, 3, 4, 4, 4])
    """

    __constants__ = ["kernel_size", "stride", "padding", "ceil_mode", "count_include_pad", "divisor_override"]

    def __init__(
        self,
        kernel_size,
        stride=None,
        padding=0,
        ceil_mode=False,
        count_include_pad=True,
        divisor_override=None,
    ):
        super().__init__()
        self.kernel_size = kernel_size
        self.stride = stride if stride is not None else kernel_size
        self.padding = padding
        self.ceil_mode = ceil_mode
        self.count_include_pad = count_include_pad
        self.divisor_override = divisor_override

    def forward(self, input):
        return F.avg_pool3d(
            input,
            self.kernel_size,
            self.stride,
            self.padding,
            self.ceil_mode,
            self.count_include_pad,
            self.divisor_override,
        )


class FractionalMaxPool2d(Module):
    """The maximum of windows at random places, for any output size (Graham 2014).

    Args:
        kernel_size: an int or a 2-tuple.
        output_size: the wanted size, or
        output_ratio: the wanted size as a part of the input's.
        return_indices: also return where the maxima are.

    Shape:
        (N, C, H, W) or (C, H, W), both ways.

    Example::

        >>> flambeau.nn.FractionalMaxPool2d(2, output_size=5)(flambeau.ones(2, 3, 8, 8)).shape
        torch.Size([2, 3, 5, 5])
    """

    __constants__ = ["kernel_size", "return_indices", "output_size", "output_ratio"]

    def __init__(
        self,
        kernel_size,
        output_size=None,
        output_ratio=None,
        return_indices=False,
        _random_samples=None,
    ):
        super().__init__()
        self.kernel_size = _pair(kernel_size)
        self.return_indices = return_indices
        self.register_buffer("_random_samples", _random_samples)
        self.output_size = _pair(output_size) if output_size is not None else None
        self.output_ratio = _pair(output_ratio) if output_ratio is not None else None
        _check_fraction(type(self).__name__, self.output_size, self.output_ratio)

    def forward(self, input):
        return F.fractional_max_pool2d(
            input,
            self.kernel_size,
            self.output_size,
            self.output_ratio,
            self.return_indices,
            _random_samples=self._random_samples,
        )


def _check_fraction(name, output_size, output_ratio):
    if output_size is None and output_ratio is None:
        raise ValueError(f"{name} requires specifying either an output size, or a pooling ratio")
    if output_size is not None and output_ratio is not None:
        raise ValueError("only one of output_size and output_ratio may be specified")
    if output_ratio is not None and not all(0 < ratio < 1 for ratio in output_ratio):
        raise ValueError(f"output_ratio must be between 0 and 1 (got {output_ratio})")


class FractionalMaxPool3d(Module):
    """The maximum of windows at random places, for any output size (Graham 2014).

    Args:
        kernel_size: an int or a 3-tuple.
        output_size: the wanted size, or
        output_ratio: the wanted size as a part of the input's.
        return_indices: also return where the maxima are.

    Shape:
        (N, C, D, H, W) or (C, D, H, W), both ways.

    Example::

        >>> flambeau.nn.FractionalMaxPool3d(2, output_size=5)(flambeau.ones(2, 3, 8, 8, 8)).shape
        torch.Size([2, 3, 5, 5, 5])
    """

    __constants__ = ["kernel_size", "return_indices", "output_size", "output_ratio"]

    def __init__(
        self,
        kernel_size,
        output_size=None,
        output_ratio=None,
        return_indices=False,
        _random_samples=None,
    ):
        super().__init__()
        self.kernel_size = _triple(kernel_size)
        self.return_indices = return_indices
        self.register_buffer("_random_samples", _random_samples)
        self.output_size = _triple(output_size) if output_size is not None else None
        self.output_ratio = _triple(output_ratio) if output_ratio is not None else None
        _check_fraction(type(self).__name__, self.output_size, self.output_ratio)

    def forward(self, input):
        return F.fractional_max_pool3d(
            input,
            self.kernel_size,
            self.output_size,
            self.output_ratio,
            self.return_indices,
            _random_samples=self._random_samples,
        )


class _LPPoolNd(Module):
    """What the power-average poolings share."""

    __constants__ = ["norm_type", "kernel_size", "stride", "ceil_mode"]

    def __init__(self, norm_type, kernel_size, stride=None, ceil_mode=False):
        super().__init__()
        self.norm_type = norm_type
        self.kernel_size = kernel_size
        self.stride = stride
        self.ceil_mode = ceil_mode

    def extra_repr(self):
        return (
            f"norm_type={self.norm_type}, kernel_size={self.kernel_size}, stride={self.stride}, "
            f"ceil_mode={self.ceil_mode}"
        )


class LPPool1d(_LPPoolNd):
    """(sum x^p)^(1/p) of each window over 1 dimension.

    Args:
        norm_type: p; of infinity the largest |x|, of minus infinity the smallest.
        kernel_size, stride: an int or a 1-tuple; the stride is the kernel size if left out.
        ceil_mode: let the last window reach over the edge.

    Shape:
        (N, C, L) or (C, L), both ways.

    Example::

        >>> flambeau.nn.LPPool1d(2, 2)(flambeau.ones(2, 3, 8)).shape
        torch.Size([2, 3, 4])
    """

    def forward(self, input):
        return F.lp_pool1d(input, float(self.norm_type), self.kernel_size, self.stride, self.ceil_mode)


class LPPool2d(_LPPoolNd):
    """(sum x^p)^(1/p) of each window over 2 dimensions.

    Args:
        norm_type: p; of infinity the largest |x|, of minus infinity the smallest.
        kernel_size, stride: an int or a 2-tuple; the stride is the kernel size if left out.
        ceil_mode: let the last window reach over the edge.

    Shape:
        (N, C, H, W) or (C, H, W), both ways.

    Example::

        >>> flambeau.nn.LPPool2d(2, 2)(flambeau.ones(2, 3, 8, 8)).shape
        torch.Size([2, 3, 4, 4])
    """

    def forward(self, input):
        return F.lp_pool2d(input, float(self.norm_type), self.kernel_size, self.stride, self.ceil_mode)


class LPPool3d(_LPPoolNd):
    """(sum x^p)^(1/p) of each window over 3 dimensions.

    Args:
        norm_type: p; of infinity the largest |x|, of minus infinity the smallest.
        kernel_size, stride: an int or a 3-tuple; the stride is the kernel size if left out.
        ceil_mode: let the last window reach over the edge.

    Shape:
        (N, C, D, H, W) or (C, D, H, W), both ways.

    Example::

        >>> flambeau.nn.LPPool3d(2, 2)(flambeau.ones(2, 3, 8, 8, 8)).shape
        torch.Size([2, 3, 4, 4, 4])
    """

    def forward(self, input):
        return F.lp_pool3d(input, float(self.norm_type), self.kernel_size, self.stride, self.ceil_mode)


class _AdaptiveMaxPoolNd(Module):
    """What the adaptive max-poolings share."""

    __constants__ = ["output_size", "return_indices"]

    def __init__(self, output_size, return_indices=False):
        super().__init__()
        self.output_size = output_size
        self.return_indices = return_indices

    def extra_repr(self):
        return f"output_size={self.output_size}"


class AdaptiveMaxPool1d(_AdaptiveMaxPoolNd):
    """The maximum of windows chosen so that the result has a given size.

    Args:
        output_size: an int.
        return_indices: also return where the maxima are.

    Shape:
        (N, C, L) or (C, L), both ways.

    Example::

        >>> flambeau.nn.AdaptiveMaxPool1d(5)(flambeau.ones(2, 3, 8)).shape
        torch.Size([2, 3, 5])
    """

    def forward(self, input):
        return F.adaptive_max_pool1d(input, self.output_size, self.return_indices)


class AdaptiveMaxPool2d(_AdaptiveMaxPoolNd):
    """The maximum of windows chosen so that the result has a given size.

    Args:
        output_size: an int or a 2-tuple; None keeps the size of a dimension.
        return_indices: also return where the maxima are.

    Shape:
        (N, C, H, W) or (C, H, W), both ways.

    Example::

        >>> flambeau.nn.AdaptiveMaxPool2d(5)(flambeau.ones(2, 3, 8, 8)).shape
        torch.Size([2, 3, 5, 5])
    """

    def forward(self, input):
        return F.adaptive_max_pool2d(input, self.output_size, self.return_indices)


class AdaptiveMaxPool3d(_AdaptiveMaxPoolNd):
    """The maximum of windows chosen so that the result has a given size.

    Args:
        output_size: an int or a 3-tuple; None keeps the size of a dimension.
        return_indices: also return where the maxima are.

    Shape:
        (N, C, D, H, W) or (C, D, H, W), both ways.

    Example::

        >>> flambeau.nn.AdaptiveMaxPool3d(5)(flambeau.ones(2, 3, 8, 8, 8)).shape
        torch.Size([2, 3, 5, 5, 5])
    """

    def forward(self, input):
        return F.adaptive_max_pool3d(input, self.output_size, self.return_indices)


class _AdaptiveAvgPoolNd(Module):
    """What the adaptive average-poolings share."""

    __constants__ = ["output_size"]

    def __init__(self, output_size):
        super().__init__()
        self.output_size = output_size

    def extra_repr(self):
        return f"output_size={self.output_size}"


class AdaptiveAvgPool1d(_AdaptiveAvgPoolNd):
    """The mean of windows chosen so that the result has a given size.

    Args:
        output_size: an int.

    Shape:
        (N, C, L) or (C, L), both ways.

    Example::

        >>> flambeau.nn.AdaptiveAvgPool1d(5)(flambeau.ones(2, 3, 8)).shape
        torch.Size([2, 3, 5])
    """

    def forward(self, input):
        return F.adaptive_avg_pool1d(input, self.output_size)


class AdaptiveAvgPool2d(_AdaptiveAvgPoolNd):
    """The mean of windows chosen so that the result has a given size.

    Args:
        output_size: an int or a 2-tuple; None keeps the size of a dimension.

    Shape:
        (N, C, H, W) or (C, H, W), both ways.

    Example::

        >>> flambeau.nn.AdaptiveAvgPool2d(5)(flambeau.ones(2, 3, 8, 8)).shape
        torch.Size([2, 3, 5, 5])
    """

    def forward(self, input):
        return F.adaptive_avg_pool2d(input, self.output_size)


class AdaptiveAvgPool3d(_AdaptiveAvgPoolNd):
    """The mean of windows chosen so that the result has a given size.

    Args:
        output_size: an int or a 3-tuple; None keeps the size of a dimension.

    Shape:
        (N, C, D, H, W) or (C, D, H, W), both ways.

    Example::

        >>> flambeau.nn.AdaptiveAvgPool3d(5)(flambeau.ones(2, 3, 8, 8, 8)).shape
        torch.Size([2, 3, 5, 5, 5])
    """

    def forward(self, input):
        return F.adaptive_avg_pool3d(input, self.output_size)
