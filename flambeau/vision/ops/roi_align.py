"""Regions resampled to one size (arXiv 1703.06870)."""

from flambeau import nn

from . import _regions as R

__all__ = ["RoIAlign", "roi_align"]


def roi_align(input, boxes, output_size, spatial_scale=1.0, sampling_ratio=-1, aligned=False):
    """Regions of feature maps in one size: each value is a mean of interpolated points.

    Args:
        input: (N, C, H, W).
        boxes: (K, 5), number of the picture and (x1, y1, x2, y2); or a list of (L, 4), one per picture.
        output_size: (height, width), or one number for both.
        spatial_scale: pixels of the map per unit of the boxes.
        sampling_ratio: points along each side of a bin; as many as it has pixels if not positive.
        aligned: pixels lie in the middle of their squares, at 0.5, 1.5, ...

    Returns: (K, C, height, width).

    >>> x = flambeau.arange(16.0).reshape(1, 1, 4, 4)
    >>> flambeau.vision.ops.roi_align(x, [flambeau.tensor([[0.0, 0, 2, 2]])], 1)
    tensor([[[[5.]]]])
    """
    rois, (height, width) = R.rows_of(boxes), R.pair(output_size)
    regions = R.checked("roi_align", input, rois)
    least = None if aligned else 1.0
    points, counts = R.samples(regions, spatial_scale, 0.5 * aligned, (height, width), sampling_ratio, least)
    region, _, _, y, x = points
    h, w = input.shape[2:]
    base = regions[:, 0].long()[region] * (h * w)
    out = R.interpolated(R.table_of(input), base, y, x, counts, (h, w))
    return out.reshape(len(rois), height, width, input.shape[1]).permute(0, 3, 1, 2).contiguous().to(input.dtype)


class RoIAlign(nn.Module):
    """A layer of flambeau.vision.ops.roi_align.

    Args:
        output_size, spatial_scale, sampling_ratio, aligned: its arguments.

    >>> flambeau.vision.ops.RoIAlign(7, 0.25, 2)
    RoIAlign(output_size=7, spatial_scale=0.25, sampling_ratio=2, aligned=False)
    """

    def __init__(self, output_size, spatial_scale, sampling_ratio, aligned=False):
        super().__init__()
        self.output_size, self.spatial_scale = output_size, spatial_scale
        self.sampling_ratio, self.aligned = sampling_ratio, aligned

    def forward(self, input, rois):
        return roi_align(input, rois, self.output_size, self.spatial_scale, self.sampling_ratio, self.aligned)

    def __repr__(self):
        sizes = f"output_size={self.output_size}, spatial_scale={self.spatial_scale}"
        return f"{self.__class__.__name__}({sizes}, sampling_ratio={self.sampling_ratio}, aligned={self.aligned})"
