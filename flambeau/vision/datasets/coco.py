"""Pictures with things in them, or sentences about them, by COCO's files (arXiv 1405.0312)."""

import json
import os

from .vision import VisionDataset

__all__ = ["CocoCaptions", "CocoDetection"]


class CocoDetection(VisionDataset):
    """Pictures and what is known about each, from a file of annotations.

    Args:
        root: the folder of the pictures.
        annFile: the file of annotations (JSON).
        transform, target_transform: functions of a picture and of the list of its annotations.
        transforms: a function of both.

    Raises: ValueError where the file is no such file.

    >>> import pathlib, tempfile
    >>> from PIL import Image
    >>> folder = pathlib.Path(tempfile.mkdtemp())
    >>> Image.new("RGB", (4, 3)).save(folder / "a.png")
    >>> facts = {"images": [{"id": 7, "file_name": "a.png"}], "annotations": [{"image_id": 7, "bbox": [0, 0, 2, 2]}]}
    >>> _ = (folder / "facts.json").write_text(json.dumps(facts))
    >>> image, target = flambeau.vision.datasets.CocoDetection(folder, folder / "facts.json")[0]
    >>> target[0]["bbox"]
    [0, 0, 2, 2]
    """

    def __init__(self, root, annFile, transform=None, target_transform=None, transforms=None):
        super().__init__(root, transforms, transform, target_transform)
        try:
            with open(annFile) as file:
                facts = json.load(file)
            self._names = {image["id"]: image["file_name"] for image in facts["images"]}
            self._known: dict = {number: [] for number in self._names}
            for one in facts.get("annotations", ()):
                self._known[one["image_id"]].append(one)
        except (KeyError, TypeError, json.JSONDecodeError) as error:
            raise ValueError(f"{annFile} is not a file of annotations in COCO's form: {error!r}")
        self.categories = facts.get("categories", [])
        self.ids = sorted(self._names)

    def _load_image(self, number):
        from .folder import pil_loader

        return pil_loader(os.path.join(self.root, self._names[number]))

    def _load_target(self, number):
        return self._known[number]

    def __getitem__(self, index):
        if not isinstance(index, int):
            raise ValueError(f"Index must be of type integer, got {type(index)} instead.")
        number = self.ids[index]
        image, target = self._load_image(number), self._load_target(number)
        return (image, target) if self.transforms is None else self.transforms(image, target)

    def __len__(self):
        return len(self.ids)


class CocoCaptions(CocoDetection):
    """Pictures and sentences about each, from a file of annotations.

    Args:
        root, annFile, transform, target_transform, transforms: as in CocoDetection.

    >>> flambeau.vision.datasets.CocoCaptions.__mro__[1].__name__
    'CocoDetection'
    """

    def _load_target(self, number):
        return [one["caption"] for one in self._known[number]]
