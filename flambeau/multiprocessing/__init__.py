"""Python's multiprocessing, in which tensors travel through shared memory, and `spawn`.

A tensor that was moved there by `share_memory_()` is the same memory at the other end; any other one is copied there.
"""

import multiprocessing
from multiprocessing import *

from . import reductions
from .reductions import init_reductions
from .spawn import (
    ENV_VAR_PARALLEL_START,
    ProcessContext,
    ProcessExitedException,
    ProcessRaisedException,
    SpawnContext,
    spawn,
    start_processes,
)

__all__ = ["get_all_sharing_strategies", "get_sharing_strategy", "set_sharing_strategy"]
__all__ += multiprocessing.__all__

_STRATEGIES = {"file_descriptor", "file_system"}


def set_sharing_strategy(new_strategy):
    """Sets how tensors travel: by the descriptor of a nameless file, or by the name of a file in /dev/shm.

    Args:
        new_strategy: "file_descriptor", which leaves nothing behind, or "file_system", which needs no open descriptors
            on the way.

    >>> set_sharing_strategy("file_descriptor")
    """
    assert new_strategy in _STRATEGIES, f"invalid sharing strategy {new_strategy!r}, expected one of {_STRATEGIES}"
    reductions.strategy = new_strategy


def get_sharing_strategy():
    """How tensors travel.

    >>> get_sharing_strategy()
    'file_descriptor'
    """
    return reductions.strategy


def get_all_sharing_strategies():
    """The ways in which tensors can travel.

    >>> sorted(get_all_sharing_strategies())
    ['file_descriptor', 'file_system']
    """
    return set(_STRATEGIES)


init_reductions()
