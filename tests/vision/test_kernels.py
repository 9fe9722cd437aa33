"""Functions of boxes and points as plain tensors: what torchvision's give, and the tv_tensors' own way."""

import numpy as np
import pytest

from tests.frame import fl

vision = pytest.importorskip(f"{fl.__name__}.vision")
F, tv = vision.transforms.v2.functional, vision.tv_tensors
SIZE = (29, 37)
BOXES = [[2.0, 3, 12, 9], [5, 1, 20, 17]]
FORMAT = tv.BoundingBoxFormat.XYXY


# Recorded from torchvision 0.28.
@pytest.mark.parametrize(
    ("name", "options", "expected", "size"),
    [
        ("horizontal_flip", {}, [[25, 3, 35, 9], [17, 1, 32, 17]], None),
        ("vertical_flip", {}, [[2, 20, 12, 26], [5, 12, 20, 28]], None),
        ("pad", {"padding": [1, 2, 3, 4]}, [[3, 5, 13, 11], [6, 3, 21, 19]], (35, 41)),
        ("center_crop", {"output_size": [20, 30]}, [[0, 0, 8, 5], [1, 0, 16, 13]], (20, 30)),
        ("resize", {"size": [58, 74]}, [[4, 6, 24, 18], [10, 2, 40, 34]], (58, 74)),
    ],
)
def test_boxes(name, options, expected, size):
    kernel = getattr(F, f"{name}_bounding_boxes")
    out = kernel(fl.tensor(BOXES), format=FORMAT, canvas_size=SIZE, **options)
    if size is not None:
        out, found = out
        assert found == size
    assert type(out) is fl.Tensor
    np.testing.assert_allclose(out.numpy(), expected, atol=1e-4)


def test_crops_do_not_need_a_size():
    out, size = F.crop_bounding_boxes(fl.tensor(BOXES), FORMAT, 3, 2, 10, 15)
    assert size == (10, 15) and out.tolist() == [[0, 0, 10, 6], [3, 0, 15, 10]]
    out, size = F.resized_crop_keypoints(fl.tensor([[4.0, 5.0]]), 3, 2, 10, 15, [20, 30])
    assert size == (20, 30) and out.tolist() == [[4, 4]]


def test_each_is_what_a_marked_tensor_gets():
    boxes = tv.BoundingBoxes(BOXES, format="XYXY", canvas_size=SIZE)
    angle = F.rotate(boxes, 20, expand=True)
    out, size = F.rotate_bounding_boxes(fl.tensor(BOXES), FORMAT, SIZE, 20, expand=True)
    assert size == tuple(angle.canvas_size) and fl.equal(out, angle.as_subclass(fl.Tensor))
    points = tv.KeyPoints([[2.0, 3.0]], canvas_size=SIZE)
    out, size = F.affine_keypoints(fl.tensor([[2.0, 3.0]]), SIZE, 10, [1, 2], 1.5, [0.0, 0.0])
    moved = F.affine(points, 10, [1, 2], 1.5, [0.0, 0.0])
    assert size == SIZE and fl.equal(out, moved.as_subclass(fl.Tensor))


def test_sizes_and_signatures():
    import inspect

    assert F.get_size_bounding_boxes(tv.BoundingBoxes(BOXES, format="XYXY", canvas_size=SIZE)) == [29, 37]
    assert F.get_size_mask(fl.zeros(1, 4, 5)) == [4, 5]
    assert list(inspect.signature(F.resize_keypoints).parameters) == ["keypoints", "size", "canvas_size", "max_size"]
    with pytest.raises(TypeError, match="canvas_size"):
        F.horizontal_flip_bounding_boxes(fl.tensor(BOXES), FORMAT)
    with pytest.raises(AttributeError):
        F.nothing_bounding_boxes
