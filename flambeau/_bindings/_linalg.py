"""torch._C._linalg: the functions of torch.linalg, as torch's core names them."""

from .. import linalg


def __getattr__(name):
    plain = name.removeprefix("linalg_")
    if plain != name and hasattr(linalg, plain):
        return getattr(linalg, plain)
    raise AttributeError(f"module 'torch._C._linalg' has no attribute {name!r}")
