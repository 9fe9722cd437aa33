"""torch.utils._typing_utils."""


def not_none(obj):
    """A value that must not be None."""
    if obj is None:
        raise TypeError("Invariant encountered: value was None when it should not be")
    return obj
