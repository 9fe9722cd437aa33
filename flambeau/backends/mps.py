"""Apple's Metal, which is not used."""

__all__ = ["is_available", "is_built", "is_macos13_or_newer", "is_macos_or_newer"]


def is_available():
    """Whether Metal can be used: no.

    >>> flambeau.backends.mps.is_available()
    False
    """
    return False


def is_built():
    """Whether support for Metal was compiled in: no.

    >>> flambeau.backends.mps.is_built()
    False
    """
    return False


def is_macos_or_newer(major, minor):
    """Whether this is that version of macOS with Metal support: no.

    >>> flambeau.backends.mps.is_macos_or_newer(13, 0)
    False
    """
    return False


def is_macos13_or_newer(minor=0):
    """Whether this is macOS 13 with Metal support: no.

    >>> flambeau.backends.mps.is_macos13_or_newer()
    False
    """
    return False
