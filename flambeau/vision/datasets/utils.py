"""Files of data sets: fetched, checked and unpacked."""

import bz2
import errno
import gzip
import hashlib
import lzma
import os
import shutil
import tarfile
import tempfile
import zipfile

from flambeau import hub

__all__ = [
    "calculate_md5",
    "check_integrity",
    "check_md5",
    "download_and_extract_archive",
    "download_file_from_google_drive",
    "download_url",
    "extract_archive",
    "iterable_to_str",
    "list_dir",
    "list_files",
    "verify_str_arg",
]


def calculate_md5(fpath, chunk_size=1024 * 1024):
    """The MD5 sum of a file, in hexadecimal digits.

    >>> import tempfile
    >>> file = tempfile.NamedTemporaryFile()
    >>> flambeau.vision.datasets.utils.calculate_md5(file.name)
    'd41d8cd98f00b204e9800998ecf8427e'
    """
    digest = hashlib.md5(usedforsecurity=False)
    with open(fpath, "rb") as file:
        while block := file.read(chunk_size):
            digest.update(block)
    return digest.hexdigest()


def check_md5(fpath, md5, **kwargs):
    """Whether a file has an MD5 sum.

    >>> import tempfile
    >>> file = tempfile.NamedTemporaryFile()
    >>> flambeau.vision.datasets.utils.check_md5(file.name, "00")
    False
    """
    return md5 == calculate_md5(fpath, **kwargs)


def check_integrity(fpath, md5=None):
    """Whether there is a file, and it has an MD5 sum if one is given.

    >>> flambeau.vision.datasets.utils.check_integrity("no such file")
    False
    """
    return os.path.isfile(fpath) and (md5 is None or check_md5(fpath, md5))


def download_url(url, root, filename=None, md5=None, max_redirect_hops=3):
    """Fetch a file into a folder, if it is not there; what breaks off leaves nothing behind.

    Args:
        url: where from.
        root: the folder, made if needed.
        filename: its name there (the address's).
        md5: its MD5 sum, checked.
        max_redirect_hops: taken for compatibility; addresses that lead to others are followed.

    Raises: RuntimeError where the sum is another one, URLError where nothing comes.

    >>> import pathlib, tempfile
    >>> folder = pathlib.Path(tempfile.mkdtemp())
    >>> _ = (folder / "a").write_text("text")
    >>> flambeau.vision.datasets.utils.download_url((folder / "a").as_uri(), folder / "new", "b")
    >>> (folder / "new" / "b").read_text()
    'text'
    """
    root = os.path.expanduser(root)
    path = os.path.join(root, filename or os.path.basename(url))
    os.makedirs(root, exist_ok=True)
    if check_integrity(path, md5):
        return
    hub._fetch(url, path, lambda: hashlib.md5(usedforsecurity=False), md5, progress=True)


def download_file_from_google_drive(file_id, root, filename=None, md5=None):
    """Fetch a public file of Google Drive into a folder, if it is not there.

    Args:
        file_id: its number.
        root: the folder, made if needed.
        filename: its name there (the number).
        md5: its MD5 sum, checked.

    >>> import pathlib, tempfile
    >>> folder = pathlib.Path(tempfile.mkdtemp())
    >>> _ = (folder / "1a").write_text("text")
    >>> flambeau.vision.datasets.utils.download_file_from_google_drive("1a", folder)
    """
    url = f"https://drive.usercontent.google.com/download?id={file_id}&export=download&confirm=t"
    download_url(url, root, filename or file_id, md5)


def list_dir(root, prefix=False):
    """Names of the folders in a folder, or their paths.

    >>> import tempfile
    >>> flambeau.vision.datasets.utils.list_dir(tempfile.mkdtemp())
    []
    """
    root = os.path.expanduser(root)
    names = [name for name in os.listdir(root) if os.path.isdir(os.path.join(root, name))]
    return [os.path.join(root, name) for name in names] if prefix else names


def list_files(root, suffix, prefix=False):
    """Names of the files with an ending in a folder, or their paths.

    >>> import tempfile
    >>> flambeau.vision.datasets.utils.list_files(tempfile.mkdtemp(), ".png")
    []
    """
    root = os.path.expanduser(root)
    names = [name for name in os.listdir(root) if name.endswith(suffix) and os.path.isfile(os.path.join(root, name))]
    return [os.path.join(root, name) for name in names] if prefix else names


_OPENERS = {".gz": gzip.open, ".bz2": bz2.open, ".xz": lzma.open}
_ARCHIVES = {".tgz": ".tar", ".tbz": ".tar", ".tbz2": ".tar", ".zip": ".zip", ".tar": ".tar"}


def _kind(path):
    """(archive or None, compression or None) by the endings of a name."""
    stem, ending = os.path.splitext(path)
    if ending in _OPENERS:
        return _ARCHIVES.get(os.path.splitext(stem)[1]), ending
    if ending in _ARCHIVES:
        return _ARCHIVES[ending], None
    raise RuntimeError(
        f"Unknown compression or archive type: '{ending or path}'; .tar, .zip, .gz, .bz2, .xz, .tgz or .tbz expected"
    )


_LARGEST, _GROWTH = 1 << 30, 200  # more bytes of so many times fewer are no data


class _Room:
    """Counts what comes out of an archive, and stops before it is too much."""

    def __init__(self, path, folder):
        self.path, self.total, self.packed = path, 0, os.path.getsize(path)
        self.free = shutil.disk_usage(folder).free

    def take(self, count):
        self.total += count
        if self.total > self.free:
            raise OSError(errno.ENOSPC, f"{self.path} has more in it than the {self.free:,} bytes that are free")
        if self.total > max(_LARGEST, _GROWTH * self.packed):
            raise RuntimeError(f"{self.path}: {self.packed:,} bytes become more than {self.total:,}: that is no data")


def _members(archive, room):
    for member in archive:
        room.take(member.size)
        yield member


def _unpack_tar(path, folder, room):
    with tarfile.open(path) as archive:
        if hasattr(tarfile, "data_filter"):
            archive.extractall(folder, members=_members(archive, room), filter="data")
            return
        for member in _members(archive, room):  # before the filter came: plain files and folders inside only
            target = os.path.realpath(os.path.join(folder, member.name))
            if not (member.isfile() or member.isdir()) or not target.startswith(os.path.realpath(folder) + os.sep):
                raise RuntimeError(f"{path}: {member.name} does not belong into an archive of data")
            archive.extract(member, folder)


def _unpack(path, archive, folder):
    room = _Room(path, folder)
    if archive == ".zip":
        with zipfile.ZipFile(path) as file:
            room.take(sum(member.file_size for member in file.infolist()))
            file.extractall(folder)
    else:
        _unpack_tar(path, folder, room)


def _move_into(source, target):
    """Everything in one folder into another; what is there is replaced."""
    for folder, _, names in os.walk(source):
        place = os.path.join(target, os.path.relpath(folder, source))
        os.makedirs(place, exist_ok=True)
        for name in names:
            os.replace(os.path.join(folder, name), os.path.join(place, name))


def extract_archive(from_path, to_path=None, remove_finished=False):
    """Unpack a file, whole or not at all.

    Args:
        from_path: an archive (.tar, .zip, .tgz, .tar.xz, ...) or one compressed file (.gz, .bz2, .xz).
        to_path: the folder, or the name of the single file; beside the archive if None.
        remove_finished: remove the archive afterwards.

    Returns: the folder, or the file.

    >>> import gzip, pathlib, tempfile
    >>> folder = pathlib.Path(tempfile.mkdtemp())
    >>> _ = (folder / "a.txt.gz").write_bytes(gzip.compress(b"text"))
    >>> pathlib.Path(extract_archive(str(folder / "a.txt.gz"))).read_text()
    'text'
    """
    from_path = os.fspath(from_path)
    archive, compression = _kind(from_path)
    parent = os.path.dirname(os.path.abspath(from_path))
    try:
        if archive is None:
            to_path = os.path.splitext(from_path)[0] if to_path is None else os.fspath(to_path)
            _decompress(from_path, to_path, _OPENERS[compression])
        else:
            to_path = parent if to_path is None else os.fspath(to_path)
            os.makedirs(to_path, exist_ok=True)
            with tempfile.TemporaryDirectory(dir=to_path, prefix=".unpacking-") as folder:
                _unpack(from_path, archive, folder)
                _move_into(folder, to_path)
    except (EOFError, tarfile.TarError, zipfile.BadZipFile, lzma.LZMAError, gzip.BadGzipFile) as error:
        raise RuntimeError(f"{from_path} is damaged or not what its name says ({error}): remove it and fetch it again")
    if remove_finished:
        os.remove(from_path)
    return to_path


def _decompress(path, target, opener):
    handle, partial = tempfile.mkstemp(dir=os.path.dirname(os.path.abspath(target)), suffix=".partial")
    try:
        room = _Room(path, os.path.dirname(partial))
        with opener(path, "rb") as source, os.fdopen(handle, "wb") as file:
            while block := source.read(1 << 20):
                room.take(len(block))
                file.write(block)
        os.replace(partial, target)
    finally:
        if os.path.exists(partial):
            os.remove(partial)


def download_and_extract_archive(url, download_root, extract_root=None, filename=None, md5=None, remove_finished=False):
    """Fetch an archive and unpack it.

    Args:
        url, filename, md5: as in download_url.
        download_root: the folder of the archive.
        extract_root: the folder to unpack into (download_root).
        remove_finished: remove the archive afterwards.

    >>> import gzip, pathlib, tempfile
    >>> folder = pathlib.Path(tempfile.mkdtemp())
    >>> _ = (folder / "a.zip").write_bytes(b"PK" + bytes([5, 6]) + bytes(18))
    >>> download_and_extract_archive((folder / "a.zip").as_uri(), folder / "new")
    """
    root = os.path.expanduser(download_root)
    filename = filename or os.path.basename(url)
    download_url(url, root, filename, md5)
    archive = os.path.join(root, filename)
    single = _kind(archive)[0] is None
    target = None if extract_root is None and single else os.path.expanduser(extract_root or root)
    if target is not None and single:
        os.makedirs(target, exist_ok=True)
        target = os.path.join(target, os.path.splitext(filename)[0])
    extract_archive(archive, target, remove_finished)


def iterable_to_str(iterable):
    """The items in quotes, with commas between them.

    >>> flambeau.vision.datasets.utils.iterable_to_str(["a", "b"])
    "'a', 'b'"
    """
    return ", ".join(f"'{item}'" for item in iterable)


def verify_str_arg(value, arg=None, valid_values=None, custom_msg=None):
    """The value, if it is a string and one of those that may be.

    Args:
        value: the value.
        arg: the argument's name, for the message.
        valid_values: what may be.
        custom_msg: another message.

    Raises: ValueError.

    >>> flambeau.vision.datasets.utils.verify_str_arg("train", "split", ("train", "test"))
    'train'
    """
    named = "" if arg is None else f" for argument {arg}"
    if not isinstance(value, str):
        raise ValueError(f"Expected type str{named}, but got type {type(value)}.")
    if valid_values is not None and value not in valid_values:
        message = f"Unknown value '{value}'{named}. Valid values are {{{iterable_to_str(valid_values)}}}."
        raise ValueError(message if custom_msg is None else custom_msg)
    return value
