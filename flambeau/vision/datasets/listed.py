"""Pictures with classes that stand in lists, or are the names of folders."""

from pathlib import Path

from ._pictures import Pictures, indices
from .folder import ImageFolder, default_loader, find_classes, make_dataset
from .utils import download_and_extract_archive, verify_str_arg

__all__ = [
    "DTD",
    "GTSRB",
    "SUN397",
    "CLEVRClassification",
    "Country211",
    "EuroSAT",
    "FGVCAircraft",
    "Flowers102",
    "Food101",
    "Imagenette",
    "RenderedSST2",
    "StanfordCars",
]  # fmt: skip

_OXFORD = "https://www.robots.ox.ac.uk/~vgg/data"


class Food101(Pictures):
    """Dishes of 101 kinds (Bossard et al., 2014).

    Args:
        root: folder of the folder food-101.
        split: "train" or "test".
        transform, target_transform: functions of picture and class.
        download: fetch what is not there.
        loader: reads a picture.

    Raises: RuntimeError where files are missing or damaged.

    >>> flambeau.vision.datasets.Food101("no such folder")
    Traceback (most recent call last):
    RuntimeError: Dataset not found: no such folder/food-101 has no meta, images. You can use download=True to download it
    """

    _folder, _needed = "food-101", ("meta", "images")
    _archives = (("http://data.vision.ee.ethz.ch/cvl/food-101.tar.gz", "85eeb15f3717b99a5da872d97d918f87"),)

    def __init__(
        self, root, split="train", transform=None, target_transform=None, download=False, loader=default_loader
    ):
        self._split = verify_str_arg(split, "split", ("train", "test"))
        super().__init__(root, transform, target_transform, download, loader)

    def _unpacked(self):
        return self._base.parent

    def _read(self):
        known = self._json(f"meta/{self._split}.json")
        self.classes = sorted(known)
        self.class_to_idx = indices(self.classes)
        for name, files in known.items():
            for file in files:
                yield self._base / "images" / f"{file}.jpg", self.class_to_idx[name]


class DTD(Pictures):
    """Textures of 47 kinds (Cimpoi et al., 2014).

    Args:
        root: folder of the folder dtd.
        split: "train", "val" or "test".
        partition: which of the ten divisions, 1 to 10.
        transform, target_transform: functions of picture and class.
        download: fetch what is not there.
        loader: reads a picture.

    Raises: RuntimeError where files are missing or damaged.

    >>> flambeau.vision.datasets.DTD("data", partition=11)
    Traceback (most recent call last):
    ValueError: Parameter 'partition' should be an integer with `1 <= partition <= 10`, but got 11 instead
    """

    _folder, _needed = "dtd", ("dtd/labels", "dtd/images")
    _archives = ((f"{_OXFORD}/dtd/download/dtd-r1.0.1.tar.gz", "fff73e5086ae6bdbea199a49dfb8a4c1"),)

    def __init__(
        self,
        root,
        split="train",
        partition=1,
        transform=None,
        target_transform=None,
        download=False,
        loader=default_loader,
    ):
        self._split = verify_str_arg(split, "split", ("train", "val", "test"))
        if not isinstance(partition, int) or not 1 <= partition <= 10:
            raise ValueError(
                f"Parameter 'partition' should be an integer with `1 <= partition <= 10`, but got {partition} instead"
            )
        self._partition = partition
        super().__init__(root, transform, target_transform, download, loader)

    def _read(self):
        rows = [line.split("/") for line in self._lines(f"dtd/labels/{self._split}{self._partition}.txt")]
        self.classes = sorted({name for name, _ in rows})
        self.class_to_idx = indices(self.classes)
        for name, file in rows:
            yield self._base / "dtd" / "images" / name / file, self.class_to_idx[name]

    def extra_repr(self):
        return f"split={self._split}, partition={self._partition}"


class FGVCAircraft(Pictures):
    """Aeroplanes by model, family or maker (arXiv 1306.5151).

    Args:
        root: folder of the folder fgvc-aircraft-2013b.
        split: "train", "val", "trainval" or "test".
        annotation_level: "variant", "family" or "manufacturer".
        transform, target_transform: functions of picture and class.
        download: fetch what is not there.
        loader: reads a picture.

    Raises: RuntimeError where files are missing or damaged.

    >>> flambeau.vision.datasets.FGVCAircraft("data", annotation_level="colour")
    Traceback (most recent call last):
    ValueError: Unknown value 'colour' for argument annotation_level. Valid values are {'variant', 'family', 'manufacturer'}.
    """

    _folder, _needed = "fgvc-aircraft-2013b", ("data",)
    _archives = ((f"{_OXFORD}/fgvc-aircraft/archives/fgvc-aircraft-2013b.tar.gz", None),)
    _LISTS = {"variant": "variants.txt", "family": "families.txt", "manufacturer": "manufacturers.txt"}

    def __init__(
        self,
        root,
        split="trainval",
        annotation_level="variant",
        transform=None,
        target_transform=None,
        download=False,
        loader=default_loader,
    ):
        self._split = verify_str_arg(split, "split", ("train", "val", "trainval", "test"))
        self._annotation_level = verify_str_arg(annotation_level, "annotation_level", tuple(self._LISTS))
        super().__init__(root, transform, target_transform, download, loader)

    def _unpacked(self):
        return self._base.parent

    def _read(self):
        self.classes = self._lines(f"data/{self._LISTS[self._annotation_level]}")
        self.class_to_idx = indices(self.classes)
        for line in self._lines(f"data/images_{self._annotation_level}_{self._split}.txt"):
            number, name = line.split(" ", 1)
            yield self._base / "data" / "images" / f"{number}.jpg", self.class_to_idx[name]


class SUN397(Pictures):
    """Scenes of 397 kinds (Xiao et al., 2010).

    Args:
        root: folder of the folder SUN397.
        transform, target_transform: functions of picture and class.
        download: fetch what is not there.
        loader: reads a picture.

    Raises: RuntimeError where files are missing or damaged.

    >>> flambeau.vision.datasets.SUN397("no such folder")
    Traceback (most recent call last):
    RuntimeError: Dataset not found: no such folder/SUN397 has no ClassName.txt. You can use download=True to download it
    """

    _folder, _needed = "SUN397", ("ClassName.txt",)
    _archives = (("http://vision.princeton.edu/projects/2010/SUN/SUN397.tar.gz", "8ca2778205c41d23104230ba66911c7a"),)

    def _unpacked(self):
        return self._base.parent

    def _read(self):
        self.classes = [line[3:] for line in self._lines("ClassName.txt")]
        self.class_to_idx = indices(self.classes)
        for path in sorted(self._base.rglob("sun_*.jpg")):
            yield path, self.class_to_idx["/".join(path.relative_to(self._base).parts[1:-1])]


class CLEVRClassification(Pictures):
    """How many things there are in rendered pictures (arXiv 1612.06890).

    Args:
        root: folder of the folder clevr.
        split: "train", "val" or "test"; the last has no targets.
        transform, target_transform: functions of picture and number.
        download: fetch what is not there.
        loader: reads a picture.

    Raises: RuntimeError where files are missing or damaged.

    >>> flambeau.vision.datasets.CLEVRClassification("data", "all")
    Traceback (most recent call last):
    ValueError: Unknown value 'all' for argument split. Valid values are {'train', 'val', 'test'}.
    """

    _folder, _needed = "clevr", ("CLEVR_v1.0",)
    _archives = (("https://dl.fbaipublicfiles.com/clevr/CLEVR_v1.0.zip", "b11922020e72d0cd9154779b2d3d07d2"),)

    def __init__(
        self, root, split="train", transform=None, target_transform=None, download=False, loader=default_loader
    ):
        self._split = verify_str_arg(split, "split", ("train", "val", "test"))
        super().__init__(root, transform, target_transform, download, loader)

    def _read(self):
        home, counts = self._base / "CLEVR_v1.0", {}
        if self._split != "test":
            scenes = self._json(f"CLEVR_v1.0/scenes/CLEVR_{self._split}_scenes.json")["scenes"]
            counts = {scene["image_filename"]: len(scene["objects"]) for scene in scenes}
        for path in sorted((home / "images" / self._split).glob("*")):
            yield path, counts[path.name] if self._split != "test" else None


class GTSRB(Pictures):
    """German traffic signs of 43 kinds (Stallkamp et al., 2012).

    Args:
        root: folder of the folder gtsrb.
        split: "train" or "test".
        transform, target_transform: functions of picture and class.
        download: fetch what is not there.

    Raises: RuntimeError where files are missing or damaged.

    >>> flambeau.vision.datasets.GTSRB("no such folder", "test")
    Traceback (most recent call last):
    RuntimeError: Dataset not found: no such folder/gtsrb has no GTSRB/Final_Test/Images, GT-final_test.csv. You can use download=True to download it
    """

    _folder = "gtsrb"
    _SITE = "https://sid.erda.dk/public/archives/daaeac0d7ce1152aea9b61d9f1e19370"
    _PARTS = {
        "train": ([("GTSRB-Training_fixed.zip", "513f3c79a4c5141765e10e952eaa2478")], ("GTSRB/Training",)),
        "test": (
            [
                ("GTSRB_Final_Test_Images.zip", "c7e4e6327067d32654124b0fe9e82185"),
                ("GTSRB_Final_Test_GT.zip", "fe31e9c9270bbcd7b84b7f21a9d9d9e5"),
            ],
            ("GTSRB/Final_Test/Images", "GT-final_test.csv"),
        ),
    }

    def __init__(self, root, split="train", transform=None, target_transform=None, download=False):
        self._split = verify_str_arg(split, "split", ("train", "test"))
        files, self._needed = self._PARTS[split]
        self._archives = tuple((f"{self._SITE}/{name}", md5) for name, md5 in files)
        super().__init__(root, transform, target_transform, download)

    def _read(self):
        import csv

        if self._split == "train":
            return make_dataset(str(self._base / self._needed[0]), extensions=(".ppm",))
        with open(self._base / self._needed[1], newline="") as file:
            rows = list(csv.DictReader(file, delimiter=";", skipinitialspace=True))
        folder = self._base / self._needed[0]
        return [(str(folder / row["Filename"]), int(row["ClassId"])) for row in rows]


class RenderedSST2(Pictures):
    """Sentences drawn as pictures, of good or bad opinion (arXiv 2103.00020).

    Args:
        root: folder of the folder rendered-sst2.
        split: "train", "val" or "test".
        transform, target_transform: functions of picture and class.
        download: fetch what is not there.
        loader: reads a picture.

    Raises: RuntimeError where files are missing or damaged.

    >>> flambeau.vision.datasets.RenderedSST2("data", "all")
    Traceback (most recent call last):
    ValueError: Unknown value 'all' for argument split. Valid values are {'train', 'val', 'test'}.
    """

    _folder = "rendered-sst2"
    _archives = (
        ("https://openaipublic.azureedge.net/clip/data/rendered-sst2.tgz", "2384d08e9dcfa4bd55b324e610496ee5"),
    )
    classes, class_to_idx = ["negative", "positive"], {"negative": 0, "positive": 1}

    def __init__(
        self, root, split="train", transform=None, target_transform=None, download=False, loader=default_loader
    ):
        self._split = verify_str_arg(split, "split", ("train", "val", "test"))
        self._split_folder = "valid" if split == "val" else split
        self._needed = tuple(f"{self._split_folder}/{name}" for name in self.classes)
        super().__init__(root, transform, target_transform, download, loader)

    def _unpacked(self):
        return self._base.parent

    def _read(self):
        return make_dataset(str(self._base / self._split_folder), self.class_to_idx, (".png",))


class Imagenette(Pictures):
    """Ten classes of ImageNet that are easy to tell apart (https://github.com/fastai/imagenette).

    Args:
        root: folder of the folder imagenette2, imagenette2-320 or imagenette2-160.
        split: "train" or "val".
        size: "full", "320px" or "160px".
        download: fetch what is not there.
        transform, target_transform: functions of picture and class.
        loader: reads a picture.

    Raises: RuntimeError where files are missing.

    >>> flambeau.vision.datasets.Imagenette("data", size="10px")
    Traceback (most recent call last):
    ValueError: Unknown value '10px' for argument size. Valid values are {'full', '320px', '160px'}.
    """

    _SITE = "https://s3.amazonaws.com/fast-ai-imageclas"
    _SUMS = {
        "full": "fe2fc210e6bb7c5664d602c3cd71e612",
        "320px": "3df6f0d01a2c9592104656642f5e78a3",
        "160px": "e793b78cc4c9e9a4ccc0c1155377a412",
    }
    _NAMES = {
        "n01440764": ("tench", "Tinca tinca"),
        "n02102040": ("English springer", "English springer spaniel"),
        "n02979186": ("cassette player",),
        "n03000684": ("chain saw", "chainsaw"),
        "n03028079": ("church", "church building"),
        "n03394916": ("French horn", "horn"),
        "n03417042": ("garbage truck", "dustcart"),
        "n03425413": ("gas pump", "gasoline pump", "petrol pump", "island dispenser"),
        "n03445777": ("golf ball",),
        "n03888257": ("parachute", "chute"),
    }

    def __init__(
        self,
        root,
        split="train",
        size="full",
        download=False,
        transform=None,
        target_transform=None,
        loader=default_loader,
    ):
        self._split = verify_str_arg(split, "split", ("train", "val"))
        self._size = verify_str_arg(size, "size", tuple(self._SUMS))
        self._folder = "imagenette2" + ("" if size == "full" else f"-{size[:-2]}")
        self._archives = ((f"{self._SITE}/{self._folder}.tgz", self._SUMS[size]),)
        self._needed = (split,)
        super().__init__(root, transform, target_transform, download, loader)

    def _unpacked(self):
        return self._base.parent

    def _read(self):
        folder = str(self._base / self._split)
        self.wnids, self.wnid_to_idx = find_classes(folder)
        self.classes = [self._NAMES[wnid] for wnid in self.wnids]
        self.class_to_idx = {name: place for wnid, place in self.wnid_to_idx.items() for name in self._NAMES[wnid]}
        return make_dataset(folder, self.wnid_to_idx, (".jpeg",))


def _matlab(path):
    """What a file of Matlab holds; reading it needs SciPy."""
    from scipy import io

    try:
        return io.loadmat(path, squeeze_me=True)
    except FileNotFoundError:
        raise
    except Exception as error:  # what SciPy raises on damaged files is of many kinds
        raise ValueError(f"{path}: {error}")


class Flowers102(Pictures):
    """Flowers of 102 kinds (Nilsback and Zisserman, 2008); reading the classes needs SciPy.

    Args:
        root: folder of the folder flowers-102.
        split: "train", "val" or "test".
        transform, target_transform: functions of picture and class.
        download: fetch what is not there.
        loader: reads a picture.

    Raises: RuntimeError where files are missing or damaged.

    >>> flambeau.vision.datasets.Flowers102("data", "all")
    Traceback (most recent call last):
    ValueError: Unknown value 'all' for argument split. Valid values are {'train', 'val', 'test'}.
    """

    _folder, _needed = "flowers-102", ("jpg", "imagelabels.mat", "setid.mat")
    _archives = ((f"{_OXFORD}/flowers/102/102flowers.tgz", "52808999861908f626f3c1f4e79d11fa"),)
    _LISTS = (
        ("imagelabels.mat", "e0620be6f572b9609742df49c70aed4d"),
        ("setid.mat", "a5357ecc9cb78c4bef273ce3793fc85c"),
    )
    _KEYS = {"train": "trnid", "val": "valid", "test": "tstid"}

    def __init__(
        self, root, split="train", transform=None, target_transform=None, download=False, loader=default_loader
    ):
        self._split = verify_str_arg(split, "split", tuple(self._KEYS))
        super().__init__(root, transform, target_transform, download, loader)

    def download(self):
        """Fetch and unpack what is not there."""
        from .utils import download_url

        super().download()
        for name, md5 in self._LISTS:
            download_url(f"{_OXFORD}/flowers/102/{name}", str(self._base), md5=md5)

    def _read(self):
        chosen = _matlab(self._base / "setid.mat")[self._KEYS[self._split]]
        labels = dict(enumerate((_matlab(self._base / "imagelabels.mat")["labels"] - 1).tolist(), 1))
        for number in chosen.tolist():
            yield self._base / "jpg" / f"image_{number:05d}.jpg", labels[number]


class StanfordCars(Pictures):
    """Cars of 196 kinds (Krause et al., 2013), which their makers no longer offer; reading the lists needs SciPy.

    Args:
        root: folder of the folder stanford_cars.
        split: "train" or "test".
        transform, target_transform: functions of picture and class.
        download: an error, since there is no address.
        loader: reads a picture.

    Raises: RuntimeError where files are missing or damaged.

    >>> flambeau.vision.datasets.StanfordCars("data", "all")
    Traceback (most recent call last):
    ValueError: Unknown value 'all' for argument split. Valid values are {'train', 'test'}.
    """

    _folder = "stanford_cars"
    _elsewhere = "The original address is gone; put the files there that you have"
    _LISTS = {"train": "devkit/cars_train_annos.mat", "test": "cars_test_annos_withlabels.mat"}

    def __init__(
        self, root, split="train", transform=None, target_transform=None, download=False, loader=default_loader
    ):
        self._split = verify_str_arg(split, "split", ("train", "test"))
        self._needed = ("devkit", self._LISTS[split], f"cars_{split}")
        super().__init__(root, transform, target_transform, download, loader)

    def _read(self):
        self.classes = [str(name) for name in _matlab(self._base / "devkit" / "cars_meta.mat")["class_names"]]
        self.class_to_idx = indices(self.classes)
        rows = _matlab(self._base / self._LISTS[self._split])["annotations"]
        for row in rows.reshape(-1):
            yield str(self._base / f"cars_{self._split}" / str(row["fname"])), int(row["class"]) - 1


class Country211(ImageFolder):
    """Photographs from 211 countries (arXiv 2103.00020).

    Args:
        root: folder of the folder country211.
        split: "train", "valid" or "test".
        transform, target_transform: functions of picture and class.
        download: fetch what is not there.
        loader: reads a picture.

    Raises: RuntimeError where the folder is missing.

    >>> flambeau.vision.datasets.Country211("data", "all")
    Traceback (most recent call last):
    ValueError: Unknown value 'all' for argument split. Valid values are {'train', 'valid', 'test'}.
    """

    def __init__(
        self, root, split="train", transform=None, target_transform=None, download=False, loader=default_loader
    ):
        self._split = verify_str_arg(split, "split", ("train", "valid", "test"))
        url = "https://openaipublic.azureedge.net/clip/data/country211.tgz"
        folder = _folder_of_classes(root, "country211", url, "84988d7644798601126c29e9877aab6a", download, "")
        super().__init__(str(folder / split), transform, target_transform, loader)
        self.root = root


class EuroSAT(ImageFolder):
    """Land seen by satellite, of ten kinds (arXiv 1709.00029).

    Args:
        root: folder of the folder eurosat.
        transform, target_transform: functions of picture and class.
        download: fetch what is not there.
        loader: reads a picture.

    Raises: RuntimeError where the folder is missing.

    >>> flambeau.vision.datasets.EuroSAT("no such folder")
    Traceback (most recent call last):
    RuntimeError: Dataset not found: there is no no such folder/eurosat/2750. You can use download=True to download it
    """

    def __init__(self, root, transform=None, target_transform=None, download=False, loader=default_loader):
        site = "https://huggingface.co/datasets/torchgeo/eurosat/resolve/c877bcd43f099cd0196738f714544e355477f3fd"
        sums = "c8fa014336c82ac7804f0398fcb19387"
        folder = _folder_of_classes(root, "eurosat/2750", f"{site}/EuroSAT.zip", sums, download, "eurosat")
        super().__init__(str(folder), transform, target_transform, loader)
        self.root = root


def _folder_of_classes(root, inner, url, md5, download, target):
    """A folder of folders, fetched if it is to be and is not there."""
    folder = Path(root).expanduser() / inner
    if download and not folder.exists():
        download_and_extract_archive(url, str(Path(root).expanduser() / target), md5=md5)
    if not folder.is_dir():
        raise RuntimeError(f"Dataset not found: there is no {folder}. You can use download=True to download it")
    return folder
