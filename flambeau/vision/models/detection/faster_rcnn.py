"""Faster R-CNN (arXiv 1506.01497)."""

from flambeau import nn
from flambeau.nn import functional as F

from ...ops import Conv2dNormActivation, FrozenBatchNorm2d, MultiScaleRoIAlign
from .. import mobilenetv3, resnet
from . import _utils as U
from ._members import member
from .anchor_utils import AnchorGenerator
from .backbone_utils import _mobilenet_extractor, _resnet_fpn_extractor
from .generalized_rcnn import GeneralizedRCNN
from .roi_heads import RoIHeads
from .rpn import RegionProposalNetwork, RPNHead
from .transform import GeneralizedRCNNTransform

__all__ = [
    "FasterRCNN", "FasterRCNN_MobileNet_V3_Large_320_FPN_Weights", "FasterRCNN_MobileNet_V3_Large_FPN_Weights",
    "FasterRCNN_ResNet50_FPN_V2_Weights", "FasterRCNN_ResNet50_FPN_Weights", "fasterrcnn_mobilenet_v3_large_320_fpn",
    "fasterrcnn_mobilenet_v3_large_fpn", "fasterrcnn_resnet50_fpn", "fasterrcnn_resnet50_fpn_v2",
]  # fmt: skip

IMAGENET = ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])


def _default_anchorgen():
    return AnchorGenerator(((32,), (64,), (128,), (256,), (512,)), ((0.5, 1.0, 2.0),) * 5)


class TwoMLPHead(nn.Module):
    """Two linear layers with ReLU."""

    def __init__(self, in_channels, representation_size):
        super().__init__()
        self.fc6 = nn.Linear(in_channels, representation_size)
        self.fc7 = nn.Linear(representation_size, representation_size)

    def forward(self, x):
        return F.relu(self.fc7(F.relu(self.fc6(x.flatten(1)))))


class FastRCNNConvFCHead(nn.Sequential):
    """Convolutions, then linear layers, all with ReLU."""

    def __init__(self, input_size, conv_layers, fc_layers, norm_layer=None):
        channels, height, width = input_size
        layers = []
        for after in conv_layers:
            layers.append(Conv2dNormActivation(channels, after, norm_layer=norm_layer))
            channels = after
        layers.append(nn.Flatten())
        channels = channels * height * width
        for after in fc_layers:
            layers += [nn.Linear(channels, after), nn.ReLU(inplace=True)]
            channels = after
        super().__init__(*layers)
        U.draw_kaiming(self.modules())


class FastRCNNPredictor(nn.Module):
    """Logits of the classes, and codes of a box for each."""

    def __init__(self, in_channels, num_classes):
        super().__init__()
        self.cls_score = nn.Linear(in_channels, num_classes)
        self.bbox_pred = nn.Linear(in_channels, num_classes * 4)

    def forward(self, x):
        if x.dim() == 4 and tuple(x.shape[2:]) != (1, 1):
            raise AssertionError(
                f"x has the wrong shape, expecting the last two dimensions to be [1,1] instead of {list(x.shape[2:])}"
            )
        x = x.flatten(1)
        return self.cls_score(x), self.bbox_pred(x)


def region_pool(size, maps=("0", "1", "2", "3")):
    """The usual resampling of regions."""
    return MultiScaleRoIAlign(featmap_names=list(maps), output_size=size, sampling_ratio=2)


def needs_channels(backbone):
    """Channels of the backbone's maps."""
    if not hasattr(backbone, "out_channels"):
        raise ValueError(
            "backbone should contain an attribute out_channels specifying the number of output channels (assumed to "
            "be the same for all the levels)"
        )
    return backbone.out_channels


def _of_kind(value, kind, name):
    if value is not None and not isinstance(value, kind):
        raise TypeError(f"{name} should be of type {kind.__name__} or None instead of {type(value)}")


class FasterRCNN(GeneralizedRCNN):
    """Boxes and classes of the things in pictures.

    In training, it takes a list of pictures (C, H, W) and one of dicts with "boxes" (L, 4) and "labels" (L,), and
    returns a dict of losses; otherwise a list of dicts with "boxes", "labels" and "scores".

    Args:
        backbone: makes feature maps; has `out_channels`.
        num_classes: with the background; None if box_predictor is given.
        min_size, max_size, image_mean, image_std: as in GeneralizedRCNNTransform.
        rpn_anchor_generator, rpn_head: parts of the proposals, made if None.
        rpn_pre_nms_top_n_train, rpn_pre_nms_top_n_test, rpn_post_nms_top_n_train, rpn_post_nms_top_n_test,
            rpn_nms_thresh, rpn_fg_iou_thresh, rpn_bg_iou_thresh, rpn_batch_size_per_image, rpn_positive_fraction,
            rpn_score_thresh: as in RegionProposalNetwork.
        box_roi_pool, box_head, box_predictor: parts of the detections, made if None.
        box_score_thresh, box_nms_thresh, box_detections_per_img, box_fg_iou_thresh, box_bg_iou_thresh,
            box_batch_size_per_image, box_positive_fraction, bbox_reg_weights: as in RoIHeads.

    >>> backbone = nn.Conv2d(3, 8, 16, 16)
    >>> net = flambeau.vision.models.detection.FasterRCNN(backbone, 3, 64, 64,
    ...     rpn_anchor_generator=AnchorGenerator(((16,),)), box_roi_pool=region_pool(2, ["0"])).eval()
    >>> sorted(net([flambeau.rand(3, 50, 60)])[0])
    ['boxes', 'labels', 'scores']
    """

    def __init__(
        self,
        backbone,
        num_classes=None,
        min_size=800,
        max_size=1333,
        image_mean=None,
        image_std=None,
        rpn_anchor_generator=None,
        rpn_head=None,
        rpn_pre_nms_top_n_train=2000,
        rpn_pre_nms_top_n_test=1000,
        rpn_post_nms_top_n_train=2000,
        rpn_post_nms_top_n_test=1000,
        rpn_nms_thresh=0.7,
        rpn_fg_iou_thresh=0.7,
        rpn_bg_iou_thresh=0.3,
        rpn_batch_size_per_image=256,
        rpn_positive_fraction=0.5,
        rpn_score_thresh=0.0,
        box_roi_pool=None,
        box_head=None,
        box_predictor=None,
        box_score_thresh=0.05,
        box_nms_thresh=0.5,
        box_detections_per_img=100,
        box_fg_iou_thresh=0.5,
        box_bg_iou_thresh=0.5,
        box_batch_size_per_image=512,
        box_positive_fraction=0.25,
        bbox_reg_weights=None,
        **kwargs,
    ):
        channels = needs_channels(backbone)
        _of_kind(rpn_anchor_generator, AnchorGenerator, "rpn_anchor_generator")
        _of_kind(box_roi_pool, MultiScaleRoIAlign, "box_roi_pool")
        if (num_classes is None) == (box_predictor is None):
            raise ValueError(
                "num_classes should be None when box_predictor is specified"
                if num_classes is not None
                else "num_classes should not be None when box_predictor is not specified"
            )
        anchors = _default_anchorgen() if rpn_anchor_generator is None else rpn_anchor_generator
        if rpn_head is None:
            rpn_head = RPNHead(channels, anchors.num_anchors_per_location()[0])
        rpn = RegionProposalNetwork(
            anchors,
            rpn_head,
            rpn_fg_iou_thresh,
            rpn_bg_iou_thresh,
            rpn_batch_size_per_image,
            rpn_positive_fraction,
            {"training": rpn_pre_nms_top_n_train, "testing": rpn_pre_nms_top_n_test},
            {"training": rpn_post_nms_top_n_train, "testing": rpn_post_nms_top_n_test},
            rpn_nms_thresh,
            score_thresh=rpn_score_thresh,
        )
        pool = region_pool(7) if box_roi_pool is None else box_roi_pool
        box_head = TwoMLPHead(channels * pool.output_size[0] ** 2, 1024) if box_head is None else box_head
        heads = RoIHeads(
            pool,
            box_head,
            FastRCNNPredictor(1024, num_classes) if box_predictor is None else box_predictor,
            box_fg_iou_thresh,
            box_bg_iou_thresh,
            box_batch_size_per_image,
            box_positive_fraction,
            bbox_reg_weights,
            box_score_thresh,
            box_nms_thresh,
            box_detections_per_img,
        )
        mean, std = (own if given is None else given for own, given in zip(IMAGENET, (image_mean, image_std)))
        super().__init__(backbone, rpn, heads, GeneralizedRCNNTransform(min_size, max_size, mean, std, **kwargs))


def frozen(trained):
    """The normalization of a backbone: frozen if it has weights."""
    return FrozenBatchNorm2d if trained else nn.BatchNorm2d


def resnet50_pyramid(weights, trained, layers, progress, second=False, extra=None, **options):
    """The backbone of the detectors on ResNet 50; in their second version nothing is frozen.

    `extra` makes extra_blocks: their weights are drawn after those of the network.
    """
    norm_layer = nn.BatchNorm2d if second else frozen(trained)
    backbone = resnet.resnet50(weights=weights, progress=progress, norm_layer=norm_layer)
    return _resnet_fpn_extractor(backbone, layers, extra_blocks=extra and extra(), **options)


def second_parts(backbone):
    """Anchors and heads of the second versions (arXiv 2111.11429)."""
    channels, anchors = backbone.out_channels, _default_anchorgen()
    return {
        "rpn_anchor_generator": anchors,
        "rpn_head": RPNHead(channels, anchors.num_anchors_per_location()[0], conv_depth=2),
        "box_head": FastRCNNConvFCHead((channels, 7, 7), [256] * 4, [1024], norm_layer=nn.BatchNorm2d),
    }


def _on_resnet(weights, trained, layers, classes, progress, **kwargs):
    return FasterRCNN(resnet50_pyramid(weights, trained, layers, progress), num_classes=classes, **kwargs)


def _second_on_resnet(weights, trained, layers, classes, progress, **kwargs):
    norm = {"norm_layer": nn.BatchNorm2d}
    backbone = resnet50_pyramid(weights, trained, layers, progress, second=True, **norm)
    return FasterRCNN(backbone, num_classes=classes, **{**second_parts(backbone), **kwargs})


def _on_mobilenet(weights, trained, layers, classes, progress, **kwargs):
    net = mobilenetv3.mobilenet_v3_large(weights=weights, progress=progress, norm_layer=frozen(trained))
    anchors = AnchorGenerator(((32, 64, 128, 256, 512),) * 3, ((0.5, 1.0, 2.0),) * 3)
    backbone = _mobilenet_extractor(net, True, layers)
    return FasterRCNN(backbone, classes, **{"rpn_anchor_generator": anchors, **kwargs})


for _make in (_on_resnet, _second_on_resnet, _on_mobilenet):
    _make.__name__ = "FasterRCNN"

_SMALL = {
    "min_size": 320,
    "max_size": 640,
    "rpn_pre_nms_top_n_test": 150,
    "rpn_post_nms_top_n_test": 150,
    "rpn_score_thresh": 0.05,
}
FasterRCNN_ResNet50_FPN_Weights, fasterrcnn_resnet50_fpn = member(
    "Faster R-CNN on ResNet 50 with a pyramid (arXiv 1506.01497)",
    "FasterRCNN_ResNet50_FPN_Weights",
    "fasterrcnn_resnet50_fpn",
    _on_resnet,
    resnet.ResNet50_Weights.IMAGENET1K_V1,
    (5, 3),
    exact=("COCO_V1",),
)
FasterRCNN_ResNet50_FPN_V2_Weights, fasterrcnn_resnet50_fpn_v2 = member(
    "Faster R-CNN on ResNet 50 with a pyramid, improved (arXiv 2111.11429)",
    "FasterRCNN_ResNet50_FPN_V2_Weights",
    "fasterrcnn_resnet50_fpn_v2",
    _second_on_resnet,
    resnet.ResNet50_Weights,
    (5, 3),
)
FasterRCNN_MobileNet_V3_Large_320_FPN_Weights, fasterrcnn_mobilenet_v3_large_320_fpn = member(
    "Faster R-CNN on MobileNet v3 for small pictures",
    "FasterRCNN_MobileNet_V3_Large_320_FPN_Weights",
    "fasterrcnn_mobilenet_v3_large_320_fpn",
    _on_mobilenet,
    mobilenetv3.MobileNet_V3_Large_Weights.IMAGENET1K_V1,
    (6, 3),
    settings=_SMALL,
)
FasterRCNN_MobileNet_V3_Large_FPN_Weights, fasterrcnn_mobilenet_v3_large_fpn = member(
    "Faster R-CNN on MobileNet v3",
    "FasterRCNN_MobileNet_V3_Large_FPN_Weights",
    "fasterrcnn_mobilenet_v3_large_fpn",
    _on_mobilenet,
    mobilenetv3.MobileNet_V3_Large_Weights.IMAGENET1K_V1,
    (6, 3),
    settings={"rpn_score_thresh": 0.05},
)
