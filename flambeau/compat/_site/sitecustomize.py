"""Python runs this at the start of children of `flambeau run`: `import torch` is flambeau in them too."""

import importlib.util
import os
import sys

_HERE = os.path.dirname(os.path.abspath(__file__))


def _run(name, path):
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def _next():
    """The sitecustomize that this one stands before, if there is one."""
    for folder in sys.path:
        path = os.path.join(folder, "sitecustomize.py")
        if os.path.isfile(path) and os.path.abspath(folder) != _HERE:
            return path
    return None


if importlib.util.find_spec("flambeau") is not None:
    _run("flambeau_compat_finder", os.path.join(os.path.dirname(_HERE), "_finder.py")).install()
_path = _next()
if _path:
    _run("sitecustomize", _path)
