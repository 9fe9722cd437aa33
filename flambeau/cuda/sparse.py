"""Old names of sparse tensors on CUDA devices: there are none."""

from .._legacy import _TYPES, unavailable

__all__ = []
__all__ += list(_TYPES)
globals().update({name: unavailable(name, "cuda.sparse") for name in _TYPES})
