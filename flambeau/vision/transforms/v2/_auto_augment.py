"""Several changes in a row, chosen by chance, as learned for data sets or the same for all."""

import flambeau
from flambeau.utils._pytree import tree_flatten, tree_unflatten

from ... import tv_tensors
from .. import autoaugment as V1
from . import functional as F
from ._transform import _PICTURES, Transform, check_type, fill_for, fills

__all__ = ["AugMix", "AutoAugment", "RandAugment", "TrivialAugmentWide"]

_PLACED = (tv_tensors.BoundingBoxes, tv_tensors.Mask, tv_tensors.KeyPoints)


def _below(n):
    return int(flambeau.randint(n, ()))


class _Augment(Transform):
    """What all have: one picture of a sample is changed, by changes that are drawn."""

    def __init__(self, interpolation, fill):
        super().__init__()
        self.interpolation, self.fill, self._fill = interpolation, fill, fills(fill)

    def _change(self, picture):
        raise NotImplementedError

    def forward(self, *inputs):
        flat, spec = tree_flatten(inputs if len(inputs) > 1 else inputs[0])
        name, found = type(self).__name__, []
        for i, (x, want) in enumerate(zip(flat, self._needs_transform_list(flat))):
            if isinstance(x, _PLACED):
                raise TypeError(f"Inputs of type {type(x).__name__} are not supported by {name}()")
            if want and check_type(x, _PICTURES):
                found.append(i)
        if not found:
            raise TypeError("Found no image in the sample.")
        if len(found) > 1:
            raise TypeError(
                "Auto augment transformations are only properly defined for a single image or video, "
                f"but found {len(found)}."
            )
        flat[found[0]] = self._change(flat[found[0]])
        return tree_unflatten(flat, spec)

    def _magnitude(self, levels, signed, step):
        if levels.ndim == 0:
            return 0.0
        magnitude = float(levels[step()])
        return -magnitude if signed and flambeau.rand(()) <= 0.5 else magnitude

    def _any(self, space, step):
        """(name, magnitude) of a change that is drawn."""
        name = list(space)[_below(len(space))]
        return name, self._magnitude(*space[name], step)

    def _apply(self, picture, name, magnitude):
        if name == "Solarize":
            known = isinstance(picture, flambeau.Tensor)
            return F.solarize(picture, F._images._whole(picture.dtype) * magnitude if known else 255.0 * magnitude)
        return V1._apply_op(picture, name, magnitude, self.interpolation, fill_for(self._fill, picture), F)


class AutoAugment(_Augment):
    """Two changes, as learned for a data set (arXiv 1805.09501).

    Args:
        policy: an AutoAugmentPolicy.
        interpolation: an InterpolationMode.
        fill: value outside, or {class: value}.

    >>> flambeau.vision.transforms.v2.AutoAugment()(flambeau.zeros(3, 8, 8, dtype=flambeau.uint8)).shape
    torch.Size([3, 8, 8])
    """

    def __init__(self, policy=V1.AutoAugmentPolicy.IMAGENET, interpolation="nearest", fill=None):
        super().__init__(interpolation, fill)
        self.policy, self._policies = policy, V1.policies_of(policy)

    def _change(self, picture):
        space = V1.magnitudes(V1._LEARNED, 10, F.get_size(picture), **V1._LEARNED_LIMITS, white=1.0)
        for name, p, step in self._policies[_below(len(self._policies))]:
            if flambeau.rand(()) <= p:
                picture = self._apply(picture, name, self._magnitude(*space[name], lambda step=step: step))
        return picture


class RandAugment(_Augment):
    """Any changes, all of one strength (arXiv 1909.13719).

    Args:
        num_ops: how many.
        magnitude: their strength, below num_magnitude_bins.
        num_magnitude_bins: how many strengths there are.
        interpolation: an InterpolationMode.
        fill: value outside, or {class: value}.

    >>> flambeau.vision.transforms.v2.RandAugment()(flambeau.zeros(3, 8, 8, dtype=flambeau.uint8)).shape
    torch.Size([3, 8, 8])
    """

    def __init__(self, num_ops=2, magnitude=9, num_magnitude_bins=31, interpolation="nearest", fill=None):
        super().__init__(interpolation, fill)
        self.num_ops, self.magnitude, self.num_magnitude_bins = num_ops, magnitude, num_magnitude_bins

    def _change(self, picture):
        size = F.get_size(picture)
        space = V1.magnitudes(V1._ANY, self.num_magnitude_bins, size, **V1._LEARNED_LIMITS, white=1.0)
        for _ in range(self.num_ops):
            picture = self._apply(picture, *self._any(space, lambda: self.magnitude))
        return picture


class TrivialAugmentWide(_Augment):
    """One change of any strength (arXiv 2103.10158).

    Args:
        num_magnitude_bins: how many strengths there are.
        interpolation: an InterpolationMode.
        fill: value outside, or {class: value}.

    >>> flambeau.vision.transforms.v2.TrivialAugmentWide()(flambeau.zeros(3, 8, 8, dtype=flambeau.uint8)).shape
    torch.Size([3, 8, 8])
    """

    def __init__(self, num_magnitude_bins=31, interpolation="nearest", fill=None):
        super().__init__(interpolation, fill)
        self.num_magnitude_bins = num_magnitude_bins

    def _change(self, picture):
        bins = self.num_magnitude_bins
        space = V1.magnitudes(V1._ANY, bins, F.get_size(picture), **V1._WIDE_LIMITS, white=1.0)
        return self._apply(picture, *self._any(space, lambda: _below(bins)))


class AugMix(_Augment):
    """A mean of the picture and of chains of changes (arXiv 1912.02781).

    Args:
        severity: strength of the changes, 1 to 10.
        mixture_width: how many chains.
        chain_depth: changes of a chain; 1 to 3 by chance if not positive.
        alpha: of the Dirichlet distribution of the weights.
        all_ops: changes of colours too.
        interpolation: an InterpolationMode.
        fill: value outside, or {class: value}.

    >>> flambeau.vision.transforms.v2.AugMix()(flambeau.zeros(3, 8, 8, dtype=flambeau.uint8)).shape
    torch.Size([3, 8, 8])
    """

    def __init__(
        self,
        severity=3,
        mixture_width=3,
        chain_depth=-1,
        alpha=1.0,
        all_ops=True,
        interpolation="bilinear",
        fill=None,
    ):
        super().__init__(interpolation, fill)
        if not 1 <= severity <= 10:
            raise ValueError(f"The severity must be between [1, 10]. Got {severity} instead.")
        self.severity, self.mixture_width, self.chain_depth = severity, mixture_width, chain_depth
        self.alpha, self.all_ops = alpha, all_ops

    _weights = V1.AugMix._weights

    def _change(self, picture):
        known = isinstance(picture, flambeau.Tensor)
        img = picture.as_subclass(flambeau.Tensor) if known else F.pil_to_tensor(picture)
        names = (*V1._MIXED, *V1._COLOURS) if self.all_ops else V1._MIXED
        space = V1.magnitudes(names, 10, F.get_size(picture), **V1._MIXED_LIMITS, white=1.0)
        dims = 5 if isinstance(picture, tv_tensors.Video) else 4
        batch = img.reshape([1] * max(dims - img.ndim, 0) + list(img.shape))
        ones = [batch.shape[0]] + [1] * (batch.ndim - 1)
        own, weights = self._weights(batch.shape[0])
        mixed = own.reshape(ones) * batch
        for i in range(self.mixture_width):
            changed = batch
            depth = self.chain_depth if self.chain_depth > 0 else int(flambeau.randint(1, 4, (1,)).item())
            for _ in range(depth):
                changed = self._apply(changed, *self._any(space, lambda: _below(self.severity)))
            mixed = mixed + weights[:, i].reshape(ones) * changed
        mixed = mixed.reshape(img.shape).to(img.dtype)
        if not known:
            return F.to_pil_image(mixed)
        return tv_tensors.wrap(mixed, like=picture) if isinstance(picture, tv_tensors.TVTensor) else mixed
