"""Files of models fetched from the network, and kept in a folder."""

import base64
import contextlib
import errno
import fcntl
import http.client
import os
import sys
import tempfile
import zlib

__all__ = ["download_url_to_file", "get_dir", "help", "list", "load", "load_state_dict_from_url", "set_dir"]

TIMEOUT = 60  # seconds in which nothing comes
SUFFIX = ".partial"
GITHUB = "https://github.com"
_folder = None


def get_dir():
    """The folder for downloads: set_dir's, $TORCH_HOME/hub, or ~/.cache/torch/hub.

    >>> flambeau.hub.get_dir().endswith("hub")
    True
    """
    if _folder is not None:
        return _folder
    return os.path.join(_get_torch_home(), "hub")


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

    A connection that breaks is taken up again; what came of one that broke for good is used by the next call.

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
    """Write what is at an address to `dst`, whole and with the expected digits, or not at all.

    What came before a connection broke for good is kept beside it, if the server can go on from there another time.
    """
    part = _Part(dst)
    try:
        with part.file as file:
            _receive(url, file, part, progress)
            if expected is not None:
                _check(url, file, new_digest(), expected)
            file.flush()
            os.fsync(file.fileno())
        os.replace(part.path, dst)
    except (OSError, http.client.HTTPException) as error:
        if getattr(error, "errno", None) in (errno.ENOSPC, errno.EDQUOT):
            part.remove()
            raise OSError(error.errno, f"{os.strerror(error.errno)}: {url} does not fit", dst) from None
        part.keep_or_remove()
        if isinstance(error, http.client.HTTPException):
            raise ConnectionError(f"{url}: the server's answer is broken ({type(error).__name__}: {error})") from error
        raise
    except BaseException:
        part.remove()
        raise


class _Part:
    """The file that a download goes to; its name holds the version of the content, as the server calls it."""

    def __init__(self, dst):
        folder, name = os.path.split(os.path.abspath(dst))
        self.prefix, self.version = os.path.join(folder, f".{name[:100]}."), None
        for entry in sorted(os.listdir(folder)):
            path = os.path.join(folder, entry)
            if path.startswith(self.prefix) and path.endswith(SUFFIX) and self._take(path):
                return
        handle, self.path = tempfile.mkstemp(dir=folder, prefix=f".{name[:100]}.tmp", suffix=SUFFIX)
        self.file = os.fdopen(handle, "w+b")
        self._umask()

    def _umask(self):
        mask = os.umask(0)
        os.umask(mask)
        os.fchmod(self.file.fileno(), 0o666 & ~mask)

    def _take(self, path):
        """Go on with a part that is there, unless another process is at it."""
        try:
            version = base64.urlsafe_b64decode(path[len(self.prefix) : -len(SUFFIX)].encode() + b"==").decode("latin1")
        except ValueError:
            return False
        if not version.isprintable() or version[:1] not in ('"', "@"):
            return False
        self.file, self.path, self.version = open(path, "r+b"), path, version.removeprefix("@")
        try:
            fcntl.flock(self.file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            self.file.close()
            self.version = None
            return False
        self.file.seek(0, os.SEEK_END)
        return True

    def note(self, headers):
        """Remember which version of the content this is, if the server can go on with it."""
        etag, date = headers.get("ETag") or "", headers.get("Last-Modified")
        strong = etag.startswith('"')
        self.version = etag if strong else date
        self.resumable = self.version is not None and (
            headers.get("Accept-Ranges") == "bytes" or "Content-Range" in headers
        )

    resumable = False

    def keep_or_remove(self):
        """After a failure."""
        if not self.resumable or not os.path.getsize(self.path):
            return self.remove()
        version = self.version if self.version.startswith('"') else "@" + self.version
        name = base64.urlsafe_b64encode(version.encode("latin1", "replace")).decode().rstrip("=")
        if len(name) < 120:
            return os.replace(self.path, f"{self.prefix}{name}{SUFFIX}")
        return self.remove()

    def remove(self):
        """Leave nothing behind."""
        with contextlib.suppress(OSError):
            os.remove(self.path)


def _check(url, file, digest, expected):
    file.seek(0)
    while block := file.read(1 << 20):
        digest.update(block)
    found = digest.hexdigest()
    if not found.startswith(expected):
        raise RuntimeError(f'{url}: invalid hash value (expected "{expected}", got "{found}")')


def _receive(url, file, part, progress, attempts=5):
    """Read an address to its end; where the connection breaks, go on from there while something still comes."""
    import urllib.error

    while True:
        before = file.tell()
        try:
            return _read_on(url, file, part, progress)
        except (OSError, http.client.HTTPException) as error:
            attempts -= 1
            refused = isinstance(error, urllib.error.URLError)
            if getattr(error, "code", None) == 416 and before:  # what is here is not a beginning of it: once more
                file.seek(0)
                file.truncate()
                part.version = None
            elif refused or attempts <= 0 or file.tell() <= before:
                raise


def _read_on(url, file, part, progress):
    import urllib.request

    done = file.tell()
    headers = {"User-Agent": "flambeau", "Accept-Encoding": "identity"}
    if done:
        headers |= {"Range": f"bytes={done}-", **({"If-Range": part.version} if part.version else {})}
    with urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=TIMEOUT) as source:
        goes_on = getattr(source, "status", None) == 206
        goes_on = goes_on and (source.headers.get("Content-Range") or f"bytes {done}-").startswith(f"bytes {done}-")
        if done and not goes_on:  # the server begins again
            if getattr(source, "status", None) == 206:
                raise ConnectionError(
                    f"{url}: asked for the bytes from {done} on, got {source.headers['Content-Range']}"
                )
            done = file.seek(0)
            file.truncate()
        part.note(source.headers)
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

    from .serialization import load as read

    model_dir = os.path.join(get_dir(), "checkpoints") if model_dir is None else model_dir
    os.makedirs(model_dir, exist_ok=True)
    name = os.path.basename(urlparse(url).path) if file_name is None else file_name
    kept = os.path.join(model_dir, name)
    if not os.path.exists(kept):
        digits = re.search(r"-([a-f0-9]*)\.", name) if check_hash else None
        download_url_to_file(url, kept, digits[1] if digits else None, progress)
    if _holds_one_file(kept):
        return _load_from_zip(kept, map_location, weights_only)
    return read(kept, map_location=map_location, weights_only=weights_only)


def _holds_one_file(path):
    """Whether a file is what checkpoints were once put into: a zip archive of one file."""
    import zipfile

    with open(path, "rb") as file:
        if file.read(2) != b"PK":
            return False
    try:
        with zipfile.ZipFile(path) as archive:
            entries = archive.infolist()
    except (zipfile.BadZipFile, ValueError, NotImplementedError):
        return False
    return len(entries) == 1 and not entries[0].is_dir()


def _load_from_zip(path, map_location, weights_only):
    import io
    import warnings
    import zipfile

    from .serialization import load as read

    warnings.warn(
        "Falling back to the old format < 1.6. This support will be deprecated in favor of default zipfile format "
        "introduced in 1.6. Please redo torch.save() to save it in the new zipfile format.",
        DeprecationWarning,
        stacklevel=3,
    )
    with zipfile.ZipFile(path) as archive:
        entry = archive.infolist()[0]
        if entry.file_size > max(1 << 26, 100 * entry.compress_size):
            raise RuntimeError(
                f"[load] {path!r} holds {entry.file_size} bytes in {entry.compress_size}: unpack it first"
            )
        try:
            data = archive.read(entry)
        except (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError) as error:
            raise RuntimeError(f"[load] {path!r} cannot be unpacked: {error}") from None
    return read(io.BytesIO(data), map_location=map_location, weights_only=weights_only)


# ---------------------------------------------------------------- models of repositories

TRUSTED_OWNERS = ("facebookresearch", "facebookincubator", "pytorch", "fairinternal")


def load(
    repo_or_dir,
    model,
    *args,
    source="github",
    trust_repo="check",
    force_reload=False,
    verbose=True,
    skip_validation=False,
    **kwargs,
):
    """What an entry point of a repository's hubconf.py returns, a model as a rule. It runs the repository's code.

    Args:
        repo_or_dir: "owner/name" or "owner/name:branch" on GitHub, or a folder.
        model: the name of the entry point.
        args, kwargs: its arguments.
        source: "github" or "local".
        trust_repo: True to trust it, False to ask, "check" to ask unless it is on the list of those trusted before; for
            GitHub only, a folder is trusted.
        force_reload: fetch it again.
        verbose: say where it lies if it was fetched before.
        skip_validation: do not look whether the branch is there.

    >>> import pathlib, tempfile
    >>> folder = pathlib.Path(tempfile.mkdtemp())
    >>> _ = (folder / "hubconf.py").write_text("def answer(x=1):\\n    return 41 + x")
    >>> flambeau.hub.load(str(folder), "answer", source="local")
    42
    """
    if source not in ("github", "local"):
        raise ValueError(f'[hub.load] Unknown source: "{source}". Allowed values: "github" | "local".')
    folder = repo_or_dir
    if source == "github":
        folder = _fetched(repo_or_dir, force_reload, trust_repo, verbose, skip_validation)
    with _hubconf(folder) as module:
        return _entry(module, model)(*args, **kwargs)


def list(github, force_reload=False, skip_validation=False, trust_repo="check", verbose=True):
    """The names of a repository's entry points. It runs the repository's code.

    Args: as in `load`; `github` may be a folder, too.

    >>> import pathlib, tempfile
    >>> folder = pathlib.Path(tempfile.mkdtemp())
    >>> _ = (folder / "hubconf.py").write_text("def answer():\\n    return 42")
    >>> flambeau.hub.list(str(folder))
    ['answer']
    """
    folder = github if os.path.isdir(github) else _fetched(github, force_reload, trust_repo, verbose, skip_validation)
    with _hubconf(folder) as module:
        return [name for name in dir(module) if callable(getattr(module, name)) and not name.startswith("_")]


def help(github, model, force_reload=False, skip_validation=False, trust_repo="check"):
    """The docstring of an entry point. It runs the repository's code.

    Args: as in `load`; `github` may be a folder, too.

    >>> import pathlib, tempfile
    >>> folder = pathlib.Path(tempfile.mkdtemp())
    >>> _ = (folder / "hubconf.py").write_text("def answer():\\n    'What it is.'")
    >>> flambeau.hub.help(str(folder), "answer")
    'What it is.'
    """
    folder = github if os.path.isdir(github) else _fetched(github, force_reload, trust_repo, True, skip_validation)
    with _hubconf(folder) as module:
        return _entry(module, model).__doc__


@contextlib.contextmanager
def _hubconf(folder):
    """A folder's hubconf.py as a module, whose imports find what lies beside it."""
    import importlib.util

    path = os.path.join(folder, "hubconf.py")
    if not os.path.isfile(path):
        raise FileNotFoundError(f"[hub] there is no hubconf.py in {folder!r}")
    sys.path.insert(0, folder)
    try:
        spec = importlib.util.spec_from_file_location("hubconf", path)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        yield module
    finally:
        sys.path.remove(folder)


def _entry(module, name):
    import importlib.util

    if not isinstance(name, str):
        raise ValueError("[hub] Invalid input: model should be a string of function name")
    missing = [package for package in getattr(module, "dependencies", ()) if importlib.util.find_spec(package) is None]
    if missing:
        raise RuntimeError(f"[hub] Missing dependencies: {', '.join(missing)}")
    function = getattr(module, name, None)
    if not callable(function):
        raise RuntimeError(f"[hub] Cannot find callable {name} in hubconf")
    return function


def _fetched(github, force_reload, trust_repo, verbose, skip_validation):
    """The folder of a repository on GitHub, fetched unless it is there, after asking whether it is trusted."""
    import re
    import shutil
    import zipfile

    found = re.fullmatch(r"([\w.-]+)/([\w.-]+)(?::([\w./-]+))?", github)
    if not found:
        raise ValueError(f"[hub] expected 'owner/name' or 'owner/name:branch', or an existing folder, got {github!r}")
    owner, name, branch = found.groups()
    branch = branch or "HEAD"
    os.makedirs(get_dir(), exist_ok=True)
    folder = os.path.join(get_dir(), "_".join((owner, name, branch.replace("/", "_"))))
    _check_trust(owner, name, folder, trust_repo)
    if os.path.isdir(folder) and not force_reload:
        if verbose:
            print(f"Using cache found in {folder}", file=sys.stderr)
        return folder
    with tempfile.TemporaryDirectory(dir=get_dir()) as between:
        path = os.path.join(between, "repository.zip")
        download_url_to_file(f"{GITHUB}/{owner}/{name}/zipball/{branch}", path, progress=False)
        with zipfile.ZipFile(path) as archive:
            archive.extractall(os.path.join(between, "content"))
        (inner,) = os.listdir(os.path.join(between, "content"))
        shutil.rmtree(folder, ignore_errors=True)
        os.replace(os.path.join(between, "content", inner), folder)
    return folder


def _check_trust(owner, name, folder, trust_repo):
    known, path = f"{owner}_{name}", os.path.join(get_dir(), "trusted_list")
    listed = []
    if os.path.exists(path):
        with open(path) as file:
            listed = file.read().split()
    trusted = known in listed or os.path.isdir(folder) or owner in TRUSTED_OWNERS
    if trust_repo is False or (trust_repo == "check" and not trusted):
        answer = input(
            f"The repository {known} does not belong to the list of trusted repositories and as such cannot be downloaded. "
            "Do you trust this repository and wish to add it to the trusted list of repositories (y/N)?"
        ).lower()
        if answer in ("n", "no", ""):
            raise RuntimeError(f"[hub] Untrusted repository: {known}")
        if answer not in ("y", "yes"):
            raise ValueError(f"[hub] Unrecognized response {answer}.")
    if known not in listed:
        with open(path, "a") as file:
            file.write(known + "\n")


def __getattr__(name):  # what torch.hub has imported, and libraries import from there
    if name == "tqdm":
        from tqdm import tqdm

        return tqdm
    if name == "HASH_REGEX":
        import re

        return re.compile(r"-([a-f0-9]*)\.")
    if name == "urlparse":
        from urllib.parse import urlparse

        return urlparse
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def _get_torch_home():
    """The folder of torch's files: $TORCH_HOME, or ~/.cache/torch."""
    home = os.environ.get("TORCH_HOME")
    if home is None:
        home = os.path.join(os.environ.get("XDG_CACHE_HOME") or os.path.join("~", ".cache"), "torch")
    return os.path.expanduser(home)
