"""MobileNet v3 (arXiv 1905.02244)."""

from functools import partial

from flambeau import nn

from ..ops.misc import Conv2dNormActivation, SqueezeExcitation
from ._api import variant
from ._utils import _make_divisible
from .mobilenetv2 import draw_weights

__all__ = [
    "MobileNetV3",
    "MobileNet_V3_Large_Weights",
    "MobileNet_V3_Small_Weights",
    "mobilenet_v3_large",
    "mobilenet_v3_small",
]


class InvertedResidualConfig:
    """Widths, kernel, activation ("RE" or "HS"), stride and dilation of a block."""

    def __init__(
        self, input_channels, kernel, expanded_channels, out_channels, use_se, activation, stride, dilation, width_mult
    ):
        self.input_channels = self.adjust_channels(input_channels, width_mult)
        self.kernel = kernel
        self.expanded_channels = self.adjust_channels(expanded_channels, width_mult)
        self.out_channels = self.adjust_channels(out_channels, width_mult)
        self.use_se = use_se
        self.use_hs = activation == "HS"
        self.stride = stride
        self.dilation = dilation

    @staticmethod
    def adjust_channels(channels, width_mult):
        return _make_divisible(channels * width_mult, 8)


_squeeze = partial(SqueezeExcitation, scale_activation=nn.Hardsigmoid)


class InvertedResidual(nn.Module):
    """Widen, convolve each channel, weigh the channels, narrow; a shortcut where the shape stays."""

    def __init__(self, cnf, norm_layer, se_layer=_squeeze):
        super().__init__()
        if cnf.stride not in (1, 2):
            raise ValueError("illegal stride value")
        self.use_res_connect = cnf.stride == 1 and cnf.input_channels == cnf.out_channels
        width = cnf.expanded_channels
        conv = partial(
            Conv2dNormActivation, norm_layer=norm_layer, activation_layer=nn.Hardswish if cnf.use_hs else nn.ReLU
        )
        layers = [conv(cnf.input_channels, width, kernel_size=1)] if width != cnf.input_channels else []
        stride = 1 if cnf.dilation > 1 else cnf.stride
        layers.append(conv(width, width, kernel_size=cnf.kernel, stride=stride, groups=width, dilation=cnf.dilation))
        if cnf.use_se:
            layers.append(se_layer(width, _make_divisible(width // 4, 8)))
        layers.append(conv(width, cnf.out_channels, kernel_size=1, activation_layer=None))
        self.block = nn.Sequential(*layers)
        self.out_channels = cnf.out_channels
        self._is_cn = cnf.stride > 1

    def forward(self, input):
        return self.block(input) + input if self.use_res_connect else self.block(input)


class MobileNetV3(nn.Module):
    """Blocks that widen, convolve each channel, weigh the channels and narrow.

    Args:
        inverted_residual_setting: an InvertedResidualConfig per block.
        last_channel: features before the last layer.
        num_classes: features of the output.
        block: class of the blocks.
        norm_layer: makes a normalization.
        dropout: probability before the last layer.

    >>> row = InvertedResidualConfig(16, 3, 16, 16, True, "RE", 2, 1, 1.0)
    >>> net = flambeau.vision.models.MobileNetV3([row], 32, num_classes=3).eval()
    >>> net(flambeau.zeros(1, 3, 32, 32)).shape
    torch.Size([1, 3])
    """

    def __init__(
        self,
        inverted_residual_setting,
        last_channel,
        num_classes=1000,
        block=None,
        norm_layer=None,
        dropout=0.2,
        **kwargs,
    ):
        super().__init__()
        if not inverted_residual_setting:
            raise ValueError("The inverted_residual_setting should not be empty")
        if not all(isinstance(row, InvertedResidualConfig) for row in inverted_residual_setting):
            raise TypeError("The inverted_residual_setting should be List[InvertedResidualConfig]")
        block = InvertedResidual if block is None else block
        norm_layer = partial(nn.BatchNorm2d, eps=0.001, momentum=0.01) if norm_layer is None else norm_layer
        conv = partial(Conv2dNormActivation, norm_layer=norm_layer, activation_layer=nn.Hardswish)
        width = inverted_residual_setting[-1].out_channels
        self.features = nn.Sequential(
            conv(3, inverted_residual_setting[0].input_channels, stride=2),
            *(block(row, norm_layer) for row in inverted_residual_setting),
            conv(width, 6 * width, kernel_size=1),
        )
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.classifier = nn.Sequential(
            nn.Linear(6 * width, last_channel),
            nn.Hardswish(inplace=True),
            nn.Dropout(p=dropout, inplace=True),
            nn.Linear(last_channel, num_classes),
        )
        draw_weights(self)

    def _forward_impl(self, x):
        return self.classifier(self.avgpool(self.features(x)).flatten(1))

    def forward(self, x):
        return self._forward_impl(x)


def _rows(arch, tail, dilation):
    """The paper's tables: input, kernel, widened, output, squeeze, activation, stride, dilation."""
    if arch == "mobilenet_v3_large":
        end = 160 // tail
        return [
            (16, 3, 16, 16, False, "RE", 1, 1), (16, 3, 64, 24, False, "RE", 2, 1), (24, 3, 72, 24, False, "RE", 1, 1),
            (24, 5, 72, 40, True, "RE", 2, 1), *[(40, 5, 120, 40, True, "RE", 1, 1)] * 2,
            (40, 3, 240, 80, False, "HS", 2, 1), (80, 3, 200, 80, False, "HS", 1, 1), *[(80, 3, 184, 80, False, "HS", 1, 1)] * 2,
            (80, 3, 480, 112, True, "HS", 1, 1), (112, 3, 672, 112, True, "HS", 1, 1),
            (112, 5, 672, end, True, "HS", 2, dilation), *[(end, 5, 960 // tail, end, True, "HS", 1, dilation)] * 2,
        ], 1280 // tail  # fmt: skip
    if arch == "mobilenet_v3_small":
        end = 96 // tail
        return [
            (16, 3, 16, 16, True, "RE", 2, 1), (16, 3, 72, 24, False, "RE", 2, 1), (24, 3, 88, 24, False, "RE", 1, 1),
            (24, 5, 96, 40, True, "HS", 2, 1), *[(40, 5, 240, 40, True, "HS", 1, 1)] * 2,
            (40, 5, 120, 48, True, "HS", 1, 1), (48, 5, 144, 48, True, "HS", 1, 1),
            (48, 5, 288, end, True, "HS", 2, dilation), *[(end, 5, 576 // tail, end, True, "HS", 1, dilation)] * 2,
        ], 1024 // tail  # fmt: skip
    raise ValueError(f"Unsupported model type {arch}")


def _mobilenet_v3_conf(arch, width_mult=1.0, reduced_tail=False, dilated=False, **kwargs):
    rows, last = _rows(arch, 2 if reduced_tail else 1, 2 if dilated else 1)
    config = [InvertedResidualConfig(*row, width_mult) for row in rows]
    return config, InvertedResidualConfig.adjust_channels(last, width_mult)


def _mobilenet_v3(arch, **kwargs):
    setting, last = _mobilenet_v3_conf(arch, **kwargs)
    inner = {k: v for k, v in kwargs.items() if k not in ("width_mult", "reduced_tail", "dilated")}
    return MobileNetV3(setting, last, **inner)


MobileNet_V3_Large_Weights, mobilenet_v3_large = variant(
    "MobileNet v3, the large one (arXiv 1905.02244)",
    "MobileNet_V3_Large_Weights",
    "mobilenet_v3_large",
    _mobilenet_v3,
    "mobilenet_v3_large",
)
MobileNet_V3_Small_Weights, mobilenet_v3_small = variant(
    "MobileNet v3, the small one (arXiv 1905.02244)",
    "MobileNet_V3_Small_Weights",
    "mobilenet_v3_small",
    _mobilenet_v3,
    "mobilenet_v3_small",
)
