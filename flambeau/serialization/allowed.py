"""The globals that files may name, and what calling them does: plain data, tensors, and nothing else.

The functions here stand in for those that torch's files name. They check their arguments, which come from the file.
"""

import datetime
import functools
import math
import re
import types
from collections import Counter, OrderedDict, defaultdict, deque

import flambeau
from flambeau.serialization import arrays, memory
from flambeau.serialization.checks import UnpicklingError, check, ints, refuse
from flambeau.serialization.settings import StorageType
from flambeau.storage import TypedStorage, UntypedStorage

# ---------------------------------------------------------------- tensors


def rebuild_tensor(storage, offset, size, stride, requires_grad=False, hooks=None, metadata=None, *, dtype=None):
    """A tensor over a storage, within its bounds."""
    check(type(storage) is TypedStorage and type(offset) is int, "a tensor without storage")
    size, stride = ints(size, "a tensor of strange size"), ints(stride, "a tensor of strange stride")
    check(len(size) <= 64, f"a tensor with {len(size)} dimensions")
    dtype = dtype or storage.dtype
    if dtype not in TENSOR_DTYPES:
        raise UnpicklingError(f"[load] the file has a tensor of {dtype}, a dtype that tensors cannot have here")
    try:
        tensor = memory.tensor_over(storage.untyped(), dtype, offset, size, stride)
    except (ValueError, OverflowError) as error:
        refuse(str(error))
    for bit in metadata or ():
        check(bit in ("conj", "neg"), f"a tensor with metadata {bit!r}")
        if metadata[bit]:
            check(tensor.numel() <= storage.size(), "a tensor larger than its memory")
            tensor = tensor.conj() if bit == "conj" else -tensor
    return tensor.requires_grad_() if requires_grad else tensor


def _rebuild_v1(storage, offset, size, stride):
    return rebuild_tensor(storage, offset, size, stride)


def _rebuild_v3(storage, offset, size, stride, requires_grad, hooks, dtype, metadata=None):
    check(type(dtype) is flambeau.dtype and type(storage) is TypedStorage, "a tensor of strange dtype")
    if storage.__dict__.pop("_foreign", False):  # untyped bytes of the other order: only now their width is known
        storage.untyped().byteswap(dtype)
    return rebuild_tensor(storage, offset, size, stride, requires_grad, hooks, metadata, dtype=dtype)


def _rebuild_parameter(data, requires_grad=True, hooks=None):
    check(isinstance(data, flambeau.Tensor) and type(requires_grad) is bool, "a parameter without data")
    return flambeau.nn.Parameter(data, requires_grad)


def _rebuild_parameter_with_state(data, requires_grad, hooks, state):
    return _with_attributes(_rebuild_parameter(data, requires_grad), state)


def _with_attributes(instance, state):
    """An object with the attributes that were hung on it: a dict of them, or that and the values of slots."""
    attributes, slots = state if type(state) is tuple and len(state) == 2 else (state, None)
    for values in (attributes, slots):
        check(
            values is None or (type(values) is dict and all(type(name) is str for name in values)), "strange attributes"
        )
    kept = {name: value for name, value in (attributes or {}).items() if not name.startswith(("__", "_dynamo"))}
    instance.__dict__.update(kept)
    for name, value in (slots or {}).items():
        check(not name.startswith("__"), "strange attributes")
        setattr(instance, name, value)
    return instance


def _rebuild_from_type(function, kind, args, state):
    """A tensor with attributes, or of a class that the user has allowed."""
    check(isinstance(kind, type) and issubclass(kind, flambeau.Tensor), "a tensor of strange type")
    check(callable(function) and function in CALLS and type(args) is tuple, "a tensor of strange type")
    tensor = CALLS[function](*args)
    check(isinstance(tensor, flambeau.Tensor), "a tensor of strange type")
    if kind is flambeau.Tensor or isinstance(tensor, kind):
        return tensor if tensor.is_nested or tensor.is_sparse else _with_attributes(tensor, state)
    tensor = tensor.as_subclass(kind)
    if kind.__dict__.get("__setstate__"):
        tensor.__setstate__(state)
        return tensor
    return _with_attributes(tensor, state)


def _layout(name):
    found = getattr(flambeau, name.removeprefix("torch."), None) if type(name) is str else None
    check(isinstance(found, flambeau.layout), f"a layout named {name!r:.50}")
    return found


def _rebuild_sparse(layout, pieces):
    """A sparse tensor whose parts fit together; a compressed one is (starts, places, elements, size)."""
    from flambeau.sparse import _pickling

    if layout in (flambeau.sparse_bsr, flambeau.sparse_bsc):
        raise UnpicklingError(
            f"[load] the file has a tensor of layout {layout}, which cannot be made here: save its to_sparse_csr()"
        )
    coo = layout is flambeau.sparse_coo
    check(coo or layout in (flambeau.sparse_csr, flambeau.sparse_csc), "a sparse tensor of strange layout")
    check(type(pieces) is tuple and len(pieces) in ((3, 4) if coo else (4,)), "a sparse tensor of strange parts")
    count = 2 if coo else 3
    check(all(type(piece) is flambeau.Tensor for piece in pieces[:count]), "a sparse tensor of strange parts")
    size = ints(pieces[count], "a sparse tensor of strange size")
    check(len(size) <= 64 and min(size, default=0) >= 0, "a sparse tensor of strange size")
    _check_dense(*pieces[:count])
    try:
        return _pickling.rebuild(layout, (*pieces[:count], flambeau.Size(size), *pieces[count + 1 :]))
    except RuntimeError as error:
        return refuse(str(error))


def _check_dense(*tensors):
    """Expanded tensors, which may be much larger than the file, are not gone through."""
    for tensor in tensors:
        check(
            tensor.numel() * tensor.element_size() <= tensor.untyped_storage().nbytes(),
            "parts larger than their memory",
        )


def _rebuild_nested(buffer, sizes, strides, offsets):
    """A nested tensor whose components lie inside of the buffer."""
    from flambeau.nested._tensor import strided

    parts = (buffer, sizes, strides, offsets)
    check(all(type(part) is flambeau.Tensor for part in parts), "a nested tensor of strange parts")
    _check_dense(*parts)
    whole = all(part.dtype is flambeau.int64 for part in parts[1:])
    check(whole and buffer.dim() == 1 and offsets.dim() == 1, "a nested tensor of strange parts")
    rows = [part.tolist() if part.numel() else [[]] * offsets.shape[0] for part in (sizes, strides)]
    fits = all(part.dim() == 2 or part.numel() == 0 for part in (sizes, strides)) and sizes.shape == strides.shape
    check(fits and len(rows[0]) == offsets.shape[0], "a nested tensor of strange parts")
    components = []
    for size, stride, start in zip(*rows, offsets.tolist(), strict=True):
        last = start + sum((n - 1) * step for n, step in zip(size, stride))
        inside = min((*size, *stride, start), default=0) >= 0 and (0 in size or last < buffer.shape[0])
        check(inside and len(size) <= 64, "a nested tensor larger than its memory")
        components.append(buffer.new_empty(size) if 0 in size else buffer.as_strided(size, stride, start))
    check(sum(c.numel() for c in components) <= buffer.shape[0], "a nested tensor larger than its memory")
    return strided(components) if components else strided([]).to(buffer.dtype)


def _rebuild_jagged(parts):
    """A nested tensor of layout jagged, whose offsets lie inside of the values."""
    names = ("values", "offsets", "lengths", "_ragged_idx", "requires_grad")
    check(type(parts) is dict, "a nested tensor of strange parts")
    values, offsets, lengths, ragged, requires_grad = (parts.get(name) for name in names)
    given = [values, offsets] if lengths is None else [values, offsets, lengths]
    check(all(type(part) is flambeau.Tensor for part in given), "a nested tensor of strange parts")
    _check_dense(*given)
    check(
        all(part.dtype in (flambeau.int64, flambeau.int32) and part.dim() == 1 for part in given[1:]), "strange offsets"
    )
    check(type(ragged) is int and 1 <= ragged <= values.dim() and len(offsets), "a nested tensor of strange parts")
    places, rows = offsets.tolist(), values.shape[ragged - 1]
    check(places == sorted(places) and places[0] >= 0 and places[-1] <= rows, "offsets that do not fit the values")
    if lengths is not None:
        ends = [start + length for start, length in zip(places, lengths.tolist())]
        good = (
            len(lengths) == len(places) - 1 and min(lengths.tolist(), default=0) >= 0 and max(ends, default=0) <= rows
        )
        check(good, "lengths that do not fit the values")
    from flambeau.nested._tensor import jagged

    return jagged(values, offsets, lengths, ragged).requires_grad_(bool(requires_grad))


def _meta_tensor(dtype, size, stride, requires_grad):
    """A tensor without values."""
    size, stride = ints(size, "a tensor of strange size"), ints(stride, "a tensor of strange stride")
    check(
        dtype in TENSOR_DTYPES and len(size) == len(stride) <= 64, "a tensor without values, of strange dtype or size"
    )
    check(all(0 <= number < 1 << 30 for number in (*size, *stride)), "a tensor without values, of strange size")
    check(math.prod(size) < 1 << 62, "a tensor without values, of strange size")
    made = flambeau.empty_strided(size, stride, dtype=dtype, device="meta")
    return made.requires_grad_() if requires_grad else made


def _generator(device="cpu"):
    check(str(device) == "cpu", f"a generator on {device}")
    return flambeau.Generator()


def _set_generator(generator, state):
    check(
        type(state) is tuple and len(state) == 3 and type(state[2]) is flambeau.Tensor, "a generator in a strange state"
    )
    try:
        generator.set_state(state[2])
    except (RuntimeError, TypeError) as error:
        refuse(str(error))


def _uninitialized(kind):
    def make(requires_grad=True, device=None, dtype=None, persistent=True):
        check(type(requires_grad) is bool and str(device) in ("None", "cpu"), "a strange uninitialized tensor")
        return kind(requires_grad)

    return make


# ---------------------------------------------------------------- Python's own


def _encode(text, encoding="utf-8"):
    check(type(text) is str and encoding in ("latin1", "latin-1", "utf-8", "ascii"), f"bytes in {encoding!r}")
    return text.encode(encoding)


def _default_dict(factory=None, items=()):
    known = (list, dict, int, float, set, str, tuple, bool, OrderedDict, Counter)
    check(factory is None or any(factory is kind for kind in known), "a defaultdict that calls what is no plain type")
    return defaultdict(factory, _as_dict(items))


def _ordered(items=()):
    return OrderedDict([(as_key(pair[0]), pair[1]) for pair in items] if type(items) is list else _as_dict(items))


def _as_dict(items):
    check(type(items) is dict or items == (), "a dict made of something else")
    return dict(items)


def _counter(items=()):
    return Counter(_as_dict(items))


def _deque(items=(), limit=None):
    check(type(items) in (list, tuple) and (limit is None or type(limit) is int), "a strange deque")
    return deque(items, limit)


def _plain_set(kind):
    def make(items=()):
        check(type(items) in (list, tuple), f"a strange {kind.__name__}")
        return kind(as_key(item) for item in items)

    return make


def _scalars(kind, *allowed):
    """A constructor whose arguments are all of certain plain types."""

    def make(*args):
        check(all(type(arg) in allowed for arg in args), f"a strange {kind.__name__}")
        return kind(*args)

    return make


def _byte_array(data=b"", encoding=None):
    check(type(data) in (bytes, bytearray) or (type(data) is str and encoding == "latin-1"), "a strange bytearray")
    return bytearray(data) if encoding is None else bytearray(data, encoding)


def _time_zone(*args):
    check(all(type(arg) in (datetime.timedelta, str) for arg in args), "a strange time zone")
    return datetime.timezone(*args)


def _date(kind):
    """A date or time, from its bytes or numbers."""

    def make(*args):
        known = (bytes, int, datetime.timezone)
        good = args and all(type(arg) in known or arg is None or (type(arg) is str and len(arg) < 20) for arg in args)
        check(good, f"a strange {kind.__name__}")
        first = args[0].encode("latin1") if type(args[0]) is str else args[0]
        return kind(first, *args[1:])

    return make


def _path(kind):
    def make(*parts):
        check(all(type(part) is str for part in parts), "a strange path")
        return kind(*parts)

    return make


def _device(kind, index=None):
    check(type(kind) is str and (index is None or type(index) is int), "a strange device")
    return flambeau.device(kind) if index is None else flambeau.device(kind, index)


def _size(values=()):
    return flambeau.Size(ints(values, "a strange size"))


def _tuple_class(kind):
    """A named tuple's class of this package: from one sequence, or from its fields."""

    def make(*args):
        check(len(args) <= 16, "a strange named tuple")
        if hasattr(kind, "n_sequence_fields"):
            check(args and type(args[0]) is tuple and len(args[0]) == kind.n_sequence_fields, "a strange named tuple")
            return kind(args[0])
        return kind(*args)

    return make


def _namespace(kind):
    def make(*args):
        check(not args, f"a strange {kind.__name__}")
        return kind()

    return make


class Nothing:
    """Stands for objects of the compiler's bookkeeping, which is left out."""


# ---------------------------------------------------------------- the list

_DTYPES = [
    *("float64", "float32", "float16", "bfloat16", "complex64", "complex128", "bool"),
    *("int64", "int32", "int16", "int8", "uint8", "uint16", "uint32", "uint64", "float8_e4m3fn", "float8_e5m2"),
]
_ALIASES = {
    "double": "float64",
    "float": "float32",
    "half": "float16",
    "long": "int64",
    "int": "int32",
    "short": "int16",
    "cfloat": "complex64",
    "cdouble": "complex128",
    "chalf": "complex32",
}
GLOBALS: dict = {}
CALLS: dict = {}
TENSOR_DTYPES: set = set()  # those that tensors can have
STATES: dict = {}  # by the name of a class: what gives one of its objects a state


def fill_tables():
    """The list of what is allowed: values by name, and what calling them does."""
    rebuild = {
        "_rebuild_tensor": _rebuild_v1,
        "_rebuild_tensor_v2": rebuild_tensor,
        "_rebuild_tensor_v3": _rebuild_v3,
        "_rebuild_parameter": _rebuild_parameter,
        "_rebuild_parameter_with_state": _rebuild_parameter_with_state,
        "_rebuild_nested_tensor": _rebuild_nested,
        "_rebuild_sparse_tensor": _rebuild_sparse,
        "_rebuild_meta_tensor_no_storage": _meta_tensor,
    }
    named = {f"torch._utils.{name}": function for name, function in rebuild.items()}
    named["torch._tensor._rebuild_from_type_v2"] = _rebuild_from_type
    named["torch.nested._internal.nested_tensor._rebuild_njt"] = _rebuild_jagged
    named["torch.serialization._get_layout"] = _layout
    named["_codecs.encode"] = _encode
    for core in ("numpy.core", "numpy._core"):
        named[f"{core}.multiarray.scalar"] = arrays.make_scalar
        named[f"{core}.multiarray._reconstruct"] = arrays.make_array
        named[f"{core}.numeric._frombuffer"] = arrays.from_buffer
    named["numpy.dtype"] = arrays.make_dtype
    named["torch._dynamo.decorators._DimRange"] = Nothing
    GLOBALS.update(named)
    CALLS.update({function: function for function in named.values()})
    for name, (kind, function) in _kinds().items():
        GLOBALS[name], CALLS[kind] = kind, function
    for kind in (int, float, str, bool, list, dict, tuple):
        GLOBALS[f"builtins.{kind.__name__}"] = kind  # as values, such as the factory of a defaultdict
    GLOBALS["numpy.ndarray"] = arrays.Ndarray
    GLOBALS["torch.Tensor"] = GLOBALS["torch.nested._internal.nested_tensor.NestedTensor"] = flambeau.Tensor
    GLOBALS["builtins.Ellipsis"], GLOBALS["builtins.NotImplemented"] = ..., NotImplemented
    STATES.update({flambeau.Generator: _set_generator, Nothing: lambda instance, state: None})
    _fill_dtypes()


def _kinds():
    """Classes by the name that files have for them, with what stands in for calling them."""
    import argparse
    import pathlib

    numbers = {
        "builtins.complex": (complex, _scalars(complex, int, float)),
        "builtins.range": (range, _scalars(range, int)),
        "builtins.slice": (slice, _scalars(slice, int, type(None))),
        "builtins.bytes": (bytes, _scalars(bytes, bytes)),
        "datetime.timedelta": (datetime.timedelta, _scalars(datetime.timedelta, int)),
        "datetime.timezone": (datetime.timezone, _time_zone),
    }
    for kind in (datetime.datetime, datetime.date, datetime.time):
        numbers[f"datetime.{kind.__name__}"] = kind, _date(kind)
    for name in ("PurePosixPath", "PureWindowsPath", "PosixPath", "WindowsPath"):
        kind = getattr(pathlib, name if "Pure" in name else "Path")
        numbers[f"pathlib.{name}"] = numbers[f"pathlib._local.{name}"] = kind, _path(kind)
    for name, kind in (("argparse.Namespace", argparse.Namespace), ("types.SimpleNamespace", types.SimpleNamespace)):
        numbers[name], STATES[kind] = (kind, _namespace(kind)), _with_attributes
    return {
        **numbers,
        "collections.OrderedDict": (OrderedDict, _ordered),
        "collections.defaultdict": (defaultdict, _default_dict),
        "collections.Counter": (Counter, _counter),
        "collections.deque": (deque, _deque),
        "torch.Size": (flambeau.Size, _size),
        "torch.device": (flambeau.device, _device),
        "torch._C.Generator": (flambeau.Generator, _generator),
        "builtins.set": (set, _plain_set(set)),
        "builtins.frozenset": (frozenset, _plain_set(frozenset)),
        "builtins.bytearray": (bytearray, _byte_array),
        **{
            f"torch.return_types.{name}": (kind, _tuple_class(kind))
            for name, kind in vars(flambeau.return_types).items()
            if isinstance(kind, type) and issubclass(kind, tuple)
        },
    }


def _parameter_class(name):
    from flambeau.nn import parameter

    kind = getattr(parameter, name)
    return kind, _rebuild_parameter if name == "Parameter" else _uninitialized(kind)


def _packed_sequence():
    from flambeau.nn.utils.rnn import PackedSequence

    return PackedSequence, _tuple_class(PackedSequence)


# Classes of modules that are imported when a file needs them.
_LATE = {
    "torch.nn.utils.rnn.PackedSequence": _packed_sequence,
    **{
        f"torch.nn.parameter.{name}": functools.partial(_parameter_class, name)
        for name in ("Parameter", "UninitializedParameter", "UninitializedBuffer")
    },
}


def find(name):
    """Whether files may name this global, and its value."""
    if not GLOBALS:
        fill_tables()
    if re.fullmatch(r"torch\.(storage\.)?QU?Int\w+Storage|torch\._utils\._rebuild_(per_channel_)?qtensor", name):
        raise UnpicklingError(
            "[load] the file has a quantized tensor, which cannot be made here: save its dequantize()"
        )
    if name in _LATE and name not in GLOBALS:
        kind, function = _LATE[name]()
        GLOBALS[name], CALLS[kind] = kind, function
    return name in GLOBALS, GLOBALS.get(name)


def _fill_dtypes():
    TENSOR_DTYPES.update(getattr(flambeau, name) for name in _DTYPES)
    for name, value in vars(flambeau).items():
        if isinstance(value, (flambeau.dtype, flambeau.memory_format, flambeau.layout, flambeau.qscheme)):
            GLOBALS[f"torch.{name}"] = value
    for name, known in _ALIASES.items():
        GLOBALS[f"torch.{name}"] = getattr(flambeau, known)
    for storage in memory.DTYPE_OF_STORAGE:
        for module in ("torch", "torch.storage", "torch.cuda"):
            GLOBALS[f"{module}.{storage}"] = StorageType(storage)
        old = getattr(flambeau, storage.replace("Storage", "Tensor"), None)
        if old is not None:  # the classes of old; files name them, and nothing is made with them
            GLOBALS[f"torch.{old.__name__}"] = GLOBALS[f"torch.cuda.{old.__name__}"] = old
    GLOBALS["torch.storage.UntypedStorage"] = GLOBALS["torch.UntypedStorage"] = UntypedStorage


_SCALARS = {str, bytes, int, float, bool, complex, type(None)}


def as_key(value, depth=0):
    """A value as a key; only scalars and small tuples of them, because hashing shared tuples could take for ever."""
    if type(value) in (tuple, frozenset, flambeau.Size) and len(value) <= 64 and depth < 3:
        for part in value:
            as_key(part, depth + 1)
    else:
        plain = (flambeau.dtype, flambeau.device, flambeau.layout, flambeau.memory_format, type, datetime.date, Nothing)
        if not (type(value) in _SCALARS or isinstance(value, plain) or arrays.is_scalar(value)):
            refuse(f"a key of type {type(value).__name__}")
    return value
