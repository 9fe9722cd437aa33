"""A detector in two steps: boxes with something inside, then what is inside."""

from . import _utils as U

__all__ = ["GeneralizedRCNN"]


class GeneralizedRCNN(U.Detector):
    """Feature maps, proposals, and what is found in them.

    In training, it takes pictures and targets and returns a dict of losses; otherwise a dict of what was found, for
    each picture.

    Args:
        backbone: makes feature maps.
        rpn: makes proposals of (images, features, targets).
        roi_heads: makes detections of (features, proposals, sizes, targets).
        transform: prepares pictures and targets.

    >>> net = GeneralizedRCNN(None, None, None, None)
    >>> net([flambeau.zeros(3, 4, 4)])
    Traceback (most recent call last):
    AssertionError: targets should not be none when in training mode
    """

    def __init__(self, backbone, rpn, roi_heads, transform):
        super().__init__()
        self.transform, self.backbone, self.rpn, self.roi_heads = transform, backbone, rpn, roi_heads

    def forward(self, images, targets=None):
        images, targets, original, features = self._begin(images, targets)
        proposals, proposal_losses = self.rpn(images, features, targets)
        detections, losses = self.roi_heads(features, proposals, images.image_sizes, targets)
        detections = self.transform.postprocess(detections, images.image_sizes, original)
        return self.eager_outputs({**losses, **proposal_losses}, detections)
