"""MobileNet v2 (arXiv 1801.04381)."""

from functools import partial

from flambeau import nn

from ..ops.misc import Conv2dNormActivation
from ._api import variant
from ._utils import _make_divisible

__all__ = ["MobileNetV2", "MobileNet_V2_Weights", "mobilenet_v2"]


class InvertedResidual(nn.Module):
    """Widen, convolve each channel, narrow; a shortcut where the shape stays."""

    def __init__(self, inp, oup, stride, expand_ratio, norm_layer=None):
        super().__init__()
        if stride not in (1, 2):
            raise ValueError(f"stride should be 1 or 2 instead of {stride}")
        norm_layer = nn.BatchNorm2d if norm_layer is None else norm_layer
        conv = partial(Conv2dNormActivation, norm_layer=norm_layer, activation_layer=nn.ReLU6)
        width = round(inp * expand_ratio)
        layers = [conv(inp, width, kernel_size=1)] if expand_ratio != 1 else []
        layers += [conv(width, width, stride=stride, groups=width), nn.Conv2d(width, oup, 1, bias=False)]
        self.conv = nn.Sequential(*layers, norm_layer(oup))
        self.stride, self.out_channels = stride, oup
        self.use_res_connect = stride == 1 and inp == oup
        self._is_cn = stride > 1

    def forward(self, x):
        return x + self.conv(x) if self.use_res_connect else self.conv(x)


# widening, channels, blocks, stride of the first
_SETTING = [[1, 16, 1, 1], [6, 24, 2, 2], [6, 32, 3, 2], [6, 64, 4, 2], [6, 96, 3, 1], [6, 160, 3, 2], [6, 320, 1, 1]]


def draw_weights(model):
    """New weights for convolutions (He) and linear layers, zeros for their biases."""
    for module in model.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out")
        elif isinstance(module, nn.Linear):
            nn.init.normal_(module.weight, 0, 0.01)
        if isinstance(module, nn.Conv2d | nn.Linear) and module.bias is not None:
            nn.init.zeros_(module.bias)


class MobileNetV2(nn.Module):
    """Blocks that widen, convolve each channel and narrow.

    Args:
        num_classes: features of the output.
        width_mult: factor of all widths.
        inverted_residual_setting: rows of widening, channels, blocks and stride.
        round_nearest: widths are multiples of it.
        block: class of the blocks.
        norm_layer: makes a normalization.
        dropout: probability before the last layer.

    >>> net = flambeau.vision.models.MobileNetV2(num_classes=3, width_mult=0.25).eval()
    >>> net(flambeau.zeros(1, 3, 32, 32)).shape
    torch.Size([1, 3])
    """

    def __init__(
        self,
        num_classes=1000,
        width_mult=1.0,
        inverted_residual_setting=None,
        round_nearest=8,
        block=None,
        norm_layer=None,
        dropout=0.2,
    ):
        super().__init__()
        block = InvertedResidual if block is None else block
        norm_layer = nn.BatchNorm2d if norm_layer is None else norm_layer
        setting = _SETTING if inverted_residual_setting is None else inverted_residual_setting
        if not setting or any(len(row) != 4 for row in setting):
            raise ValueError(f"inverted_residual_setting should be non-empty, of 4-element rows, got {setting}")
        conv = partial(Conv2dNormActivation, norm_layer=norm_layer, activation_layer=nn.ReLU6)
        width = _make_divisible(32 * width_mult, round_nearest)
        self.last_channel = _make_divisible(1280 * max(1.0, width_mult), round_nearest)
        features = [conv(3, width, stride=2)]
        for widening, channels, blocks, stride in setting:
            out = _make_divisible(channels * width_mult, round_nearest)
            for i in range(blocks):
                features.append(block(width, out, stride if i == 0 else 1, widening, norm_layer=norm_layer))
                width = out
        self.features = nn.Sequential(*features, conv(width, self.last_channel, kernel_size=1))
        self.classifier = nn.Sequential(nn.Dropout(p=dropout), nn.Linear(self.last_channel, num_classes))
        draw_weights(self)

    def forward(self, x):
        x = nn.functional.adaptive_avg_pool2d(self.features(x), (1, 1))
        return self.classifier(x.flatten(1))


MobileNet_V2_Weights, mobilenet_v2 = variant(
    "MobileNet v2 (arXiv 1801.04381)", "MobileNet_V2_Weights", "mobilenet_v2", MobileNetV2
)
