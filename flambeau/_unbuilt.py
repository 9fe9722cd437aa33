"""Names of parts of torch that are not built here, for programs that import them or ask whether something is one: using one is
an error that says what to do instead."""


class _Meta(type):
    def __repr__(cls):
        return f"<class '{cls.__module__.replace('flambeau', 'torch', 1)}.{cls.__name__}'>"


def _class(module, name, text):
    def __new__(cls, *args, **kwargs):
        raise NotImplementedError(f"[{name}] {text}")

    return _Meta(name, (), {"__module__": module, "__doc__": f"Torch's {name}: {text}.", "__new__": __new__})


def _function(module, name, text):
    def function(*args, **kwargs):
        raise NotImplementedError(f"[{name}] {text}")

    function.__name__ = function.__qualname__ = name
    function.__module__, function.__doc__ = module, f"Torch's {name}: {text}."
    return function


def define(names, text, classes="", functions=""):
    """Put classes and functions into a module's namespace that raise NotImplementedError when they are used."""
    for name in classes.split():
        names[name] = _class(names["__name__"], name, text)
    for name in functions.split():
        names[name] = _function(names["__name__"], name, text)
