"""Tensors from data, from nothing, and from other tensors' shapes."""

import math

from .. import _C
from .._types import preserve_format, strided
from ._common import check_fits, check_tensor, write_out
from .copies import check_device, moved

__all__ = [
    "arange",
    "as_tensor",
    "asarray",
    "complex",
    "empty",
    "empty_like",
    "empty_permuted",
    "empty_strided",
    "eye",
    "from_dlpack",
    "from_numpy",
    "frombuffer",
    "full",
    "full_like",
    "linspace",
    "logspace",
    "ones",
    "ones_like",
    "polar",
    "range",
    "scalar_tensor",
    "tensor",
    "zeros",
    "zeros_like",
]
_METHOD_NAMES = [
    "new",
    "new_empty",
    "new_empty_strided",
    "new_full",
    "new_ones",
    "new_tensor",
    "new_zeros",
    "numpy",
    "__array__",
    "__array_wrap__",
    "__dlpack__",
    "__dlpack_device__",
]

_range = range
_complex = complex
_ONE, _ZERO = _C.scalar(1), _C.scalar(0)
_LONG = 2**63
_CPU = _C.device("cpu")


# ---- from data


def tensor(data, *, dtype=None, device=None, requires_grad=False, pin_memory=False):
    """A new tensor with a copy of `data`: a number, nested sequences of numbers, an array or a tensor.

    Args:
        data: numbers, lists or tuples of equal lengths, anything with a buffer (NumPy arrays), or a tensor.
        dtype: of the result; by default bool, int64, the default floating-point type or its complex type, as the
            numbers need, and that of an array or tensor.
        device: the CPU, or "meta" for a tensor with a shape and no values.
        requires_grad: whether operations on the result are recorded.

    Returns:
        Tensor: a leaf, contiguous, in its own memory.

    Raises:
        ValueError: sequences of different lengths at one depth.
        TypeError: strings.
        RuntimeError: objects that are no numbers, or numbers that the dtype cannot hold.

    >>> flambeau.tensor([[1, 2], [3, 4]])
    tensor([[1, 2],
            [3, 4]])
    """
    if device is None:
        return _C.tensor(data, dtype, requires_grad)
    device = check_device(device, "tensor")
    if device is None:
        return _C.tensor(data, dtype, requires_grad)
    return moved(_C.tensor(data, dtype, False), device).requires_grad_(requires_grad)


def as_tensor(data, dtype=None, device=None):
    """`data` as a tensor, sharing memory (and history) where that is possible: tensors and NumPy arrays.

    >>> x = flambeau.ones(2)
    >>> flambeau.as_tensor(x) is x
    True
    """
    if isinstance(data, _C.Tensor):
        shared = data
    elif _C.is_numpy_array(data):
        shared = _C.from_array(data)
    else:
        return tensor(data, dtype=dtype, device=device)
    shared = shared if dtype is None else shared.to(dtype)
    return shared if device is None else moved(shared, check_device(device, "as_tensor"))


def from_numpy(ndarray):
    """A tensor that shares the memory of a NumPy array: changes of one are seen in the other.

    Args:
        ndarray: an array of bool, integers, floats or complex numbers in native byte order, with strides that are not
            negative.

    >>> import numpy
    >>> flambeau.from_numpy(numpy.arange(3))
    tensor([0, 1, 2])
    """
    return _C.from_array(ndarray)


def frombuffer(buffer, *, dtype, count=-1, offset=0, requires_grad=False):
    """A 1-dimensional tensor that shares the memory of an object with Python's buffer protocol.

    Args:
        buffer: bytes, bytearray, memoryview, array.array, ...
        dtype: what its bytes are.
        count: elements to take; -1 for all.
        offset: bytes to skip.

    >>> flambeau.frombuffer(bytearray([1, 0, 2, 0]), dtype=flambeau.int16)
    tensor([1, 2], dtype=torch.int16)
    """
    return _C.from_buffer(buffer, dtype, count, offset).requires_grad_(requires_grad)


def asarray(obj, *, dtype=None, device=None, copy=None, requires_grad=None):
    """`obj` as a tensor: shared if it can be (copy=None), always shared (False) or always copied (True).

    Takes tensors, NumPy arrays, DLPack capsules and producers, buffers, and (nested sequences of) numbers.

    >>> flambeau.asarray([1, 2.5])
    tensor([1.0000, 2.5000])
    """
    where = check_device(device, "asarray")
    if where is not None:
        return moved(asarray(obj, dtype=dtype).detach(), where).requires_grad_(bool(requires_grad))
    shared = _shared(obj, dtype)
    if shared is None:
        if copy is False:
            raise ValueError("[asarray] can't alias arbitrary sequence into a tensor.")
        return _C.tensor(obj, dtype, bool(requires_grad))
    if dtype is not None and shared.dtype != dtype:
        if copy is False:
            raise ValueError(f"[asarray] can't alias tensor with dtype {shared.dtype} into dtype {dtype}.")
        shared = shared.to(dtype)
    elif copy:
        shared = shared.clone()
    if requires_grad and not shared.requires_grad:
        return shared.requires_grad_()
    return shared.detach() if requires_grad is False and shared.requires_grad else shared


def _shared(obj, dtype):
    if isinstance(obj, _C.Tensor):
        return obj
    if _C.is_numpy_array(obj):
        return _C.from_array(obj)
    if hasattr(obj, "__dlpack__"):
        return from_dlpack(obj)
    if isinstance(obj, (bytes, bytearray, memoryview)) or type(obj).__name__ == "array":
        return _C.from_buffer(obj, _C.get_default_dtype() if dtype is None else dtype, -1, 0)
    return None


def from_dlpack(ext_tensor, *, device=None, copy=None):
    """A tensor that shares the memory of an object of another library, by the DLPack protocol.

    >>> import numpy
    >>> flambeau.from_dlpack(numpy.ones(2))
    tensor([1., 1.], dtype=torch.float64)
    """
    check_device(device, "from_dlpack")
    if not hasattr(ext_tensor, "__dlpack__"):
        return _C.from_dlpack(ext_tensor)
    kwargs = {"max_version": (1, 0)} | ({} if copy is None else {"copy": copy})
    try:
        capsule = ext_tensor.__dlpack__(**kwargs)
    except TypeError:
        capsule = ext_tensor.__dlpack__()
    out = _C.from_dlpack(capsule)
    return out.clone() if copy and copy is not None and out.data_ptr() == _address(ext_tensor) else out


def _address(obj):
    return obj.data_ptr() if hasattr(obj, "data_ptr") else None


def numpy(self, *, force=False):
    """A NumPy array that shares this tensor's memory; force=True allows a copy where that is impossible."""
    import numpy as np

    if self.requires_grad and not force:
        raise RuntimeError(
            "[numpy] Can't call numpy() on Tensor that requires grad. Use tensor.detach().numpy() instead."
        )
    return np.asarray(_C.memory(self))


def __array__(self, dtype=None, copy=None):
    import numpy as np

    array = numpy(self)
    return (
        np.array(array, dtype=dtype, copy=True) if copy else array if dtype is None else array.astype(dtype, copy=False)
    )


def __array_wrap__(self, array, context=None, return_scalar=False):
    return _C.from_array(array) if array.dtype != bool or array.ndim else _C.tensor(array, None, False)


def __dlpack__(self, *, stream=None, max_version=None, dl_device=None, copy=None):
    if self.requires_grad:
        raise BufferError("[__dlpack__] Can't export tensors that require gradient, use tensor.detach()")
    if stream is not None:
        raise AssertionError(f"[__dlpack__] stream should be None on cpu, got {stream}")
    if dl_device is not None and tuple(dl_device) != (1, 0):
        raise BufferError(f"[__dlpack__] cannot export to device {dl_device}: the tensor is in the CPU's memory")
    source = self.clone() if copy else self
    return _C.to_dlpack(source, max_version is not None and max_version[0] >= 1, bool(copy))


def __dlpack_device__(self):
    from .._dlpack import DLDeviceType

    return (DLDeviceType.kDLCPU, 0)


def _cuda_array_interface(self):
    raise AttributeError(f"Can't get __cuda_array_interface__ on non-CUDA tensor type: {self.type()}: use numpy()")


# ---- from nothing


def zeros(*size, out=None, dtype=None, layout=None, device=None, requires_grad=False, pin_memory=False, **size_keyword):
    """A tensor of zeros.

    Args:
        size: ints, or one tuple of ints.
        out: a tensor to fill and return.
        dtype: by default the default floating-point type.

    >>> flambeau.zeros(2, 3)
    tensor([[0., 0., 0.],
            [0., 0., 0.]])
    """
    if device is out is layout is None and not size_keyword and size:
        return _C.new_zeros(size, dtype, requires_grad)
    return _sized(_C.new_zeros, "zeros", size, size_keyword, out, dtype, device, requires_grad, layout)


def ones(*size, out=None, dtype=None, layout=None, device=None, requires_grad=False, pin_memory=False, **size_keyword):
    """A tensor of ones; arguments as of `zeros`.

    >>> flambeau.ones(3)
    tensor([1., 1., 1.])
    """
    if device is out is layout is None and not size_keyword and size:
        return _C.new_full(size, _ONE, dtype, requires_grad)
    return _sized(_new_ones, "ones", size, size_keyword, out, dtype, device, requires_grad, layout)


def _new_ones(size, dtype, requires_grad):
    return _C.new_full(size, _ONE, dtype, requires_grad)


def empty(
    *size,
    out=None,
    dtype=None,
    layout=None,
    device=None,
    requires_grad=False,
    pin_memory=False,
    memory_format=None,
    **size_keyword,
):
    """A tensor of the given size whose elements are whatever was in memory; arguments as of `zeros`.

    >>> flambeau.empty(2, 3).shape
    torch.Size([2, 3])
    """
    if device is out is memory_format is layout is None and not size_keyword and size:
        return _C.new_empty(size, dtype, requires_grad)
    made = _sized(_C.new_empty, "empty", size, size_keyword, out, dtype, device, requires_grad, layout)
    return made if memory_format is None else made.contiguous(memory_format=memory_format)


def _sized(make, op, size, size_keyword, out, dtype, device, requires_grad, layout=None):
    """The general case: size=, out=, device=, layout=."""
    if size_keyword:
        if set(size_keyword) != {"size"} or size:
            raise TypeError(f"[{op}] unexpected arguments: {sorted(size_keyword)}")
        size = (tuple(size_keyword["size"]),)
    elif not size:
        raise TypeError(f'[{op}] missing 1 required positional arguments: "size"')
    device = check_device(device, op)
    if layout not in (None, strided):
        return _sparse(op, size, dtype, layout, requires_grad)
    if out is not None and dtype not in (None, out.dtype):
        raise RuntimeError(f"[{op}] dtype {dtype} does not match dtype of out parameter ({out.dtype})")
    if device is not None and out is None:
        return _empty_on(device, size, dtype, requires_grad)
    made = make(size, dtype if out is None else out.dtype, requires_grad)
    return write_out(out, made)


def _empty_on(device, size, dtype, requires_grad):
    dtype = _C.get_default_dtype() if dtype is None else dtype
    return _C.empty(_C.size(size), dtype, device).requires_grad_(requires_grad)


def _sparse(op, size, dtype, layout, requires_grad):
    """A sparse tensor in which nothing is stored."""
    if op not in ("zeros", "empty"):
        raise RuntimeError(f"[{op}] full(...) is not implemented for sparse layout: nothing would be left out")
    from ..sparse import _creation

    size = size[0] if len(size) == 1 and not isinstance(size[0], int) else size
    return _creation.zeros(tuple(size), dtype, layout, requires_grad)


def full(size, fill_value, *, out=None, dtype=None, layout=None, device=None, requires_grad=False, pin_memory=False):
    """A tensor of one value; by default of the dtype that the value would have in `tensor`.

    >>> flambeau.full((2, 2), 7)
    tensor([[7, 7],
            [7, 7]])
    """
    plain = dtype is out is layout is device is None and fill_value.__class__ is float and 0.0 <= fill_value <= 1e38
    if plain and isinstance(size, (tuple, list)):
        return _C.new_full(tuple(size), fill_value, None, requires_grad)
    device = check_device(device, "full")
    if layout not in (None, strided):
        return _sparse("full", size, dtype, layout, requires_grad)
    if not isinstance(size, (tuple, list)):
        raise TypeError(f"[full] argument 'size' must be tuple of ints, not {type(size).__name__}")
    value = _number("full", fill_value)
    if dtype is None:
        dtype = value.dtype if value.dtype in (_C.bool, _C.int64) else _default_of(value)
    _check_fits("full", fill_value, dtype)
    if device is not None and out is None:
        return _empty_on(device, (tuple(size),), dtype, requires_grad)
    made = _C.new_full(tuple(size), value, dtype, requires_grad)
    return write_out(out, made)


def _number(op, value):
    if isinstance(value, _C.Tensor):
        if value.dim():
            raise TypeError(f"[{op}] argument 'fill_value' must be Number, not Tensor of shape {tuple(value.shape)}")
        return value.detach()
    try:
        return _C.scalar(value)
    except TypeError:
        raise TypeError(f"[{op}] argument 'fill_value' must be Number, not {type(value).__name__}") from None


def _default_of(value):
    default = _C.get_default_dtype()
    return default.to_complex() if value.dtype.is_complex else default


def _check_fits(op, value, dtype):
    """Python numbers that the dtype cannot hold are errors."""
    if dtype not in (_C.float16, _C.bfloat16):  # filled from float32, where too large numbers become infinite
        check_fits(op, value, dtype)


def scalar_tensor(s, *, dtype=None, layout=None, device=None, requires_grad=False, pin_memory=False):
    """A 0-dim tensor of a number, of the default floating-point type unless a dtype is given.

    >>> flambeau.scalar_tensor(3)
    tensor(3.)
    """
    return tensor(
        s, dtype=_C.get_default_dtype() if dtype is None else dtype, device=device, requires_grad=requires_grad
    )


def arange(
    start=0, end=None, step=1, *, out=None, dtype=None, layout=None, device=None, requires_grad=False, pin_memory=False
):
    r"""Numbers from `start` (0 if only the end is given) up to but without `end`: :math:`start + i \cdot step`.

    Args:
        start, end, step: numbers; the result is int64 if all are ints, else of the default floating-point type.

    >>> flambeau.arange(1, 2.5, 0.5)
    tensor([1.0000, 1.5000, 2.0000])
    """
    if end is None:
        start, end = 0, start
    whole = start.__class__ is end.__class__ is step.__class__ is int
    if whole and dtype is out is device is None and not requires_grad and _in_64_bits(start, end, step):
        return _C.arange(start, end, step, _C.int64)
    if dtype is None:
        dtype = _range_dtype((start, end, step)) if out is None else out.dtype
    start, end, step = _checked_range(start, end, step, dtype, out)
    made = _C.arange(start, end, step, dtype)
    if device is not None:
        made = moved(made, check_device(device, "arange"))
    return write_out(out, made) if out is not None else made.requires_grad_() if requires_grad else made


def _in_64_bits(start, end, step):
    return -_LONG <= start < _LONG and -_LONG <= end < _LONG and -_LONG <= step < _LONG


def _checked_range(start, end, step, dtype, out):
    """Start, end and step, as torch takes them: whole numbers for int64."""
    if out is not None and out.dtype is not dtype:
        raise RuntimeError(f"[arange] dtype {dtype} does not match dtype of out parameter ({out.dtype})")
    for value in (start, end, step):
        if isinstance(value, _C.Tensor) and value.dim():
            raise TypeError(f"[arange] start, end and step must be numbers, got a tensor of shape {tuple(value.shape)}")
        if isinstance(value, int) and not -(2**63) <= value < 2**63:
            raise OverflowError(f"[arange] {value} is beyond 64 bits")
    if dtype is not _C.int64 or not any(isinstance(value, float) for value in (start, end, step)):
        return start, end, step
    if 0 < abs(step) < 1:
        raise ValueError(f"[arange] step must be nonzero, got {step} for {dtype}")
    return tuple(int(value) if abs(value) < 2**63 else value for value in (start, end, step))


def _range_dtype(numbers):
    for n in numbers:
        if (
            isinstance(n, float)
            or (isinstance(n, _C.Tensor) and n.dtype.is_floating_point)
            or not hasattr(n, "__index__")
        ):
            return _C.get_default_dtype()
    return _C.int64


def range(
    start=0, end=None, step=1, *, out=None, dtype=None, layout=None, device=None, requires_grad=False, pin_memory=False
):
    """Deprecated, as in torch: numbers from `start` to `end`, which is included; use `arange`.

    >>> flambeau.range(1, 3)
    tensor([1., 2., 3.])
    """
    if end is None:
        start, end = 0, start
    if step == 0:
        raise RuntimeError("[range] step must be nonzero")
    if (end - start) * step < 0:
        raise RuntimeError(f"[range] upper bound and lower bound inconsistent with step sign: {start}, {end}, {step}")
    count = math.floor((end - start) / step) + 1
    dtype = _C.get_default_dtype() if dtype is None else dtype
    made = moved(_C.arange(start, start + step * (count - 0.5), step, dtype), check_device(device, "range"))
    return write_out(out, made.requires_grad_(requires_grad))


def _spaced(op, make, start, end, steps, dtype, out):
    start, end = (v.item() if isinstance(v, _C.Tensor) else v for v in (start, end))
    if steps is None or not hasattr(steps, "__index__"):
        raise TypeError(f"[{op}] argument 'steps' must be int, not {type(steps).__name__}")
    if dtype is None and out is not None:
        dtype = out.dtype
    is_complex = isinstance(start, _complex) or isinstance(end, _complex)
    if dtype is None:
        dtype = _C.get_default_dtype().to_complex() if is_complex else _C.get_default_dtype()
    if is_complex and not dtype.is_complex:
        raise RuntimeError(f"[{op}] inferred dtype complex can't be safely cast to passed dtype {dtype}")
    if not dtype.is_complex:
        return make(start, end, steps, dtype)
    parts = [
        _C.linspace(getattr(_complex(start), p), getattr(_complex(end), p), steps, dtype.to_real())
        for p in ("real", "imag")
    ]
    return complex(*parts)


def linspace(
    start, end, steps, *, out=None, dtype=None, layout=None, device=None, requires_grad=False, pin_memory=False
):
    r"""`steps` evenly spaced numbers from `start` to `end`, both included.

    .. math:: start + i \cdot \frac{end - start}{steps - 1}

    >>> flambeau.linspace(0, 1, 5)
    tensor([0.0000, 0.2500, 0.5000, 0.7500, 1.0000])
    """
    made = moved(_spaced("linspace", _C.linspace, start, end, steps, dtype, out), check_device(device, "linspace"))
    return write_out(out, made.requires_grad_(requires_grad))


def logspace(
    start,
    end,
    steps,
    base=10.0,
    *,
    out=None,
    dtype=None,
    layout=None,
    device=None,
    requires_grad=False,
    pin_memory=False,
):
    r"""`steps` numbers from :math:`base^{start}` to :math:`base^{end}`, evenly spaced on a logarithmic scale.

    >>> flambeau.logspace(0, 2, 3)
    tensor([  1.,  10., 100.])
    """

    def make(start, end, steps, dtype):
        return _C.logspace(start, end, steps, float(base), dtype)

    made = _spaced("logspace", make, start, end, steps, dtype, out)
    if made.dtype.is_complex:
        made = (made * math.log(base)).exp()
    made = moved(made, check_device(device, "logspace"))
    return write_out(out, made.requires_grad_(requires_grad))


def eye(n, m=None, *, out=None, dtype=None, layout=None, device=None, requires_grad=False, pin_memory=False):
    """Ones on the diagonal of an n x m matrix (m = n by default), and zeros.

    >>> flambeau.eye(2)
    tensor([[1., 0.],
            [0., 1.]])
    """
    dtype = dtype or (_C.get_default_dtype() if out is None else out.dtype)
    made = moved(_C.eye(n, n if m is None else m, dtype), check_device(device, "eye"))
    return write_out(out, made.requires_grad_(requires_grad))


def empty_strided(size, stride, *, dtype=None, layout=None, device=None, requires_grad=False, pin_memory=False):
    """An uninitialised tensor with the given sizes and strides.

    >>> flambeau.empty_strided((2, 3), (1, 2)).stride()
    (1, 2)
    """
    dtype, device = _C.get_default_dtype() if dtype is None else dtype, check_device(device, "empty_strided")
    return _C.empty_strided(tuple(size), tuple(stride), dtype, device or _CPU).requires_grad_(requires_grad)


def empty_permuted(
    size, physical_layout, *, dtype=None, layout=None, device=None, requires_grad=False, pin_memory=False
):
    """An uninitialised tensor whose dimensions lie in memory in the order `physical_layout`, outermost first.

    >>> flambeau.empty_permuted((2, 3, 4), (0, 2, 1)).stride()
    (12, 1, 3)
    """
    if sorted(physical_layout) != list(_range(len(size))):
        raise RuntimeError(
            f"[empty_permuted] physical_layout {tuple(physical_layout)} is no order of {len(size)} dimensions"
        )
    dtype, device = _C.get_default_dtype() if dtype is None else dtype, check_device(device, "empty_permuted")
    made = _C.empty(tuple(size[d] for d in physical_layout), dtype, device or _CPU)
    inverse = [0] * len(size)
    for place, d in enumerate(physical_layout):
        inverse[d] = place
    return made.permute(inverse).detach().requires_grad_(requires_grad)


# ---- like another tensor


def empty_as(input, dtype, device, memory_format, op):
    """What the `*_like` functions fill."""
    check_tensor(op, input)
    if device is memory_format is None:
        return _C.empty_like(input, input.dtype if dtype is None else dtype, input.device)
    made = _C.empty_like(input, input.dtype if dtype is None else dtype, _device_like(input, device, op))
    return (
        made
        if memory_format is None or memory_format is preserve_format
        else made.contiguous(memory_format=memory_format)
    )


def _device_like(input, device, op):
    return input.device if device is None else check_device(device, op) or _CPU


def empty_like(
    input, *, dtype=None, layout=None, device=None, requires_grad=False, memory_format=None, pin_memory=False
):
    """An uninitialised tensor of the shape, dtype and layout of another.

    >>> flambeau.empty_like(flambeau.ones(2, 3)).shape
    torch.Size([2, 3])
    """
    made = empty_as(input, dtype, device, memory_format, "empty_like")
    return made.requires_grad_() if requires_grad else made


def zeros_like(
    input, *, dtype=None, layout=None, device=None, requires_grad=False, memory_format=None, pin_memory=False
):
    """Zeros in the shape, dtype and layout of another tensor.

    >>> flambeau.zeros_like(flambeau.ones(2))
    tensor([0., 0.])
    """
    made = _C.zero_(empty_as(input, dtype, device, memory_format, "zeros_like"))
    return made.requires_grad_() if requires_grad else made


def ones_like(
    input, *, dtype=None, layout=None, device=None, requires_grad=False, memory_format=None, pin_memory=False
):
    """Ones in the shape, dtype and layout of another tensor.

    >>> flambeau.ones_like(flambeau.zeros(2))
    tensor([1., 1.])
    """
    made = _C.fill_(empty_as(input, dtype, device, memory_format, "ones_like"), _ONE)
    return made.requires_grad_() if requires_grad else made


def full_like(
    input,
    fill_value,
    *,
    dtype=None,
    layout=None,
    device=None,
    requires_grad=False,
    memory_format=None,
    pin_memory=False,
):
    """One value in the shape, dtype and layout of another tensor.

    >>> flambeau.full_like(flambeau.zeros(2), 7)
    tensor([7., 7.])
    """
    made = empty_as(input, dtype, device, memory_format, "full_like")
    _check_fits("full_like", fill_value, made.dtype)
    made = _C.fill_(made, _number("full_like", fill_value))
    return made.requires_grad_() if requires_grad else made


def new_zeros(self, *size, dtype=None, device=None, requires_grad=False, layout=None, pin_memory=False, **size_keyword):
    """Zeros of the given size, by default of this tensor's dtype."""
    dtype = self.dtype if dtype is None else dtype
    if device is None and self.is_cpu and size and not size_keyword:
        return _C.new_zeros(size, dtype, requires_grad)
    device = self.device if device is None else device
    return _sized(_C.new_zeros, "new_zeros", size, size_keyword, None, dtype, device, requires_grad)


def new_ones(self, *size, dtype=None, device=None, requires_grad=False, layout=None, pin_memory=False, **size_keyword):
    """Ones of the given size, by default of this tensor's dtype."""
    dtype = self.dtype if dtype is None else dtype
    if device is None and self.is_cpu and size and not size_keyword:
        return _C.new_full(size, _ONE, dtype, requires_grad)
    device = self.device if device is None else device
    return _sized(_new_ones, "new_ones", size, size_keyword, None, dtype, device, requires_grad)


def new_empty(self, *size, dtype=None, device=None, requires_grad=False, layout=None, pin_memory=False, **size_keyword):
    """An uninitialised tensor of the given size, by default of this tensor's dtype."""
    dtype = self.dtype if dtype is None else dtype
    if device is None and self.is_cpu and size and not size_keyword:
        return _C.new_empty(size, dtype, requires_grad)
    device = self.device if device is None else device
    return _sized(_C.new_empty, "new_empty", size, size_keyword, None, dtype, device, requires_grad)


def new_full(self, size, fill_value, *, dtype=None, device=None, requires_grad=False, layout=None, pin_memory=False):
    """One value in the given size, by default of this tensor's dtype."""
    dtype = self.dtype if dtype is None else dtype
    device = self.device if device is None else device
    return full(size, fill_value, dtype=dtype, device=device, requires_grad=requires_grad)


def new_empty_strided(self, size, stride, dtype=None, layout=None, device=None, pin_memory=False, requires_grad=False):
    """An uninitialised tensor with the given sizes and strides, by default of this tensor's dtype."""
    dtype = self.dtype if dtype is None else dtype
    device = self.device if device is None else device
    return empty_strided(size, stride, dtype=dtype, device=device, requires_grad=requires_grad)


def new_tensor(self, data, *, dtype=None, device=None, requires_grad=False, layout=None, pin_memory=False):
    """A copy of `data` as a tensor, by default of this tensor's dtype (a tensor keeps its own)."""
    if dtype is None and not isinstance(data, _C.Tensor):
        dtype = self.dtype
    device = self.device if device is None else device
    return tensor(data, dtype=dtype, device=device, requires_grad=requires_grad)


def new(self, *args, device=None):
    """Deprecated, as in torch: a tensor of this dtype from sizes or data."""
    return _construct(self.dtype, args, self.device if device is None else device)


def construct(*args, device=None):
    """What `Tensor(...)` does: of the default dtype, from sizes or from data."""
    return _construct(_C.get_default_dtype(), args, device)


def construct_as(dtype, args, device):
    """What the typed constructors such as `FloatTensor(...)` do: as `construct`, and data of that dtype only."""
    first = args[0] if len(args) == 1 else None
    if isinstance(first, _C.Tensor) and first.dtype is not dtype:
        raise TypeError(f"[new] expected a tensor of {dtype}, got {first.dtype}: use .to({dtype})")
    return _construct(dtype, args, device)


def _construct(dtype, args, device):
    device = check_device(device, "Tensor")
    if device is not None:
        return moved(_construct(dtype, args, None), device)
    if not args:
        return _C.empty((0,), dtype)
    first = args[0]
    if len(args) == 1 and not isinstance(first, int):
        if isinstance(first, _C.Tensor):
            return first.detach()
        if hasattr(first, "_as_bytes"):
            memory = first._as_bytes()
            return _C.set_storage_of(memory, (memory.numel() // dtype.itemsize,), (1,), 0, dtype)
        if isinstance(first, _C.Size):
            return _C.empty(tuple(first), dtype)
        if isinstance(first, (str, bytes, float)):
            raise TypeError(f"[Tensor] new(): data must be a sequence (got {type(first).__name__})")
        return _C.tensor(first, dtype, False)
    return _C.new_empty(args, dtype, False)


def complex(real, imag, *, out=None):
    """Complex numbers from their real and imaginary parts.

    >>> flambeau.complex(flambeau.tensor([1.0]), flambeau.tensor([2.0]))
    tensor([1.+2.j])
    """
    return write_out(out, _complex_of("complex", real, imag))


def _complex_of(op, real, imag):
    if any(t.dtype not in (_C.float32, _C.float64) for t in (real, imag)):
        raise RuntimeError(
            f"[{op}] Expected both inputs to be Float or Double tensors but got {real.dtype} and {imag.dtype}"
        )
    if real.dtype != imag.dtype:
        raise RuntimeError(
            f"[{op}] Expected object of scalar type {real.dtype} but got scalar type {imag.dtype} for second argument"
        )
    from .shape import broadcast_tensors

    real, imag = broadcast_tensors(real, imag)
    pairs = _C.empty((*real.shape, 2), real.dtype)
    _C.copy_(_C.select(pairs, -1, 0), real)
    _C.copy_(_C.select(pairs, -1, 1), imag)
    return _C.squeeze(_C.view_dtype(pairs, real.dtype.to_complex()), (real.dim(),))


def polar(abs, angle, *, out=None):
    r"""Complex numbers from their absolute values and angles: :math:`abs \cdot (\cos angle + i \sin angle)`.

    >>> flambeau.polar(flambeau.tensor([2.0]), flambeau.tensor([0.0]))
    tensor([2.+0.j])
    """
    return write_out(out, _complex_of("polar", abs * angle.cos(), abs * angle.sin()))


METHODS = [(name, globals()[name]) for name in _METHOD_NAMES]
METHODS.append(("__cuda_array_interface__", property(_cuda_array_interface)))
