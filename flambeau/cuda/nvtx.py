"""Marks for NVIDIA's profilers, which are not there."""

import contextlib

from .._absent import Kind as _Kind

__all__ = ["range"]


def _missing(*args):
    raise RuntimeError("[nvtx] NVTX functions not installed. Are you sure you have a CUDA build?")


_Kind(__name__, "NVTX").define(
    globals(),
    range_push=("Begin a range: an error, as there is no profiler.", lambda msg: _missing(), "'step'"),
    range_pop=("End the range begun last: an error, as there is no profiler.", lambda: _missing()),
    range_start=("Begin a range that may overlap others: an error.", lambda msg: _missing(), "'step'"),
    range_end=("End a range that range_start began: an error.", lambda range_id: _missing(), "0"),
    mark=("Mark an instant: an error, as there is no profiler.", lambda msg: _missing(), "'step'"),
)


@contextlib.contextmanager
def range(msg, *args, **kwargs):
    """A block as a range: an error, as there is no profiler.

    >>> with flambeau.cuda.nvtx.range("step"):
    ...     pass
    Traceback (most recent call last):
        ...
    RuntimeError: [nvtx] NVTX functions not installed. Are you sure you have a CUDA build?
    """
    yield _missing()
