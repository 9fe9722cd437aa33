"""torch._C._fft: the functions of torch.fft, as torch's core names them."""

from .. import fft


def __getattr__(name):
    plain = name.removeprefix("fft_")
    if plain != name and hasattr(fft, plain):
        return getattr(fft, plain)
    raise AttributeError(f"module 'torch._C._fft' has no attribute {name!r}")
