"""ResNets for videos (arXiv 1711.11248)."""

from flambeau import nn

from .._api import variant

__all__ = [
    "MC3_18_Weights", "R2Plus1D_18_Weights", "R3D_18_Weights", "VideoResNet", "mc3_18", "r2plus1d_18", "r3d_18",
]  # fmt: skip


class Conv3DSimple(nn.Conv3d):
    """A 3x3x3 convolution."""

    def __init__(self, in_planes, out_planes, midplanes=None, stride=1, padding=1):
        super().__init__(in_planes, out_planes, (3, 3, 3), stride=stride, padding=padding, bias=False)

    @staticmethod
    def get_downsample_stride(stride):
        return stride, stride, stride


class Conv2Plus1D(nn.Sequential):
    """A convolution of each frame, then one over time."""

    def __init__(self, in_planes, out_planes, midplanes, stride=1, padding=1):
        frames = {"stride": (1, stride, stride), "padding": (0, padding, padding), "bias": False}
        times = {"stride": (stride, 1, 1), "padding": (padding, 0, 0), "bias": False}
        super().__init__(
            nn.Conv3d(in_planes, midplanes, (1, 3, 3), **frames),
            nn.BatchNorm3d(midplanes),
            nn.ReLU(inplace=True),
            nn.Conv3d(midplanes, out_planes, (3, 1, 1), **times),
        )

    @staticmethod
    def get_downsample_stride(stride):
        return stride, stride, stride


class Conv3DNoTemporal(nn.Conv3d):
    """A 3x3 convolution of each frame."""

    def __init__(self, in_planes, out_planes, midplanes=None, stride=1, padding=1):
        options = {"stride": (1, stride, stride), "padding": (0, padding, padding), "bias": False}
        super().__init__(in_planes, out_planes, (1, 3, 3), **options)

    @staticmethod
    def get_downsample_stride(stride):
        return 1, stride, stride


def _middle(inplanes, planes):
    """Channels between the two convolutions for as many parameters as one of 3x3x3."""
    return (inplanes * planes * 3 * 3 * 3) // (inplanes * 3 * 3 + 3 * planes)


class BasicBlock(nn.Module):
    """Two convolutions and a shortcut."""

    expansion = 1

    def __init__(self, inplanes, planes, conv_builder, stride=1, downsample=None):
        super().__init__()
        middle = _middle(inplanes, planes)
        first = conv_builder(inplanes, planes, middle, stride)
        self.conv1 = nn.Sequential(first, nn.BatchNorm3d(planes), nn.ReLU(inplace=True))
        self.conv2 = nn.Sequential(conv_builder(planes, planes, middle), nn.BatchNorm3d(planes))
        self.relu = nn.ReLU(inplace=True)
        self.downsample, self.stride = downsample, stride

    def forward(self, x):
        out = self.conv2(self.conv1(x))
        out += x if self.downsample is None else self.downsample(x)
        return self.relu(out)


class Bottleneck(nn.Module):
    """A convolution between two of 1x1x1, and a shortcut."""

    expansion = 4

    def __init__(self, inplanes, planes, conv_builder, stride=1, downsample=None):
        super().__init__()
        out = planes * self.expansion
        first = nn.Conv3d(inplanes, planes, kernel_size=1, bias=False)
        self.conv1 = nn.Sequential(first, nn.BatchNorm3d(planes), nn.ReLU(inplace=True))
        second = conv_builder(planes, planes, _middle(inplanes, planes), stride)
        self.conv2 = nn.Sequential(second, nn.BatchNorm3d(planes), nn.ReLU(inplace=True))
        self.conv3 = nn.Sequential(nn.Conv3d(planes, out, kernel_size=1, bias=False), nn.BatchNorm3d(out))
        self.relu = nn.ReLU(inplace=True)
        self.downsample, self.stride = downsample, stride

    def forward(self, x):
        out = self.conv3(self.conv2(self.conv1(x)))
        out += x if self.downsample is None else self.downsample(x)
        return self.relu(out)


def _stem(before, after, size, stride, padding):
    conv = nn.Conv3d(before, after, size, stride=stride, padding=padding, bias=False)
    return [conv, nn.BatchNorm3d(after), nn.ReLU(inplace=True)]


class BasicStem(nn.Sequential):
    """The first convolution."""

    def __init__(self):
        super().__init__(*_stem(3, 64, (3, 7, 7), (1, 2, 2), (1, 3, 3)))


class R2Plus1dStem(nn.Sequential):
    """A convolution of each frame, then one over time."""

    def __init__(self):
        frames = _stem(3, 45, (1, 7, 7), (1, 2, 2), (0, 3, 3))
        super().__init__(*frames, *_stem(45, 64, (3, 1, 1), (1, 1, 1), (1, 0, 0)))


class VideoResNet(nn.Module):
    """Four stages of residual blocks, a mean over the video, and a linear layer.

    Args:
        block: BasicBlock or Bottleneck.
        conv_makers: the convolution of each stage.
        layers: blocks of each stage.
        stem: makes the first layers.
        num_classes: features of the output.
        zero_init_residual: each branch begins as zero.

    >>> net = flambeau.vision.models.video.VideoResNet(BasicBlock, [Conv3DSimple] * 4, [1] * 4, BasicStem, 5)
    >>> net(flambeau.rand(2, 3, 8, 32, 32)).shape
    torch.Size([2, 5])
    """

    def __init__(self, block, conv_makers, layers, stem, num_classes=400, zero_init_residual=False):
        super().__init__()
        self.inplanes = 64
        self.stem = stem()
        self.layer1 = self._make_layer(block, conv_makers[0], 64, layers[0])
        self.layer2 = self._make_layer(block, conv_makers[1], 128, layers[1], stride=2)
        self.layer3 = self._make_layer(block, conv_makers[2], 256, layers[2], stride=2)
        self.layer4 = self._make_layer(block, conv_makers[3], 512, layers[3], stride=2)
        self.avgpool = nn.AdaptiveAvgPool3d((1, 1, 1))
        self.fc = nn.Linear(512 * block.expansion, num_classes)
        for module in self.modules():
            if isinstance(module, nn.Conv3d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
            elif isinstance(module, nn.Linear):
                nn.init.normal_(module.weight, 0, 0.01)
                nn.init.zeros_(module.bias)
            elif zero_init_residual and isinstance(module, Bottleneck):
                nn.init.zeros_(module.conv3[1].weight)

    def _make_layer(self, block, conv_builder, planes, blocks, stride=1):
        out, downsample = planes * block.expansion, None
        if stride != 1 or self.inplanes != out:
            steps = conv_builder.get_downsample_stride(stride)
            shortcut = nn.Conv3d(self.inplanes, out, kernel_size=1, stride=steps, bias=False)
            downsample = nn.Sequential(shortcut, nn.BatchNorm3d(out))
        stage = [block(self.inplanes, planes, conv_builder, stride, downsample)]
        self.inplanes = out
        return nn.Sequential(*stage, *(block(out, planes, conv_builder) for _ in range(1, blocks)))

    def forward(self, x):
        x = self.layer4(self.layer3(self.layer2(self.layer1(self.stem(x)))))
        return self.fc(self.avgpool(x).flatten(1))


def _member(title, enum_name, name, convs, stem):
    title = f"{title}, 18 layers (arXiv 1711.11248)"
    return variant(title, enum_name, name, VideoResNet, BasicBlock, convs, [2, 2, 2, 2], stem)


R3D_18_Weights, r3d_18 = _member(
    "ResNet of 3-d convolutions", "R3D_18_Weights", "r3d_18", [Conv3DSimple] * 4, BasicStem
)
MC3_18_Weights, mc3_18 = _member(
    "ResNet of 3-d and 2-d convolutions",
    "MC3_18_Weights",
    "mc3_18",
    [Conv3DSimple] + [Conv3DNoTemporal] * 3,
    BasicStem,
)
R2Plus1D_18_Weights, r2plus1d_18 = _member(
    "ResNet of convolutions in space and in time",
    "R2Plus1D_18_Weights",
    "r2plus1d_18",
    [Conv2Plus1D] * 4,
    R2Plus1dStem,
)
