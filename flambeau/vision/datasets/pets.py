"""Cats and dogs of 37 breeds (Parkhi et al., 2012)."""

from ._pictures import Pictures, indices
from .folder import number_loader
from .utils import verify_str_arg

__all__ = ["OxfordIIITPet"]

_KINDS = ("category", "binary-category", "segmentation")


class OxfordIIITPet(Pictures):
    """Cats and dogs: the breed, which of both, or where in the picture.

    Args:
        root: folder of the folder oxford-iiit-pet.
        split: "trainval" or "test".
        target_types: "category", "binary-category", "segmentation" or a list of these.
        transforms: a function of picture and target.
        transform, target_transform: functions of each, instead.
        download: fetch what is not there.

    Raises: RuntimeError where files are missing or damaged.

    >>> flambeau.vision.datasets.OxfordIIITPet("no such folder")
    Traceback (most recent call last):
    RuntimeError: Dataset not found: no such folder/oxford-iiit-pet has no images, annotations. You can use download=True to download it
    """

    _folder, _needed = "oxford-iiit-pet", ("images", "annotations")
    _archives = (
        ("https://www.robots.ox.ac.uk/~vgg/data/pets/data/images.tar.gz", "5c4f3ee8e5d25df40f4fd59a7f44e54c"),
        ("https://www.robots.ox.ac.uk/~vgg/data/pets/data/annotations.tar.gz", "95a8c909bbe2e81eed6a22bccdf3f68f"),
    )

    def __init__(
        self,
        root,
        split="trainval",
        target_types="category",
        transforms=None,
        transform=None,
        target_transform=None,
        download=False,
    ):
        self._split = verify_str_arg(split, "split", ("trainval", "test"))
        kinds = [target_types] if isinstance(target_types, str) else target_types
        self._target_types = [verify_str_arg(kind, "target_types", _KINDS) for kind in kinds]
        super().__init__(root, transform, target_transform, download)
        if transforms is not None:
            if transform is not None or target_transform is not None:
                raise ValueError("Only transforms or transform/target_transform can be passed as argument")
            self.transforms = transforms

    def _read(self):
        rows = [line.split(" ") for line in self._lines(f"annotations/{self._split}.txt")]
        breeds = {(int(label) - 1, name.rsplit("_", 1)[0]) for name, label, _, _ in rows}
        self.classes = [" ".join(part.title() for part in name.split("_")) for _, name in sorted(breeds)]
        self.bin_classes = ["Cat", "Dog"]
        self.class_to_idx, self.bin_class_to_idx = indices(self.classes), indices(self.bin_classes)
        for name, label, kind, _ in rows:
            areas = self._base / "annotations" / "trimaps" / f"{name}.png"
            facts = {"category": int(label) - 1, "binary-category": int(kind) - 1, "segmentation": areas}
            yield self._base / "images" / f"{name}.jpg", facts

    def _target(self, kind, facts):
        return number_loader(facts[kind]) if kind == "segmentation" else facts[kind]

    def __getitem__(self, index):
        path, facts = self._samples[index]
        targets = tuple(self._target(kind, facts) for kind in self._target_types)
        image, target = self.loader(path), targets[0] if len(targets) == 1 else targets or None
        return (image, target) if self.transforms is None else self.transforms(image, target)
