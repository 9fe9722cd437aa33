"""Tensors without memory: there are none, and nothing is one."""

from .. import _C


class FakeTensor(_C.Tensor):
    """What torch makes in order to compute shapes; making one is an error."""

    def __new__(cls, *args, **kwargs):
        raise NotImplementedError("[FakeTensor] tensors without memory: flambeau has none")


class FakeTensorMode:
    """A context whose tensors have no memory: an error."""

    def __init__(self, **options):
        raise NotImplementedError("[FakeTensorMode] tensors without memory: flambeau has none")


def is_fake(x):
    """Whether a value is a tensor without memory: no."""
    return False


def unset_fake_temporarily():
    """A context without such a mode."""
    import contextlib

    return contextlib.nullcontext()
