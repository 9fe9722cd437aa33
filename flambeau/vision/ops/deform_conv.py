"""Convolution at places that are moved (arXiv 1703.06211, 1811.11168)."""

import flambeau
from flambeau import nn
from flambeau.nn import functional as F

__all__ = ["DeformConv2d", "deform_conv2d"]


def _pair(x):
    return (x, x) if isinstance(x, int) else tuple(x)


def _places(offset, size, kernel, stride, padding, dilation):
    """(y, x) of each sample, (N x groups, taps, OH, OW): where the kernel lies, and by how much it is moved."""
    moved = offset.reshape(-1, kernel[0] * kernel[1], 2, *size)
    tap = flambeau.arange(kernel[0] * kernel[1])
    places = []
    for dim, number in ((0, tap // kernel[1]), (1, tap % kernel[1])):
        out = flambeau.arange(size[dim]) * stride[dim] - padding[dim]
        out = out.reshape((-1, 1) if dim == 0 else (1, -1)) + (number * dilation[dim]).reshape(-1, 1, 1)
        places.append(moved[:, :, dim] + out.to(offset.dtype))
    return places


def _check(input, offset, weight, mask, size, kernel, groups):
    taps = kernel[0] * kernel[1]
    if offset.ndim != 4 or offset.shape[1] % (2 * taps) or offset.shape[1] == 0:
        raise RuntimeError(
            "the shape of the offset tensor at dimension 1 is not valid. It should be a multiple of "
            f"2 * weight.size[2] * weight.size[3].\nGot offset.shape[1]={offset.shape[1]}, while "
            f"2 * weight.size[2] * weight.size[3]={2 * taps}"
        )
    if tuple(offset.shape[2:]) != size or offset.shape[0] != input.shape[0]:
        raise RuntimeError(
            f"[deform_conv2d] offset should be (N, groups x {2 * taps}, {size[0]}, {size[1]}), "
            f"got {tuple(offset.shape)}"
        )
    if mask is not None and tuple(mask.shape) != (input.shape[0], offset.shape[1] // 2, *size):
        raise RuntimeError(
            f"[deform_conv2d] mask should be {(input.shape[0], offset.shape[1] // 2, *size)}, got {tuple(mask.shape)}"
        )
    if input.shape[1] % weight.shape[1] or weight.shape[0] % groups or input.shape[1] % (offset.shape[1] // 2 // taps):
        raise RuntimeError(
            f"[deform_conv2d] channels do not fit: input {tuple(input.shape)}, weight {tuple(weight.shape)}, "
            f"offset {tuple(offset.shape)}"
        )


def deform_conv2d(input, offset, weight, bias=None, stride=(1, 1), padding=(0, 0), dilation=(1, 1), mask=None):
    """A convolution in which each tap of the kernel is moved at each place, and perhaps weighed.

    Args:
        input: (N, C, H, W).
        offset: (N, G x 2 x KH x KW, OH, OW), by how much (y, x) each tap moves, for G groups of channels.
        weight: (O, C / groups, KH, KW).
        bias: (O,), or None.
        stride, padding, dilation: as in conv2d.
        mask: (N, G x KH x KW, OH, OW), a factor of each tap, or None.

    Returns: (N, O, OH, OW).

    >>> x, weight = flambeau.rand(1, 2, 5, 5), flambeau.rand(3, 2, 3, 3)
    >>> moved = flambeau.vision.ops.deform_conv2d(x, flambeau.zeros(1, 18, 3, 3), weight)
    >>> flambeau.allclose(moved, flambeau.nn.functional.conv2d(x, weight), atol=1e-5)
    True
    """
    stride, padding, dilation, kernel = _pair(stride), _pair(padding), _pair(dilation), tuple(weight.shape[2:])
    count, channels, height, width = input.shape
    size = tuple(
        (length + 2 * padding[i] - dilation[i] * (kernel[i] - 1) - 1) // stride[i] + 1
        for i, length in enumerate((height, width))
    )
    groups, taps = channels // weight.shape[1], kernel[0] * kernel[1]
    _check(input, offset, weight, mask, size, kernel, groups)
    parts = offset.shape[1] // (2 * taps)
    y, x = _places(offset, size, kernel, stride, padding, dilation)
    grid = flambeau.stack(((2 * x + 1) / width - 1, (2 * y + 1) / height - 1), -1)
    pictures = input.reshape(count * parts, channels // parts, height, width)
    grid = grid.reshape(count * parts, taps * size[0], size[1], 2)
    columns = F.grid_sample(pictures, grid, mode="bilinear", padding_mode="zeros", align_corners=False)
    columns = columns.reshape(count, parts, channels // parts, taps, size[0] * size[1])
    if mask is not None:
        columns = columns * mask.reshape(count, parts, 1, taps, size[0] * size[1])
    columns = columns.reshape(count, groups, channels // groups * taps, size[0] * size[1])
    out = weight.reshape(groups, weight.shape[0] // groups, -1) @ columns
    out = out.reshape(count, weight.shape[0], *size)
    return out if bias is None else out + bias.reshape(1, -1, 1, 1)


class DeformConv2d(nn.Module):
    """A layer of flambeau.vision.ops.deform_conv2d, with weight and bias.

    Args:
        in_channels, out_channels, kernel_size, stride, padding, dilation, groups, bias: as in Conv2d.

    >>> layer = flambeau.vision.ops.DeformConv2d(2, 3, 3, padding=1)
    >>> layer(flambeau.rand(1, 2, 5, 5), flambeau.zeros(1, 18, 5, 5)).shape
    torch.Size([1, 3, 5, 5])
    """

    def __init__(self, in_channels, out_channels, kernel_size, stride=1, padding=0, dilation=1, groups=1, bias=True):
        super().__init__()
        if in_channels % groups != 0:
            raise ValueError("in_channels must be divisible by groups")
        if out_channels % groups != 0:
            raise ValueError("out_channels must be divisible by groups")
        self.in_channels, self.out_channels, self.groups = in_channels, out_channels, groups
        self.kernel_size, self.stride = _pair(kernel_size), _pair(stride)
        self.padding, self.dilation = _pair(padding), _pair(dilation)
        self.weight = nn.Parameter(flambeau.empty(out_channels, in_channels // groups, *self.kernel_size))
        if bias:
            self.bias = nn.Parameter(flambeau.empty(out_channels))
        else:
            self.register_parameter("bias", None)
        self.reset_parameters()

    def reset_parameters(self):
        """Draw new weights, as Conv2d does."""
        nn.init.kaiming_uniform_(self.weight, a=5**0.5)
        if self.bias is not None:
            bound = 1 / (self.weight.shape[1] * self.kernel_size[0] * self.kernel_size[1]) ** 0.5
            nn.init.uniform_(self.bias, -bound, bound)

    def forward(self, input, offset, mask=None):
        places = (self.stride, self.padding, self.dilation)
        return deform_conv2d(input, offset, self.weight, self.bias, *places, mask)

    def __repr__(self):
        parts = [f"{self.in_channels}, {self.out_channels}", f"kernel_size={self.kernel_size}", f"stride={self.stride}"]
        parts += [f"padding={self.padding}"] if self.padding != (0, 0) else []
        parts += [f"dilation={self.dilation}"] if self.dilation != (1, 1) else []
        parts += [f"groups={self.groups}"] if self.groups != 1 else []
        parts += ["bias=False"] if self.bias is None else []
        return f"{self.__class__.__name__}({', '.join(parts)})"
