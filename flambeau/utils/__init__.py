"""Data loading, checkpointed activations, hooks, DLPack, benchmarks, TensorBoard."""

import importlib as _importlib

_SUBMODULES = (
    "_contextlib",
    "_device",
    "_python_dispatch",
    "_pytree",
    "backcompat",
    "backend_registration",
    "benchmark",
    "checkpoint",
    "collect_env",
    "cpp_extension",
    "data",
    "deterministic",
    "dlpack",
    "flop_counter",
    "hooks",
    "mobile_optimizer",
    "model_zoo",
    "serialization",
    "tensorboard",
    "weak",
)
_LAZY = {
    "generate_methods_for_privateuse1_backend": "backend_registration",
    "rename_privateuse1_backend": "backend_registration",
    "swap_tensors": "_swap",
}


def __getattr__(name):
    if name in _SUBMODULES:
        return _importlib.import_module(f"{__name__}.{name}")
    if name in _LAZY:
        return getattr(_importlib.import_module(f"{__name__}.{_LAZY[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
