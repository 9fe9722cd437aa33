"""ShuffleNet v2 (arXiv 1807.11164)."""

import flambeau
from flambeau import nn

from ._api import variant

__all__ = [
    "ShuffleNetV2", "ShuffleNet_V2_X0_5_Weights", "ShuffleNet_V2_X1_0_Weights", "ShuffleNet_V2_X1_5_Weights", "ShuffleNet_V2_X2_0_Weights",
    "shufflenet_v2_x0_5", "shufflenet_v2_x1_0", "shufflenet_v2_x1_5", "shufflenet_v2_x2_0",
]  # fmt: skip


def channel_shuffle(x, groups):
    """Channels taken from each group in turn."""
    return nn.functional.channel_shuffle(x, groups)


def _conv(inp, oup, side=1, stride=1, groups=1):
    return [nn.Conv2d(inp, oup, side, stride, side // 2, groups=groups, bias=False), nn.BatchNorm2d(oup)]


class InvertedResidual(nn.Module):
    """Half of the channels go by, the others are convolved; then all are shuffled."""

    def __init__(self, inp, oup, stride):
        super().__init__()
        if not 1 <= stride <= 3:
            raise ValueError("illegal stride value")
        half = oup // 2
        if stride == 1 and inp != half << 1:
            raise ValueError(f"stride 1 keeps the channels: {inp} came in, {oup} are to come out")
        self.stride = stride
        down = [*_conv(inp, inp, 3, stride, inp), *_conv(inp, half), nn.ReLU(inplace=True)] if stride > 1 else []
        self.branch1 = nn.Sequential(*down)
        self.branch2 = nn.Sequential(
            *_conv(inp if stride > 1 else half, half),
            nn.ReLU(inplace=True),
            *_conv(half, half, 3, stride, half),
            *_conv(half, half),
            nn.ReLU(inplace=True),
        )

    def forward(self, x):
        first, second = x.chunk(2, dim=1) if self.stride == 1 else (self.branch1(x), x)
        return channel_shuffle(flambeau.cat((first, self.branch2(second)), 1), 2)


class ShuffleNetV2(nn.Module):
    """Three stages of blocks that let half of the channels pass.

    Args:
        stages_repeats: blocks of each stage.
        stages_out_channels: channels of the first convolution, the stages and the last convolution.
        num_classes: features of the output.
        inverted_residual: class of the blocks.

    >>> net = flambeau.vision.models.ShuffleNetV2([1, 1, 1], [8, 16, 32, 64, 64], num_classes=3)
    >>> net(flambeau.zeros(2, 3, 64, 64)).shape
    torch.Size([2, 3])
    """

    def __init__(self, stages_repeats, stages_out_channels, num_classes=1000, inverted_residual=InvertedResidual):
        super().__init__()
        if len(stages_repeats) != 3:
            raise ValueError("expected stages_repeats as list of 3 positive ints")
        if len(stages_out_channels) != 5:
            raise ValueError("expected stages_out_channels as list of 5 positive ints")
        first, *widths, last = self._stage_out_channels = stages_out_channels
        self.conv1 = nn.Sequential(*_conv(3, first, 3, 2), nn.ReLU(inplace=True))
        self.maxpool = nn.MaxPool2d(3, 2, 1)
        width = first
        for number, blocks, out in zip((2, 3, 4), stages_repeats, widths):
            stage = [inverted_residual(width, out, 2), *(inverted_residual(out, out, 1) for _ in range(blocks - 1))]
            setattr(self, f"stage{number}", nn.Sequential(*stage))
            width = out
        self.conv5 = nn.Sequential(*_conv(width, last), nn.ReLU(inplace=True))
        self.fc = nn.Linear(last, num_classes)

    def forward(self, x):
        x = self.stage4(self.stage3(self.stage2(self.maxpool(self.conv1(x)))))
        return self.fc(self.conv5(x).mean([2, 3]))


def _member(size, *widths):
    name = f"shufflenet_v2_x{size}"
    title = f"ShuffleNet v2, {size.replace('_', '.')} times as wide (arXiv 1807.11164)"
    return variant(title, f"ShuffleNet_V2_X{size}_Weights", name, ShuffleNetV2, [4, 8, 4], [24, *widths])


ShuffleNet_V2_X0_5_Weights, shufflenet_v2_x0_5 = _member("0_5", 48, 96, 192, 1024)
ShuffleNet_V2_X1_0_Weights, shufflenet_v2_x1_0 = _member("1_0", 116, 232, 464, 1024)
ShuffleNet_V2_X1_5_Weights, shufflenet_v2_x1_5 = _member("1_5", 176, 352, 704, 1024)
ShuffleNet_V2_X2_0_Weights, shufflenet_v2_x2_0 = _member("2_0", 244, 488, 976, 2048)
