"""The safetensors format: names, dtypes and shapes in JSON, then the numbers. Nothing in it can run."""

import json
import os

import flambeau
from flambeau.serialization import memory
from flambeau.serialization.archive import CorruptArchive
from flambeau.serialization.atomic import AtomicFile

__all__ = ["load_file", "save_file"]

HEADER_LIMIT = 100_000_000
NAMES = {
    "float64": "F64",
    "float32": "F32",
    "float16": "F16",
    "bfloat16": "BF16",
    "complex64": "C64",
    "int64": "I64",
    "int32": "I32",
    "int16": "I16",
    "int8": "I8",
    "uint64": "U64",
    "uint32": "U32",
    "uint16": "U16",
    "uint8": "U8",
    "bool": "BOOL",
    "float8_e4m3fn": "F8_E4M3",
    "float8_e5m2": "F8_E5M2",
}
DTYPES = {name: dtype for dtype, name in NAMES.items()}


def save_file(tensors, filename, metadata=None):
    """Writes tensors to a file, which appears complete or not at all.

    Args:
        tensors: a dict from names to tensors.
        filename: a path.
        metadata: a dict of strings.

    Raises:
        ValueError: something in the dict is no tensor, or its dtype is not known to the format.

    Example:
        >>> import flambeau, os, tempfile
        >>> path = os.path.join(tempfile.mkdtemp(), "model.safetensors")
        >>> save_file({"weight": flambeau.ones(2)}, path)
        >>> load_file(path)
        {'weight': tensor([1., 1.])}
    """
    header, position, ready = {}, 0, []
    if metadata:
        header["__metadata__"] = {str(key): str(value) for key, value in metadata.items()}
    # Larger elements first, so that everything is aligned.
    for name in sorted(tensors, key=lambda name: (-_checked(name, tensors[name]).element_size(), name)):
        tensor = tensors[name].detach().contiguous()
        size = tensor.numel() * tensor.element_size()
        header[name] = {
            "dtype": NAMES[memory.dtype_name(tensor.dtype)],
            "shape": list(tensor.shape),
            "data_offsets": [position, position + size],
        }
        position += size
        ready.append((tensor, size))
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with AtomicFile(os.fspath(filename)) as file:
        file.reserve(8 + len(text) + position)
        file.write(len(text).to_bytes(8, "little") + text)
        for tensor, size in ready:
            file.write(memory.bytes_of(tensor.data_ptr(), size))


def _checked(name, tensor):
    if not isinstance(tensor, flambeau.Tensor) or memory.dtype_name(tensor.dtype) not in NAMES:
        what = f"dtype {tensor.dtype}" if isinstance(tensor, flambeau.Tensor) else type(tensor).__name__
        raise ValueError(f"[save_file] {name!r}: expected a tensor of a dtype that the format has, got {what}")
    return tensor


def load_file(filename, device="cpu"):
    """Reads the tensors of a file, mapped into memory: a page is read when it is used, and private once written to.

    Args:
        filename: a path.
        device: where the tensors go.

    Returns:
        A dict from names to tensors.

    Raises:
        RuntimeError: the file is truncated or corrupt.

    Example:
        >>> import flambeau, os, tempfile
        >>> path = os.path.join(tempfile.mkdtemp(), "model.safetensors")
        >>> save_file({"step": flambeau.tensor(3)}, path)
        >>> load_file(path)["step"].item()
        3
    """
    import mmap

    with open(filename, "rb") as file:
        total = os.fstat(file.fileno()).st_size
        start = 8 + int.from_bytes(file.read(8), "little")
        if total < 8 or start - 8 > HEADER_LIMIT or start > total:
            raise CorruptArchive(f"[load_file] the header should have {start - 8} bytes, the file has {total}")
        header = _parsed(file.read(start - 8))
        mapping = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY)
    tensors = {}
    for name, entry in header.items():
        if name != "__metadata__":
            dtype, shape, begin, count = _described(name, entry, total - start)
            if count == 0:
                tensor = flambeau.empty(shape, dtype=dtype)
            else:
                tensor = flambeau.frombuffer(mapping, dtype=dtype, count=count, offset=start + begin).reshape(shape)
            tensors[name] = tensor if str(device) == "cpu" else tensor.to(device)
    return tensors


def _parsed(text):
    def unique(pairs):
        result = dict(pairs)
        if len(result) != len(pairs):
            raise ValueError("a name stands twice")
        return result

    try:
        header = json.loads(text, object_pairs_hook=unique)
        if type(header) is not dict:
            raise ValueError("no object")
    except (ValueError, RecursionError) as error:
        raise CorruptArchive(f"[load_file] the header cannot be read: {error}") from None
    return header


def _described(name, entry, available):
    """``(dtype, shape, begin, number of elements)`` of an entry, checked against the bytes there are."""
    try:
        dtype = getattr(flambeau, DTYPES[entry["dtype"]])
        shape, (begin, end) = entry["shape"], entry["data_offsets"]
        if not all(type(value) is int and value >= 0 for value in (*shape, begin, end)):
            raise ValueError("a size or offset is no natural number")
        count = 1
        for size in shape:
            count *= size
        if end - begin != count * dtype.itemsize or end > available:
            raise ValueError(f"{count} elements of {dtype} do not lie at {begin} to {end} of {available} bytes")
    except (KeyError, TypeError, ValueError) as error:
        raise CorruptArchive(f"[load_file] tensor {name!r}: {error}") from None
    return dtype, tuple(shape), begin, count
