"""Enlarging images and sequences."""

from flambeau.nn import functional as F

from .module import Module

__all__ = ["Upsample", "UpsamplingBilinear2d", "UpsamplingNearest2d"]


class Upsample(Module):
    """Resizes by interpolation.

    Args:
        size: the result's spatial sizes, or
        scale_factor: the factor for each of them.
        mode: "nearest", "linear" (3D input), "bilinear", "bicubic" (4D), "trilinear" (5D), "nearest-exact", "area".
        align_corners: whether the corner pixels' centres stay in place.
        recompute_scale_factor: use the factor that the rounded size implies.

    Shape:
        (N, C, L), (N, C, H, W) or (N, C, D, H, W), both ways.

    Example::

        >>> flambeau.nn.Upsample(scale_factor=2)(flambeau.ones(1, 1, 2, 2)).shape
        torch.Size([1, 1, 4, 4])
    """

    __constants__ = ["size", "scale_factor", "mode", "align_corners", "name", "recompute_scale_factor"]

    def __init__(self, size=None, scale_factor=None, mode="nearest", align_corners=None, recompute_scale_factor=None):
        super().__init__()
        self.name = type(self).__name__
        self.size = size
        if isinstance(scale_factor, tuple):
            self.scale_factor = tuple(float(factor) for factor in scale_factor)
        else:
            self.scale_factor = float(scale_factor) if scale_factor else None
        self.mode = mode
        self.align_corners = align_corners
        self.recompute_scale_factor = recompute_scale_factor

    def forward(self, input):
        return F.interpolate(
            input,
            self.size,
            self.scale_factor,
            self.mode,
            self.align_corners,
            recompute_scale_factor=self.recompute_scale_factor,
        )

    def extra_repr(self):
        how = f"size={self.size}" if self.scale_factor is None else f"scale_factor={self.scale_factor}"
        return f"{how}, mode={self.mode!r}"


class UpsamplingNearest2d(Upsample):
    """`Upsample` of images by the nearest pixel (an old name).

    Args:
        size: (H, W) of the result, or
        scale_factor: the factor for each of them.

    Example::

        >>> flambeau.nn.UpsamplingNearest2d(scale_factor=2)(flambeau.ones(1, 1, 2, 2)).shape
        torch.Size([1, 1, 4, 4])
    """

    def __init__(self, size=None, scale_factor=None):
        super().__init__(size, scale_factor, mode="nearest")


class UpsamplingBilinear2d(Upsample):
    """`Upsample` of images, bilinear with aligned corners (an old name).

    Args:
        size: (H, W) of the result, or
        scale_factor: the factor for each of them.

    Example::

        >>> flambeau.nn.UpsamplingBilinear2d(scale_factor=2)(flambeau.ones(1, 1, 2, 2)).shape
        torch.Size([1, 1, 4, 4])
    """

    def __init__(self, size=None, scale_factor=None):
        super().__init__(size, scale_factor, mode="bilinear", align_corners=True)
