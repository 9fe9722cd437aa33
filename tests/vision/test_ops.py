"""Boxes, regions and layers: against closed forms, plain loops, and figures of torchvision."""

import json
from pathlib import Path

import numpy as np
import pytest

from tests.frame import fl
from tests.vision import figures

vision = pytest.importorskip(f"{fl.__name__}.vision")
ops = vision.ops
RECORDED = json.loads((Path(__file__).parent.parent / "recorded" / "vision.json").read_text())["ops"]


@pytest.mark.parametrize("name", figures.OPS)
def test_recorded(name):
    found = figures.OPS[name](fl, ops)
    np.testing.assert_allclose(figures.numbers(found), RECORDED[name], rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("name", [n for n in figures.OPS if n.startswith(("roi", "ps_roi", "deform"))])
def test_gradients_reach_the_input(name):
    gradient = figures.OPS[name](fl, ops, gradient=True)
    np.testing.assert_allclose(figures.numbers(gradient), RECORDED[f"{name}/gradient"], rtol=1e-4, atol=1e-4)


def test_nothing_to_do():
    x, none = fl.rand(1, 4, 5, 5, requires_grad=True), fl.zeros(0, 5)
    for f in (ops.roi_align, ops.roi_pool, ops.ps_roi_align, ops.ps_roi_pool):
        out = f(x, none, 2)
        assert out.shape == (0, 1 if f.__name__.startswith("ps") else 4, 2, 2)
        out.sum().backward()
    assert x.grad.abs().sum() == 0
    assert ops.nms(fl.zeros(0, 4), fl.zeros(0), 0.5).shape == (0,) and ops.box_iou(
        fl.zeros(0, 4), fl.ones(2, 4)
    ).shape == (0, 2)
    assert ops.batched_nms(fl.zeros(0, 4), fl.zeros(0), fl.zeros(0), 0.5).shape == (0,)


def test_nms_is_the_plain_loop():
    rng = np.random.default_rng(0)
    corner = rng.random((200, 2)) * 40
    boxes = fl.tensor(np.concatenate([corner, corner + rng.random((200, 2)) * 20], 1).astype(np.float32))
    scores = fl.tensor(rng.integers(0, 50, 200).astype(np.float32))
    for threshold in (0.1, 0.5, 0.9):
        iou, kept = ops.box_iou(boxes, boxes), []
        for i in scores.argsort(descending=True, stable=True).tolist():
            if all(iou[i, j] <= threshold for j in kept):
                kept.append(i)
        assert ops.nms(boxes, scores, threshold).tolist() == kept
    classes = fl.arange(200) % 3
    kept = ops.batched_nms(boxes, scores, classes, 0.3)
    apart = [
        i
        for c in range(3)
        for i in fl.where(classes == c)[0][ops.nms(boxes[classes == c], scores[classes == c], 0.3)].tolist()
    ]
    assert sorted(kept.tolist()) == sorted(apart) and (scores[kept].diff() <= 0).all()
    many = boxes.repeat(6, 1)
    assert sorted(ops.batched_nms(many, scores.repeat(6), classes.repeat(6), 0.3).tolist()) == sorted(
        ops.batched_nms(many.double(), scores.repeat(6).double(), classes.repeat(6), 0.3).tolist()
    )


def test_overlaps():
    a, b = fl.tensor([[0.0, 0, 2, 2]]), fl.tensor([[1.0, 1, 3, 3], [0, 0, 2, 2], [5, 5, 6, 6]])
    assert fl.allclose(ops.box_iou(a, b), fl.tensor([[1 / 7, 1.0, 0.0]]))
    assert fl.allclose(ops.generalized_box_iou(a, b), fl.tensor([[1 / 7 - 2 / 9, 1.0, -31 / 36]]))
    assert fl.allclose(ops.box_iou(a.to(fl.int64), b.to(fl.int64)), ops.box_iou(a, b))
    assert ops.box_area(fl.tensor([[0, 0, 300, 300]], dtype=fl.int16)).item() == 90000
    for f in (ops.generalized_box_iou_loss, ops.distance_box_iou_loss, ops.complete_box_iou_loss):
        assert abs(f(a, a).item()) < 1e-6 and f(a[:0], a[:0], reduction="mean") == 0
        x = a.clone().requires_grad_()
        f(x, b[:1], reduction="sum").backward()
        assert fl.isfinite(x.grad).all()
        with pytest.raises(ValueError, match="reduction"):
            f(a, a, reduction="all")


def test_forms_of_boxes():
    boxes = fl.rand(5, 4) + fl.tensor([0.0, 0, 2, 2])
    for form in ("xywh", "cxcywh"):
        assert fl.allclose(ops.box_convert(ops.box_convert(boxes, "xyxy", form), form, "xyxy"), boxes, atol=1e-6)
    turned = fl.cat([boxes, fl.rand(5, 1) * 90], 1)
    for form in ("xywhr", "xyxyxyxy"):
        there = ops.box_convert(turned, "cxcywhr", form)
        assert fl.allclose(ops.box_convert(there, form, "cxcywhr"), turned, atol=1e-4)
    with pytest.raises(ValueError):
        ops.box_convert(boxes, "xyxy", "polar")
    with pytest.raises(NotImplementedError):
        ops.box_convert(boxes, "xyxy", "xywhr")


def test_regions_refuse():
    x = fl.rand(1, 4, 5, 5)
    for call, error in (
        (lambda: ops.roi_align(x, fl.zeros(2, 4), 2), AssertionError),
        (lambda: ops.roi_align(x, [fl.zeros(2, 5)], 2), AssertionError),
        (lambda: ops.roi_align(x, fl.tensor([[3.0, 0, 0, 1, 1]]), 2), RuntimeError),
        (lambda: ops.roi_pool(x, fl.tensor([[-1.0, 0, 0, 1, 1]]), 2), RuntimeError),
        (lambda: ops.ps_roi_align(x, fl.zeros(1, 5), 3), RuntimeError),
        (lambda: ops.roi_align(x.double(), fl.zeros(1, 5), 3), RuntimeError),
        (lambda: ops.nms(fl.zeros(2, 5), fl.zeros(2), 0.5), RuntimeError),
        (lambda: ops.nms(fl.zeros(2, 4), fl.zeros(3), 0.5), RuntimeError),
        (lambda: ops.deform_conv2d(x, fl.zeros(1, 4, 3, 3), fl.zeros(2, 4, 3, 3)), RuntimeError),
        (lambda: ops.DeformConv2d(3, 4, 3, groups=2), ValueError),
        (lambda: ops.FeaturePyramidNetwork([4, 0], 4), ValueError),
        (lambda: ops.stochastic_depth(x, 1.5, "row"), ValueError),
        (lambda: ops.stochastic_depth(x, 0.5, "column"), ValueError),
        (lambda: ops.drop_block2d(x[0], 0.5, 3), ValueError),
    ):
        with pytest.raises(error):
            call()


def test_layers_that_drop():
    fl.manual_seed(0)
    x = fl.ones(200, 3, 8, 8)
    rows = ops.StochasticDepth(0.25, "row")(x)
    per_row = rows.reshape(200, -1)
    assert ((per_row == 0).all(1) | (per_row == 1 / 0.75).all(1)).all() and 0.6 < (
        per_row[:, 0] > 0
    ).float().mean() < 0.9
    dropped = ops.DropBlock2d(0.3, 3)(x)
    assert abs(dropped.mean() - 1) < 1e-4 and 0.15 < (dropped == 0).float().mean() < 0.45
    for layer in (ops.StochasticDepth(0.5, "row"), ops.DropBlock2d(0.5, 3)):
        assert layer.eval()(x) is x


def test_frozen_statistics():
    layer, norm = ops.FrozenBatchNorm2d(3), fl.nn.BatchNorm2d(3).eval()
    norm.running_mean.copy_(fl.tensor([1.0, 2, 3]))
    norm.running_var.copy_(fl.tensor([1.0, 4, 9]))
    layer.load_state_dict(norm.state_dict())
    x = fl.rand(2, 3, 4, 4)
    assert fl.allclose(layer(x), norm(x), atol=1e-6) and not list(layer.parameters())


def test_old_names_of_the_pyramid():
    net = ops.FeaturePyramidNetwork([3, 4], 5)
    state = {key.replace(".0.weight", ".weight").replace(".0.bias", ".bias"): v for key, v in net.state_dict().items()}
    old = {key.replace("blocks.0.0", "blocks.0").replace("blocks.1.0", "blocks.1"): v for key, v in state.items()}
    net.load_state_dict(old)


def test_what_programs_import_from_the_private_module():
    from flambeau.vision.ops import _utils

    rows = _utils.convert_boxes_to_roi_format([fl.ones(2, 4), fl.zeros(1, 4)])
    assert rows[:, 0].tolist() == [0, 0, 1] and rows.shape == (3, 5)
    with pytest.raises(AssertionError):
        _utils.check_roi_boxes_shape(fl.ones(2, 4))
    net = fl.nn.Sequential(fl.nn.Linear(2, 2), fl.nn.BatchNorm1d(2))
    norms, others = _utils.split_normalization_params(net)
    assert [p.shape for p in norms] == [(2,), (2,)] and [p.shape for p in others] == [(2, 2), (2,)]
