"""Layers that many models are made of."""

import itertools

import flambeau
from flambeau import nn

__all__ = [
    "MLP",
    "Conv2dNormActivation",
    "Conv3dNormActivation",
    "FrozenBatchNorm2d",
    "Permute",
    "SqueezeExcitation",
]


class FrozenBatchNorm2d(nn.Module):
    """Batch normalization with fixed statistics and fixed scale: y = (x - mean) / sqrt(var + eps) * weight + bias.

    Args:
        num_features: C of an input (N, C, H, W).
        eps: added to the variance.

    >>> flambeau.vision.ops.FrozenBatchNorm2d(3, eps=0.0)(flambeau.ones(1, 3, 1, 2)).flatten()
    tensor([1., 1., 1., 1., 1., 1.])
    """

    def __init__(self, num_features, eps=1e-5):
        super().__init__()
        self.eps = eps
        self.register_buffer("weight", flambeau.ones(num_features))
        self.register_buffer("bias", flambeau.zeros(num_features))
        self.register_buffer("running_mean", flambeau.zeros(num_features))
        self.register_buffer("running_var", flambeau.ones(num_features))

    def _load_from_state_dict(self, state_dict, prefix, *args, **kwargs):
        state_dict.pop(f"{prefix}num_batches_tracked", None)
        super()._load_from_state_dict(state_dict, prefix, *args, **kwargs)

    def forward(self, x):
        scale = self.weight * (self.running_var + self.eps).rsqrt()
        shift = self.bias - self.running_mean * scale
        return x * scale.reshape(1, -1, 1, 1) + shift.reshape(1, -1, 1, 1)

    def __repr__(self):
        return f"{self.__class__.__name__}({self.weight.shape[0]}, eps={self.eps})"


def _same_padding(kernel_size, dilation, dims):
    """The padding that keeps the size at stride 1."""
    if isinstance(kernel_size, int) and isinstance(dilation, int):
        return (kernel_size - 1) // 2 * dilation
    sizes = (kernel_size,) * dims if isinstance(kernel_size, int) else kernel_size
    steps = (dilation,) * dims if isinstance(dilation, int) else dilation
    return tuple((size - 1) // 2 * step for size, step in zip(sizes, steps))


class ConvNormActivation(nn.Sequential):
    """A convolution, then a normalization and an activation where there are any.

    Args:
        in_channels, out_channels, kernel_size, stride, padding, groups, dilation, bias: the convolution's; without a
            padding the size is kept, without a bias there is one if there is no norm_layer.
        norm_layer: makes the normalization of so many channels, or None.
        activation_layer: makes the activation, or None.
        inplace: passed to the activation if it is not None.
        conv_layer: the kind of convolution.

    >>> flambeau.vision.ops.misc.ConvNormActivation(1, 2, norm_layer=None)
    ConvNormActivation(
      (0): Conv2d(1, 2, kernel_size=(3, 3), stride=(1, 1), padding=(1, 1))
      (1): ReLU(inplace=True)
    )
    """

    def __init__(
        self,
        in_channels,
        out_channels,
        kernel_size=3,
        stride=1,
        padding=None,
        groups=1,
        norm_layer=nn.BatchNorm2d,
        activation_layer=nn.ReLU,
        dilation=1,
        inplace=True,
        bias=None,
        conv_layer=nn.Conv2d,
    ):
        if padding is None:
            padding = _same_padding(kernel_size, dilation, 3 if conv_layer is nn.Conv3d else 2)
        bias = norm_layer is None if bias is None else bias
        layers = [conv_layer(in_channels, out_channels, kernel_size, stride, padding, dilation, groups, bias)]
        if norm_layer is not None:
            layers.append(norm_layer(out_channels))
        if activation_layer is not None:
            layers.append(activation_layer(**({} if inplace is None else {"inplace": inplace})))
        super().__init__(*layers)
        self.out_channels = out_channels


class Conv2dNormActivation(ConvNormActivation):
    """A 2-d convolution, then a normalization and an activation where there are any.

    Args:
        in_channels, out_channels, kernel_size, stride, padding, groups, dilation, bias: the convolution's; without a
            padding the size is kept, without a bias there is one if there is no norm_layer.
        norm_layer: makes the normalization of so many channels, or None.
        activation_layer: makes the activation, or None.
        inplace: passed to the activation if it is not None.

    >>> flambeau.vision.ops.Conv2dNormActivation(3, 8, stride=2)(flambeau.zeros(1, 3, 8, 8)).shape
    torch.Size([1, 8, 4, 4])
    """

    def __init__(
        self,
        in_channels,
        out_channels,
        kernel_size=3,
        stride=1,
        padding=None,
        groups=1,
        norm_layer=nn.BatchNorm2d,
        activation_layer=nn.ReLU,
        dilation=1,
        inplace=True,
        bias=None,
    ):
        super().__init__(
            in_channels,
            out_channels,
            kernel_size,
            stride,
            padding,
            groups,
            norm_layer,
            activation_layer,
            dilation,
            inplace,
            bias,
            nn.Conv2d,
        )


class Conv3dNormActivation(ConvNormActivation):
    """A 3-d convolution, then a normalization and an activation where there are any.

    Args:
        in_channels, out_channels, kernel_size, stride, padding, groups, dilation, bias: the convolution's; without a
            padding the size is kept, without a bias there is one if there is no norm_layer.
        norm_layer: makes the normalization of so many channels, or None.
        activation_layer: makes the activation, or None.
        inplace: passed to the activation if it is not None.

    >>> flambeau.vision.ops.Conv3dNormActivation(3, 8)(flambeau.zeros(1, 3, 2, 4, 4)).shape
    torch.Size([1, 8, 2, 4, 4])
    """

    def __init__(
        self,
        in_channels,
        out_channels,
        kernel_size=3,
        stride=1,
        padding=None,
        groups=1,
        norm_layer=nn.BatchNorm3d,
        activation_layer=nn.ReLU,
        dilation=1,
        inplace=True,
        bias=None,
    ):
        super().__init__(
            in_channels,
            out_channels,
            kernel_size,
            stride,
            padding,
            groups,
            norm_layer,
            activation_layer,
            dilation,
            inplace,
            bias,
            nn.Conv3d,
        )


class SqueezeExcitation(nn.Module):
    """Scale each channel by what a small network makes of all channels' means (arXiv 1709.01507).

    Args:
        input_channels: C of an input (N, C, H, W).
        squeeze_channels: the small network's width.
        activation: makes its inner activation.
        scale_activation: makes its last one.

    >>> flambeau.vision.ops.SqueezeExcitation(4, 2)(flambeau.ones(1, 4, 2, 2)).shape
    torch.Size([1, 4, 2, 2])
    """

    def __init__(self, input_channels, squeeze_channels, activation=nn.ReLU, scale_activation=nn.Sigmoid):
        super().__init__()
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.fc1 = nn.Conv2d(input_channels, squeeze_channels, 1)
        self.fc2 = nn.Conv2d(squeeze_channels, input_channels, 1)
        self.activation = activation()
        self.scale_activation = scale_activation()

    def _scale(self, input):
        inner = self.activation(self.fc1(self.avgpool(input)))
        return self.scale_activation(self.fc2(inner))

    def forward(self, input):
        return self._scale(input) * input


class MLP(nn.Sequential):
    """Linear layers, with activation and dropout between them.

    Args:
        in_channels: features of the input.
        hidden_channels: features after each layer.
        norm_layer: makes a normalization of so many features, or None.
        activation_layer: makes an activation.
        inplace: passed to activations and dropouts if it is not None.
        bias: whether the layers have one.
        dropout: its probability.

    >>> flambeau.vision.ops.MLP(4, [8, 2])(flambeau.zeros(3, 4)).shape
    torch.Size([3, 2])
    """

    def __init__(
        self,
        in_channels,
        hidden_channels,
        norm_layer=None,
        activation_layer=nn.ReLU,
        inplace=None,
        bias=True,
        dropout=0.0,
    ):
        options = {} if inplace is None else {"inplace": inplace}
        layers = self._layers([in_channels, *hidden_channels], norm_layer, activation_layer, options, bias, dropout)
        super().__init__(*layers)

    @staticmethod
    def _layers(widths, norm_layer, activation_layer, options, bias, dropout):
        for place, (before, after) in enumerate(itertools.pairwise(widths)):
            yield nn.Linear(before, after, bias=bias)
            if place < len(widths) - 2:
                if norm_layer is not None:
                    yield norm_layer(after)
                yield activation_layer(**options)
            yield nn.Dropout(dropout, **options)


class Permute(nn.Module):
    """Put dimensions into another order.

    Args:
        dims: the order.

    >>> flambeau.vision.ops.Permute([0, 2, 1])(flambeau.zeros(1, 2, 3)).shape
    torch.Size([1, 3, 2])
    """

    def __init__(self, dims):
        super().__init__()
        self.dims = dims

    def forward(self, x):
        return x.permute(self.dims)
