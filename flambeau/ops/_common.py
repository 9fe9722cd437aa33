"""What the families share."""

import warnings

from .. import _C


def write_out(out, result):
    """Store a result (or a tuple of them) where the caller's `out=` asks; None leaves it as it is.

    As in torch: `out` is resized where its shape differs (with a warning unless it was empty), and its dtype must be
        able
    to hold the result.
    """
    if out is None:
        return result
    if isinstance(result, tuple):
        if len(out) != len(result):
            raise TypeError(f"[out] expected a tuple of {len(result)} tensors, got {len(out)}")
        stored = [write_out(o, r) for o, r in zip(out, result)]
        return type(result)(stored) if hasattr(result, "n_fields") else tuple(stored)
    if not isinstance(out, _C.Tensor):
        raise TypeError(f"[out] expected a Tensor, got {type(out).__name__}")
    if out.requires_grad or (result.requires_grad and _C.is_grad_enabled()):
        raise RuntimeError(
            "functions with out=... arguments don't support automatic differentiation, but one of the arguments requires grad."
        )
    if not _C.can_cast(result.dtype, out.dtype):
        raise RuntimeError(f"[out] result type {result.dtype} can't be cast to the desired output type {out.dtype}")
    if out.shape != result.shape:
        resize_out(out, result.shape)
    _C.copy_(out, result)
    return out


def write_apart(out, result, *inputs):
    """`write_out` of the functions that pick elements: of their very dtype, into memory that is not read."""
    if out is None:
        return result
    pairs = list(zip(out, result)) if isinstance(result, tuple) else [(out, result)]
    for target, value in pairs:
        if target.dtype != value.dtype:
            raise RuntimeError(f"[out] Expected out tensor to have dtype {value.dtype}, but got {target.dtype} instead")
        if any(s == 0 and n > 1 for n, s in zip(target.shape, target.stride())):
            raise RuntimeError(
                "[out] unsupported operation: more than one element of the written-to tensor refers to a single memory location"
            )
        if any(_overlap(target, t) for t in inputs if isinstance(t, _C.Tensor)):
            raise RuntimeError(
                "[out] unsupported operation: some elements of the input tensor and the written-to tensor refer to a single memory location"
            )
    return write_out(out, result)


def _overlap(a, b):
    if not a.numel() or not b.numel() or _C.storage_id(a) != _C.storage_id(b):
        return False
    (a_begin, a_end), (b_begin, b_end) = (_span(t) for t in (a, b))
    return a_begin < b_end and b_begin < a_end


def _span(t):
    begin = t.data_ptr()
    return begin, begin + t.itemsize * (1 + sum((n - 1) * s for n, s in zip(t.shape, t.stride())))


def resize_out(out, shape):
    if out.numel():
        warnings.warn(
            f"An output with one or more elements was resized since it had shape {list(out.shape)}, which does not match the "
            f"required output shape {list(shape)}. This behavior is deprecated, and in a future PyTorch release outputs will not "
            "be resized unless they have zero elements. You can explicitly reuse an out tensor t by resizing it, inplace, to zero "
            "elements with t.resize_(0).",
            stacklevel=4,
        )
    _C.resize_(out, shape)


def sizes_of(args):
    """Sizes given one by one, or as one sequence."""
    if len(args) == 1 and not isinstance(args[0], int) and isinstance(args[0], (tuple, list)):
        return tuple(args[0])
    return args


def dims_of(dim):
    """A dim argument (int, sequence of ints, or None for all) as a tuple; () means all."""
    if dim is None:
        return ()
    if isinstance(dim, (tuple, list)):
        return tuple(dim)
    return (dim,)


def check_tensor(op, value, argument="input"):
    if not isinstance(value, _C.Tensor):
        raise TypeError(f"[{op}] argument '{argument}' must be a Tensor, not {type(value).__name__}")


# What a Python number must not exceed to be stored; torch lets negative ints wrap into uint8.
_RANGES = {
    _C.uint8: (-255, 255),
    _C.int8: (-128, 127),
    _C.int16: (-(2**15), 2**15 - 1),
    _C.int32: (-(2**31), 2**31 - 1),
    _C.int64: (-(2**63), 2**63 - 1),
    _C.float16: (-65504.0, 65504.0),
    _C.bfloat16: (-3.3895313892515355e38, 3.3895313892515355e38),
    _C.float32: (-3.4028235677973366e38, 3.4028235677973366e38),
}
_INFINITY = float("inf")


def check_fits(op, value, dtype):
    """A Python number that the dtype cannot hold is an error; infinities and NaN are held by all floating dtypes."""
    if (value.__class__ is not float and value.__class__ is not int) or 0 <= value <= 127:
        return
    low, high = _RANGES.get(dtype, (-_INFINITY, _INFINITY))
    if value.__class__ is int and not -(2**63) <= value < 2**64:
        raise OverflowError(f"[{op}] int too big to convert: {value} has more than 64 bits")
    if low <= value <= high and not (dtype is _C.uint8 and value < 0 and value.__class__ is float):
        return
    if dtype in _RANGES and not (dtype.is_floating_point and (value != value or abs(value) == _INFINITY)):
        raise RuntimeError(f"[{op}] value {value} cannot be converted to type {dtype} without overflow")


def before_write(self, *others):
    """What an in-place op composed as copy_(self, op(self, others)) must read: a derivative may need self as it was."""
    return _C.clone(self, 1) if _C.is_grad_enabled() and any(t.requires_grad for t in (self, *others)) else self


def named_dim(op, dim, axis):
    """The dim of a call that may name it as NumPy does."""
    if (dim is None) == (axis is None):
        raise TypeError(f"[{op}] expected a dim: an int, by position or as dim (or axis)")
    return axis if dim is None else dim
