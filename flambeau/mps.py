"""Apple's Metal, which is not used."""

__all__ = ["device_count", "empty_cache", "is_available", "synchronize"]


def is_available():
    """Whether Metal can be used: no.

    >>> flambeau.mps.is_available()
    False
    """
    return False


def device_count():
    """The number of Metal devices: none.

    >>> flambeau.mps.device_count()
    0
    """
    return 0


def synchronize():
    """Wait for the device: there is none.

    >>> flambeau.mps.synchronize()
    """


def empty_cache():
    """Free cached memory of the device: there is none.

    >>> flambeau.mps.empty_cache()
    """
