"""1 - generalized intersection over union (arXiv 1902.09630)."""

import flambeau

from .boxes import _wide
from .focal_loss import reduced

__all__ = ["generalized_box_iou_loss"]


def overlap_in_pairs(first, second, eps):
    """(intersection over union, union, sides of the hull, (intersection over union without eps)) box by box."""
    low, high = flambeau.max(first[..., :2], second[..., :2]), flambeau.min(first[..., 2:], second[..., 2:])
    sides = high - low
    shared = flambeau.where((sides > 0).all(-1), sides[..., 0] * sides[..., 1], flambeau.zeros_like(sides[..., 0]))
    areas = [(b[..., 2] - b[..., 0]) * (b[..., 3] - b[..., 1]) for b in (first, second)]
    union = areas[0] + areas[1] - shared
    hull = flambeau.max(first[..., 2:], second[..., 2:]) - flambeau.min(first[..., :2], second[..., :2])
    return shared / (union + eps), union, hull


def generalized_box_iou_loss(boxes1, boxes2, reduction="none", eps=1e-7):
    """1 - generalized intersection over union of pairs of boxes.

    Args:
        boxes1, boxes2: (..., 4), (x1, y1, x2, y2).
        reduction: "none", "mean" or "sum".
        eps: keeps from dividing by 0.

    >>> box = flambeau.tensor([[0.0, 0, 1, 1]])
    >>> flambeau.vision.ops.generalized_box_iou_loss(box, box + flambeau.tensor([3.0, 0, 3, 0]))
    tensor([1.5000])
    """
    iou, union, hull = overlap_in_pairs(_wide(boxes1), _wide(boxes2), eps)
    area = hull[..., 0] * hull[..., 1]
    return reduced(1 - (iou - (area - union) / (area + eps)), reduction)
