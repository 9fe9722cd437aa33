"""Tensors as bytes and bytes as tensors: the only place here that knows how memory is laid out."""

import flambeau

# What torch calls the storages of each dtype; the other dtypes are saved as untyped storages.
STORAGE_NAMES = {
    "float64": "DoubleStorage",
    "float32": "FloatStorage",
    "float16": "HalfStorage",
    "bfloat16": "BFloat16Storage",
    "int64": "LongStorage",
    "int32": "IntStorage",
    "int16": "ShortStorage",
    "int8": "CharStorage",
    "uint8": "ByteStorage",
    "bool": "BoolStorage",
    "complex128": "ComplexDoubleStorage",
    "complex64": "ComplexFloatStorage",
}
DTYPE_OF_STORAGE = {storage: dtype for dtype, storage in STORAGE_NAMES.items()}


def dtype_name(dtype):
    """The dtype's name without a module: ``float32``."""
    return str(dtype).rpartition(".")[2]


def bytes_of(address, size):
    """A writable view of memory, valid as long as its owner lives."""
    import ctypes

    return memoryview((ctypes.c_char * size).from_address(address)).cast("B") if size else memoryview(bytearray())


def storage_key(tensor):
    """What tensors that share memory have in common: the address where their storage begins."""
    return tensor.data_ptr() - tensor.storage_offset() * tensor.element_size()


def storage_range(tensor):
    """The bytes of its storage that a tensor uses, as ``(begin, end)``."""
    if tensor.numel() == 0:
        return 0, 0
    begin = tensor.storage_offset()
    last = begin + sum((size - 1) * stride for size, stride in zip(tensor.shape, tensor.stride(), strict=True))
    return begin * tensor.element_size(), (last + 1) * tensor.element_size()


def make_storage(size):
    """New memory of so many bytes as a flat uint8 tensor, and a view to write into."""
    raw = flambeau.empty(size, dtype=flambeau.uint8)
    return raw, bytes_of(raw.data_ptr(), size)


def tensor_over(raw, dtype, offset, size, stride):
    """A tensor over a flat uint8 tensor's memory, after checking that it stays inside.

    Raises:
        ValueError: it does not.
    """
    item = dtype.itemsize
    if len(size) != len(stride) or offset < 0 or any(n < 0 for n in size) or any(n < 0 for n in stride):
        raise ValueError(f"a tensor of size {tuple(size)}, stride {tuple(stride)} and offset {offset}")
    last = offset + sum((n - 1) * step for n, step in zip(size, stride, strict=True))
    if 0 not in size and (last + 1) * item > raw.numel():
        raise ValueError(
            f"a tensor of size {tuple(size)}, stride {tuple(stride)} and offset {offset} needs "
            f"{(last + 1) * item} bytes, but its storage has {raw.numel()}"
        )
    if 0 in size:
        return flambeau.empty(0, dtype=dtype).as_strided(tuple(size), tuple(stride))
    usable = raw.numel() - raw.numel() % item
    flat = raw[:usable].view(dtype) if usable != raw.numel() else raw.view(dtype)
    return flat.as_strided(tuple(size), tuple(stride), offset).detach()
