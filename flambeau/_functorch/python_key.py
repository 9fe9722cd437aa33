"""torch._functorch.python_key: tracing by dispatch, which is not built here."""

from .._unbuilt import define

define(
    globals(),
    "graphs are not traced through dispatch: torch.fx.symbolic_trace traces modules",
    functions="make_fx pythonkey_decompose",
)
