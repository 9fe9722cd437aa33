"""Small detectors and what they find and lose, the same in torchvision and here.

`python -m tests.vision.detectors torch` prints what recorded/detection.json keeps, where torchvision is installed.
"""

import importlib
import json
import sys

import numpy as np

from tests.vision.figures import numbers, packages

CLASSES = 4


def _backbone(fl, channels, steps=(8,)):
    """Maps of a picture, one for each step, with numbers that need no random stream."""
    nn = fl.nn

    class Maps(nn.Module):
        def __init__(self):
            super().__init__()
            self.layers = nn.ModuleList([nn.Conv2d(3, channels, step, step) for step in steps])
            self.out_channels = channels

        def forward(self, x):
            maps = [layer(x) for layer in self.layers]
            return {str(i): one for i, one in enumerate(maps)} if len(maps) > 1 else maps[0]

    return Maps()


def _anchors(detection, steps, ratios=(0.5, 1.0, 2.0)):
    sizes = tuple((2 * step,) for step in steps)
    return detection.anchor_utils.AnchorGenerator(sizes, (ratios,) * len(steps))


_SIZES = {"min_size": 64, "max_size": 80}
_STEPS = (8, 16)


def _regions(ops, size):
    return ops.MultiScaleRoIAlign(["0", "1"], size, 2)


def _two_steps(fl, vision, kind, **parts):
    detection = vision.models.detection
    options = {
        "rpn_anchor_generator": _anchors(detection, _STEPS),
        "box_roi_pool": _regions(vision.ops, 3),
        "box_score_thresh": 0.01,
        "box_batch_size_per_image": 32,
    }
    return getattr(detection, kind)(_backbone(fl, 8, _STEPS), CLASSES, **_SIZES, **options, **parts)


def _ssd(fl, vision):
    ssd = importlib.import_module(f"{vision.__name__}.models.detection.ssd")
    anchors = vision.models.detection.anchor_utils.DefaultBoxGenerator([[2], [2, 3]])
    backbone = _backbone(fl, 8, _STEPS)
    del backbone.out_channels  # found by a call
    return ssd.SSD(backbone, anchors, (64, 48), CLASSES, score_thresh=0.1)


def _retina(fl, vision):
    detection = vision.models.detection
    parts = {"anchor_generator": _anchors(detection, _STEPS), "score_thresh": 0.01}
    return detection.RetinaNet(_backbone(fl, 8, _STEPS), CLASSES, **_SIZES, **parts)


def _fcos(fl, vision):
    detection = vision.models.detection
    parts = {"anchor_generator": _anchors(detection, _STEPS, (1.0,)), "score_thresh": 0.01}
    return detection.FCOS(_backbone(fl, 32, _STEPS), CLASSES, **_SIZES, **parts)


def _mask(fl, vision):
    head = vision.models.detection.mask_rcnn.MaskRCNNHeads(8, (256,), 1)
    return _two_steps(fl, vision, "MaskRCNN", mask_roi_pool=_regions(vision.ops, 4), mask_head=head)


def _keypoint(fl, vision):
    head = vision.models.detection.keypoint_rcnn.KeypointRCNNHeads(8, (512,))
    parts = {"keypoint_roi_pool": _regions(vision.ops, 4), "keypoint_head": head, "num_keypoints": 3}
    return _two_steps(fl, vision, "KeypointRCNN", **parts)


BUILD = {
    "faster": lambda fl, vision: _two_steps(fl, vision, "FasterRCNN"),
    "mask": _mask,
    "keypoint": _keypoint,
    "retina": _retina,
    "fcos": _fcos,
    "ssd": _ssd,
}


def samples(fl):
    """(pictures, targets), the second one with nothing in it."""
    images, targets = [], []
    for i, (height, width) in enumerate(((48, 48), (80, 80))):  # squares: no padding, whose scores would be equal
        image = np.sin(np.arange(3 * height * width) * 0.37 * (i + 1)).reshape(3, height, width)
        images.append(fl.from_numpy(image))
        boxes = np.array([[4.0, 5, 30, 33], [20, 8, 45, 38], [2, 2, 12, 11]])[: 3 - 3 * i]
        masks = np.zeros((len(boxes), height, width), np.uint8)
        for mask, (x1, y1, x2, y2) in zip(masks, boxes.astype(int)):
            mask[y1:y2, x1 : (x1 + x2) // 2] = 1
        at = np.array([0.2, 0.5, 0.8])
        x, y = (boxes[:, k, None] * (1 - at) + boxes[:, k + 2, None] * at for k in (0, 1))
        points = np.stack([x, y, np.ones_like(x) * [1, 0, 2]], -1).astype(np.float32)
        labels = np.array([1, 3, 2])[: len(boxes)]
        parts = {"boxes": boxes, "labels": labels, "masks": masks, "keypoints": points}
        targets.append({name: fl.from_numpy(value) for name, value in parts.items()})
    return images, targets


def _undecided(fl, net):
    """Parameters far from their first values, so that classes and boxes differ from place to place."""
    with fl.no_grad():
        for i, p in enumerate(net.parameters()):
            spread = fl.arange(p.numel()).to(p.dtype) * 1.7 + i
            p.add_((spread.sin() * 0.1).reshape(p.shape))


def detector_figures(fl, vision, name):
    """Losses, the sum of gradients, and detections."""
    fl.manual_seed(0)
    net = BUILD[name](fl, vision).double()
    _undecided(fl, net)
    images, targets = samples(fl)
    fl.manual_seed(1)
    losses = net(images, targets)
    sum(losses.values()).backward()
    found = {key: round(value.item(), 6) for key, value in losses.items()}
    found["gradient"] = round(sum(p.grad.abs().sum().item() for p in net.parameters() if p.grad is not None), 4)
    with fl.no_grad():
        out = net.eval()(images)
    for i, one in enumerate(out):
        found.update({f"{i}/{key}": numbers(value.to(fl.float64)) for key, value in one.items()})
    return found


if __name__ == "__main__":
    fl, vision = packages(sys.argv[1])
    print("{\n" + ",\n".join(f'"{n}": {json.dumps(detector_figures(fl, vision, n))}' for n in BUILD) + "\n}")
