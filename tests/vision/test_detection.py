"""Detectors: losses, gradients and detections are torchvision's; parts against closed forms."""

import json
from pathlib import Path

import numpy as np
import pytest

from tests.frame import fl
from tests.vision import detectors

vision = pytest.importorskip(f"{fl.__name__}.vision")
detection = vision.models.detection
RECORDED = json.loads((Path(__file__).parent.parent / "recorded" / "detection.json").read_text())


@pytest.mark.parametrize("name", detectors.BUILD)
def test_recorded(name):
    found, expected = detectors.detector_figures(fl, vision, name), RECORDED[name]
    assert list(found) == list(expected)
    for key, value in expected.items():
        np.testing.assert_allclose(found[key], value, rtol=1e-4, atol=1e-4, err_msg=key)


def test_codes_come_back():
    from flambeau.vision.models.detection import _utils as U

    fl.manual_seed(0)
    first, second = (fl.rand(9, 2) * 20 for _ in range(2))
    boxes = fl.cat([first, first + 1 + fl.rand(9, 2) * 9], 1)
    others = fl.cat([second, second + 1 + fl.rand(9, 2) * 9], 1)
    coder = U.BoxCoder((10.0, 10.0, 5.0, 5.0))
    codes = coder.encode([boxes[:4], boxes[4:]], [others[:4], others[4:]])
    assert [len(one) for one in codes] == [4, 5]
    fl.testing.assert_close(coder.decode(fl.cat(codes), [others])[:, 0], boxes, rtol=1e-4, atol=1e-4)
    for by_size in (True, False):
        linear = U.BoxLinearCoder(by_size)
        fl.testing.assert_close(linear.decode(linear.encode(others, boxes), others), boxes, rtol=1e-4, atol=1e-4)


def test_matcher():
    from flambeau.vision.models.detection import _utils as U

    overlaps = fl.tensor([[0.9, 0.2, 0.45, 0.1], [0.1, 0.3, 0.2, 0.1]])
    assert U.Matcher(0.5, 0.4)(overlaps).tolist() == [0, -1, -2, -1]
    assert U.Matcher(0.5, 0.4, True)(overlaps).tolist() == [0, 1, -2, -1]
    assert U.SSDMatcher(0.5)(overlaps).tolist() == [0, 1, -1, -1]
    with pytest.raises(ValueError, match="ground-truth"):
        U.Matcher(0.5, 0.4)(fl.zeros(0, 4))


def test_sampler_keeps_to_its_share():
    from flambeau.vision.models.detection import _utils as U

    labels = [fl.cat([fl.ones(10), fl.zeros(50), -fl.ones(5)]), fl.ones(3)]
    positive, negative = U.BalancedPositiveNegativeSampler(16, 0.25)(labels)
    assert [int(x.sum()) for x in positive] == [4, 3] and [int(x.sum()) for x in negative] == [12, 0]
    assert not (positive[0][10:].any() or negative[0][:10].any() or negative[0][60:].any())


def test_pictures_of_several_sizes():
    change = detection.faster_rcnn.GeneralizedRCNNTransform((30, 40), 60, [0.5] * 3, [0.25] * 3).eval()
    targets = [{"boxes": fl.tensor([[1.0, 2, 3, 4]]), "labels": fl.tensor([1])} for _ in range(2)]
    images, changed = change([fl.ones(3, 20, 20), fl.ones(3, 10, 40)], targets)
    assert images.image_sizes == [(40, 40), (15, 60)] and images.tensors.shape == (2, 3, 64, 64)
    assert (images.tensors[1, :, 15:] == 0).all() and (images.tensors[0, :, :40, :40] == 2).all()
    assert changed[0]["boxes"].tolist() == [[2, 4, 6, 8]] and targets[0]["boxes"].tolist() == [[1, 2, 3, 4]]
    with pytest.raises(TypeError, match="floating"):
        change([fl.zeros(3, 4, 4, dtype=fl.uint8)])
    with pytest.raises(ValueError, match="3d"):
        change([fl.zeros(4, 4)])


def test_nothing_in_the_pictures():
    images, targets = detectors.samples(fl)
    for target in targets:
        for key, value in target.items():
            target[key] = value[:0]
    for name in detectors.BUILD:
        fl.manual_seed(0)
        net = detectors.BUILD[name](fl, vision).double()
        losses = net(images, targets)
        assert all(fl.isfinite(loss) for loss in losses.values()), (name, losses)
        sum(losses.values()).backward()


def test_bad_targets():
    net = detectors.BUILD["retina"](fl, vision).double()
    images, targets = detectors.samples(fl)
    with pytest.raises(AssertionError, match="should not be none"):
        net(images)
    with pytest.raises(AssertionError, match="shape"):
        net(images, [{**target, "boxes": fl.zeros(3)} for target in targets])
    with pytest.raises(AssertionError, match=r"Found invalid box .* index 0"):
        net(images, [{**target, "boxes": target["boxes"][:, [2, 1, 0, 3]]} for target in targets])
    with pytest.raises(ValueError, match="out_channels"):
        detection.FasterRCNN(fl.nn.ReLU(), 2)
    with pytest.raises(ValueError, match="num_classes"):
        detection.FasterRCNN(detectors._backbone(fl, 8))


def test_frozen_backbones(monkeypatch):
    """Published weights freeze the first stages, and the oldest ones change eps."""
    state = vision.models.resnet50().state_dict()
    cls = vision.models.ResNet50_Weights
    monkeypatch.setattr(cls, "get_state_dict", lambda self, *args, **kwargs: state)
    net = detection.fasterrcnn_resnet50_fpn(weights_backbone="DEFAULT", num_classes=3, trainable_backbone_layers=1)
    fixed = {name.split(".")[0] for name, p in net.backbone.body.named_parameters() if not p.requires_grad}
    assert fixed == {"conv1", "layer1", "layer2", "layer3"} and net.roi_heads.box_predictor.cls_score.out_features == 3
    kinds = {type(m).__name__ for m in net.backbone.body.modules()}
    assert "FrozenBatchNorm2d" in kinds and "BatchNorm2d" not in kinds
    with pytest.warns(UserWarning, match="trainable_backbone_layers"):
        detection.fasterrcnn_mobilenet_v3_large_320_fpn(weights_backbone=None, trainable_backbone_layers=2)
    with pytest.raises(ValueError, match="Trainable layers"):
        detection.fasterrcnn_resnet50_fpn(weights_backbone="DEFAULT", trainable_backbone_layers=9)


def test_masks_are_pasted_where_boxes_are():
    masks = fl.ones(2, 1, 4, 4)
    boxes = fl.tensor([[2.0, 1, 6, 5], [-3.0, -3, 2, 2]])
    out = detection.transform.paste_masks_in_image(masks, boxes, (8, 9))
    assert out.shape == (2, 1, 8, 9) and (out[0, 0, 2:5, 3:6] == 1).all() and out[0, 0, :, 8].sum() == 0
    assert out[1, 0, 0, 0] == 1 and out[1, 0, 5:].sum() == 0
    assert detection.transform.paste_masks_in_image(masks[:0], boxes[:0], (8, 9)).shape == (0, 1, 8, 9)
