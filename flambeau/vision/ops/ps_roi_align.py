"""Regions resampled, each bin from channels of its own (arXiv 1711.07264)."""

from flambeau import nn

from . import _regions as R

__all__ = ["PSRoIAlign", "ps_roi_align"]


def split_channels(name, input, height, width):
    """(PH * PW * N, C', H, W): the channels of each bin as pictures of their own."""
    count, channels, h, w = input.shape
    if channels % (height * width):
        raise RuntimeError(f"[{name}] the {channels} channels should be a multiple of {height} x {width} bins")
    apart = input.reshape(count, -1, height * width, h, w).permute(2, 0, 1, 3, 4)
    return apart.reshape(height * width * count, -1, h, w)


def ps_roi_align(input, boxes, output_size, spatial_scale=1.0, sampling_ratio=-1):
    """roi_align in which each bin has channels of its own.

    Args:
        input: (N, C x height x width, H, W).
        boxes: (K, 5), number of the picture and (x1, y1, x2, y2); or a list of (L, 4), one per picture.
        output_size: (height, width), or one number for both.
        spatial_scale: pixels of the map per unit of the boxes.
        sampling_ratio: points along each side of a bin; as many as it has pixels if not positive.

    Returns: (K, C, height, width).

    >>> x = flambeau.ones(1, 8, 4, 4)
    >>> flambeau.vision.ops.ps_roi_align(x, [flambeau.tensor([[1.0, 1, 3, 3]])], 2).shape
    torch.Size([1, 2, 2, 2])
    """
    rois, (height, width) = R.rows_of(boxes), R.pair(output_size)
    regions = R.checked("ps_roi_align", input, rois)
    apart = split_channels("ps_roi_align", input, height, width)
    points, counts = R.samples(regions, spatial_scale, 0.5, (height, width), sampling_ratio, None)
    region, row, column, y, x = points
    h, w = input.shape[2:]
    base = ((row * width + column) * input.shape[0] + regions[:, 0].long()[region]) * (h * w)
    out = R.interpolated(R.table_of(apart), base, y, x, counts, (h, w))
    return out.reshape(len(rois), height, width, apart.shape[1]).permute(0, 3, 1, 2).contiguous().to(input.dtype)


class PSRoIAlign(nn.Module):
    """A layer of flambeau.vision.ops.ps_roi_align.

    Args:
        output_size, spatial_scale, sampling_ratio: its arguments.

    >>> flambeau.vision.ops.PSRoIAlign(7, 0.25, 2)
    PSRoIAlign(output_size=7, spatial_scale=0.25, sampling_ratio=2)
    """

    def __init__(self, output_size, spatial_scale, sampling_ratio):
        super().__init__()
        self.output_size, self.spatial_scale, self.sampling_ratio = output_size, spatial_scale, sampling_ratio

    def forward(self, input, rois):
        return ps_roi_align(input, rois, self.output_size, self.spatial_scale, self.sampling_ratio)

    def __repr__(self):
        sizes = f"output_size={self.output_size}, spatial_scale={self.spatial_scale}"
        return f"{self.__class__.__name__}({sizes}, sampling_ratio={self.sampling_ratio})"
