"""SSD (arXiv 1512.02325)."""

from collections import OrderedDict

import flambeau
from flambeau import nn
from flambeau.nn import functional as F

from ... import ops
from .. import vgg
from . import _dense as D
from . import _utils as U
from ._members import member
from .anchor_utils import DefaultBoxGenerator
from .backbone_utils import freeze_before

__all__ = ["SSD300_VGG16_Weights", "ssd300_vgg16"]


def _xavier_init(conv):
    for layer in conv.modules():
        if isinstance(layer, nn.Conv2d):
            nn.init.xavier_uniform_(layer.weight)
            if layer.bias is not None:
                nn.init.constant_(layer.bias, 0.0)


class SSDScoringHead(nn.Module):
    """Rows of all maps, each by its own layer."""

    def __init__(self, module_list, num_columns):
        super().__init__()
        self.module_list, self.num_columns = module_list, num_columns

    def forward(self, x):
        return flambeau.cat([U.per_place(layer(one), self.num_columns) for layer, one in zip(self.module_list, x)], 1)


def _scores(in_channels, num_anchors, columns):
    pairs = zip(in_channels, num_anchors)
    layers = nn.ModuleList([nn.Conv2d(channels, columns * count, 3, padding=1) for channels, count in pairs])
    _xavier_init(layers)
    return layers, columns


class SSDClassificationHead(SSDScoringHead):
    """Logits of the classes of each box."""

    def __init__(self, in_channels, num_anchors, num_classes):
        super().__init__(*_scores(in_channels, num_anchors, num_classes))


class SSDRegressionHead(SSDScoringHead):
    """Codes of each box."""

    def __init__(self, in_channels, num_anchors):
        super().__init__(*_scores(in_channels, num_anchors, 4))


class SSDHead(nn.Module):
    """Logits of the classes and codes of each box."""

    def __init__(self, in_channels, num_anchors, num_classes):
        super().__init__()
        self.classification_head = SSDClassificationHead(in_channels, num_anchors, num_classes)
        self.regression_head = SSDRegressionHead(in_channels, num_anchors)

    def forward(self, x):
        return {"bbox_regression": self.regression_head(x), "cls_logits": self.classification_head(x)}


class SSD(D.DenseDetector):
    """Boxes and classes of the things in pictures of one size.

    In training, it takes a list of pictures (C, H, W) and one of dicts with "boxes" (L, 4) and "labels" (L,), and
    returns a dict of losses; otherwise a list of dicts with "boxes", "labels" and "scores".

    Args:
        backbone: makes feature maps.
        anchor_generator: a DefaultBoxGenerator.
        size: (width, height) to which pictures are resized.
        num_classes: with the background.
        image_mean, image_std: per channel.
        head: made if None.
        score_thresh, nms_thresh, detections_per_img, topk_candidates: which detections are kept.
        iou_thresh: overlap from which on a box holds a thing.
        positive_fraction: share of the boxes in the loss that hold things.

    >>> net = SSD(nn.Conv2d(3, 8, 16, 16), DefaultBoxGenerator([[2]]), (64, 64), 3).eval()
    >>> sorted(net([flambeau.rand(3, 50, 60)])[0])
    ['boxes', 'labels', 'scores']
    """

    def __init__(
        self,
        backbone,
        anchor_generator,
        size,
        num_classes,
        image_mean=None,
        image_std=None,
        head=None,
        score_thresh=0.01,
        nms_thresh=0.45,
        detections_per_img=200,
        iou_thresh=0.5,
        topk_candidates=400,
        positive_fraction=0.25,
        **kwargs,
    ):
        if head is None:
            own = getattr(backbone, "out_channels", None)
            channels = own if isinstance(own, list) else U.retrieve_out_channels(backbone, size)
            counts = anchor_generator.num_anchors_per_location()
            if len(channels) != len(counts):
                raise AssertionError(
                    f"The length of the output channels from the backbone {len(channels)} do not match the length of the "
                    f"anchor generator aspect ratios {len(counts)}"
                )
            head = SSDHead(channels, counts, num_classes)
        options = {"size_divisible": 1, "fixed_size": size, **kwargs}
        transform = D.transform_of(min(size), max(size), image_mean, image_std, **options)
        super().__init__(backbone, anchor_generator, head, transform)
        self.box_coder = U.BoxCoder(weights=(10.0, 10.0, 5.0, 5.0))
        self.proposal_matcher = U.SSDMatcher(iou_thresh)
        self.score_thresh, self.nms_thresh = score_thresh, nms_thresh
        self.detections_per_img, self.topk_candidates = detections_per_img, topk_candidates
        self.neg_to_pos_ratio = (1.0 - positive_fraction) / positive_fraction

    def _matched(self, anchors, boxes):
        if boxes.numel() == 0:
            return flambeau.full((len(anchors),), -1, dtype=flambeau.int64)
        return self.proposal_matcher(ops.box_iou(boxes, anchors))

    def _losses(self, targets, outputs, anchors, per_level):
        matched = [self._matched(boxes, target["boxes"]) for boxes, target in zip(anchors, targets)]
        return self.compute_loss(targets, outputs, anchors, matched)

    def _box_loss(self, target, codes, anchors, matched):
        things = flambeau.where(matched >= 0)[0]
        wanted = self.box_coder.encode_single(target["boxes"][matched[things]], anchors[things])
        return F.smooth_l1_loss(codes[things], wanted, reduction="sum")

    def compute_loss(self, targets, head_outputs, anchors, matched_idxs):
        """{"bbox_regression": ..., "classification": ...}, the second with the hardest boxes that hold nothing."""
        logits, classes = head_outputs["cls_logits"], []
        for target, matched in zip(targets, matched_idxs):
            wanted = flambeau.zeros(len(matched), dtype=target["labels"].dtype)
            things = matched >= 0
            wanted[things] = target["labels"][matched[things]]
            classes.append(wanted)
        wanted = flambeau.stack(classes)
        loss = F.cross_entropy(logits.reshape(-1, logits.shape[-1]), wanted.reshape(-1), reduction="none")
        loss, things = loss.reshape(wanted.shape), wanted > 0
        order = loss.detach().masked_fill(things, float("-inf")).sort(1, descending=True)[1]
        hard = order.sort(1)[1] < self.neg_to_pos_ratio * things.sum(1, keepdim=True)
        count = max(1, sum(int((matched >= 0).sum()) for matched in matched_idxs))
        parts = zip(targets, head_outputs["bbox_regression"], anchors, matched_idxs)
        return {
            "bbox_regression": flambeau.stack([self._box_loss(*part) for part in parts]).sum() / count,
            "classification": (loss[things].sum() + loss[hard].sum()) / count,
        }

    def _detections(self, outputs, anchors, sizes, per_level):
        return self.postprocess_detections(outputs, anchors, sizes)

    def postprocess_detections(self, head_outputs, image_anchors, image_shapes):
        """Detections of each picture."""
        every = head_outputs["cls_logits"].softmax(-1)
        found = []
        for codes, scores, anchors, size in zip(head_outputs["bbox_regression"], every, image_anchors, image_shapes):
            boxes = ops.clip_boxes_to_image(self.box_coder.decode_single(codes, anchors), size)
            parts = []
            for label in range(1, scores.shape[-1]):
                best, places = self._best(scores[:, label])
                parts.append((boxes[places], best, flambeau.full_like(best, label, dtype=flambeau.int64)))
            found.append(self._kept(*zip(*parts)))
        return found


def _extra(before, inner, after, kernel, **options):
    """Fewer channels, then a smaller map."""
    last = nn.Conv2d(inner, after, kernel, **options)
    return nn.Sequential(nn.Conv2d(before, inner, 1), nn.ReLU(inplace=True), last, nn.ReLU(inplace=True))


def _wide_layers():
    """The paper's fc6 and fc7 as convolutions."""
    fc = nn.Sequential(
        nn.MaxPool2d(3, stride=1, padding=1, ceil_mode=False),
        nn.Conv2d(512, 1024, 3, padding=6, dilation=6),
        nn.ReLU(inplace=True),
        nn.Conv2d(1024, 1024, 1),
        nn.ReLU(inplace=True),
    )
    _xavier_init(fc)
    return fc


class SSDFeatureExtractorVGG(nn.Module):
    """The layers of a VGG up to its fourth pooling, the rest, and further ones."""

    def __init__(self, backbone, highres):
        super().__init__()
        _, _, third, fourth, _ = (i for i, layer in enumerate(backbone) if isinstance(layer, nn.MaxPool2d))
        backbone[third].ceil_mode = True
        self.scale_weight = nn.Parameter(flambeau.ones(512) * 20)
        self.features = nn.Sequential(*backbone[:fourth])
        half = {"padding": 1, "stride": 2}
        extra = nn.ModuleList(
            [_extra(1024, 256, 512, 3, **half), _extra(512, 128, 256, 3, **half), _extra(256, 128, 256, 3), _extra(256, 128, 256, 3)]
        )  # fmt: skip
        if highres:
            extra.append(_extra(256, 128, 256, 4))
        _xavier_init(extra)
        extra.insert(0, nn.Sequential(*backbone[fourth:-1], _wide_layers()))
        self.extra = extra

    def forward(self, x):
        x = self.features(x)
        maps = [self.scale_weight.reshape(1, -1, 1, 1) * F.normalize(x)]
        for block in self.extra:
            x = block(x)
            maps.append(x)
        return OrderedDict((str(i), one) for i, one in enumerate(maps))


def _vgg_extractor(backbone, highres, trainable_layers):
    features = backbone.features
    poolings = [i for i, layer in enumerate(features) if isinstance(layer, nn.MaxPool2d)]
    freeze_before(features, [0, *poolings[:-1]], trainable_layers)
    return SSDFeatureExtractorVGG(features, highres)


_RATIOS = [[2], [2, 3], [2, 3], [2, 3], [2], [2]]
_SCALES = [0.07, 0.15, 0.33, 0.51, 0.69, 0.87, 1.05]
_STEPS = [8, 16, 32, 64, 100, 300]
_VGG_COLOURS = {
    "image_mean": [0.48235, 0.45882, 0.40784],
    "image_std": [1.0 / 255.0, 1.0 / 255.0, 1.0 / 255.0],  # as the backbone's weights want it
}


def _on_vgg(weights, trained, layers, classes, progress, **kwargs):
    backbone = _vgg_extractor(vgg.vgg16(weights=weights, progress=progress), False, layers)
    anchors = DefaultBoxGenerator(_RATIOS, scales=_SCALES, steps=_STEPS)
    return SSD(backbone, anchors, (300, 300), classes, **{**_VGG_COLOURS, **kwargs})


_on_vgg.__name__ = "SSD"

SSD300_VGG16_Weights, ssd300_vgg16 = member(
    "SSD on VGG 16, for pictures of 300x300 (arXiv 1512.02325)",
    "SSD300_VGG16_Weights",
    "ssd300_vgg16",
    _on_vgg,
    vgg.VGG16_Weights.IMAGENET1K_FEATURES,
    (5, 4),
)
