"""Changes of colours and flips, most of them with a probability."""

import numbers
from collections.abc import Sequence

import flambeau
from flambeau import nn

from . import functional as F
from .functional import InterpolationMode

__all__ = [
    "ColorJitter",
    "GaussianBlur",
    "Grayscale",
    "RandomAdjustSharpness",
    "RandomAutocontrast",
    "RandomEqualize",
    "RandomGrayscale",
    "RandomHorizontalFlip",
    "RandomInvert",
    "RandomPosterize",
    "RandomSolarize",
    "RandomVerticalFlip",
]


def _uniform(low, high):
    return flambeau.empty(1).uniform_(float(low), float(high)).item()


def _below(low, high):
    return int(flambeau.randint(low, high, size=(1,)).item())


def _show(self, *names):
    """Class(a=1, b=2), with modes by their values."""
    values = ((name, getattr(self, name)) for name in names)
    shown = (f"{name}={v.value if isinstance(v, InterpolationMode) else v}" for name, v in values)
    return f"{self.__class__.__name__}({', '.join(shown)})"


def _two(size):
    """[height, width] of one or two numbers."""
    if isinstance(size, numbers.Number):
        return int(size), int(size)
    if isinstance(size, Sequence) and len(size) == 1:
        return size[0], size[0]
    if len(size) != 2:
        raise ValueError("Please provide only two dimensions (h, w) for size.")
    return size


class _WithProbability(nn.Module):
    """A change that is made with probability p."""

    def __init__(self, p=0.5):
        super().__init__()
        self.p = p

    def forward(self, img):
        return self._change(img) if flambeau.rand(1).item() < self.p else img

    def __repr__(self):
        return _show(self, *self._shown, "p")

    _shown: tuple = ()


class RandomHorizontalFlip(_WithProbability):
    """Left and right exchanged, with a probability.

    Args:
        p: the probability.

    >>> flambeau.vision.transforms.RandomHorizontalFlip(1.0)(flambeau.arange(2.0).reshape(1, 1, 2))
    tensor([[[1., 0.]]])
    """

    def _change(self, img):
        return F.hflip(img)


class RandomVerticalFlip(_WithProbability):
    """Top and bottom exchanged, with a probability.

    Args:
        p: the probability.

    >>> flambeau.vision.transforms.RandomVerticalFlip(1.0)(flambeau.arange(2.0).reshape(1, 2, 1)).flatten()
    tensor([1., 0.])
    """

    def _change(self, img):
        return F.vflip(img)


class RandomInvert(_WithProbability):
    """The negative, with a probability.

    Args:
        p: the probability.

    >>> flambeau.vision.transforms.RandomInvert(1.0)(flambeau.zeros(1, 1, 1)).item()
    1.0
    """

    def _change(self, img):
        return F.invert(img)


class RandomPosterize(_WithProbability):
    """Only the first bits of each byte, with a probability.

    Args:
        bits: how many.
        p: the probability.

    >>> flambeau.vision.transforms.RandomPosterize(1, 1.0)(flambeau.full((1, 1, 1), 255, dtype=flambeau.uint8)).item()
    128
    """

    _shown = ("bits",)

    def __init__(self, bits, p=0.5):
        super().__init__(p)
        self.bits = bits

    def _change(self, img):
        return F.posterize(img, self.bits)

    def __repr__(self):
        return f"{self.__class__.__name__}(bits={self.bits},p={self.p})"


class RandomSolarize(_WithProbability):
    """The negative where it is at least as bright as a threshold, with a probability.

    Args:
        threshold: the threshold.
        p: the probability.

    >>> flambeau.vision.transforms.RandomSolarize(0.5, 1.0)(flambeau.ones(1, 1, 1)).item()
    0.0
    """

    def __init__(self, threshold, p=0.5):
        super().__init__(p)
        self.threshold = threshold

    def _change(self, img):
        return F.solarize(img, self.threshold)

    def __repr__(self):
        return f"{self.__class__.__name__}(threshold={self.threshold},p={self.p})"


class RandomAdjustSharpness(_WithProbability):
    """Sharper by a factor, with a probability.

    Args:
        sharpness_factor: 1 changes nothing, 0 blurs.
        p: the probability.

    >>> flambeau.vision.transforms.RandomAdjustSharpness(2, 1.0)(flambeau.ones(1, 4, 4)).sum()
    tensor(16.)
    """

    def __init__(self, sharpness_factor, p=0.5):
        super().__init__(p)
        self.sharpness_factor = sharpness_factor

    def _change(self, img):
        return F.adjust_sharpness(img, self.sharpness_factor)

    def __repr__(self):
        return f"{self.__class__.__name__}(sharpness_factor={self.sharpness_factor},p={self.p})"


class RandomAutocontrast(_WithProbability):
    """Each channel stretched from black to white, with a probability.

    Args:
        p: the probability.

    >>> flambeau.vision.transforms.RandomAutocontrast(1.0)(flambeau.tensor([[[0.25, 0.75]]]))
    tensor([[[0., 1.]]])
    """

    def _change(self, img):
        return F.autocontrast(img)


class RandomEqualize(_WithProbability):
    """Each channel with all levels as frequent as can be, with a probability.

    Args:
        p: the probability.

    >>> flambeau.vision.transforms.RandomEqualize(1.0)(flambeau.zeros(1, 2, 2, dtype=flambeau.uint8)).sum().item()
    0
    """

    def _change(self, img):
        return F.equalize(img)


class Grayscale(nn.Module):
    """The picture in black and white.

    Args:
        num_output_channels: 1, or 3 equal ones.

    >>> flambeau.vision.transforms.Grayscale()(flambeau.ones(3, 1, 1)).shape
    torch.Size([1, 1, 1])
    """

    def __init__(self, num_output_channels=1):
        super().__init__()
        self.num_output_channels = num_output_channels

    def forward(self, img):
        return F.rgb_to_grayscale(img, self.num_output_channels)

    def __repr__(self):
        return _show(self, "num_output_channels")


class RandomGrayscale(_WithProbability):
    """The picture in black and white, with as many channels as before, with a probability.

    Args:
        p: the probability.

    >>> flambeau.vision.transforms.RandomGrayscale(1.0)(flambeau.ones(3, 1, 1)).shape
    torch.Size([3, 1, 1])
    """

    def __init__(self, p=0.1):
        super().__init__(p)

    def _change(self, img):
        return F.rgb_to_grayscale(img, F.get_dimensions(img)[0])


class ColorJitter(nn.Module):
    """Other brightness, contrast, saturation and hue, in any order.

    Args:
        brightness, contrast, saturation: factors between these two, or between 1 - x and 1 + x.
        hue: a shift between these two, or between -x and x.

    >>> flambeau.vision.transforms.ColorJitter(brightness=0.5, hue=0.1)
    ColorJitter(brightness=(0.5, 1.5), contrast=None, saturation=None, hue=(-0.1, 0.1))
    """

    def __init__(self, brightness=0, contrast=0, saturation=0, hue=0):
        super().__init__()
        self.brightness = self._limits(brightness, "brightness")
        self.contrast = self._limits(contrast, "contrast")
        self.saturation = self._limits(saturation, "saturation")
        self.hue = self._limits(hue, "hue", center=0, bound=(-0.5, 0.5), clip_first_on_zero=False)

    def _limits(self, value, name, center=1, bound=(0, float("inf")), clip_first_on_zero=True):
        if isinstance(value, numbers.Number):
            if value < 0:
                raise ValueError(f"If {name} is a single number, it must be non negative.")
            value = [center - float(value), center + float(value)]
            value[0] = max(value[0], 0.0) if clip_first_on_zero else value[0]
        elif isinstance(value, tuple | list) and len(value) == 2:
            value = [float(value[0]), float(value[1])]
        else:
            raise TypeError(f"{name} should be a single number or a list/tuple with length 2.")
        if not bound[0] <= value[0] <= value[1] <= bound[1]:
            raise ValueError(f"{name} values should be between {bound}, but got {value}.")
        return None if value[0] == value[1] == center else tuple(value)

    @staticmethod
    def get_params(brightness, contrast, saturation, hue):
        """(order, brightness, contrast, saturation, hue): what is not to change is None."""
        order = flambeau.randperm(4)
        return (order, *(None if x is None else _uniform(*x) for x in (brightness, contrast, saturation, hue)))

    def forward(self, img):
        order, *factors = self.get_params(self.brightness, self.contrast, self.saturation, self.hue)
        changes = (F.adjust_brightness, F.adjust_contrast, F.adjust_saturation, F.adjust_hue)
        for i in order.tolist():
            if factors[i] is not None:
                img = changes[i](img, factors[i])
        return img

    def __repr__(self):
        return _show(self, "brightness", "contrast", "saturation", "hue")


class GaussianBlur(nn.Module):
    """The picture out of focus, by any width.

    Args:
        kernel_size: odd, or (height, width).
        sigma: the width, or limits of it.

    >>> flambeau.vision.transforms.GaussianBlur(3)
    GaussianBlur(kernel_size=(3, 3), sigma=(0.1, 2.0))
    """

    def __init__(self, kernel_size, sigma=(0.1, 2.0)):
        super().__init__()
        self.kernel_size = tuple(_two(kernel_size))
        if any(size <= 0 or size % 2 == 0 for size in self.kernel_size):
            raise ValueError("Kernel size value should be an odd and positive number.")
        if isinstance(sigma, numbers.Number):
            if sigma <= 0:
                raise ValueError("If sigma is a single number, it must be positive.")
            sigma = (sigma, sigma)
        elif not isinstance(sigma, Sequence) or len(sigma) != 2:
            raise ValueError("sigma should be a single number or a list/tuple with length 2.")
        elif not 0.0 < sigma[0] <= sigma[1]:
            raise ValueError("sigma values should be positive and of the form (min, max).")
        self.sigma = tuple(sigma)

    @staticmethod
    def get_params(sigma_min, sigma_max):
        """A width."""
        return _uniform(sigma_min, sigma_max)

    def forward(self, img):
        sigma = self.get_params(*self.sigma)
        return F.gaussian_blur(img, self.kernel_size, [sigma, sigma])

    def __repr__(self):
        return _show(self, "kernel_size", "sigma")
