"""Extensions in C++ against torch's core: they cannot be built here; what asks for one gets an error that says what to do."""

__all__ = [
    "BuildExtension",
    "CUDAExtension",
    "CppExtension",
    "SyclExtension",
    "include_paths",
    "is_ninja_available",
    "library_paths",
    "load",
    "load_inline",
    "verify_ninja_availability",
]

CUDA_HOME = ROCM_HOME = CUDNN_HOME = SYCL_HOME = None
IS_HIP_EXTENSION = False
_TEXT = (
    "[cpp_extension] code against torch's C++ core does not compile against flambeau's: write the operator in Python with "
    "flambeau.library.custom_op or autograd.Function, or build it with the buffer protocol or DLPack"
)


def _refuse(name, signature, example):
    def function(*args, **kwargs):
        raise NotImplementedError(_TEXT)

    function.__name__ = function.__qualname__ = name
    function.__doc__ = f"""Torch's {name}{signature}: an error.

>>> flambeau.utils.cpp_extension.{name}{example}
Traceback (most recent call last):
    ...
NotImplementedError: {_TEXT}
"""
    return function


load = _refuse("load", "(name, sources, ...)", "('name', [])")
load_inline = _refuse("load_inline", "(name, cpp_sources, ...)", "('name', '')")
CppExtension = _refuse("CppExtension", "(name, sources, ...)", "('name', [])")
CUDAExtension = _refuse("CUDAExtension", "(name, sources, ...)", "('name', [])")
SyclExtension = _refuse("SyclExtension", "(name, sources, ...)", "('name', [])")
include_paths = _refuse("include_paths", "(device_type)", "()")
library_paths = _refuse("library_paths", "(device_type)", "()")


class BuildExtension:
    """Torch's command for setuptools: making one is an error.

    >>> flambeau.utils.cpp_extension.BuildExtension.with_options(use_ninja=True) is flambeau.utils.cpp_extension.BuildExtension
    True
    """

    def __init__(self, *args, **kwargs):
        raise NotImplementedError(_TEXT)

    @classmethod
    def with_options(cls, **options):
        """The class; options change nothing."""
        return cls


def is_ninja_available():
    """Whether the program ninja is there.

    >>> isinstance(flambeau.utils.cpp_extension.is_ninja_available(), bool)
    True
    """
    import shutil

    return shutil.which("ninja") is not None


def verify_ninja_availability():
    """Raise a RuntimeError if the program ninja is not there.

    >>> if flambeau.utils.cpp_extension.is_ninja_available():
    ...     flambeau.utils.cpp_extension.verify_ninja_availability()
    """
    if not is_ninja_available():
        raise RuntimeError("Ninja is required to load C++ extensions (pip install ninja to get it)")
