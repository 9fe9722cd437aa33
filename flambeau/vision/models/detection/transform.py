"""Pictures as detectors want them, and what was found back in the sizes of the pictures."""

import flambeau
from flambeau import nn
from flambeau.nn import functional as F

from .image_list import ImageList
from .roi_heads import paste_masks_in_image

__all__ = ["GeneralizedRCNNTransform", "ImageList", "paste_masks_in_image", "resize_boxes", "resize_keypoints"]


def _ratios(original_size, new_size):
    """(vertical, horizontal) growth, as float32."""
    return [
        flambeau.tensor(new, dtype=flambeau.float32) / flambeau.tensor(old, dtype=flambeau.float32)
        for new, old in zip(new_size, original_size)
    ]


def resize_keypoints(keypoints, original_size, new_size):
    """Points (..., 3) in a picture of another size.

    Args:
        keypoints: x, y and whether it is seen.
        original_size, new_size: (height, width).

    >>> resize_keypoints(flambeau.tensor([[[1.0, 2, 1]]]), (4, 4), (8, 12))
    tensor([[[3., 4., 1.]]])
    """
    down, across = _ratios(original_size, new_size)
    x, y = keypoints[..., 0] * across, keypoints[..., 1] * down
    return flambeau.cat([flambeau.stack([x, y], -1), keypoints[..., 2:]], -1)


def resize_boxes(boxes, original_size, new_size):
    """Boxes (N, 4) in a picture of another size.

    Args:
        boxes: x1, y1, x2, y2.
        original_size, new_size: (height, width).

    >>> resize_boxes(flambeau.tensor([[1.0, 2, 3, 4]]), (4, 4), (8, 12))
    tensor([[3., 4., 9., 8.]])
    """
    down, across = _ratios(original_size, new_size)
    x1, y1, x2, y2 = boxes.unbind(1)
    return flambeau.stack((x1 * across, y1 * down, x2 * across, y2 * down), dim=1)


def _growth(size, min_size, max_size, fixed_size):
    """What F.interpolate is told about the new size."""
    if fixed_size is not None:
        return {"size": [fixed_size[1], fixed_size[0]]}
    factor = min(min_size / min(size), max_size / max(size))
    return {"scale_factor": factor, "recompute_scale_factor": True}


class GeneralizedRCNNTransform(nn.Module):
    """Pictures normalized, resized and filled up to one size; targets follow.

    Args:
        min_size: length of the shorter side, or several: one is drawn in training, the last is taken otherwise.
        max_size: the longer side is at most so long.
        image_mean, image_std: per channel.
        size_divisible: sides of the common size are multiples of it.
        fixed_size: (width, height) of all pictures, instead.
        **kwargs: _skip_resize=True leaves training pictures as large as they are.

    >>> change = GeneralizedRCNNTransform(40, 80, [0.5] * 3, [0.5] * 3)
    >>> images, targets = change([flambeau.zeros(3, 20, 30)])
    >>> images.tensors.shape, images.image_sizes
    (torch.Size([1, 3, 64, 64]), [(40, 60)])
    """

    def __init__(self, min_size, max_size, image_mean, image_std, size_divisible=32, fixed_size=None, **kwargs):
        super().__init__()
        self.min_size = min_size if isinstance(min_size, list | tuple) else (min_size,)
        self.max_size, self.image_mean, self.image_std = max_size, image_mean, image_std
        self.size_divisible, self.fixed_size = size_divisible, fixed_size
        self._skip_resize = kwargs.pop("_skip_resize", False)

    def forward(self, images, targets=None):
        targets = None if targets is None else [dict(target) for target in targets]
        changed = []
        for i, image in enumerate(images):
            if image.dim() != 3:
                raise ValueError(
                    f"images is expected to be a list of 3d tensors of shape [C, H, W], got {tuple(image.shape)}"
                )
            image, target = self.resize(self.normalize(image), None if targets is None else targets[i])
            changed.append(image)
            if target is not None:
                targets[i] = target
        sizes = [(image.shape[-2], image.shape[-1]) for image in changed]
        return ImageList(self.batch_images(changed, self.size_divisible), sizes), targets

    def normalize(self, image):
        """(x - mean) / std of each channel."""
        if not image.is_floating_point():
            raise TypeError(
                f"Expected input images to be of floating type (in range [0, 1]), but found type {image.dtype} instead"
            )
        mean, std = (flambeau.as_tensor(x, dtype=image.dtype) for x in (self.image_mean, self.image_std))
        return (image - mean[:, None, None]) / std[:, None, None]

    def torch_choice(self, k):
        """One of the items, drawn."""
        return k[int(flambeau.empty(1).uniform_(0.0, float(len(k))).item())]

    def resize(self, image, target=None):
        """Picture and target in another size."""
        if self.training and self._skip_resize:
            return image, target
        before = tuple(image.shape[-2:])
        length = self.torch_choice(self.min_size) if self.training else self.min_size[-1]
        growth = _growth(before, length, self.max_size, self.fixed_size)
        image = F.interpolate(image[None], mode="bilinear", align_corners=False, **growth)[0]
        if target is None:
            return image, None
        after = tuple(image.shape[-2:])
        if "masks" in target:
            target["masks"] = F.interpolate(target["masks"][:, None].float(), **growth)[:, 0].to(flambeau.uint8)
        target["boxes"] = resize_boxes(target["boxes"], before, after)
        if "keypoints" in target:
            target["keypoints"] = resize_keypoints(target["keypoints"], before, after)
        return image, target

    def batch_images(self, images, size_divisible=32):
        """(N, C, H, W) of pictures, filled up with 0 to the right and below."""
        shape = [max(sizes) for sizes in zip(*(image.shape for image in images))]
        shape[1:] = [-(-side // size_divisible) * size_divisible for side in shape[1:]]
        batch = images[0].new_full((len(images), *shape), 0)
        for place, image in enumerate(images):
            batch[place, : image.shape[0], : image.shape[1], : image.shape[2]].copy_(image)
        return batch

    def postprocess(self, result, image_shapes, original_image_sizes):
        """What was found, in the sizes of the pictures; in training it stays."""
        if self.training:
            return result
        for found, now, size in zip(result, image_shapes, original_image_sizes):
            found["boxes"] = resize_boxes(found["boxes"], now, size)
            if "masks" in found:
                found["masks"] = paste_masks_in_image(found["masks"], found["boxes"], size)
            if "keypoints" in found:
                found["keypoints"] = resize_keypoints(found["keypoints"], now, size)
        return result

    def __repr__(self):
        rows = (
            f"Normalize(mean={self.image_mean}, std={self.image_std})",
            f"Resize(min_size={self.min_size}, max_size={self.max_size}, mode='bilinear')",
        )
        return f"{self.__class__.__name__}(" + "".join(f"\n    {row}" for row in rows) + "\n)"
