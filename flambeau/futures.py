"""Results that are not there yet."""

import functools
import threading
import traceback
from typing import Generic, TypeVar

__all__ = ["Future", "collect_all", "wait_all"]

T = TypeVar("T")


class Future(Generic[T]):
    """A value that some thread will set: others wait for it, or leave functions that are called when it comes.

    Args:
        devices: devices whose work the value depends on; a list of none on the CPU.

    >>> future = flambeau.futures.Future()
    >>> doubled = future.then(lambda f: 2 * f.wait())
    >>> future.set_result(21)
    >>> doubled.wait()
    42
    """

    def __init__(self, *, devices=None):
        for device in devices or ():
            raise ValueError(f"[Future] Expected devices to have indices, got {device}: leave devices out on the CPU")
        self._changed = threading.Condition()
        self._done = False
        self._value = self._error = None
        self._callbacks = []

    def done(self):
        """Whether there is a value or an error."""
        return self._done

    def wait(self):
        """The value, as soon as it is there.

        Raises:
            the error, if there is one instead.
        """
        with self._changed:
            self._changed.wait_for(self.done)
        return self.value()

    def value(self):
        """The value, which must be there.

        Raises:
            RuntimeError: if it is not.
        """
        if not self._done:
            raise RuntimeError("[Future] value() needs a future that is done: use wait()")
        if self._error is not None:
            raise self._error
        return self._value

    def set_result(self, result):
        """Set the value, once, and call the functions that were left."""
        self._complete(result, None)

    def set_exception(self, result):
        """Set an error instead of a value: whoever waits gets it raised."""
        if not isinstance(result, Exception):
            raise AssertionError(f"[Future] {result} is of type {type(result)}, not an Exception.")
        self._complete(None, result)

    def _complete(self, value, error):
        with self._changed:
            if self._done:
                raise RuntimeError(
                    "[Future] Attempting to mark a completed Future as complete again. "
                    "Note that a Future can only be marked completed once."
                )
            self._value, self._error, self._done = value, error, True
            callbacks, self._callbacks = self._callbacks, []
            self._changed.notify_all()
        for callback in callbacks:
            callback()

    def _when_done(self, callback):
        with self._changed:
            if not self._done:
                self._callbacks.append(callback)
                return
        callback()

    def then(self, callback):
        """A future of callback(self), called when this one is done, in the thread that sets it.

        Args:
            callback: a function of this future. What it raises is raised where the new future is waited for, as a
                RuntimeError.
        """
        _check_callback("then", callback)
        result = type(self)()

        def run():
            try:
                value = callback(self)
            except Exception as error:
                result.set_exception(_callback_error(error))
            else:
                result.set_result(value)

        self._when_done(run)
        return result

    def add_done_callback(self, callback):
        """Call callback(self) when this future is done; what it raises is printed and goes no further."""
        _check_callback("add_done_callback", callback)
        self._when_done(functools.partial(_run_quietly, callback, self))

    def __reduce__(self):
        raise RuntimeError("[Future] Can not pickle torch.futures.Future")


def _check_callback(name, callback):
    if not callable(callback):
        raise TypeError(f"[Future.{name}] callback must be callable, got {type(callback).__name__}")


def _callback_error(error):
    made = RuntimeError(f"Got the following error when running the callback: {type(error).__name__}: {error}")
    made.__cause__ = error
    return made


def _run_quietly(callback, future):
    try:
        callback(future)
    except Exception:
        traceback.print_exc()


def collect_all(futures):
    """A future of the list of futures, done when all are; it has the first error if one fails.

    Args:
        futures: a list of Future.

    >>> future = flambeau.futures.Future()
    >>> both = flambeau.futures.collect_all([future, future])
    >>> future.set_result(1)
    >>> [f.wait() for f in both.wait()]
    [1, 1]
    """
    result, waiting, lock = Future(), len(futures), threading.Lock()

    def one(future):
        nonlocal waiting
        with lock:
            waiting -= 1
            last = waiting == 0
        if last:
            failed = [f._error for f in futures if f._error is not None]
            result.set_exception(failed[0]) if failed else result.set_result(list(futures))

    if not futures:
        result.set_result([])
    for future in futures:
        future._when_done(functools.partial(one, future))
    return result


def wait_all(futures):
    """The values of all futures, as soon as they are there.

    >>> future = flambeau.futures.Future()
    >>> future.set_result(1)
    >>> flambeau.futures.wait_all([future])
    [1]
    """
    return [future.wait() for future in collect_all(futures).wait()]
