"""Padding, sliding windows as columns, and pixels moved between channels and space."""

from .. import _C
from .creation import tensor

__all__ = [
    "channel_shuffle", "constant_pad_nd", "native_channel_shuffle", "pixel_shuffle", "pixel_unshuffle",
]  # fmt: skip
FUNCTIONAL = ["channel_shuffle", "fold", "native_channel_shuffle", "pad", "pixel_shuffle", "pixel_unshuffle", "unfold"]


def constant_pad_nd(input, pad, value=0):
    """The input with a constant around it.

    Args:
        input: any tensor.
        pad: elements before and after the last dimension, before and after the second last, and so on; negative ones crop.
        value: the constant.
    Returns: the padded tensor.
    Raises: RuntimeError if pad does not fit the dimensions or leaves a negative size.

    >>> flambeau.constant_pad_nd(flambeau.tensor([1, 2]), (1, 0), 7)
    tensor([7, 1, 2])
    """
    return _C.constant_pad(input, tuple(pad), value)


def _check_edges(mode, input, pad):
    """Refuses what reflecting or repeating cannot pad."""
    count = len(pad) // 2
    if input.dim() not in (count + 1, count + 2) or count > 3:
        raise NotImplementedError(
            f"[pad] Only 2D, 3D, 4D, 5D padding with non-constant padding are supported for now: padding size {len(pad)} "
            f"is not supported for {input.dim()}D input with mode '{mode}'"
        )
    if mode != "circular" and input.dtype is _C.bool:
        raise NotImplementedError(f"[pad] \"{mode}_pad\" not implemented for '{input.dtype}'")
    for position in range(count):
        size, before, after = input.shape[-1 - position], pad[2 * position], pad[2 * position + 1]
        if mode == "reflect" and max(before, after) >= size:
            raise RuntimeError(
                f"[pad] Padding size should be less than the corresponding input dimension, but got: padding ({before}, {after}) "
                f"at dimension {input.dim() - 1 - position} of input {list(input.shape)}"
            )
        if mode == "circular" and max(before, after) > size:
            raise RuntimeError("[pad] Padding value causes wrapping around more than once.")
        if (
            size + before + after < 1
            or (mode == "circular" and size + min(before, 0) + min(after, 0) < 1)
            or (size == 0 and mode != "circular")
        ):
            raise RuntimeError(
                f"[pad] padding {tuple(pad)} leaves nothing of dimension {input.dim() - 1 - position} of input {list(input.shape)}"
            )


def _pad_edge(mode, x, dim, before, after):
    """x with `before` and `after` more slices along a dimension; negative numbers crop."""
    if before == after == 0:
        return x
    last = x.shape[dim] - 1
    if mode == "circular":  # what is left after cropping is repeated
        first, size = max(-before, 0), last + 1 + min(before, 0) + min(after, 0)
        places = [first + i % max(size, 1) for i in range(-max(before, 0), size + max(after, 0))]
    elif mode == "replicate":
        places = [min(max(i, 0), last) for i in range(-before, last + 1 + after)]
    else:
        places = [last - abs(last - abs(i)) for i in range(-before, last + 1 + after)]
    return _C.index_select(x, dim, tensor(places, dtype=_C.int64))


def pad(input, pad, mode="constant", value=None):
    """The input with more elements around it.

    Args:
        input: any tensor; (C, *) or (N, C, *) for modes other than "constant".
        pad: elements before and after the last dimension, before and after the second last, and so on; negative ones crop.
        mode: "constant", "reflect" (mirrored without the edge), "replicate" (the edge repeated) or "circular".
        value: the constant, 0 by default.
    Returns: the padded tensor.
    Raises: RuntimeError if pad does not fit; NotImplementedError for a mode or number of dimensions that there is not.

    >>> flambeau.nn.functional.pad(flambeau.tensor([[1.0, 2.0, 3.0]]), (1, 1), "reflect")
    tensor([[2., 1., 2., 3., 2.]])
    """
    pad = tuple(pad)
    if len(pad) % 2:
        raise RuntimeError(f"[pad] Padding length must be divisible by 2, got {len(pad)}")
    if mode == "constant":
        return _C.constant_pad(input, pad, 0 if value is None else value)
    if mode not in ("reflect", "replicate", "circular"):
        raise NotImplementedError(f"[pad] Unrecognised padding mode {mode}")
    if value is not None and value != 0:
        raise ValueError(f"[pad] Padding mode '{mode}' doesn't take in value argument")
    _check_edges(mode, input, pad)
    out = input
    for position in range(len(pad) // 2):
        out = _pad_edge(mode, out, input.dim() - 1 - position, pad[2 * position], pad[2 * position + 1])
    return out.clone() if out is input else out.contiguous()


def _pair(op, name, value, least):
    pair = (value, value) if isinstance(value, int) else tuple(value)
    if len(pair) == 1:
        pair *= 2
    if len(pair) != 2 or min(pair) < least:
        raise RuntimeError(f"[{op}] {name} should be an int or a pair of ints of at least {least}, but got {value}")
    return pair


def _parts(run, input):
    """A linear map of real tensors, applied to complex ones part by part."""
    if not input.dtype.is_complex:
        return run(input)
    from . import complex

    return complex(run(input.real), run(input.imag))


def unfold(input, kernel_size, dilation=1, padding=0, stride=1):
    """The sliding windows of images as columns.

    Args:
        input: (N, C, H, W) or (C, H, W), floating, complex or bool.
        kernel_size, dilation, padding, stride: an int or a pair.
    Returns: (N, C * KH * KW, L) or (C * KH * KW, L), L being the number of window positions.
    Raises: RuntimeError if sizes do not fit.

    >>> flambeau.nn.functional.unfold(flambeau.arange(4.0).reshape(1, 1, 2, 2), (1, 2))
    tensor([[[0., 2.],
             [1., 3.]]])
    """
    op = "unfold"
    kernel, dilation = _pair(op, "kernel_size", kernel_size, 1), _pair(op, "dilation", dilation, 1)
    padding, stride = _pair(op, "padding", padding, 0), _pair(op, "stride", stride, 1)
    if input.dim() not in (3, 4) or 0 in input.shape[-3:]:
        raise RuntimeError(
            f"[unfold] Expected 3D or 4D (batch mode) tensor with possibly 0 batch size and other non-zero dimensions for input, but got: {list(input.shape)}"
        )
    if not (input.dtype.is_floating_point or input.dtype.is_complex or input.dtype == _C.bool):
        raise NotImplementedError(f"[unfold] \"im2col\" not implemented for '{input.dtype}'")
    for size, k, d, p in zip(input.shape[-2:], kernel, dilation, padding):
        if size + 2 * p < d * (k - 1) + 1:
            raise RuntimeError(
                f"[unfold] the windows of size {kernel} (dilation {dilation}) do not fit into input {list(input.shape)} padded by {padding}"
            )
    x = input if input.dim() == 4 else input.unsqueeze(0)
    out = _parts(lambda t: _C.im2col(t, kernel, dilation, padding, stride), x)
    return out if input.dim() == 4 else out.squeeze(0)


def fold(input, output_size, kernel_size, dilation=1, padding=0, stride=1):
    """Sums columns back to images: the adjoint of `unfold`.

    Args:
        input: (N, C * KH * KW, L) or (C * KH * KW, L), floating or complex.
        output_size: an int or a pair, the spatial size of the result.
        kernel_size, dilation, padding, stride: an int or a pair.
    Returns: (N, C, *output_size) or (C, *output_size).
    Raises: RuntimeError if sizes do not fit.

    >>> flambeau.nn.functional.fold(flambeau.ones(1, 4, 1), (2, 2), 2)
    tensor([[[[1., 1.],
              [1., 1.]]]])
    """
    op = "fold"
    size, kernel = _pair(op, "output_size", output_size, 1), _pair(op, "kernel_size", kernel_size, 1)
    dilation, padding = _pair(op, "dilation", dilation, 1), _pair(op, "padding", padding, 0)
    stride = _pair(op, "stride", stride, 1)
    if input.dim() not in (2, 3) or 0 in input.shape[-2:]:
        raise RuntimeError(
            f"[fold] Expected 2D or 3D (batch mode) tensor for input with possibly 0 batch size and non-zero dimensions for input, but got: {list(input.shape)}"
        )
    if not (input.dtype.is_floating_point or input.dtype.is_complex):
        raise NotImplementedError(f"[fold] \"col2im\" not implemented for '{input.dtype}'")
    if input.shape[-2] % (kernel[0] * kernel[1]):
        raise RuntimeError(
            f"[fold] Expected size of input's dimension 1 to be divisible by the product of kernel_size {kernel}, but got {input.shape[-2]}"
        )
    count = 1
    for s, k, d, p, t in zip(size, kernel, dilation, padding, stride):
        count *= max(0, (s + 2 * p - d * (k - 1) - 1) // t + 1)
    if count != input.shape[-1]:
        raise RuntimeError(
            f"[fold] Given output_size={size}, kernel_size={kernel}, dilation={dilation}, padding={padding}, stride={stride}, expected size of input's dimension 2 to match the calculated number of sliding blocks {count}, but got {input.shape[-1]}"
        )
    x = input if input.dim() == 3 else input.unsqueeze(0)
    out = _parts(lambda t: _C.col2im(t, size, kernel, dilation, padding, stride), x)
    return out if input.dim() == 3 else out.squeeze(0)


def pixel_shuffle(input, upscale_factor):
    """Moves groups of r * r channels into space: (*, C r^2, H, W) becomes (*, C, H r, W r).

    Args:
        input: (*, C r^2, H, W).
        upscale_factor: r.
    Returns: (*, C, H r, W r).
    Raises: RuntimeError if the channels cannot be divided.

    >>> flambeau.pixel_shuffle(flambeau.arange(4.0).reshape(4, 1, 1), 2)
    tensor([[[0., 1.],
             [2., 3.]]])
    """
    r = upscale_factor
    if input.dim() < 3:
        raise RuntimeError(
            f"[pixel_shuffle] expects input to have at least 3 dimensions, but got input with {input.dim()} dimension(s)"
        )
    if r <= 0:
        raise RuntimeError(f"[pixel_shuffle] expects a positive upscale_factor, but got {r}")
    *lead, channels, height, width = input.shape
    if channels % (r * r):
        raise RuntimeError(
            f"[pixel_shuffle] expects its input's 'channel' dimension to be divisible by the square of upscale_factor, but input.size(-3)={channels} is not divisible by {r * r}"
        )
    parts = input.reshape(*lead, channels // (r * r), r, r, height, width)
    n = len(lead)
    moved = parts.permute(*range(n + 1), n + 3, n + 1, n + 4, n + 2)
    return moved.reshape(*lead, channels // (r * r), height * r, width * r)


def pixel_unshuffle(input, downscale_factor):
    """Moves blocks of r * r pixels into channels: (*, C, H r, W r) becomes (*, C r^2, H, W).

    Args:
        input: (*, C, H r, W r).
        downscale_factor: r.
    Returns: (*, C r^2, H, W).
    Raises: RuntimeError if height or width cannot be divided.

    >>> flambeau.pixel_unshuffle(flambeau.arange(4.0).reshape(1, 2, 2), 2).flatten()
    tensor([0., 1., 2., 3.])
    """
    r = downscale_factor
    if input.dim() < 3:
        raise RuntimeError(
            f"[pixel_unshuffle] expects input to have at least 3 dimensions, but got input with {input.dim()} dimension(s)"
        )
    if r <= 0:
        raise RuntimeError(f"[pixel_unshuffle] expects a positive downscale_factor, but got {r}")
    *lead, channels, height, width = input.shape
    if height % r or width % r:
        raise RuntimeError(
            f"[pixel_unshuffle] expects height and width to be divisible by downscale_factor, but ({height}, {width}) is not divisible by {r}"
        )
    n = len(lead)
    parts = input.reshape(*lead, channels, height // r, r, width // r, r)
    moved = parts.permute(*range(n + 1), n + 2, n + 4, n + 1, n + 3)
    return moved.reshape(*lead, channels * r * r, height // r, width // r)


def channel_shuffle(input, groups):
    """Deals the channels of `groups` groups out in turn: channel g * n + i goes to i * groups + g.

    Args:
        input: (N, C, *) of at least 3 dimensions.
        groups: divides C.
    Returns: tensor like the input.
    Raises: RuntimeError if the channels cannot be divided.

    >>> flambeau.channel_shuffle(flambeau.arange(4.0).reshape(1, 4, 1), 2).flatten()
    tensor([0., 2., 1., 3.])
    """
    if input.dim() < 3:
        raise RuntimeError(
            f"[channel_shuffle] expects input with > 2 dims, but got input with sizes {list(input.shape)}"
        )
    if groups <= 0 or input.shape[1] % groups:
        raise RuntimeError(
            f"[channel_shuffle] Number of channels must be divisible by groups. Got {input.shape[1]} channels and {groups} groups."
        )
    n, channels, *spatial = input.shape
    return input.reshape(n, groups, channels // groups, *spatial).transpose(1, 2).reshape(n, channels, *spatial)


def native_channel_shuffle(input, groups):
    """The same as `channel_shuffle`.

    >>> flambeau.native_channel_shuffle(flambeau.arange(4.0).reshape(1, 4, 1), 2).flatten()
    tensor([0., 2., 1., 3.])
    """
    return channel_shuffle(input, groups)
