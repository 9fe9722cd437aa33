"""torch._functorch.compilers: what to do with graphs ahead of time, of which there are none here."""

from .._unbuilt import define

default_decompositions: dict = {}
define(
    globals(),
    "no graphs are made ahead of time: call the function itself, or use torch.compile, which runs it as it is",
    functions="debug_compile draw_graph_compile memory_efficient_fusion nnc_jit print_compile ts_compile",
)


def nop(fx_g, _=None):
    """The graph itself: a compiler that does nothing.

    >>> from flambeau._functorch.compilers import nop
    >>> nop(max)
    <built-in function max>
    """
    return fx_g
