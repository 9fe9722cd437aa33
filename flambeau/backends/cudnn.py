"""cuDNN, which is not there; its settings are remembered."""

import contextlib

__all__ = ["flags", "is_acceptable", "is_available", "set_flags", "version"]

enabled = True
benchmark = deterministic = False
benchmark_limit = 10
allow_tf32 = True
fp32_precision = "none"


def is_available():
    """Whether cuDNN is there: no.

    >>> flambeau.backends.cudnn.is_available()
    False
    """
    return False


def version():
    """The version of cuDNN: None.

    >>> flambeau.backends.cudnn.version() is None
    True
    """
    return


def is_acceptable(tensor):
    """Whether cuDNN can take a tensor: no.

    >>> flambeau.backends.cudnn.is_acceptable(flambeau.ones(1))
    False
    """
    return False


def set_flags(
    _enabled=None, _benchmark=None, _benchmark_limit=None, _deterministic=None, _allow_tf32=None, _fp32_precision="none"
):
    """Set several settings, and return what they were.

    >>> flambeau.backends.cudnn.set_flags(_benchmark=False)[1]
    False
    """
    given = {
        "enabled": _enabled,
        "benchmark": _benchmark,
        "benchmark_limit": _benchmark_limit,
        "deterministic": _deterministic,
        "allow_tf32": _allow_tf32,
    }
    before = tuple(globals()[name] for name in given)
    globals().update({name: value for name, value in given.items() if value is not None})
    return before


@contextlib.contextmanager
def flags(
    enabled=False, benchmark=False, benchmark_limit=10, deterministic=False, allow_tf32=True, fp32_precision="none"
):
    """Settings for the length of a `with` block.

    >>> with flambeau.backends.cudnn.flags(enabled=False):
    ...     print(flambeau.backends.cudnn.enabled)
    False
    """
    before = set_flags(enabled, benchmark, benchmark_limit, deterministic, allow_tf32)
    try:
        yield
    finally:
        set_flags(*before)
