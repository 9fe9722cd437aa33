"""Figures of models and transforms, the same in torchvision and here.

`python -m tests.vision.figures torch` prints what recorded/vision.json keeps, where torchvision is installed.
"""

import importlib
import json
import math
import random
import sys
import zlib
from contextlib import contextmanager

import numpy as np

# Small enough to be computed in a test; the others are compared by the names and shapes of what they hold.
COMPUTED = {
    "alexnet": {"num_classes": 3},
    "resnet18": {},
    "resnext50_32x4d": {"num_classes": 3},
    "squeezenet1_1": {},
    "densenet121": {},
    "googlenet": {"init_weights": False},
    "inception_v3": {"init_weights": False, "aux_logits": False},
    "mobilenet_v2": {},
    "mobilenet_v3_small": {},
    "shufflenet_v2_x1_0": {},
    "mnasnet0_5": {},
    "efficientnet_b0": {},
    "regnet_x_400mf": {},
    "regnet_y_400mf": {},
    "convnext_tiny": {"num_classes": 3},
    "swin_t": {"num_classes": 3},
    "swin_v2_t": {"num_classes": 3},
    "r3d_18": {"num_classes": 3},
    "mc3_18": {"num_classes": 3},
    "swin3d_t": {"num_classes": 3},
}
SIDES = {"inception_v3": 160, "r3d_18": 16, "mc3_18": 16, "swin3d_t": 24}
LARGE = 150_000_000


@contextmanager
def undrawn(fl):
    """Parameters are not drawn: a model of any size is made at once."""
    kept = {name: f for name, f in vars(fl.nn.init).items() if name.endswith("_") and callable(f)}
    for name in kept:
        setattr(fl.nn.init, name, lambda tensor, *args, **kwargs: tensor)
    try:
        yield
    finally:
        for name, function in kept.items():
            setattr(fl.nn.init, name, function)


def state_figure(fl, vision, name):
    """A sum over the names and shapes of everything that a model's state dict holds."""
    options = {"init_weights": False} if name in ("googlenet", "inception_v3") else {}
    home = vision.models.get_model_builder(name).__module__.split(".")
    extra = {"weights_backbone": None} if {"segmentation", "detection"} & set(home) else {}
    with undrawn(fl):
        state = vision.models.get_model(name, **options, **extra).state_dict()
    return zlib.crc32(json.dumps([(key, list(value.shape)) for key, value in state.items()]).encode())


def model_figure(fl, vision, name):
    """What a model's drawn parameters sum to, and what it makes of a picture, in evaluation and in training."""
    fl.manual_seed(0)
    model = vision.models.get_model(name, **COMPUTED[name])
    figures = [float(sum(p.abs().sum().item() for p in model.parameters()))]
    side = SIDES.get(name, 64)
    shape = (2, 3, 4, side, side) if "video" in type(model).__module__ else (2, 3, side, side)
    x = fl.linspace(-1, 1, math.prod(shape)).sin().reshape(shape)
    x = (x * fl.arange(side) * 3).cos()
    with fl.no_grad():
        figures += flat(model.eval()(x))[:3]
        fl.manual_seed(1)
        out = model.train()(x)
        figures += flat(out[0] if isinstance(out, tuple) else out)[:3]
    return [round(f, 6) for f in figures]


def flat(tensor):
    return tensor.reshape(-1).tolist()


def pictures():
    """{kind: array (C, H, W) or a Pillow picture}."""
    from PIL import Image

    smooth = np.stack([np.add.outer(np.arange(29) * 3 + c * 20, np.arange(37) * 4) for c in range(3)]).astype(np.uint8)
    pillow = Image.fromarray(np.ascontiguousarray(smooth.transpose(1, 2, 0)))
    return {"uint8": smooth, "float32": (smooth / 255).astype(np.float32), "pillow": pillow}


def transforms(T):
    """{name: a transform}, of either version."""
    I = T.InterpolationMode
    return {
        "resize": T.Resize(17),
        "resize_bicubic": T.Resize((11, 13), I.BICUBIC),
        "resize_nearest": T.Resize(50, I.NEAREST, max_size=60),
        "resize_aliased": T.Resize((40, 20), antialias=False),
        "center_crop": T.CenterCrop(20),
        "center_crop_large": T.CenterCrop((40, 50)),
        "pad": T.Pad(3, fill=7),
        "pad_edge": T.Pad((1, 2, 3, 4), padding_mode="edge"),
        "pad_reflect": T.Pad((1, 2), padding_mode="reflect"),
        "pad_symmetric": T.Pad((5, 2, 3, 4), padding_mode="symmetric"),
        "random_crop": T.RandomCrop(28, padding=4),
        "random_crop_large": T.RandomCrop(45, pad_if_needed=True),
        "flips": T.Compose([T.RandomHorizontalFlip(), T.RandomVerticalFlip()]),
        "random_resized_crop": T.RandomResizedCrop(16),
        "color_jitter": T.ColorJitter(0.4, 0.4, 0.4, 0.2),
        "grayscale": T.Grayscale(3),
        "random_grayscale": T.RandomGrayscale(0.5),
        "rotation": T.RandomRotation(30),
        "rotation_expand": T.RandomRotation((10, 40), I.BILINEAR, expand=True, fill=3),
        "affine": T.RandomAffine(20, (0.1, 0.2), (0.7, 1.3), 10),
        "affine_shear": T.RandomAffine(20, None, (0.7, 1.3), (1, 9, 2, 7), interpolation=I.BILINEAR, fill=9),
        "perspective": T.RandomPerspective(0.4, 1.0),
        "blur": T.GaussianBlur(5),
        "invert": T.RandomInvert(),
        "posterize": T.RandomPosterize(3),
        "solarize": T.RandomSolarize(0.7),
        "sharpness": T.RandomAdjustSharpness(2.2),
        "autocontrast": T.RandomAutocontrast(),
        "equalize": T.RandomEqualize(),
        "elastic": T.ElasticTransform(20.0, 3.0),
        "erasing": T.RandomErasing(0.8),
        "erasing_noise": T.RandomErasing(1.0, value="random"),
        "five_crop": T.FiveCrop(12),
        "ten_crop": T.TenCrop(12),
        "apply": T.RandomApply([T.Resize(10)], 0.5),
        "order": T.RandomOrder([T.Resize(20), T.CenterCrop(15), T.RandomCrop(9)]),
        "choice": T.RandomChoice([T.Resize(20), T.Resize(10)]),
        "auto_imagenet": T.AutoAugment(),
        "auto_cifar10": T.AutoAugment(T.AutoAugmentPolicy.CIFAR10),
        "auto_svhn": T.AutoAugment(T.AutoAugmentPolicy.SVHN, I.BILINEAR),
        "rand_augment": T.RandAugment(),
        "trivial_augment": T.TrivialAugmentWide(),
        "aug_mix": T.AugMix(),
        "normalize": T.Normalize([0.5], [0.2]),
    }


# Changes of the geometry, each made with the seed 3.
SAMPLES = {
    "horizontal_flip": lambda T: T.RandomHorizontalFlip(1.0),
    "vertical_flip": lambda T: T.RandomVerticalFlip(1.0),
    "resize": lambda T: T.Resize((10, 30)),
    "center_crop": lambda T: T.CenterCrop((12, 30)),
    "pad": lambda T: T.Pad((1, 2, 3, 4)),
    "crop": lambda T: T.RandomCrop(15, padding=2),
    "resized_crop": lambda T: T.RandomResizedCrop(16),
    "rotation": lambda T: T.RandomRotation((10, 80), expand=True),
    "affine": lambda T: T.RandomAffine(30, (0.1, 0.2), (0.7, 1.3), (1, 9, 3, 8)),
    "perspective": lambda T: T.RandomPerspective(0.5, 1.0),
    "elastic": lambda T: T.ElasticTransform(40.0, 3.0),
    "zoom_out": lambda T: T.RandomZoomOut(p=1.0),
    "shortest": lambda T: T.RandomShortestSize([10, 20, 25], 40),
    "jitter": lambda T: T.ScaleJitter((40, 40)),
    "iou_crop": lambda T: T.RandomIoUCrop(),
}


def sample_figure(fl, T, tv, name):
    """Boxes and points after a change."""
    fl.manual_seed(3)
    boxes = fl.tensor([[2.0, 3, 12, 9], [5, 1, 20, 17], [0, 0, 3, 3]])
    image = tv.Image(fl.zeros(3, 18, 24))
    boxes = tv.BoundingBoxes(boxes, format="XYXY", canvas_size=(18, 24))
    points = tv.KeyPoints(fl.tensor([[2.0, 3.0], [20.0, 17.0]]), canvas_size=(18, 24))
    _, boxes, points = SAMPLES[name](T)(image, boxes, points)
    return numbers([boxes.as_subclass(fl.Tensor), points.as_subclass(fl.Tensor)])


def boxes(count, height, width, seed=0, batch=None):
    """(N, 4) boxes that may reach beyond the picture, or (N, 5) with the number of a picture in front."""
    rng = np.random.default_rng(seed)
    points = rng.random((count, 2, 2)) * np.array([width, height]) * 1.3 - 2
    found = np.concatenate([points.min(1), points.max(1)], 1)
    if batch is not None:
        found = np.concatenate([rng.integers(0, batch, (count, 1)), found], 1)
    return found.astype(np.float32)


def _pooled(name, channels, size, *rest):
    def call(fl, ops, gradient=False):
        x = fl.linspace(-3, 3, 2 * channels * 13 * 17).cos().reshape(2, channels, 13, 17).requires_grad_()
        out = getattr(ops, name)(x, fl.from_numpy(boxes(20, 13, 17, batch=2)), size, *rest)
        return _gradient(fl, out, x) if gradient else out.detach()

    return call


def _gradient(fl, out, x):
    out.mul(fl.arange(out.numel()).to(out.dtype).cos().reshape(out.shape)).sum().backward()
    return x.grad


def _deformed(groups, parts, masked):
    def call(fl, ops, gradient=False):
        count = fl.arange
        x = count(2 * 6 * 81).to(fl.float32).sin().reshape(2, 6, 9, 9)
        offset = (count(2 * parts * 18 * 49).to(fl.float32).cos() * 2).reshape(2, parts * 18, 7, 7).requires_grad_()
        mask = count(2 * parts * 9 * 49).to(fl.float32).sin().reshape(2, parts * 9, 7, 7) if masked else None
        weight = count(4 * 54 // groups).to(fl.float32).sin().reshape(4, 6 // groups, 3, 3)
        out = ops.deform_conv2d(x, offset, weight, fl.ones(4), mask=mask)
        return _gradient(fl, out, offset) if gradient else out.detach()

    return call


def _paired(name, **options):
    def call(fl, ops):
        first, second = (fl.from_numpy(boxes(20, 50, 50, seed)) for seed in (1, 2))
        return getattr(ops, name)(first, second, **options)

    return call


def _focal(alpha, gamma):
    return lambda fl, ops: ops.sigmoid_focal_loss(
        fl.linspace(-4, 4, 20), (fl.arange(20) % 2).to(fl.float32), alpha, gamma
    )


def _levels(fl, ops):
    maps = {
        str(i): fl.arange(2 * 5 * n * n).to(fl.float32).sin().reshape(2, 5, n, n) for i, n in enumerate((64, 32, 16))
    }
    rois = fl.from_numpy(boxes(20, 512, 512))
    return ops.MultiScaleRoIAlign(["0", "1", "2"], 7, 2)(maps, [rois[:12], rois[12:]], [(512, 512), (400, 500)])


OPS = {
    "roi_align": _pooled("roi_align", 3, (3, 2)),
    "roi_align_aligned": _pooled("roi_align", 3, 4, 0.5, 2, True),
    "roi_pool": _pooled("roi_pool", 3, (3, 2), 0.7),
    "ps_roi_align": _pooled("ps_roi_align", 18, (3, 2)),
    "ps_roi_pool": _pooled("ps_roi_pool", 18, 3, 0.7),
    "deform": _deformed(1, 1, False),
    "deform_groups": _deformed(2, 3, True),
    "box_iou": _paired("box_iou"),
    "generalized_box_iou": _paired("generalized_box_iou"),
    "distance_box_iou": _paired("distance_box_iou"),
    "complete_box_iou": _paired("complete_box_iou"),
    "generalized_box_iou_loss": _paired("generalized_box_iou_loss"),
    "distance_box_iou_loss": _paired("distance_box_iou_loss", reduction="mean"),
    "complete_box_iou_loss": _paired("complete_box_iou_loss", reduction="sum"),
    "focal": _focal(0.25, 2),
    "focal_unweighted": _focal(-1, 1.5),
    "levels": _levels,
}


def numbers(x):
    """Sizes, mean, and a sum with changing weights, of a result."""
    if isinstance(x, tuple | list):
        return [n for item in x for n in numbers(item)]
    array = np.asarray(x.detach().numpy() if hasattr(x, "numpy") else x).astype(np.float64)
    weights = np.cos(np.arange(array.size)).reshape(array.shape)
    return [float(s) for s in array.shape] + [round(array.mean(), 5), round((array * weights).mean(), 5)]


def transform_figure(fl, transform, picture):
    """Four results in a row from one seed, or the error's name."""
    fl.manual_seed(7)
    random.seed(7)
    figures = []
    for _ in range(4):
        x = fl.from_numpy(picture.copy()) if isinstance(picture, np.ndarray) else picture
        try:
            figures += numbers(transform(x))
        except Exception as error:
            return type(error).__name__
    return figures


def op_figures(fl, ops):
    found = {name: numbers(f(fl, ops)) for name, f in OPS.items()}
    for name in (n for n in OPS if n.startswith(("roi", "ps_roi", "deform"))):
        found[f"{name}/gradient"] = numbers(OPS[name](fl, ops, gradient=True))
    return found


def packages(name):
    if name == "torch":
        return importlib.import_module("torch"), importlib.import_module("torchvision")
    return importlib.import_module("flambeau"), importlib.import_module("flambeau.vision")


def record(fl, vision):
    models = vision.models
    facts = {name: next(iter(models.get_model_weights(name))).meta["num_params"] for name in models.list_models()}
    own = importlib.import_module("flambeau.vision").models.list_models()
    tv, T2 = (importlib.import_module(f"{vision.__name__}.{name}") for name in ("tv_tensors", "transforms.v2"))
    samples = {name: sample_figure(fl, T2, tv, name) for name in SAMPLES}
    found = {"samples": samples, "states": {}, "models": {}, "transforms": {}, "ops": op_figures(fl, vision.ops)}
    for name in own:
        if facts[name] < LARGE:
            found["states"][name] = state_figure(fl, vision, name)
    for name in COMPUTED:
        found["models"][name] = model_figure(fl, vision, name)
    for key, place in (("v1", "transforms"), ("v2", "transforms.v2")):
        T = importlib.import_module(f"{vision.__name__}.{place}")
        for name, transform in transforms(T).items():
            for kind, picture in pictures().items():
                found["transforms"][f"{key}/{name}/{kind}"] = transform_figure(fl, transform, picture)
    return found


if __name__ == "__main__":
    found = record(*packages(sys.argv[1]))
    rows = (f"{json.dumps(key)}: {{\n" + ",\n".join(f"{json.dumps(k)}: {json.dumps(v)}" for k, v in part.items()) + "\n}"
            for key, part in found.items())  # fmt: skip
    print("{\n" + ",\n".join(rows) + "\n}")
