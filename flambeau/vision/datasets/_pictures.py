"""What data sets of picture files share: archives that are fetched, files that must be there, and their targets."""

import csv
import json
from pathlib import Path

from .folder import default_loader
from .utils import download_and_extract_archive
from .vision import VisionDataset


class Pictures(VisionDataset):
    """Picture files and targets; a subclass has `_read()`, which lists pairs of them, and says what must be there.

    `_folder`: the folder below root. `_archives`: rows (url, md5, folder to unpack into, below `_folder`'s parent or
    `_folder`). `_needed`: paths below `_folder`.
    """

    _folder = ""
    _archives: tuple = ()
    _needed: tuple = ()

    def __init__(self, root, transform=None, target_transform=None, download=False, loader=default_loader):
        super().__init__(root, transform=transform, target_transform=target_transform)
        self.loader, self._base = loader, Path(self.root) / self._folder
        if download:
            self.download()
        self._require()
        try:
            self._samples = list(self._read())
        except (KeyError, ValueError, IndexError, TypeError, csv.Error) as error:
            raise RuntimeError(f"A file of {type(self).__name__} in {self._base} is damaged: {error!r}") from error
        if not self._samples:
            raise RuntimeError(f"There are no pictures of {type(self).__name__} in {self._base}")

    def _missing(self):
        return [path for path in self._needed if not (self._base / path).exists()]

    def _require(self):
        missing = self._missing()
        if missing:
            raise RuntimeError(
                f"Dataset not found: {self._base} has no {', '.join(map(str, missing))}. "
                f"{'You can use download=True to download it' if self._archives else self._elsewhere}"
            )

    _elsewhere = "Its makers ask that it be fetched from their site by hand"

    def download(self):
        """Fetch and unpack what is not there."""
        if not self._archives:
            raise RuntimeError(f"{type(self).__name__}: {self._elsewhere}")
        if self._missing():
            for url, md5 in self._archives:
                download_and_extract_archive(url, str(self._unpacked()), md5=md5)

    def _unpacked(self):
        """Where archives are put and unpacked."""
        return self._base

    def _read(self):
        raise NotImplementedError

    def _lines(self, path):
        """Lines of a text file below the folder, without empty ones."""
        return [line.strip() for line in (self._base / path).read_text().splitlines() if line.strip()]

    def _json(self, path):
        try:
            return json.loads((self._base / path).read_text())
        except json.JSONDecodeError as error:
            raise ValueError(f"{path}: {error}")

    def __getitem__(self, index):
        path, target = self._samples[index]
        return self._changed(self.loader(path), target)

    def __len__(self):
        return len(self._samples)

    def extra_repr(self):
        return f"Split: {self._split}" if hasattr(self, "_split") else ""


def indices(names):
    """{name: place}."""
    return {name: place for place, name in enumerate(names)}
