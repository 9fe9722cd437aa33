"""What the networks for areas share: layers of a network for classes, a head, and enlargement to the picture's size."""

from collections import OrderedDict

from flambeau import nn
from flambeau.nn import functional as F

from .._api import _text, asked_weights, publish, settle, weights_enum
from ..mobilenetv3 import MobileNet_V3_Large_Weights
from ..resnet import ResNet50_Weights, ResNet101_Weights


def enlarged(x, size):
    """Interpolated between pixels, to (height, width)."""
    return F.interpolate(x, size=size, mode="bilinear", align_corners=False)


class _SimpleSegmentationModel(nn.Module):
    """{"out": (N, classes, H, W)}, and "aux" of a second head while there is one."""

    def __init__(self, backbone, classifier, aux_classifier=None):
        super().__init__()
        self.backbone = backbone
        self.classifier = classifier
        self.aux_classifier = aux_classifier

    def forward(self, x):
        size, maps = x.shape[-2:], self.backbone(x)
        found = OrderedDict(out=enlarged(self.classifier(maps["out"]), size))
        if self.aux_classifier is not None:
            found["aux"] = enlarged(self.aux_classifier(maps["aux"]), size)
        return found


def stages(features):
    """Places of the layers before which the size changes, the first and the last."""
    return [0, *(i for i, layer in enumerate(features) if getattr(layer, "_is_cn", False)), len(features) - 1]


_BACKBONES = {
    "resnet50": ResNet50_Weights.IMAGENET1K_V1,
    "resnet101": ResNet101_Weights.IMAGENET1K_V1,
    "mobilenet_v3_large": MobileNet_V3_Large_Weights.IMAGENET1K_V1,
}


def _backbone_weights(name, asked, kwargs):
    if "pretrained_backbone" in kwargs:
        asked = kwargs.pop("pretrained_backbone")
    if isinstance(asked, bool):
        return _BACKBONES[name] if asked else None
    return type(_BACKBONES[name]).verify(asked)


def member(title, enum_name, name, backbone, make, aux=True):
    """(enum of weights, constructor); `make` takes (weights of the backbone, classes, whether there is a second head)."""
    module = make.__module__
    cls, usual = weights_enum(enum_name, module), _BACKBONES[backbone]

    def build(*positional, weights=None, progress=True, num_classes=None, weights_backbone=usual, **kwargs):
        aux_loss = kwargs.pop("aux_loss", None) if aux else False
        weights = asked_weights(cls, name, positional, weights, kwargs)
        weights_backbone = _backbone_weights(backbone, weights_backbone, kwargs)
        if weights is not None:
            weights_backbone, options = None, {} if num_classes is None else {"num_classes": num_classes}
            settle(options, "num_classes", len(weights.meta["categories"]))
            num_classes, aux_loss = options["num_classes"], aux
        model = make(weights_backbone, 21 if num_classes is None else num_classes, bool(aux_loss), progress, **kwargs)
        if weights is not None:
            model.load_state_dict(weights.get_state_dict(progress=progress, check_hash=True))
        return model

    build.__doc__ = _text(title, module, name, enum_name, make)
    return cls, publish(build, name, module, cls)
