"""CUDA devices: there are none. Programs that ask find that out and stay on the CPU."""

__all__ = [
    "current_device",
    "device_count",
    "empty_cache",
    "is_available",
    "is_initialized",
    "manual_seed",
    "manual_seed_all",
    "synchronize",
]


def is_available():
    """Whether there is a CUDA device: no.

    >>> flambeau.cuda.is_available()
    False
    """
    return False


def device_count():
    """The number of CUDA devices: none.

    >>> flambeau.cuda.device_count()
    0
    """
    return 0


def is_initialized():
    """Whether CUDA was started: no.

    >>> flambeau.cuda.is_initialized()
    False
    """
    return False


def manual_seed(seed):
    """Seed the current device's generator; there is none.

    >>> flambeau.cuda.manual_seed(0)
    """


def manual_seed_all(seed):
    """Seed the generators of all devices; there are none.

    >>> flambeau.cuda.manual_seed_all(0)
    """


def empty_cache():
    """Give back cached device memory; there is none.

    >>> flambeau.cuda.empty_cache()
    """


def synchronize(device=None):
    """Wait for a device: an error, as there is none.

    >>> flambeau.cuda.synchronize()
    Traceback (most recent call last):
        ...
    AssertionError: [cuda] flambeau is built for the CPU; check torch.cuda.is_available() first
    """
    raise AssertionError("[cuda] flambeau is built for the CPU; check torch.cuda.is_available() first")


def current_device():
    """The index of the current device: an error, as there is none.

    >>> flambeau.cuda.current_device()
    Traceback (most recent call last):
        ...
    AssertionError: [cuda] flambeau is built for the CPU; check torch.cuda.is_available() first
    """
    synchronize()
