"""Decorators for classes and methods of data pipes."""

import functools
import inspect
import threading

from flambeau.utils.data.datapipes.datapipe import IterDataPipe, MapDataPipe

__all__ = [
    "argument_validation",
    "functional_datapipe",
    "guaranteed_datapipes_determinism",
    "non_deterministic",
    "runtime_validation",
    "runtime_validation_disabled",
]

_settings = threading.local()


class functional_datapipe:
    """Registers a class of data pipes as a method of all pipes of its kind.

    Args:
        name: the method's name.
        enable_df_api_tracing: accepted; there are no data frames here.

    Example:
        >>> @functional_datapipe("doubled")
        ... class Doubler(IterDataPipe):
        ...     def __init__(self, source):
        ...         self.source = source
        ...     def __iter__(self):
        ...         return (2 * x for x in self.source)
        >>> from flambeau.utils.data.datapipes.iter import IterableWrapper
        >>> list(IterableWrapper([1, 2]).doubled())
        [2, 4]
    """

    def __init__(self, name, enable_df_api_tracing=False):
        self.name, self.enable_df_api_tracing = name, enable_df_api_tracing

    def __call__(self, cls):
        kind = IterDataPipe if issubclass(cls, IterDataPipe) else MapDataPipe
        if not issubclass(cls, kind):
            raise TypeError("`functional_datapipe` can only decorate IterDataPipe or MapDataPipe")
        kind.register_datapipe_as_function(self.name, cls, enable_df_api_tracing=self.enable_df_api_tracing)
        return cls


class guaranteed_datapipes_determinism:
    """Within it, pipes marked with ``non_deterministic`` cannot be made.

    Example:
        >>> with guaranteed_datapipes_determinism():
        ...     pass
    """

    def __init__(self):
        self.before = getattr(_settings, "determinism", False)
        _settings.determinism = True

    def __enter__(self):
        pass

    def __exit__(self, *exception):
        _settings.determinism = self.before


class non_deterministic:
    """Marks a class of data pipes as giving another order each time: always, or when a function of its arguments says so.

    Example:
        >>> @non_deterministic
        ... class Any(IterDataPipe):
        ...     pass
        >>> with guaranteed_datapipes_determinism():
        ...     Any()
        Traceback (most recent call last):
        ...
        TypeError: Can't instantiate Any because of non-determinism
    """

    def __init__(self, arg):
        if inspect.isclass(arg):
            if not issubclass(arg, IterDataPipe):
                raise TypeError(
                    f"Only `IterDataPipe` can be decorated with `non_deterministic`, but {arg.__name__} is found"
                )
            self.cls, self.says = arg, lambda *args, **kwargs: True
        elif callable(arg):
            self.cls, self.says = None, arg
        else:
            raise TypeError(f"{arg} can not be decorated by non_deterministic")

    def __call__(self, *args, **kwargs):
        if self.cls is not None:
            return self._made(*args, **kwargs)
        (self.cls,) = args
        if not (inspect.isclass(self.cls) and issubclass(self.cls, IterDataPipe)):
            raise TypeError(f"Only `IterDataPipe` can be decorated, but {self.cls} is found")
        return self._made

    def _made(self, *args, **kwargs):
        said = self.says(*args, **kwargs)
        if not isinstance(said, bool):
            raise TypeError(f"deterministic_fn of `non_deterministic` must return a boolean, but {type(said)} is found")
        if said and getattr(_settings, "determinism", False):
            raise TypeError(f"Can't instantiate {self.cls.__name__} because of non-determinism")
        return self.cls(*args, **kwargs)


def argument_validation(f):
    """Checks that arguments annotated with a kind of data pipe are one.

    Raises:
        TypeError: on a call with another one.

    Example:
        >>> @argument_validation
        ... def count(pipe: IterDataPipe):
        ...     return sum(1 for _ in pipe)
        >>> count([1])
        Traceback (most recent call last):
        ...
        TypeError: Expected argument 'pipe' as a IterDataPipe, but found <class 'list'>
    """
    signature = inspect.signature(f)

    @functools.wraps(f)
    def wrapper(*args, **kwargs):
        for name, value in signature.bind(*args, **kwargs).arguments.items():
            kind = signature.parameters[name].annotation
            kind = getattr(kind, "__origin__", kind)
            if inspect.isclass(kind) and issubclass(kind, (IterDataPipe, MapDataPipe)) and not isinstance(value, kind):
                raise TypeError(f"Expected argument '{name}' as a {kind.__name__}, but found {type(value)}")
        return f(*args, **kwargs)

    return wrapper


class runtime_validation_disabled:
    """Within it, ``runtime_validation`` checks nothing.

    Example:
        >>> with runtime_validation_disabled():
        ...     pass
    """

    def __init__(self):
        self.before = getattr(_settings, "unchecked", False)
        _settings.unchecked = True

    def __enter__(self):
        pass

    def __exit__(self, *exception):
        _settings.unchecked = self.before


def runtime_validation(f):
    """Checks that an ``__iter__`` gives what its annotation, ``-> Iterator[X]`` with a class X, says.

    Raises:
        TypeError: it is decorated another method.
        RuntimeError: an element is of another type.

    Example:
        >>> from collections.abc import Iterator
        >>> class Numbers(IterDataPipe):
        ...     @runtime_validation
        ...     def __iter__(self) -> Iterator[int]:
        ...         yield "one"
        >>> list(Numbers())
        Traceback (most recent call last):
        ...
        RuntimeError: Expected an instance as subtype of <class 'int'>, but found one(<class 'str'>)
    """
    if f.__name__ != "__iter__":
        raise TypeError(f"Can not decorate function {f.__name__} with 'runtime_validation'")
    kinds = getattr(f.__annotations__.get("return"), "__args__", ())
    kind = kinds[0] if kinds and inspect.isclass(kinds[0]) else object

    @functools.wraps(f)
    def wrapper(self):
        for element in f(self):
            if not getattr(_settings, "unchecked", False) and not isinstance(element, kind):
                raise RuntimeError(f"Expected an instance as subtype of {kind}, but found {element}({type(element)})")
            yield element

    return wrapper
