"""Boxes (x1, y1, x2, y2): sizes, overlaps, and which to keep."""

import flambeau

__all__ = [
    "batched_nms",
    "box_area",
    "box_convert",
    "box_iou",
    "clip_boxes_to_image",
    "complete_box_iou",
    "distance_box_iou",
    "generalized_box_iou",
    "masks_to_boxes",
    "nms",
    "remove_small_boxes",
]


def nms(boxes, scores, iou_threshold):
    """Boxes that do not overlap with one of higher score, by falling score.

    Args:
        boxes: (N, 4).
        scores: (N,).
        iou_threshold: two boxes overlap if their intersection over union is above it.

    Returns: places of the boxes that are kept, int64.

    >>> boxes = flambeau.tensor([[0.0, 0, 10, 10], [1, 1, 11, 11], [20, 20, 30, 30]])
    >>> flambeau.vision.ops.nms(boxes, flambeau.tensor([0.5, 0.9, 0.3]), 0.5)
    tensor([1, 2])
    """
    if boxes.ndim != 2 or boxes.shape[1] != 4:
        raise RuntimeError(f"[nms] boxes should be (N, 4), got {tuple(boxes.shape)}")
    if scores.ndim != 1 or len(scores) != len(boxes):
        raise RuntimeError(f"[nms] scores should be ({len(boxes)},), one per box, got {tuple(scores.shape)}")
    if boxes.dtype != scores.dtype:
        raise RuntimeError(f"[nms] boxes and scores should have one dtype, got {boxes.dtype} and {scores.dtype}")
    import numpy as np

    order = scores.detach().argsort(descending=True, stable=True).numpy()
    exact = boxes.detach() if boxes.dtype == flambeau.float64 else boxes.detach().float()
    rows = exact.numpy()[order]
    return flambeau.from_numpy(order[_greedy(rows, _at_most(iou_threshold, rows.dtype))].astype(np.int64))


_BLOCK = 128  # boxes whose overlaps with all later ones are computed at once


def _at_most(limit, dtype):
    """The largest number of the dtype that is not above the limit: comparing with either is the same."""
    import numpy as np

    near = dtype.type(limit)
    return np.nextafter(near, dtype.type(-np.inf)) if float(near) > limit else near


def _greedy(rows, limit):
    """Places of the rows that overlap with no row kept before them, block by block."""
    import numpy as np

    kept, left = [], np.arange(len(rows))
    while len(left):
        block = left[:_BLOCK]
        over = _overlapping(rows[block], rows[left], limit)
        chosen = _first_ones(over[:, : len(block)])
        kept.append(block[chosen])
        left = left[len(block) :][~over[chosen, len(block) :].any(0)]
    return np.concatenate(kept) if kept else np.arange(0)


def _overlapping(first, second, limit):
    """Whether the intersection over union is above the limit, for each pair."""
    import numpy as np

    (ax, ay, bx, by), (cx, cy, dx, dy) = first.T[:, :, None], second.T
    width = np.minimum(bx, dx) - np.maximum(ax, cx)
    height = np.minimum(by, dy) - np.maximum(ay, cy)
    shared = np.maximum(width, 0, out=width) * np.maximum(height, 0, out=height)
    with np.errstate(all="ignore"):
        union = (bx - ax) * (by - ay) + (dx - cx) * (dy - cy) - shared
        return shared / union > limit


def _first_ones(over):
    """Rows in order, without those that an earlier remaining row overlaps: each row is one number of bits."""
    import numpy as np

    packed = np.packbits(over, axis=1, bitorder="little")
    dropped, chosen = 0, []
    for i, row in enumerate(packed):
        if not dropped >> i & 1:
            chosen.append(i)
            dropped |= int.from_bytes(row.tobytes(), "little")
    return chosen


def batched_nms(boxes, scores, idxs, iou_threshold):
    """nms within each class.

    Args:
        boxes: (N, 4).
        scores, idxs: score and class of each, (N,).
        iou_threshold: as in nms.

    >>> boxes = flambeau.tensor([[0.0, 0, 10, 10], [1, 1, 11, 11]])
    >>> flambeau.vision.ops.batched_nms(boxes, flambeau.tensor([0.5, 0.9]), flambeau.tensor([0, 1]), 0.5)
    tensor([1, 0])
    """
    if boxes.numel() == 0:
        return flambeau.empty((0,), dtype=flambeau.int64)
    if boxes.numel() > 4000:
        kept = flambeau.zeros_like(scores, dtype=flambeau.bool)
        for number in idxs.unique():
            places = flambeau.where(idxs == number)[0]
            kept[places[nms(boxes[places], scores[places], iou_threshold)]] = True
        places = flambeau.where(kept)[0]
        return places[scores[places].sort(descending=True)[1]]
    apart = idxs.to(boxes) * (boxes.max() + flambeau.tensor(1).to(boxes))
    return nms(boxes + apart[:, None], scores, iou_threshold)


def remove_small_boxes(boxes, min_size):
    """Places of the boxes whose sides are at least so long.

    >>> flambeau.vision.ops.remove_small_boxes(flambeau.tensor([[0.0, 0, 1, 9], [0, 0, 3, 3]]), 2)
    tensor([1])
    """
    width, height = boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1]
    return flambeau.where((width >= min_size) & (height >= min_size))[0]


def clip_boxes_to_image(boxes, size):
    """Boxes (..., 4) cut off at the edges of a picture.

    Args:
        boxes: the boxes.
        size: (height, width).

    >>> flambeau.vision.ops.clip_boxes_to_image(flambeau.tensor([[-1.0, 2, 30, 40]]), (20, 10))
    tensor([[ 0.,  2., 10., 20.]])
    """
    height, width = size
    x = boxes[..., 0::2].clamp(min=0, max=width)
    y = boxes[..., 1::2].clamp(min=0, max=height)
    return flambeau.stack((x, y), boxes.dim()).reshape(boxes.shape)


def _corners_of_turned(x, y, w, h, r):
    """Corners (8 numbers) of boxes turned by r degrees against the clock, from the first corner on."""
    turn = r * flambeau.pi / 180.0
    cos, sin = turn.cos(), turn.sin()
    x2, y2, x4, y4 = x + w * cos, y - w * sin, x + h * sin, y + h * cos
    return x, y, x2, y2, x4 + w * cos, y4 - w * sin, x4, y4


def _turned_of_corners(x1, y1, x2, y2, x3, y3, x4, y4):
    w = ((x2 - x1) ** 2 + (y1 - y2) ** 2).sqrt()
    h = ((x3 - x2) ** 2 + (y3 - y2) ** 2).sqrt()
    return x1, y1, w, h, flambeau.atan2(y1 - y2, x2 - x1) * 180 / flambeau.pi


def _middle_of_corner(x, y, w, h, r):
    """Middles of turned boxes whose first corners are given."""
    turn = r * flambeau.pi / 180.0
    cos, sin = turn.cos(), turn.sin()
    return x + w / 2 * cos + h / 2 * sin, y - w / 2 * sin + h / 2 * cos, w, h, r


def _corner_of_middle(cx, cy, w, h, r):
    turn = r * flambeau.pi / 180.0
    cos, sin = turn.cos(), turn.sin()
    return cx - w / 2 * cos - h / 2 * sin, cy + w / 2 * sin - h / 2 * cos, w, h, r


# To and from (x1, y1, x2, y2), and for turned boxes (x1, y1, w, h, degrees).
_STRAIGHT = {
    "xyxy": (lambda *b: b, lambda *b: b),
    "xywh": (lambda x, y, w, h: (x, y, x + w, y + h), lambda x1, y1, x2, y2: (x1, y1, x2 - x1, y2 - y1)),
    "cxcywh": (
        lambda cx, cy, w, h: (cx - 0.5 * w, cy - 0.5 * h, cx + 0.5 * w, cy + 0.5 * h),
        lambda x1, y1, x2, y2: ((x1 + x2) / 2, (y1 + y2) / 2, x2 - x1, y2 - y1),
    ),
}
_TURNED = {
    "xywhr": (lambda *b: b, lambda *b: b),
    "cxcywhr": (_corner_of_middle, _middle_of_corner),
    "xyxyxyxy": (_turned_of_corners, _corners_of_turned),
}


def box_convert(boxes, in_fmt, out_fmt):
    """Boxes in another form.

    Args:
        boxes: (..., 4), or (..., 5) and (..., 8) for turned ones.
        in_fmt, out_fmt: "xyxy", "xywh" or "cxcywh"; for turned boxes "cxcywhr", "xywhr" or "xyxyxyxy", angles in
            degrees.

    >>> flambeau.vision.ops.box_convert(flambeau.tensor([1.0, 2, 5, 8]), "xyxy", "cxcywh")
    tensor([3., 5., 4., 6.])
    """
    for name in (in_fmt, out_fmt):
        if name not in {**_STRAIGHT, **_TURNED}:
            raise ValueError(f"Unsupported format {name}: {', '.join([*_STRAIGHT, *_TURNED])} expected")
    if in_fmt == out_fmt:
        return boxes.clone()
    table = _STRAIGHT if in_fmt in _STRAIGHT else _TURNED
    if out_fmt not in table:
        raise NotImplementedError(
            f"Unsupported Bounding Box Conversions for given in_fmt {in_fmt} and out_fmt {out_fmt}"
        )
    out = flambeau.stack(table[out_fmt][1](*table[in_fmt][0](*boxes.unbind(-1))), -1)
    if table is _TURNED and not boxes.is_floating_point():
        return out.round().to(boxes.dtype)
    return out


def _wide(t):
    """A dtype in which products do not overflow."""
    if t.is_floating_point():
        return t if t.dtype in (flambeau.float32, flambeau.float64) else t.float()
    return t if t.dtype in (flambeau.int32, flambeau.int64) else t.int()


def box_area(boxes, fmt="xyxy"):
    """Areas of boxes.

    Args:
        boxes: (..., 4).
        fmt: "xyxy", "xywh" or "cxcywh".

    >>> flambeau.vision.ops.box_area(flambeau.tensor([[1.0, 2, 5, 8]]))
    tensor([24.])
    """
    if fmt not in _STRAIGHT:
        raise ValueError(f"Unsupported Box Area for given format {fmt}: {', '.join(_STRAIGHT)} expected")
    boxes = _wide(boxes)
    a, b, c, d = boxes.unbind(-1)
    return (c - a) * (d - b) if fmt == "xyxy" else c * d


def _overlap(first, second):
    """(intersection over union, union) of each pair of boxes."""
    low, high = (
        flambeau.max(first[..., None, :2], second[..., None, :, :2]),
        flambeau.min(first[..., None, 2:], second[..., None, :, 2:]),
    )
    sides = _wide(high - low).clamp(min=0)
    shared = sides[..., 0] * sides[..., 1]
    union = box_area(first)[..., None] + box_area(second)[..., None, :] - shared
    return shared / union, union


def _plain(boxes1, boxes2, fmt):
    if fmt == "xyxy":
        return boxes1, boxes2
    return box_convert(boxes1, fmt, "xyxy"), box_convert(boxes2, fmt, "xyxy")


def box_iou(boxes1, boxes2, fmt="xyxy"):
    """Intersection over union of each pair of boxes.

    Args:
        boxes1, boxes2: (..., N, 4) and (..., M, 4).
        fmt: "xyxy", "xywh" or "cxcywh".

    Returns: (..., N, M).

    >>> flambeau.vision.ops.box_iou(flambeau.tensor([[0.0, 0, 2, 2]]), flambeau.tensor([[1.0, 0, 3, 2]]))
    tensor([[0.3333]])
    """
    return _overlap(*_plain(boxes1, boxes2, fmt))[0]


def _hull(first, second):
    """Sides (..., N, M, 2) of the smallest boxes around each pair."""
    low = flambeau.min(first[..., None, :2], second[..., None, :, :2])
    high = flambeau.max(first[..., None, 2:], second[..., None, :, 2:])
    return _wide(high - low).clamp(min=0)


def generalized_box_iou(boxes1, boxes2):
    """Intersection over union, less the share of the hull that neither box covers (arXiv 1902.09630).

    Args:
        boxes1, boxes2: (N, 4) and (M, 4).

    >>> flambeau.vision.ops.generalized_box_iou(flambeau.tensor([[0.0, 0, 1, 1]]), flambeau.tensor([[3.0, 0, 4, 1]]))
    tensor([[-0.5000]])
    """
    iou, union = _overlap(boxes1, boxes2)
    area = _hull(boxes1, boxes2).prod(-1)
    return iou - (area - union) / area


def _distance(first, second, eps):
    """(intersection over union less the squared distance of the middles, in squared diagonals of the hull; the
    intersection over union)."""
    iou, _ = _overlap(first, second)
    diagonal = (_hull(first, second) ** 2).sum(-1) + eps
    middles = [(_wide(b[..., :2]) + _wide(b[..., 2:])) / 2 for b in (first, second)]
    apart = ((middles[0][..., None, :] - middles[1][..., None, :, :]) ** 2).sum(-1)
    return iou - apart / diagonal, iou


def distance_box_iou(boxes1, boxes2, eps=1e-7):
    """Intersection over union, less the distance of the middles (arXiv 1911.08287).

    Args:
        boxes1, boxes2: (N, 4) and (M, 4).
        eps: keeps from dividing by 0.

    >>> flambeau.vision.ops.distance_box_iou(flambeau.tensor([[0.0, 0, 2, 2]]), flambeau.tensor([[0.0, 0, 2, 2]]))
    tensor([[1.]])
    """
    boxes1, boxes2 = _wide(boxes1), _wide(boxes2)
    return _distance(boxes1, boxes2, eps)[0]


def complete_box_iou(boxes1, boxes2, eps=1e-7):
    """distance_box_iou, less how much the shapes differ (arXiv 1911.08287).

    Args:
        boxes1, boxes2: (N, 4) and (M, 4).
        eps: keeps from dividing by 0.

    >>> flambeau.vision.ops.complete_box_iou(flambeau.tensor([[0.0, 0, 2, 2]]), flambeau.tensor([[0.0, 0, 2, 2]]))
    tensor([[1.]])
    """
    boxes1, boxes2 = _wide(boxes1), _wide(boxes2)
    distance, iou = _distance(boxes1, boxes2, eps)
    shapes = [flambeau.atan((b[..., 2] - b[..., 0]) / (b[..., 3] - b[..., 1])) for b in (boxes1, boxes2)]
    v = 4 / flambeau.pi**2 * (shapes[0][..., None] - shapes[1][..., None, :]) ** 2
    with flambeau.no_grad():
        alpha = v / (1 - iou + v + eps)
    return distance - alpha * v


def masks_to_boxes(masks):
    """The boxes around areas.

    Args:
        masks: (N, H, W), not zero inside.

    >>> flambeau.vision.ops.masks_to_boxes(flambeau.eye(3)[None, 1:])
    tensor([[1., 0., 2., 1.]])
    """
    boxes = flambeau.zeros((len(masks), 4), dtype=flambeau.float32)
    for i, mask in enumerate(masks):
        y, x = flambeau.where(mask != 0)
        if len(y):
            boxes[i] = flambeau.stack([x.min(), y.min(), x.max(), y.max()]).to(flambeau.float32)
    return boxes
