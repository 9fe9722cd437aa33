"""Transforms of colours."""

import flambeau

from .. import _color as V1
from . import functional as F
from ._transform import Transform, _RandomApplyTransform, query_chw

__all__ = [
    "RGB",
    "ColorJitter",
    "GaussianBlur",
    "GaussianNoise",
    "Grayscale",
    "RandomAdjustSharpness",
    "RandomAutocontrast",
    "RandomChannelPermutation",
    "RandomEqualize",
    "RandomGrayscale",
    "RandomInvert",
    "RandomPhotometricDistort",
    "RandomPosterize",
    "RandomSolarize",
]  # fmt: skip


class Grayscale(Transform):
    """The picture in black and white.

    Args:
        num_output_channels: 1, or 3 equal ones.

    >>> flambeau.vision.transforms.v2.Grayscale()(flambeau.ones(3, 1, 1)).shape
    torch.Size([1, 1, 1])
    """

    def __init__(self, num_output_channels=1):
        super().__init__()
        self.num_output_channels = num_output_channels

    def transform(self, inpt, params):
        return self._call_kernel(F.rgb_to_grayscale, inpt, num_output_channels=self.num_output_channels)


class RandomGrayscale(_RandomApplyTransform):
    """The picture in black and white, with as many channels as before, with a probability.

    Args:
        p: the probability.

    >>> flambeau.vision.transforms.v2.RandomGrayscale(1.0)(flambeau.ones(3, 1, 1)).shape
    torch.Size([3, 1, 1])
    """

    def __init__(self, p=0.1):
        super().__init__(p=p)

    def make_params(self, flat_inputs):
        return {"num_output_channels": query_chw(flat_inputs)[0]}

    def transform(self, inpt, params):
        return self._call_kernel(F.rgb_to_grayscale, inpt, **params)


class RGB(Transform):
    """Three channels, equal ones if there was one.

    >>> flambeau.vision.transforms.v2.RGB()(flambeau.ones(1, 1, 1)).shape
    torch.Size([3, 1, 1])
    """

    def transform(self, inpt, params):
        return self._call_kernel(F.grayscale_to_rgb, inpt)


_CHANGES = (F.adjust_brightness, F.adjust_contrast, F.adjust_saturation, F.adjust_hue)


class ColorJitter(Transform):
    """Other brightness, contrast, saturation and hue, in any order.

    Args:
        brightness, contrast, saturation: factors between these two, or between 1 - x and 1 + x.
        hue: a shift between these two, or between -x and x.

    >>> flambeau.vision.transforms.v2.ColorJitter(brightness=0.5, hue=0.1)
    ColorJitter(brightness=(0.5, 1.5), hue=(-0.1, 0.1))
    """

    def __init__(self, brightness=None, contrast=None, saturation=None, hue=None):
        super().__init__()
        limits = V1.ColorJitter(brightness or 0, contrast or 0, saturation or 0, hue or 0)
        self.brightness, self.contrast = limits.brightness, limits.contrast
        self.saturation, self.hue = limits.saturation, limits.hue

    def make_params(self, flat_inputs):
        order, *factors = V1.ColorJitter.get_params(self.brightness, self.contrast, self.saturation, self.hue)
        return {"order": order.tolist(), "factors": factors}

    def transform(self, inpt, params):
        for i in params["order"]:
            if params["factors"][i] is not None:
                inpt = self._call_kernel(_CHANGES[i], inpt, params["factors"][i])
        return inpt


class RandomChannelPermutation(Transform):
    """Channels in any order.

    >>> flambeau.vision.transforms.v2.RandomChannelPermutation()(flambeau.arange(3.0).reshape(3, 1, 1)).sum()
    tensor(3.)
    """

    def make_params(self, flat_inputs):
        return {"permutation": flambeau.randperm(query_chw(flat_inputs)[0])}

    def transform(self, inpt, params):
        return self._call_kernel(F.permute_channels, inpt, params["permutation"])


class RandomPhotometricDistort(Transform):
    """Other colours in several ways, each with a probability (arXiv 1512.02325).

    Args:
        brightness, contrast, saturation, hue: limits of the factors and of the shift.
        p: the probability.

    >>> flambeau.vision.transforms.v2.RandomPhotometricDistort(p=0.0)(flambeau.ones(3, 1, 1)).sum()
    tensor(3.)
    """

    def __init__(
        self,
        brightness=(0.875, 1.125),
        contrast=(0.5, 1.5),
        saturation=(0.5, 1.5),
        hue=(-0.05, 0.05),
        p=0.5,
    ):
        super().__init__()
        self.brightness, self.contrast, self.saturation, self.hue, self.p = brightness, contrast, saturation, hue, p

    def make_params(self, flat_inputs):
        channels = query_chw(flat_inputs)[0]
        limits = (self.brightness, self.contrast, self.saturation, self.hue)
        factors = [V1._uniform(*pair) if flambeau.rand(1) < self.p else None for pair in limits]
        first = bool(flambeau.rand(()) < 0.5)
        order = flambeau.randperm(channels) if flambeau.rand(1) < self.p else None
        return {"factors": factors, "places": (0, 1, 2, 3) if first else (0, 2, 3, 1), "order": order}

    def transform(self, inpt, params):
        for i in params["places"]:
            if params["factors"][i] is not None:
                inpt = self._call_kernel(_CHANGES[i], inpt, params["factors"][i])
        return inpt if params["order"] is None else self._call_kernel(F.permute_channels, inpt, params["order"])


class RandomEqualize(_RandomApplyTransform):
    """Each channel with all levels as frequent as can be, with a probability.

    Args:
        p: the probability.

    >>> flambeau.vision.transforms.v2.RandomEqualize(1.0)(flambeau.zeros(1, 2, 2, dtype=flambeau.uint8)).sum().item()
    0
    """

    def transform(self, inpt, params):
        return self._call_kernel(F.equalize, inpt)


class RandomInvert(_RandomApplyTransform):
    """The negative, with a probability.

    Args:
        p: the probability.

    >>> flambeau.vision.transforms.v2.RandomInvert(1.0)(flambeau.zeros(1, 1, 1)).item()
    1.0
    """

    def transform(self, inpt, params):
        return self._call_kernel(F.invert, inpt)


class RandomPosterize(_RandomApplyTransform):
    """Only the first bits of each number, with a probability.

    Args:
        bits: how many.
        p: the probability.

    >>> flambeau.vision.transforms.v2.RandomPosterize(1, 1.0)(flambeau.full((1, 1, 1), 0.75)).item()
    0.5
    """

    def __init__(self, bits, p=0.5):
        super().__init__(p=p)
        self.bits = bits

    def transform(self, inpt, params):
        return self._call_kernel(F.posterize, inpt, bits=self.bits)


class RandomSolarize(_RandomApplyTransform):
    """The negative where it is at least as bright as a threshold, with a probability.

    Args:
        threshold: the threshold.
        p: the probability.

    >>> flambeau.vision.transforms.v2.RandomSolarize(0.5, 1.0)(flambeau.ones(1, 1, 1)).item()
    0.0
    """

    def __init__(self, threshold, p=0.5):
        super().__init__(p=p)
        self.threshold = threshold

    def transform(self, inpt, params):
        return self._call_kernel(F.solarize, inpt, threshold=self.threshold)


class RandomAutocontrast(_RandomApplyTransform):
    """Each channel stretched from black to white, with a probability.

    Args:
        p: the probability.

    >>> flambeau.vision.transforms.v2.RandomAutocontrast(1.0)(flambeau.tensor([[[0.25, 0.75]]]))
    tensor([[[0., 1.]]])
    """

    def transform(self, inpt, params):
        return self._call_kernel(F.autocontrast, inpt)


class RandomAdjustSharpness(_RandomApplyTransform):
    """Sharper by a factor, with a probability.

    Args:
        sharpness_factor: 1 changes nothing, 0 blurs.
        p: the probability.

    >>> flambeau.vision.transforms.v2.RandomAdjustSharpness(2, 1.0)(flambeau.ones(1, 4, 4)).sum()
    tensor(16.)
    """

    def __init__(self, sharpness_factor, p=0.5):
        super().__init__(p=p)
        self.sharpness_factor = sharpness_factor

    def transform(self, inpt, params):
        return self._call_kernel(F.adjust_sharpness, inpt, sharpness_factor=self.sharpness_factor)


class GaussianBlur(Transform):
    """The picture out of focus, by any width.

    Args:
        kernel_size: odd, or (height, width).
        sigma: the width, or limits of it.

    >>> flambeau.vision.transforms.v2.GaussianBlur(3)
    GaussianBlur(kernel_size=(3, 3), sigma=[0.1, 2.0])
    """

    def __init__(self, kernel_size, sigma=(0.1, 2.0)):
        super().__init__()
        checked = V1.GaussianBlur(kernel_size, sigma)
        self.kernel_size, self.sigma = checked.kernel_size, [float(x) for x in checked.sigma]

    def make_params(self, flat_inputs):
        return {"sigma": [V1._uniform(*self.sigma)] * 2}

    def transform(self, inpt, params):
        return self._call_kernel(F.gaussian_blur, inpt, self.kernel_size, **params)


class GaussianNoise(Transform):
    """The picture with noise added.

    Args:
        mean, sigma: of the noise, where 1 is white.
        clip: cut off below black and above white.

    >>> flambeau.vision.transforms.v2.GaussianNoise(sigma=0.0)(flambeau.ones(1, 1, 1)).item()
    1.0
    """

    def __init__(self, mean=0.0, sigma=0.1, clip=True):
        super().__init__()
        self.mean, self.sigma, self.clip = mean, sigma, clip

    def transform(self, inpt, params):
        return self._call_kernel(F.gaussian_noise, inpt, mean=self.mean, sigma=self.sigma, clip=self.clip)
