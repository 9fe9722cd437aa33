"""oneDNN, which is not used; its settings are remembered."""

__all__ = ["is_available"]

enabled = True
deterministic = allow_tf32 = False
fp32_precision = "none"


def is_available():
    """Whether oneDNN is used: no, the kernels are our own.

    >>> flambeau.backends.mkldnn.is_available()
    False
    """
    return False
