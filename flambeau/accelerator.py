"""The GPU, whatever its kind: there is none."""

__all__ = ["current_accelerator", "device_count", "is_available", "synchronize"]


def is_available():
    """Whether there is an accelerator: no.

    >>> flambeau.accelerator.is_available()
    False
    """
    return False


def device_count():
    """The number of accelerators: none.

    >>> flambeau.accelerator.device_count()
    0
    """
    return 0


def current_accelerator(check_available=False):
    """The kind of accelerator: None.

    >>> flambeau.accelerator.current_accelerator() is None
    True
    """
    return


def synchronize(device=None):
    """Wait for the accelerator: there is none, all work is done.

    >>> flambeau.accelerator.synchronize()
    """
