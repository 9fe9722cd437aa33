"""Inception v3 (arXiv 1512.00567)."""

import warnings
from collections import namedtuple

import flambeau
from flambeau import nn
from flambeau.nn import functional as F

from ._api import variant

__all__ = ["Inception3", "InceptionOutputs", "Inception_V3_Weights", "_InceptionOutputs", "inception_v3"]

InceptionOutputs = namedtuple("InceptionOutputs", ["logits", "aux_logits"])
InceptionOutputs.__doc__ = """What the network gives while it is trained: its output and that of the side branch.

>>> flambeau.vision.models.InceptionOutputs(1, 2).aux_logits
2
"""
_InceptionOutputs = InceptionOutputs


class BasicConv2d(nn.Module):
    """A convolution, normalization and ReLU."""

    def __init__(self, in_channels, out_channels, **kwargs):
        super().__init__()
        self.conv = nn.Conv2d(in_channels, out_channels, bias=False, **kwargs)
        self.bn = nn.BatchNorm2d(out_channels, eps=0.001)

    def forward(self, x):
        return F.relu(self.bn(self.conv(x)), inplace=True)


def draw_weights(model, wanted, std):
    """Weights from a normal distribution cut at -2 and 2, unless not wanted; a layer's `stddev` comes before std."""
    if wanted is None:
        warnings.warn(
            "The default weight initialization will be changed in future releases: init_weights=True or False says "
            "what is wanted (True takes long).",
            FutureWarning,
            stacklevel=3,
        )
    if wanted or wanted is None:
        for module in model.modules():
            if isinstance(module, nn.Conv2d | nn.Linear):
                nn.init.trunc_normal_(module.weight, mean=0.0, std=float(getattr(module, "stddev", std)), a=-2, b=2)


def as_in_tensorflow(x):
    """Pictures normalized by ImageNet's statistics, normalized to [-1, 1] instead."""
    std = flambeau.tensor([0.229, 0.224, 0.225], dtype=x.dtype, device=x.device).reshape(1, 3, 1, 1)
    mean = flambeau.tensor([0.485, 0.456, 0.406], dtype=x.dtype, device=x.device).reshape(1, 3, 1, 1)
    return x * (std / 0.5) + (mean - 0.5) / 0.5


def asked_for_aux(*names):
    """What published weights change: they have side branches, which are taken away again if nobody asked for them."""

    def adapt(weights, kwargs):
        asked = kwargs.get("aux_logits", names == ("AuxLogits",))
        kwargs.update(aux_logits=True, init_weights=False)
        kwargs.setdefault("transform_input", True)

        def finish(model):
            if not asked:
                model.aux_logits = False
                for name in names:
                    setattr(model, name, None)

        return finish

    return adapt


class InceptionA(nn.Module):
    """1x1, 5x5 and two 3x3 convolutions and a mean side by side."""

    def __init__(self, in_channels, pool_features, conv_block=None):
        super().__init__()
        conv = BasicConv2d if conv_block is None else conv_block
        self.branch1x1 = conv(in_channels, 64, kernel_size=1)
        self.branch5x5_1 = conv(in_channels, 48, kernel_size=1)
        self.branch5x5_2 = conv(48, 64, kernel_size=5, padding=2)
        self.branch3x3dbl_1 = conv(in_channels, 64, kernel_size=1)
        self.branch3x3dbl_2 = conv(64, 96, kernel_size=3, padding=1)
        self.branch3x3dbl_3 = conv(96, 96, kernel_size=3, padding=1)
        self.branch_pool = conv(in_channels, pool_features, kernel_size=1)

    def forward(self, x):
        wide = self.branch5x5_2(self.branch5x5_1(x))
        double = self.branch3x3dbl_3(self.branch3x3dbl_2(self.branch3x3dbl_1(x)))
        mean = self.branch_pool(F.avg_pool2d(x, 3, stride=1, padding=1))
        return flambeau.cat([self.branch1x1(x), wide, double, mean], 1)


class InceptionB(nn.Module):
    """Half the size, by a 3x3 and two 3x3 convolutions and a maximum."""

    def __init__(self, in_channels, conv_block=None):
        super().__init__()
        conv = BasicConv2d if conv_block is None else conv_block
        self.branch3x3 = conv(in_channels, 384, kernel_size=3, stride=2)
        self.branch3x3dbl_1 = conv(in_channels, 64, kernel_size=1)
        self.branch3x3dbl_2 = conv(64, 96, kernel_size=3, padding=1)
        self.branch3x3dbl_3 = conv(96, 96, kernel_size=3, stride=2)

    def forward(self, x):
        double = self.branch3x3dbl_3(self.branch3x3dbl_2(self.branch3x3dbl_1(x)))
        return flambeau.cat([self.branch3x3(x), double, F.max_pool2d(x, 3, stride=2)], 1)


class InceptionC(nn.Module):
    """1x1, 7x7 and two 7x7 convolutions, as rows and columns, and a mean side by side."""

    def __init__(self, in_channels, channels_7x7, conv_block=None):
        super().__init__()
        conv = BasicConv2d if conv_block is None else conv_block
        inner, row = channels_7x7, {"kernel_size": (1, 7), "padding": (0, 3)}
        column = {"kernel_size": (7, 1), "padding": (3, 0)}
        self.branch1x1 = conv(in_channels, 192, kernel_size=1)
        self.branch7x7_1 = conv(in_channels, inner, kernel_size=1)
        self.branch7x7_2 = conv(inner, inner, **row)
        self.branch7x7_3 = conv(inner, 192, **column)
        self.branch7x7dbl_1 = conv(in_channels, inner, kernel_size=1)
        self.branch7x7dbl_2 = conv(inner, inner, **column)
        self.branch7x7dbl_3 = conv(inner, inner, **row)
        self.branch7x7dbl_4 = conv(inner, inner, **column)
        self.branch7x7dbl_5 = conv(inner, 192, **row)
        self.branch_pool = conv(in_channels, 192, kernel_size=1)

    def forward(self, x):
        once = self.branch7x7_3(self.branch7x7_2(self.branch7x7_1(x)))
        twice = self.branch7x7dbl_3(self.branch7x7dbl_2(self.branch7x7dbl_1(x)))
        twice = self.branch7x7dbl_5(self.branch7x7dbl_4(twice))
        mean = self.branch_pool(F.avg_pool2d(x, kernel_size=3, stride=1, padding=1))
        return flambeau.cat([self.branch1x1(x), once, twice, mean], 1)


class InceptionD(nn.Module):
    """Half the size, by a 3x3, a 7x7 with a 3x3 convolution and a maximum."""

    def __init__(self, in_channels, conv_block=None):
        super().__init__()
        conv = BasicConv2d if conv_block is None else conv_block
        self.branch3x3_1 = conv(in_channels, 192, kernel_size=1)
        self.branch3x3_2 = conv(192, 320, kernel_size=3, stride=2)
        self.branch7x7x3_1 = conv(in_channels, 192, kernel_size=1)
        self.branch7x7x3_2 = conv(192, 192, kernel_size=(1, 7), padding=(0, 3))
        self.branch7x7x3_3 = conv(192, 192, kernel_size=(7, 1), padding=(3, 0))
        self.branch7x7x3_4 = conv(192, 192, kernel_size=3, stride=2)

    def forward(self, x):
        small = self.branch3x3_2(self.branch3x3_1(x))
        large = self.branch7x7x3_4(self.branch7x7x3_3(self.branch7x7x3_2(self.branch7x7x3_1(x))))
        return flambeau.cat([small, large, F.max_pool2d(x, kernel_size=3, stride=2)], 1)


class InceptionE(nn.Module):
    """1x1, 3x3 and two 3x3 convolutions that end in rows and columns, and a mean side by side."""

    def __init__(self, in_channels, conv_block=None):
        super().__init__()
        conv = BasicConv2d if conv_block is None else conv_block
        row, column = {"kernel_size": (1, 3), "padding": (0, 1)}, {"kernel_size": (3, 1), "padding": (1, 0)}
        self.branch1x1 = conv(in_channels, 320, kernel_size=1)
        self.branch3x3_1 = conv(in_channels, 384, kernel_size=1)
        self.branch3x3_2a = conv(384, 384, **row)
        self.branch3x3_2b = conv(384, 384, **column)
        self.branch3x3dbl_1 = conv(in_channels, 448, kernel_size=1)
        self.branch3x3dbl_2 = conv(448, 384, kernel_size=3, padding=1)
        self.branch3x3dbl_3a = conv(384, 384, **row)
        self.branch3x3dbl_3b = conv(384, 384, **column)
        self.branch_pool = conv(in_channels, 192, kernel_size=1)

    def forward(self, x):
        once, twice = self.branch3x3_1(x), self.branch3x3dbl_2(self.branch3x3dbl_1(x))
        sides = [self.branch3x3_2a(once), self.branch3x3_2b(once)]
        sides += [self.branch3x3dbl_3a(twice), self.branch3x3dbl_3b(twice)]
        mean = self.branch_pool(F.avg_pool2d(x, kernel_size=3, stride=1, padding=1))
        return flambeau.cat([self.branch1x1(x), *sides, mean], 1)


class InceptionAux(nn.Module):
    """A classifier on a layer in the middle."""

    def __init__(self, in_channels, num_classes, conv_block=None):
        super().__init__()
        conv = BasicConv2d if conv_block is None else conv_block
        self.conv0 = conv(in_channels, 128, kernel_size=1)
        self.conv1 = conv(128, 768, kernel_size=5)
        self.conv1.stddev = 0.01
        self.fc = nn.Linear(768, num_classes)
        self.fc.stddev = 0.001

    def forward(self, x):
        x = self.conv1(self.conv0(F.avg_pool2d(x, kernel_size=5, stride=3)))
        return self.fc(F.adaptive_avg_pool2d(x, (1, 1)).flatten(1))


class Inception3(nn.Module):
    """Eleven blocks of branches side by side, with a classifier on the way; pictures are 299x299, at least 75x75.

    Args:
        num_classes: features of the output.
        aux_logits: whether there is the classifier on the way; then training gives InceptionOutputs.
        transform_input: take pictures normalized for the other models.
        inception_blocks: classes for the convolution, blocks A to E and the classifier.
        init_weights: draw new weights from a truncated normal distribution (True if None).
        dropout: probability before the last layer.

    >>> net = flambeau.vision.models.Inception3(num_classes=2, aux_logits=False, init_weights=False)
    >>> net.Mixed_7c.branch1x1.conv
    Conv2d(2048, 320, kernel_size=(1, 1), stride=(1, 1), bias=False)
    """

    def __init__(
        self,
        num_classes=1000,
        aux_logits=True,
        transform_input=False,
        inception_blocks=None,
        init_weights=None,
        dropout=0.5,
    ):
        super().__init__()
        own = [BasicConv2d, InceptionA, InceptionB, InceptionC, InceptionD, InceptionE, InceptionAux]
        conv, a, b, c, d, e, aux = own if inception_blocks is None else inception_blocks
        self.aux_logits, self.transform_input = aux_logits, transform_input
        self.Conv2d_1a_3x3 = conv(3, 32, kernel_size=3, stride=2)
        self.Conv2d_2a_3x3 = conv(32, 32, kernel_size=3)
        self.Conv2d_2b_3x3 = conv(32, 64, kernel_size=3, padding=1)
        self.maxpool1 = nn.MaxPool2d(3, 2)
        self.Conv2d_3b_1x1 = conv(64, 80, kernel_size=1)
        self.Conv2d_4a_3x3 = conv(80, 192, kernel_size=3)
        self.maxpool2 = nn.MaxPool2d(3, 2)
        self.Mixed_5b = a(192, pool_features=32)
        self.Mixed_5c = a(256, pool_features=64)
        self.Mixed_5d = a(288, pool_features=64)
        self.Mixed_6a = b(288)
        for name, inner in zip("bcde", (128, 160, 160, 192)):
            setattr(self, f"Mixed_6{name}", c(768, channels_7x7=inner))
        self.AuxLogits = aux(768, num_classes) if aux_logits else None
        self.Mixed_7a = d(768)
        self.Mixed_7b = e(1280)
        self.Mixed_7c = e(2048)
        self.avgpool = nn.AdaptiveAvgPool2d((1, 1))
        self.dropout = nn.Dropout(p=dropout)
        self.fc = nn.Linear(2048, num_classes)
        draw_weights(self, init_weights, 0.1)

    def forward(self, x):
        x = as_in_tensorflow(x) if self.transform_input else x
        x = self.maxpool1(self.Conv2d_2b_3x3(self.Conv2d_2a_3x3(self.Conv2d_1a_3x3(x))))
        x = self.maxpool2(self.Conv2d_4a_3x3(self.Conv2d_3b_1x1(x)))
        x = self.Mixed_6a(self.Mixed_5d(self.Mixed_5c(self.Mixed_5b(x))))
        x = self.Mixed_6e(self.Mixed_6d(self.Mixed_6c(self.Mixed_6b(x))))
        side = self.AuxLogits(x) if self.training and self.aux_logits else None
        x = self.avgpool(self.Mixed_7c(self.Mixed_7b(self.Mixed_7a(x))))
        x = self.fc(self.dropout(x).flatten(1))
        return InceptionOutputs(x, side) if self.training and self.aux_logits else x


Inception_V3_Weights, inception_v3 = variant(
    "Inception v3 (arXiv 1512.00567)",
    "Inception_V3_Weights",
    "inception_v3",
    Inception3,
    adapt=asked_for_aux("AuxLogits"),
)
