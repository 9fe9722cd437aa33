"""Keypoint R-CNN (arXiv 1703.06870)."""

from flambeau import nn
from flambeau.nn import functional as F

from ...ops import MultiScaleRoIAlign
from .. import resnet
from . import _utils as U
from ._members import member
from .faster_rcnn import FasterRCNN, _of_kind, needs_channels, region_pool, resnet50_pyramid

__all__ = ["KeypointRCNN", "KeypointRCNN_ResNet50_FPN_Weights", "keypointrcnn_resnet50_fpn"]


class KeypointRCNNHeads(nn.Sequential):
    """3x3 convolutions with ReLU."""

    def __init__(self, in_channels, layers):
        widths, parts = [in_channels, *layers], []
        for before, after in zip(widths, layers):
            parts += [nn.Conv2d(before, after, 3, stride=1, padding=1), nn.ReLU(inplace=True)]
        super().__init__(*parts)
        U.draw_kaiming(self)


class KeypointRCNNPredictor(nn.Module):
    """Four times the size, and logits of the pixels for each point."""

    def __init__(self, in_channels, num_keypoints):
        super().__init__()
        self.kps_score_lowres = nn.ConvTranspose2d(in_channels, num_keypoints, 4, stride=2, padding=1)
        nn.init.kaiming_normal_(self.kps_score_lowres.weight, mode="fan_out", nonlinearity="relu")
        nn.init.zeros_(self.kps_score_lowres.bias)
        self.up_scale, self.out_channels = 2, num_keypoints

    def forward(self, x):
        x = self.kps_score_lowres(x)
        return F.interpolate(
            x, scale_factor=float(self.up_scale), mode="bilinear", align_corners=False, recompute_scale_factor=False
        )


class KeypointRCNN(FasterRCNN):
    """Boxes, classes and key points of the things in pictures: FasterRCNN with targets "keypoints" (L, K, 3) and
    detections "keypoints" and "keypoints_scores".

    Args:
        backbone, num_classes, ...: as in FasterRCNN; min_size is one of several lengths.
        keypoint_roi_pool, keypoint_head, keypoint_predictor: parts of the points, made if None.
        num_keypoints: points of a thing (17).

    >>> net = flambeau.vision.models.detection.KeypointRCNN(nn.Conv2d(3, 8, 16, 16), 2, num_keypoints=5)
    >>> net.roi_heads.keypoint_predictor.out_channels
    5
    """

    def __init__(
        self,
        backbone,
        num_classes=None,
        min_size=None,
        *args,
        keypoint_roi_pool=None,
        keypoint_head=None,
        keypoint_predictor=None,
        num_keypoints=None,
        **kwargs,
    ):
        _of_kind(keypoint_roi_pool, MultiScaleRoIAlign, "keypoint_roi_pool")
        if num_keypoints is not None and keypoint_predictor is not None:
            raise ValueError("num_keypoints should be None when keypoint_predictor is specified")
        points = 17 if num_keypoints is None else num_keypoints
        channels = needs_channels(backbone)
        pool = region_pool(14) if keypoint_roi_pool is None else keypoint_roi_pool
        head = KeypointRCNNHeads(channels, (512,) * 8) if keypoint_head is None else keypoint_head
        predictor = KeypointRCNNPredictor(512, points) if keypoint_predictor is None else keypoint_predictor
        sizes = (640, 672, 704, 736, 768, 800) if min_size is None else min_size
        super().__init__(backbone, num_classes, sizes, *args, **kwargs)
        self.roi_heads.keypoint_roi_pool = pool
        self.roi_heads.keypoint_head = head
        self.roi_heads.keypoint_predictor = predictor


def _on_resnet(weights, trained, layers, classes, progress, **kwargs):
    return KeypointRCNN(resnet50_pyramid(weights, trained, layers, progress), num_classes=classes, **kwargs)


_on_resnet.__name__ = "KeypointRCNN"

KeypointRCNN_ResNet50_FPN_Weights, keypointrcnn_resnet50_fpn = member(
    "Keypoint R-CNN on ResNet 50 with a pyramid (arXiv 1703.06870)",
    "KeypointRCNN_ResNet50_FPN_Weights",
    "keypointrcnn_resnet50_fpn",
    _on_resnet,
    resnet.ResNet50_Weights.IMAGENET1K_V1,
    (5, 3),
    exact=("COCO_V1",),
)
