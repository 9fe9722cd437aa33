"""The CUDA profiler, which is not there."""

import contextlib

from .._absent import Kind as _Kind

__all__ = ["profile"]

_KIND = _Kind(__name__, "CUDA")
_KIND.define(
    globals(),
    start=("Begin to profile: an error, as there is no device.", lambda: _KIND.refuse()),
    stop=("Stop: an error, as there is no device.", lambda: _KIND.refuse()),
)


@contextlib.contextmanager
def profile():
    """A block that is profiled: an error, as there is no device.

    >>> with flambeau.cuda.profiler.profile():
    ...     pass
    Traceback (most recent call last):
        ...
    AssertionError: [CUDA] Torch not compiled with CUDA enabled: check flambeau.cuda.is_available() first
    """
    yield _KIND.refuse()
