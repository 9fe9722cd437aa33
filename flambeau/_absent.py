"""Functions about kinds of devices that are not there: what torch's CPU build answers, or the error that it raises."""


def public(module, name, text, function, example=""):
    """Name and document a function, with its call as the example; `example` holds the call's arguments."""
    if isinstance(function, type):  # list: always an empty one
        function = _maker(function)
    call = f"{module}.{name}({example})"
    if function.__doc__ is None:
        function.__doc__ = f"""{text}

>>> {call}
{_shown(function, example)}"""
    function.__name__ = function.__qualname__ = name
    function.__module__ = module
    return function


def _maker(kind):
    return lambda: kind()


def _shown(function, example):
    try:
        result = eval(f"function({example})", {"function": function})
    except Exception as error:
        return f"Traceback (most recent call last):\n    ...\n{type(error).__name__}: {error}\n"
    return "" if result is None else f"{result!r}\n"


class Kind:
    """A kind of device, to make the functions of its module.

    Args:
        module: the module's name, such as "flambeau.xpu".
        title: what the build lacks, such as "XPU".
        error: the class of what functions raise that need a device.
    """

    def __init__(self, module, title, error=AssertionError):
        self.module, self.title, self.error = module, title, error

    def refuse(self, *args):
        """Raise the error that there is no such device."""
        asked = f"flambeau.{self.module.split('.')[1]}.is_available()"
        raise self.error(f"[{self.title}] Torch not compiled with {self.title} enabled: check {asked} first")

    def define(self, names, **entries):
        """Put functions into a module's namespace: name=(text, function) or (text, function, example arguments)."""
        for name, (text, function, *example) in entries.items():
            names[name] = public(self.module, name, text, function, *example)
        names["__all__"] += entries

    def context(self, name, text, index):
        """A context manager that makes a device the current one; `index(argument)` says which, negative for none."""
        kind = self

        class context:
            def __init__(self, device):
                self.idx = index(device)
                self.prev_idx = -1

            def __enter__(self):
                if self.idx >= 0:
                    kind.refuse()

            def __exit__(self, *error):
                return False

        context.__doc__ = f"""{text}

>>> with {self.module}.{name}({"flambeau.ones(1)" if name == "device_of" else -1}):
...     pass
"""
        context.__name__ = context.__qualname__ = name
        context.__module__ = self.module
        return context

    def index(self, device):
        """The index that a device, a string or an int names; -1 for None."""
        from . import _C

        if device is None or isinstance(device, int):
            return -1 if device is None else device
        device = _C.device(device)
        if device.type != self.module.split(".")[1]:
            raise ValueError(f"[{self.title}] Expected a {self.title.lower()} device, but got: {device}")
        return -1 if device.index is None else device.index
