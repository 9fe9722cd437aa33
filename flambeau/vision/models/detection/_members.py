"""Constructors of the detectors: weights of the whole or of the backbone, and how much of it is trained."""

from .._api import _text, asked_weights, publish, settle, weights_enum
from . import _utils as U
from .backbone_utils import _validate_trainable_layers


def _backbone_weights(asked, usual, kwargs):
    """Published weights of the backbone; `usual` is a member, or an enum if none is the default."""
    if "pretrained_backbone" in kwargs:
        asked = kwargs.pop("pretrained_backbone")
    if isinstance(asked, bool):
        first = next(iter(usual)) if isinstance(usual, type) else usual
        return first if asked else None
    return (usual if isinstance(usual, type) else type(usual)).verify(asked)


def member(title, enum_name, name, make, backbone, stages, exact=(), settings=None):
    """(enum of weights, constructor) of one detector.

    Args:
        make: (weights of the backbone, whether there are weights, stages that are trained, classes, progress, rest).
        backbone: the weights that the backbone has by default, or their enum if it has none.
        stages: (all, those trained by default) of the backbone.
        exact: weights made with eps=0 in frozen normalizations.
        settings: arguments for all models of this name, unless given.
    """
    module, usual = make.__module__, None if isinstance(backbone, type) else backbone
    cls = weights_enum(enum_name, module)

    def build(
        *positional,
        weights=None,
        progress=True,
        num_classes=None,
        weights_backbone=usual,
        trainable_backbone_layers=None,
        **kwargs,
    ):
        weights = asked_weights(cls, name, positional, weights, kwargs)
        weights_backbone = _backbone_weights(weights_backbone, backbone, kwargs)
        options = {} if num_classes is None else {"num_classes": num_classes}
        if weights is not None:
            weights_backbone = None
            settle(options, "num_classes", len(weights.meta["categories"]))
            if "keypoint_names" in weights.meta:
                settle(kwargs, "num_keypoints", len(weights.meta["keypoint_names"]))
        trained = weights is not None or weights_backbone is not None
        layers = _validate_trainable_layers(trained, trainable_backbone_layers, *stages)
        known = next(iter(cls)).meta["categories"]
        classes = options.get("num_classes", len(known))
        model = make(weights_backbone, trained, layers, classes, progress, **{**(settings or {}), **kwargs})
        if weights is not None:
            model.load_state_dict(weights.get_state_dict(progress=progress, check_hash=True))
            if weights.name in exact:
                U.overwrite_eps(model, 0.0)
        return model

    build.__doc__ = _text(title, module, name, enum_name, make)
    return cls, publish(build, name, module, cls)
