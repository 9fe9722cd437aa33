"""`__torch_function__`: classes and modes that decide what the public functions do with their arguments.

At first a public function is a plain Python function that asks nobody. When the first class or mode with `__torch_function__`
appears, `enable` puts a gate (csrc/python/interception.cpp) before the body of each of them; the functions stay the same
objects. A gate lets calls pass that have only plain tensors and numbers as arguments.
"""

import contextlib
import functools
import threading
import types
import warnings

from . import _C

__all__ = [
    "BaseTorchFunctionMode",
    "TorchFunctionMode",
    "get_default_nowrap_functions",
    "get_ignored_functions",
    "get_overridable_functions",
    "get_testing_overrides",
    "handle_torch_function",
    "has_torch_function",
    "has_torch_function_unary",
    "has_torch_function_variadic",
    "is_tensor_like",
    "is_tensor_method_or_property",
    "resolve_name",
    "wrap_torch_function",
]

_modes = threading.local()
# Once there are classes with `__torch_dispatch__`: makes the context in which they are asked (_wrappers.py).
below = None


def _stack():
    """The active modes of this thread, the innermost last."""
    if not hasattr(_modes, "stack"):
        _modes.stack = []
    return _modes.stack


@contextlib.contextmanager
def _with_modes(modes):
    """The given modes are the active ones inside."""
    before, _modes.stack = _stack(), modes
    _C.set_function_modes(len(modes))
    try:
        yield
    finally:
        _modes.stack = before
        _C.set_function_modes(len(before))


# ------------------------------------------------------------------------------------------------------ who is asked


def _overriding(value):
    found = getattr(type(value), "__torch_function__", None)
    return found is not None and found is not _C._disabled_torch_function_impl and type(value) is not _C.Tensor


def _flat(values):
    for value in values:
        if isinstance(value, (list, tuple)):
            yield from (item for item in value if _overriding(item))
        elif _overriding(value):
            yield value


def _overloaded(values):
    """One argument of each overriding type, in the order in which they are asked: subclasses first, then left to right."""
    found = []
    for value in _flat(values):
        kind = type(value)
        if any(type(other) is kind for other in found):
            continue
        place = next((i for i, other in enumerate(found) if issubclass(kind, type(other))), len(found))
        found.insert(place, value)
    return found


def _ask(function, args, kwargs):
    """The answer to a call that has an overriding argument or an active mode."""
    return _answer(function, _overloaded((*args, *kwargs.values())), args, kwargs)


def _answer(function, overloaded, args, kwargs):
    kinds = tuple(type(value) for value in overloaded)
    modes = _stack()
    if modes:
        with _with_modes(modes[:-1]):
            result = modes[-1].__torch_function__(function, kinds, args, kwargs)
        if result is not NotImplemented:
            return result
    for value in overloaded:
        result = type(value).__torch_function__(function, kinds, args, kwargs) if _on_class(value) else (
            value.__torch_function__(function, kinds, args, kwargs)
        )  # fmt: skip
        if result is not NotImplemented:
            return result
    raise TypeError(_refusal(function, modes, overloaded))


def _on_class(value):
    """Whether `__torch_function__` is a class method; an ordinary method is asked with the object."""
    return isinstance(_raw(type(value)), (classmethod, staticmethod))


def _raw(kind):
    return next(base.__dict__["__torch_function__"] for base in kind.__mro__ if "__torch_function__" in base.__dict__)


def _refusal(function, modes, overloaded):
    name = resolve_name(function) or getattr(function, "__name__", repr(function))
    lines = [f"  - mode object {modes[-1]!r}"] if modes else []
    lines += [f"  - tensor subclass {type(value)}" for value in overloaded]
    return (
        f"Multiple dispatch failed for {name!r}; all __torch_function__ handlers returned NotImplemented:\n\n"
        + "\n".join(lines)
    )


# ------------------------------------------------------------------------------------------------------ the protocol


class DisableTorchFunctionSubclass:
    """A context in which `__torch_function__` of classes is not asked; modes still are.

    >>> with flambeau.DisableTorchFunctionSubclass():
    ...     flambeau.ones(2).sum()
    tensor(2.)
    """

    def __enter__(self):
        self._before = _C.set_types_disabled(True)
        self._dispatch = below and below()
        if self._dispatch:
            self._dispatch.__enter__()

    def __exit__(self, *exception):
        if self._dispatch:
            self._dispatch.__exit__(*exception)
        _C.set_types_disabled(self._before)


class DisableTorchFunction(DisableTorchFunctionSubclass):
    """A context in which neither classes nor modes are asked."""

    def __enter__(self):
        super().__enter__()
        self._modes = _with_modes([])
        self._modes.__enter__()

    def __exit__(self, *exception):
        self._modes.__exit__(*exception)
        super().__exit__(*exception)


def compute_as(cls, func, types, args, kwargs):
    """The default of subclasses: compute as if they were tensors, and give the results their class."""
    if not all(issubclass(cls, kind) for kind in types):
        return NotImplemented
    result = _computed(func, args, kwargs)
    answered = cls.__torch_dispatch__ is not _C.Tensor.__torch_dispatch__  # by the class itself
    return result if answered or func in get_default_nowrap_functions() else _converted(result, cls)


def _computed(func, args, kwargs):
    """A function's result without asking `__torch_function__` again; what it cannot read is asked for as a whole."""
    try:
        with DisableTorchFunctionSubclass():
            return func(*args, **kwargs)
    except Unreadable:
        if getattr(func, "__name__", "") in ("numpy", "tolist", "__array__"):
            raise
        return below.whole(func, args, kwargs)


class Unreadable(RuntimeError):
    """The numbers of a tensor are asked for that has none of its own."""


def _converted(result, cls):
    if cls is _C.Tensor:
        return result
    if isinstance(result, _C.Tensor):
        return result if isinstance(result, cls) else result.as_subclass(cls)
    if isinstance(result, (tuple, list)):
        return type(result)([_converted(item, cls) for item in result])
    return result


class TorchFunctionMode:
    """A context whose `__torch_function__(func, types, args, kwargs)` answers every call of a public function inside it.

    Inside `__torch_function__` the mode itself is not active.

    >>> class Names(flambeau.overrides.TorchFunctionMode):
    ...     def __torch_function__(self, func, types, args=(), kwargs=None):
    ...         print(func.__name__)
    ...         return func(*args, **(kwargs or {}))
    >>> x = flambeau.ones(2)
    >>> with Names():
    ...     y = flambeau.exp(x) + 1
    exp
    add
    """

    def __enter__(self):
        enable()
        _stack().append(self)
        _C.set_function_modes(len(_stack()))
        return self

    def __exit__(self, *exception):
        _stack().pop()
        _C.set_function_modes(len(_stack()))


class BaseTorchFunctionMode(TorchFunctionMode):
    """A mode that changes nothing.

    >>> with flambeau.overrides.BaseTorchFunctionMode():
    ...     flambeau.ones(2).sum()
    tensor(2.)
    """


def _undefined(self, func, types, args=(), kwargs=None):
    raise NotImplementedError("a TorchFunctionMode must define __torch_function__(self, func, types, args, kwargs)")


def _unchanged(self, func, types, args=(), kwargs=None):
    return func(*args, **(kwargs or {}))


vars(_C).update(DisableTorchFunction=DisableTorchFunction, DisableTorchFunctionSubclass=DisableTorchFunctionSubclass)

# Not in the class statements, which would be noticed while this module is still being loaded.
for _kind, _answer_of in ((TorchFunctionMode, _undefined), (BaseTorchFunctionMode, _unchanged)):
    setattr(_kind, "__torch_function__", _answer_of)  # noqa: B010


# ------------------------------------------------------------------------------------------------------ asking oneself


def has_torch_function(relevant_args):
    """Whether any of the arguments, or an active mode, wants to be asked.

    >>> flambeau.overrides.has_torch_function([flambeau.ones(2), 3])
    False
    """
    enable()
    return _C.has_overrides(*relevant_args)


def has_torch_function_unary(tensor):
    """`has_torch_function` of one argument.

    >>> flambeau.overrides.has_torch_function_unary(flambeau.ones(2))
    False
    """
    return has_torch_function((tensor,))


def has_torch_function_variadic(*args):
    """`has_torch_function` of its arguments.

    >>> flambeau.overrides.has_torch_function_variadic(flambeau.ones(2), 3)
    False
    """
    return has_torch_function(args)


def handle_torch_function(public_api, relevant_args, *args, **kwargs):
    """Ask the modes and the overriding ones among `relevant_args` for the result of `public_api(*args, **kwargs)`.

    Raises:
        TypeError: all of them return NotImplemented.

    >>> class Duck:
    ...     @classmethod
    ...     def __torch_function__(cls, func, types, args=(), kwargs=None):
    ...         return "quack"
    >>> flambeau.overrides.handle_torch_function(flambeau.exp, (Duck(),), Duck())
    'quack'
    """
    return _answer(public_api, _overloaded(relevant_args), args, kwargs)


def wrap_torch_function(dispatcher):
    """A decorator that makes a function overridable; `dispatcher(*args, **kwargs)` gives the arguments to ask.

    >>> @flambeau.overrides.wrap_torch_function(lambda x: (x,))
    ... def double(x):
    ...     return x + x
    >>> double(flambeau.ones(1))
    tensor([2.])
    """

    def decorate(function):
        @functools.wraps(function)
        def wrapped(*args, **kwargs):
            relevant = dispatcher(*args, **kwargs)
            if has_torch_function(relevant):
                return handle_torch_function(wrapped, relevant, *args, **kwargs)
            return function(*args, **kwargs)

        return wrapped

    return decorate


def is_tensor_like(inp):
    """Whether a value is a tensor or has `__torch_function__`.

    >>> flambeau.overrides.is_tensor_like(flambeau.ones(2)), flambeau.overrides.is_tensor_like([1.0])
    (True, False)
    """
    return type(inp) is _C.Tensor or hasattr(inp, "__torch_function__")


# ------------------------------------------------------------------------------------------------------ what there is

# Functions that never look for overriding arguments; a mode does not see them either.
_NEVER = ("compile", "from_file", "is_storage", "is_tensor", "set_printoptions", "to_dlpack", "typename")
# Constructors: a mode sees them, the classes of their arguments are not asked.
_MODES_ONLY = ("as_tensor", "asarray", "from_numpy", "tensor")
_NAMESPACES = ("", "autograd", "nn.functional", "nn.init", "linalg", "special", "fft", "signal.windows")
# Of Python itself, or asked too early (a constructor's result has no class yet).
_NOT_METHODS = {
    "__new__", "__init__", "__class__", "__dict__", "__doc__", "__module__", "__weakref__", "__hash__", "__torch_function__",
    "__init_subclass__", "__subclasshook__", "__torch_dispatch__", "_make_subclass", "_make_wrapper_subclass", "__array_priority__",
    "__slots__", "__dlpack_device__", "as_subclass",
}  # fmt: skip


def _module(name):
    import importlib

    return importlib.import_module(f"flambeau.{name}" if name else "flambeau")


def _public_names(module, space):
    if space == "autograd":
        return ["backward", "grad"]
    if space:
        return getattr(module, "__all__", [name for name in vars(module) if not name.startswith("_")])
    from . import ops

    settings = _module("ops.system").__all__ + _module("ops.autograd").__all__
    several = [name for name in vars(_module("ops.foreach")) if name.startswith("_foreach_")]
    native = [name for name in (*ops.__all__, *module._NATIVE) if name not in settings]
    return [*native, *several, "pdist", "cosine_similarity"]


@functools.cache
def _functions():
    """{module: {name: Python function}} of what a gate can stand before."""
    found = {}
    for space in _NAMESPACES:
        module = _module(space)
        functions = {name: getattr(module, name) for name in _public_names(module, space) if name not in _NEVER}
        found[module] = {name: f for name, f in functions.items() if isinstance(f, types.FunctionType)}
    return found


def get_overridable_functions():
    """The functions that ask for overrides, by the namespace that they are in.

    >>> flambeau.exp in flambeau.overrides.get_overridable_functions()[flambeau]
    True
    """
    found = {module: list(functions.values()) for module, functions in _functions().items()}
    found[_C.Tensor] = [getattr(_C.Tensor, name) for name in vars(_C.Tensor) if name not in _NOT_METHODS]
    return found


def get_ignored_functions():
    """Public functions that do not ask for overrides.

    >>> flambeau.is_tensor in flambeau.overrides.get_ignored_functions()
    True
    """
    module = _module("")
    asked = {id(f) for functions in _functions().values() for f in functions.values()}
    public = (getattr(module, name) for name in module.ops.__all__)
    return {f for f in public if callable(f) and id(f) not in asked}


def get_testing_overrides():
    """For every overridable function one with the same signature that returns -1.

    >>> flambeau.overrides.get_testing_overrides()[flambeau.exp](flambeau.ones(2))
    -1
    """
    import inspect

    def same_signature(function):
        def answer(*args, **kwargs):
            return -1

        answer.__signature__ = inspect.signature(function)
        return answer

    return {f: same_signature(f) for functions in _functions().values() for f in functions.values()}


@functools.cache
def get_default_nowrap_functions():
    """Functions whose results the default `__torch_function__` does not give the class of the arguments.

    >>> flambeau.Tensor.grad.__get__ in flambeau.overrides.get_default_nowrap_functions()
    True
    """
    return {_C.Tensor._base.__get__, _C.Tensor.grad.__get__}


@functools.cache
def _names():
    found = {}
    for module, functions in _functions().items():
        prefix = module.__name__.replace("flambeau", "torch", 1)
        for name, function in functions.items():
            found.setdefault(function, f"{prefix}.{name}")
    for name in vars(_C.Tensor):
        if name not in _NOT_METHODS:
            attribute = getattr(_C.Tensor, name)
            for key, suffix in ((attribute, ""), (getattr(attribute, "__get__", None), ".__get__")):
                with contextlib.suppress(TypeError):
                    found.setdefault(key, f"torch.Tensor.{name}{suffix}")
    return found


def resolve_name(f):
    """The full name of an overridable function, as `__torch_function__` gets it; None for others.

    >>> flambeau.overrides.resolve_name(flambeau.Tensor.dim)
    'torch.Tensor.dim'
    """
    try:
        return _names().get(f)
    except TypeError:
        return None


def is_tensor_method_or_property(func):
    """Whether a function is a method of Tensor, or how an attribute of it is read.

    >>> flambeau.overrides.is_tensor_method_or_property(flambeau.Tensor.dim)
    True
    """
    if getattr(func, "__name__", None) == "__get__":
        return True
    return any(value is func for value in (getattr(_C.Tensor, name, None) for name in vars(_C.Tensor)))


# ------------------------------------------------------------------------------------------------------ gates


@functools.cache
def _template(free):
    """The code of a function with the given free variables whose body is `return "gate"(*args, **kwargs)`."""
    names = ", ".join(free)
    text = f"def outer({names}):\n def gated(*args, **kwargs):\n  return 'gate'(*args, **kwargs)\n  ({names})\n return gated"
    scope = {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SyntaxWarning)  # a string cannot be called; what replaces it can
        exec(compile(text, "<gate>", "exec"), scope)
    return scope["outer"](*free).__code__


def _copy(function):
    plain = types.FunctionType(
        function.__code__, function.__globals__, function.__name__, function.__defaults__, function.__closure__
    )
    plain.__kwdefaults__, plain.__doc__ = function.__kwdefaults__, function.__doc__
    plain.__qualname__, plain.__module__ = function.__qualname__, function.__module__
    plain.__dict__.update(function.__dict__)
    return plain


def _set_body(function, plain, body):
    """The function keeps its identity; calls of it become body(*args, **kwargs). `plain` is a copy of what it was."""
    code = _template(function.__code__.co_freevars)
    consts = tuple(body if value == "gate" else value for value in code.co_consts)
    function.__wrapped__ = plain  # what inspect.signature looks at
    function.__defaults__ = function.__kwdefaults__ = None
    function.__code__ = code.replace(co_consts=consts, co_name=function.__name__)


def _put_gate(function, shown):
    plain = _copy(function)
    _set_body(function, plain, _C.make_gate(plain, shown or function, function.__name__ in _MODES_ONLY))


def replace_body(function, make):
    """Let calls of a public function be calls of make(plain), `plain` being a copy of it; behind its gate if it has one."""
    target = getattr(function, "__wrapped__", function)
    plain = _copy(target)
    _set_body(target, plain, make(plain))


def _put_gates():
    functions = {f: None for group in _functions().values() for f in group.values()}
    for name, value in list(vars(_C.Tensor).items()):
        if name in _NOT_METHODS:
            continue
        if isinstance(value, types.FunctionType):
            functions.setdefault(value)
            if value.__name__ not in vars(_C.Tensor):  # the name that handlers see
                value.__name__ = name
        elif isinstance(value, property):
            accessors = [f and _copy(f) for f in (value.fget, value.fset, value.fdel)]  # some are functions too
            made = property(*accessors, value.__doc__)
            setattr(_C.Tensor, name, made)
            functions[made.fget] = made.__get__
            if made.fset:
                functions[made.fset] = made.__set__
        elif type(value).__name__ == "instancemethod":  # a function of the core
            _C.hook_method(getattr(_C.Tensor, name))
    for function, shown in functions.items():
        _put_gate(function, shown)


_enabled = False
_lock = threading.Lock()


def enable():
    """Let overriding classes and modes be asked from now on; done by itself when the first one appears.

    >>> flambeau.overrides.enable()
    """
    global _enabled
    with _lock:
        if _enabled:
            return
        _enabled = True
    _C.enable_overrides(_ask)
    _put_gates()
