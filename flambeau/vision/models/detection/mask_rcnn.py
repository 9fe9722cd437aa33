"""Mask R-CNN (arXiv 1703.06870)."""

from collections import OrderedDict

from flambeau import nn

from ...ops import Conv2dNormActivation, MultiScaleRoIAlign
from .. import resnet
from . import _utils as U
from ._members import member
from .faster_rcnn import FasterRCNN, _of_kind, needs_channels, region_pool, resnet50_pyramid, second_parts

__all__ = [
    "MaskRCNN", "MaskRCNN_ResNet50_FPN_V2_Weights", "MaskRCNN_ResNet50_FPN_Weights", "maskrcnn_resnet50_fpn",
    "maskrcnn_resnet50_fpn_v2",
]  # fmt: skip


class MaskRCNNHeads(nn.Sequential):
    """3x3 convolutions."""

    _version = 2  # in the first, the layers were called mask_fcn1 and so on

    def __init__(self, in_channels, layers, dilation, norm_layer=None):
        widths = [in_channels, *layers]
        super().__init__(
            *(
                Conv2dNormActivation(before, after, 3, 1, dilation, dilation=dilation, norm_layer=norm_layer)
                for before, after in zip(widths, layers)
            )
        )
        U.draw_kaiming(self.modules())

    def _load_from_state_dict(self, state_dict, prefix, local_metadata, *args):
        if (local_metadata.get("version") or 1) < 2:
            pairs = ((f"{prefix}mask_fcn{i + 1}", f"{prefix}{i}.0") for i in range(len(self)))
            U.rename_layers(state_dict, pairs)
        super()._load_from_state_dict(state_dict, prefix, local_metadata, *args)


class MaskRCNNPredictor(nn.Sequential):
    """Twice the size, and logits of a mask for each class."""

    def __init__(self, in_channels, dim_reduced, num_classes):
        super().__init__(
            OrderedDict(
                conv5_mask=nn.ConvTranspose2d(in_channels, dim_reduced, 2, 2, 0),
                relu=nn.ReLU(inplace=True),
                mask_fcn_logits=nn.Conv2d(dim_reduced, num_classes, 1, 1, 0),
            )
        )
        for name, parameter in self.named_parameters():
            if "weight" in name:
                nn.init.kaiming_normal_(parameter, mode="fan_out", nonlinearity="relu")


class MaskRCNN(FasterRCNN):
    """Boxes, classes and masks of the things in pictures: FasterRCNN with targets and detections "masks".

    Args:
        backbone, num_classes, ...: as in FasterRCNN.
        mask_roi_pool, mask_head, mask_predictor: parts of the masks, made if None.

    >>> backbone = nn.Conv2d(3, 8, 16, 16)
    >>> net = flambeau.vision.models.detection.MaskRCNN(backbone, 3)
    >>> net.roi_heads.mask_predictor.mask_fcn_logits.out_channels
    3
    """

    def __init__(
        self,
        backbone,
        num_classes=None,
        *args,
        mask_roi_pool=None,
        mask_head=None,
        mask_predictor=None,
        **kwargs,
    ):
        _of_kind(mask_roi_pool, MultiScaleRoIAlign, "mask_roi_pool")
        if num_classes is not None and mask_predictor is not None:
            raise ValueError("num_classes should be None when mask_predictor is specified")
        channels = needs_channels(backbone)
        pool = region_pool(14) if mask_roi_pool is None else mask_roi_pool
        head = MaskRCNNHeads(channels, (256, 256, 256, 256), 1) if mask_head is None else mask_head
        predictor = MaskRCNNPredictor(256, 256, num_classes) if mask_predictor is None else mask_predictor
        super().__init__(backbone, num_classes, *args, **kwargs)
        self.roi_heads.mask_roi_pool = pool
        self.roi_heads.mask_head = head
        self.roi_heads.mask_predictor = predictor


def _first(weights, trained, layers, classes, progress, **kwargs):
    return MaskRCNN(resnet50_pyramid(weights, trained, layers, progress), num_classes=classes, **kwargs)


def _second(weights, trained, layers, classes, progress, **kwargs):
    norm = {"norm_layer": nn.BatchNorm2d}
    backbone = resnet50_pyramid(weights, trained, layers, progress, second=True, **norm)
    parts = second_parts(backbone)
    parts["mask_head"] = MaskRCNNHeads(backbone.out_channels, [256] * 4, 1, **norm)
    return MaskRCNN(backbone, num_classes=classes, **{**parts, **kwargs})


_first.__name__ = _second.__name__ = "MaskRCNN"

MaskRCNN_ResNet50_FPN_Weights, maskrcnn_resnet50_fpn = member(
    "Mask R-CNN on ResNet 50 with a pyramid (arXiv 1703.06870)",
    "MaskRCNN_ResNet50_FPN_Weights",
    "maskrcnn_resnet50_fpn",
    _first,
    resnet.ResNet50_Weights.IMAGENET1K_V1,
    (5, 3),
    exact=("COCO_V1",),
)
MaskRCNN_ResNet50_FPN_V2_Weights, maskrcnn_resnet50_fpn_v2 = member(
    "Mask R-CNN on ResNet 50 with a pyramid, improved (arXiv 2111.11429)",
    "MaskRCNN_ResNet50_FPN_V2_Weights",
    "maskrcnn_resnet50_fpn_v2",
    _second,
    resnet.ResNet50_Weights,
    (5, 3),
)
