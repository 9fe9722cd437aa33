"""EfficientNet, v1 and v2 (arXiv 1905.11946, 2104.00298)."""

import copy
import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from flambeau import nn

from ..ops.misc import Conv2dNormActivation, SqueezeExcitation
from ..ops.stochastic_depth import StochasticDepth
from ._api import variant
from ._utils import _make_divisible

__all__ = [
    "EfficientNet", "EfficientNet_B0_Weights", "EfficientNet_B1_Weights", "EfficientNet_B2_Weights", "EfficientNet_B3_Weights",
    "EfficientNet_B4_Weights", "EfficientNet_B5_Weights", "EfficientNet_B6_Weights", "EfficientNet_B7_Weights", "EfficientNet_V2_L_Weights",
    "EfficientNet_V2_M_Weights", "EfficientNet_V2_S_Weights", "efficientnet_b0", "efficientnet_b1", "efficientnet_b2", "efficientnet_b3",
    "efficientnet_b4", "efficientnet_b5", "efficientnet_b6", "efficientnet_b7", "efficientnet_v2_l", "efficientnet_v2_m", "efficientnet_v2_s",
]  # fmt: skip


@dataclass
class _MBConvConfig:
    """One stage: how its blocks widen, their kernel, the first one's stride, channels, number and class."""

    expand_ratio: float
    kernel: int
    stride: int
    input_channels: int
    out_channels: int
    num_layers: int
    block: Callable

    @staticmethod
    def adjust_channels(channels, width_mult, min_value=None):
        return _make_divisible(channels * width_mult, 8, min_value)


class MBConvConfig(_MBConvConfig):
    """A stage of MBConv, with factors of its widths and its number of blocks."""

    def __init__(
        self,
        expand_ratio,
        kernel,
        stride,
        input_channels,
        out_channels,
        num_layers,
        width_mult=1.0,
        depth_mult=1.0,
        block=None,
    ):
        widths = [self.adjust_channels(c, width_mult) for c in (input_channels, out_channels)]
        layers = self.adjust_depth(num_layers, depth_mult)
        super().__init__(expand_ratio, kernel, stride, *widths, layers, MBConv if block is None else block)

    @staticmethod
    def adjust_depth(num_layers, depth_mult):
        return math.ceil(num_layers * depth_mult)


class FusedMBConvConfig(_MBConvConfig):
    """A stage of FusedMBConv."""

    def __init__(self, expand_ratio, kernel, stride, input_channels, out_channels, num_layers, block=None):
        block = FusedMBConv if block is None else block
        super().__init__(expand_ratio, kernel, stride, input_channels, out_channels, num_layers, block)


class MBConv(nn.Module):
    """Widen, convolve each channel, weigh the channels, narrow; a shortcut where the shape stays."""

    def __init__(self, cnf, stochastic_depth_prob, norm_layer, se_layer=SqueezeExcitation):
        super().__init__()
        if cnf.stride not in (1, 2):
            raise ValueError("illegal stride value")
        conv = partial(Conv2dNormActivation, norm_layer=norm_layer, activation_layer=nn.SiLU)
        width = cnf.adjust_channels(cnf.input_channels, cnf.expand_ratio)
        layers = [conv(cnf.input_channels, width, kernel_size=1)] if width != cnf.input_channels else []
        layers.append(conv(width, width, kernel_size=cnf.kernel, stride=cnf.stride, groups=width))
        layers.append(se_layer(width, max(1, cnf.input_channels // 4), activation=partial(nn.SiLU, inplace=True)))
        layers.append(conv(width, cnf.out_channels, kernel_size=1, activation_layer=None))
        self.block = nn.Sequential(*layers)
        self.use_res_connect = cnf.stride == 1 and cnf.input_channels == cnf.out_channels
        self.stochastic_depth = StochasticDepth(stochastic_depth_prob, "row")
        self.out_channels = cnf.out_channels

    def forward(self, input):
        result = self.block(input)
        return self.stochastic_depth(result) + input if self.use_res_connect else result


class FusedMBConv(nn.Module):
    """Widen by a full convolution, narrow; a shortcut where the shape stays."""

    def __init__(self, cnf, stochastic_depth_prob, norm_layer):
        super().__init__()
        if cnf.stride not in (1, 2):
            raise ValueError("illegal stride value")
        conv = partial(Conv2dNormActivation, norm_layer=norm_layer, activation_layer=nn.SiLU)
        width, spatial = cnf.adjust_channels(cnf.input_channels, cnf.expand_ratio), (cnf.kernel, cnf.stride)
        if width != cnf.input_channels:
            narrow = conv(width, cnf.out_channels, kernel_size=1, activation_layer=None)
            layers = [conv(cnf.input_channels, width, *spatial), narrow]
        else:
            layers = [conv(cnf.input_channels, cnf.out_channels, *spatial)]
        self.block = nn.Sequential(*layers)
        self.use_res_connect = cnf.stride == 1 and cnf.input_channels == cnf.out_channels
        self.stochastic_depth = StochasticDepth(stochastic_depth_prob, "row")
        self.out_channels = cnf.out_channels

    def forward(self, input):
        result = self.block(input)
        return self.stochastic_depth(result) + input if self.use_res_connect else result


class EfficientNet(nn.Module):
    """Stages of blocks that widen and narrow, scaled together in width, depth and size of the picture.

    Args:
        inverted_residual_setting: an MBConvConfig or FusedMBConvConfig per stage.
        dropout: probability before the last layer.
        stochastic_depth_prob: probability of leaving out the last block; it grows towards it.
        num_classes: features of the output.
        norm_layer: makes a normalization.
        last_channel: features before the last layer (4 times the last stage's).

    >>> net = flambeau.vision.models.EfficientNet([FusedMBConvConfig(1, 3, 1, 8, 8, 1)], 0.2, num_classes=3)
    >>> net.eval()(flambeau.zeros(1, 3, 32, 32)).shape
    torch.Size([1, 3])
    """

    def __init__(
        self,
        inverted_residual_setting,
        dropout,
        stochastic_depth_prob=0.2,
        num_classes=1000,
        norm_layer=None,
        last_channel=None,
    ):
        super().__init__()
        rows = inverted_residual_setting
        if not rows:
            raise ValueError("The inverted_residual_setting should not be empty")
        if not all(isinstance(row, _MBConvConfig) for row in rows):
            raise TypeError("The inverted_residual_setting should be List[MBConvConfig]")
        norm_layer = nn.BatchNorm2d if norm_layer is None else norm_layer
        conv = partial(Conv2dNormActivation, norm_layer=norm_layer, activation_layer=nn.SiLU)
        width = rows[-1].out_channels
        last = last_channel if last_channel is not None else 4 * width
        self.features = nn.Sequential(
            conv(3, rows[0].input_channels, kernel_size=3, stride=2),
            *self._stages(rows, stochastic_depth_prob, norm_layer),
            conv(width, last, kernel_size=1),
        )
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.classifier = nn.Sequential(nn.Dropout(p=dropout, inplace=True), nn.Linear(last, num_classes))
        self._draw()

    @staticmethod
    def _stages(rows, stochastic_depth_prob, norm_layer):
        total, done = sum(row.num_layers for row in rows), 0
        for row in rows:
            blocks = []
            for i in range(row.num_layers):
                own = copy.copy(row) if i == 0 else _again(row)
                blocks.append(row.block(own, stochastic_depth_prob * float(done) / total, norm_layer))
                done += 1
            yield nn.Sequential(*blocks)

    def _draw(self):
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out")
            elif isinstance(module, nn.Linear):
                bound = 1.0 / math.sqrt(module.out_features)
                nn.init.uniform_(module.weight, -bound, bound)
            if isinstance(module, nn.Conv2d | nn.Linear) and module.bias is not None:
                nn.init.zeros_(module.bias)

    def _forward_impl(self, x):
        return self.classifier(self.avgpool(self.features(x)).flatten(1))

    def forward(self, x):
        return self._forward_impl(x)


def _again(row):
    """The configuration of a stage's further blocks."""
    own = copy.copy(row)
    own.input_channels, own.stride = row.out_channels, 1
    return own


_FIRST = [(1, 3, 1, 32, 16, 1), (6, 3, 2, 16, 24, 2), (6, 5, 2, 24, 40, 2), (6, 3, 2, 40, 80, 3), (6, 5, 1, 80, 112, 3)]
_FIRST += [(6, 5, 2, 112, 192, 4), (6, 3, 1, 192, 320, 1)]
# Fused stages, then the others.
_SECOND = {
    "s": ([(1, 3, 1, 24, 24, 2), (4, 3, 2, 24, 48, 4), (4, 3, 2, 48, 64, 4)],
          [(4, 3, 2, 64, 128, 6), (6, 3, 1, 128, 160, 9), (6, 3, 2, 160, 256, 15)]),
    "m": ([(1, 3, 1, 24, 24, 3), (4, 3, 2, 24, 48, 5), (4, 3, 2, 48, 80, 5)],
          [(4, 3, 2, 80, 160, 7), (6, 3, 1, 160, 176, 14), (6, 3, 2, 176, 304, 18), (6, 3, 1, 304, 512, 5)]),
    "l": ([(1, 3, 1, 32, 32, 4), (4, 3, 2, 32, 64, 7), (4, 3, 2, 64, 96, 7)],
          [(4, 3, 2, 96, 192, 10), (6, 3, 1, 192, 224, 19), (6, 3, 2, 224, 384, 25), (6, 3, 1, 384, 640, 7)]),
}  # fmt: skip


def _efficientnet_conf(arch, **kwargs):
    """(stages, channels of the last convolution) of a named network."""
    if arch.startswith("efficientnet_v2_"):
        fused, rows = _SECOND[arch[-1]]
        return [*(FusedMBConvConfig(*row) for row in fused), *(MBConvConfig(*row) for row in rows)], 1280
    make = partial(MBConvConfig, width_mult=kwargs.pop("width_mult"), depth_mult=kwargs.pop("depth_mult"))
    return [make(*row) for row in _FIRST], None


def _efficientnet(arch, dropout, norm, scale, kwargs):
    setting, last = _efficientnet_conf(arch, **scale)
    options = {"dropout": dropout, "last_channel": last, **kwargs}
    if norm:
        options.setdefault("norm_layer", partial(nn.BatchNorm2d, **norm))
    return EfficientNet(setting, **options)


def _member(version, dropout, norm=None, **scale):
    name = f"efficientnet_{version}"
    paper = "2104.00298" if version.startswith("v2") else "1905.11946"

    def make(**kwargs):
        return _efficientnet(name, dropout, norm, scale, kwargs)

    make.__name__ = "EfficientNet"
    return variant(f"EfficientNet {version} (arXiv {paper})", f"EfficientNet_{version.upper()}_Weights", name, make)


_SLOW = {"eps": 0.001, "momentum": 0.01}
EfficientNet_B0_Weights, efficientnet_b0 = _member("b0", 0.2, width_mult=1.0, depth_mult=1.0)
EfficientNet_B1_Weights, efficientnet_b1 = _member("b1", 0.2, width_mult=1.0, depth_mult=1.1)
EfficientNet_B2_Weights, efficientnet_b2 = _member("b2", 0.3, width_mult=1.1, depth_mult=1.2)
EfficientNet_B3_Weights, efficientnet_b3 = _member("b3", 0.3, width_mult=1.2, depth_mult=1.4)
EfficientNet_B4_Weights, efficientnet_b4 = _member("b4", 0.4, width_mult=1.4, depth_mult=1.8)
EfficientNet_B5_Weights, efficientnet_b5 = _member("b5", 0.4, _SLOW, width_mult=1.6, depth_mult=2.2)
EfficientNet_B6_Weights, efficientnet_b6 = _member("b6", 0.5, _SLOW, width_mult=1.8, depth_mult=2.6)
EfficientNet_B7_Weights, efficientnet_b7 = _member("b7", 0.5, _SLOW, width_mult=2.0, depth_mult=3.1)
EfficientNet_V2_S_Weights, efficientnet_v2_s = _member("v2_s", 0.2, {"eps": 0.001})
EfficientNet_V2_M_Weights, efficientnet_v2_m = _member("v2_m", 0.3, {"eps": 0.001})
EfficientNet_V2_L_Weights, efficientnet_v2_l = _member("v2_l", 0.4, {"eps": 0.001})
