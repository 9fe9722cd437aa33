"""Transforms give torchvision's pictures from the same seeds."""

import json
from pathlib import Path

import numpy as np
import pytest

from tests.frame import fl
from tests.vision import figures

vision = pytest.importorskip(f"{fl.__name__}.vision")
pytest.importorskip("PIL")
T, F = vision.transforms, vision.transforms.functional
RECORDED = json.loads((Path(__file__).parent.parent / "recorded" / "vision.json").read_text())["transforms"]
VERSIONS = {"v1": T, "v2": getattr(T, "v2", None)}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", RECORDED)
def test_recorded(name):
    version, case, kind = name.split("/")
    transform = figures.transforms(VERSIONS[version])[case]
    found, expected = figures.transform_figure(fl, transform, figures.pictures()[kind]), RECORDED[name]
    if isinstance(expected, str) or isinstance(found, str):
        assert found == expected
        return
    assert len(found) == len(expected)
    # A byte may be rounded the other way here and there; noise is not read as numbers in [0, 255].
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4 if kind == "float32" else 0.03)


def test_to_tensor_and_back():
    from PIL import Image

    rng = np.random.default_rng(0)
    for mode, channels in (("L", 1), ("LA", 2), ("RGB", 3), ("RGBA", 4), ("CMYK", 4), ("YCbCr", 3), ("HSV", 3)):
        array = rng.integers(0, 256, (4, 5, channels), dtype=np.uint8)
        image = Image.frombytes(mode, (5, 4), array.tobytes())
        tensor = F.pil_to_tensor(image)
        assert tensor.shape == (channels, 4, 5) and np.array_equal(tensor.permute(1, 2, 0).numpy(), array)
        assert fl.equal(F.to_tensor(image), tensor / 255)
        assert F.to_pil_image(tensor, mode).tobytes() == image.tobytes()
    for mode, dtype in (("I", np.int32), ("F", np.float32)):
        array = np.arange(6, dtype=dtype).reshape(2, 3)
        assert F.to_tensor(Image.fromarray(array)).numpy().tolist() == [array.tolist()]
    assert F.to_tensor(Image.new("1", (2, 1), 1)).tolist() == [[[1, 1]]]


def test_errors():
    for call, error in (
        (lambda: F.to_tensor([1]), TypeError),
        (lambda: F.to_tensor(np.zeros(3)), ValueError),
        (lambda: F.to_pil_image(fl.zeros(5, 2, 2)), ValueError),
        (lambda: F.to_pil_image(fl.zeros(1, 2, 2, 2)), ValueError),
        (lambda: F.to_pil_image(fl.zeros(1, 2, 2, dtype=fl.int64)), TypeError),
        (lambda: F.resize(np.zeros((3, 4, 4)), 2), TypeError),
        (lambda: F.resize(fl.zeros(3, 4, 4), [1, 2, 3]), ValueError),
        (lambda: F.resize(fl.zeros(3, 4, 4), 4, max_size=3), ValueError),
        (lambda: F.resize(fl.zeros(3, 4, 4), 2, T.InterpolationMode.LANCZOS), ValueError),
        (lambda: F.pad(fl.zeros(3, 4, 4), [1, 2, 3]), ValueError),
        (lambda: F.pad(fl.zeros(3, 4, 4), 1, padding_mode="wrap"), ValueError),
        (lambda: F.normalize(fl.zeros(3, 4, 4, dtype=fl.uint8), [0], [1]), TypeError),
        (lambda: F.normalize(fl.zeros(3, 4, 4), [0], [0]), ValueError),
        (lambda: F.adjust_hue(fl.zeros(3, 4, 4), 0.6), ValueError),
        (lambda: F.five_crop(fl.zeros(3, 4, 4), 5), ValueError),
        (lambda: F.gaussian_blur(fl.zeros(3, 4, 4), 2), ValueError),
        (lambda: F.posterize(fl.zeros(3, 4, 4), 2), TypeError),
        (lambda: F.perspective(fl.zeros(3, 4, 4), [[0, 0]], [[0, 0]]), ValueError),
        (lambda: F.affine(fl.zeros(3, 4, 4), 0, [0, 0], 0.0, [0.0, 0.0]), ValueError),
        (lambda: T.RandomCrop(9)(fl.zeros(3, 4, 4)), ValueError),
        (lambda: T.ColorJitter(brightness=-1), ValueError),
        (lambda: T.RandomErasing(value="blue"), ValueError),
        (lambda: T.AutoAugment("cifar10"), ValueError),
    ):
        with pytest.raises(error):
            call()


def test_pictures_need_not_be_contiguous():
    x = fl.rand(8, 9, 3).permute(2, 0, 1)
    for f in (
        lambda t: F.resize(t, 5),
        lambda t: F.rotate(t, 30),
        F.hflip,
        lambda t: F.adjust_hue(t, 0.1),
        F.autocontrast,
    ):
        assert fl.equal(f(x), f(x.contiguous()))


def test_gradients_pass():
    x = fl.rand(3, 8, 8, requires_grad=True)
    F.resize(F.adjust_brightness(F.normalize(x, [0.5] * 3, [0.5] * 3), 0.5), 4).sum().backward()
    assert x.grad is not None and x.grad.abs().sum() > 0


def test_compose_shows_itself():
    assert (
        repr(T.Compose([T.ToTensor(), T.CenterCrop(3)])) == "Compose(\n    ToTensor()\n    CenterCrop(size=(3, 3))\n)"
    )
