"""TorchScript's names for eager execution: `script` and `trace` keep a module's or function's names and save it; it runs as Python.

What torch compiles, and what differs here: `.code` is the Python source; there are no graphs; a traced function's branches follow
each call; a saved file needs the classes that it names.
"""

import warnings as _warnings
from contextlib import contextmanager as _contextmanager

from ..futures import Future
from . import annotations
from ._files import load, save
from ._marks import (
    Attribute,
    Final,
    _copy_to_script_wrapper,
    _drop,
    _fork,
    _get_tracing_state,
    _overload,
    _overload_method,
    _script_if_tracing,
    _wait,
    annotate,
    export,
    export_opnames,
    fork,
    ignore,
    interface,
    is_scripting,
    isinstance,
    script_if_tracing,
    script_method,
    unused,
    wait,
)
from ._script import (
    CompilationUnit,
    Error,
    RecursiveScriptModule,
    ScriptFunction,
    ScriptModule,
    freeze,
    optimize_for_inference,
    script,
    set_fusion_strategy,
)
from ._trace import (
    TopLevelTracedModule,
    TracedModule,
    TracerWarning,
    TracingCheckError,
    is_tracing,
    trace,
    trace_module,
)

__all__ = [
    "Attribute",
    "CompilationUnit",
    "Error",
    "Future",
    "RecursiveScriptModule",
    "ScriptFunction",
    "ScriptModule",
    "TopLevelTracedModule",
    "TracerWarning",
    "TracingCheckError",
    "annotate",
    "enable_onednn_fusion",
    "export",
    "export_opnames",
    "fork",
    "freeze",
    "fuser",
    "ignore",
    "interface",
    "is_scripting",
    "is_tracing",
    "isinstance",
    "load",
    "onednn_fusion_enabled",
    "optimize_for_inference",
    "optimized_execution",
    "run_frozen_optimizations",
    "save",
    "script",
    "script_if_tracing",
    "script_method",
    "set_fusion_strategy",
    "strict_fusion",
    "trace",
    "trace_module",
    "unused",
    "wait",
]

_onednn = {"enabled": False}


class ScriptWarning(Warning):
    """What scripting warns of."""


def enable_onednn_fusion(enabled):
    """Remember whether oneDNN should fuse; nothing is fused.

    >>> flambeau.jit.enable_onednn_fusion(False)
    """
    _onednn["enabled"] = bool(enabled)


def onednn_fusion_enabled():
    """What enable_onednn_fusion was told.

    >>> flambeau.jit.onednn_fusion_enabled()
    False
    """
    return _onednn["enabled"]


@_contextmanager
def optimized_execution(should_optimize):
    """A context in which compiled code is optimized or not: there is none.

    >>> with flambeau.jit.optimized_execution(False):
    ...     pass
    """
    yield


@_contextmanager
def fuser(name):
    """A context in which a fuser ("fuser0" to "fuser3") is used: nothing is fused.

    Raises:
        Exception: there is no fuser of that name.

    >>> with flambeau.jit.fuser("fuser1"):
    ...     pass
    """
    if name not in ("fuser0", "fuser1", "fuser2", "fuser3"):
        raise Exception(f"unrecognized fuser option (name: {name})")
    yield


def run_frozen_optimizations(mod, optimize_numerics=True, preserved_methods=None):
    """Optimize a frozen module in place: there is nothing to do.

    >>> flambeau.jit.run_frozen_optimizations(None)
    """


class strict_fusion:
    """A context whose operations torch's compiler must fuse; in eager code it means nothing, in torch neither.

    >>> import warnings
    >>> with warnings.catch_warnings():
    ...     warnings.simplefilter("ignore")
    ...     with flambeau.jit.strict_fusion():
    ...         pass
    """

    def __init__(self):
        _warnings.warn("Only works in script mode", stacklevel=2)

    def __enter__(self):
        return self

    def __exit__(self, *error):
        return False
