"""SSDlite (arXiv 1801.04381, 1905.02244)."""

from collections import OrderedDict
from functools import partial

from flambeau import nn

from ...ops import Conv2dNormActivation
from .. import mobilenetv3
from . import _utils as U
from ._members import member
from .anchor_utils import DefaultBoxGenerator
from .backbone_utils import freeze_before, stage_places
from .ssd import SSD, SSDScoringHead

__all__ = ["SSDLite320_MobileNet_V3_Large_Weights", "ssdlite320_mobilenet_v3_large"]


def _prediction_block(in_channels, out_channels, kernel_size, norm_layer):
    """A convolution of each channel, and a 1x1 one."""
    options = {"groups": in_channels, "norm_layer": norm_layer, "activation_layer": nn.ReLU6}
    first = Conv2dNormActivation(in_channels, in_channels, kernel_size, **options)
    return nn.Sequential(first, nn.Conv2d(in_channels, out_channels, 1))


def _extra_block(in_channels, out_channels, norm_layer):
    """Fewer channels, half the size, the channels of the result."""
    inner, options = out_channels // 2, {"norm_layer": norm_layer, "activation_layer": nn.ReLU6}
    return nn.Sequential(
        Conv2dNormActivation(in_channels, inner, 1, **options),
        Conv2dNormActivation(inner, inner, 3, 2, groups=inner, **options),
        Conv2dNormActivation(inner, out_channels, 1, **options),
    )


def _normal_init(conv):
    U.draw_normal(conv.modules(), std=0.03)


def _scores(in_channels, num_anchors, columns, norm_layer):
    pairs = zip(in_channels, num_anchors)
    layers = nn.ModuleList([_prediction_block(before, columns * count, 3, norm_layer) for before, count in pairs])
    _normal_init(layers)
    return layers, columns


class SSDLiteClassificationHead(SSDScoringHead):
    """Logits of the classes of each box."""

    def __init__(self, in_channels, num_anchors, num_classes, norm_layer):
        super().__init__(*_scores(in_channels, num_anchors, num_classes, norm_layer))


class SSDLiteRegressionHead(SSDScoringHead):
    """Codes of each box."""

    def __init__(self, in_channels, num_anchors, norm_layer):
        super().__init__(*_scores(in_channels, num_anchors, 4, norm_layer))


class SSDLiteHead(nn.Module):
    """Logits of the classes and codes of each box."""

    def __init__(self, in_channels, num_anchors, num_classes, norm_layer):
        super().__init__()
        self.classification_head = SSDLiteClassificationHead(in_channels, num_anchors, num_classes, norm_layer)
        self.regression_head = SSDLiteRegressionHead(in_channels, num_anchors, norm_layer)

    def forward(self, x):
        return {"bbox_regression": self.regression_head(x), "cls_logits": self.classification_head(x)}


class SSDLiteFeatureExtractorMobileNet(nn.Module):
    """The layers of a MobileNet in two parts, and further ones."""

    def __init__(self, backbone, c4_pos, norm_layer, width_mult=1.0, min_depth=16):
        super().__init__()
        middle = backbone[c4_pos]
        if middle.use_res_connect:
            raise AssertionError("backbone[c4_pos].use_res_connect should be False")
        self.features = nn.Sequential(
            nn.Sequential(*backbone[:c4_pos], middle.block[0]),  # up to where the block is widest
            nn.Sequential(middle.block[1:], *backbone[c4_pos + 1 :]),
        )
        widths = [backbone[-1].out_channels, *(max(min_depth, int(d * width_mult)) for d in (512, 256, 256, 128))]
        extra = nn.ModuleList([_extra_block(*pair, norm_layer) for pair in zip(widths, widths[1:])])
        _normal_init(extra)
        self.extra = extra

    def forward(self, x):
        maps = []
        for block in (*self.features, *self.extra):
            x = block(x)
            maps.append(x)
        return OrderedDict((str(i), one) for i, one in enumerate(maps))


def _mobilenet_extractor(backbone, trainable_layers, norm_layer):
    features = backbone.features
    places = stage_places(features)
    freeze_before(features, places, trainable_layers)
    return SSDLiteFeatureExtractorMobileNet(features, places[-2], norm_layer)


def _on_mobilenet(weights, trained, layers, classes, progress, norm_layer=None, **kwargs):
    norm_layer = partial(nn.BatchNorm2d, eps=0.001, momentum=0.03) if norm_layer is None else norm_layer
    options = {"norm_layer": norm_layer, "reduced_tail": weights is None, "progress": progress}
    net = mobilenetv3.mobilenet_v3_large(weights=weights, **options)
    if weights is None:
        _normal_init(net)
    size = (320, 320)
    backbone = _mobilenet_extractor(net, layers, norm_layer)
    anchors = DefaultBoxGenerator([[2, 3] for _ in range(6)], min_ratio=0.2, max_ratio=0.95)
    channels = U.retrieve_out_channels(backbone, size)
    head = SSDLiteHead(channels, anchors.num_anchors_per_location(), classes, norm_layer)
    return SSD(backbone, anchors, size, classes, **{"head": head, **_SETTINGS, **kwargs})


_SETTINGS = {
    "score_thresh": 0.001,
    "nms_thresh": 0.55,
    "detections_per_img": 300,
    "topk_candidates": 300,
    "image_mean": [0.5, 0.5, 0.5],
    "image_std": [0.5, 0.5, 0.5],
}
_on_mobilenet.__name__ = "SSD"

SSDLite320_MobileNet_V3_Large_Weights, ssdlite320_mobilenet_v3_large = member(
    "SSDlite on MobileNet v3, for pictures of 320x320 (arXiv 1905.02244)",
    "SSDLite320_MobileNet_V3_Large_Weights",
    "ssdlite320_mobilenet_v3_large",
    _on_mobilenet,
    mobilenetv3.MobileNet_V3_Large_Weights.IMAGENET1K_V1,
    (6, 6),
)
