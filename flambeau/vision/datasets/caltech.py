"""Things of 101 and of 256 kinds (Fei-Fei et al., 2004; Griffin et al., 2007)."""

from ._pictures import Pictures
from .utils import verify_str_arg

__all__ = ["Caltech101", "Caltech256"]


class Caltech101(Pictures):
    """Things of 101 kinds; their outlines need SciPy.

    Args:
        root: folder of the folder caltech101.
        target_type: "category", "annotation" (the outline, an array (2, points)) or a list of both.
        transform, target_transform: functions of picture and target.
        download: fetch what is not there.

    Raises: RuntimeError where files are missing.

    >>> flambeau.vision.datasets.Caltech101("data", "colour")
    Traceback (most recent call last):
    ValueError: Unknown value 'colour' for argument target_type. Valid values are {'category', 'annotation'}.
    """

    _folder, _needed = "caltech101", ("101_ObjectCategories",)
    _archives = (
        ("https://data.caltech.edu/records/mzrjq-6wc02/files/caltech-101.zip", "3138e1922a9193bfa496528edbbc45d0"),
    )
    _OTHER_NAMES = {
        "Faces": "Faces_2",
        "Faces_easy": "Faces_3",
        "Motorbikes": "Motorbikes_16",
        "airplanes": "Airplanes_Side_2",
    }

    def __init__(self, root, target_type="category", transform=None, target_transform=None, download=False):
        kinds = [target_type] if isinstance(target_type, str) else target_type
        self.target_type = [verify_str_arg(kind, "target_type", ("category", "annotation")) for kind in kinds]
        super().__init__(root, transform, target_transform, download)

    def download(self):
        """Fetch and unpack what is not there: archives inside an archive."""
        from .utils import extract_archive

        super().download()
        inner = self._base / "caltech-101"
        for name in ("101_ObjectCategories.tar.gz", "Annotations.tar"):
            if self._missing() and (inner / name).exists():
                extract_archive(str(inner / name), str(self._base))

    def _read(self):
        home = self._base / "101_ObjectCategories"
        self.categories = sorted(path.name for path in home.iterdir() if path.is_dir())
        self.categories = [name for name in self.categories if name != "BACKGROUND_Google"]
        self.annotation_categories = [self._OTHER_NAMES.get(name, name) for name in self.categories]
        self.index, self.y = [], []
        for label, name in enumerate(self.categories):
            count = len(list((home / name).iterdir()))
            self.index += range(1, count + 1)
            self.y += [label] * count
        names = zip(self.index, self.y)
        return [(home / self.categories[label] / f"image_{number:04d}.jpg", label) for number, label in names]

    def _target(self, kind, index):
        if kind == "category":
            return self.y[index]
        from scipy import io

        folder = self._base / "Annotations" / self.annotation_categories[self.y[index]]
        return io.loadmat(folder / f"annotation_{self.index[index]:04d}.mat")["obj_contour"]

    def __getitem__(self, index):
        targets = tuple(self._target(kind, index) for kind in self.target_type)
        return self._changed(self.loader(self._samples[index][0]), targets if len(targets) > 1 else targets[0])

    def extra_repr(self):
        return f"Target type: {self.target_type}"


class Caltech256(Pictures):
    """Things of 256 kinds.

    Args:
        root: folder of the folder caltech256.
        transform, target_transform: functions of picture and class.
        download: fetch what is not there.

    Raises: RuntimeError where files are missing.

    >>> flambeau.vision.datasets.Caltech256("no such folder")
    Traceback (most recent call last):
    RuntimeError: Dataset not found: no such folder/caltech256 has no 256_ObjectCategories. You can use download=True to download it
    """

    _folder, _needed = "caltech256", ("256_ObjectCategories",)
    _archives = (
        (
            "https://data.caltech.edu/records/nyy15-4j048/files/256_ObjectCategories.tar",
            "67b4f42ca05d46448c6bb8ecd2220f6d",
        ),
    )

    def _read(self):
        home = self._base / "256_ObjectCategories"
        self.categories = sorted(path.name for path in home.iterdir() if path.is_dir())
        for label, name in enumerate(self.categories):
            count = len([path for path in (home / name).iterdir() if path.suffix == ".jpg"])
            for number in range(1, count + 1):
                yield home / name / f"{label + 1:03d}_{number:04d}.jpg", label
