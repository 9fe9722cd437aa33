"""torch._functorch.apis."""

import functools

from ..func import grad, grad_and_value, vmap
from ..func._vmap import _arguments

__all__ = ["chunk_vmap", "grad", "grad_and_value", "vmap"]


def chunk_vmap(func, in_dims=0, out_dims=0, randomness="error", chunks=2):
    """vmap in so many parts, one after the other: less memory at a time.

    >>> from flambeau._functorch.apis import chunk_vmap
    >>> chunk_vmap(flambeau.exp, chunks=2)(flambeau.zeros(4))
    tensor([1., 1., 1., 1.])
    """
    if chunks == 1:
        return vmap(func, in_dims=in_dims, out_dims=out_dims, randomness=randomness)

    @functools.wraps(func)
    def mapped(*args, **kwargs):
        size = -(-_arguments(func.__name__, in_dims, args)[-1] // chunks)
        return vmap(func, in_dims=in_dims, out_dims=out_dims, randomness=randomness, chunk_size=size)(*args, **kwargs)

    return mapped
