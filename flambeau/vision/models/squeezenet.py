"""SqueezeNet (arXiv 1602.07360)."""

import flambeau
from flambeau import nn

from ._api import variant

__all__ = ["SqueezeNet", "SqueezeNet1_0_Weights", "SqueezeNet1_1_Weights", "squeezenet1_0", "squeezenet1_1"]


class Fire(nn.Module):
    """A narrow 1x1 convolution, then a 1x1 and a 3x3 one side by side."""

    def __init__(self, inplanes, squeeze_planes, expand1x1_planes, expand3x3_planes):
        super().__init__()
        self.inplanes = inplanes
        self.squeeze = nn.Conv2d(inplanes, squeeze_planes, 1)
        self.squeeze_activation = nn.ReLU(inplace=True)
        self.expand1x1 = nn.Conv2d(squeeze_planes, expand1x1_planes, 1)
        self.expand1x1_activation = nn.ReLU(inplace=True)
        self.expand3x3 = nn.Conv2d(squeeze_planes, expand3x3_planes, 3, padding=1)
        self.expand3x3_activation = nn.ReLU(inplace=True)

    def forward(self, x):
        x = self.squeeze_activation(self.squeeze(x))
        sides = [self.expand1x1_activation(self.expand1x1(x)), self.expand3x3_activation(self.expand3x3(x))]
        return flambeau.cat(sides, 1)


# First convolution (channels, side), then blocks (narrow, wide on each side); None is a pooling.
_SMALL, _MIDDLE = [(16, 64), (16, 64)], [(48, 192), (48, 192), (64, 256)]
_VERSIONS = {
    "1_0": ((96, 7), [None, *_SMALL, (32, 128), None, (32, 128), *_MIDDLE, None, (64, 256)]),
    "1_1": ((64, 3), [None, *_SMALL, None, (32, 128), (32, 128), None, *_MIDDLE, (64, 256)]),
}


class SqueezeNet(nn.Module):
    """A convolution, eight blocks between poolings, and a 1x1 convolution whose mean is the output.

    Args:
        version: "1_0" or "1_1", which computes less.
        num_classes: features of the output.
        dropout: probability before the last convolution.

    >>> flambeau.vision.models.SqueezeNet("1_1", num_classes=4)(flambeau.zeros(1, 3, 32, 32)).shape
    torch.Size([1, 4])
    """

    def __init__(self, version="1_0", num_classes=1000, dropout=0.5):
        super().__init__()
        if version not in _VERSIONS:
            raise ValueError(f"Unsupported SqueezeNet version {version}: 1_0 or 1_1 expected")
        self.num_classes = num_classes
        (width, side), blocks = _VERSIONS[version]
        layers = [nn.Conv2d(3, width, side, stride=2), nn.ReLU(inplace=True)]
        for block in blocks:
            if block is None:
                layers.append(nn.MaxPool2d(3, 2, ceil_mode=True))
            else:
                layers.append(Fire(width, block[0], block[1], block[1]))
                width = 2 * block[1]
        self.features = nn.Sequential(*layers)
        last = nn.Conv2d(512, num_classes, 1)
        self.classifier = nn.Sequential(
            nn.Dropout(p=dropout), last, nn.ReLU(inplace=True), nn.AdaptiveAvgPool2d((1, 1))
        )
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                if module is last:
                    nn.init.normal_(module.weight, mean=0.0, std=0.01)
                else:
                    nn.init.kaiming_uniform_(module.weight)
                nn.init.zeros_(module.bias)

    def forward(self, x):
        return self.classifier(self.features(x)).flatten(1)


SqueezeNet1_0_Weights, squeezenet1_0 = variant(
    "SqueezeNet 1.0 (arXiv 1602.07360)", "SqueezeNet1_0_Weights", "squeezenet1_0", SqueezeNet, "1_0"
)
SqueezeNet1_1_Weights, squeezenet1_1 = variant(
    "SqueezeNet 1.1, which computes 2.4 times less", "SqueezeNet1_1_Weights", "squeezenet1_1", SqueezeNet, "1_1"
)
