"""Tensor types of old, such as FloatTensor: constructors of one dtype, and what isinstance may be asked about."""

from . import _C
from ._types import strided
from .ops.creation import construct_as

__all__ = []

_TYPES = {
    "BFloat16Tensor": _C.bfloat16, "BoolTensor": _C.bool, "ByteTensor": _C.uint8, "CharTensor": _C.int8, "DoubleTensor": _C.float64,
    "FloatTensor": _C.float32, "HalfTensor": _C.float16, "IntTensor": _C.int32, "LongTensor": _C.int64, "ShortTensor": _C.int16,
}  # fmt: skip


class tensortype(type):
    """The class of FloatTensor and its likes: calling one makes a plain Tensor of its dtype."""

    def __call__(cls, *args, device=None):
        return construct_as(cls.dtype, args, device)

    def __instancecheck__(cls, instance):
        return isinstance(instance, _C.Tensor) and instance.dtype is cls.dtype

    def __repr__(cls):
        return f"<class 'torch.{cls.__name__}'>"


def _make(name, dtype):
    text = f"""The old name of {dtype} tensors: a constructor from sizes or from data, and a type to ask isinstance about.

>>> flambeau.{name}([1, 0]).dtype
{dtype}
"""
    return tensortype(
        name, (), {"dtype": dtype, "is_cuda": False, "is_sparse": False, "layout": strided, "__doc__": text}
    )


for _name, _dtype in _TYPES.items():
    globals()[_name] = _make(_name, _dtype)
    __all__.append(_name)
