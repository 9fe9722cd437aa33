"""MNASNet (arXiv 1807.11626)."""

from flambeau import nn

from ._api import variant
from ._utils import _make_divisible

__all__ = [
    "MNASNet", "MNASNet0_5_Weights", "MNASNet0_75_Weights", "MNASNet1_0_Weights", "MNASNet1_3_Weights", "mnasnet0_5", "mnasnet0_75", "mnasnet1_0",
    "mnasnet1_3",
]  # fmt: skip

_MOMENTUM = 1 - 0.9997


def _conv(inp, oup, side=1, stride=1, groups=1):
    convolution = nn.Conv2d(inp, oup, side, stride, side // 2, groups=groups, bias=False)
    return [convolution, nn.BatchNorm2d(oup, momentum=_MOMENTUM)]


class _InvertedResidual(nn.Module):
    """Widen, convolve each channel, narrow; a shortcut where the shape stays."""

    def __init__(self, in_ch, out_ch, kernel_size, stride, expansion_factor):
        super().__init__()
        width = in_ch * expansion_factor
        self.apply_residual = in_ch == out_ch and stride == 1
        self.layers = nn.Sequential(
            *_conv(in_ch, width),
            nn.ReLU(inplace=True),
            *_conv(width, width, kernel_size, stride, width),
            nn.ReLU(inplace=True),
            *_conv(width, out_ch),
        )

    def forward(self, input):
        return self.layers(input) + input if self.apply_residual else self.layers(input)


def _stack(inp, oup, side, stride, widening, blocks):
    first = _InvertedResidual(inp, oup, side, stride, widening)
    return nn.Sequential(first, *(_InvertedResidual(oup, oup, side, 1, widening) for _ in range(1, blocks)))


def _get_depths(alpha):
    return [_make_divisible(depth * alpha, 8) for depth in (32, 16, 24, 40, 80, 96, 192, 320)]


def _stem(first, second):
    return [
        *_conv(3, first, 3, 2),
        nn.ReLU(inplace=True),
        *_conv(first, first, 3, 1, first),
        nn.ReLU(inplace=True),
        *_conv(first, second),
    ]


class MNASNet(nn.Module):
    """Blocks that widen, convolve each channel and narrow, as found by a search.

    Args:
        alpha: factor of the widths.
        num_classes: features of the output.
        dropout: probability before the last layer.

    >>> flambeau.vision.models.MNASNet(0.35, num_classes=3).eval()(flambeau.zeros(1, 3, 32, 32)).shape
    torch.Size([1, 3])
    """

    _version = 2  # in the first, the stem had the widths of alpha = 1

    def __init__(self, alpha, num_classes=1000, dropout=0.2):
        super().__init__()
        if alpha <= 0.0:
            raise ValueError(f"alpha should be greater than 0.0 instead of {alpha}")
        self.alpha, self.num_classes = alpha, num_classes
        depths = _get_depths(alpha)
        self.layers = nn.Sequential(
            *_stem(depths[0], depths[1]),
            _stack(depths[1], depths[2], 3, 2, 3, 3),
            _stack(depths[2], depths[3], 5, 2, 3, 3),
            _stack(depths[3], depths[4], 5, 2, 6, 3),
            _stack(depths[4], depths[5], 3, 1, 6, 2),
            _stack(depths[5], depths[6], 5, 2, 6, 4),
            _stack(depths[6], depths[7], 3, 1, 6, 1),
            *_conv(depths[7], 1280),
            nn.ReLU(inplace=True),
        )
        self.classifier = nn.Sequential(nn.Dropout(p=dropout, inplace=True), nn.Linear(1280, num_classes))
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
            elif isinstance(module, nn.Linear):
                nn.init.kaiming_uniform_(module.weight, mode="fan_out", nonlinearity="sigmoid")
                nn.init.zeros_(module.bias)

    def forward(self, x):
        return self.classifier(self.layers(x).mean([2, 3]))

    def _load_from_state_dict(self, state_dict, prefix, local_metadata, *args):
        if local_metadata.get("version") == 1 and self.alpha != 1.0:
            depths = _get_depths(self.alpha)
            for place, layer in enumerate([*_stem(32, 16), _stack(16, depths[2], 3, 2, 3, 3)]):
                self.layers[place] = layer
            self._version = 1
        super()._load_from_state_dict(state_dict, prefix, local_metadata, *args)


def _member(size):
    title = f"MNASNet, {size.replace('_', '.')} times as wide (arXiv 1807.11626)"
    return variant(title, f"MNASNet{size}_Weights", f"mnasnet{size}", MNASNet, float(size.replace("_", ".")))


MNASNet0_5_Weights, mnasnet0_5 = _member("0_5")
MNASNet0_75_Weights, mnasnet0_75 = _member("0_75")
MNASNet1_0_Weights, mnasnet1_0 = _member("1_0")
MNASNet1_3_Weights, mnasnet1_3 = _member("1_3")
