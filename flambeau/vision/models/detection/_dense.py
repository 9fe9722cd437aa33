"""Detectors in one step: a head predicts classes and boxes at each place."""

import flambeau

from ... import ops
from . import _utils as U
from .transform import GeneralizedRCNNTransform


class DenseDetector(U.Detector):
    """Feature maps, a head, and anchors.

    A subclass has `score_thresh`, `nms_thresh`, `detections_per_img`, `topk_candidates`, and the methods `_losses`
    (targets, outputs of the head, anchors, anchors on each map) and `_detections` (outputs, anchors, sizes, anchors on
    each map).
    """

    def __init__(self, backbone, anchor_generator, head, transform):
        super().__init__()
        self.backbone, self.anchor_generator, self.head, self.transform = backbone, anchor_generator, head, transform

    def forward(self, images, targets=None):
        images, targets, original, maps = self._begin(images, targets)
        features = list(maps.values())
        outputs = self.head(features)
        anchors = self.anchor_generator(images, features)
        per_place = self.anchor_generator.num_anchors_per_location()
        per_level = [x.shape[2] * x.shape[3] * count for x, count in zip(features, per_place)]
        if self.training:
            return self.eager_outputs(self._losses(targets, outputs, anchors, per_level), [])
        found = self._detections(outputs, anchors, images.image_sizes, per_level)
        return self.eager_outputs({}, self.transform.postprocess(found, images.image_sizes, original))

    def _kept(self, boxes, scores, labels):
        """What is left of one picture's candidates after nms within the classes."""
        boxes, scores, labels = (flambeau.cat(parts) for parts in (boxes, scores, labels))
        kept = ops.batched_nms(boxes, scores, labels, self.nms_thresh)[: self.detections_per_img]
        return {"boxes": boxes[kept], "scores": scores[kept], "labels": labels[kept]}

    def _best(self, scores):
        """(scores, places) of the best candidates above the threshold."""
        places = flambeau.where(scores > self.score_thresh)[0]
        best, order = scores[places].topk(min(self.topk_candidates, len(places)))
        return best, places[order]


def by_level(outputs, per_level):
    """Rows of the outputs, {name: (N, rows, columns)}, map by map."""
    return {name: list(rows.split(per_level, dim=1)) for name, rows in outputs.items()}


def level_candidates(model, decode, scores, codes, anchors, size):
    """(boxes, scores, labels) of the best candidates on one map of one picture; scores are (places, classes)."""
    classes = scores.shape[-1]
    best, places = model._best(scores.flatten())
    rows = flambeau.div(places, classes, rounding_mode="floor")
    boxes = ops.clip_boxes_to_image(decode(codes[rows], anchors[rows]), size)
    return boxes, best, places % classes


def one_hot_of(matched, labels, logits):
    """(targets of the classes like logits (anchors, classes), which anchors hold a thing)."""
    things = matched >= 0
    targets = flambeau.zeros_like(logits)
    targets[things, labels[matched[things]]] = 1.0
    return targets, things


def conv_tower(modules, x, columns, last):
    """Rows (N, places * A, columns) of all maps, through convolutions and one last of them."""
    return flambeau.cat([U.per_place(last(modules(feature)), columns) for feature in x], dim=1)


def transform_of(min_size, max_size, image_mean, image_std, **kwargs):
    """The preparation, with ImageNet's colours unless others are given."""
    mean = [0.485, 0.456, 0.406] if image_mean is None else image_mean
    std = [0.229, 0.224, 0.225] if image_std is None else image_std
    return GeneralizedRCNNTransform(min_size, max_size, mean, std, **kwargs)
