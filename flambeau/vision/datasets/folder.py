"""Folders of pictures, a folder for each class."""

import os

from .vision import VisionDataset

__all__ = ["DatasetFolder", "ImageFolder"]

IMG_EXTENSIONS = (".jpg", ".jpeg", ".png", ".ppm", ".bmp", ".pgm", ".tif", ".tiff", ".webp")


def has_file_allowed_extension(filename, extensions):
    """Whether a name has one of the endings, in any case."""
    return filename.lower().endswith(extensions if isinstance(extensions, str) else tuple(extensions))


def is_image_file(filename):
    """Whether a name has the ending of a picture."""
    return has_file_allowed_extension(filename, IMG_EXTENSIONS)


def find_classes(directory):
    """(names of the folders in a folder, sorted; {name: number})."""
    classes = sorted(entry.name for entry in os.scandir(directory) if entry.is_dir())
    if not classes:
        raise FileNotFoundError(f"Couldn't find any class folder in {directory}.")
    return classes, {name: number for number, name in enumerate(classes)}


def make_dataset(directory, class_to_idx=None, extensions=None, is_valid_file=None, allow_empty=False):
    """[(path, class)] of the files in a folder of classes.

    Args:
        directory: the folder.
        class_to_idx: {name of a folder: number}; all folders if None.
        extensions: endings to take, or
        is_valid_file: a function that says which paths to take.
        allow_empty: whether a class may have no files.

    Raises: FileNotFoundError.
    """
    directory = os.path.expanduser(directory)
    if class_to_idx is None:
        class_to_idx = find_classes(directory)[1]
    elif not class_to_idx:
        raise ValueError("'class_to_index' must have at least one entry to collect any samples.")
    if (extensions is None) == (is_valid_file is None):
        raise ValueError("Both extensions and is_valid_file cannot be None or not None at the same time")
    taken = is_valid_file or (lambda path: has_file_allowed_extension(path, extensions))
    found, empty = [], []
    for name in sorted(class_to_idx):
        paths = _files(os.path.join(directory, name))
        own = [(path, class_to_idx[name]) for path in paths if taken(path)]
        found += own
        if not own:
            empty.append(name)
    if empty and not allow_empty:
        message = f"Found no valid file for the classes {', '.join(sorted(empty))} in {directory}. "
        if extensions is not None:
            message += (
                f"Supported extensions are: {extensions if isinstance(extensions, str) else ', '.join(extensions)}"
            )
        raise FileNotFoundError(message)
    return found


def _files(folder):
    """Paths of all files below a folder, sorted."""
    for place, _, names in sorted(os.walk(folder, followlinks=True)):
        for name in sorted(names):
            yield os.path.join(place, name)


def pil_loader(path):
    """A file as a Pillow picture with three channels."""
    return _read_picture(path, lambda image: image.convert("RGB"))


def number_loader(path):
    """A file as a Pillow picture of the numbers that it holds, one for each pixel."""

    def read(image):
        image.load()
        return image

    return _read_picture(path, read)


def _read_picture(path, read):
    from PIL import Image, UnidentifiedImageError

    try:
        with open(path, "rb") as file:
            return read(Image.open(file))
    except UnidentifiedImageError:
        raise UnidentifiedImageError(f"cannot read {path}: it is not a picture, or a broken one")
    except (OSError, SyntaxError, ValueError) as error:
        if isinstance(error, FileNotFoundError | PermissionError | IsADirectoryError):
            raise
        raise OSError(f"cannot read {path}: the picture is broken ({error})")


def default_loader(path):
    """What reads a picture if nothing else is said."""
    return pil_loader(path)


class DatasetFolder(VisionDataset):
    """Files in a folder for each class.

    Args:
        root: the folder of the classes' folders.
        loader: makes a sample of a path.
        extensions: endings to take, or
        is_valid_file: a function that says which paths to take.
        transform, target_transform: functions of a sample and of a class.
        allow_empty: whether a class may have no files.

    Raises: FileNotFoundError where there are no classes or no files.

    >>> import pathlib, tempfile
    >>> folder = pathlib.Path(tempfile.mkdtemp())
    >>> (folder / "cats").mkdir()
    >>> _ = (folder / "cats" / "tom.txt").write_text("meow")
    >>> flambeau.vision.datasets.DatasetFolder(folder, lambda path: pathlib.Path(path).read_text(), (".txt",))[0]
    ('meow', 0)
    """

    def __init__(
        self,
        root,
        loader,
        extensions=None,
        transform=None,
        target_transform=None,
        is_valid_file=None,
        allow_empty=False,
    ):
        super().__init__(root, transform=transform, target_transform=target_transform)
        classes, class_to_idx = self.find_classes(self.root)
        self.samples = self.make_dataset(self.root, class_to_idx, extensions, is_valid_file, allow_empty)
        self.loader, self.extensions = loader, extensions
        self.classes, self.class_to_idx = classes, class_to_idx
        self.targets = [target for _, target in self.samples]

    @staticmethod
    def make_dataset(directory, class_to_idx, extensions=None, is_valid_file=None, allow_empty=False):
        """[(path, class)] of the files."""
        if class_to_idx is None:
            raise ValueError("The class_to_idx parameter cannot be None.")
        return make_dataset(directory, class_to_idx, extensions, is_valid_file, allow_empty)

    def find_classes(self, directory):
        """(names of the classes, {name: number})."""
        return find_classes(directory)

    def __getitem__(self, index):
        path, target = self.samples[index]
        return self._changed(self.loader(path), target)

    def __len__(self):
        return len(self.samples)


class ImageFolder(DatasetFolder):
    """Pictures in a folder for each class: root/cat/1.png, root/dog/2.png.

    Args:
        root: the folder of the classes' folders.
        transform, target_transform: functions of a picture and of a class.
        loader: makes a picture of a path.
        is_valid_file: a function that says which paths to take (pictures by their endings).
        allow_empty: whether a class may have no files.

    Raises: FileNotFoundError where there are no classes or no pictures.

    >>> import pathlib, tempfile
    >>> from PIL import Image
    >>> folder = pathlib.Path(tempfile.mkdtemp())
    >>> (folder / "cats").mkdir()
    >>> Image.new("L", (4, 3)).save(folder / "cats" / "tom.png")
    >>> flambeau.vision.datasets.ImageFolder(folder, flambeau.vision.transforms.ToTensor())[0][0].shape
    torch.Size([3, 3, 4])
    """

    def __init__(
        self,
        root,
        transform=None,
        target_transform=None,
        loader=default_loader,
        is_valid_file=None,
        allow_empty=False,
    ):
        extensions = IMG_EXTENSIONS if is_valid_file is None else None
        super().__init__(root, loader, extensions, transform, target_transform, is_valid_file, allow_empty)
        self.imgs = self.samples
