"""distance_box_iou_loss plus how much the shapes differ (arXiv 1911.08287)."""

import math

import flambeau

from .boxes import _wide
from .diou_loss import distance_loss
from .focal_loss import reduced

__all__ = ["complete_box_iou_loss"]


def complete_box_iou_loss(boxes1, boxes2, reduction="none", eps=1e-7):
    """distance_box_iou_loss of pairs of boxes, plus how much their shapes differ.

    Args:
        boxes1, boxes2: (..., 4), (x1, y1, x2, y2).
        reduction: "none", "mean" or "sum".
        eps: keeps from dividing by 0.

    >>> box = flambeau.tensor([[0.0, 0, 1, 1]])
    >>> flambeau.vision.ops.complete_box_iou_loss(box, box + 1, reduction="sum")
    tensor(1.2500)
    """
    boxes1, boxes2 = _wide(boxes1), _wide(boxes2)
    loss, iou = distance_loss(boxes1, boxes2, eps)
    shapes = [flambeau.atan((b[..., 2] - b[..., 0]) / (b[..., 3] - b[..., 1])) for b in (boxes1, boxes2)]
    v = 4 / math.pi**2 * (shapes[1] - shapes[0]) ** 2
    with flambeau.no_grad():
        alpha = v / (1 - iou + v + eps)
    return reduced(loss + alpha * v, reduction)
