"""Normalisation over the features of one sample."""

import numbers

import flambeau
from flambeau.nn import functional as F
from flambeau.nn import init
from flambeau.nn.parameter import Parameter

from .module import Module

__all__ = ["CrossMapLRN2d", "GroupNorm", "LayerNorm", "LocalResponseNorm", "RMSNorm"]


def _shape(normalized_shape):
    return (normalized_shape,) if isinstance(normalized_shape, numbers.Integral) else tuple(normalized_shape)


def _register(module, shape, device, dtype, **wanted):
    for name, present in wanted.items():
        tensor = Parameter(flambeau.empty(shape, device=device, dtype=dtype)) if present else None
        module.register_parameter(name, tensor)


class LocalResponseNorm(Module):
    """b_c = a_c / (k + alpha / n sum of a_j^2 over the n channels around c)^beta (Krizhevsky et al., 2012).

    Args:
        size: n, the number of channels.
        alpha, beta, k: the constants.

    Shape:
        (N, C, *), both ways.

    Example::

        >>> flambeau.nn.LocalResponseNorm(2)(flambeau.ones(1, 4, 3, 3)).shape
        torch.Size([1, 4, 3, 3])
    """

    __constants__ = ["size", "alpha", "beta", "k"]

    def __init__(self, size, alpha=1e-4, beta=0.75, k=1.0):
        super().__init__()
        self.size = size
        self.alpha = alpha
        self.beta = beta
        self.k = k

    def forward(self, input):
        return F.local_response_norm(input, self.size, self.alpha, self.beta, self.k)

    def extra_repr(self):
        return f"{self.size}, alpha={self.alpha}, beta={self.beta}, k={self.k}"


class CrossMapLRN2d(Module):
    """`LocalResponseNorm` for images as Lua Torch had it: the first channel stays in the sum for all that follow.

    Args:
        size, alpha, beta, k: as for `LocalResponseNorm`.

    Shape:
        (N, C, H, W), both ways.

    Example::

        >>> flambeau.nn.CrossMapLRN2d(3)(flambeau.ones(1, 4, 2, 2)).shape
        torch.Size([1, 4, 2, 2])
    """

    def __init__(self, size, alpha=1e-4, beta=0.75, k=1):
        super().__init__()
        self.size = size
        self.alpha = alpha
        self.beta = beta
        self.k = k

    def forward(self, input):
        if input.dim() != 4:
            raise ValueError(f"CrossMapLRN2d: Expected input to be 4D, got {input.dim()}D instead.")
        half = (self.size - 1) // 2
        squares = F.pad(input * input, (0, 0, 0, 0, half, half))
        total = squares.unfold(1, 2 * half + 1, 1).sum(-1)
        later = flambeau.arange(input.shape[1], device=input.device) > half
        total = (
            total + later.view(1, -1, 1, 1) * input[:, :1].square()
        )  # as in torch, channel 0 never leaves the window
        return input * (total * (self.alpha / self.size) + self.k).pow(-self.beta)

    def extra_repr(self):
        return f"{self.size}, alpha={self.alpha}, beta={self.beta}, k={self.k}"


class LayerNorm(Module):
    """y = (x - mean) / sqrt(var + eps) * weight + bias over the last dimensions of each sample (Ba et al., 2016).

    Args:
        normalized_shape: the sizes of those dimensions (an int for one).
        eps: added to the variance.
        elementwise_affine: whether to have a weight (1) and a bias (0) of that shape.
        bias: whether to have the bias.

    Shape:
        (*, *normalized_shape), both ways.

    Example::

        >>> flambeau.nn.LayerNorm(10)(flambeau.ones(20, 5, 10)).shape
        torch.Size([20, 5, 10])
    """

    __constants__ = ["normalized_shape", "eps", "elementwise_affine"]

    def __init__(
        self,
        normalized_shape,
        eps=1e-5,
        elementwise_affine=True,
        bias=True,
        device=None,
        dtype=None,
    ):
        super().__init__()
        self.normalized_shape = _shape(normalized_shape)
        self.eps = eps
        self.elementwise_affine = elementwise_affine
        _register(
            self,
            self.normalized_shape,
            device,
            dtype,
            weight=elementwise_affine,
            bias=elementwise_affine and bias,
        )
        self.reset_parameters()

    def reset_parameters(self):
        """Sets the weight to 1 and the bias to 0."""
        if self.elementwise_affine:
            init.ones_(self.weight)
            if self.bias is not None:
                init.zeros_(self.bias)

    def forward(self, input):
        return F.layer_norm(input, self.normalized_shape, self.weight, self.bias, self.eps)

    def extra_repr(self):
        return (
            f"{self.normalized_shape}, eps={self.eps}, elementwise_affine={self.elementwise_affine}, "
            f"bias={self.bias is not None}"
        )


class GroupNorm(Module):
    """y = (x - mean) / sqrt(var + eps) * weight + bias, mean and variance over groups of channels (Wu, He 2018).

    Args:
        num_groups: number of groups; it divides num_channels.
        num_channels: C.
        eps: added to the variance.
        affine: whether to have a weight and a bias per channel.
        bias: whether to have the bias, if affine.

    Shape:
        (N, C, *), both ways.

    Example::

        >>> flambeau.nn.GroupNorm(3, 6)(flambeau.ones(2, 6, 10, 10)).shape
        torch.Size([2, 6, 10, 10])
    """

    __constants__ = ["num_groups", "num_channels", "eps", "affine"]

    def __init__(
        self,
        num_groups,
        num_channels,
        eps=1e-5,
        affine=True,
        device=None,
        dtype=None,
        *,
        bias=True,
    ):
        super().__init__()
        if num_channels % num_groups != 0:
            raise ValueError(f"num_channels ({num_channels}) must be divisible by num_groups ({num_groups})")
        self.num_groups = num_groups
        self.num_channels = num_channels
        self.eps = eps
        self.affine = affine
        _register(self, num_channels, device, dtype, weight=affine, bias=affine and bias)
        self.reset_parameters()

    def reset_parameters(self):
        """Sets the weight to 1 and the bias to 0."""
        if self.affine:
            init.ones_(self.weight)
            if self.bias is not None:
                init.zeros_(self.bias)

    def forward(self, input):
        return F.group_norm(input, self.num_groups, self.weight, self.bias, self.eps)

    def extra_repr(self):
        return (
            f"{self.num_groups}, {self.num_channels}, eps={self.eps}, affine={self.affine}, "
            f"bias={self.bias is not None}"
        )


class RMSNorm(Module):
    """y = x / sqrt(mean(x^2) + eps) * weight over the last dimensions (Zhang, Sennrich 2019).

    Args:
        normalized_shape: the sizes of those dimensions (an int for one).
        eps: added to the mean of squares; None takes the smallest step of the dtype.
        elementwise_affine: whether to have a weight (1) of that shape.

    Shape:
        (*, *normalized_shape), both ways.

    Example::

        >>> flambeau.nn.RMSNorm(4)(flambeau.ones(2, 4)).shape
        torch.Size([2, 4])
    """

    __constants__ = ["normalized_shape", "eps", "elementwise_affine"]

    def __init__(
        self,
        normalized_shape,
        eps=None,
        elementwise_affine=True,
        device=None,
        dtype=None,
    ):
        super().__init__()
        self.normalized_shape = _shape(normalized_shape)
        self.eps = eps
        self.elementwise_affine = elementwise_affine
        _register(self, self.normalized_shape, device, dtype, weight=elementwise_affine)
        self.reset_parameters()

    def reset_parameters(self):
        """Sets the weight to 1."""
        if self.elementwise_affine:
            init.ones_(self.weight)

    def forward(self, x):
        return F.rms_norm(x, self.normalized_shape, self.weight, self.eps)

    def extra_repr(self):
        return f"{self.normalized_shape}, eps={self.eps}, elementwise_affine={self.elementwise_affine}"
