"""Memory of CUDA devices: there is none."""

import contextlib
import warnings
from collections import OrderedDict

from ._kind import KIND as _KIND
from ._kind import refuse as _refuse

__all__ = []


def _renamed(old, new):
    message = f"`torch.cuda.{old}` has been renamed to `torch.cuda.{new}`"
    warnings.warn(message, FutureWarning, stacklevel=3)
    return 0


_KIND.define(
    globals(),
    empty_cache=("Give back cached device memory; there is none.", lambda: None),
    memory_allocated=("Bytes of device memory in use: none.", lambda device=None: 0),
    max_memory_allocated=("The most bytes of device memory in use so far: none.", lambda device=None: 0),
    memory_reserved=("Bytes of device memory kept for tensors: none.", lambda device=None: 0),
    max_memory_reserved=("The most bytes of device memory kept so far: none.", lambda device=None: 0),
    memory_stats=("Counters of the allocator of device memory: none.", lambda device=None: OrderedDict()),
    memory_stats_as_nested_dict=("Counters of the allocator as dicts: none.", lambda device=None: {}),
    host_memory_stats=("Counters of the allocator of page-locked memory: none.", lambda: OrderedDict()),
    host_memory_stats_as_nested_dict=("Counters of page-locked memory as dicts: none.", dict),
    reset_peak_memory_stats=("Forget the peak of memory: an error, as there is none.", lambda device=None: _refuse()),
    reset_max_memory_allocated=("An old name of reset_peak_memory_stats.", lambda device=None: _refuse()),
    reset_max_memory_cached=("An old name of reset_peak_memory_stats.", lambda device=None: _refuse()),
    reset_accumulated_memory_stats=("Forget the sums: an error, as there is none.", lambda device=None: _refuse()),
    mem_get_info=("Free and total bytes of a device: an error, as there is none.", lambda device=None: _refuse()),
    memory_summary=(
        "The state of the allocator as text: an error, as there is no device.",
        lambda device=None, abbreviated=False: _refuse(),
    ),
    memory_snapshot=(
        "The blocks of the allocator: an error, as there is no device.",
        lambda mempool_id=None: _refuse(),
    ),
    memory_usage=("How busy the memory is, in percent: an error, as there is none.", lambda device=None: _refuse()),
    utilization=("How busy the device is, in percent: an error, as there is none.", lambda device=None: _refuse()),
    temperature=("Degrees Celsius of the device: an error, as there is none.", lambda device=None: _refuse()),
    power_draw=("Milliwatts that the device draws: an error, as there is none.", lambda device=None: _refuse()),
    clock_rate=("Megahertz of the device: an error, as there is none.", lambda device=None: _refuse()),
    device_memory_used=("Bytes in use on the device: an error, as there is none.", lambda device=None: _refuse()),
    get_allocator_backend=("The allocator in use: an error, as there is none.", lambda: _refuse()),
    get_per_process_memory_fraction=("The share allowed: an error, as there is none.", lambda device=None: _refuse()),
    set_per_process_memory_fraction=(
        "Limit the memory that may be used: an error, as there is no device.",
        lambda fraction, device=None: _refuse(),
        "0.5",
    ),
)


def memory_cached(device=None):
    """The old name of memory_reserved, with a FutureWarning.

    >>> flambeau.cuda.memory_reserved()
    0
    """
    return _renamed("memory_cached", "memory_reserved")


def max_memory_cached(device=None):
    """The old name of max_memory_reserved, with a FutureWarning.

    >>> flambeau.cuda.max_memory_reserved()
    0
    """
    return _renamed("max_memory_cached", "max_memory_reserved")


@contextlib.contextmanager
def use_mem_pool(pool, device=None):
    """Take memory from a pool in a block: an error, as there is no device.

    >>> with flambeau.cuda.use_mem_pool(None):
    ...     pass
    Traceback (most recent call last):
        ...
    AssertionError: [CUDA] Torch not compiled with CUDA enabled: check flambeau.cuda.is_available() first
    """
    yield _refuse()


__all__ += ["max_memory_cached", "memory_cached", "use_mem_pool"]
