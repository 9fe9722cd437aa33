"""Choosing how scaled_dot_product_attention computes: accepted for compatibility, there is one way here."""

import contextlib
import enum

__all__ = ["SDPBackend", "sdpa_kernel"]


class SDPBackend(enum.IntEnum):
    """The ways that torch knows.

    Example::

        >>> flambeau.nn.attention.SDPBackend.MATH.value
        0
    """

    ERROR = -1
    MATH = 0
    FLASH_ATTENTION = 1
    EFFICIENT_ATTENTION = 2
    CUDNN_ATTENTION = 3
    OVERRIDEABLE = 4


@contextlib.contextmanager
def sdpa_kernel(backends, set_priority=False):
    """Accepts the wish for a backend, or several; attention is computed as always.

    Example::

        >>> from flambeau.nn.attention import SDPBackend, sdpa_kernel
        >>> with sdpa_kernel(SDPBackend.MATH):
        ...     pass
    """
    wanted = backends if isinstance(backends, list) else [backends]
    if not all(isinstance(backend, SDPBackend) for backend in wanted):
        raise TypeError(f"[sdpa_kernel] expected SDPBackend values, got {backends}")
    yield {}


def __getattr__(name):
    if name == "flex_attention":  # loaded when first used
        import importlib

        return importlib.import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
