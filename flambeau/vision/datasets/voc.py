"""Pascal VOC (Everingham et al., 2010)."""

import os
from xml.etree import ElementTree

from .folder import number_loader, pil_loader
from .utils import download_and_extract_archive, verify_str_arg
from .vision import VisionDataset

__all__ = ["VOCDetection", "VOCSegmentation"]

_SITE = "https://thor.robots.ox.ac.uk/pascal/VOC"
# year: (address, md5, folder)
_YEARS = {
    "2012": ("voc2012/VOCtrainval_11-May-2012.tar", "6cd6e144f989b92b3379bac3b3de84fd", "VOCdevkit/VOC2012"),
    "2011": ("voc2011/VOCtrainval_25-May-2011.tar", "6c3384ef61512963050cb5d687e5bf1e", "TrainVal/VOCdevkit/VOC2011"),
    "2010": ("voc2010/VOCtrainval_03-May-2010.tar", "da459979d0c395079b5c75ee67908abb", "VOCdevkit/VOC2010"),
    "2009": ("voc2009/VOCtrainval_11-May-2009.tar", "a3e00b113cfcfebf17e343f59da3caa1", "VOCdevkit/VOC2009"),
    "2008": ("voc2008/VOCtrainval_14-Jul-2008.tar", "2629fa636546599198acfcfbfcf1904a", "VOCdevkit/VOC2008"),
    "2007": ("voc2007/VOCtrainval_06-Nov-2007.tar", "c52e279531787c972589f7e41ab4ae64", "VOCdevkit/VOC2007"),
    "2007-test": ("voc2007/VOCtest_06-Nov-2007.tar", "b6e924de25625d8de591ea690078ad9f", "VOCdevkit/VOC2007"),
}


class _VOC(VisionDataset):
    """Pictures of a list and their targets."""

    _splits, _targets, _ending = "", "", ""

    def __init__(
        self,
        root,
        year="2012",
        image_set="train",
        download=False,
        transform=None,
        target_transform=None,
        transforms=None,
    ):
        super().__init__(root, transforms, transform, target_transform)
        self.year = verify_str_arg(year, "year", tuple(y for y in _YEARS if y != "2007-test"))
        sets = ("train", "trainval", "val", *(("test",) if year == "2007" else ()))
        self.image_set = verify_str_arg(image_set, "image_set", sets)
        url, md5, inner = _YEARS["2007-test" if year == "2007" and image_set == "test" else year]
        if download:
            download_and_extract_archive(f"{_SITE}/{url}", self.root, md5=md5)
        home = os.path.join(self.root, inner)
        if not os.path.isdir(home):
            raise RuntimeError(f"Dataset not found: there is no {home}. You can use download=True to download it")
        names = self._names(os.path.join(home, "ImageSets", self._splits, f"{image_set}.txt"))
        self.images = [os.path.join(home, "JPEGImages", f"{name}.jpg") for name in names]
        self.targets = [os.path.join(home, self._targets, f"{name}{self._ending}") for name in names]

    @staticmethod
    def _names(path):
        if not os.path.isfile(path):
            raise RuntimeError(f"Dataset not found: there is no {path}. You can use download=True to download it")
        with open(path) as file:
            return [line.strip() for line in file if line.strip()]

    def _load(self, path):
        raise NotImplementedError

    def __getitem__(self, index):
        image, target = pil_loader(self.images[index]), self._load(self.targets[index])
        return (image, target) if self.transforms is None else self.transforms(image, target)

    def __len__(self):
        return len(self.images)


class VOCSegmentation(_VOC):
    """Pictures and the class of each pixel, as a picture of numbers.

    Args:
        root: folder of the folder VOCdevkit.
        year: "2007" to "2012".
        image_set: "train", "val" or "trainval"; for 2007 also "test".
        download: fetch what is not there.
        transform, target_transform: functions of picture and target.
        transforms: a function of both.

    Raises: RuntimeError where files are missing.

    >>> flambeau.vision.datasets.VOCSegmentation("no such folder")
    Traceback (most recent call last):
    RuntimeError: Dataset not found: there is no no such folder/VOCdevkit/VOC2012. You can use download=True to download it
    """

    _splits, _targets, _ending = "Segmentation", "SegmentationClass", ".png"

    @property
    def masks(self):
        """Files of the targets."""
        return self.targets

    def _load(self, path):
        return number_loader(path)


class VOCDetection(_VOC):
    """Pictures and what is known about each, as the dict that its XML file is.

    Args:
        root: folder of the folder VOCdevkit.
        year: "2007" to "2012".
        image_set: "train", "val" or "trainval"; for 2007 also "test".
        download: fetch what is not there.
        transform, target_transform: functions of picture and target.
        transforms: a function of both.

    Raises: RuntimeError where files are missing or damaged.

    >>> node = ElementTree.fromstring("<a><object><name>cat</name></object><size>3</size></a>")
    >>> flambeau.vision.datasets.VOCDetection.parse_voc_xml(node)
    {'a': {'object': [{'name': 'cat'}], 'size': '3'}}
    """

    _splits, _targets, _ending = "Main", "Annotations", ".xml"

    @property
    def annotations(self):
        """Files of the targets."""
        return self.targets

    def _load(self, path):
        try:
            with open(path, "rb") as file:
                text = file.read()
            if b"<!DOCTYPE" in text or b"<!ENTITY" in text:  # names that stand for ever longer texts
                raise RuntimeError(f"{path} is no file of this data set: it defines entities")
            return self.parse_voc_xml(ElementTree.fromstring(text))
        except ElementTree.ParseError as error:
            raise RuntimeError(f"{path} is damaged: {error}")

    @staticmethod
    def parse_voc_xml(node):
        """The dict that an XML element is; "object" is always a list."""
        children = list(node)
        if not children:
            return {node.tag: node.text.strip() if node.text else None}
        found: dict = {}
        for child in children:
            for name, value in VOCDetection.parse_voc_xml(child).items():
                found.setdefault(name, []).append(value)
        if node.tag == "annotation":
            found["object"] = found.get("object", [])
        kept = {name: values if name == "object" or len(values) > 1 else values[0] for name, values in found.items()}
        return {node.tag: kept}
