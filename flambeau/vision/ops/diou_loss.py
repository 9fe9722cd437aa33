"""1 - intersection over union + distance of the middles (arXiv 1911.08287)."""

from .boxes import _wide
from .focal_loss import reduced
from .giou_loss import overlap_in_pairs

__all__ = ["distance_box_iou_loss"]


def distance_loss(first, second, eps):
    """(loss, intersection over union) of pairs of boxes."""
    iou, _, hull = overlap_in_pairs(first, second, eps)
    diagonal = (hull**2).sum(-1) + eps
    apart = ((first[..., :2] + first[..., 2:]) / 2 - (second[..., :2] + second[..., 2:]) / 2) ** 2
    return 1 - iou + apart.sum(-1) / diagonal, iou


def distance_box_iou_loss(boxes1, boxes2, reduction="none", eps=1e-7):
    """1 - intersection over union of pairs of boxes, plus the squared distance of their middles.

    Args:
        boxes1, boxes2: (..., 4), (x1, y1, x2, y2).
        reduction: "none", "mean" or "sum".
        eps: keeps from dividing by 0.

    >>> box = flambeau.tensor([[0.0, 0, 1, 1]])
    >>> flambeau.vision.ops.distance_box_iou_loss(box, box + 1, reduction="sum")
    tensor(1.2500)
    """
    return reduced(distance_loss(_wide(boxes1), _wide(boxes2), eps)[0], reduction)
