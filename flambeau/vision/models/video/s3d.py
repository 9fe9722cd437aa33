"""S3D: Inception for videos, in space and in time (arXiv 1712.04851)."""

from functools import partial

import flambeau
from flambeau import nn

from ...ops.misc import Conv3dNormActivation
from .._api import variant

__all__ = ["S3D", "S3D_Weights", "s3d"]


class TemporalSeparableConv(nn.Sequential):
    """A convolution of each frame, then one over time."""

    def __init__(self, in_planes, out_planes, kernel_size, stride, padding, norm_layer):
        k, s, p = kernel_size, stride, padding
        options = {"bias": False, "norm_layer": norm_layer}
        super().__init__(
            Conv3dNormActivation(in_planes, out_planes, (1, k, k), (1, s, s), (0, p, p), **options),
            Conv3dNormActivation(out_planes, out_planes, (k, 1, 1), (s, 1, 1), (p, 0, 0), **options),
        )


class SepInceptionBlock3D(nn.Module):
    """Four branches side by side."""

    def __init__(self, in_planes, b0_out, b1_mid, b1_out, b2_mid, b2_out, b3_out, norm_layer):
        super().__init__()
        conv = partial(Conv3dNormActivation, in_planes, kernel_size=1, stride=1, norm_layer=norm_layer)
        wide = partial(TemporalSeparableConv, kernel_size=3, stride=1, padding=1, norm_layer=norm_layer)
        self.branch0 = conv(out_channels=b0_out)
        self.branch1 = nn.Sequential(conv(out_channels=b1_mid), wide(b1_mid, b1_out))
        self.branch2 = nn.Sequential(conv(out_channels=b2_mid), wide(b2_mid, b2_out))
        self.branch3 = nn.Sequential(
            nn.MaxPool3d(kernel_size=(3, 3, 3), stride=1, padding=1), conv(out_channels=b3_out)
        )

    def forward(self, x):
        return flambeau.cat([self.branch0(x), self.branch1(x), self.branch2(x), self.branch3(x)], 1)


# Channels of the blocks (before, then of the branches), and poolings (size, stride, padding).
_ROWS = [
    (192, 64, 96, 128, 16, 32, 32), (256, 128, 128, 192, 32, 96, 64), ((3, 3, 3), (2, 2, 2), (1, 1, 1)),
    (480, 192, 96, 208, 16, 48, 64), (512, 160, 112, 224, 24, 64, 64), (512, 128, 128, 256, 24, 64, 64),
    (512, 112, 144, 288, 32, 64, 64), (528, 256, 160, 320, 32, 128, 128), ((2, 2, 2), (2, 2, 2), (0, 0, 0)),
    (832, 256, 160, 320, 32, 128, 128), (832, 384, 192, 384, 48, 128, 128),
]  # fmt: skip


class S3D(nn.Module):
    """Inception blocks of convolutions in space and in time.

    Args:
        num_classes: features of the output.
        dropout: probability before the last layer.
        norm_layer: makes a normalization.

    >>> flambeau.vision.models.video.S3D(num_classes=3).classifier[1].out_channels
    3
    """

    def __init__(self, num_classes=400, dropout=0.2, norm_layer=None):
        super().__init__()
        norm_layer = partial(nn.BatchNorm3d, eps=0.001, momentum=0.001) if norm_layer is None else norm_layer
        pool = partial(nn.MaxPool3d, kernel_size=(1, 3, 3), stride=(1, 2, 2), padding=(0, 1, 1))
        self.features = nn.Sequential(
            TemporalSeparableConv(3, 64, 7, 2, 3, norm_layer),
            pool(),
            Conv3dNormActivation(64, 64, kernel_size=1, stride=1, norm_layer=norm_layer),
            TemporalSeparableConv(64, 192, 3, 1, 1, norm_layer),
            pool(),
            *(nn.MaxPool3d(*row) if len(row) == 3 else SepInceptionBlock3D(*row, norm_layer) for row in _ROWS),
        )
        self.avgpool = nn.AvgPool3d(kernel_size=(2, 7, 7), stride=1)
        last = nn.Conv3d(1024, num_classes, kernel_size=1, stride=1, bias=True)
        self.classifier = nn.Sequential(nn.Dropout(p=dropout), last)

    def forward(self, x):
        return self.classifier(self.avgpool(self.features(x))).mean(dim=(2, 3, 4))


S3D_Weights, s3d = variant("Separable 3-d convolutions (arXiv 1712.04851)", "S3D_Weights", "s3d", S3D)
