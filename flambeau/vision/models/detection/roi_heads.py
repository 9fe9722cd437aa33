"""What is in proposed boxes: classes, better boxes, masks and key points (arXiv 1703.06870)."""

import flambeau
from flambeau import nn
from flambeau.nn import functional as F

from ... import ops
from ...ops import roi_align
from . import _utils as U

__all__ = [
    "RoIHeads", "expand_boxes", "expand_masks", "fastrcnn_loss", "heatmaps_to_keypoints", "keypointrcnn_inference",
    "keypointrcnn_loss", "keypoints_to_heatmap", "maskrcnn_inference", "maskrcnn_loss", "paste_mask_in_image",
    "paste_masks_in_image", "project_masks_on_boxes",
]  # fmt: skip


# ---- classes and boxes


def fastrcnn_loss(class_logits, box_regression, labels, regression_targets):
    """(cross entropy of the classes, smooth L1 loss of the boxes of things, per box).

    Args:
        class_logits: (N, classes).
        box_regression: (N, 4 classes).
        labels, regression_targets: of each picture; label 0 is nothing.

    >>> zeros = flambeau.zeros
    >>> [x.item() for x in fastrcnn_loss(zeros(1, 1), zeros(1, 4), [zeros(1, dtype=flambeau.int64)], [zeros(1, 4)])]
    [0.0, 0.0]
    """
    labels, targets = flambeau.cat(labels), flambeau.cat(regression_targets)
    things = flambeau.where(labels > 0)[0]
    codes = box_regression.reshape(len(class_logits), -1, 4)[things, labels[things]]
    boxes = F.smooth_l1_loss(codes, targets[things], beta=1 / 9, reduction="sum")
    return F.cross_entropy(class_logits, labels), boxes / labels.numel()


# ---- masks


def maskrcnn_inference(x, labels):
    """Probabilities of each box's own class, one tensor (n, 1, H, W) for each picture.

    Args:
        x: logits (N, classes, H, W).
        labels: classes of the boxes of each picture.

    >>> maskrcnn_inference(flambeau.zeros(1, 2, 1, 1), [flambeau.tensor([1])])[0].item()
    0.5
    """
    every = flambeau.cat(labels)
    own = x.sigmoid()[flambeau.arange(len(x)), every][:, None]
    return own.split([len(one) for one in labels], 0)


def project_masks_on_boxes(gt_masks, boxes, matched_idxs, M):
    """The part of each box's mask that lies in the box, (n, M, M).

    Args:
        gt_masks: masks of the things, (T, H, W).
        boxes: (n, 4).
        matched_idxs: the thing of each box.
        M: side of the result.

    >>> project_masks_on_boxes(flambeau.ones(1, 4, 4), flambeau.tensor([[0.0, 0, 2, 2]]), flambeau.tensor([0]), 1)
    tensor([[[1.]]])
    """
    rois = flambeau.cat([matched_idxs.to(boxes)[:, None], boxes], 1)
    return roi_align(gt_masks[:, None].to(rois), rois, (M, M), 1.0)[:, 0]


def maskrcnn_loss(mask_logits, proposals, gt_masks, gt_labels, mask_matched_idxs):
    """Binary cross entropy of the masks, each for its own class.

    Args:
        mask_logits: (N, classes, M, M).
        proposals, gt_masks, gt_labels, mask_matched_idxs: boxes, masks and classes of the things, and which thing
            belongs to which box, of each picture.

    >>> box, number = flambeau.tensor([[0.0, 0, 2, 2]]), flambeau.tensor([0])
    >>> maskrcnn_loss(flambeau.zeros(1, 1, 2, 2), [box], [flambeau.ones(1, 4, 4)], [number], [number])
    tensor(0.6931)
    """
    labels = flambeau.cat([one[places] for one, places in zip(gt_labels, mask_matched_idxs)])
    parts = zip(gt_masks, proposals, mask_matched_idxs)
    targets = flambeau.cat([project_masks_on_boxes(*part, mask_logits.shape[-1]) for part in parts])
    if targets.numel() == 0:
        return mask_logits.sum() * 0
    own = mask_logits[flambeau.arange(len(labels)), labels]
    return F.binary_cross_entropy_with_logits(own, targets)


def expand_boxes(boxes, scale):
    """Boxes (N, 4) larger by a factor around their middles.

    >>> expand_boxes(flambeau.tensor([[0.0, 0, 2, 2]]), 2.0)
    tensor([[-1., -1.,  3.,  3.]])
    """
    x1, y1, x2, y2 = boxes.unbind(1)
    half_width, half_height = (x2 - x1) * 0.5 * scale, (y2 - y1) * 0.5 * scale
    x, y = (x2 + x1) * 0.5, (y2 + y1) * 0.5
    return flambeau.stack((x - half_width, y - half_height, x + half_width, y + half_height), 1)


def expand_masks(mask, padding):
    """(masks with zeros around them, growth).

    >>> expand_masks(flambeau.ones(1, 1, 2, 2), 1)[1]
    2.0
    """
    side = mask.shape[-1]
    return F.pad(mask, (padding,) * 4), float(side + 2 * padding) / side


def paste_mask_in_image(mask, box, im_h, im_w):
    """A mask resized to a box, in a picture of zeros.

    Args:
        mask: (M, M).
        box: x1, y1, x2, y2 as whole numbers; its last row and column belong to it.
        im_h, im_w: size of the picture.

    >>> paste_mask_in_image(flambeau.ones(2, 2), flambeau.tensor([1, 0, 2, 0]), 2, 3)
    tensor([[0., 1., 1.],
            [0., 0., 0.]])
    """
    x1, y1, x2, y2 = (int(side) for side in box)
    size = max(y2 - y1 + 1, 1), max(x2 - x1 + 1, 1)
    mask = F.interpolate(mask[None, None], size=size, mode="bilinear", align_corners=False)[0, 0]
    out = flambeau.zeros((im_h, im_w), dtype=mask.dtype)
    left, right, top, bottom = max(x1, 0), min(x2 + 1, im_w), max(y1, 0), min(y2 + 1, im_h)
    if left < right and top < bottom:
        out[top:bottom, left:right] = mask[top - y1 : bottom - y1, left - x1 : right - x1]
    return out


def paste_masks_in_image(masks, boxes, img_shape, padding=1):
    """Masks of boxes as masks of the picture, (N, 1, H, W).

    Args:
        masks: (N, 1, M, M).
        boxes: (N, 4).
        img_shape: (H, W).
        padding: zeros around a mask before it is resized.

    >>> paste_masks_in_image(flambeau.ones(1, 1, 4, 4), flambeau.tensor([[0.0, 0, 4, 4]]), (4, 6)).shape
    torch.Size([1, 1, 4, 6])
    """
    masks, scale = expand_masks(masks, padding)
    boxes = expand_boxes(boxes, scale).to(dtype=flambeau.int64)
    found = [paste_mask_in_image(mask[0], box, *img_shape) for mask, box in zip(masks, boxes)]
    return flambeau.stack(found)[:, None] if found else masks.new_empty((0, 1, *img_shape))


# ---- key points


def keypoints_to_heatmap(keypoints, rois, heatmap_size):
    """(the pixel of each point in a square map of its box, 1 where it is seen and inside).

    Args:
        keypoints: (N, K, 3).
        rois: (N, 4).
        heatmap_size: side of the map.

    >>> keypoints_to_heatmap(flambeau.tensor([[[1.0, 3, 1]]]), flambeau.tensor([[0.0, 0, 4, 4]]), 8)
    (tensor([[50]]), tensor([[1]]))
    """
    x1, y1, x2, y2 = rois[:, :, None].unbind(1)
    places = []
    for point, low, high in ((keypoints[..., 0], x1, x2), (keypoints[..., 1], y1, y2)):
        place = ((point - low) * (heatmap_size / (high - low))).floor().long()
        places.append(place.masked_fill(point == high, heatmap_size - 1))
    x, y = places
    inside = (x >= 0) & (y >= 0) & (x < heatmap_size) & (y < heatmap_size)
    valid = (inside & (keypoints[..., 2] > 0)).long()
    return (y * heatmap_size + x) * valid, valid


def heatmaps_to_keypoints(maps, rois):
    """(points (N, 3, K) with x, y and 1, and their scores): the largest values of maps as large as the boxes.

    Args:
        maps: (N, K, H, W).
        rois: (N, 4).

    >>> points, scores = heatmaps_to_keypoints(flambeau.zeros(2, 5, 4, 4), flambeau.tensor([[0.0, 0, 4, 4]] * 2))
    >>> points.shape, scores.shape
    (torch.Size([2, 5, 3]), torch.Size([2, 5]))
    """
    sizes = [(rois[:, i + 2] - rois[:, i]).clamp(min=1) for i in (0, 1)]
    count, points = maps.shape[:2]
    places = maps.new_ones((count, points, 3), dtype=flambeau.float32)
    scores = flambeau.zeros((count, points), dtype=flambeau.float32)
    for i in range(count):
        width, height = (int(size[i].ceil().item()) for size in sizes)
        large = F.interpolate(maps[i][:, None], size=(height, width), mode="bicubic", align_corners=False)[:, 0]
        best = large.reshape(points, -1).argmax(dim=1)
        x, y = best % width, best // width
        places[i, :, 0] = (x.float() + 0.5) * (sizes[0][i] / width) + rois[i, 0]
        places[i, :, 1] = (y.float() + 0.5) * (sizes[1][i] / height) + rois[i, 1]
        scores[i] = large[flambeau.arange(points), y, x]
    return places, scores


def keypointrcnn_loss(keypoint_logits, proposals, gt_keypoints, keypoint_matched_idxs):
    """Cross entropy of the pixel of each point that is seen.

    Args:
        keypoint_logits: (N, K, S, S).
        proposals, gt_keypoints, keypoint_matched_idxs: boxes, points of the things, and which thing belongs to which
            box, of each picture.

    >>> box, points = flambeau.tensor([[0.0, 0, 4, 4]]), flambeau.tensor([[[1.0, 3, 1]]])
    >>> keypointrcnn_loss(flambeau.zeros(1, 1, 2, 2), [box], [points], [flambeau.tensor([0])])
    tensor(1.3863)
    """
    count, points, side, width = keypoint_logits.shape
    if side != width:
        raise ValueError(
            f"keypoint_logits height and width (last two elements of shape) should be equal, got {side} and {width}"
        )
    pairs = [
        keypoints_to_heatmap(one[places], boxes, side)
        for boxes, one, places in zip(proposals, gt_keypoints, keypoint_matched_idxs)
    ]
    targets = flambeau.cat([target.reshape(-1) for target, _ in pairs])
    seen = flambeau.where(flambeau.cat([valid.reshape(-1) for _, valid in pairs]))[0]
    if keypoint_logits.numel() == 0 or len(seen) == 0:
        return keypoint_logits.sum() * 0
    return F.cross_entropy(keypoint_logits.reshape(count * points, -1)[seen], targets[seen])


def keypointrcnn_inference(x, boxes):
    """(points, scores) of the boxes of each picture.

    Args:
        x: (N, K, H, W).
        boxes: of each picture.

    >>> points, scores = keypointrcnn_inference(flambeau.zeros(1, 5, 4, 4), [flambeau.tensor([[0.0, 0, 4, 4]])])
    >>> points[0].shape
    torch.Size([1, 5, 3])
    """
    counts = [len(one) for one in boxes]
    pairs = [heatmaps_to_keypoints(*part) for part in zip(x.split(counts, 0), boxes)]
    return [points for points, _ in pairs], [scores for _, scores in pairs]


# ---- the heads


class RoIHeads(nn.Module):
    """Heads for what is in proposed boxes.

    Args:
        box_roi_pool, box_head, box_predictor: resample the regions, make features of them, and of these logits and
            codes of boxes.
        fg_iou_thresh, bg_iou_thresh: overlap from which on a box holds a thing, and below which it holds nothing.
        batch_size_per_image, positive_fraction: boxes drawn for the losses, and the share that may hold things.
        bbox_reg_weights: weights of the codes.
        score_thresh, nms_thresh, detections_per_img: which detections are kept, and how many.
        mask_roi_pool, mask_head, mask_predictor: the same for masks, or None.
        keypoint_roi_pool, keypoint_head, keypoint_predictor: the same for key points, or None.

    >>> heads = RoIHeads(None, None, None, 0.5, 0.5, 8, 0.25, None, 0.05, 0.5, 10)
    >>> heads.has_mask(), heads.has_keypoint()
    (False, False)
    """

    def __init__(
        self,
        box_roi_pool,
        box_head,
        box_predictor,
        fg_iou_thresh,
        bg_iou_thresh,
        batch_size_per_image,
        positive_fraction,
        bbox_reg_weights,
        score_thresh,
        nms_thresh,
        detections_per_img,
        mask_roi_pool=None,
        mask_head=None,
        mask_predictor=None,
        keypoint_roi_pool=None,
        keypoint_head=None,
        keypoint_predictor=None,
    ):
        super().__init__()
        self.box_similarity = ops.box_iou
        self.proposal_matcher = U.Matcher(fg_iou_thresh, bg_iou_thresh, allow_low_quality_matches=False)
        self.fg_bg_sampler = U.BalancedPositiveNegativeSampler(batch_size_per_image, positive_fraction)
        self.box_coder = U.BoxCoder((10.0, 10.0, 5.0, 5.0) if bbox_reg_weights is None else bbox_reg_weights)
        self.box_roi_pool, self.box_head, self.box_predictor = box_roi_pool, box_head, box_predictor
        self.score_thresh, self.nms_thresh, self.detections_per_img = score_thresh, nms_thresh, detections_per_img
        self.mask_roi_pool, self.mask_head, self.mask_predictor = mask_roi_pool, mask_head, mask_predictor
        self.keypoint_roi_pool, self.keypoint_head = keypoint_roi_pool, keypoint_head
        self.keypoint_predictor = keypoint_predictor

    def has_mask(self):
        """Whether masks are made."""
        return None not in (self.mask_roi_pool, self.mask_head, self.mask_predictor)

    def has_keypoint(self):
        """Whether key points are made."""
        return None not in (self.keypoint_roi_pool, self.keypoint_head, self.keypoint_predictor)

    def assign_targets_to_proposals(self, proposals, gt_boxes, gt_labels):
        """(thing of each box, its class: 0 for nothing, -1 where it does not count), of each picture."""
        pairs = [self._assigned(*picture) for picture in zip(proposals, gt_boxes, gt_labels)]
        return [places for places, _ in pairs], [labels for _, labels in pairs]

    def _assigned(self, proposals, boxes, labels):
        if boxes.numel() == 0:
            return tuple(flambeau.zeros((len(proposals),), dtype=flambeau.int64) for _ in range(2))
        found = self.proposal_matcher(self.box_similarity(boxes, proposals))
        places = found.clamp(min=0)
        labels = labels[places].to(dtype=flambeau.int64)
        labels[found == self.proposal_matcher.BELOW_LOW_THRESHOLD] = 0
        labels[found == self.proposal_matcher.BETWEEN_THRESHOLDS] = -1
        return places, labels

    def subsample(self, labels):
        """Places of the boxes drawn for the losses, of each picture."""
        return [flambeau.where(first | second)[0] for first, second in zip(*self.fg_bg_sampler(labels))]

    def add_gt_proposals(self, proposals, gt_boxes):
        """Proposals and the boxes of the things."""
        return [flambeau.cat(pair) for pair in zip(proposals, gt_boxes)]

    def check_targets(self, targets):
        """Refuse targets without what the losses need."""
        if targets is None:
            raise ValueError("targets should not be None")
        needed = ["boxes", "labels", *(["masks"] if self.has_mask() else [])]
        for key in needed:
            if not all(key in target for target in targets):
                raise ValueError(f"Every element of targets should have a {key} key")

    def _check_dtypes(self, targets):
        for target in targets:
            if target["boxes"].dtype not in (flambeau.float32, flambeau.float64, flambeau.float16):
                raise TypeError(f"target boxes must of float type, instead got {target['boxes'].dtype}")
            if target["labels"].dtype != flambeau.int64:
                raise TypeError(f"target labels must of int64 type, instead got {target['labels'].dtype}")
            if self.has_keypoint() and target["keypoints"].dtype != flambeau.float32:
                raise TypeError(f"target keypoints must of float type, instead got {target['keypoints'].dtype}")

    def select_training_samples(self, proposals, targets):
        """(boxes, thing of each, class of each, code of each) drawn for the losses, of each picture."""
        self.check_targets(targets)
        true = [target["boxes"].to(proposals[0].dtype) for target in targets]
        proposals = self.add_gt_proposals(proposals, true)
        places, labels = self.assign_targets_to_proposals(proposals, true, [target["labels"] for target in targets])
        drawn = self.subsample(labels)
        proposals, places, labels = ([x[at] for x, at in zip(every, drawn)] for every in (proposals, places, labels))
        nothing = flambeau.zeros((1, 4), dtype=proposals[0].dtype)
        matched = [(boxes if boxes.numel() else nothing)[at] for boxes, at in zip(true, places)]
        return proposals, places, labels, self.box_coder.encode(matched, proposals)

    def postprocess_detections(self, class_logits, box_regression, proposals, image_shapes):
        """(boxes, probabilities, classes) of each picture."""
        counts = [len(boxes) for boxes in proposals]
        boxes = self.box_coder.decode(box_regression, proposals).split(counts, 0)
        scores = class_logits.softmax(-1).split(counts, 0)
        found = [self._detected(*picture) for picture in zip(boxes, scores, image_shapes)]
        return tuple(map(list, zip(*found)))

    def _detected(self, boxes, scores, size):
        boxes = ops.clip_boxes_to_image(boxes, size)[:, 1:].reshape(-1, 4)
        classes = scores.shape[1]
        labels = flambeau.arange(1, classes).repeat(len(scores))
        scores = scores[:, 1:].reshape(-1)
        good = flambeau.where(scores > self.score_thresh)[0]
        good = good[ops.remove_small_boxes(boxes[good], 1e-2)]
        boxes, scores, labels = boxes[good], scores[good], labels[good]
        kept = ops.batched_nms(boxes, scores, labels, self.nms_thresh)[: self.detections_per_img]
        return boxes[kept], scores[kept], labels[kept]

    def forward(self, features, proposals, image_shapes, targets=None):
        if targets is not None:
            self._check_dtypes(targets)
        drawn = None
        if self.training:
            proposals, matched, labels, codes = self.select_training_samples(proposals, targets)
            drawn = proposals, matched, labels
        logits, regression = self.box_predictor(self.box_head(self.box_roi_pool(features, proposals, image_shapes)))
        result, losses = [], {}
        if self.training:
            classifier, boxes = fastrcnn_loss(logits, regression, labels, codes)
            losses = {"loss_classifier": classifier, "loss_box_reg": boxes}
        else:
            found = self.postprocess_detections(logits, regression, proposals, image_shapes)
            result = [{"boxes": boxes, "labels": labels, "scores": scores} for boxes, scores, labels in zip(*found)]
        if self.has_mask():
            losses.update(self._masks(features, image_shapes, targets, drawn, result))
        if self.has_keypoint():
            losses.update(self._points(features, image_shapes, targets, drawn, result))
        return result, losses

    @staticmethod
    def _regions(drawn, result):
        """Boxes of things and the thing of each, of each picture."""
        if drawn is None:
            return [found["boxes"] for found in result], None
        proposals, matched, labels = drawn
        things = [flambeau.where(one > 0)[0] for one in labels]
        return tuple([x[at] for x, at in zip(every, things)] for every in (proposals, matched))

    def _masks(self, features, image_shapes, targets, drawn, result):
        """The losses of the masks, or none and the masks are put into the result."""
        boxes, matched = self._regions(drawn, result)
        logits = self.mask_predictor(self.mask_head(self.mask_roi_pool(features, boxes, image_shapes)))
        if self.training:
            true, labels = ([target[key] for target in targets] for key in ("masks", "labels"))
            return {"loss_mask": maskrcnn_loss(logits, boxes, true, labels, matched)}
        for found, masks in zip(result, maskrcnn_inference(logits, [found["labels"] for found in result])):
            found["masks"] = masks
        return {}

    def _points(self, features, image_shapes, targets, drawn, result):
        """The losses of the key points, or none and the points are put into the result."""
        boxes, matched = self._regions(drawn, result)
        logits = self.keypoint_predictor(self.keypoint_head(self.keypoint_roi_pool(features, boxes, image_shapes)))
        if self.training:
            true = [target["keypoints"] for target in targets]
            return {"loss_keypoint": keypointrcnn_loss(logits, boxes, true, matched)}
        for found, points, scores in zip(result, *keypointrcnn_inference(logits, boxes)):
            found["keypoints"], found["keypoints_scores"] = points, scores
        return {}
