"""torch._C._special: the functions of torch.special, as torch's core names them."""

from .. import special


def __getattr__(name):
    plain = name.removeprefix("special_")
    if plain != name and hasattr(special, plain):
        return getattr(special, plain)
    raise AttributeError(f"module 'torch._C._special' has no attribute {name!r}")
