"""vmap: a function of one as a function of many."""

import functools

from .. import _C
from ..utils._pytree import _broadcast_to_and_flatten, tree_flatten, tree_unflatten
from . import _batching

__all__ = ["vmap"]


def vmap(func, in_dims=0, out_dims=0, randomness="error", *, chunk_size=None):
    """A function that maps func over a dimension of its arguments, with each op done for all of them at once.

    Args:
        func: takes tensors (nested in containers) and returns tensors; it sees one of the batch: tensors without the mapped
            dimension. It must not depend on values (`if`, `.item()`).
        in_dims: the mapped dimension of each argument, nested like the arguments; None for one that is the same for all.
        out_dims: where that dimension is put in each result; None for a result that is the same for all.
        randomness: "error", "different" numbers for each of the batch, or the "same".
        chunk_size: how many of the batch are done at once, None for all.

    Returns: a function.

    Raises:
        ValueError: in_dims, out_dims or the sizes of the mapped dimensions do not fit.
        RuntimeError: func depends on values, or draws random numbers with randomness="error".

    >>> dot = flambeau.vmap(flambeau.dot)
    >>> dot(flambeau.ones(3, 2), flambeau.tensor([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]))
    tensor([ 3.,  7., 11.])
    """
    if randomness not in ("error", "different", "same"):
        raise RuntimeError(f"Only allowed values for randomness are 'error', 'different', or 'same'. Got {randomness}")
    if chunk_size is not None and not (chunk_size == "auto" or chunk_size > 0):
        raise ValueError(f"vmap: chunk_size should be None or greater than 0. (got {chunk_size})")

    @functools.wraps(func)
    def wrapped(*args, **kwargs):
        name = getattr(func, "__name__", repr(func))
        flat, dims, spec, size = _arguments(name, in_dims, args)
        if chunk_size is None or chunk_size >= size:
            return _mapped(func, name, flat, dims, spec, size, out_dims, randomness, kwargs)
        results = [
            _mapped(func, name, part, dims, spec, stop - start, out_dims, randomness, kwargs)
            for start, stop, part in _chunks(flat, dims, size, chunk_size)
        ]
        return _joined(results, out_dims, name)

    return wrapped


# ------------------------------------------------------------------------------------------------ arguments


def _arguments(name, in_dims, args):
    """Flat arguments, the mapped dimension of each, how they are nested, and the size of the batch."""
    call = f"vmap({name}, in_dims={in_dims}, ...)(<inputs>)"
    if not isinstance(in_dims, (int, tuple)):
        raise ValueError(
            f"{call}: expected `in_dims` to be int or a (potentially nested) tuple matching the structure of inputs, got: "
            f"{type(in_dims)}."
        )
    if not args:
        raise ValueError(
            f"vmap({name})(<inputs>): got no inputs. Maybe you forgot to add inputs, or you are trying to vmap over a function "
            "with no inputs. The latter is unsupported."
        )
    flat, spec = tree_flatten(args)
    dims = _broadcast_to_and_flatten(in_dims, spec, lambda x: x is None)
    if dims is None:
        raise ValueError(
            f"{call}: in_dims is not compatible with the structure of `inputs`. in_dims has structure {in_dims} but inputs "
            f"has structure {spec}."
        )
    dims = [_checked(call, dim, value) for dim, value in zip(dims, flat, strict=True)]
    sizes = [x.shape[d] for x, d in zip(flat, dims, strict=True) if d is not None]
    if not sizes:
        raise ValueError(
            f"{call}: Expected at least one Tensor to vmap over: all in_dims are None, or there is no tensor."
        )
    if any(size != sizes[0] for size in sizes):
        raise ValueError(
            f"vmap: Expected all tensors to have the same size in the mapped dimension, got sizes {sizes} for the mapped "
            "dimension"
        )
    if not sizes[0]:
        raise RuntimeError(f"{call}: the mapped dimension has size 0: there is nothing to map over")
    return flat, dims, spec, sizes[0]


def _checked(call, dim, value):
    if dim is None:
        return None
    if not isinstance(dim, int):
        raise ValueError(
            f"{call}: Got in_dim={dim} for an input but in_dim must be either an integer dimension or None."
        )
    if not isinstance(value, _C.Tensor):
        raise ValueError(
            f"{call}: Got in_dim={dim} for an input but the input is of type {type(value)}. We cannot vmap over non-Tensor "
            "arguments, please use None as the respective in_dim"
        )
    if not -value.dim() <= dim < value.dim():
        raise ValueError(
            f"{call}: Got in_dim={dim} for some input, but that input is a Tensor of dimensionality {value.dim()} so expected "
            f"in_dim to satisfy -{value.dim()} <= in_dim < {value.dim()}."
        )
    return dim % value.dim()


def _chunks(flat, dims, size, chunk_size):
    for start in range(0, size, chunk_size):
        stop = min(start + chunk_size, size)
        part = [x if d is None else _C.narrow(x, d, start, stop - start) for x, d in zip(flat, dims, strict=True)]
        yield start, stop, part


# ------------------------------------------------------------------------------------------------ the call


def _mapped(func, name, flat, dims, spec, size, out_dims, randomness, kwargs):
    interpreter = _batching.Vmap(size, randomness)
    inside = [
        x if d is None else interpreter.wrap(x if d == 0 else x.movedim(d, 0)) for x, d in zip(flat, dims, strict=True)
    ]
    with interpreter:
        result = func(*tree_unflatten(inside, spec), **kwargs)
    leaves, out_spec = tree_flatten(result)
    places = _out_places(out_dims, out_spec, name)
    return tree_unflatten(
        [_outside(interpreter, x, d, name, out_dims) for x, d in zip(leaves, places, strict=True)], out_spec
    )


def _out_places(out_dims, spec, name):
    if isinstance(out_dims, int) or (out_dims is None and spec.is_leaf()):
        return [out_dims] * spec.num_leaves
    if isinstance(out_dims, tuple) and len(out_dims) == 1 and spec.is_leaf():
        return [out_dims[0]]
    places = _broadcast_to_and_flatten(out_dims, spec)
    if places is None:
        raise ValueError(
            f"vmap({name}, ..., out_dims={out_dims})(<inputs>): out_dims is not compatible with the structure of `outputs`. "
            f"out_dims has structure {out_dims} but outputs has structure {spec}."
        )
    return places


def _outside(interpreter, x, dim, name, out_dims):
    if not isinstance(x, _C.Tensor):
        raise ValueError(
            f"vmap({name}, ...): `{name}` must only return Tensors, got type {type(x)}. Did you mean to set out_dims= to None "
            "for output?"
        )
    if dim is None:
        if interpreter.holds(x):
            raise ValueError(f"vmap({name}, ...): `{name}` can not return a BatchedTensor when out_dim is None")
        return x
    if not isinstance(dim, int):
        raise ValueError(
            f"vmap({name}, ..., out_dims={out_dims})(<inputs>): `out_dims` must be ints or None, got {dim!r}"
        )
    rank = x.dim() + 1
    if not -rank <= dim < rank:
        raise IndexError(f"Dimension out of range (expected to be in range of [{-rank}, {rank - 1}], but got {dim})")
    physical = interpreter.spread(x)
    return physical if dim % rank == 0 else physical.movedim(0, dim % rank)


def _joined(results, out_dims, name):
    """The results of all chunks."""
    from ..ops import cat

    specs = [tree_flatten(result) for result in results]
    places = _out_places(out_dims, specs[0][1], name)
    columns = zip(*(leaves for leaves, _ in specs), strict=True)
    joined = [column[0] if d is None else cat(list(column), d) for column, d in zip(columns, places, strict=True)]
    return tree_unflatten(joined, specs[0][1])
