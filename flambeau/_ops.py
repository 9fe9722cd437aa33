"""torch.ops: operators by namespace. `torch.ops.aten.add` is the function; others are what flambeau.library defined."""

import functools

_namespaces: dict = {}
_QUIET = ("__path__", "__file__", "__wrapped__", "__all__")


class OpOverload:
    """One signature of an operator: `torch.ops.aten.add.Tensor(x, y)` calls it."""

    def __init__(self, packet, overload, function):
        self._packet, self._overloadname, self._function = packet, overload, function
        self.overloadpacket = packet
        self.__name__ = f"{packet.__name__}.{overload}"
        self.__module__ = "torch.ops." + packet._namespace
        self.namespace = packet._namespace

    def __call__(self, *args, **kwargs):
        return self._function(*args, **kwargs)

    @property
    def op(self):
        """The function itself."""
        return self._function

    @property
    def _schema(self):
        return self._packet._schema

    def name(self):
        """Its qualified name, such as "aten::add.Tensor"."""
        suffix = "" if self._overloadname == "default" else f".{self._overloadname}"
        return f"{self._packet._qualified_op_name}{suffix}"

    def __repr__(self):
        return (
            f"<OpOverload(op='{self._packet._qualified_op_name.replace('::', '.')}', overload='{self._overloadname}')>"
        )

    def __str__(self):
        return f"{self._packet._qualified_op_name.replace('::', '.')}.{self._overloadname}"

    def __hash__(self):
        return hash(self.name())

    def __eq__(self, other):
        return isinstance(other, OpOverload) and self.name() == other.name()


class OpOverloadPacket:
    """An operator: calling it calls the signature that fits; attributes are its signatures."""

    def __init__(self, namespace, name, function, overloads=("default",), schema=None):
        self._namespace, self._function, self._names = namespace, function, list(overloads)
        self._schema = schema
        self.__name__ = name
        self.__module__ = f"torch.ops.{namespace}"
        self._qualified_op_name = f"{namespace}::{name}"

    def __call__(self, *args, **kwargs):
        return self._function(*args, **kwargs)

    def overloads(self):
        """The names of its signatures."""
        return list(self._names)

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(f"'OpOverloadPacket' object has no attribute {name!r}")
        if self._namespace != "aten" and name not in self._names:
            raise AttributeError(
                f"The underlying op of '{self._qualified_op_name.replace('::', '.')}' has no overload name '{name}'"
            )
        made = OpOverload(self, name, self._function)
        setattr(self, name, made)
        return made

    def __repr__(self):
        return f"<OpOverloadPacket(op='{self._qualified_op_name.replace('::', '.')}')>"

    def __str__(self):
        return self._qualified_op_name.replace("::", ".")


class OpNamespace:
    """Operators of one namespace, as attributes."""

    def __init__(self, name):
        self.name, self.__name__ = name, name
        self._defined = {}

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(f"'_OpNamespace' '{self.name}' object has no attribute {name!r}")
        made = self._defined.get(name)
        if made is None and self.name in ("aten", "prim", "prims"):
            made = OpOverloadPacket(self.name, name, _PRIVATE.get(name) or core_function(name) or _absent(name))
        if made is None and self.name == "profiler":
            made = _of_profiler(name)
        if made is None:
            raise AttributeError(f"'_OpNamespace' '{self.name}' object has no attribute '{name}'")
        setattr(self, name, made)
        return made

    def define(self, name, packet):
        """Add an operator, or put another in its place."""
        self._defined[name] = packet
        self.__dict__.pop(name, None)

    def remove(self, name):
        """Take an operator out."""
        self._defined.pop(name, None)
        self.__dict__.pop(name, None)

    def __dir__(self):
        return sorted(self._defined)

    def __repr__(self):
        return f"<torch.ops.{self.name}>"


def _to_copy(input, *, dtype=None, layout=None, device=None, pin_memory=None, non_blocking=False, memory_format=None):
    """A copy of a tensor, of another dtype or on another device."""
    return input.to(dtype=dtype or input.dtype, device=device or input.device, copy=True)


def _slice(input, dim=0, start=None, end=None, step=1):
    """Every step-th element of a dimension, from start to end."""
    return input[(slice(None),) * (dim % input.dim()) + (slice(start, end, step),)]


def _index(input, indices):
    """Elements by tensors of indices, one for each of the first dimensions or None."""
    return input[tuple(slice(None) if index is None else index for index in indices)]


def _index_put(input, indices, values, accumulate=False):
    """Write elements by tensors of indices, one for each of the first dimensions or None."""
    if all(index is not None for index in indices):
        return input.index_put_(tuple(indices), values, accumulate)
    if accumulate:
        raise NotImplementedError("[index_put_] accumulate=True needs indices for all of the first dimensions")
    input[tuple(slice(None) if index is None else index for index in indices)] = values
    return input


def _softmax(input, dim, half_to_float, log=False):
    """softmax, or its logarithm; half_to_float: of 16-bit numbers in float32."""
    import flambeau

    function = flambeau.log_softmax if log else flambeau.softmax
    return function(input, dim, dtype=flambeau.float32 if half_to_float else None)


# Operators of torch's core that have no public function, or take more than it.
_PRIVATE = {
    "_local_scalar_dense": lambda input: input.item(),
    "_log_softmax": lambda input, dim, half_to_float: _softmax(input, dim, half_to_float, log=True),
    "_softmax": _softmax,
    "_to_copy": _to_copy,
    "_unsafe_view": lambda input, size: input.view(size),
    "alias": lambda input: input.view(input.shape),
    "index": _index,
    "index_put_": _index_put,
    "slice": _slice,
}


def _of_profiler(name):
    """The operators that begin and end a named range of a profile."""
    from .autograd import profiler
    from .overrides import handle_torch_function, has_torch_function

    def leave(handle):
        if has_torch_function((handle,)):  # a graph is being made
            return handle_torch_function(namespace("profiler")._record_function_exit, (handle,), handle)
        return handle.__exit__() or None

    functions = {
        "_record_function_enter": lambda name, args=None: profiler.record_function(name, args).__enter__(),
        "_record_function_exit": leave,
    }
    functions["_record_function_enter_new"] = functions["_record_function_enter"]
    overloads = ("default", "_RecordFunction") if name == "_record_function_exit" else ("default",)
    return OpOverloadPacket("profiler", name, functions[name], overloads) if name in functions else None


def _absent(name):
    """What an operator of torch's core that there is no function for does: an error, when it is called."""

    def refuse(*args, **kwargs):
        raise NotImplementedError(f"[torch.ops.aten.{name}] there is no operator aten::{name}")

    return refuse


@functools.cache
def core_function(name):
    """The public function or method of an operator of torch's core, or None."""
    import flambeau

    from .nn import _native

    homes = [flambeau, _native, flambeau.nn.functional, flambeau.Tensor]
    spaces = (("linalg_", flambeau.linalg), ("fft_", flambeau.fft), ("special_", flambeau.special))
    for prefix, space in spaces:
        if name.startswith(prefix) and hasattr(space, name.removeprefix(prefix)):
            return getattr(space, name.removeprefix(prefix))
    for home in homes:
        found = vars(home).get(name) if home is flambeau.Tensor else getattr(home, name, None)
        if callable(found) and not isinstance(found, type):
            return getattr(home, name)
    return None


def namespace(name):
    """The namespace of a name; a new one if it is not there."""
    if name not in _namespaces:
        _namespaces[name] = OpNamespace(name)
    return _namespaces[name]


def load_library(path):
    """Load operators from a shared library of torch's: an error."""
    raise OSError(
        f"[torch.ops.load_library] {path}: libraries built for torch's core cannot be loaded; define operators with flambeau.library"
    )


loaded_libraries: set = set()
