"""Turning lists of samples into batches."""

import copy
import re
from collections.abc import Mapping, MutableMapping, MutableSequence, Sequence

import flambeau

__all__ = ["collate", "default_collate", "default_collate_fn_map", "default_convert"]


np_str_obj_array_pattern = re.compile(r"[SaUO]")
default_collate_err_msg_format = (
    "default_collate: batch must contain tensors, numpy arrays, numbers, dicts or lists; found {}"
)


def _is_numpy(value):
    return hasattr(value, "__array_interface__") and hasattr(value, "dtype")


def _holds_text(array):
    return array.dtype.kind in "SUO"  # bytes, text, objects


def default_convert(data):
    """Turns numpy arrays and numbers, also inside containers, into tensors and leaves all else as it is.

    Example:
        >>> import numpy
        >>> default_convert([1, numpy.float32(2)])
        [1, tensor(2.)]
    """
    if isinstance(data, flambeau.Tensor):
        return data
    if _is_numpy(data):
        return data if _holds_text(data) else flambeau.as_tensor(data)
    if isinstance(data, Mapping):
        return _same_mapping(data, {key: default_convert(value) for key, value in data.items()})
    if isinstance(data, tuple) and hasattr(data, "_fields"):
        return type(data)(*(default_convert(value) for value in data))
    if isinstance(data, tuple):
        return [default_convert(value) for value in data]
    if isinstance(data, Sequence) and not isinstance(data, (str, bytes)):
        return _same_sequence(data, [default_convert(value) for value in data])
    return data


def _same_mapping(like, items):
    """A mapping of the same type with new items, or a dict where the type cannot be made that way."""
    try:
        if isinstance(like, MutableMapping):
            clone = copy.copy(like)
            clone.update(items)
            return clone
        return type(like)(items)
    except TypeError:
        return items


def _same_sequence(like, items):
    try:
        if isinstance(like, MutableSequence):
            clone = copy.copy(like)
            for place, item in enumerate(items):
                clone[place] = item
            return clone
        return type(like)(items)
    except TypeError:
        return items


def collate_tensor_fn(batch, *, collate_fn_map=None):
    return flambeau.stack(batch, 0)


def collate_float_fn(batch, *, collate_fn_map=None):
    return flambeau.tensor(batch, dtype=flambeau.float64)


def collate_int_fn(batch, *, collate_fn_map=None):
    return flambeau.tensor(batch)


def collate_str_fn(batch, *, collate_fn_map=None):
    return batch


default_collate_fn_map = {
    flambeau.Tensor: collate_tensor_fn,
    float: collate_float_fn,
    int: collate_int_fn,
    str: collate_str_fn,
    bytes: collate_str_fn,
}


def collate(batch, *, collate_fn_map=None):
    """Collates a list of samples with the function that the map has for their type; goes into containers.

    Args:
        batch: a list of samples of one kind.
        collate_fn_map: from types (or tuples of types) to functions ``(batch, *, collate_fn_map)``.

    Returns:
        The batch.

    Raises:
        TypeError: no function for the type.
        RuntimeError: sequences of different lengths.

    Example:
        >>> collate(["a", "b"], collate_fn_map={str: lambda batch, collate_fn_map: "".join(batch)})
        'ab'
    """
    first = batch[0]
    kind = type(first)
    functions = collate_fn_map or {}
    if kind in functions:
        return functions[kind](batch, collate_fn_map=functions)
    for known, function in functions.items():
        if isinstance(first, known):
            return function(batch, collate_fn_map=functions)
    if isinstance(first, Mapping):
        return _same_mapping(
            first, {key: collate([sample[key] for sample in batch], collate_fn_map=functions) for key in first}
        )
    if isinstance(first, tuple) and hasattr(first, "_fields"):
        return kind(*(collate(samples, collate_fn_map=functions) for samples in zip(*batch, strict=True)))
    if isinstance(first, Sequence):
        return _collate_sequences(batch, functions)
    raise TypeError(default_collate_err_msg_format.format(kind))


def _collate_sequences(batch, functions):
    first = batch[0]
    if any(len(sample) != len(first) for sample in batch):
        raise RuntimeError("each element in list of batch should be of equal size")
    columns = [collate(samples, collate_fn_map=functions) for samples in zip(*batch, strict=True)]
    return columns if isinstance(first, tuple) else _same_sequence(first, columns)


def collate_numpy_array_fn(batch, *, collate_fn_map=None):
    first = batch[0]
    if _holds_text(first):
        raise TypeError(default_collate_err_msg_format.format(first.dtype))
    return flambeau.stack([flambeau.from_numpy(array) for array in batch], 0)


def collate_numpy_scalar_fn(batch, *, collate_fn_map=None):
    import numpy

    return flambeau.as_tensor(numpy.asarray(batch))


def _functions_for(batch):
    """The default map, completed with numpy's types once a sample has one (numpy is not imported for nothing)."""
    import sys

    numpy = sys.modules.get("numpy")
    if numpy is not None and numpy.ndarray not in default_collate_fn_map:
        default_collate_fn_map[numpy.ndarray] = collate_numpy_array_fn
        default_collate_fn_map[(numpy.bool_, numpy.number, numpy.object_)] = collate_numpy_scalar_fn
    return default_collate_fn_map


def default_collate(batch):
    """Stacks the samples of a list into a batch, with a new first dimension.

    Tensors and arrays are stacked; numbers become a tensor; strings stay a list; dicts, named tuples, tuples and lists
    are collated element by element (tuples give lists).

    Args:
        batch: a list of samples.

    Returns:
        The batch.

    Raises:
        TypeError: samples of a type that cannot be collated.
        RuntimeError: shapes or lengths differ.

    Example:
        >>> default_collate([(1, "a"), (2, "b")])
        [tensor([1, 2]), ('a', 'b')]
    """
    return collate(batch, collate_fn_map=_functions_for(batch))
