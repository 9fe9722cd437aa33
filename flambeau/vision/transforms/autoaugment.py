"""Several changes in a row, chosen by chance, as learned for data sets or the same for all."""

import math
from enum import Enum

import flambeau
from flambeau import nn

from . import functional as F
from .functional import InterpolationMode

__all__ = ["AugMix", "AutoAugment", "AutoAugmentPolicy", "RandAugment", "TrivialAugmentWide"]


class AutoAugmentPolicy(Enum):
    """The data sets that changes were learned for.

    >>> flambeau.vision.transforms.AutoAugmentPolicy.CIFAR10.value
    'cifar10'
    """

    IMAGENET = "imagenet"
    CIFAR10 = "cifar10"
    SVHN = "svhn"


# Two changes a policy: name, probability, magnitude (0 to 9, - for none).
_POLICIES = {
    "imagenet": """
        Posterize 0.4 8, Rotate 0.6 9; Solarize 0.6 5, AutoContrast 0.6 -; Equalize 0.8 -, Equalize 0.6 -;
        Posterize 0.6 7, Posterize 0.6 6; Equalize 0.4 -, Solarize 0.2 4; Equalize 0.4 -, Rotate 0.8 8;
        Solarize 0.6 3, Equalize 0.6 -; Posterize 0.8 5, Equalize 1.0 -; Rotate 0.2 3, Solarize 0.6 8;
        Equalize 0.6 -, Posterize 0.4 6; Rotate 0.8 8, Color 0.4 0; Rotate 0.4 9, Equalize 0.6 -;
        Equalize 0.0 -, Equalize 0.8 -; Invert 0.6 -, Equalize 1.0 -; Color 0.6 4, Contrast 1.0 8;
        Rotate 0.8 8, Color 1.0 2; Color 0.8 8, Solarize 0.8 7; Sharpness 0.4 7, Invert 0.6 -;
        ShearX 0.6 5, Equalize 1.0 -; Color 0.4 0, Equalize 0.6 -; Equalize 0.4 -, Solarize 0.2 4;
        Solarize 0.6 5, AutoContrast 0.6 -; Invert 0.6 -, Equalize 1.0 -; Color 0.6 4, Contrast 1.0 8;
        Equalize 0.8 -, Equalize 0.6 -""",
    "cifar10": """
        Invert 0.1 -, Contrast 0.2 6; Rotate 0.7 2, TranslateX 0.3 9; Sharpness 0.8 1, Sharpness 0.9 3;
        ShearY 0.5 8, TranslateY 0.7 9; AutoContrast 0.5 -, Equalize 0.9 -; ShearY 0.2 7, Posterize 0.3 7;
        Color 0.4 3, Brightness 0.6 7; Sharpness 0.3 9, Brightness 0.7 9; Equalize 0.6 -, Equalize 0.5 -;
        Contrast 0.6 7, Sharpness 0.6 5; Color 0.7 7, TranslateX 0.5 8; Equalize 0.3 -, AutoContrast 0.4 -;
        TranslateY 0.4 3, Sharpness 0.2 6; Brightness 0.9 6, Color 0.2 8; Solarize 0.5 2, Invert 0.0 -;
        Equalize 0.2 -, AutoContrast 0.6 -; Equalize 0.2 -, Equalize 0.6 -; Color 0.9 9, Equalize 0.6 -;
        AutoContrast 0.8 -, Solarize 0.2 8; Brightness 0.1 3, Color 0.7 0; Solarize 0.4 5, AutoContrast 0.9 -;
        TranslateY 0.9 9, TranslateY 0.7 9; AutoContrast 0.9 -, Solarize 0.8 3; Equalize 0.8 -, Invert 0.1 -;
        TranslateY 0.7 9, AutoContrast 0.9 -""",
    "svhn": """
        ShearX 0.9 4, Invert 0.2 -; ShearY 0.9 8, Invert 0.7 -; Equalize 0.6 -, Solarize 0.6 6;
        Invert 0.9 -, Equalize 0.6 -; Equalize 0.6 -, Rotate 0.9 3; ShearX 0.9 4, AutoContrast 0.8 -;
        ShearY 0.9 8, Invert 0.4 -; ShearY 0.9 5, Solarize 0.2 6; Invert 0.9 -, AutoContrast 0.8 -;
        Equalize 0.6 -, Rotate 0.9 3; ShearX 0.9 4, Solarize 0.3 3; ShearY 0.8 8, Invert 0.7 -;
        Equalize 0.9 -, TranslateY 0.6 6; Invert 0.9 -, Equalize 0.6 -; Contrast 0.3 3, Rotate 0.8 4;
        Invert 0.8 -, TranslateY 0.0 2; ShearY 0.7 6, Solarize 0.4 8; Invert 0.6 -, Rotate 0.8 4;
        ShearY 0.3 7, TranslateX 0.9 3; ShearX 0.1 6, Invert 0.6 -; Solarize 0.7 2, TranslateY 0.6 7;
        ShearY 0.8 4, Invert 0.8 -; ShearX 0.7 9, TranslateY 0.8 3; ShearY 0.8 5, AutoContrast 0.7 -;
        ShearX 0.7 2, Invert 0.1 -""",
}


def policies_of(policy):
    """Pairs of (name, probability, magnitude or None)."""
    if not isinstance(policy, AutoAugmentPolicy):
        raise ValueError(f"The provided policy {policy} is not recognized.")
    return [tuple(_operation(text) for text in pair.split(", ")) for pair in _POLICIES[policy.value].split(";")]


def _operation(text):
    name, p, magnitude = text.split()
    return name, float(p), None if magnitude == "-" else int(magnitude)


_WARPS, _COLOURS = (
    ("ShearX", "ShearY", "TranslateX", "TranslateY", "Rotate"),
    ("Brightness", "Color", "Contrast", "Sharpness"),
)


def magnitudes(names, bins, size, *, shear, shift, turn, colour, posterize, white=255.0):
    """{name: (magnitude of each step, whether its sign is drawn)}.

    Args:
        names: of the changes, in order.
        bins: how many steps.
        size: (height, width).
        shear, turn, colour: the largest of each kind.
        shift: the largest for a side of so many pixels.
        posterize: (bits at the first step, how many fewer at the last).
        white: the first step of Solarize.
    """
    ends = {
        "ShearX": shear,
        "ShearY": shear,
        "TranslateX": shift(size[1]),
        "TranslateY": shift(size[0]),
        "Rotate": turn,
    }
    ends |= dict.fromkeys(_COLOURS, colour)
    bits, fewer = posterize
    space = {}
    for name in names:
        if name in ends:
            space[name] = (flambeau.linspace(0.0, ends[name], bins), True)
        elif name == "Posterize":
            steps = flambeau.arange(bins) / ((bins - 1) / fewer)
            space[name] = (bits - steps.round().to(flambeau.int32), False)
        elif name == "Solarize":
            space[name] = (flambeau.linspace(white, 0.0, bins), False)
        else:
            space[name] = (flambeau.tensor(0.0), False)
    return space


_LEARNED = (*_WARPS, *_COLOURS, "Posterize", "Solarize", "AutoContrast", "Equalize", "Invert")
_ANY = ("Identity", *_LEARNED[:-1])
_MIXED = (*_WARPS, "Posterize", "Solarize", "AutoContrast", "Equalize")
_LEARNED_LIMITS = {"shear": 0.3, "shift": lambda s: 150.0 / 331.0 * s, "turn": 30.0, "colour": 0.9, "posterize": (8, 4)}
_WIDE_LIMITS = {"shear": 0.99, "shift": lambda s: 32.0, "turn": 135.0, "colour": 0.99, "posterize": (8, 6)}
_MIXED_LIMITS = {"shear": 0.3, "shift": lambda s: s / 3.0, "turn": 30.0, "colour": 0.9, "posterize": (4, 4)}


def _apply_op(img, op_name, magnitude, interpolation, fill, functions=F):
    """One change by its name."""
    if op_name in ("ShearX", "ShearY", "TranslateX", "TranslateY"):
        sheared = op_name.startswith("Shear")
        step = math.degrees(math.atan(magnitude)) if sheared else int(magnitude)
        pair = [step, 0] if op_name.endswith("X") else [0, step]
        moves, shear = ([0, 0], pair) if sheared else (pair, [0.0, 0.0])
        center = [0, 0] if sheared else None
        return functions.affine(img, 0.0, moves, 1.0, shear, interpolation, fill, center)
    if op_name == "Rotate":
        return functions.rotate(img, magnitude, interpolation, fill=fill)
    factors = {"Brightness": "brightness", "Color": "saturation", "Contrast": "contrast", "Sharpness": "sharpness"}
    if op_name in factors:
        return getattr(functions, f"adjust_{factors[op_name]}")(img, 1.0 + magnitude)
    if op_name == "Posterize":
        return functions.posterize(img, int(magnitude))
    if op_name == "Solarize":
        return functions.solarize(img, magnitude)
    if op_name == "Identity":
        return img
    if op_name not in ("AutoContrast", "Equalize", "Invert"):
        raise ValueError(f"The provided operator {op_name} is not recognized.")
    return getattr(functions, op_name.lower())(img)


def _below(n):
    return int(flambeau.randint(n, (1,)).item())


class _Augment(nn.Module):
    """What all have: a mode, a fill, and how a change is drawn."""

    def __init__(self, interpolation, fill):
        super().__init__()
        self.interpolation, self.fill = interpolation, fill

    def _fill(self, img, channels):
        if not isinstance(img, flambeau.Tensor) or self.fill is None:
            return self.fill
        return [float(self.fill)] * channels if isinstance(self.fill, int | float) else [float(f) for f in self.fill]

    def _draw(self, space, step):
        """(name, magnitude); `step` chooses one of the magnitudes."""
        name = list(space)[_below(len(space))]
        levels, signed = space[name]
        magnitude = float(levels[step(levels)]) if levels.ndim > 0 else 0.0
        return name, -magnitude if signed and _below(2) else magnitude

    def __repr__(self):
        return f"{self.__class__.__name__}({', '.join(f'{name}={getattr(self, name)}' for name in self._shown)})"

    _shown: tuple = ()


class AutoAugment(_Augment):
    """Two changes, as learned for a data set (arXiv 1805.09501); tensors are uint8.

    Args:
        policy: an AutoAugmentPolicy.
        interpolation: an InterpolationMode.
        fill: value outside.

    >>> flambeau.vision.transforms.AutoAugment()(flambeau.zeros(3, 8, 8, dtype=flambeau.uint8)).shape
    torch.Size([3, 8, 8])
    """

    _shown = ("policy", "fill")

    def __init__(self, policy=AutoAugmentPolicy.IMAGENET, interpolation=InterpolationMode.NEAREST, fill=None):
        super().__init__(interpolation, fill)
        self.policy, self.policies = policy, policies_of(policy)

    @staticmethod
    def get_params(transform_num):
        """(place of the policy, two random numbers, two signs)."""
        return _below(transform_num), flambeau.rand((2,)), flambeau.randint(2, (2,))

    def forward(self, img):
        channels, height, width = F.get_dimensions(img)
        fill = self._fill(img, channels)
        place, chances, signs = self.get_params(len(self.policies))
        space = magnitudes(_LEARNED, 10, (height, width), **_LEARNED_LIMITS)
        for i, (name, p, step) in enumerate(self.policies[place]):
            if chances[i] <= p:
                levels, signed = space[name]
                magnitude = float(levels[step]) if step is not None else 0.0
                magnitude = -magnitude if signed and signs[i] == 0 else magnitude
                img = _apply_op(img, name, magnitude, self.interpolation, fill)
        return img


class RandAugment(_Augment):
    """Any changes, all of one strength (arXiv 1909.13719); tensors are uint8.

    Args:
        num_ops: how many.
        magnitude: their strength, below num_magnitude_bins.
        num_magnitude_bins: how many strengths there are.
        interpolation: an InterpolationMode.
        fill: value outside.

    >>> flambeau.vision.transforms.RandAugment()(flambeau.zeros(3, 8, 8, dtype=flambeau.uint8)).shape
    torch.Size([3, 8, 8])
    """

    _shown = ("num_ops", "magnitude", "num_magnitude_bins", "interpolation", "fill")

    def __init__(
        self, num_ops=2, magnitude=9, num_magnitude_bins=31, interpolation=InterpolationMode.NEAREST, fill=None
    ):
        super().__init__(interpolation, fill)
        self.num_ops, self.magnitude, self.num_magnitude_bins = num_ops, magnitude, num_magnitude_bins

    def forward(self, img):
        channels, height, width = F.get_dimensions(img)
        fill = self._fill(img, channels)
        space = magnitudes(_ANY, self.num_magnitude_bins, (height, width), **_LEARNED_LIMITS)
        for _ in range(self.num_ops):
            img = _apply_op(img, *self._draw(space, lambda levels: self.magnitude), self.interpolation, fill)
        return img


class TrivialAugmentWide(_Augment):
    """One change of any strength (arXiv 2103.10158); tensors are uint8.

    Args:
        num_magnitude_bins: how many strengths there are.
        interpolation: an InterpolationMode.
        fill: value outside.

    >>> flambeau.vision.transforms.TrivialAugmentWide()(flambeau.zeros(3, 8, 8, dtype=flambeau.uint8)).shape
    torch.Size([3, 8, 8])
    """

    _shown = ("num_magnitude_bins", "interpolation", "fill")

    def __init__(self, num_magnitude_bins=31, interpolation=InterpolationMode.NEAREST, fill=None):
        super().__init__(interpolation, fill)
        self.num_magnitude_bins = num_magnitude_bins

    def forward(self, img):
        channels, height, width = F.get_dimensions(img)
        space = magnitudes(_ANY, self.num_magnitude_bins, (height, width), **_WIDE_LIMITS)
        change = self._draw(space, lambda levels: _below(len(levels)))
        return _apply_op(img, *change, self.interpolation, self._fill(img, channels))


class AugMix(_Augment):
    """A mean of the picture and of chains of changes (arXiv 1912.02781); tensors are uint8.

    Args:
        severity: strength of the changes, 1 to 10.
        mixture_width: how many chains.
        chain_depth: changes of a chain; 1 to 3 by chance if not positive.
        alpha: of the Dirichlet distribution of the weights.
        all_ops: changes of colours too.
        interpolation: an InterpolationMode.
        fill: value outside.

    >>> flambeau.vision.transforms.AugMix()(flambeau.zeros(3, 8, 8, dtype=flambeau.uint8)).shape
    torch.Size([3, 8, 8])
    """

    _PARAMETER_MAX = 10
    _shown = ("severity", "mixture_width", "chain_depth", "alpha", "all_ops", "interpolation", "fill")

    def __init__(
        self,
        severity=3,
        mixture_width=3,
        chain_depth=-1,
        alpha=1.0,
        all_ops=True,
        interpolation=InterpolationMode.BILINEAR,
        fill=None,
    ):
        super().__init__(interpolation, fill)
        if not 1 <= severity <= self._PARAMETER_MAX:
            raise ValueError(f"The severity must be between [1, {self._PARAMETER_MAX}]. Got {severity} instead.")
        self.severity, self.mixture_width, self.chain_depth = severity, mixture_width, chain_depth
        self.alpha, self.all_ops = alpha, all_ops

    def _weights(self, batch):
        """Of the picture, and of each chain."""
        shares = flambeau.distributions.Dirichlet(flambeau.tensor([self.alpha, self.alpha]).expand(batch, -1)).sample()
        chains = flambeau.distributions.Dirichlet(
            flambeau.tensor([self.alpha] * self.mixture_width).expand(batch, -1)
        ).sample()
        return shares[:, 0], chains * shares[:, 1].reshape(batch, -1)

    def _chain(self, img, space, fill):
        depth = self.chain_depth if self.chain_depth > 0 else int(flambeau.randint(1, 4, (1,)).item())
        for _ in range(depth):
            img = _apply_op(img, *self._draw(space, lambda levels: _below(self.severity)), self.interpolation, fill)
        return img

    def forward(self, orig_img):
        channels, height, width = F.get_dimensions(orig_img)
        is_tensor = isinstance(orig_img, flambeau.Tensor)
        fill = self._fill(orig_img, channels)
        img = orig_img if is_tensor else F.pil_to_tensor(orig_img)
        names = (*_MIXED, *_COLOURS) if self.all_ops else _MIXED
        space = magnitudes(names, self._PARAMETER_MAX, (height, width), **_MIXED_LIMITS)
        batch = img.reshape([1] * max(4 - img.ndim, 0) + list(img.shape))
        ones = [batch.shape[0]] + [1] * (batch.ndim - 1)
        own, weights = self._weights(batch.shape[0])
        mixed = own.reshape(ones) * batch
        for i in range(self.mixture_width):
            mixed = mixed + weights[:, i].reshape(ones) * self._chain(batch, space, fill)
        mixed = mixed.reshape(img.shape).to(img.dtype)
        return mixed if is_tensor else F.to_pil_image(mixed)
