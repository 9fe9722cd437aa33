"""Old types of sparse tensors, such as sparse.FloatTensor: constructors of one dtype, and what isinstance may be asked about."""

import flambeau
from flambeau import _C

from ._creation import sparse_coo_tensor
from ._tensor import SparseTensor

__all__ = []

_DTYPES = {
    "BFloat16Tensor": _C.bfloat16, "ByteTensor": _C.uint8, "CharTensor": _C.int8, "DoubleTensor": _C.float64,
    "FloatTensor": _C.float32, "HalfTensor": _C.float16, "IntTensor": _C.int32, "LongTensor": _C.int64, "ShortTensor": _C.int16,
}  # fmt: skip


class tensortype(type):
    """The class of sparse.FloatTensor and its likes."""

    def __call__(cls, *args, device=None):
        if args and isinstance(args[0], _C.Tensor):
            return sparse_coo_tensor(*args, dtype=cls.dtype)
        size = args[0] if len(args) == 1 and not isinstance(args[0], int) else args
        return sparse_coo_tensor(size=tuple(size) or (0,), dtype=cls.dtype)

    def __instancecheck__(cls, instance):
        return isinstance(instance, SparseTensor) and instance.dtype is cls.dtype

    def __repr__(cls):
        return f"<class 'torch.sparse.{cls.__name__}'>"


def _make(name, dtype):
    text = f"""The old name of sparse {dtype} tensors: a constructor from (indices, values, size) or sizes.

>>> flambeau.sparse.{name}(2, 3).dtype
{dtype}
"""
    members = {"dtype": dtype, "is_cuda": False, "is_sparse": True, "layout": flambeau.sparse_coo, "__doc__": text}
    return tensortype(name, (), members)


for _name, _dtype in _DTYPES.items():
    globals()[_name] = _make(_name, _dtype)
    __all__.append(_name)
