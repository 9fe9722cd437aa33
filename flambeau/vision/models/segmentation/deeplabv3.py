"""DeepLab v3 (arXiv 1706.05587)."""

from functools import partial

import flambeau
from flambeau import nn

from .._utils import IntermediateLayerGetter
from ..mobilenetv3 import mobilenet_v3_large
from ._utils import _SimpleSegmentationModel, enlarged, member, stages
from .fcn import FCNHead, resnet_layers

__all__ = [
    "DeepLabV3",
    "DeepLabV3_MobileNet_V3_Large_Weights",
    "DeepLabV3_ResNet50_Weights",
    "DeepLabV3_ResNet101_Weights",
    "deeplabv3_mobilenet_v3_large",
    "deeplabv3_resnet50",
    "deeplabv3_resnet101",
]  # fmt: skip


class DeepLabV3(_SimpleSegmentationModel):
    """A class for each pixel, by convolutions with several dilations on the layers of another network.

    Args:
        backbone: gives {"out": ..., "aux": ...}.
        classifier, aux_classifier: heads for these; the second may be None.

    >>> class Layers(nn.Module):
    ...     def forward(self, x):
    ...         return {"out": x[..., ::2, ::2]}
    >>> net = flambeau.vision.models.segmentation.DeepLabV3(Layers(), nn.Conv2d(4, 2, 1))
    >>> net(flambeau.rand(2, 4, 8, 8))["out"].shape
    torch.Size([2, 2, 8, 8])
    """


def _conv(in_channels, out_channels, *rest, **options):
    return [nn.Conv2d(in_channels, out_channels, *rest, bias=False, **options), nn.BatchNorm2d(out_channels), nn.ReLU()]


class ASPPConv(nn.Sequential):
    """A 3x3 convolution with a dilation."""

    def __init__(self, in_channels, out_channels, dilation):
        super().__init__(*_conv(in_channels, out_channels, 3, padding=dilation, dilation=dilation))


class ASPPPooling(nn.Sequential):
    """The mean of the picture, everywhere."""

    def __init__(self, in_channels, out_channels):
        super().__init__(nn.AdaptiveAvgPool2d(1), *_conv(in_channels, out_channels, 1))

    def forward(self, x):
        size = x.shape[-2:]
        for layer in self:
            x = layer(x)
        return enlarged(x, size)


class ASPP(nn.Module):
    """Convolutions with several dilations and a mean, side by side."""

    def __init__(self, in_channels, atrous_rates, out_channels=256):
        super().__init__()
        self.convs = nn.ModuleList(
            [
                nn.Sequential(*_conv(in_channels, out_channels, 1)),
                *(ASPPConv(in_channels, out_channels, rate) for rate in atrous_rates),
                ASPPPooling(in_channels, out_channels),
            ]
        )
        self.project = nn.Sequential(*_conv(len(self.convs) * out_channels, out_channels, 1), nn.Dropout(0.5))

    def forward(self, x):
        return self.project(flambeau.cat([conv(x) for conv in self.convs], 1))


class DeepLabHead(nn.Sequential):
    """ASPP, a 3x3 convolution, and a 1x1 one to the classes."""

    def __init__(self, in_channels, num_classes, atrous_rates=(12, 24, 36)):
        aspp = ASPP(in_channels, atrous_rates)
        super().__init__(aspp, *_conv(256, 256, 3, padding=1), nn.Conv2d(256, num_classes, 1))


def _on_resnet(name, weights_backbone, num_classes, aux, progress):
    backbone = resnet_layers(name, weights_backbone, aux, progress)
    side = FCNHead(1024, num_classes) if aux else None
    return DeepLabV3(backbone, DeepLabHead(2048, num_classes), side)


def _on_mobilenet(weights_backbone, num_classes, aux, progress):
    features = mobilenet_v3_large(weights=weights_backbone, progress=progress, dilated=True).features
    places = stages(features)
    out, middle = places[-1], places[-4]
    backbone = IntermediateLayerGetter(features, {str(out): "out", **({str(middle): "aux"} if aux else {})})
    side = FCNHead(features[middle].out_channels, num_classes) if aux else None
    return DeepLabV3(backbone, DeepLabHead(features[out].out_channels, num_classes), side)


def _member(depth):
    make = partial(_on_resnet, f"resnet{depth}")
    make.__module__, make.__name__ = __name__, "DeepLabV3"
    title = f"DeepLab v3 on a ResNet with {depth} layers (arXiv 1706.05587)"
    return member(title, f"DeepLabV3_ResNet{depth}_Weights", f"deeplabv3_resnet{depth}", f"resnet{depth}", make)


DeepLabV3_ResNet50_Weights, deeplabv3_resnet50 = _member(50)
DeepLabV3_ResNet101_Weights, deeplabv3_resnet101 = _member(101)
DeepLabV3_MobileNet_V3_Large_Weights, deeplabv3_mobilenet_v3_large = member(
    "DeepLab v3 on MobileNet v3 (arXiv 1706.05587)",
    "DeepLabV3_MobileNet_V3_Large_Weights",
    "deeplabv3_mobilenet_v3_large",
    "mobilenet_v3_large",
    _on_mobilenet,
)
