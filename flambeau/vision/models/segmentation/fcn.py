"""Fully convolutional networks (arXiv 1411.4038)."""

from functools import partial

from flambeau import nn

from .. import resnet
from .._utils import IntermediateLayerGetter
from ._utils import _SimpleSegmentationModel, member

__all__ = ["FCN", "FCN_ResNet50_Weights", "FCN_ResNet101_Weights", "fcn_resnet50", "fcn_resnet101"]


class FCN(_SimpleSegmentationModel):
    """A class for each pixel, by convolutions on the layers of another network.

    Args:
        backbone: gives {"out": ..., "aux": ...}.
        classifier, aux_classifier: heads for these; the second may be None.

    >>> class Layers(nn.Module):
    ...     def forward(self, x):
    ...         return {"out": x[..., ::2, ::2]}
    >>> flambeau.vision.models.segmentation.FCN(Layers(), FCNHead(4, 2))(flambeau.rand(2, 4, 8, 8))["out"].shape
    torch.Size([2, 2, 8, 8])
    """


class FCNHead(nn.Sequential):
    """A 3x3 convolution to a quarter of the channels, and a 1x1 one to the classes."""

    def __init__(self, in_channels, channels):
        inner = in_channels // 4
        super().__init__(
            nn.Conv2d(in_channels, inner, 3, padding=1, bias=False),
            nn.BatchNorm2d(inner),
            nn.ReLU(),
            nn.Dropout(0.1),
            nn.Conv2d(inner, channels, 1),
        )


def resnet_layers(name, weights, aux, progress):
    """The last stages of a ResNet that keeps the size in them."""
    build = getattr(resnet, name)
    backbone = build(weights=weights, progress=progress, replace_stride_with_dilation=[False, True, True])
    return IntermediateLayerGetter(backbone, {"layer4": "out", **({"layer3": "aux"} if aux else {})})


def _fcn(name, weights_backbone, num_classes, aux, progress):
    backbone = resnet_layers(name, weights_backbone, aux, progress)
    side = FCNHead(1024, num_classes) if aux else None
    return FCN(backbone, FCNHead(2048, num_classes), side)


def _member(depth):
    make = partial(_fcn, f"resnet{depth}")
    make.__module__, make.__name__ = __name__, "FCN"
    title = f"FCN on a ResNet with {depth} layers (arXiv 1411.4038)"
    return member(title, f"FCN_ResNet{depth}_Weights", f"fcn_resnet{depth}", f"resnet{depth}", make)


FCN_ResNet50_Weights, fcn_resnet50 = _member(50)
FCN_ResNet101_Weights, fcn_resnet101 = _member(101)
