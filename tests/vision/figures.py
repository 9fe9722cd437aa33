"""Figures of models and transforms, the same in torchvision and here.

`python -m tests.vision.figures torch` prints what recorded/vision.json keeps, where torchvision is installed.
"""

import importlib
import json
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
}
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
    side = 160 if name == "inception_v3" else 64
    x = fl.linspace(-1, 1, 2 * 3 * side * side).sin().reshape(2, 3, side, side)
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


def numbers(x):
    """Sizes, mean, and a sum with changing weights, of a result."""
    if isinstance(x, tuple | list):
        return [n for item in x for n in numbers(item)]
    array = np.asarray(x if not hasattr(x, "numpy") else x.numpy()).astype(np.float64)
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


def packages(name):
    if name == "torch":
        return importlib.import_module("torch"), importlib.import_module("torchvision")
    return importlib.import_module("flambeau"), importlib.import_module("flambeau.vision")


def record(fl, vision):
    models = vision.models
    facts = {name: next(iter(models.get_model_weights(name))).meta["num_params"] for name in models.list_models()}
    own = importlib.import_module("flambeau.vision").models.list_models()
    found = {"states": {}, "models": {}, "transforms": {}}
    for name in own:
        if facts[name] < LARGE:
            found["states"][name] = state_figure(fl, vision, name)
    for name in COMPUTED:
        found["models"][name] = model_figure(fl, vision, name)
    for key, place in (("v1", "transforms"), ("v2", "transforms.v2")):
        try:
            T = importlib.import_module(f"{vision.__name__}.{place}")
            importlib.import_module(f"flambeau.vision.{place}")
        except ModuleNotFoundError:
            continue
        for name, transform in transforms(T).items():
            for kind, picture in pictures().items():
                found["transforms"][f"{key}/{name}/{kind}"] = transform_figure(fl, transform, picture)
    return found


if __name__ == "__main__":
    found = record(*packages(sys.argv[1]))
    rows = (f"{json.dumps(key)}: {{\n" + ",\n".join(f"{json.dumps(k)}: {json.dumps(v)}" for k, v in part.items()) + "\n}"
            for key, part in found.items())  # fmt: skip
    print("{\n" + ",\n".join(rows) + "\n}")
