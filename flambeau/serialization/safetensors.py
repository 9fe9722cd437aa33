"""The safetensors format: names, dtypes and shapes in JSON, then the numbers. Nothing in it can run.

The functions are those of the package safetensors.torch, for tensors of flambeau; files go both ways.
"""

import json
import os

import flambeau
from flambeau import _C
from flambeau.serialization import memory
from flambeau.serialization.archive import CorruptArchive
from flambeau.serialization.atomic import AtomicFile

__all__ = ["SafetensorError", "load", "load_file", "load_model", "safe_open", "save", "save_file", "save_model"]

HEADER_LIMIT = 100_000_000
# In the order of files: dtypes with wide elements lie first, so that everything is aligned.
NAMES = {
    "uint64": "U64",
    "int64": "I64",
    "float64": "F64",
    "complex64": "C64",
    "float32": "F32",
    "uint32": "U32",
    "int32": "I32",
    "bfloat16": "BF16",
    "float16": "F16",
    "uint16": "U16",
    "int16": "I16",
    "float8_e4m3fn": "F8_E4M3",
    "float8_e5m2": "F8_E5M2",
    "int8": "I8",
    "uint8": "U8",
    "bool": "BOOL",
}
DTYPES = {name: dtype for dtype, name in NAMES.items()}
ORDER = list(NAMES)


class SafetensorError(CorruptArchive):
    """A file that is truncated or corrupt, or a tensor that it does not have.

    >>> load(b"")
    Traceback (most recent call last):
        ...
    flambeau.serialization.safetensors.SafetensorError: [load] the header should have 8 bytes or more, the file has 0
    """


# ---------------------------------------------------------------- saving


def save_file(tensors, filename, metadata=None):
    """Writes tensors to a file, which appears complete or not at all.

    Args:
        tensors: a dict from names to contiguous tensors that share no memory.
        filename: a path.
        metadata: a dict of strings.

    Raises:
        ValueError: something in the dict is no tensor, not contiguous, sparse, or of a dtype that the format has not.
        RuntimeError: tensors share memory.

    Example:
        >>> import flambeau, os, tempfile
        >>> path = os.path.join(tempfile.mkdtemp(), "model.safetensors")
        >>> save_file({"weight": flambeau.ones(2)}, path)
        >>> load_file(path)
        {'weight': tensor([1., 1.])}
    """
    head, ready, total = _laid_out("save_file", tensors, metadata)
    with AtomicFile(filename) as file:
        file.reserve(len(head) + total)
        file.write(head)
        for tensor in ready:
            file.write(memory.bytes_of(tensor.data_ptr(), tensor.nbytes))


def save(tensors, metadata=None):
    """The bytes of the file that `save_file` would write.

    Args:
        tensors: a dict from names to contiguous tensors that share no memory.
        metadata: a dict of strings.

    Example:
        >>> load(save({"weight": flambeau.ones(2)}))
        {'weight': tensor([1., 1.])}
    """
    head, ready, _ = _laid_out("save", tensors, metadata)
    return b"".join([head, *(memory.bytes_of(tensor.data_ptr(), tensor.nbytes) for tensor in ready)])


def _laid_out(op, tensors, metadata):
    """(the header, the tensors in the order of the file, how many bytes they have)."""
    _check_all(op, tensors, metadata)
    header, position, ready = {}, 0, []
    if metadata:
        header["__metadata__"] = metadata
    for name in sorted(tensors, key=lambda name: (ORDER.index(memory.dtype_name(tensors[name].dtype)), name)):
        tensor = tensors[name].detach()
        tensor = tensor.resolve_conj() if tensor.is_complex() else tensor
        header[name] = {
            "dtype": NAMES[memory.dtype_name(tensor.dtype)],
            "shape": list(tensor.shape),
            "data_offsets": [position, position + tensor.nbytes],
        }
        position += tensor.nbytes
        ready.append(tensor)
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text, ready, position


def _check_all(op, tensors, metadata):
    if not isinstance(tensors, dict):
        raise ValueError(f"[{op}] Expected a dict of [str, torch.Tensor] but received {type(tensors)}")
    for name, tensor in tensors.items():
        _check(op, name, tensor)
    strings = [*tensors, *(metadata or {}), *(metadata or {}).values()]
    for text in strings:
        if not isinstance(text, str):
            raise TypeError(
                f"[{op}] names and metadata must be strings, got {text!r:.100} of type {type(text).__name__}"
            )
    for names in _shared(tensors):
        raise RuntimeError(
            f"[{op}] Some tensors share memory, this will lead to duplicate memory on disk and potential differences "
            f"when loading them again: {names}. Use save_model, or clone() all but one of them"
        )


def _check(op, name, tensor):
    if not isinstance(tensor, flambeau.Tensor):
        raise ValueError(
            f"[{op}] {name!r}: expected a tensor of a dtype that the format has, got {type(tensor).__name__}"
        )
    if tensor.layout is not flambeau.strided or tensor.is_nested:
        raise ValueError(f"[{op}] {name!r}: expected a dense tensor, got a {tensor.layout} one: use to_dense()")
    if memory.dtype_name(tensor.dtype) not in NAMES:
        raise ValueError(f"[{op}] {name!r}: expected a tensor of a dtype that the format has, got dtype {tensor.dtype}")
    if not tensor.is_contiguous():
        raise ValueError(f"[{op}] {name!r}: You are trying to save a non contiguous tensor: use contiguous() first")


def _shared(tensors):
    """The names of tensors whose elements overlap in memory, in groups."""
    spans = sorted((t.data_ptr(), t.data_ptr() + t.nbytes, name) for name, t in tensors.items() if t.nbytes)
    groups, end = [], 0
    for begin, stop, name in spans:
        if groups and begin < end:
            groups[-1].append(name)
        else:
            groups.append([name])
        end = max(end, stop)
    return [sorted(group) for group in groups if len(group) > 1]


# ---------------------------------------------------------------- loading


def load_file(filename, device="cpu"):
    """Reads the tensors of a file, mapped into memory: a page is read when it is used, and private once written to.

    Args:
        filename: a path.
        device: where the tensors go.

    Returns:
        A dict from names to tensors.

    Raises:
        SafetensorError: the file is truncated or corrupt.

    Example:
        >>> import flambeau, os, tempfile
        >>> path = os.path.join(tempfile.mkdtemp(), "model.safetensors")
        >>> save_file({"step": flambeau.tensor(3)}, path)
        >>> load_file(path)["step"].item()
        3
    """
    with safe_open(filename, "pt", device) as file:
        return file.get_tensors()


def load(data):
    """The tensors of a file's bytes; each has memory of its own.

    Args:
        data: bytes.

    Returns:
        A dict from names to tensors.

    Example:
        >>> load(save({"step": flambeau.tensor(3)}))["step"].item()
        3
    """
    data = bytearray(data)
    start = _start("load", data[:8], len(data))
    entries, _ = _described("load", bytes(data[8:start]), len(data) - start)
    return {name: _tensor(data, start, entry) for name, entry in entries.items()}


def _start(op, head, total):
    """Where the numbers begin."""
    if len(head) < 8:
        raise SafetensorError(f"[{op}] the header should have 8 bytes or more, the file has {total}")
    size = int.from_bytes(head, "little")
    if size > HEADER_LIMIT or 8 + size > total:
        raise SafetensorError(f"[{op}] the header should have {size} bytes, the file has {total}")
    return 8 + size


def _described(op, text, available):
    """{name: (dtype, shape, begin, number of elements)} in the order of the file, and the metadata."""
    header = _parsed(op, text)
    metadata = header.pop("__metadata__", None)
    if metadata is not None and not (type(metadata) is dict and all(type(value) is str for value in metadata.values())):
        raise SafetensorError(f"[{op}] the header cannot be read: the metadata are not texts")
    entries = {name: _entry(op, name, entry) for name, entry in header.items()}
    entries = dict(sorted(entries.items(), key=lambda item: (item[1][2], item[1][3])))
    end = 0
    for name, (dtype, _, begin, count) in entries.items():
        if begin != end:
            raise SafetensorError(
                f"[{op}] tensor {name!r} begins at byte {begin}, where the one before it ends at {end}"
            )
        end += count * dtype.itemsize
    if end != available:
        raise SafetensorError(f"[{op}] the tensors have {end} bytes, and {available} lie behind the header")
    return entries, metadata


def _parsed(op, text):
    def unique(pairs):
        result = dict(pairs)
        if len(result) != len(pairs):
            raise ValueError("a name stands twice")
        return result

    try:
        header = json.loads(text.decode("utf-8"), object_pairs_hook=unique)
        if type(header) is not dict:
            raise ValueError("no object")
    except (ValueError, RecursionError, MemoryError) as error:
        raise SafetensorError(f"[{op}] the header cannot be read: {error}") from None
    return header


def _entry(op, name, entry):
    """(dtype, shape, begin, number of elements) of one tensor."""
    try:
        dtype = getattr(flambeau, DTYPES[entry["dtype"]])
        shape, (begin, end) = entry["shape"], entry["data_offsets"]
        if type(shape) is not list or not all(
            type(value) is int and 0 <= value < 1 << 62 for value in (*shape, begin, end)
        ):
            raise ValueError("a size or offset is no natural number")
        count = 1
        for size in shape:
            count *= size
        if end - begin != count * dtype.itemsize or len(shape) > 64:
            raise ValueError(f"{count} elements of {dtype} do not lie at {begin} to {end}")
    except (KeyError, TypeError, ValueError) as error:
        raise SafetensorError(f"[{op}] tensor {name!r}: {error}") from None
    return dtype, tuple(shape), begin, count


def _tensor(data, start, entry):
    dtype, shape, begin, count = entry
    if count == 0:
        return flambeau.empty(shape, dtype=dtype)
    place, size = start + begin, count * dtype.itemsize
    if place % dtype.itemsize:  # a file whose writer did not align it
        data, place = bytearray(data[place : place + size]), 0
    return flambeau.frombuffer(data, dtype=dtype, count=count, offset=place).view(shape)


class safe_open:
    """An open file, whose tensors are read one by one; a context manager.

    Args:
        filename: a path.
        framework: accepted; tensors are flambeau's.
        device: where the tensors go.

    Example:
        >>> import flambeau, os, tempfile
        >>> path = os.path.join(tempfile.mkdtemp(), "model.safetensors")
        >>> save_file({"a": flambeau.arange(4.0), "b": flambeau.ones(1)}, path, {"made by": "an example"})
        >>> with safe_open(path, "pt") as file:
        ...     file.keys(), file.metadata(), file.get_slice("a")[1:3]
        (['a', 'b'], {'made by': 'an example'}, tensor([1., 2.]))
    """

    def __init__(self, filename, framework="pt", device="cpu"):
        import mmap

        self.device = device
        try:
            with open(filename, "rb") as file:
                total = os.fstat(file.fileno()).st_size
                self._start = _start("load_file", file.read(8), total)
                self._entries, self._metadata = _described("load_file", file.read(self._start - 8), total - self._start)
                self._data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY)
        except SafetensorError as error:
            error.args = (f"{error} (in {os.fsdecode(filename)!r})",)
            raise

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self._data = None  # tensors keep what they need of it

    def keys(self):
        """The names of the tensors, sorted."""
        return sorted(self._entries)

    def offset_keys(self):
        """The names of the tensors, in the order of the file."""
        return list(self._entries)

    def metadata(self):
        """The metadata, or None."""
        return self._metadata

    def _entry(self, name):
        if name not in self._entries:
            raise SafetensorError(f"[safe_open] File does not contain tensor {name}")
        return self._entries[name]

    def get_tensor(self, name):
        """The tensor of that name."""
        if self._data is None:
            raise SafetensorError("[safe_open] File is closed")
        tensor = _tensor(self._data, self._start, self._entry(name))
        return tensor if str(self.device) == "cpu" else tensor.to(self.device)

    def get_tensors(self):
        """All tensors, by name."""
        return {name: self.get_tensor(name) for name in self.keys()}

    def get_slice(self, name):
        """A part of a tensor to be: indexing reads it."""
        return _Slice(self, name)


class _Slice:
    def __init__(self, file, name):
        self.file, self.name, self.entry = file, name, file._entry(name)

    def __getitem__(self, index):
        return self.file.get_tensor(self.name)[index]

    def get_shape(self):
        """The sizes, as a list."""
        return list(self.entry[1])

    def get_dtype(self):
        """The dtype, as the format calls it."""
        return NAMES[memory.dtype_name(self.entry[0])]


# ---------------------------------------------------------------- modules


def save_model(model, filename, metadata=None, force_contiguous=True):
    """Writes the state of a module; of tensors that share all memory one is written, and the metadata name the others.

    Args:
        model: a module.
        filename: a path.
        metadata: a dict of strings.
        force_contiguous: write copies of tensors that are not contiguous.

    Example:
        >>> import os, tempfile
        >>> path = os.path.join(tempfile.mkdtemp(), "model.safetensors")
        >>> model = flambeau.nn.Linear(2, 1)
        >>> save_model(model, path)
        >>> load_model(model, path)
        (set(), [])
    """
    state, metadata = model.state_dict(), dict(metadata or {})
    for dropped, kept in _duplicates(state).items():
        metadata.setdefault(dropped, kept)
        del state[dropped]
    if force_contiguous:
        state = {name: tensor.contiguous() for name, tensor in state.items()}
    save_file(state, filename, metadata)


def _duplicates(state, preferred=()):
    """{name: another name of the same tensor, that is kept}."""
    dropped = {}
    for group in _shared(state):
        spans = {name: (state[name].data_ptr(), state[name].nbytes) for name in group}
        whole = [name for name in group if _C.storage_nbytes(state[name].detach()) == spans[name][1]]
        if not whole:
            raise RuntimeError(f"[save_model] tensors share memory, and none of them covers all of it: {sorted(group)}")
        kept = min([name for name in whole if name in preferred] or whole)
        dropped.update(dict.fromkeys(set(group) - {kept}, kept))
    return dropped


def load_model(model, filename, strict=True, device="cpu"):
    """Loads into a module what `save_model` wrote.

    Args:
        model: a module.
        filename: a path.
        strict: raise where names are missing or unexpected.
        device: where the tensors go first.

    Returns:
        (missing names as a set, unexpected names as a list).

    Example:
        >>> import os, tempfile
        >>> path = os.path.join(tempfile.mkdtemp(), "model.safetensors")
        >>> save_model(flambeau.nn.Linear(2, 1), path)
        >>> load_model(flambeau.nn.Linear(2, 1), path)
        (set(), [])
    """
    loaded = load_file(filename, device)
    dropped = _duplicates(model.state_dict(), loaded)
    missing, unexpected = model.load_state_dict(loaded, strict=False)
    missing = {name for name in missing if dropped.get(name) not in loaded}
    if strict and (missing or unexpected):
        said = f"[load_model] Error(s) in loading state_dict for {type(model).__name__}:"
        for what, names in (("Missing", sorted(missing)), ("Unexpected", sorted(unexpected))):
            if names:
                said += f"\n    {what} key(s) in state_dict: " + ", ".join(f'"{name}"' for name in names)
        raise RuntimeError(said)
    return missing, unexpected
