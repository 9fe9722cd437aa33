"""Lite R-ASPP (arXiv 1905.02244)."""

from collections import OrderedDict

from flambeau import nn

from .._utils import IntermediateLayerGetter
from ..mobilenetv3 import mobilenet_v3_large
from ._utils import enlarged, member, stages

__all__ = ["LRASPP", "LRASPP_MobileNet_V3_Large_Weights", "lraspp_mobilenet_v3_large"]


class LRASPPHead(nn.Module):
    """Classes from a small map, weighed by its mean, and from a larger one."""

    def __init__(self, low_channels, high_channels, num_classes, inter_channels):
        super().__init__()
        self.cbr = nn.Sequential(
            nn.Conv2d(high_channels, inter_channels, 1, bias=False),
            nn.BatchNorm2d(inter_channels),
            nn.ReLU(inplace=True),
        )
        self.scale = nn.Sequential(
            nn.AdaptiveAvgPool2d(1), nn.Conv2d(high_channels, inter_channels, 1, bias=False), nn.Sigmoid()
        )
        self.low_classifier = nn.Conv2d(low_channels, num_classes, 1)
        self.high_classifier = nn.Conv2d(inter_channels, num_classes, 1)

    def forward(self, input):
        low, high = input["low"], input["high"]
        x = enlarged(self.cbr(high) * self.scale(high), low.shape[-2:])
        return self.low_classifier(low) + self.high_classifier(x)


class LRASPP(nn.Module):
    """A class for each pixel, from two layers of another network.

    Args:
        backbone: gives {"low": ..., "high": ...}.
        low_channels, high_channels: of these.
        num_classes: how many classes.
        inter_channels: inner width of the head.

    >>> class Layers(nn.Module):
    ...     def forward(self, x):
    ...         return {"low": x[..., ::2, ::2], "high": x[..., ::4, ::4]}
    >>> net = flambeau.vision.models.segmentation.LRASPP(Layers(), 4, 4, 2)
    >>> net(flambeau.rand(2, 4, 8, 8))["out"].shape
    torch.Size([2, 2, 8, 8])
    """

    def __init__(self, backbone, low_channels, high_channels, num_classes, inter_channels=128):
        super().__init__()
        self.backbone = backbone
        self.classifier = LRASPPHead(low_channels, high_channels, num_classes, inter_channels)

    def forward(self, input):
        out = self.classifier(self.backbone(input))
        return OrderedDict(out=enlarged(out, input.shape[-2:]))


def _lraspp(weights_backbone, num_classes, aux, progress):
    features = mobilenet_v3_large(weights=weights_backbone, progress=progress, dilated=True).features
    places = stages(features)
    low, high = places[-4], places[-1]
    backbone = IntermediateLayerGetter(features, {str(low): "low", str(high): "high"})
    return LRASPP(backbone, features[low].out_channels, features[high].out_channels, num_classes)


LRASPP_MobileNet_V3_Large_Weights, lraspp_mobilenet_v3_large = member(
    "Lite R-ASPP on MobileNet v3 (arXiv 1905.02244)",
    "LRASPP_MobileNet_V3_Large_Weights",
    "lraspp_mobilenet_v3_large",
    "mobilenet_v3_large",
    _lraspp,
    aux=False,
)
