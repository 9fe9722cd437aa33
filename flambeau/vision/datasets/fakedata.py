"""Pictures of noise, to try programs with."""

import flambeau

from .. import transforms
from .vision import VisionDataset

__all__ = ["FakeData"]


class FakeData(VisionDataset):
    """Noise, always the same at the same place.

    Args:
        size: how many pictures.
        image_size: (C, H, W).
        num_classes: how many classes.
        transform, target_transform: functions of picture and class.
        random_offset: added to the place, which is the seed.

    >>> image, target = flambeau.vision.datasets.FakeData(size=3, image_size=(3, 4, 5), num_classes=2)[0]
    >>> image.size
    (5, 4)
    """

    def __init__(
        self,
        size=1000,
        image_size=(3, 224, 224),
        num_classes=10,
        transform=None,
        target_transform=None,
        random_offset=0,
    ):
        super().__init__(transform=transform, target_transform=target_transform)
        self.size, self.num_classes, self.image_size, self.random_offset = size, num_classes, image_size, random_offset

    def __getitem__(self, index):
        if index >= len(self):
            raise IndexError(f"{self.__class__.__name__} index out of range")
        before = flambeau.get_rng_state()
        flambeau.manual_seed(index + self.random_offset)
        image = flambeau.randn(*self.image_size)
        target = flambeau.randint(0, self.num_classes, size=(1,), dtype=flambeau.long)[0]
        flambeau.set_rng_state(before)
        image, target = self._changed(transforms.ToPILImage()(image), target)
        return image, target.item() if isinstance(target, flambeau.Tensor) else target

    def __len__(self):
        return self.size
