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


class unavailabletype(type):
    """The class of cuda.FloatTensor and its likes: none can be made, and no tensor is one."""

    def __call__(cls, *args, **kwargs):
        raise TypeError(f"[{cls.__name__}] type {cls.title} not available. Torch not compiled with CUDA enabled.")

    def __instancecheck__(cls, instance):
        return False

    def __repr__(cls):
        return f"<class '{cls.title}'>"


def unavailable(name, place):
    """The old name of tensors on a kind of device that is not there, such as cuda.FloatTensor."""
    text = f"""The old name of {_TYPES[name]} tensors on CUDA devices: there are none.

>>> isinstance(flambeau.ones(1), flambeau.{place}.{name})
False
"""
    members = {"title": f"torch.{place}.{name}", "dtype": _TYPES[name], "is_cuda": True, "__doc__": text}
    return unavailabletype(name, (), {**members, "is_sparse": "sparse" in place, "__module__": f"flambeau.{place}"})


for _name, _dtype in _TYPES.items():
    globals()[_name] = _make(_name, _dtype)
    __all__.append(_name)
