"""Switches for recording: no_grad, enable_grad, set_grad_enabled, inference_mode; context managers and decorators."""

import functools

from .. import _C

__all__ = ["enable_grad", "inference_mode", "no_grad", "set_grad_enabled", "set_multithreading_enabled"]


_GENERATOR = 0x20  # inspect.CO_GENERATOR; importing inspect takes longer than the rest of this package


class _Switch:
    """A context manager that is a decorator too; each use of the decorator gets a fresh one."""

    __slots__ = ()

    def clone(self):
        return type(self)()

    def __call__(self, function):
        if isinstance(function, type):
            raise TypeError(f"{type(self).__name__} cannot decorate a class; decorate its methods")
        if getattr(getattr(function, "__code__", None), "co_flags", 0) & _GENERATOR:
            return self._wrap_generator(function)

        @functools.wraps(function)
        def wrapped(*args, **kwargs):
            with self.clone():
                return function(*args, **kwargs)

        return wrapped

    def _wrap_generator(self, function):
        """The switch is on only while the generator's own code runs."""

        @functools.wraps(function)
        def wrapped(*args, **kwargs):
            generator = function(*args, **kwargs)
            with self.clone():
                response = _advance(generator.send, None)
            while response is not _DONE:
                try:
                    request = yield response[0]
                except GeneratorExit:
                    with self.clone():
                        generator.close()
                    raise
                except BaseException as error:
                    with self.clone():
                        response = _advance(generator.throw, error)
                else:
                    with self.clone():
                        response = _advance(generator.send, request)

        return wrapped


_DONE = object()


def _advance(step, value):
    try:
        return (step(value),)
    except StopIteration:
        return _DONE


class no_grad(_Switch, _C.NoGradBlock):
    """Nothing is recorded inside: results do not require gradients.

    >>> x = flambeau.ones(2, requires_grad=True)
    >>> with flambeau.no_grad():
    ...     (x * 2).requires_grad
    False
    """

    __slots__ = ()


class enable_grad(_Switch, _C.GradBlock):
    """Recording is on inside, also within no_grad.

    >>> x = flambeau.ones(2, requires_grad=True)
    >>> with flambeau.no_grad(), flambeau.enable_grad():
    ...     (x * 2).requires_grad
    True
    """

    __slots__ = ()


class set_grad_enabled(_Switch):
    """Switches recording on or off: at once as a function, and until the end of the block as a context manager.

    >>> x = flambeau.ones(2, requires_grad=True)
    >>> with flambeau.set_grad_enabled(False):
    ...     (x * 2).requires_grad
    False
    """

    def __init__(self, mode):
        self.mode = mode
        self._before = _C.is_grad_enabled()
        _C.set_grad_enabled(mode)

    def __call__(self, function):
        _C.set_grad_enabled(self._before)
        return super().__call__(function)

    def __enter__(self):
        _C.set_grad_enabled(self.mode)

    def __exit__(self, *error):
        _C.set_grad_enabled(self._before)

    def clone(self):
        return type(self)(self.mode)


class inference_mode(_Switch):
    """As no_grad, and tensors made inside can never take part in recording: less bookkeeping.

    >>> with flambeau.inference_mode():
    ...     flambeau.ones(2).is_inference()
    True
    """

    def __new__(cls, mode=True):
        if callable(mode):
            return cls()(mode)
        return super().__new__(cls)

    def __init__(self, mode=True):
        self.mode = mode

    def __enter__(self):
        self._before = _C.is_inference_mode_enabled(), _C.is_grad_enabled()
        _C.set_inference_mode(self.mode)
        _C.set_grad_enabled(not self.mode)

    def __exit__(self, *error):
        _C.set_inference_mode(self._before[0])
        _C.set_grad_enabled(self._before[1])

    def clone(self):
        return type(self)(self.mode)


class set_multithreading_enabled(_Switch):
    """Accepted for torch's sake: the backward pass runs on the calling thread, its kernels on the pool.

    >>> x = flambeau.ones(2, requires_grad=True)
    >>> with flambeau.autograd.set_multithreading_enabled(False):
    ...     x.sum().backward()
    >>> x.grad
    tensor([1., 1.])
    """

    def __init__(self, mode):
        self.mode = mode

    def __enter__(self):
        pass

    def __exit__(self, *error):
        pass

    def clone(self):
        return type(self)(self.mode)
