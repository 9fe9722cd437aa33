"""Settings of torch's compilers: modules whose attributes can be set, patched and read, and change nothing."""

import contextlib
import functools
import types


class Settings(types.ModuleType):
    """A module of settings. One that was never set is None; `patch` sets some for a while."""

    def __init__(self, name, **values):
        super().__init__(name, "Settings of torch's compiler: nothing is compiled, they change nothing.")
        vars(self).update(values)
        self.__path__ = []

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}")
        return

    def patch(self, changes=None, value=None, **more):
        """A context or decorator in which settings have other values."""
        changes = {changes: value} if isinstance(changes, str) else dict(changes or {})
        return _Patch(self, {**changes, **more})


class _Patch(contextlib.ContextDecorator):
    def __init__(self, settings, changes):
        self._settings, self._changes = settings, changes

    def __enter__(self):
        own = vars(self._settings)
        self._before = {name: own.get(name) for name in self._changes}
        own.update(self._changes)

    def __exit__(self, *error):
        vars(self._settings).update(self._before)
        return False

    def __call__(self, function):
        @functools.wraps(function)
        def wrapped(*args, **kwargs):
            with _Patch(self._settings, self._changes):
                return function(*args, **kwargs)

        return wrapped


def define(package, name="config", **values):
    """The settings `package.name`, importable under that name."""
    import sys

    made = Settings(f"{package}.{name}", **values)
    sys.modules[made.__name__] = made
    return made
