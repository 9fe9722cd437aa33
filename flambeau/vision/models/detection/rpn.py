"""A network that proposes boxes with something inside (arXiv 1506.01497)."""

import flambeau
from flambeau import nn
from flambeau.nn import functional as F

from ... import ops
from ...ops import Conv2dNormActivation
from . import _utils as U
from .anchor_utils import AnchorGenerator

__all__ = [
    "AnchorGenerator", "RPNHead", "RegionProposalNetwork", "concat_box_prediction_layers", "permute_and_flatten",
]  # fmt: skip


class RPNHead(nn.Module):
    """For each anchor, whether there is something in it, and how it differs from the box around that.

    Args:
        in_channels: channels of the maps.
        num_anchors: anchors at each place.
        conv_depth: convolutions before.

    >>> [x.shape for (x,) in RPNHead(4, 3)([flambeau.zeros(1, 4, 5, 5)])]
    [torch.Size([1, 3, 5, 5]), torch.Size([1, 12, 5, 5])]
    """

    _version = 2  # in the first, there was one convolution and it was no list

    def __init__(self, in_channels, num_anchors, conv_depth=1):
        super().__init__()
        self.conv = nn.Sequential(
            *(Conv2dNormActivation(in_channels, in_channels, 3, norm_layer=None) for _ in range(conv_depth))
        )
        self.cls_logits = nn.Conv2d(in_channels, num_anchors, 1)
        self.bbox_pred = nn.Conv2d(in_channels, num_anchors * 4, 1)
        U.draw_normal(self.modules())

    def _load_from_state_dict(self, state_dict, prefix, local_metadata, *args):
        if (local_metadata.get("version") or 1) < 2:
            U.rename_layers(state_dict, [(f"{prefix}conv", f"{prefix}conv.0.0")])
        super()._load_from_state_dict(state_dict, prefix, local_metadata, *args)

    def forward(self, x):
        maps = [self.conv(feature) for feature in x]
        return [self.cls_logits(t) for t in maps], [self.bbox_pred(t) for t in maps]


def permute_and_flatten(layer, N, A, C, H, W):
    """(N, A C, H, W) -> (N, H W A, C).

    >>> permute_and_flatten(flambeau.zeros(1, 6, 4, 5), 1, 3, 2, 4, 5).shape
    torch.Size([1, 60, 2])
    """
    return layer.reshape(N, -1, C, H, W).permute(0, 3, 4, 1, 2).reshape(N, -1, C)


def concat_box_prediction_layers(box_cls, box_regression):
    """Predictions of all maps as rows: scores (anchors, classes) and codes (anchors, 4).

    >>> [x.shape for x in concat_box_prediction_layers([flambeau.zeros(1, 3, 2, 2)], [flambeau.zeros(1, 12, 2, 2)])]
    [torch.Size([12, 1]), torch.Size([12, 4])]
    """
    scores = [U.per_place(one, one.shape[1] // (codes.shape[1] // 4)) for one, codes in zip(box_cls, box_regression)]
    codes = [U.per_place(one, 4) for one in box_regression]
    return flambeau.cat(scores, 1).flatten(0, -2), flambeau.cat(codes, 1).reshape(-1, 4)


class RegionProposalNetwork(nn.Module):
    """Proposals: the anchors that a head scores best, moved as it says.

    Args:
        anchor_generator, head: as AnchorGenerator and RPNHead.
        fg_iou_thresh, bg_iou_thresh: overlap with a thing from which on an anchor holds it, and below which it does not.
        batch_size_per_image, positive_fraction: anchors drawn for the loss, and the share that may hold something.
        pre_nms_top_n, post_nms_top_n: {"training": n, "testing": n}: how many go into nms from each map, and stay.
        nms_thresh: overlap in nms.
        score_thresh: proposals of a smaller probability are left out.

    >>> net = RegionProposalNetwork(AnchorGenerator(((8,),)), RPNHead(4, 3), 0.7, 0.3, 8, 0.5,
    ...     {"training": 9, "testing": 9}, {"training": 3, "testing": 3}, 0.7).eval()
    >>> images = flambeau.vision.models.detection.image_list.ImageList(flambeau.zeros(1, 3, 32, 32), [(32, 32)])
    >>> boxes, losses = net(images, {"0": flambeau.zeros(1, 4, 4, 4)})
    >>> boxes[0].shape, losses
    (torch.Size([3, 4]), {})
    """

    def __init__(
        self,
        anchor_generator,
        head,
        fg_iou_thresh,
        bg_iou_thresh,
        batch_size_per_image,
        positive_fraction,
        pre_nms_top_n,
        post_nms_top_n,
        nms_thresh,
        score_thresh=0.0,
    ):
        super().__init__()
        self.anchor_generator, self.head = anchor_generator, head
        self.box_coder = U.BoxCoder(weights=(1.0, 1.0, 1.0, 1.0))
        self.box_similarity = ops.box_iou
        self.proposal_matcher = U.Matcher(fg_iou_thresh, bg_iou_thresh, allow_low_quality_matches=True)
        self.fg_bg_sampler = U.BalancedPositiveNegativeSampler(batch_size_per_image, positive_fraction)
        self._pre_nms_top_n, self._post_nms_top_n = pre_nms_top_n, post_nms_top_n
        self.nms_thresh, self.score_thresh, self.min_size = nms_thresh, score_thresh, 1e-3

    def pre_nms_top_n(self):
        """How many proposals of each map go into nms."""
        return self._pre_nms_top_n["training" if self.training else "testing"]

    def post_nms_top_n(self):
        """How many proposals stay."""
        return self._post_nms_top_n["training" if self.training else "testing"]

    def assign_targets_to_anchors(self, anchors, targets):
        """(1 where there is something, 0 where not, -1 where it does not count; the box of each), per picture."""
        pairs = [self._assigned(one, target["boxes"]) for one, target in zip(anchors, targets)]
        return [labels for labels, _ in pairs], [boxes for _, boxes in pairs]

    def _assigned(self, anchors, boxes):
        if boxes.numel() == 0:
            return flambeau.zeros((len(anchors),)), flambeau.zeros(tuple(anchors.shape), dtype=anchors.dtype)
        found = self.proposal_matcher(self.box_similarity(boxes, anchors))
        labels = (found >= 0).to(dtype=flambeau.float32)
        labels[found == self.proposal_matcher.BETWEEN_THRESHOLDS] = -1.0
        return labels, boxes[found.clamp(min=0)]

    def _get_top_n_idx(self, objectness, num_anchors_per_level):
        places, offset = [], 0
        for scores in objectness.split(num_anchors_per_level, 1):
            count = min(self.pre_nms_top_n(), scores.shape[1])
            places.append(scores.topk(count, dim=1)[1] + offset)
            offset += scores.shape[1]
        return flambeau.cat(places, 1)

    def filter_proposals(self, proposals, objectness, image_shapes, num_anchors_per_level):
        """(boxes, probabilities) of each picture after nms within each map."""
        count = proposals.shape[0]
        objectness = objectness.detach().reshape(count, -1)
        levels = flambeau.cat([flambeau.full((n,), i) for i, n in enumerate(num_anchors_per_level)])
        top = self._get_top_n_idx(objectness, num_anchors_per_level)
        rows = flambeau.arange(count)[:, None]
        scores = objectness[rows, top].sigmoid()
        return self._chosen(zip(proposals[rows, top], scores, levels[top], image_shapes))

    def _chosen(self, pictures):
        found: tuple = ([], [])
        for boxes, scores, levels, size in pictures:
            boxes = ops.clip_boxes_to_image(boxes, size)
            good = flambeau.zeros(len(boxes), dtype=flambeau.bool)
            good[ops.remove_small_boxes(boxes, self.min_size)] = True
            good &= scores >= self.score_thresh
            boxes, scores, levels = boxes[good], scores[good], levels[good]
            kept = ops.batched_nms(boxes, scores, levels, self.nms_thresh)[: self.post_nms_top_n()]
            found[0].append(boxes[kept])
            found[1].append(scores[kept])
        return found

    def compute_loss(self, objectness, pred_bbox_deltas, labels, regression_targets):
        """(loss of the scores, loss of the boxes)."""
        positive, negative = (flambeau.where(flambeau.cat(x))[0] for x in self.fg_bg_sampler(labels))
        drawn = flambeau.cat([positive, negative])
        labels, targets = flambeau.cat(labels), flambeau.cat(regression_targets)
        boxes = F.smooth_l1_loss(pred_bbox_deltas[positive], targets[positive], beta=1 / 9, reduction="sum")
        scores = F.binary_cross_entropy_with_logits(objectness.flatten()[drawn], labels[drawn])
        return scores, boxes / drawn.numel()

    def forward(self, images, features, targets=None):
        objectness, deltas = self.head(list(features.values()))
        anchors = self.anchor_generator(images, list(features.values()))
        per_level = [one[0].numel() for one in objectness]
        objectness, deltas = concat_box_prediction_layers(objectness, deltas)
        proposals = self.box_coder.decode(deltas.detach(), anchors).reshape(len(anchors), -1, 4)
        boxes, _ = self.filter_proposals(proposals, objectness, images.image_sizes, per_level)
        if not self.training:
            return boxes, {}
        if targets is None:
            raise ValueError("targets should not be None")
        labels, matched = self.assign_targets_to_anchors(anchors, targets)
        scores, codes = self.compute_loss(objectness, deltas, labels, self.box_coder.encode(matched, anchors))
        return boxes, {"loss_objectness": scores, "loss_rpn_box_reg": codes}
