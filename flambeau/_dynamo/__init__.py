"""torch._dynamo: torch's compiler in Python. Functions run as they are written; marks hand back what they mark."""

from .._settings import define
from ..compiler import (
    allow_in_graph,
    assume_constant_result,
    disable,
    is_compiling,
    list_backends,
    reset,
    set_stance,
    substitute_in_graph,
)
from . import eval_frame
from .eval_frame import OptimizedModule

config = define(
    __name__, cache_size_limit=8, recompile_limit=8, accumulated_cache_size_limit=256, suppress_errors=False, verbose=False,
    capture_scalar_outputs=False, capture_dynamic_output_shape_ops=False, dynamic_shapes=True, assume_static_by_default=True,
    automatic_dynamic_shapes=True, optimize_ddp=True, inline_inbuilt_nn_modules=True, allow_unspec_int_on_nn_module=False,
)  # fmt: skip


def optimize(backend="inductor", **options):
    """A decorator that compiles a function: here it hands it back."""
    return lambda function: function


optimize_assert = optimize


def run(fn=None):
    """The function itself."""
    return (lambda fn: fn) if fn is None else fn


def graph_break(msg=""):
    """Where the compiler should stop: nothing is compiled."""


def mark_dynamic(t, index, *, hint_override=None, min=None, max=None, specialize_on=None):
    """Say that a size varies: nothing is compiled for sizes."""


def mark_static(t, index=None):
    """Say that a size stays: nothing is compiled for sizes."""


maybe_mark_dynamic = mark_dynamic
mark_static_address = mark_static


def disallow_in_graph(fn):
    """A function that the compiler leaves alone: the function itself."""
    return fn


forbid_in_graph = disallow_in_graph


def skip_frame(msg=""):
    """Where the compiler should give up: nothing is compiled."""


def register_backend(compiler_fn=None, name=None, tags=()):
    """Keep a compiler: nothing calls it. Also a decorator."""
    return (lambda fn: fn) if compiler_fn is None else compiler_fn


def lookup_backend(compiler_fn):
    """The compiler of a name: none is there."""
    if callable(compiler_fn):
        return compiler_fn
    raise RuntimeError(f"[torch._dynamo] there is no backend {compiler_fn!r}: functions run as they are written")


def explain(f, *extra_args, **extra_kwargs):
    """What the compiler makes of a function: an error."""
    raise RuntimeError("[torch._dynamo.explain] nothing is compiled: functions run as they are written")


def export(f, *args, **kwargs):
    """A function as a graph: an error."""
    raise RuntimeError("[torch._dynamo.export] nothing is compiled; flambeau.fx.symbolic_trace makes a graph")
