"""Pinned memory, of which there is none without an accelerator."""

from collections.abc import Mapping, Sequence

from flambeau.utils.data._utils.collate import _same_mapping, _same_sequence

__all__ = ["pin_memory"]


def pin_memory(data, device=None):
    """The data with everything pinned that has a method ``pin_memory``, also inside containers.

    Example:
        >>> pin_memory({"a": [1, "b"]})
        {'a': [1, 'b']}
    """
    if hasattr(data, "pin_memory"):
        return data.pin_memory()
    if isinstance(data, (str, bytes)):
        return data
    if isinstance(data, Mapping):
        return _same_mapping(data, {key: pin_memory(value, device) for key, value in data.items()})
    if isinstance(data, tuple):
        items = [pin_memory(value, device) for value in data]
        return type(data)(*items) if hasattr(data, "_fields") else type(data)(items)
    if isinstance(data, Sequence):
        return _same_sequence(data, [pin_memory(value, device) for value in data])
    return data
