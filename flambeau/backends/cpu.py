"""The processor."""

from .. import _C

__all__ = ["fuse", "get_cpu_capability", "keep_packed_weights"]


def get_cpu_capability():
    """The widest vector instructions of the processor, in torch's words.

    >>> flambeau.backends.cpu.get_cpu_capability() in ("DEFAULT", "AVX2", "AVX512", "NEON")
    True
    """
    import platform

    if platform.machine().lower() in ("arm64", "aarch64"):
        return "NEON"
    try:
        with open("/proc/cpuinfo") as file:
            words = set(file.read().split())
    except OSError:
        return "DEFAULT"
    return "AVX512" if {"avx512f", "avx512bw", "avx512vl"} <= words else "AVX2" if "avx2" in words else "DEFAULT"


def keep_packed_weights(enabled):
    """Whether weights that do not change are kept in the form that products and convolutions read (default: yes).

    From its second use without gradients on, an unchanged weight of a convolution, or a large matrix with contiguous rows on
    the right of a product of few rows, has a packed copy. It lives until the weight changes or is used for training: inference
    gets faster, and takes up to 2.8 times the weights' memory. The results are the same to the bit. No counterpart in torch.

    Args:
        enabled: False lets the copies go, each when its weight is used next.

    >>> flambeau.backends.cpu.keep_packed_weights(False)
    >>> flambeau.backends.cpu.keep_packed_weights(True)
    """
    _C.keep_packed(enabled)


def fuse(enabled):
    """Whether ops that follow each other element by element wait and run as one (default: yes).

    Large float32 results of pointwise ops, and those of convolutions and of batch norm in eval mode, are computed when
    somebody looks at them, or before what they were made from changes. Until then further pointwise ops join them, and all
    of them are done in one pass over memory; a result on the way that nobody can look at any more is never written. To time
    an op, look at its result, or time until it is let go. Values are the same to the bit. `FLAMBEAU_FUSE=0` in the environment turns it off from the start, `FLAMBEAU_FUSE=all`
    puts off small results too. No counterpart in torch, which needs torch.compile for this.

    Args:
        enabled: False computes each op at once.

    >>> flambeau.backends.cpu.fuse(False)
    >>> flambeau.backends.cpu.fuse(True)
    """
    _C.fuse(enabled)
