"""Pictures of several sizes in one tensor."""

__all__ = ["ImageList"]


class ImageList:
    """Pictures filled up to one size, and their sizes before.

    Args:
        tensors: (N, C, H, W).
        image_sizes: (height, width) of each picture.

    >>> images = ImageList(flambeau.zeros(1, 3, 32, 32), [(30, 20)])
    >>> images.to("cpu").image_sizes
    [(30, 20)]
    """

    def __init__(self, tensors, image_sizes):
        self.tensors, self.image_sizes = tensors, image_sizes

    def to(self, device):
        """The same on a device."""
        return ImageList(self.tensors.to(device), self.image_sizes)
