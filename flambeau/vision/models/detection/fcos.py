"""FCOS (arXiv 1904.01355)."""

import math
from functools import partial

import flambeau
from flambeau import nn
from flambeau.nn import functional as F

from ...ops import generalized_box_iou_loss, sigmoid_focal_loss
from ...ops.feature_pyramid_network import LastLevelP6P7
from .. import resnet
from . import _dense as D
from . import _utils as U
from ._members import member
from .anchor_utils import AnchorGenerator
from .faster_rcnn import _of_kind, needs_channels, resnet50_pyramid

__all__ = ["FCOS", "FCOS_ResNet50_FPN_Weights", "fcos_resnet50_fpn"]


def _tower(channels, num_convs, norm_layer):
    layers = []
    for _ in range(num_convs):
        layers += [nn.Conv2d(channels, channels, 3, stride=1, padding=1), norm_layer(channels), nn.ReLU()]
    return nn.Sequential(*layers)


_norm = partial(nn.GroupNorm, 32)


class FCOSClassificationHead(nn.Module):
    """Logits of the classes at each place."""

    def __init__(self, in_channels, num_anchors, num_classes, num_convs=4, prior_probability=0.01, norm_layer=None):
        super().__init__()
        self.num_classes, self.num_anchors = num_classes, num_anchors
        self.conv = _tower(in_channels, num_convs, _norm if norm_layer is None else norm_layer)
        U.draw_normal(self.conv)
        self.cls_logits = nn.Conv2d(in_channels, num_anchors * num_classes, 3, stride=1, padding=1)
        nn.init.normal_(self.cls_logits.weight, std=0.01)
        nn.init.constant_(self.cls_logits.bias, -math.log((1 - prior_probability) / prior_probability))

    def forward(self, x):
        return D.conv_tower(self.conv, x, self.num_classes, self.cls_logits)


class FCOSRegressionHead(nn.Module):
    """Distances of the sides, and how far in the middle of a thing each place is."""

    def __init__(self, in_channels, num_anchors, num_convs=4, norm_layer=None):
        super().__init__()
        self.conv = _tower(in_channels, num_convs, _norm if norm_layer is None else norm_layer)
        self.bbox_reg = nn.Conv2d(in_channels, num_anchors * 4, 3, stride=1, padding=1)
        self.bbox_ctrness = nn.Conv2d(in_channels, num_anchors, 3, stride=1, padding=1)
        U.draw_normal([self.bbox_reg, self.bbox_ctrness])
        U.draw_normal(self.conv)

    def forward(self, x):
        maps = [self.conv(feature) for feature in x]
        distances = [U.per_place(F.relu(self.bbox_reg(one)), 4) for one in maps]
        middle = [U.per_place(self.bbox_ctrness(one), 1) for one in maps]
        return flambeau.cat(distances, 1), flambeau.cat(middle, 1)


class FCOSHead(nn.Module):
    """Logits of the classes, distances of the sides, and how far in the middle each place is."""

    def __init__(self, in_channels, num_anchors, num_classes, num_convs=4):
        super().__init__()
        self.box_coder = U.BoxLinearCoder(normalize_by_size=True)
        self.classification_head = FCOSClassificationHead(in_channels, num_anchors, num_classes, num_convs)
        self.regression_head = FCOSRegressionHead(in_channels, num_anchors, num_convs)

    @staticmethod
    def _wanted(target, matched):
        """(class of each place, -1 for none; box of each place)."""
        if len(target["labels"]) == 0:
            none = flambeau.full((len(matched),), -1, dtype=target["labels"].dtype)
            return none, target["boxes"].new_zeros((len(matched), 4))
        places = matched.clamp(min=0)
        return target["labels"][places].masked_fill(matched < 0, -1), target["boxes"][places]

    def _middles(self, anchors, boxes):
        """How far in the middle of its box each place is, in [0, 1] (the paper's equation 3)."""
        left, top, right, bottom = self.box_coder.encode(anchors, boxes).unbind(-1)
        across = flambeau.min(left, right) / flambeau.max(left, right)
        return (across * (flambeau.min(top, bottom) / flambeau.max(top, bottom))).sqrt()

    def compute_loss(self, targets, head_outputs, anchors, matched_idxs):
        """{"classification": ..., "bbox_regression": ..., "bbox_ctrness": ...}, per place that holds a thing."""
        pairs = [self._wanted(*picture) for picture in zip(targets, matched_idxs)]
        classes, boxes = (flambeau.stack(parts) for parts in zip(*pairs))
        anchors, things = flambeau.stack(anchors), classes >= 0
        wanted = flambeau.zeros_like(head_outputs["cls_logits"])
        wanted[things, classes[things]] = 1.0
        found = self.box_coder.decode(head_outputs["bbox_regression"], anchors)
        middle, true = head_outputs["bbox_ctrness"].squeeze(dim=2), self._middles(anchors, boxes)
        losses = {
            "classification": sigmoid_focal_loss(head_outputs["cls_logits"], wanted, reduction="sum"),
            "bbox_regression": generalized_box_iou_loss(found[things], boxes[things], reduction="sum"),
            "bbox_ctrness": F.binary_cross_entropy_with_logits(middle[things], true[things], reduction="sum"),
        }
        return {name: loss / max(1, things.sum().item()) for name, loss in losses.items()}

    def forward(self, x):
        distances, middle = self.regression_head(x)
        return {"cls_logits": self.classification_head(x), "bbox_regression": distances, "bbox_ctrness": middle}


class FCOS(D.DenseDetector):
    """Boxes and classes of the things in pictures, from the places inside them.

    In training, it takes a list of pictures (C, H, W) and one of dicts with "boxes" (L, 4) and "labels" (L,), and
    returns a dict of losses; otherwise a list of dicts with "boxes", "labels" and "scores".

    Args:
        backbone: makes feature maps; has `out_channels`.
        num_classes: with the background.
        min_size, max_size, image_mean, image_std: as in GeneralizedRCNNTransform.
        anchor_generator, head: parts, made if None; one anchor at each place.
        center_sampling_radius: places within so many strides of a thing's middle hold it.
        score_thresh, nms_thresh, detections_per_img, topk_candidates: which detections are kept.

    >>> backbone = flambeau.vision.models.detection.backbone_utils.mobilenet_backbone(
    ...     backbone_name="mobilenet_v2", weights=None, fpn=False)
    >>> net = flambeau.vision.models.detection.FCOS(
    ...     backbone, 3, 64, 64, anchor_generator=AnchorGenerator(((32,),), ((1.0,),))).eval()
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
        center_sampling_radius=1.5,
        score_thresh=0.2,
        nms_thresh=0.6,
        detections_per_img=100,
        topk_candidates=1000,
        **kwargs,
    ):
        channels = needs_channels(backbone)
        _of_kind(anchor_generator, AnchorGenerator, "anchor_generator")
        if anchor_generator is None:
            anchor_generator = AnchorGenerator(((8,), (16,), (32,), (64,), (128,)), ((1.0,),) * 5)
        count = anchor_generator.num_anchors_per_location()[0]
        if count != 1:
            raise ValueError(f"anchor_generator.num_anchors_per_location()[0] should be 1 instead of {count}")
        head = FCOSHead(channels, count, num_classes) if head is None else head
        transform = D.transform_of(min_size, max_size, image_mean, image_std, **kwargs)
        super().__init__(backbone, anchor_generator, head, transform)
        self.box_coder = U.BoxLinearCoder(normalize_by_size=True)
        self.center_sampling_radius = center_sampling_radius
        self.score_thresh, self.nms_thresh = score_thresh, nms_thresh
        self.detections_per_img, self.topk_candidates = detections_per_img, topk_candidates

    def _matched(self, anchors, boxes, per_level):
        """The smallest thing whose middle is near each place and whose size suits the map, -1 for none."""
        if boxes.numel() == 0:
            return flambeau.full((len(anchors),), -1, dtype=flambeau.int64)
        middles, sizes = (anchors[:, :2] + anchors[:, 2:]) / 2, anchors[:, 2] - anchors[:, 0]
        apart = (middles[:, None] - ((boxes[:, :2] + boxes[:, 2:]) / 2)[None]).abs().max(dim=2).values
        x, y = middles.unsqueeze(2).unbind(dim=1)
        x1, y1, x2, y2 = boxes.unsqueeze(0).unbind(dim=2)
        sides = flambeau.stack([x - x1, y - y1, x2 - x, y2 - y], dim=2)
        low, high = sizes * 4, sizes * 8
        low[: per_level[0]] = 0
        high[-per_level[-1] :] = float("inf")
        far = sides.max(dim=2).values
        near = (apart < self.center_sampling_radius * sizes[:, None]) & (sides.min(dim=2).values > 0)
        good = near & (far > low[:, None]) & (far < high[:, None])
        areas = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
        best, found = (good.to(flambeau.float32) * (1e8 - areas[None])).max(dim=1)
        return found.masked_fill(best < 1e-5, -1)

    def compute_loss(self, targets, head_outputs, anchors, num_anchors_per_level):
        """The losses of the head."""
        pairs = zip(anchors, targets)
        matched = [self._matched(boxes, target["boxes"], num_anchors_per_level) for boxes, target in pairs]
        return self.head.compute_loss(targets, head_outputs, anchors, matched)

    def _losses(self, targets, outputs, anchors, per_level):
        return self.compute_loss(targets, outputs, anchors, per_level)

    def _detections(self, outputs, anchors, sizes, per_level):
        boxes = [list(one.split(per_level)) for one in anchors]
        return self.postprocess_detections(D.by_level(outputs, per_level), boxes, sizes)

    def postprocess_detections(self, head_outputs, anchors, image_shapes):
        """Detections of each picture; outputs and anchors are those of each map."""
        found = []
        for i, size in enumerate(image_shapes):
            names = ("cls_logits", "bbox_ctrness", "bbox_regression")
            parts = [
                D.level_candidates(
                    self,
                    self.box_coder.decode,
                    (logits[i].sigmoid() * middle[i].sigmoid()).sqrt(),
                    codes[i],
                    boxes,
                    size,
                )
                for logits, middle, codes, boxes in zip(*(head_outputs[name] for name in names), anchors[i])
            ]
            found.append(self._kept(*zip(*parts)))
        return found


def _on_resnet(weights, trained, layers, classes, progress, **kwargs):
    parts = {"returned_layers": [2, 3, 4], "extra": partial(LastLevelP6P7, 256, 256)}
    return FCOS(resnet50_pyramid(weights, trained, layers, progress, **parts), classes, **kwargs)


_on_resnet.__name__ = "FCOS"

FCOS_ResNet50_FPN_Weights, fcos_resnet50_fpn = member(
    "FCOS on ResNet 50 with a pyramid (arXiv 1904.01355)",
    "FCOS_ResNet50_FPN_Weights",
    "fcos_resnet50_fpn",
    _on_resnet,
    resnet.ResNet50_Weights.IMAGENET1K_V1,
    (5, 3),
)
