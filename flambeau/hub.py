"""Files of models fetched from the network, and kept in a folder."""

import os
import sys

__all__ = ["download_url_to_file", "get_dir", "load_state_dict_from_url", "set_dir"]

_folder = None


def get_dir():
    """The folder for downloads: set_dir's, $TORCH_HOME/hub, or ~/.cache/torch/hub.

    >>> flambeau.hub.get_dir().endswith("hub")
    True
    """
    if _folder is not None:
        return _folder
    home = os.environ.get("TORCH_HOME")
    if home is None:
        cache = os.environ.get("XDG_CACHE_HOME") or os.path.join("~", ".cache")
        home = os.path.join(cache, "torch")
    return os.path.join(os.path.expanduser(home), "hub")


def set_dir(d):
    """Set the folder for downloads.

    >>> before = flambeau.hub.get_dir()
    >>> flambeau.hub.set_dir(before)
    """
    global _folder
    _folder = os.path.expanduser(d)


def download_url_to_file(url, dst, hash_prefix=None, progress=True):
    """Fetch a file.

    Args:
        url: where from (http, https, file).
        dst: path of the file to write; it appears once it is whole.
        hash_prefix: the first hexadecimal digits of its SHA-256, checked.
        progress: show how far it is, on a terminal.

    Raises: RuntimeError where the hash is another one.

    >>> import pathlib, tempfile
    >>> folder = pathlib.Path(tempfile.mkdtemp())
    >>> _ = (folder / "a").write_text("text")
    >>> flambeau.hub.download_url_to_file((folder / "a").as_uri(), str(folder / "b"))
    >>> (folder / "b").read_text()
    'text'
    """
    import hashlib

    _fetch(url, os.path.expanduser(dst), hashlib.sha256, hash_prefix, progress)


def _fetch(url, dst, new_digest, expected, progress):
    """Write what is at an address to `dst`, whole and with the expected digits, or not at all."""
    import tempfile

    handle, partial = tempfile.mkstemp(dir=os.path.dirname(os.path.abspath(dst)), suffix=".partial")
    try:
        with os.fdopen(handle, "w+b") as file:
            _receive(url, file, progress)
            if expected is not None:
                _check(url, file, new_digest(), expected)
        os.replace(partial, dst)
    finally:
        if os.path.exists(partial):
            os.remove(partial)


def _check(url, file, digest, expected):
    file.seek(0)
    while block := file.read(1 << 20):
        digest.update(block)
    found = digest.hexdigest()
    if not found.startswith(expected):
        raise RuntimeError(f'{url}: invalid hash value (expected "{expected}", got "{found}")')


def _receive(url, file, progress, attempts=5):
    """Read an address to its end; where the connection breaks, go on from there while something still comes."""
    import http.client
    import urllib.error

    while True:
        before = file.tell()
        try:
            return _read_on(url, file, progress)
        except (OSError, http.client.HTTPException) as error:
            attempts -= 1
            refused = isinstance(error, urllib.error.URLError)
            if refused or attempts == 0 or file.tell() == before:
                raise


def _read_on(url, file, progress):
    import urllib.request

    done = file.tell()
    headers = {"User-Agent": "flambeau", **({"Range": f"bytes={done}-"} if done else {})}
    with urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=60) as source:
        if done and getattr(source, "status", None) != 206:  # the server begins again
            done = file.seek(0)
            file.truncate()
        size = done + int(source.headers.get("Content-Length") or 0)
        while block := source.read(1 << 17):
            file.write(block)
            if progress and sys.stderr.isatty():
                _show(url, file.tell(), size)
        if size > file.tell():
            raise ConnectionError(f"{url}: the connection ended after {file.tell()} of {size} bytes")


def _show(url, done, size):
    """One line that is written over: megabytes, and the share where the size is known."""
    share = f" of {size / 1e6:.1f} MB, {100 * done // size} %" if size else " MB"
    print(f"\r{url}: {done / 1e6:.1f}{share}", end="\n" if done == size else "", file=sys.stderr, flush=True)


def load_state_dict_from_url(
    url, model_dir=None, map_location=None, progress=True, check_hash=False, file_name=None, weights_only=False
):
    """What a file on the network holds, loaded; it is fetched once and kept in get_dir()/checkpoints.

    Args:
        url: where from.
        model_dir: the folder to keep it in.
        map_location: as in load.
        check_hash: compare with the digits in a name such as model-0123abcd.pth.
        file_name: to keep it under another name.
        weights_only: load tensors and plain data only.

    >>> import pathlib, tempfile
    >>> folder = pathlib.Path(tempfile.mkdtemp())
    >>> flambeau.save({"w": flambeau.ones(1)}, folder / "w.pth")
    >>> flambeau.hub.load_state_dict_from_url((folder / "w.pth").as_uri(), model_dir=str(folder / "kept"))
    {'w': tensor([1.])}
    """
    import re
    from urllib.parse import urlparse

    from .serialization import load

    model_dir = os.path.join(get_dir(), "checkpoints") if model_dir is None else model_dir
    os.makedirs(model_dir, exist_ok=True)
    name = os.path.basename(urlparse(url).path) if file_name is None else file_name
    kept = os.path.join(model_dir, name)
    if not os.path.exists(kept):
        digits = re.search(r"-([a-f0-9]*)\.", name) if check_hash else None
        download_url_to_file(url, kept, digits[1] if digits else None, progress)
    return load(kept, map_location=map_location, weights_only=weights_only)
