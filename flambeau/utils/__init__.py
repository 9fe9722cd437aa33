"""Data loading, checkpointed activations, hooks, DLPack."""

import importlib as _importlib

_SUBMODULES = ("_device", "_python_dispatch", "checkpoint", "data", "dlpack", "hooks", "serialization")


def __getattr__(name):
    if name in _SUBMODULES:
        return _importlib.import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
