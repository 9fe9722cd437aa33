"""What the detectors share: codes of boxes, which box belongs to which thing, samples for the losses."""

import math
from collections import OrderedDict

import flambeau
from flambeau import nn
from flambeau.nn import functional as F

from ...ops import FrozenBatchNorm2d, complete_box_iou_loss, distance_box_iou_loss, generalized_box_iou_loss

LARGEST_GROWTH = math.log(1000.0 / 16)


def _middles(boxes):
    """(widths, heights, x of the middles, y of the middles) of (N, 4), each (N, 1)."""
    x1, y1, x2, y2 = boxes.unsqueeze(-1).unbind(1)
    width, height = x2 - x1, y2 - y1
    return width, height, x1 + 0.5 * width, y1 + 0.5 * height


def encode_boxes(reference_boxes, proposals, weights):
    """How boxes differ from proposals: moves in sizes of the proposal, and logarithms of the growth, (N, 4)."""
    wx, wy, ww, wh = weights
    width, height, x, y = _middles(proposals)
    true_width, true_height, true_x, true_y = _middles(reference_boxes)
    moves = wx * (true_x - x) / width, wy * (true_y - y) / height
    growth = ww * (true_width / width).log(), wh * (true_height / height).log()
    return flambeau.cat((*moves, *growth), 1)


class BoxCoder:
    """Boxes as moves and growth of others (arXiv 1311.2524, appendix C)."""

    def __init__(self, weights, bbox_xform_clip=LARGEST_GROWTH):
        self.weights, self.bbox_xform_clip = weights, bbox_xform_clip

    def encode(self, reference_boxes, proposals):
        """encode_single picture by picture."""
        counts = [len(boxes) for boxes in reference_boxes]
        return self.encode_single(flambeau.cat(reference_boxes), flambeau.cat(proposals)).split(counts, 0)

    def encode_single(self, reference_boxes, proposals):
        """(N, 4) codes."""
        weights = flambeau.tensor(self.weights, dtype=reference_boxes.dtype)
        return encode_boxes(reference_boxes, proposals, weights)

    def decode(self, rel_codes, boxes):
        """(N, classes, 4) boxes; `boxes` is a list, one of each picture."""
        if not isinstance(boxes, list | tuple):
            raise AssertionError("This function expects boxes of type list or tuple.")
        every = flambeau.cat(list(boxes))
        if len(every):
            rel_codes = rel_codes.reshape(len(every), -1)
        out = self.decode_single(rel_codes, every)
        return out.reshape(len(every), -1, 4) if len(every) else out

    def decode_single(self, rel_codes, boxes):
        """(N, 4 classes) boxes."""
        width, height, x, y = _middles(boxes.to(rel_codes.dtype))
        dx, dy, dw, dh = (rel_codes[:, i::4] / weight for i, weight in enumerate(self.weights))
        x, y = dx * width + x, dy * height + y
        half_width = dw.clamp(max=self.bbox_xform_clip).exp() * width * 0.5
        half_height = dh.clamp(max=self.bbox_xform_clip).exp() * height * 0.5
        corners = (x - half_width, y - half_height, x + half_width, y + half_height)
        return flambeau.stack(corners, 2).flatten(1)


class BoxLinearCoder:
    """Boxes as distances of their sides from the middle of others (arXiv 1904.01355)."""

    def __init__(self, normalize_by_size=True):
        self.normalize_by_size = normalize_by_size

    def _frame(self, boxes):
        """(x, y, x, y) of the middles, and the sizes by which distances are divided or None."""
        x, y = 0.5 * (boxes[..., 0] + boxes[..., 2]), 0.5 * (boxes[..., 1] + boxes[..., 3])
        if not self.normalize_by_size:
            return (x, y), None
        width, height = boxes[..., 2] - boxes[..., 0], boxes[..., 3] - boxes[..., 1]
        return (x, y), flambeau.stack((width, height, width, height), -1)

    def encode(self, reference_boxes, proposals):
        """Distances (..., 4) from the middles of `reference_boxes` to the sides of `proposals`."""
        (x, y), sizes = self._frame(reference_boxes.to(proposals.dtype))
        x1, y1, x2, y2 = proposals.unbind(-1)
        codes = flambeau.stack((x - x1, y - y1, x2 - x, y2 - y), -1)
        return codes if sizes is None else codes / sizes

    def decode(self, rel_codes, boxes):
        """Boxes (..., 4) of distances."""
        (x, y), sizes = self._frame(boxes.to(rel_codes.dtype))
        left, top, right, bottom = (rel_codes if sizes is None else rel_codes * sizes).unbind(-1)
        return flambeau.stack((x - left, y - top, x + right, y + bottom), -1)


class Matcher:
    """Which row of a matrix of overlaps belongs to each column; a negative number where none does.

    Args:
        high_threshold: an overlap of so much is a match.
        low_threshold: one under it is none; between them it is BETWEEN_THRESHOLDS.
        allow_low_quality_matches: the best columns of each row match in any case.
    """

    BELOW_LOW_THRESHOLD = -1
    BETWEEN_THRESHOLDS = -2

    def __init__(self, high_threshold, low_threshold, allow_low_quality_matches=False):
        if low_threshold > high_threshold:
            raise AssertionError("low_threshold should be <= high_threshold")
        self.high_threshold, self.low_threshold = high_threshold, low_threshold
        self.allow_low_quality_matches = allow_low_quality_matches

    def __call__(self, match_quality_matrix):
        return self._matches(match_quality_matrix)

    def _matches(self, quality):
        if quality.numel() == 0:
            missing = "ground-truth" if quality.shape[0] == 0 else "proposal"
            raise ValueError(f"No {missing} boxes available for one of the images during training")
        best, every = quality.max(dim=0)
        found = every.where(best >= self.low_threshold, flambeau.full_like(every, self.BELOW_LOW_THRESHOLD))
        between = (best >= self.low_threshold) & (best < self.high_threshold)
        found = found.masked_fill(between, self.BETWEEN_THRESHOLDS)
        if self.allow_low_quality_matches:
            self.set_low_quality_matches_(found, every, quality)
        return found

    def set_low_quality_matches_(self, matches, all_matches, match_quality_matrix):
        """The columns that are best for a row get their best row, whatever the overlap."""
        best = match_quality_matrix.max(dim=1)[0]
        columns = flambeau.where(match_quality_matrix == best[:, None])[1]
        matches[columns] = all_matches[columns]


class SSDMatcher(Matcher):
    """A Matcher that gives each row its best column."""

    def __init__(self, threshold):
        super().__init__(threshold, threshold, allow_low_quality_matches=False)

    def __call__(self, match_quality_matrix):
        found = self._matches(match_quality_matrix)
        best = match_quality_matrix.max(dim=1)[1]
        found[best] = flambeau.arange(len(best))
        return found


class BalancedPositiveNegativeSampler:
    """Draws boxes for a loss: at most a share of them with something inside.

    Args:
        batch_size_per_image: how many of each picture.
        positive_fraction: the share.
    """

    def __init__(self, batch_size_per_image, positive_fraction):
        self.batch_size_per_image, self.positive_fraction = batch_size_per_image, positive_fraction

    def __call__(self, matched_idxs):
        pairs = [self._draw(labels) for labels in matched_idxs]
        return [first for first, _ in pairs], [second for _, second in pairs]

    def _draw(self, labels):
        positive, negative = flambeau.where(labels >= 1)[0], flambeau.where(labels == 0)[0]
        wanted = min(positive.numel(), int(self.batch_size_per_image * self.positive_fraction))
        others = min(negative.numel(), self.batch_size_per_image - wanted)
        return tuple(self._mask(labels, places, n) for places, n in ((positive, wanted), (negative, others)))

    @staticmethod
    def _mask(labels, places, count):
        mask = flambeau.zeros_like(labels, dtype=flambeau.uint8)
        mask[places[flambeau.randperm(places.numel())[:count]]] = 1
        return mask


def overwrite_eps(model, eps):
    """Set eps of all frozen normalizations; the first published weights were made with 0."""
    for module in model.modules():
        if isinstance(module, FrozenBatchNorm2d):
            module.eps = eps


def retrieve_out_channels(model, size):
    """Channels of the maps that a network makes of a picture of (width, height)."""
    training = model.training
    model.eval()
    with flambeau.no_grad():
        features = model(flambeau.zeros(1, 3, size[1], size[0]))
    model.train(training)
    if isinstance(features, flambeau.Tensor):
        return [features.size(1)]
    return [x.size(1) for x in features.values()]


_IOU_LOSSES = {"giou": generalized_box_iou_loss, "diou": distance_box_iou_loss, "ciou": complete_box_iou_loss}


def _box_loss(type, box_coder, anchors, matched_gt_boxes, bbox_regression, cnf=None):
    """The summed loss of predicted codes, on the codes ("l1", "smooth_l1") or on the boxes."""
    if type in ("l1", "smooth_l1"):
        target = box_coder.encode_single(matched_gt_boxes, anchors)
        if type == "l1":
            return F.l1_loss(bbox_regression, target, reduction="sum")
        return F.smooth_l1_loss(bbox_regression, target, reduction="sum", beta=(cnf or {}).get("beta", 1.0))
    if type not in _IOU_LOSSES:
        raise ValueError(f"Unsupported loss: {type}; one of l1, smooth_l1, {', '.join(_IOU_LOSSES)} expected")
    eps = (cnf or {}).get("eps", 1e-7)
    boxes = box_coder.decode_single(bbox_regression, anchors)
    return _IOU_LOSSES[type](boxes, matched_gt_boxes, reduction="sum", eps=eps)


class Detector(nn.Module):
    """What detectors of one and of two steps share: it has a `transform` and a `backbone`."""

    def eager_outputs(self, losses, detections):
        """Losses in training, else detections."""
        return losses if self.training else detections

    def _begin(self, images, targets):
        """(images, targets) as the network takes them, the sizes that the pictures had, and the maps of features by name."""
        if self.training:
            check_targets(targets)
        original = sizes_of(images)
        images, targets = self.transform(images, targets)
        check_sides(targets)
        return images, targets, original, named(self.backbone(images.tensors))


def check_targets(targets):
    """Refuse to train without boxes (L, 4) of each picture."""
    if targets is None:
        raise AssertionError("targets should not be none when in training mode")
    for target in targets:
        boxes = target["boxes"]
        if not isinstance(boxes, flambeau.Tensor):
            raise AssertionError(f"Expected target boxes to be of type Tensor, got {type(boxes)}.")
        if boxes.ndim != 2 or boxes.shape[-1] != 4:
            raise AssertionError(f"Expected target boxes to be a tensor of shape [N, 4], got {tuple(boxes.shape)}.")


def check_sides(targets):
    """Refuse boxes without an area."""
    for number, target in enumerate(targets or ()):
        boxes = target["boxes"]
        empty = (boxes[:, 2:] <= boxes[:, :2]).any(dim=1)
        if empty.any():
            box = boxes[flambeau.where(empty)[0][0]].tolist()
            raise AssertionError(
                "All bounding boxes should have positive height and width."
                f" Found invalid box {box} for target at index {number}."
            )


def sizes_of(images):
    """(height, width) of each picture."""
    for image in images:
        if image.ndim != 3:
            raise AssertionError(f"expecting the last two dimensions of the Tensor to be H and W, got {image.shape}")
    return [(image.shape[-2], image.shape[-1]) for image in images]


def named(features):
    """Maps by name; a single one is called "0"."""
    return OrderedDict([("0", features)]) if isinstance(features, flambeau.Tensor) else features


def draw_normal(modules, std=0.01):
    """Weights of convolutions from a normal distribution, biases 0."""
    for module in modules:
        if isinstance(module, nn.Conv2d):
            nn.init.normal_(module.weight, std=std)
            if module.bias is not None:
                nn.init.zeros_(module.bias)


def draw_kaiming(modules):
    """Weights of convolutions for ReLU, by the outputs; biases 0."""
    for module in modules:
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
            if module.bias is not None:
                nn.init.zeros_(module.bias)


def rename_layers(state_dict, pairs):
    """Move entries `old.weight` and `old.bias` to `new.weight` and `new.bias`."""
    for old, new in pairs:
        for kind in ("weight", "bias"):
            if f"{old}.{kind}" in state_dict:
                state_dict[f"{new}.{kind}"] = state_dict.pop(f"{old}.{kind}")


def per_place(layer, columns):
    """(N, A * columns, H, W) -> (N, H * W * A, columns)."""
    count, _, height, width = layer.shape
    return layer.reshape(count, -1, columns, height, width).permute(0, 3, 4, 1, 2).reshape(count, -1, columns)
