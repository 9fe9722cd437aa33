"""torch._tensor: where torch defines Tensor in Python."""

from ._C import Tensor  # noqa: F401
from .serialization.allowed import _rebuild_from_type as _rebuild_from_type_v2  # noqa: F401


def _convert(ret, cls):
    """A result, or the tensors in it, as of a class."""
    from .overrides import _converted

    return _converted(ret, cls)
