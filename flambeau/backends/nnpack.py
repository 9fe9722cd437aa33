"""NNPACK, which is not used."""

__all__ = ["is_available", "set_flags"]


def is_available():
    """Whether NNPACK is used: no.

    >>> flambeau.backends.nnpack.is_available()
    False
    """
    return False


def set_flags(_enabled):
    """Accepted for torch's sake; returns what was set before.

    >>> flambeau.backends.nnpack.set_flags(True)
    (False,)
    """
    return (False,)
