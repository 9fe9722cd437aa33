"""Recorded work of CUDA devices: there are no devices."""

from ._kind import KIND as _KIND

__all__ = ["CUDAGraph", "graph"]


class CUDAGraph:
    """Work recorded once and run again and again: an error, as there is no device.

    >>> flambeau.cuda.CUDAGraph()
    Traceback (most recent call last):
        ...
    RuntimeError: [CUDAGraph] torch.cuda.CUDAGraph requires CUDA support
    """

    def __init__(self, keep_graph=False):
        _no_graphs("CUDAGraph")

    def capture_begin(self, pool=None, capture_error_mode="global"):
        """Begin to record."""
        _no_graphs("CUDAGraph")

    capture_end = instantiate = replay = reset = pool = lambda self: _no_graphs("CUDAGraph")


class graph:
    """A block that is recorded into a CUDAGraph: an error, as there is no device.

    >>> flambeau.cuda.graph(None)
    Traceback (most recent call last):
        ...
    RuntimeError: [graph] torch.cuda.graph requires CUDA support
    """

    def __init__(self, cuda_graph, pool=None, stream=None, capture_error_mode="global"):
        _no_graphs("graph")


def _no_graphs(name):
    raise RuntimeError(f"[{name}] torch.cuda.{name} requires CUDA support")


_KIND.define(
    globals(),
    graph_pool_handle=(
        "A pool of memory that graphs share: an error, as there is no device.",
        lambda: _no_graphs("graph_pool_handle"),
    ),
    is_current_stream_capturing=(
        "Whether work is being recorded: an error, as there is no device.",
        lambda: _no_graphs("is_current_stream_capturing"),
    ),
)


def make_graphed_callables(callables, sample_args, num_warmup_iters=3, allow_unused_input=False, pool=None):
    """Functions as recorded graphs: an error, as there is no device.

    >>> flambeau.cuda.make_graphed_callables(abs, ())
    Traceback (most recent call last):
        ...
    RuntimeError: [make_graphed_callables] torch.cuda.make_graphed_callables requires CUDA support
    """
    _no_graphs("make_graphed_callables")


__all__ += ["make_graphed_callables"]
