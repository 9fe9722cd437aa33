"""Regions resampled from the feature map that suits their size (arXiv 1612.03144, equation 1)."""

import math

import flambeau
from flambeau import nn

from ._regions import pair, rows_of
from .boxes import box_area
from .roi_align import roi_align

__all__ = ["MultiScaleRoIAlign"]


class LevelMapper:
    """The number of the map for boxes of a size: one more for each doubling, within k_min and k_max."""

    def __init__(self, k_min, k_max, canonical_scale=224, canonical_level=4, eps=1e-6):
        self.k_min, self.k_max = k_min, k_max
        self.s0, self.lvl0, self.eps = canonical_scale, canonical_level, eps

    def __call__(self, boxlists):
        sides = flambeau.cat([box_area(boxes) for boxes in boxlists]).sqrt()
        levels = (self.lvl0 + (sides / self.s0).log2() + self.eps).floor()
        return levels.clamp(min=self.k_min, max=self.k_max).to(flambeau.int64) - self.k_min


def initLevelMapper(k_min, k_max, canonical_scale=224, canonical_level=4, eps=1e-6):
    """A LevelMapper."""
    return LevelMapper(k_min, k_max, canonical_scale, canonical_level, eps)


def _scale_of(feature, size):
    """Pixels of the map per pixel of the picture, a power of two."""
    return 2.0 ** round(math.log2(feature.shape[-2] / size[0]))


class MultiScaleRoIAlign(nn.Module):
    """roi_align on several feature maps: a box is taken from the one that suits its size.

    Args:
        featmap_names: the maps to use.
        output_size, sampling_ratio: as in roi_align.
        canonical_scale, canonical_level: a box of this side belongs to this level.

    >>> pool = flambeau.vision.ops.MultiScaleRoIAlign(["a", "b"], 3, 2)
    >>> maps = {"a": flambeau.rand(1, 5, 64, 64), "b": flambeau.rand(1, 5, 32, 32)}
    >>> pool(maps, [flambeau.tensor([[0.0, 0, 100, 100]])], [(512, 512)]).shape
    torch.Size([1, 5, 3, 3])
    """

    def __init__(self, featmap_names, output_size, sampling_ratio, *, canonical_scale=224, canonical_level=4):
        super().__init__()
        self.featmap_names, self.sampling_ratio, self.output_size = featmap_names, sampling_ratio, pair(output_size)
        self.scales, self.map_levels = None, None
        self.canonical_scale, self.canonical_level = canonical_scale, canonical_level

    def _set_up(self, maps, image_shapes):
        if not image_shapes:
            raise ValueError("images list should not be empty")
        size = [max(shape[i] for shape in image_shapes) for i in (0, 1)]
        self.scales = [_scale_of(one, size) for one in maps]
        low, high = (-int(math.log2(self.scales[i])) for i in (0, -1))
        self.map_levels = LevelMapper(low, high, self.canonical_scale, self.canonical_level)

    def forward(self, x, boxes, image_shapes):
        maps = [value for name, value in x.items() if name in self.featmap_names]
        if self.scales is None or self.map_levels is None:
            self._set_up(maps, image_shapes)
        rois = rows_of(boxes)
        if len(maps) == 1:
            return roi_align(maps[0], rois, self.output_size, self.scales[0], self.sampling_ratio)
        levels = self.map_levels(boxes)
        out = maps[0].new_zeros(len(rois), maps[0].shape[1], *self.output_size)
        for level, (one, scale) in enumerate(zip(maps, self.scales)):
            places = flambeau.where(levels == level)[0]
            part = roi_align(one, rois[places], self.output_size, scale, self.sampling_ratio)
            out = out.index_copy(0, places, part.to(out.dtype))
        return out

    def __repr__(self):
        names, sizes = f"featmap_names={self.featmap_names}", f"output_size={self.output_size}"
        return f"{self.__class__.__name__}({names}, {sizes}, sampling_ratio={self.sampling_ratio})"
