"""Grids, drawings, and pictures in files."""

import io

import numpy as np
import pytest

from tests.frame import fl

vision = pytest.importorskip(f"{fl.__name__}.vision")
pytest.importorskip("PIL")
V, IO = vision.utils, vision.io


def test_grid():
    x = fl.arange(5 * 12.0).reshape(5, 1, 3, 4)
    grid = V.make_grid(x, nrow=3, padding=1, pad_value=-1.0)
    assert grid.shape == (3, 2 * 4 + 1, 3 * 5 + 1)
    for i in range(5):
        top, left = i // 3 * 4 + 1, i % 3 * 5 + 1
        assert fl.equal(grid[1, top : top + 3, left : left + 4], x[i, 0])
    assert (grid[:, 0] == -1).all() and (grid[:, 5:, 11:] == -1).all()
    assert fl.equal(V.make_grid(x[0]), x[0].expand(3, 3, 4)) and V.make_grid(x[0, 0]).shape == (3, 3, 4)
    assert fl.equal(V.make_grid(list(x), nrow=3, padding=1, pad_value=-1.0), grid)


def test_grid_stretches_values():
    x = fl.tensor([0.0, 5, 10, 20]).reshape(2, 1, 1, 2)
    assert V.make_grid(x, padding=0, normalize=True)[0].tolist() == [[0, 0.25, 0.5, 1]]
    assert V.make_grid(x, padding=0, normalize=True, scale_each=True)[0].tolist() == [[0, 1, 0, 1]]
    assert V.make_grid(x, padding=0, normalize=True, value_range=(0, 10))[0].tolist() == [[0, 0.5, 1, 1]]
    assert x.flatten().tolist() == [0, 5, 10, 20]
    with pytest.raises(TypeError):
        V.make_grid(x, normalize=True, value_range=[0, 1])
    with pytest.raises(TypeError):
        V.make_grid([1, 2])


def test_saved_pictures(tmp_path):
    from PIL import Image

    x = fl.tensor([0.0, 0.25, 0.5, 1.0, 2.0, -1.0]).reshape(1, 1, 2, 3)
    V.save_image(x, tmp_path / "a.png")
    assert np.asarray(Image.open(tmp_path / "a.png"))[:, :, 1].tolist() == [[0, 64, 128], [255, 255, 0]]
    file = io.BytesIO()
    V.save_image([fl.zeros(3, 4, 4)] * 3, file, format="jpeg", nrow=2)
    assert Image.open(file).size == (14, 14)


def test_boxes_are_drawn():
    image = fl.zeros(3, 8, 8, dtype=fl.uint8)
    boxes = fl.tensor([[1, 1, 4, 5], [3, 3, 6, 6]])
    out = V.draw_bounding_boxes(image, boxes, colors=["red", (0, 0, 255)])
    assert out.dtype == fl.uint8 and out[0, 1].tolist() == [0, 255, 255, 255, 255, 0, 0, 0]
    assert out[2, 6].tolist() == [0, 0, 0, 255, 255, 255, 255, 0] and image.sum() == 0
    out = V.draw_bounding_boxes(fl.zeros(1, 8, 8), boxes[:1], colors="white", fill=True)
    assert out.shape == (3, 8, 8) and out.dtype == fl.float32 and 0 < out[0, 3, 3] < 1
    turned = V.draw_bounding_boxes(image, fl.tensor([[4, 1, 6, 4, 4, 6, 1, 4]]), colors="white", width=2)
    assert turned[0, 1, 4] == 255 and turned[0, 0].sum() == 0
    text = V.draw_bounding_boxes(fl.zeros(3, 30, 60), fl.tensor([[1, 1, 50, 25]]), ["cat"], "red", fill_labels=True)
    assert text.sum() > V.draw_bounding_boxes(fl.zeros(3, 30, 60), fl.tensor([[1, 1, 50, 25]]), colors="red").sum()


def test_masks_points_and_motion():
    masks = fl.tensor([[[1, 1, 0]], [[0, 1, 1]]]).bool()
    out = V.draw_segmentation_masks(fl.full((3, 1, 3), 100, dtype=fl.uint8), masks, 0.5, ["red", "blue"])
    assert out[:, 0].tolist() == [[177, 50, 50], [50, 50, 50], [50, 50, 177]]
    points = fl.tensor([[[2, 2], [8, 2]]])
    out = V.draw_keypoints(fl.zeros(3, 5, 11), points, [(0, 1)], "red", radius=1, width=1)
    assert out[0, 2].tolist() == [0, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0]
    hidden = V.draw_keypoints(fl.zeros(3, 5, 11), points, [(0, 1)], "red", 1, 1, fl.tensor([[True, False]]))
    assert hidden[0, 2].tolist() == [0, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0]
    flow = fl.tensor([[[1.0, -1.0, 0.0]], [[0.0, 0.0, 0.0]]])
    right, left, still = V.flow_to_image(flow)[:, 0].T.tolist()
    assert still == [255, 255, 255] and right[0] == 255 and right[1] == 0 and left[1] > 200 and left[0] < 10


def test_drawing_refuses():
    image = fl.zeros(3, 4, 4)
    with pytest.warns(UserWarning, match="any box"):
        assert V.draw_bounding_boxes(image, fl.zeros(0, 4)) is image
    for call, error in (
        (lambda: V.draw_bounding_boxes(np.zeros((3, 4, 4)), fl.zeros(1, 4)), TypeError),
        (lambda: V.draw_bounding_boxes(fl.zeros(3, 4, 4, dtype=fl.int64), fl.zeros(1, 4)), ValueError),
        (lambda: V.draw_bounding_boxes(fl.zeros(1, 3, 4, 4), fl.zeros(1, 4)), ValueError),
        (lambda: V.draw_bounding_boxes(image, fl.tensor([[3, 0, 1, 1]])), ValueError),
        (lambda: V.draw_bounding_boxes(image, fl.zeros(1, 4), ["a", "b"]), ValueError),
        (lambda: V.draw_bounding_boxes(image, fl.zeros(2, 4), colors=["red"]), ValueError),
        (lambda: V.draw_segmentation_masks(image, fl.zeros(2, 2).bool()), ValueError),
        (lambda: V.draw_segmentation_masks(image, fl.zeros(4, 4)), ValueError),
        (lambda: V.draw_keypoints(image, fl.zeros(4, 2)), ValueError),
        (lambda: V.flow_to_image(fl.zeros(3, 4, 4)), ValueError),
    ):
        with pytest.raises(error):
            call()


@pytest.mark.parametrize("channels", [1, 3])
def test_files_keep_pictures(tmp_path, channels):
    x = fl.randint(0, 256, (channels, 5, 7), dtype=fl.uint8)
    IO.write_png(x, tmp_path / "a.png")
    assert fl.equal(IO.read_image(tmp_path / "a.png"), x) and fl.equal(IO.decode_png(IO.encode_png(x, 0)), x)
    assert IO.read_image(str(tmp_path / "a.png"), IO.ImageReadMode.RGB_ALPHA).shape == (4, 5, 7)
    assert IO.decode_image(tmp_path / "a.png", "gray").shape == (1, 5, 7)
    smooth = fl.arange(64, dtype=fl.uint8).reshape(1, 8, 8).expand(channels, 8, 8)
    IO.write_jpeg(smooth, tmp_path / "a.jpg", quality=95)
    found = IO.read_image(tmp_path / "a.jpg")
    assert found.shape == smooth.shape and (found.int() - smooth.int()).abs().max() < 12


def test_moving_pictures():
    from PIL import Image

    file = io.BytesIO()
    frames = [Image.new("RGB", (4, 3), colour) for colour in ("red", "blue")]
    frames[0].save(file, format="gif", save_all=True, append_images=frames[1:])
    found = IO.decode_image(fl.frombuffer(bytearray(file.getvalue()), dtype=fl.uint8))
    assert found.shape == (2, 3, 3, 4) and found[1, 2].min() > 200


def test_files_that_are_no_pictures(tmp_path):
    whole = IO.encode_png(fl.randint(0, 256, (3, 40, 40), dtype=fl.uint8))
    for data in (whole[:100], whole[: len(whole) // 2], fl.zeros(0, dtype=fl.uint8), fl.zeros(9, dtype=fl.uint8)):
        with pytest.raises(RuntimeError):
            IO.decode_image(data)
    with pytest.raises(RuntimeError, match="PNG"):
        IO.decode_png(IO.encode_jpeg(fl.zeros(1, 2, 2, dtype=fl.uint8)))
    with pytest.raises(FileNotFoundError):
        IO.read_image(tmp_path / "nothing.png")
    for wrong in (fl.zeros(3, 2, 2), fl.zeros(2, 2, dtype=fl.uint8), fl.zeros(2, 2, 2, dtype=fl.uint8)):
        with pytest.raises(RuntimeError):
            IO.encode_png(wrong)
    with pytest.raises(ValueError):
        IO.encode_jpeg(fl.zeros(1, 2, 2, dtype=fl.uint8), 0)
