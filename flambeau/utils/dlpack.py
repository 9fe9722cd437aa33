"""Exchange of tensors with other libraries, without copies."""

import flambeau
from flambeau._dlpack import DLDeviceType

__all__ = ["DLDeviceType", "from_dlpack", "to_dlpack"]


def from_dlpack(ext_tensor, *, device=None, copy=None):
    """A tensor over the memory of another library's, or of a DLPack capsule; see ``flambeau.from_dlpack``.

    Example:
        >>> import numpy
        >>> from_dlpack(numpy.arange(3))
        tensor([0, 1, 2])
    """
    return flambeau.from_dlpack(ext_tensor, device=device, copy=copy)


def to_dlpack(tensor):
    """A DLPack capsule over a tensor's memory.

    Example:
        >>> import flambeau
        >>> type(to_dlpack(flambeau.ones(2))).__name__
        'PyCapsule'
    """
    return tensor.detach().__dlpack__()
