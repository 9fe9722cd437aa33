"""A pickle interpreter that can only make data.

It knows a short list of globals, all of which are plain data or functions of this module; anything else ends in an
error that names it. No Python global is ever resolved or called on a file's demand.
"""

import pickle
import re
import struct
from collections import Counter, OrderedDict, defaultdict

import flambeau
from flambeau.serialization import memory

UnpicklingError = pickle.UnpicklingError


class StorageKind:
    """A storage type as files name it: its dtype, or None for untyped bytes."""

    def __init__(self, dtype):
        self.dtype = dtype


def _refuse(what):
    raise UnpicklingError(f"[load] {what}: the file is corrupt, or not made by save")


def _check(condition, what):
    if not condition:
        _refuse(what)


# ---------------------------------------------------------------- what files may call


def _ints(values, what):
    _check(type(values) in (tuple, list, flambeau.Size) and all(type(value) is int for value in values), what)
    return tuple(values)


def rebuild_tensor(storage, offset, size, stride, requires_grad=False, hooks=None, metadata=None, *, dtype=None):
    """A tensor over a storage ``(raw bytes, dtype or None)``, within its bounds."""
    _check(type(storage) is tuple and len(storage) == 2 and type(offset) is int, "a tensor without storage")
    raw, storage_dtype = storage
    size, stride = _ints(size, "a tensor of strange size"), _ints(stride, "a tensor of strange stride")
    _check(len(size) <= 64, f"a tensor with {len(size)} dimensions")
    try:
        tensor = memory.tensor_over(raw, dtype or storage_dtype or flambeau.uint8, offset, size, stride)
    except (ValueError, OverflowError) as error:
        _refuse(str(error))
    for bit in metadata or ():
        _check(bit in ("conj", "neg"), f"a tensor with metadata {bit!r}")
        if metadata[bit]:
            tensor = tensor.conj() if bit == "conj" else -tensor
    return tensor.requires_grad_() if requires_grad else tensor


def _rebuild_v1(storage, offset, size, stride):
    return rebuild_tensor(storage, offset, size, stride)


def _rebuild_v3(storage, offset, size, stride, requires_grad, hooks, dtype, metadata=None):
    _check(type(dtype) is flambeau.dtype, "a tensor of strange dtype")
    return rebuild_tensor(storage, offset, size, stride, requires_grad, hooks, metadata, dtype=dtype)


def _rebuild_parameter(data, requires_grad, hooks=None, state=None):
    _check(type(data) is flambeau.Tensor and type(requires_grad) is bool, "a parameter without data")
    return flambeau.nn.Parameter(data, requires_grad)


def _layout(name):
    found = _LAYOUTS.get(name) if type(name) is str else None
    _check(found is not None, f"a layout named {name!r}")
    return found


def _rebuild_sparse(layout, pieces):
    """A sparse tensor whose parts fit together; a compressed one is (starts, places, elements, size)."""
    from flambeau.sparse import _pickling

    coo = layout is flambeau.sparse_coo
    _check(coo or layout in (flambeau.sparse_csr, flambeau.sparse_csc), "a sparse tensor of strange layout")
    _check(type(pieces) is tuple and len(pieces) in ((3, 4) if coo else (4,)), "a sparse tensor of strange parts")
    count = 2 if coo else 3
    _check(all(type(piece) is flambeau.Tensor for piece in pieces[:count]), "a sparse tensor of strange parts")
    size = _ints(pieces[count], "a sparse tensor of strange size")
    _check(len(size) <= 64 and min(size, default=0) >= 0, "a sparse tensor of strange size")
    try:
        return _pickling.rebuild(layout, (*pieces[:count], flambeau.Size(size), *pieces[count + 1 :]))
    except RuntimeError as error:
        return _refuse(str(error))


def _rebuild_nested(buffer, sizes, strides, offsets):
    """A nested tensor whose components lie inside of the buffer."""
    from flambeau.nested._tensor import strided

    parts = (buffer, sizes, strides, offsets)
    _check(all(type(part) is flambeau.Tensor for part in parts), "a nested tensor of strange parts")
    whole = all(part.dtype is flambeau.int64 for part in parts[1:])
    _check(whole and buffer.dim() == 1 and offsets.dim() == 1, "a nested tensor of strange parts")
    rows = [part.tolist() if part.numel() else [[]] * offsets.shape[0] for part in (sizes, strides)]
    fits = all(part.dim() == 2 or part.numel() == 0 for part in (sizes, strides)) and sizes.shape == strides.shape
    _check(fits and len(rows[0]) == offsets.shape[0], "a nested tensor of strange parts")
    components = []
    for size, stride, start in zip(*rows, offsets.tolist(), strict=True):
        last = start + sum((n - 1) * step for n, step in zip(size, stride))
        inside = min((*size, *stride, start), default=0) >= 0 and (0 in size or last < buffer.shape[0])
        _check(inside and len(size) <= 64, "a nested tensor larger than its memory")
        components.append(buffer.new_empty(size) if 0 in size else buffer.as_strided(size, stride, start))
    _check(sum(c.numel() for c in components) <= buffer.shape[0], "a nested tensor larger than its memory")
    return strided(components) if components else strided([]).to(buffer.dtype)


def _rebuild_from_type(function, kind, args, state):
    _check(callable(function) and function in _CALLS and type(args) is tuple, "a tensor of strange type")
    return _CALLS[function](*args)


def _encode(text, encoding="utf-8"):
    _check(type(text) is str and encoding in ("latin1", "latin-1", "utf-8", "ascii"), f"bytes in {encoding!r}")
    return text.encode(encoding)


def _default_dict(factory=None, items=()):
    _check(
        factory is None or factory in (list, dict, int, float, set, str, tuple, bool, OrderedDict),
        "a defaultdict that calls what is no plain type",
    )
    return defaultdict(factory, _as_dict(items))


def _ordered(items=()):
    return OrderedDict([(_key(pair[0]), pair[1]) for pair in items] if type(items) is list else _as_dict(items))


def _as_dict(items):
    _check(type(items) is dict or items == (), "a dict made of something else")
    return dict(items)


def _counter(items=()):
    return Counter(_as_dict(items))


def _plain_set(kind):
    return lambda items=(): kind(_key(item) for item in items)


def _byte_array(data=b"", encoding=None):
    _check(type(data) in (bytes, bytearray) or (type(data) is str and encoding == "latin-1"), "a strange bytearray")
    return bytearray(data) if encoding is None else bytearray(data, encoding)


def _complex(real=0.0, imag=0.0):
    _check(type(real) in (int, float) and type(imag) in (int, float), "a strange complex number")
    return complex(real, imag)


def _device(kind, index=None):
    _check(type(kind) is str and (index is None or type(index) is int), "a strange device")
    return flambeau.device(kind) if index is None else flambeau.device(kind, index)


# numpy's scalars and arrays, of numbers only

_NUMPY_CODE = re.compile(r"[<>|=]?(b1|[iu][1248]|f(2|4|8|16)|c(8|16|32))")


def _numpy_dtype(code, align=False, copy=False):
    import numpy

    _check(type(code) is str and _NUMPY_CODE.fullmatch(code), f"a numpy dtype {code!r}")
    return numpy.dtype(code)


def _is_numpy_dtype(value):
    return type(value).__module__ in ("numpy", "numpy.dtypes") and hasattr(value, "itemsize") and hasattr(value, "kind")


def _numpy_scalar(dtype, data):
    import numpy

    data = data.encode("latin1") if type(data) is str else data
    _check(_is_numpy_dtype(dtype) and type(data) is bytes and len(data) == dtype.itemsize, "a strange numpy scalar")
    return numpy.frombuffer(data, dtype)[0]


def _numpy_array(kind, shape, code):
    import numpy

    return numpy.empty(0, dtype="u1")


def _numpy_from_buffer(data, dtype, shape, order):
    import numpy

    _check(_is_numpy_dtype(dtype) and type(data) in (bytes, bytearray) and order in ("C", "F"), "a strange numpy array")
    return numpy.frombuffer(data, dtype).reshape(_ints(shape, "a numpy array of strange shape"), order=order).copy("K")


def _fill_numpy_array(array, state):
    _check(type(state) is tuple and len(state) == 5, "a numpy array in a strange state")
    version, shape, dtype, fortran, data = state
    data = data.encode("latin1") if type(data) is str else data
    _check(_is_numpy_dtype(dtype) and type(data) is bytes and type(fortran) is bool, "a numpy array in a strange state")
    count = 1
    for size in _ints(shape, "a numpy array of strange shape"):
        count *= size
    _check(count * dtype.itemsize == len(data) and min(shape, default=0) >= 0, "a numpy array of strange size")
    array.__setstate__((version, shape, dtype, fortran, data))


class _Ndarray:
    """Stands for numpy.ndarray as an argument."""


_DTYPES = [
    *("float64", "float32", "float16", "bfloat16", "complex32", "complex64", "complex128", "bool"),
    *("int64", "int32", "int16", "int8", "uint8", "uint16", "uint32", "uint64"),
    *("float8_e4m3fn", "float8_e5m2", "float8_e4m3fnuz", "float8_e5m2fnuz"),
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
_GLOBALS: dict = {}
_CALLS: dict = {}
_LAYOUTS: dict = {}


def _fill_tables():
    """The list of what is allowed: values by name, and what calling them does."""
    rebuild = {
        "_rebuild_tensor": _rebuild_v1,
        "_rebuild_tensor_v2": rebuild_tensor,
        "_rebuild_tensor_v3": _rebuild_v3,
        "_rebuild_parameter": _rebuild_parameter,
        "_rebuild_nested_tensor": _rebuild_nested,
        "_rebuild_sparse_tensor": _rebuild_sparse,
        "_rebuild_parameter_with_state": _rebuild_parameter,
    }
    named = {f"torch._utils.{name}": function for name, function in rebuild.items()}
    named["torch._tensor._rebuild_from_type_v2"] = _rebuild_from_type
    named["_codecs.encode"] = _encode
    named["torch.serialization._get_layout"] = _layout
    _LAYOUTS.update({repr(value): value for value in vars(flambeau).values() if isinstance(value, flambeau.layout)})
    for core in ("numpy.core", "numpy._core"):
        named[f"{core}.multiarray.scalar"] = _numpy_scalar
        named[f"{core}.multiarray._reconstruct"] = _numpy_array
        named[f"{core}.numeric._frombuffer"] = _numpy_from_buffer
    named["numpy.dtype"] = _numpy_dtype
    _GLOBALS.update(named)
    _CALLS.update({function: function for function in named.values()})
    kinds = {
        "collections.OrderedDict": (OrderedDict, _ordered),
        "collections.defaultdict": (defaultdict, _default_dict),
        "collections.Counter": (Counter, _counter),
        "torch.Size": (flambeau.Size, _size),
        "torch.device": (flambeau.device, _device),
        "builtins.set": (set, _plain_set(set)),
        "builtins.frozenset": (frozenset, _plain_set(frozenset)),
        "builtins.bytearray": (bytearray, _byte_array),
        "builtins.complex": (complex, _complex),
    }
    for name, (kind, function) in kinds.items():
        _GLOBALS[name], _CALLS[kind] = kind, function
    for kind in (int, float, str, bool, list, dict, tuple, bytes):
        _GLOBALS[f"builtins.{kind.__name__}"] = kind  # as values, such as the factory of a defaultdict
    _GLOBALS["numpy.ndarray"] = _Ndarray
    _GLOBALS["torch.Tensor"] = flambeau.Tensor
    _fill_dtypes()


def _size(values=()):
    return flambeau.Size(_ints(values, "a strange size"))


def _fill_dtypes():
    for name in _DTYPES + list(_ALIASES):
        dtype = getattr(flambeau, _ALIASES.get(name, name), None)
        if dtype is not None:
            _GLOBALS[f"torch.{name}"] = dtype
    for storage, name in memory.DTYPE_OF_STORAGE.items():
        _GLOBALS[f"torch.{storage}"] = _GLOBALS[f"torch.storage.{storage}"] = StorageKind(getattr(flambeau, name))
    _GLOBALS["torch.storage.UntypedStorage"] = _GLOBALS["torch.UntypedStorage"] = StorageKind(None)


def _key(value, depth=0):
    """A value as a key; only scalars and small tuples of them, because hashing shared tuples could take for ever."""
    if type(value) is tuple and len(value) <= 64 and depth < 3:
        for part in value:
            _key(part, depth + 1)
    else:
        _check(
            type(value) in _SCALARS or isinstance(value, (flambeau.dtype, flambeau.device, type)),
            f"a key of type {type(value).__name__}",
        )
    return value


_SCALARS = {str, bytes, int, float, bool, complex, type(None)}
_MAPPINGS = {dict, OrderedDict, defaultdict, Counter}
_PYTHON_2 = {"__builtin__": "builtins", "copy_reg": "copyreg"}


class DataUnpickler:
    """Interprets one pickle.

    Args:
        data: the bytes.
        load_storage: from a persistent id, a tuple, to ``(raw bytes, dtype or None)``.
        allowed: more globals by name, which files may call too: what the user declared to be safe.
        encoding: of the byte strings of Python 2.
        position: where the pickle begins; where it ended, afterwards.
    """

    def __init__(self, data, load_storage, allowed=None, encoding="utf-8", position=0):
        if not _GLOBALS:
            _fill_tables()
        self.data, self.position, self.encoding = data, position, encoding
        self.load_storage, self.allowed = load_storage, allowed or {}
        self.stack, self.marks, self.memo = [], [], {}

    def load(self):
        """The object.

        Raises:
            pickle.UnpicklingError: the pickle needs a global that is not allowed, or is corrupt.
        """
        try:
            while True:
                opcode = self._take(1)[0]
                if opcode == 0x2E:  # STOP
                    return self.stack.pop()
                handler = _HANDLERS.get(opcode)
                if handler is None:
                    _refuse(f"pickle opcode {opcode:#x} at byte {self.position - 1}, which plain data does not need")
                handler(self)
        except UnpicklingError:
            raise
        except (
            IndexError,
            KeyError,
            ValueError,
            TypeError,
            AttributeError,
            OverflowError,
            struct.error,
            UnicodeError,
        ) as error:
            raise UnpicklingError(
                f"[load] the pickle breaks at byte {self.position} ({type(error).__name__}: {error}); "
                "the file is corrupt, or not made by save"
            ) from None

    def _take(self, size):
        end = self.position + size
        if size < 0 or end > len(self.data):
            _refuse(f"the pickle ends at byte {len(self.data)}, in the middle of a value")
        piece = self.data[self.position : end]
        self.position = end
        return piece

    def _line(self):
        end = self.data.find(b"\n", self.position, self.position + 65536)
        _check(end >= 0, "a line without end")
        piece = self.data[self.position : end]
        self.position = end + 1
        return bytes(piece)

    def _number(self, layout):
        return struct.unpack("<" + layout, self._take(struct.calcsize("<" + layout)))[0]

    def _since_mark(self):
        items, self.stack = self.stack, self.marks.pop()
        return items

    # -- globals and calls

    def find(self, module, name):
        """The value of a global.

        Raises:
            pickle.UnpicklingError: it is not on the list.
        """
        full = f"{_PYTHON_2.get(module, module)}.{name}"
        if full in self.allowed:
            return self.allowed[full]
        if full in _GLOBALS:
            return _GLOBALS[full]
        raise UnpicklingError(
            f"Weights only load failed. Unsupported global: GLOBAL {full} was not an allowed global by default. "
            "Loading it would run code that the file chooses. If you trust the file, allow this name with "
            f"flambeau.serialization.add_safe_globals([{name}]), or load with weights_only=False, allow_code=True"
        )

    def _reduce(self):
        args, function = self.stack.pop(), self.stack.pop()
        _check(type(args) is tuple, "a call without arguments")
        self.stack.append(self._call(function, args))

    def _call(self, function, args):
        if callable(function) and function in _CALLS:
            return _CALLS[function](*args)
        if any(function is each for each in self.allowed.values()):
            return function(*args)
        return _refuse(f"a call of {function!r}")

    def _new(self):
        args, kind = self.stack.pop(), self.stack.pop()
        if isinstance(kind, type) and kind in _CALLS:
            self.stack.append(_CALLS[kind](*args))
            return
        _check(isinstance(kind, type) and any(kind is each for each in self.allowed.values()), f"an object of {kind!r}")
        self.stack.append(kind.__new__(kind, *args))

    def _build(self):
        state, instance = self.stack.pop(), self.stack[-1]
        if type(instance) is OrderedDict:
            _check(type(state) is dict and all(type(key) is str for key in state), "a dict in a strange state")
            instance.__dict__.update(state)
        elif _is_numpy_dtype(instance):
            _check(type(state) is tuple and len(state) >= 2 and state[1] in ("<", "|", "="), "a foreign numpy dtype")
        elif type(instance).__module__ == "numpy" and hasattr(instance, "__array_interface__"):
            _fill_numpy_array(instance, state)
        elif any(type(instance) is each for each in self.allowed.values()):
            _set_state(instance, state)
        else:
            _refuse(f"a state for a {type(instance).__name__}")

    def _store(self, place, value):
        self.memo[place] = value

    def _set_items(self, items):
        target = self.stack[-1]
        _check(type(target) in _MAPPINGS and len(items) % 2 == 0, f"items for a {type(target).__name__}")
        for place in range(0, len(items), 2):
            target[_key(items[place])] = items[place + 1]

    def _append(self, items):
        _check(type(self.stack[-1]) is list, f"elements for a {type(self.stack[-1]).__name__}")
        self.stack[-1].extend(items)

    def _add(self, items):
        _check(type(self.stack[-1]) is set, f"elements for a {type(self.stack[-1]).__name__}")
        self.stack[-1].update(_key(item) for item in items)


def _set_state(instance, state):
    if hasattr(instance, "__setstate__"):
        instance.__setstate__(state)
        return
    slots = None
    if type(state) is tuple and len(state) == 2:
        state, slots = state
    if state:
        instance.__dict__.update(state)
    for name, value in (slots or {}).items():
        setattr(instance, name, value)


# ---------------------------------------------------------------- the opcodes


def _put(function):
    def run(machine):
        value = function(machine)  # which may replace the stack
        machine.stack.append(value)

    return run


def _text(layout):
    return _put(lambda machine: str(machine._take(machine._number(layout)), "utf-8", "surrogatepass"))


def _octets(layout):
    return _put(lambda machine: bytes(machine._take(machine._number(layout))))


def _old_string(layout):
    def value(machine):
        data = bytes(machine._take(machine._number(layout)))
        return data if machine.encoding == "bytes" else data.decode(machine.encoding, "replace")

    return _put(value)


def _quoted(machine):
    import ast

    value = ast.literal_eval(machine._line().decode("latin1"))
    _check(type(value) in (str, bytes), "a strange string")
    return value


def _decimal(machine):
    line = machine._line()
    return {b"00": False, b"01": True}[line] if line in (b"00", b"01") else int(line.rstrip(b"L"))


def _long(layout):
    return _put(lambda machine: int.from_bytes(machine._take(machine._number(layout)), "little", signed=True))


def _tuple(count):
    def run(machine):
        items = tuple(machine.stack[-count:])
        _check(len(items) == count, "a tuple of nothing")
        machine.stack[-count:] = [items]

    return run


def _mark(machine):
    machine.marks.append(machine.stack)
    machine.stack = []


def _dict_since_mark(machine):
    items = machine._since_mark()
    machine.stack.append({})
    machine._set_items(items)


def _set_item(machine):
    value, key = machine.stack.pop(), machine.stack.pop()
    machine._set_items([key, value])


def _append_one(machine):
    value = machine.stack.pop()
    machine._append([value])


def _pop(machine):
    if machine.stack:
        machine.stack.pop()
    else:
        machine._since_mark()


def _global(machine):
    module, name = machine._line().decode(), machine._line().decode()
    return machine.find(module, name)


def _stack_global(machine):
    name, module = machine.stack.pop(), machine.stack.pop()
    _check(type(name) is str and type(module) is str, "a strange global")
    return machine.find(module, name)


def _persistent(machine):
    return machine.load_storage(machine.stack.pop())


_HANDLERS = {
    ord(code): handler
    for code, handler in {
        "(": _mark,
        "0": _pop,
        "1": lambda machine: machine._since_mark(),
        "2": _put(lambda machine: machine.stack[-1]),
        "F": _put(lambda machine: float(machine._line())),
        "G": _put(lambda machine: struct.unpack(">d", machine._take(8))[0]),
        "I": _put(_decimal),
        "L": _put(_decimal),
        "J": _put(lambda machine: machine._number("i")),
        "K": _put(lambda machine: machine._number("B")),
        "M": _put(lambda machine: machine._number("H")),
        "\x8a": _long("B"),
        "\x8b": _long("i"),
        "N": _put(lambda machine: None),
        "\x88": _put(lambda machine: True),
        "\x89": _put(lambda machine: False),
        "S": _put(_quoted),
        "T": _old_string("i"),
        "U": _old_string("B"),
        "V": _put(lambda machine: machine._line().decode("raw-unicode-escape")),
        "X": _text("I"),
        "\x8c": _text("B"),
        "\x8d": _text("Q"),
        "B": _octets("I"),
        "C": _octets("B"),
        "\x8e": _octets("Q"),
        "\x96": _put(lambda machine: bytearray(machine._take(machine._number("Q")))),
        "]": _put(lambda machine: []),
        "}": _put(lambda machine: {}),
        ")": _put(lambda machine: ()),
        "\x8f": _put(lambda machine: set()),
        "l": _put(lambda machine: machine._since_mark()),
        "t": _put(lambda machine: tuple(machine._since_mark())),
        "d": _dict_since_mark,
        "\x85": _tuple(1),
        "\x86": _tuple(2),
        "\x87": _tuple(3),
        "a": _append_one,
        "e": lambda machine: machine._append(machine._since_mark()),
        "s": _set_item,
        "u": lambda machine: machine._set_items(machine._since_mark()),
        "\x90": lambda machine: machine._add(machine._since_mark()),
        "\x91": _put(lambda machine: frozenset(_key(item) for item in machine._since_mark())),
        "g": _put(lambda machine: machine.memo[int(machine._line())]),
        "h": _put(lambda machine: machine.memo[machine._number("B")]),
        "j": _put(lambda machine: machine.memo[machine._number("I")]),
        "p": lambda machine: machine._store(int(machine._line()), machine.stack[-1]),
        "q": lambda machine: machine._store(machine._number("B"), machine.stack[-1]),
        "r": lambda machine: machine._store(machine._number("I"), machine.stack[-1]),
        "\x94": lambda machine: machine._store(len(machine.memo), machine.stack[-1]),
        "c": _put(_global),
        "\x93": _put(_stack_global),
        "R": lambda machine: machine._reduce(),
        "b": lambda machine: machine._build(),
        "\x81": lambda machine: machine._new(),
        "Q": _put(_persistent),
        "\x80": lambda machine: machine._take(1),
        "\x95": lambda machine: machine._take(8),
    }.items()
}
