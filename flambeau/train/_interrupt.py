"""Ctrl-C that lets the current step finish."""

import contextlib
import os
import signal
import threading

__all__ = ["Deferred"]


class Deferred:
    """A context in which the first Ctrl-C calls a function, and the second one raises KeyboardInterrupt as usual.

    Where something else than Python's own handler is installed, or in another thread than the main one, it changes nothing.

    Attributes:
        asked: whether Ctrl-C was pressed.
    """

    def __init__(self, call):
        self.call, self.asked, self._old = call, False, None

    def __enter__(self):
        self.asked = False
        if threading.current_thread() is threading.main_thread():
            old = signal.getsignal(signal.SIGINT)
            if old is signal.default_int_handler:
                self._old = old
                signal.signal(signal.SIGINT, self._note)
        return self

    def __exit__(self, *exception):
        if self._old is not None:
            signal.signal(signal.SIGINT, self._old)
            self._old = None
        return False

    def _note(self, number, frame):
        signal.signal(signal.SIGINT, self._old)
        self.asked = True
        self.call()
        with contextlib.suppress(OSError):  # not print: the signal may have come within one
            if os.isatty(2):
                os.write(2, b"\nstopping after this step; Ctrl-C again stops at once\n")
