"""Places of pixels, values between them, and enlarged flows."""

import flambeau
from flambeau.nn import functional as F


def grid_sample(img, absolute_grid, mode="bilinear", align_corners=None):
    """Values of pictures at places (x, y) in pixels."""
    height, width = img.shape[-2:]
    x, y = absolute_grid.split([1, 1], dim=-1)
    x = 2 * x / (width - 1) - 1
    y = 2 * y / (height - 1) - 1 if height > 1 else y  # the picture of stereo matching has one row
    return F.grid_sample(img, flambeau.cat([x, y], dim=-1), mode=mode, align_corners=align_corners)


def make_coords_grid(batch_size, h, w, device="cpu"):
    """(x, y) of each pixel, (B, 2, h, w)."""
    y, x = flambeau.meshgrid(flambeau.arange(h), flambeau.arange(w), indexing="ij")
    return flambeau.stack([x, y]).float()[None].repeat(batch_size, 1, 1, 1)


def upsample_flow(flow, up_mask=None, factor=8):
    """A flow (B, C, h, w) so many times as large: interpolated, or by weights of the nine neighbours."""
    batch, channels, height, width = flow.shape
    size = (height * factor, width * factor)
    if up_mask is None:
        return factor * F.interpolate(flow, size=size, mode="bilinear", align_corners=True)
    weights = up_mask.reshape(batch, 1, 9, factor, factor, height, width).softmax(dim=2)
    near = F.unfold(factor * flow, kernel_size=3, padding=1).reshape(batch, channels, 9, 1, 1, height, width)
    return (weights * near).sum(dim=2).permute(0, 1, 4, 2, 5, 3).reshape(batch, channels, *size)
