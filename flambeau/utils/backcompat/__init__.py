"""Warnings about what old versions of torch did."""

__all__ = ["broadcast_warning", "keepdim_warning"]


class Warning:
    """A setting: whether to warn.

    >>> flambeau.utils.backcompat.broadcast_warning.enabled
    False
    """

    enabled = False


broadcast_warning = Warning()
keepdim_warning = Warning()
