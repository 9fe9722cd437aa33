"""What the poolings of regions share: regions as rows, samples as rows of a table that are summed in bags."""

from collections.abc import Callable

import flambeau
from flambeau import nn
from flambeau.nn import functional as F


def rows_of(boxes):
    """(K, 5): number of the picture, x1, y1, x2, y2; boxes may be one tensor per picture."""
    if isinstance(boxes, flambeau.Tensor):
        if boxes.ndim != 2 or boxes.shape[1] != 5:
            raise AssertionError("The boxes tensor shape is not correct as Tensor[K, 5]")
        return boxes
    if not isinstance(boxes, list | tuple):
        raise AssertionError("boxes is expected to be a Tensor[L, 5] or a List[Tensor[K, 4]]")
    for one in boxes:
        if one.ndim != 2 or one.shape[1] != 4:
            raise AssertionError("The shape of the tensor in the boxes list is not correct as List[Tensor[L, 4]]")
    numbers = [flambeau.full_like(one[:, :1], i) for i, one in enumerate(boxes)]
    return flambeau.cat([flambeau.cat(numbers), flambeau.cat(list(boxes))], 1)


def pair(size):
    return (size, size) if isinstance(size, int) else tuple(size)


def checked(name, input, rois):
    """The regions in double precision, after a look at shapes and dtypes."""
    if input.ndim != 4:
        raise RuntimeError(f"[{name}] input should be (N, C, H, W), got {tuple(input.shape)}")
    if rois.dtype != input.dtype:
        raise RuntimeError(f"[{name}] input and boxes should have one dtype, got {input.dtype} and {rois.dtype}")
    rois = rois.detach()
    if len(rois) and not 0 <= rois[:, 0].min() <= rois[:, 0].max() < input.shape[0]:
        raise RuntimeError(f"[{name}] boxes of pictures 0 to {input.shape[0] - 1} expected")
    return rois.float() if rois.dtype != flambeau.float64 else rois


def table_of(input):
    """((N * H * W) + 1, C): the values at each place, and a row of zeros for what lies outside."""
    rows = input.permute(0, 2, 3, 1).reshape(-1, input.shape[1])
    rows = rows if rows.dtype in (flambeau.float32, flambeau.float64) else rows.float()
    return flambeau.cat([rows, rows.new_zeros(1, rows.shape[1])])


def bags(table, indices, counts, weights=None, mode="sum"):
    """A row for each bag: the sum, mean or maximum of `counts` rows of the table, one bag behind the other."""
    if len(counts) == 0:
        return table[:0]
    ends = counts.cumsum(0)
    return F.embedding_bag(indices, table, ends - counts, mode=mode, per_sample_weights=weights)


def ranges(counts):
    """(which range, place in it) of ranges of these lengths, one behind the other."""
    owner = flambeau.arange(len(counts)).repeat_interleave(counts)
    return owner, flambeau.arange(len(owner)) - (counts.cumsum(0) - counts)[owner]


def linear(place, size):
    """(lower place, upper place, share of the upper one, whether it lies within a pixel of the picture)."""
    inside = (place >= -1.0) & (place <= size)
    place = place.clamp(min=0)
    low = place.floor().clamp(max=size - 1)
    share = flambeau.where(low >= size - 1, flambeau.zeros_like(place), place - low)
    return low.long(), (low + 1).clamp(max=size - 1).long(), share, inside


def samples(rois, scale, offset, pooled, grid, least):
    """The points at which regions are sampled, region by region, bin by bin.

    Returns: (region, row of the bin, column of the bin, y, x) of each point, and the points of each bin.
    """
    height, width = pooled
    start = rois[:, [2, 1]] * scale - offset
    size = rois[:, [4, 3]] * scale - offset - start
    size = size if least is None else size.clamp(min=least)
    bin_size = size / flambeau.tensor([height, width], dtype=rois.dtype)
    steps = flambeau.full_like(bin_size, grid).long() if grid > 0 else bin_size.ceil().clamp(min=0).long()
    per_bin = steps.prod(1)
    bins = flambeau.arange(len(rois)).repeat_interleave(height * width)
    inner = flambeau.arange(height * width).repeat(len(rois))
    owner, place = ranges(per_bin[bins])
    region, row, column = bins[owner], inner[owner] // width, inner[owner] % width
    across = steps[region, 1]
    iy, ix = place // across, place % across
    y = start[region, 0] + row * bin_size[region, 0] + (iy + 0.5) * bin_size[region, 0] / steps[region, 0]
    x = start[region, 1] + column * bin_size[region, 1] + (ix + 0.5) * bin_size[region, 1] / across
    return (region, row, column, y, x), per_bin[bins]


def interpolated(table, base, y, x, counts, size):
    """Means of bags of points: `base` is the row of the table at which the picture of a point begins."""
    height, width = size
    y0, y1, fy, in_y = linear(y, height)
    x0, x1, fx, in_x = linear(x, width)
    corners = flambeau.stack([y0 * width + x0, y0 * width + x1, y1 * width + x0, y1 * width + x1], -1)
    inside = (in_y & in_x).unsqueeze(-1)
    indices = flambeau.where(inside, corners + base.unsqueeze(-1), len(table) - 1)
    weights = flambeau.stack([(1 - fy) * (1 - fx), (1 - fy) * fx, fy * (1 - fx), fy * fx], -1).to(table.dtype)
    summed = bags(table, indices.reshape(-1), counts * 4, weights.reshape(-1))
    return summed / counts.clamp(min=1).unsqueeze(-1).to(table.dtype)


def rounded(x):
    """The nearest whole numbers, halves away from zero."""
    return x.sign() * (x.abs() + 0.5).floor()


def integer_bins(start, size, pooled, limit):
    """(first, end) of the bins along one dimension, (K, bins), cut off at the picture."""
    step = size / pooled
    numbers = flambeau.arange(pooled).to(step.dtype)
    first = (numbers * step.unsqueeze(-1)).floor() + start.unsqueeze(-1)
    end = ((numbers + 1) * step.unsqueeze(-1)).ceil() + start.unsqueeze(-1)
    return first.clamp(0, limit).long(), end.clamp(0, limit).long()


def rectangles(ys, xs, width):
    """(bag, index in the picture) of all places in the rectangles (K, PH) x (K, PW), and how many each has."""
    (top, bottom), (left, right) = ys, xs
    across = (right - left).clamp(min=0).unsqueeze(1).expand(-1, top.shape[1], -1).reshape(-1)
    down = (bottom - top).clamp(min=0).unsqueeze(2).expand(-1, -1, left.shape[1]).reshape(-1)
    counts = across * down
    owner, place = ranges(counts)
    first_y = top.unsqueeze(2).expand(-1, -1, left.shape[1]).reshape(-1)[owner]
    first_x = left.unsqueeze(1).expand(-1, top.shape[1], -1).reshape(-1)[owner]
    wide = across[owner]
    return owner, (first_y + place // wide) * width + first_x + place % wide, counts


class Pool(nn.Module):
    """A layer of a pooling that takes output_size and spatial_scale."""

    pool: Callable  # the function, in a subclass

    def __init__(self, output_size, spatial_scale):
        super().__init__()
        self.output_size, self.spatial_scale = output_size, spatial_scale

    def forward(self, input, rois):
        return self.pool(input, rois, self.output_size, self.spatial_scale)

    def __repr__(self):
        return f"{self.__class__.__name__}(output_size={self.output_size}, spatial_scale={self.spatial_scale})"
