"""Names for annotations, as torch.types has them."""

import os
from collections.abc import Sequence

from . import _C
from ._symbols import SymBool, SymFloat, SymInt

__all__ = ["Device", "FileLike", "IntLikeType", "Number", "Storage"]

Tensor = _C.Tensor
_int, _float, _bool, _complex, _str, _bytes = int, float, bool, complex, str, bytes
_dtype, _device, _size = _C.dtype, _C.device, _C.Size | list[int] | tuple[int, ...]
_TensorOrTensors = Tensor | Sequence[Tensor]
_TensorOrTensorsOrGradEdge = _TensorOrTensors

Number = int | float | bool
Device = _device | str | int | None
FileLike = str | os.PathLike | object
IntLikeType, FloatLikeType, BoolLikeType = int | SymInt, float | SymFloat, bool | SymBool


class Storage:
    """What storages have in common, for annotations.

    >>> flambeau.types.Storage.__name__
    'Storage'
    """
