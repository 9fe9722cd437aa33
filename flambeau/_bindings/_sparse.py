"""torch._C._sparse: the functions of torch.sparse, as torch's core names them."""

from .. import sparse


def __getattr__(name):
    plain = name.removeprefix("sparse_")
    if plain != name and hasattr(sparse, plain):
        return getattr(sparse, plain)
    raise AttributeError(f"module 'torch._C._sparse' has no attribute {name!r}")
