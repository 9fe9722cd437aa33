"""Whether mixed precision can be used on CUDA devices."""

__all__ = ["amp_definitely_not_available"]


def amp_definitely_not_available():
    """Whether mixed precision cannot be used on CUDA devices: it cannot, there are none.

    >>> flambeau.cuda.amp.amp_definitely_not_available()
    True
    """
    return True
