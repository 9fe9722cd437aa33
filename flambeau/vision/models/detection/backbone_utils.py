"""Networks for classes as makers of feature maps, with a pyramid on top."""

import warnings

from flambeau import nn

from ...ops import FrozenBatchNorm2d
from ...ops.feature_pyramid_network import FeaturePyramidNetwork, LastLevelMaxPool
from .. import mobilenet, resnet
from .._utils import IntermediateLayerGetter

__all__ = ["BackboneWithFPN", "mobilenet_backbone", "resnet_fpn_backbone"]


class BackboneWithFPN(nn.Module):
    """Maps of some layers of a network, through a pyramid.

    Args:
        backbone: its children are called one behind the other.
        return_layers: {child's name: name of the map}.
        in_channels_list: channels of the maps.
        out_channels: channels of the results.
        extra_blocks: makes further maps (LastLevelMaxPool).
        norm_layer: makes a normalization for the pyramid, or None.

    >>> net = BackboneWithFPN(nn.Sequential(nn.Conv2d(3, 4, 1), nn.MaxPool2d(2)), {"0": "a", "1": "b"}, [4, 4], 2)
    >>> {name: tuple(x.shape) for name, x in net(flambeau.zeros(1, 3, 8, 8)).items()}
    {'a': (1, 2, 8, 8), 'b': (1, 2, 4, 4), 'pool': (1, 2, 2, 2)}
    """

    def __init__(self, backbone, return_layers, in_channels_list, out_channels, extra_blocks=None, norm_layer=None):
        super().__init__()
        extra_blocks = LastLevelMaxPool() if extra_blocks is None else extra_blocks
        self.body = IntermediateLayerGetter(backbone, return_layers=return_layers)
        self.fpn = FeaturePyramidNetwork(in_channels_list, out_channels, extra_blocks, norm_layer)
        self.out_channels = out_channels

    def forward(self, x):
        return self.fpn(self.body(x))


def _within(trainable_layers, most):
    if not 0 <= trainable_layers <= most:
        raise ValueError(f"Trainable layers should be in the range [0,{most}], got {trainable_layers}")


def resnet_fpn_backbone(
    *,
    backbone_name,
    weights,
    norm_layer=FrozenBatchNorm2d,
    trainable_layers=3,
    returned_layers=None,
    extra_blocks=None,
):
    """A ResNet with a pyramid.

    Args:
        backbone_name: "resnet50" and alike.
        weights: its published weights, or None.
        norm_layer: makes its normalizations.
        trainable_layers: stages from the last on that are not frozen, up to 5.
        returned_layers: numbers of the stages whose maps are used (all four).
        extra_blocks: as in BackboneWithFPN.

    >>> resnet_fpn_backbone(backbone_name="resnet18", weights=None).out_channels
    256
    """
    backbone = getattr(resnet, backbone_name)(weights=weights, norm_layer=norm_layer)
    return _resnet_fpn_extractor(backbone, trainable_layers, returned_layers, extra_blocks)


def _resnet_fpn_extractor(backbone, trainable_layers, returned_layers=None, extra_blocks=None, norm_layer=None):
    _within(trainable_layers, 5)
    trained = ["layer4", "layer3", "layer2", "layer1", "conv1"][:trainable_layers]
    trained += ["bn1"] if trainable_layers == 5 else []
    for name, parameter in backbone.named_parameters():
        if not any(name.startswith(layer) for layer in trained):
            parameter.requires_grad_(False)
    stages = [1, 2, 3, 4] if returned_layers is None else returned_layers
    if min(stages) <= 0 or max(stages) >= 5:
        raise ValueError(f"Each returned layer should be in the range [1,4]. Got {stages}")
    layers = {f"layer{k}": str(v) for v, k in enumerate(stages)}
    channels = [backbone.inplanes // 8 * 2 ** (k - 1) for k in stages]
    return BackboneWithFPN(backbone, layers, channels, 256, extra_blocks, norm_layer)


def _validate_trainable_layers(is_trained, trainable_backbone_layers, max_value, default_value):
    """How many stages of a backbone are trained: all, if it has no weights yet."""
    if not is_trained:
        if trainable_backbone_layers is not None:
            warnings.warn(
                "Changing trainable_backbone_layers has no effect if neither pretrained nor pretrained_backbone have been "
                f"set to True, falling back to trainable_backbone_layers={max_value} so that all layers are trainable",
                UserWarning,
                stacklevel=4,
            )
        return max_value
    layers = default_value if trainable_backbone_layers is None else trainable_backbone_layers
    _within(layers, max_value)
    return layers


def mobilenet_backbone(
    *,
    backbone_name,
    weights,
    fpn,
    norm_layer=FrozenBatchNorm2d,
    trainable_layers=2,
    returned_layers=None,
    extra_blocks=None,
):
    """A MobileNet, with a pyramid or with one map.

    Args:
        backbone_name: "mobilenet_v2", "mobilenet_v3_large" or "mobilenet_v3_small".
        weights: its published weights, or None.
        fpn: whether there is a pyramid.
        norm_layer: makes its normalizations.
        trainable_layers: stages from the last on that are not frozen.
        returned_layers: numbers of the stages whose maps are used (the last two).
        extra_blocks: as in BackboneWithFPN.

    >>> mobilenet_backbone(backbone_name="mobilenet_v2", weights=None, fpn=False).out_channels
    256
    """
    backbone = getattr(mobilenet, backbone_name)(weights=weights, norm_layer=norm_layer)
    return _mobilenet_extractor(backbone, fpn, trainable_layers, returned_layers, extra_blocks)


def stage_places(features):
    """Places of the layers at which stages begin, and of the last one."""
    return [0, *(i for i, layer in enumerate(features) if getattr(layer, "_is_cn", False)), len(features) - 1]


def freeze_before(features, places, trainable_layers):
    """Freeze all but the last stages."""
    _within(trainable_layers, len(places))
    first = len(features) if trainable_layers == 0 else places[len(places) - trainable_layers]
    for layer in features[:first]:
        for parameter in layer.parameters():
            parameter.requires_grad_(False)


def _mobilenet_extractor(backbone, fpn, trainable_layers, returned_layers=None, extra_blocks=None, norm_layer=None):
    features = backbone.features
    places = stage_places(features)
    freeze_before(features, places, trainable_layers)
    if not fpn:
        net = nn.Sequential(features, nn.Conv2d(features[-1].out_channels, 256, 1))
        net.out_channels = 256
        return net
    stages = [len(places) - 2, len(places) - 1] if returned_layers is None else returned_layers
    if min(stages) < 0 or max(stages) >= len(places):
        raise ValueError(f"Each returned layer should be in the range [0,{len(places) - 1}], got {stages} ")
    layers = {str(places[k]): str(v) for v, k in enumerate(stages)}
    channels = [features[places[k]].out_channels for k in stages]
    return BackboneWithFPN(features, layers, channels, 256, extra_blocks, norm_layer)
