"""Copies, casts and fills."""

from .. import _C
from .._types import contiguous_format, preserve_format
from ._common import check_fits, check_tensor

__all__ = [
    "can_cast",
    "clone",
    "fill",
    "is_complex",
    "is_floating_point",
    "is_nonzero",
    "is_tensor",
    "numel",
    "promote_types",
    "result_type",
]
_CASTS = {
    "float": _C.float32, "double": _C.float64, "half": _C.float16, "bfloat16": _C.bfloat16, "int": _C.int32, "long": _C.int64,
    "short": _C.int16, "char": _C.int8, "byte": _C.uint8, "bool": _C.bool, "cfloat": _C.complex64, "cdouble": _C.complex128,
}  # fmt: skip
_DTYPE = _C.dtype
promote_types, can_cast = _C.promote_types, _C.can_cast


def clone(input, *, memory_format=preserve_format):
    """A copy with its own memory; differentiable.

    >>> flambeau.ones(2).clone()
    tensor([1., 1.])
    """
    return _C.clone(input, memory_format.code)


def contiguous(self, memory_format=contiguous_format):
    """The tensor itself if its memory is in the wanted order, else a copy that is."""
    return _C.contiguous(self, memory_format.code)


def is_contiguous(self, memory_format=contiguous_format):
    """Whether the memory is in the given order."""
    return _C.is_contiguous(self, memory_format.code)


def to(self, *args, dtype=None, device=None, non_blocking=False, copy=False, memory_format=preserve_format):
    """The tensor in another dtype, device or memory format: itself if nothing changes and copy is False.

    Called as to(dtype), to(device), to(device, dtype) or to(other tensor).

    >>> flambeau.ones(2).to(flambeau.int64)
    tensor([1, 1])
    """
    if len(args) == 1 and device is None and not copy and memory_format is preserve_format:
        target = args[0]
        if target.__class__ is _DTYPE:
            return _C.to_dtype(self, target, 1)
        if target.__class__ is str and target == "cpu" and dtype is None and self.is_cpu:
            return self
    for position, value in enumerate(args):
        if isinstance(value, (_C.dtype, type)):
            dtype = value
        elif isinstance(value, _C.Tensor):
            dtype, device = value.dtype, value.device
        elif isinstance(value, (str, int, _C.device)) and not isinstance(value, bool) and position == 0:
            device = value
        elif position == 3:
            copy = value
        elif position == 2 and not isinstance(args[1], bool):
            pass  # non_blocking
        elif isinstance(value, bool):
            copy = value if position == 2 else copy
        elif value is not None:
            raise TypeError(
                f"[to] expected a dtype, a device or a Tensor, got {type(value).__name__} at position {position}"
            )
    out = self if dtype is None else _C.to_dtype(self, dtype, memory_format.code)
    if device is not None:
        out = moved(out, check_device(device, "to"))
    if memory_format is not preserve_format:
        out = _C.contiguous(out, memory_format.code)
    return _C.clone(out, memory_format.code) if copy and out is self else out


def check_device(device, op):
    """None for the CPU, or the meta device; another device is an error that says so."""
    if device is None or (device.__class__ is str and device == "cpu"):
        return None
    device = device if isinstance(device, _C.device) else _C.device(device)
    if device.type == "meta":
        return _C.device("meta")
    if device.type != "cpu":
        message = f"[{op}] device '{device}' is not available: flambeau is built for the CPU; use device='cpu'"
        raise (AssertionError if device.type in ("cuda", "xpu", "mtia") else NotImplementedError)(message)
    return None


def moved(tensor, device):
    """A tensor on a device that `check_device` gave: itself if it is there."""
    if tensor.is_meta == (device is not None):
        return tensor
    return _C.to_device(tensor, device or _C.device("cpu"))


def type_as(self, other):
    """The tensor in the dtype of another."""
    return _C.to_dtype(self, other.dtype, 1)


def _dtype_of_type(kind):
    """The dtype that torch.FloatTensor, "torch.FloatTensor" and their likes stand for; of Tensor itself, the default."""
    if kind is _C.Tensor or kind == "torch.Tensor":
        return _C.get_default_dtype()
    if isinstance(kind, type):
        if isinstance(getattr(kind, "dtype", None), _C.dtype):
            return kind.dtype
        kind = kind.__name__
    if not isinstance(kind, str):
        raise TypeError(f"[type] dtype must be a type, str, or dtype object, not {type(kind).__name__}")
    name = kind.removeprefix("torch.").removesuffix("Tensor")
    found = next((dtype for dtype, title in _TITLES.items() if title == name), None)
    if found is None:
        raise ValueError(f"[type] invalid type: {kind!r}; pass a dtype such as torch.float32")
    return found


def type_(self, dtype=None, non_blocking=False):
    """The name of the tensor's type ("torch.FloatTensor"), or with a dtype the tensor cast to it."""
    if dtype is None:
        return f"torch.{_TITLES.get(self.dtype, str(self.dtype)[6:])}Tensor"
    return _C.to_dtype(self, dtype if isinstance(dtype, _C.dtype) else _dtype_of_type(dtype), 1)


_TITLES = {
    _C.float32: "Float", _C.float64: "Double", _C.float16: "Half", _C.bfloat16: "BFloat16", _C.uint8: "Byte", _C.int8: "Char",
    _C.int16: "Short", _C.int32: "Int", _C.int64: "Long", _C.bool: "Bool", _C.complex64: "ComplexFloat", _C.complex128: "ComplexDouble",
}  # fmt: skip


def _cast(dtype):
    def cast(self, memory_format=preserve_format):
        return _C.to_dtype(self, dtype, memory_format.code)

    cast.__doc__ = f"The tensor as {dtype}; itself if it is already."
    return cast


def cpu(self, memory_format=preserve_format):
    """The tensor on the CPU: itself if it is there."""
    self = moved(self, None)
    return self if memory_format is preserve_format else _C.contiguous(self, memory_format.code)


def cuda(self, device=None, non_blocking=False, memory_format=preserve_format):
    """An error: there is no CUDA device."""
    check_device("cuda", "cuda")


def copy_(self, other, non_blocking=False):
    """Copy other, broadcast and cast, into this tensor's memory."""
    return _C.copy_(self, other)


_WIDENED = (_C.float16, _C.bfloat16)  # filled from float32, where too large numbers become infinite


def fill_(self, value):
    """Set every element to a number or 0-dim tensor."""
    if self.dtype not in _WIDENED:
        check_fits("fill_", value, self.dtype)
    return _C.fill_(self, value)


def fill(input, value):
    """A tensor like input with every element set to value.

    >>> flambeau.fill(flambeau.zeros(2), 3.0)
    tensor([3., 3.])
    """
    return _C.fill_(_C.clone(input, 1), value)


def zero_(self):
    """Set every element to zero."""
    return _C.zero_(self)


def result_type(tensor1, tensor2):
    """The dtype that an operation on two tensors or numbers computes in.

    >>> flambeau.result_type(flambeau.tensor([1, 2]), 1.0)
    torch.float32
    """
    return _C.result_type(tensor1, tensor2)


def is_tensor(obj):
    """Whether an object is a tensor.

    >>> flambeau.is_tensor(flambeau.ones(2))
    True
    """
    return isinstance(obj, _C.Tensor)


def is_floating_point(input):
    """Whether a tensor's dtype is a floating-point one.

    >>> flambeau.is_floating_point(flambeau.ones(2))
    True
    """
    return input.dtype.is_floating_point


def is_complex(input):
    """Whether a tensor's dtype is complex.

    >>> flambeau.is_complex(flambeau.ones(2))
    False
    """
    return input.dtype.is_complex


def is_nonzero(input):
    """Whether a one-element tensor is not zero.

    >>> flambeau.is_nonzero(flambeau.tensor([0.0]))
    False
    """
    return bool(input)


def numel(input):
    """The number of elements.

    >>> flambeau.numel(flambeau.ones(2, 3))
    6
    """
    check_tensor("numel", input)
    return input.numel()


METHODS = [
    "clone", "contiguous", "is_contiguous", "to", ("type", type_), "type_as", "cpu", "cuda", "copy_", "fill_", "zero_", "is_nonzero",
    *((name, _cast(dtype)) for name, dtype in _CASTS.items()),
]  # fmt: skip
