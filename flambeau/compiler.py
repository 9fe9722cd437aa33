"""What programs tell and ask torch's compiler. Functions run as they are written here: nothing is compiled, so marks for
the compiler hand back what they mark, and its questions are answered with no."""

import functools

from .ops.system import compile

__all__ = [
    "allow_in_graph",
    "assume_constant_result",
    "compile",
    "cudagraph_mark_step_begin",
    "disable",
    "get_default_backend",
    "is_compiling",
    "is_dynamo_compiling",
    "is_exporting",
    "list_backends",
    "load_cache_artifacts",
    "load_compiled_function",
    "nested_compile_region",
    "reset",
    "save_cache_artifacts",
    "set_default_backend",
    "set_stance",
    "substitute_in_graph",
    "wrap_numpy",
]

_settings = {"stance": "default", "backend": "inductor"}
_STANCES = ("default", "force_eager", "eager_on_recompile", "fail_on_recompile", "eager_then_compile", "aot_eager_then_compile")  # fmt: skip


def is_compiling():
    """Whether the code runs in order to be compiled: no.

    >>> flambeau.compiler.is_compiling()
    False
    """
    return False


def is_dynamo_compiling():
    """Whether TorchDynamo traces the code: no.

    >>> flambeau.compiler.is_dynamo_compiling()
    False
    """
    return False


def is_exporting():
    """Whether the code runs in order to be exported: no.

    >>> flambeau.compiler.is_exporting()
    False
    """
    return False


def _check_callable(name, function):
    if not callable(function):
        raise AssertionError(f"[{name}] fn must be callable, got {type(function).__name__}")


def disable(fn=None, recursive=True, *, reason=None):
    """A function that is never compiled: one that does what fn does. Also a decorator.

    Args:
        fn: the function; a class or a module is handed back.
        recursive: whether what it calls is not compiled either.
        reason: why; for messages.

    >>> @flambeau.compiler.disable
    ... def double(x):
    ...     return 2 * x
    >>> double(3)
    6
    """
    if fn is None:
        return lambda fn: disable(fn, recursive, reason=reason)
    _check_callable("disable", fn)
    if isinstance(fn, type) or hasattr(fn, "forward"):
        return fn

    @functools.wraps(fn)
    def eager(*args, **kwargs):
        return fn(*args, **kwargs)

    return eager


def allow_in_graph(fn):
    """Let the compiler call a function (or each of a list) without looking inside: the function itself.

    >>> flambeau.compiler.allow_in_graph(abs) is abs
    True
    """
    for function in fn if isinstance(fn, list | tuple) else [fn]:
        _check_callable("allow_in_graph", function)
    return fn


def assume_constant_result(fn):
    """Let the compiler call a function once and keep its result: the function itself.

    >>> flambeau.compiler.assume_constant_result(abs) is abs
    True
    """
    _check_callable("assume_constant_result", fn)
    return fn


def substitute_in_graph(original_fn, *, can_constant_fold_through=False, skip_signature_check=False):
    """A decorator: the function that the compiler sees instead of original_fn. It is handed back.

    >>> @flambeau.compiler.substitute_in_graph(abs)
    ... def absolute(x):
    ...     return x if x >= 0 else -x
    >>> absolute(-1)
    1
    """
    if not callable(original_fn):
        raise TypeError(f"[substitute_in_graph] expected a function but got {type(original_fn).__name__}")
    return lambda function: function


def nested_compile_region(fn=None, **options):
    """Mark a function that is called often, so that it is compiled once: the function itself. Also a decorator.

    >>> flambeau.compiler.nested_compile_region(abs)(-1)
    1
    """
    return (lambda fn: fn) if fn is None else fn


def cudagraph_mark_step_begin():
    """Say that a new iteration begins, for recorded CUDA graphs; there are none.

    >>> flambeau.compiler.cudagraph_mark_step_begin()
    """


def reset():
    """Forget what was compiled, and the default backend.

    >>> flambeau.compiler.reset()
    """
    _settings["backend"] = "inductor"


def list_backends(exclude_tags=("debug", "experimental")):
    """The names of compilers: none is there but eager execution.

    >>> flambeau.compiler.list_backends()
    ['eager']
    """
    return ["eager"]


def get_default_backend():
    """What set_default_backend was last told.

    >>> flambeau.compiler.get_default_backend()
    'inductor'
    """
    return _settings["backend"]


def set_default_backend(backend):
    """Say which backend compile uses when it is not told; functions run eagerly with any.

    >>> flambeau.compiler.set_default_backend("inductor")
    """
    _settings["backend"] = "inductor" if backend is None else backend


class set_stance:
    """Say how compiled functions behave from now on, in a block, or in a decorated function; they run eagerly with any.

    Args:
        stance: "default", "force_eager", "eager_on_recompile", "fail_on_recompile", "eager_then_compile" or
            "aot_eager_then_compile".
        skip_guard_eval_unsafe, force_backend: accepted.

    >>> with flambeau.compiler.set_stance("force_eager"):
    ...     flambeau.compile(abs)(-1)
    1
    """

    def __init__(self, stance="default", *, skip_guard_eval_unsafe=False, force_backend=None):
        if stance not in _STANCES:
            raise ValueError(f"[set_stance] stance must be one of {_STANCES}, got {stance!r}")
        self.stance, self.previous = stance, _settings["stance"]
        _settings["stance"] = stance

    def __enter__(self):
        _settings["stance"] = self.stance

    def __exit__(self, *error):
        _settings["stance"] = self.previous
        return False

    def __call__(self, function):
        _settings["stance"] = self.previous

        @functools.wraps(function)
        def wrapped(*args, **kwargs):
            with self:
                return function(*args, **kwargs)

        return wrapped


def wrap_numpy(fn):
    """A function of NumPy arrays as a function of tensors.

    >>> flambeau.compiler.wrap_numpy(lambda a: a.cumsum())(flambeau.ones(3))
    tensor([1., 2., 3.])
    """
    from .utils._pytree import tree_map

    def to_array(value):
        return value.numpy() if hasattr(value, "detach") else value

    def to_tensor(value):
        import numpy as np

        import flambeau

        return flambeau.as_tensor(value) if isinstance(value, np.ndarray) else value

    @functools.wraps(fn)
    def wrapped(*args, **kwargs):
        return tree_map(to_tensor, fn(*tree_map(to_array, args), **tree_map(to_array, kwargs)))

    return wrapped


def load_compiled_function(file, *, f_globals=None, external_data=None):
    """A function that was compiled and saved: an error, as nothing is ever compiled.

    >>> flambeau.compiler.load_compiled_function(None)
    Traceback (most recent call last):
        ...
    RuntimeError: [load_compiled_function] compiled functions cannot be loaded: pass the function itself
    """
    raise RuntimeError("[load_compiled_function] compiled functions cannot be loaded: pass the function itself")


def save_cache_artifacts():
    """What was compiled, as bytes: None, as nothing was.

    >>> flambeau.compiler.save_cache_artifacts()
    """
    return


def load_cache_artifacts(serialized_artifacts):
    """Put what save_cache_artifacts returned into the compiler's caches: there are none.

    >>> flambeau.compiler.load_cache_artifacts(b"")
    """
    return
