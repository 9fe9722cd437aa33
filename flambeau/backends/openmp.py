"""OpenMP, which is not used."""

__all__ = ["is_available"]


def is_available():
    """Whether OpenMP is used: no, the threads are our own.

    >>> flambeau.backends.openmp.is_available()
    False
    """
    return False
