"""Means over the bins of regions, each bin from channels of its own (arXiv 1605.06409)."""

from . import _regions as R
from .ps_roi_align import split_channels

__all__ = ["PSRoIPool", "ps_roi_pool"]


def ps_roi_pool(input, boxes, output_size, spatial_scale=1.0):
    """Means over bins of pixels, in which each bin has channels of its own; 0 where it has no pixels.

    Args:
        input: (N, C x height x width, H, W).
        boxes: (K, 5), number of the picture and (x1, y1, x2, y2); or a list of (L, 4), one per picture.
        output_size: (height, width), or one number for both.
        spatial_scale: pixels of the map per unit of the boxes.

    Returns: (K, C, height, width).

    >>> x = flambeau.ones(1, 8, 4, 4)
    >>> flambeau.vision.ops.ps_roi_pool(x, [flambeau.tensor([[0.0, 0, 3, 3]])], 2).sum()
    tensor(8.)
    """
    rois, (height, width) = R.rows_of(boxes), R.pair(output_size)
    regions = R.checked("ps_roi_pool", input, rois)
    apart = split_channels("ps_roi_pool", input, height, width)
    h, w = input.shape[2:]
    ends = R.rounded(regions[:, 1:] * spatial_scale)
    sides = (ends[:, 2:] - ends[:, :2]).clamp(min=1)
    # as torchvision has it, the last row and column of the map are left out
    ys = R.integer_bins(ends[:, 1], sides[:, 1], height, h - 1)
    xs = R.integer_bins(ends[:, 0], sides[:, 0], width, w - 1)
    owner, place, counts = R.rectangles(ys, xs, w)
    pictures = regions[:, 0].long()[owner // (height * width)]
    base = (owner % (height * width) * input.shape[0] + pictures) * (h * w)
    out = R.bags(R.table_of(apart), base + place, counts, mode="mean")
    return out.reshape(len(rois), height, width, apart.shape[1]).permute(0, 3, 1, 2).contiguous().to(input.dtype)


class PSRoIPool(R.Pool):
    """A layer of flambeau.vision.ops.ps_roi_pool.

    Args:
        output_size, spatial_scale: its arguments.

    >>> flambeau.vision.ops.PSRoIPool(7, 0.25)
    PSRoIPool(output_size=7, spatial_scale=0.25)
    """

    pool = staticmethod(ps_roi_pool)
