"""Boxes at each place of feature maps, from which the predicted ones are measured."""

import flambeau
from flambeau import nn

from .image_list import ImageList

__all__ = ["AnchorGenerator", "DefaultBoxGenerator", "ImageList"]


class AnchorGenerator(nn.Module):
    """Boxes of several sizes and shapes around each place.

    Args:
        sizes: sides of the squares of the same area, for each feature map.
        aspect_ratios: height / width, for each feature map.

    >>> make = AnchorGenerator(((4, 8),), ((1.0,),))
    >>> make(ImageList(flambeau.zeros(1, 3, 8, 16), [(8, 16)]), [flambeau.zeros(1, 5, 1, 2)])[0]
    tensor([[-2., -2.,  2.,  2.],
            [-4., -4.,  4.,  4.],
            [ 6., -2., 10.,  2.],
            [ 4., -4., 12.,  4.]])
    """

    def __init__(self, sizes=((128, 256, 512),), aspect_ratios=((0.5, 1.0, 2.0),)):
        super().__init__()
        if not isinstance(sizes[0], list | tuple):
            sizes = tuple((size,) for size in sizes)
        if not isinstance(aspect_ratios[0], list | tuple):
            aspect_ratios = (aspect_ratios,) * len(sizes)
        self.sizes, self.aspect_ratios = sizes, aspect_ratios
        self.cell_anchors = [self.generate_anchors(*pair) for pair in zip(sizes, aspect_ratios)]

    def generate_anchors(self, scales, aspect_ratios, dtype=flambeau.float32, device="cpu"):
        """Boxes around the origin, (ratios * scales, 4)."""
        scales = flambeau.as_tensor(scales, dtype=dtype)
        down = flambeau.as_tensor(aspect_ratios, dtype=dtype).sqrt()
        widths = ((1 / down)[:, None] * scales[None]).reshape(-1)
        heights = (down[:, None] * scales[None]).reshape(-1)
        return (flambeau.stack([-widths, -heights, widths, heights], 1) / 2).round()

    def set_cell_anchors(self, dtype, device):
        """Boxes around the origin in the dtype of the maps."""
        self.cell_anchors = [anchors.to(dtype=dtype) for anchors in self.cell_anchors]

    def num_anchors_per_location(self):
        """Boxes at each place, for each map."""
        return [len(sizes) * len(ratios) for sizes, ratios in zip(self.sizes, self.aspect_ratios)]

    def grid_anchors(self, grid_sizes, strides):
        """Boxes at each place of maps of (height, width), the places so many pixels apart."""
        if not len(grid_sizes) == len(strides) == len(self.cell_anchors):
            raise AssertionError(
                "Anchors should be Tuple[Tuple[int]] because each feature map could potentially have different sizes "
                f"and aspect ratios: there are {len(grid_sizes)} feature maps and {len(self.cell_anchors)} of sizes"
            )
        found = []
        for (height, width), (down, across), anchors in zip(grid_sizes, strides, self.cell_anchors):
            x = flambeau.arange(width, dtype=flambeau.int32) * across
            y = flambeau.arange(height, dtype=flambeau.int32) * down
            y, x = (side.reshape(-1) for side in flambeau.meshgrid(y, x, indexing="ij"))
            found.append((flambeau.stack((x, y, x, y), 1)[:, None] + anchors[None]).reshape(-1, 4))
        return found

    def forward(self, image_list, feature_maps):
        grids = [tuple(one.shape[-2:]) for one in feature_maps]
        height, width = image_list.tensors.shape[-2:]
        strides = [(height // rows, width // columns) for rows, columns in grids]
        self.set_cell_anchors(feature_maps[0].dtype, feature_maps[0].device)
        anchors = flambeau.cat(self.grid_anchors(grids, strides))
        return [anchors for _ in image_list.image_sizes]


class DefaultBoxGenerator(nn.Module):
    """Boxes of SSD: two squares around each place, and oblongs of the smaller one's area (arXiv 1512.02325).

    Args:
        aspect_ratios: for each map, ratios of the oblongs; each is used lying and standing.
        min_ratio, max_ratio: sizes on the first and the last map, in sides of the picture.
        scales: sizes on each map and one more, instead.
        steps: pixels between places of each map; without them, the map covers the picture.
        clip: sizes are at most those of the picture.

    >>> make = DefaultBoxGenerator([[2]], scales=[0.5, 1.0])
    >>> make(ImageList(flambeau.zeros(1, 3, 8, 8), [(8, 8)]), [flambeau.zeros(1, 5, 1, 1)])[0][:2]
    tensor([[2.0000, 2.0000, 6.0000, 6.0000],
            [1.1716, 1.1716, 6.8284, 6.8284]])
    """

    def __init__(self, aspect_ratios, min_ratio=0.15, max_ratio=0.9, scales=None, steps=None, clip=True):
        super().__init__()
        if steps is not None and len(aspect_ratios) != len(steps):
            raise ValueError("aspect_ratios and steps should have the same length")
        self.aspect_ratios, self.steps, self.clip = aspect_ratios, steps, clip
        count = len(aspect_ratios)
        if scales is not None:
            self.scales = scales
        elif count > 1:
            span = max_ratio - min_ratio
            self.scales = [min_ratio + span * k / (count - 1.0) for k in range(count)] + [1.0]
        else:
            self.scales = [min_ratio, max_ratio]
        self._wh_pairs = self._generate_wh_pairs(count)

    def _generate_wh_pairs(self, num_outputs, dtype=flambeau.float32, device="cpu"):
        """Widths and heights for each map."""
        found = []
        for k in range(num_outputs):
            scale, between = self.scales[k], (self.scales[k] * self.scales[k + 1]) ** 0.5
            pairs = [[scale, scale], [between, between]]
            for ratio in self.aspect_ratios[k]:
                width, height = scale * ratio**0.5, scale / ratio**0.5
                pairs += [[width, height], [height, width]]
            found.append(flambeau.as_tensor(pairs, dtype=dtype))
        return found

    def num_anchors_per_location(self):
        """Boxes at each place, for each map."""
        return [2 + 2 * len(ratios) for ratios in self.aspect_ratios]

    def _grid_default_boxes(self, grid_sizes, image_size, dtype=flambeau.float32):
        """(x, y, width, height) in sizes of the picture."""
        found = []
        for k, (height, width) in enumerate(grid_sizes):
            down, across = (height, width) if self.steps is None else (side / self.steps[k] for side in image_size)
            x = ((flambeau.arange(width) + 0.5) / across).to(dtype)
            y = ((flambeau.arange(height) + 0.5) / down).to(dtype)
            y, x = (side.reshape(-1) for side in flambeau.meshgrid(y, x, indexing="ij"))
            sizes = self._wh_pairs[k].clamp(min=0, max=1) if self.clip else self._wh_pairs[k]
            places = flambeau.stack((x, y) * len(sizes), -1).reshape(-1, 2)
            found.append(flambeau.cat((places, sizes.repeat(height * width, 1)), 1))
        return flambeau.cat(found)

    def __repr__(self):
        names = ("aspect_ratios", "clip", "scales", "steps")
        return f"{self.__class__.__name__}({', '.join(f'{name}={getattr(self, name)}' for name in names)})"

    def forward(self, image_list, feature_maps):
        height, width = image_list.tensors.shape[-2:]
        grids = [tuple(one.shape[-2:]) for one in feature_maps]
        rows = self._grid_default_boxes(grids, (height, width), feature_maps[0].dtype)
        middle, half = rows[:, :2], 0.5 * rows[:, 2:]
        size = flambeau.tensor([width, height])
        boxes = flambeau.cat(((middle - half) * size, (middle + half) * size), -1)
        return [boxes for _ in image_list.image_sizes]
