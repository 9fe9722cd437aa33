"""NVIDIA's library of collective operations, which is not there."""

import warnings

from .._absent import Kind as _Kind

__all__ = ["is_available"]

_KIND = _Kind(__name__, "NCCL")
_KIND.define(globals(), version=("The library's version: an error, as it is not there.", lambda: _KIND.refuse()))


def is_available(tensors):
    """Whether the library can be used with these tensors: no, with a warning.

    >>> import warnings
    >>> with warnings.catch_warnings():
    ...     warnings.simplefilter("ignore")
    ...     flambeau.cuda.nccl.is_available([])
    False
    """
    warnings.warn("PyTorch is not compiled with NCCL support", stacklevel=2)
    return False
