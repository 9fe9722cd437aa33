"""RetinaNet (arXiv 1708.02002)."""

import math
from functools import partial

import flambeau
from flambeau import nn

from ... import ops
from ...ops import Conv2dNormActivation, sigmoid_focal_loss
from ...ops.feature_pyramid_network import LastLevelP6P7
from .. import resnet
from . import _dense as D
from . import _utils as U
from ._members import member
from .anchor_utils import AnchorGenerator
from .faster_rcnn import _of_kind, needs_channels, resnet50_pyramid

__all__ = [
    "RetinaNet", "RetinaNet_ResNet50_FPN_V2_Weights", "RetinaNet_ResNet50_FPN_Weights", "retinanet_resnet50_fpn",
    "retinanet_resnet50_fpn_v2",
]  # fmt: skip


def _default_anchorgen():
    sizes = tuple((x, int(x * 2 ** (1.0 / 3)), int(x * 2 ** (2.0 / 3))) for x in (32, 64, 128, 256, 512))
    return AnchorGenerator(sizes, ((0.5, 1.0, 2.0),) * len(sizes))


class _Tower(nn.Module):
    """Four convolutions."""

    _version = 2  # in the first, a convolution was not inside a Sequential

    def __init__(self, in_channels, norm_layer):
        super().__init__()
        convs = [Conv2dNormActivation(in_channels, in_channels, norm_layer=norm_layer) for _ in range(4)]
        self.conv = nn.Sequential(*convs)

    def _load_from_state_dict(self, state_dict, prefix, local_metadata, *args):
        if (local_metadata.get("version") or 1) < 2:
            pairs = [(f"{prefix}conv.{2 * i}", f"{prefix}conv.{i}.0") for i in range(4)]
            U.rename_layers(state_dict, pairs)
        super()._load_from_state_dict(state_dict, prefix, local_metadata, *args)


class RetinaNetClassificationHead(_Tower):
    """Logits of the classes of each anchor."""

    def __init__(self, in_channels, num_anchors, num_classes, prior_probability=0.01, norm_layer=None):
        super().__init__(in_channels, norm_layer)
        U.draw_normal(self.conv.modules())
        self.cls_logits = nn.Conv2d(in_channels, num_anchors * num_classes, 3, stride=1, padding=1)
        nn.init.normal_(self.cls_logits.weight, std=0.01)
        nn.init.constant_(self.cls_logits.bias, -math.log((1 - prior_probability) / prior_probability))
        self.num_classes, self.num_anchors = num_classes, num_anchors

    def compute_loss(self, targets, head_outputs, matched_idxs):
        """The focal loss, per thing."""
        losses = []
        for target, logits, matched in zip(targets, head_outputs["cls_logits"], matched_idxs):
            wanted, things = D.one_hot_of(matched, target["labels"], logits)
            counts = matched != U.Matcher.BETWEEN_THRESHOLDS
            loss = sigmoid_focal_loss(logits[counts], wanted[counts], reduction="sum")
            losses.append(loss / max(1, things.sum()))
        return sum(losses) / len(targets)

    def forward(self, x):
        return D.conv_tower(self.conv, x, self.num_classes, self.cls_logits)


class RetinaNetRegressionHead(_Tower):
    """Codes of the box of each anchor."""

    def __init__(self, in_channels, num_anchors, norm_layer=None):
        super().__init__(in_channels, norm_layer)
        self.bbox_reg = nn.Conv2d(in_channels, num_anchors * 4, 3, stride=1, padding=1)
        U.draw_normal([self.bbox_reg])
        U.draw_normal(self.conv.modules())
        self.box_coder = U.BoxCoder(weights=(1.0, 1.0, 1.0, 1.0))
        self._loss_type = "l1"

    def compute_loss(self, targets, head_outputs, anchors, matched_idxs):
        """The loss of the codes or boxes, per thing."""
        losses = []
        for target, codes, boxes, matched in zip(targets, head_outputs["bbox_regression"], anchors, matched_idxs):
            things = flambeau.where(matched >= 0)[0]
            true = target["boxes"][matched[things]]
            loss = U._box_loss(self._loss_type, self.box_coder, boxes[things], true, codes[things])
            losses.append(loss / max(1, len(things)))
        return sum(losses) / max(1, len(targets))

    def forward(self, x):
        return D.conv_tower(self.conv, x, 4, self.bbox_reg)


class RetinaNetHead(nn.Module):
    """Logits of the classes and codes of the box of each anchor."""

    def __init__(self, in_channels, num_anchors, num_classes, norm_layer=None):
        super().__init__()
        options = {"norm_layer": norm_layer}
        self.classification_head = RetinaNetClassificationHead(in_channels, num_anchors, num_classes, **options)
        self.regression_head = RetinaNetRegressionHead(in_channels, num_anchors, **options)

    def compute_loss(self, targets, head_outputs, anchors, matched_idxs):
        """{"classification": ..., "bbox_regression": ...}."""
        return {
            "classification": self.classification_head.compute_loss(targets, head_outputs, matched_idxs),
            "bbox_regression": self.regression_head.compute_loss(targets, head_outputs, anchors, matched_idxs),
        }

    def forward(self, x):
        return {"cls_logits": self.classification_head(x), "bbox_regression": self.regression_head(x)}


class RetinaNet(D.DenseDetector):
    """Boxes and classes of the things in pictures, in one step.

    In training, it takes a list of pictures (C, H, W) and one of dicts with "boxes" (L, 4) and "labels" (L,), and
    returns a dict of losses; otherwise a list of dicts with "boxes", "labels" and "scores".

    Args:
        backbone: makes feature maps; has `out_channels`.
        num_classes: with the background.
        min_size, max_size, image_mean, image_std: as in GeneralizedRCNNTransform.
        anchor_generator, head, proposal_matcher: parts, made if None.
        score_thresh, nms_thresh, detections_per_img, topk_candidates: which detections are kept.
        fg_iou_thresh, bg_iou_thresh: overlap from which on an anchor holds a thing, and below which it holds nothing.

    >>> net = flambeau.vision.models.detection.RetinaNet(
    ...     nn.Conv2d(3, 8, 16, 16), 3, 64, 64, anchor_generator=AnchorGenerator(((16,),))).eval()
    >>> sorted(net([flambeau.rand(3, 50, 60)])[0])
    ['boxes', 'labels', 'scores']
    """

    def __init__(
        self,
        backbone,
        num_classes,
        min_size=800,
        max_size=1333,
        image_mean=None,
        image_std=None,
        anchor_generator=None,
        head=None,
        proposal_matcher=None,
        score_thresh=0.05,
        nms_thresh=0.5,
        detections_per_img=300,
        fg_iou_thresh=0.5,
        bg_iou_thresh=0.4,
        topk_candidates=1000,
        **kwargs,
    ):
        channels = needs_channels(backbone)
        _of_kind(anchor_generator, AnchorGenerator, "anchor_generator")
        anchors = _default_anchorgen() if anchor_generator is None else anchor_generator
        if head is None:
            head = RetinaNetHead(channels, anchors.num_anchors_per_location()[0], num_classes)
        transform = D.transform_of(min_size, max_size, image_mean, image_std, **kwargs)
        super().__init__(backbone, anchors, head, transform)
        usual = U.Matcher(fg_iou_thresh, bg_iou_thresh, allow_low_quality_matches=True)
        self.proposal_matcher = usual if proposal_matcher is None else proposal_matcher
        self.box_coder = U.BoxCoder(weights=(1.0, 1.0, 1.0, 1.0))
        self.score_thresh, self.nms_thresh = score_thresh, nms_thresh
        self.detections_per_img, self.topk_candidates = detections_per_img, topk_candidates

    def _matched(self, anchors, boxes):
        if boxes.numel() == 0:
            return flambeau.full((len(anchors),), -1, dtype=flambeau.int64)
        return self.proposal_matcher(ops.box_iou(boxes, anchors))

    def compute_loss(self, targets, head_outputs, anchors):
        """The losses of the head."""
        matched = [self._matched(boxes, target["boxes"]) for boxes, target in zip(anchors, targets)]
        return self.head.compute_loss(targets, head_outputs, anchors, matched)

    def _losses(self, targets, outputs, anchors, per_level):
        return self.compute_loss(targets, outputs, anchors)

    def _detections(self, outputs, anchors, sizes, per_level):
        boxes = [list(one.split(per_level)) for one in anchors]
        return self.postprocess_detections(D.by_level(outputs, per_level), boxes, sizes)

    def postprocess_detections(self, head_outputs, anchors, image_shapes):
        """Detections of each picture; outputs and anchors are those of each map."""
        found = []
        for i, size in enumerate(image_shapes):
            levels = zip(head_outputs["cls_logits"], head_outputs["bbox_regression"], anchors[i])
            parts = [
                D.level_candidates(self, self.box_coder.decode_single, logits[i].sigmoid(), codes[i], boxes, size)
                for logits, codes, boxes in levels
            ]
            found.append(self._kept(*zip(*parts)))
        return found


def _first(weights, trained, layers, classes, progress, **kwargs):
    parts = {"returned_layers": [2, 3, 4], "extra": partial(LastLevelP6P7, 256, 256)}
    return RetinaNet(resnet50_pyramid(weights, trained, layers, progress, **parts), classes, **kwargs)


def _second(weights, trained, layers, classes, progress, **kwargs):
    parts = {"returned_layers": [2, 3, 4], "extra": partial(LastLevelP6P7, 2048, 256)}
    backbone = resnet50_pyramid(weights, trained, layers, progress, second=True, **parts)
    anchors, norm = _default_anchorgen(), partial(nn.GroupNorm, 32)
    head = RetinaNetHead(backbone.out_channels, anchors.num_anchors_per_location()[0], classes, norm_layer=norm)
    head.regression_head._loss_type = "giou"
    return RetinaNet(backbone, classes, **{"anchor_generator": anchors, "head": head, **kwargs})


_first.__name__ = _second.__name__ = "RetinaNet"

RetinaNet_ResNet50_FPN_Weights, retinanet_resnet50_fpn = member(
    "RetinaNet on ResNet 50 with a pyramid (arXiv 1708.02002)",
    "RetinaNet_ResNet50_FPN_Weights",
    "retinanet_resnet50_fpn",
    _first,
    resnet.ResNet50_Weights.IMAGENET1K_V1,
    (5, 3),
    exact=("COCO_V1",),
)
RetinaNet_ResNet50_FPN_V2_Weights, retinanet_resnet50_fpn_v2 = member(
    "RetinaNet on ResNet 50 with a pyramid, improved (arXiv 1912.02424)",
    "RetinaNet_ResNet50_FPN_V2_Weights",
    "retinanet_resnet50_fpn_v2",
    _second,
    resnet.ResNet50_Weights,
    (5, 3),
)
