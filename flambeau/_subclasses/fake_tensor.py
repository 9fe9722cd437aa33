"""torch's tensors that stand for those of another device: there are none, and nothing is one. Shapes without values are on device 'meta'."""

from .. import _C


class FakeTensor(_C.Tensor):
    """What torch makes in order to compute shapes; making one is an error."""

    def __new__(cls, *args, **kwargs):
        raise NotImplementedError("[FakeTensor] make tensors on device='meta': they have shapes and no memory")


class FakeTensorMode:
    """A context whose tensors stand for others: an error."""

    def __init__(self, **options):
        raise NotImplementedError(
            "[FakeTensorMode] use `with flambeau.device('meta'):`, whose tensors have shapes and no memory"
        )


def is_fake(x):
    """Whether a value is one of them: no."""
    return False


def unset_fake_temporarily():
    """A context without such a mode."""
    import contextlib

    return contextlib.nullcontext()
