"""Intel's MKL, which is not used."""

__all__ = ["is_available"]


def is_available():
    """Whether MKL is used: no, the matrix products are our own.

    >>> flambeau.backends.mkl.is_available()
    False
    """
    return False
