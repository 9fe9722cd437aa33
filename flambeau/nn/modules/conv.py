"""Convolutions and their transposes in 1, 2 and 3 dimensions."""

import math

import flambeau
from flambeau.nn import functional as F
from flambeau.nn import init
from flambeau.nn.parameter import Parameter, UninitializedParameter

from .lazy import LazyModuleMixin
from .module import Module
from .utils import _ntuple, _pair, _reverse_repeat_tuple, _single, _triple

__all__ = [
    "Conv1d",
    "Conv2d",
    "Conv3d",
    "ConvTranspose1d",
    "ConvTranspose2d",
    "ConvTranspose3d",
    "LazyConv1d",
    "LazyConv2d",
    "LazyConv3d",
    "LazyConvTranspose1d",
    "LazyConvTranspose2d",
    "LazyConvTranspose3d",
]

PADDING_MODES = ("zeros", "reflect", "replicate", "circular")


class _ConvNd(Module):
    """What all convolutions share: checked arguments, parameters, printing."""

    __constants__ = [
        "stride",
        "padding",
        "dilation",
        "groups",
        "padding_mode",
        "output_padding",
        "in_channels",
        "out_channels",
        "kernel_size",
    ]

    def __init__(
        self,
        in_channels,
        out_channels,
        kernel_size,
        stride,
        padding,
        dilation,
        transposed,
        output_padding,
        groups,
        bias,
        padding_mode,
        device=None,
        dtype=None,
    ):
        super().__init__()
        _check_arguments(in_channels, out_channels, groups, padding, stride, padding_mode)
        self.in_channels = in_channels
        self.out_channels = out_channels
        self.kernel_size = kernel_size
        self.stride = stride
        self.padding = padding
        self.dilation = dilation
        self.transposed = transposed
        self.output_padding = output_padding
        self.groups = groups
        self.padding_mode = padding_mode
        self._reversed_padding_repeated_twice = _padding_for_pad(padding, kernel_size, dilation)
        shape = self._weight_shape()
        self.weight = Parameter(flambeau.empty(shape, device=device, dtype=dtype))
        if bias:
            self.bias = Parameter(flambeau.empty(out_channels, device=device, dtype=dtype))
        else:
            self.register_parameter("bias", None)
        self.reset_parameters()

    def _weight_shape(self):
        first, second = self.out_channels, self.in_channels
        if self.transposed:
            first, second = second, first
        return (first, second // self.groups, *self.kernel_size)

    def _conv_forward(self, input, weight, bias):
        raise NotImplementedError(f"{type(self).__name__} defines its own forward")

    def reset_parameters(self):
        """Draws the weights anew, from U(-k, k) with k = sqrt(groups / (in_channels * prod(kernel_size)))."""
        init.kaiming_uniform_(self.weight, a=math.sqrt(5))
        if self.bias is not None:
            fan_in, _ = init._calculate_fan_in_and_fan_out(self.weight)
            if fan_in != 0:
                bound = 1 / math.sqrt(fan_in)
                init.uniform_(self.bias, -bound, bound)

    def extra_repr(self):
        text = f"{self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}, stride={self.stride}"
        zeros, ones = (0,) * len(self.padding), (1,) * len(self.dilation)
        if self.padding != zeros:
            text += f", padding={self.padding}"
        if self.dilation != ones:
            text += f", dilation={self.dilation}"
        if self.output_padding != (0,) * len(self.output_padding):
            text += f", output_padding={self.output_padding}"
        if self.groups != 1:
            text += f", groups={self.groups}"
        if self.bias is None:
            text += ", bias=False"
        if self.padding_mode != "zeros":
            text += f", padding_mode={self.padding_mode}"
        return text

    def __setstate__(self, state):
        super().__setstate__(state)
        self.__dict__.setdefault("padding_mode", "zeros")


def _check_arguments(in_channels, out_channels, groups, padding, stride, padding_mode):
    if groups <= 0:
        raise ValueError("groups must be a positive integer")
    if in_channels % groups != 0:
        raise ValueError("in_channels must be divisible by groups")
    if out_channels % groups != 0:
        raise ValueError("out_channels must be divisible by groups")
    if isinstance(padding, str):
        if padding not in ("same", "valid"):
            raise ValueError(f"Invalid padding string {padding!r}, should be one of {{'same', 'valid'}}")
        if padding == "same" and any(s != 1 for s in stride):
            raise ValueError("padding='same' is not supported for strided convolutions")
    if padding_mode not in PADDING_MODES:
        raise ValueError(f"padding_mode must be one of {set(PADDING_MODES)}, but got padding_mode='{padding_mode}'")


def _padding_for_pad(padding, kernel_size, dilation):
    """The padding in the form of `F.pad`: last dimension first, before and after."""
    if not isinstance(padding, str):
        return _reverse_repeat_tuple(padding, 2)
    result = [0, 0] * len(kernel_size)
    if padding == "same":
        for i, (d, k) in enumerate(zip(reversed(dilation), reversed(kernel_size), strict=False)):
            total = d * (k - 1)
            result[2 * i], result[2 * i + 1] = total // 2, total - total // 2
    return result


class Conv1d(_ConvNd):
    """Cross-correlation along one dimension: out[n, o] = bias[o] + sum_c weight[o, c] * input[n, c].

    Args:
        in_channels, out_channels: channels of input and output.
        kernel_size, stride, padding, dilation: an int or a 1-tuple; padding may be "valid" or "same".
        groups: blocks of channels that do not see each other.
        bias: whether to add a bias.
        padding_mode: "zeros", "reflect", "replicate" or "circular".

    Shape:
        (N, C_in, L) or (C_in, L) to (N, C_out, L_out),
        L_out = floor((L + 2 padding - dilation (kernel_size - 1) - 1) / stride + 1); weight (C_out, C_in / groups, K).

    Example::

        >>> flambeau.nn.Conv1d(16, 33, 3, stride=2)(flambeau.ones(20, 16, 50)).shape
        torch.Size([20, 33, 24])
    """

    def __init__(
        self,
        in_channels,
        out_channels,
        kernel_size,
        stride=1,
        padding=0,
        dilation=1,
        groups=1,
        bias=True,
        padding_mode="zeros",
        device=None,
        dtype=None,
    ):
        padding = padding if isinstance(padding, str) else _single(padding)
        super().__init__(
            in_channels, out_channels, _single(kernel_size), _single(stride), padding, _single(dilation),
            False, _single(0), groups, bias, padding_mode, device, dtype,
        )  # fmt: skip

    def _conv_forward(self, input, weight, bias):
        if self.padding_mode != "zeros":
            input = F.pad(input, self._reversed_padding_repeated_twice, mode=self.padding_mode)
            return F.conv1d(input, weight, bias, self.stride, 0, self.dilation, self.groups)
        return F.conv1d(input, weight, bias, self.stride, self.padding, self.dilation, self.groups)

    def forward(self, input):
        return self._conv_forward(input, self.weight, self.bias)


class Conv2d(_ConvNd):
    """Cross-correlation over two dimensions: out[n, o] = bias[o] + sum_c weight[o, c] * input[n, c].

    Args:
        in_channels, out_channels: channels of input and output.
        kernel_size, stride, padding, dilation: an int or a pair; padding may be "valid" or "same".
        groups: blocks of channels that do not see each other.
        bias: whether to add a bias.
        padding_mode: "zeros", "reflect", "replicate" or "circular".

    Shape:
        (N, C_in, H, W) or (C_in, H, W) to (N, C_out, H_out, W_out),
        H_out = floor((H + 2 padding - dilation (kernel_size - 1) - 1) / stride + 1);
        weight (C_out, C_in / groups, K_h, K_w).

    Example::

        >>> flambeau.nn.Conv2d(16, 33, (3, 5), stride=(2, 1), padding=(4, 2))(flambeau.ones(2, 16, 50, 10)).shape
        torch.Size([2, 33, 28, 10])
    """

    def __init__(
        self,
        in_channels,
        out_channels,
        kernel_size,
        stride=1,
        padding=0,
        dilation=1,
        groups=1,
        bias=True,
        padding_mode="zeros",
        device=None,
        dtype=None,
    ):
        padding = padding if isinstance(padding, str) else _pair(padding)
        super().__init__(
            in_channels, out_channels, _pair(kernel_size), _pair(stride), padding, _pair(dilation),
            False, _pair(0), groups, bias, padding_mode, device, dtype,
        )  # fmt: skip

    def _conv_forward(self, input, weight, bias):
        if self.padding_mode != "zeros":
            input = F.pad(input, self._reversed_padding_repeated_twice, mode=self.padding_mode)
            return F.conv2d(input, weight, bias, self.stride, 0, self.dilation, self.groups)
        return F.conv2d(input, weight, bias, self.stride, self.padding, self.dilation, self.groups)

    def forward(self, input):
        return self._conv_forward(input, self.weight, self.bias)


class Conv3d(_ConvNd):
    """Cross-correlation over three dimensions: out[n, o] = bias[o] + sum_c weight[o, c] * input[n, c].

    Args:
        in_channels, out_channels: channels of input and output.
        kernel_size, stride, padding, dilation: an int or a triple; padding may be "valid" or "same".
        groups: blocks of channels that do not see each other.
        bias: whether to add a bias.
        padding_mode: "zeros", "reflect", "replicate" or "circular".

    Shape:
        (N, C_in, D, H, W) or (C_in, D, H, W) to (N, C_out, D_out, H_out, W_out).

    Example::

        >>> flambeau.nn.Conv3d(4, 6, 3, stride=2)(flambeau.ones(1, 4, 7, 7, 9)).shape
        torch.Size([1, 6, 3, 3, 4])
    """

    def __init__(
        self,
        in_channels,
        out_channels,
        kernel_size,
        stride=1,
        padding=0,
        dilation=1,
        groups=1,
        bias=True,
        padding_mode="zeros",
        device=None,
        dtype=None,
    ):
        padding = padding if isinstance(padding, str) else _triple(padding)
        super().__init__(
            in_channels, out_channels, _triple(kernel_size), _triple(stride), padding, _triple(dilation),
            False, _triple(0), groups, bias, padding_mode, device, dtype,
        )  # fmt: skip

    def _conv_forward(self, input, weight, bias):
        if self.padding_mode != "zeros":
            input = F.pad(input, self._reversed_padding_repeated_twice, mode=self.padding_mode)
            return F.conv3d(input, weight, bias, self.stride, 0, self.dilation, self.groups)
        return F.conv3d(input, weight, bias, self.stride, self.padding, self.dilation, self.groups)

    def forward(self, input):
        return self._conv_forward(input, self.weight, self.bias)


class _ConvTransposeNd(_ConvNd):
    """What the transposed convolutions share."""

    def __init__(
        self,
        in_channels,
        out_channels,
        kernel_size,
        stride,
        padding,
        dilation,
        transposed,
        output_padding,
        groups,
        bias,
        padding_mode,
        device=None,
        dtype=None,
    ):
        if padding_mode != "zeros":
            raise ValueError(f'Only "zeros" padding mode is supported for {type(self).__name__}')
        super().__init__(
            in_channels, out_channels, kernel_size, stride, padding, dilation,
            transposed, output_padding, groups, bias, padding_mode, device, dtype,
        )  # fmt: skip

    def _output_padding(self, input, output_size, stride, padding, kernel_size, num_spatial_dims, dilation=None):
        """What must be added to one side of the result so that it gets the wanted size."""
        if output_size is None:
            return _ntuple(num_spatial_dims)(self.output_padding)
        dims = num_spatial_dims
        wanted = list(output_size)[-dims:]
        if len(output_size) not in (dims, input.dim()):
            raise ValueError(
                f"{type(self).__name__}: for {input.dim()}D input, output_size must have {dims} or {input.dim()} "
                f"elements (got {len(output_size)})"
            )
        sizes = zip(input.shape[-dims:], stride, padding, dilation or (1,) * dims, kernel_size, strict=True)
        smallest = [(size - 1) * s - 2 * p + d * (k - 1) + 1 for size, s, p, d, k in sizes]
        largest = [low + s - 1 for low, s in zip(smallest, stride, strict=True)]
        if any(not low <= size <= high for size, low, high in zip(wanted, smallest, largest, strict=True)):
            raise ValueError(
                f"requested an output size of {wanted}, but valid sizes range from {smallest} to {largest} "
                f"(for an input of {list(input.shape[-dims:])})"
            )
        return [size - low for size, low in zip(wanted, smallest, strict=True)]


class _ConvTranspose(_ConvTransposeNd):
    """The transposed convolutions themselves; `dims` is the number of spatial dimensions."""

    dims = 0

    def __init__(
        self,
        in_channels,
        out_channels,
        kernel_size,
        stride=1,
        padding=0,
        output_padding=0,
        groups=1,
        bias=True,
        dilation=1,
        padding_mode="zeros",
        device=None,
        dtype=None,
    ):
        each = _ntuple(self.dims)
        super().__init__(
            in_channels, out_channels, each(kernel_size), each(stride), each(padding), each(dilation),
            True, each(output_padding), groups, bias, padding_mode, device, dtype,
        )  # fmt: skip

    def forward(self, input, output_size=None):
        convolve = (F.conv_transpose1d, F.conv_transpose2d, F.conv_transpose3d)[self.dims - 1]
        extra = self.output_padding
        if output_size is not None:
            extra = self._output_padding(
                input, output_size, self.stride, self.padding, self.kernel_size, self.dims, self.dilation
            )
        return convolve(
            input,
            self.weight,
            self.bias,
            self.stride,
            self.padding,
            extra,
            self.groups,
            self.dilation,
        )


class ConvTranspose1d(_ConvTranspose):
    """The transpose of a `Conv1d` as a layer: it maps that layer's outputs back to the shape of its inputs.

    Args:
        in_channels, out_channels: channels of input and output.
        kernel_size, stride, padding, dilation: an int or a 1-tuple, of the convolution that is transposed.
        output_padding: added to one side of the result's length.
        groups, bias: as in `Conv1d`.

    Shape:
        (N, C_in, L) to (N, C_out, (L - 1) stride - 2 padding + dilation (kernel_size - 1) + output_padding + 1);
        weight (C_in, C_out / groups, K).

    Example::

        >>> flambeau.nn.ConvTranspose1d(4, 2, 3, stride=2)(flambeau.ones(1, 4, 5)).shape
        torch.Size([1, 2, 11])
    """

    dims = 1


class ConvTranspose2d(_ConvTranspose):
    """The transpose of a `Conv2d` as a layer: it maps that layer's outputs back to the shape of its inputs.

    Args:
        in_channels, out_channels: channels of input and output.
        kernel_size, stride, padding, dilation: an int or a pair, of the convolution that is transposed.
        output_padding: added to one side of the result's sizes.
        groups, bias: as in `Conv2d`.

    Shape:
        (N, C_in, H, W) to (N, C_out, H_out, W_out),
        H_out = (H - 1) stride - 2 padding + dilation (kernel_size - 1) + output_padding + 1.

    Example::

        >>> up = flambeau.nn.ConvTranspose2d(16, 16, 3, stride=2, padding=1)
        >>> up(flambeau.ones(1, 16, 6, 6), output_size=(12, 12)).shape
        torch.Size([1, 16, 12, 12])
    """

    dims = 2


class ConvTranspose3d(_ConvTranspose):
    """The transpose of a `Conv3d` as a layer: it maps that layer's outputs back to the shape of its inputs.

    Args:
        in_channels, out_channels: channels of input and output.
        kernel_size, stride, padding, dilation: an int or a triple, of the convolution that is transposed.
        output_padding: added to one side of the result's sizes.
        groups, bias: as in `Conv3d`.

    Shape:
        (N, C_in, D, H, W) to (N, C_out, D_out, H_out, W_out).

    Example::

        >>> flambeau.nn.ConvTranspose3d(2, 3, 2, stride=2)(flambeau.ones(1, 2, 3, 3, 3)).shape
        torch.Size([1, 3, 6, 6, 6])
    """

    dims = 3


class _LazyConvXdMixin(LazyModuleMixin):
    """What the lazy convolutions share: in_channels comes from the first input."""

    def reset_parameters(self):
        if not self.has_uninitialized_params() and self.in_channels != 0:
            super().reset_parameters()

    def initialize_parameters(self, input, *args, **kwargs):
        if not self.has_uninitialized_params():
            return
        dims = len(self.kernel_size)
        if input.dim() not in (dims + 1, dims + 2):
            raise RuntimeError(
                f"Expected {dims + 1}D (unbatched) or {dims + 2}D (batched) input to {type(self).__name__}, "
                f"but got input of size: {input.shape}"
            )
        self.in_channels = input.shape[-dims - 1]
        if self.in_channels % self.groups != 0:
            raise ValueError("in_channels must be divisible by groups")
        self.weight.materialize(self._weight_shape())
        if self.bias is not None:
            self.bias.materialize((self.out_channels,))
        self.reset_parameters()

    def _become_lazy(self, out_channels, bias, device, dtype):
        self.weight = UninitializedParameter(device=device, dtype=dtype)
        self.out_channels = out_channels
        if bias:
            self.bias = UninitializedParameter(device=device, dtype=dtype)


class _LazyConvNd(_LazyConvXdMixin):
    def __init__(
        self,
        out_channels,
        kernel_size,
        stride=1,
        padding=0,
        dilation=1,
        groups=1,
        bias=True,
        padding_mode="zeros",
        device=None,
        dtype=None,
    ):
        super().__init__(
            0,
            0,
            kernel_size,
            stride,
            padding,
            dilation,
            groups,
            False,
            padding_mode,
            device,
            dtype,
        )
        self._become_lazy(out_channels, bias, device, dtype)


class _LazyConvTransposeNd(_LazyConvXdMixin):
    def __init__(
        self,
        out_channels,
        kernel_size,
        stride=1,
        padding=0,
        output_padding=0,
        groups=1,
        bias=True,
        dilation=1,
        padding_mode="zeros",
        device=None,
        dtype=None,
    ):
        super().__init__(
            0,
            0,
            kernel_size,
            stride,
            padding,
            output_padding,
            groups,
            False,
            dilation,
            padding_mode,
            device,
            dtype,
        )
        self._become_lazy(out_channels, bias, device, dtype)


class LazyConv1d(_LazyConvNd, Conv1d):
    """A `Conv1d` whose in_channels is taken from the first input.

    Example::

        >>> layer = flambeau.nn.LazyConv1d(8, 3)
        >>> layer(flambeau.ones(1, 3, 5)).shape, layer.in_channels
        (torch.Size([1, 8, 3]), 3)
    """

    cls_to_become = Conv1d


class LazyConv2d(_LazyConvNd, Conv2d):
    """A `Conv2d` whose in_channels is taken from the first input.

    Example::

        >>> layer = flambeau.nn.LazyConv2d(8, 3)
        >>> layer(flambeau.ones(1, 3, 5, 5)).shape, layer.in_channels
        (torch.Size([1, 8, 3, 3]), 3)
    """

    cls_to_become = Conv2d


class LazyConv3d(_LazyConvNd, Conv3d):
    """A `Conv3d` whose in_channels is taken from the first input.

    Example::

        >>> layer = flambeau.nn.LazyConv3d(8, 3)
        >>> layer(flambeau.ones(1, 3, 5, 5, 5)).shape, layer.in_channels
        (torch.Size([1, 8, 3, 3, 3]), 3)
    """

    cls_to_become = Conv3d


class LazyConvTranspose1d(_LazyConvTransposeNd, ConvTranspose1d):
    """A `ConvTranspose1d` whose in_channels is taken from the first input.

    Example::

        >>> layer = flambeau.nn.LazyConvTranspose1d(8, 3)
        >>> layer(flambeau.ones(1, 3, 4)).shape, layer.in_channels
        (torch.Size([1, 8, 6]), 3)
    """

    cls_to_become = ConvTranspose1d


class LazyConvTranspose2d(_LazyConvTransposeNd, ConvTranspose2d):
    """A `ConvTranspose2d` whose in_channels is taken from the first input.

    Example::

        >>> layer = flambeau.nn.LazyConvTranspose2d(8, 3)
        >>> layer(flambeau.ones(1, 3, 4, 4)).shape, layer.in_channels
        (torch.Size([1, 8, 6, 6]), 3)
    """

    cls_to_become = ConvTranspose2d


class LazyConvTranspose3d(_LazyConvTransposeNd, ConvTranspose3d):
    """A `ConvTranspose3d` whose in_channels is taken from the first input.

    Example::

        >>> layer = flambeau.nn.LazyConvTranspose3d(8, 3)
        >>> layer(flambeau.ones(1, 3, 4, 4, 4)).shape, layer.in_channels
        (torch.Size([1, 8, 6, 6, 6]), 3)
    """

    cls_to_become = ConvTranspose3d
