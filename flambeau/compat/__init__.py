"""Lets programs written for PyTorch run unchanged: `import torch` is flambeau.

    import flambeau.compat
    flambeau.compat.install()
    import torch

or, without a change to the program, `flambeau run script.py`.
"""

import contextlib
import os
import sys

from . import _finder

__all__ = ["install", "installed", "uninstall"]


def installed():
    """Whether `import torch` is flambeau in this process.

    >>> flambeau.compat.installed()
    False
    """
    return bool(_finder.installed())


def install(children=True):
    """Let `import torch`, `torch.x` and `torchvision` be flambeau, flambeau.x and flambeau.vision from now on.

    `torch.x` is the very module `flambeau.x`, and `importlib.metadata.version("torch")` is a version that libraries accept.
    Calling it again changes nothing.

    Args:
        children: also in processes that `multiprocessing` spawns.

    Raises:
        ImportError: the real torch is already imported.

    >>> import sys
    >>> before = dict(sys.modules)
    >>> for name in [name for name in before if name.partition(".")[0] in ("torch", "torchvision")]:
    ...     del sys.modules[name]
    >>> flambeau.compat.install()
    >>> import torch.nn
    >>> torch.nn is flambeau.nn
    True
    >>> flambeau.compat.uninstall()
    >>> sys.modules.update(before)
    """
    if installed():
        return
    for name in _finder.PACKAGES:
        if name in sys.modules:
            raise ImportError(
                f"[compat.install] {name} is already imported ({getattr(sys.modules[name], '__file__', name)}): "
                "call install() before the first import of it"
            )
    _finder.install()
    if children:
        _spawn_installed()


def uninstall():
    """Undo `install`: `import torch` is again what it was. Modules that were imported stay with those who have them.

    >>> flambeau.compat.uninstall()
    """
    for finder in _finder.installed():
        finder.forget()
        sys.meta_path.remove(finder)
    _spawn_as_before()


class _Installer:
    """Pickled into what a spawned process reads first: reading it installs there."""

    def __reduce__(self):
        return install, ()


_original: list = []


def _spawn_installed():
    from multiprocessing import spawn

    original = spawn.get_preparation_data
    _original.append(original)

    def get_preparation_data(name):
        return {"flambeau.compat": _Installer(), **original(name)}

    spawn.get_preparation_data = get_preparation_data


def _spawn_as_before():
    if _original:
        from multiprocessing import spawn

        spawn.get_preparation_data = _original.pop()


def for_subprocesses():
    """Let Python processes started from here have the alias too, through their environment; `flambeau run` does this."""
    here = os.path.join(os.path.dirname(os.path.abspath(__file__)), "_site")
    paths = [path for path in os.environ.get("PYTHONPATH", "").split(os.pathsep) if path]
    package = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    added = [here] + ([package] if _only_here(package) else [])
    os.environ["PYTHONPATH"] = os.pathsep.join([*added, *(path for path in paths if path not in added)])


def _only_here(package):
    """Whether other processes would not find flambeau: neither installed nor in PYTHONPATH."""
    import site

    known = [*os.environ.get("PYTHONPATH", "").split(os.pathsep), *site.getsitepackages(), site.getusersitepackages()]
    with contextlib.suppress(OSError):
        return not any(path and os.path.exists(path) and os.path.samefile(path, package) for path in known)
    return False
