"""Maxima over the bins of regions (arXiv 1504.08083)."""

from . import _regions as R

__all__ = ["RoIPool", "roi_pool"]


def roi_pool(input, boxes, output_size, spatial_scale=1.0):
    """Regions of feature maps in one size: each value is the largest of a bin of pixels, 0 where it has none.

    Args:
        input: (N, C, H, W).
        boxes: (K, 5), number of the picture and (x1, y1, x2, y2); or a list of (L, 4), one per picture.
        output_size: (height, width), or one number for both.
        spatial_scale: pixels of the map per unit of the boxes.

    Returns: (K, C, height, width).

    >>> x = flambeau.arange(16.0).reshape(1, 1, 4, 4)
    >>> flambeau.vision.ops.roi_pool(x, [flambeau.tensor([[0.0, 0, 2, 2]])], 1)
    tensor([[[[10.]]]])
    """
    rois, (height, width) = R.rows_of(boxes), R.pair(output_size)
    regions = R.checked("roi_pool", input, rois)
    h, w = input.shape[2:]
    ends = R.rounded(regions[:, 1:] * spatial_scale)
    sides = (ends[:, 2:] - ends[:, :2] + 1).clamp(min=1)
    ys = R.integer_bins(ends[:, 1], sides[:, 1], height, h)
    xs = R.integer_bins(ends[:, 0], sides[:, 0], width, w)
    owner, place, counts = R.rectangles(ys, xs, w)
    base = regions[:, 0].long()[owner // (height * width)] * (h * w)
    out = R.bags(R.table_of(input), base + place, counts, mode="max")
    return out.reshape(len(rois), height, width, input.shape[1]).permute(0, 3, 1, 2).contiguous().to(input.dtype)


class RoIPool(R.Pool):
    """A layer of flambeau.vision.ops.roi_pool.

    Args:
        output_size, spatial_scale: its arguments.

    >>> flambeau.vision.ops.RoIPool(7, 0.25)
    RoIPool(output_size=7, spatial_scale=0.25)
    """

    pool = staticmethod(roi_pool)
