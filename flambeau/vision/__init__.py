"""Pictures: data sets, transforms, models and what they need, under torchvision's names."""

import importlib as _importlib

from .version import __version__

__all__ = [
    "disable_beta_transforms_warning", "get_image_backend", "get_video_backend", "set_image_backend", "set_video_backend",
]  # fmt: skip
_SUBMODULES = (
    "datasets", "extension", "io", "models", "ops", "transforms", "tv_tensors", "utils", "version",
)  # fmt: skip

_backend = "PIL"


def get_image_backend():
    """What pictures of files are read with.

    >>> flambeau.vision.get_image_backend()
    'PIL'
    """
    return _backend


def set_image_backend(backend):
    """Choose what pictures of files are read with: Pillow.

    >>> flambeau.vision.set_image_backend("PIL")
    """
    if backend != "PIL":
        raise ValueError(f"Invalid backend '{backend}'. Options are 'PIL'")


def get_video_backend():
    """What videos of files are read with.

    >>> flambeau.vision.get_video_backend()
    'pyav'
    """
    return "pyav"


def set_video_backend(backend):
    """Choose what videos of files are read with: PyAV.

    >>> flambeau.vision.set_video_backend("pyav")
    """
    if backend != "pyav":
        raise ValueError(f"Invalid video backend '{backend}'. Options are 'pyav'")


def disable_beta_transforms_warning():
    """Nothing: the second version of the transforms is ready.

    >>> flambeau.vision.disable_beta_transforms_warning()
    """


def __getattr__(name):
    if name in _SUBMODULES:
        return _importlib.import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
