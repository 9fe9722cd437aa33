"""The graph of the pipes that a pipe is made of."""

import functools
import types

from flambeau.utils.data.datapipes.datapipe import IterDataPipe, MapDataPipe

__all__ = ["traverse", "traverse_dps"]


def _sources(pipe):
    """The pipes that an object refers to directly or through containers, functions and other objects."""
    found, seen, pending = [], {id(pipe)}, [pipe]
    while pending:
        value = pending.pop(0)
        if isinstance(value, (str, bytes, int, float, type, types.ModuleType, type(None))):
            continue
        if isinstance(value, dict):
            parts = list(value.values())
        elif isinstance(value, (list, tuple, set, frozenset)):
            parts = list(value)
        elif isinstance(value, functools.partial):
            parts = [value.func, *value.args, *value.keywords.values()]
        elif isinstance(value, types.MethodType):
            parts = [value.__self__]
        else:
            parts = list(getattr(value, "__dict__", {}).values())
        for part in parts:
            if id(part) in seen:
                continue
            seen.add(id(part))
            (found if isinstance(part, (IterDataPipe, MapDataPipe)) else pending).append(part)
    return found


def traverse_dps(datapipe):
    """The graph of a pipe: ``{id: (pipe, graph of its sources)}``.

    Raises:
        RuntimeError: it is no pipe.

    Example:
        >>> from flambeau.utils.data.datapipes.iter import IterableWrapper
        >>> graph = traverse_dps(IterableWrapper([1]).batch(2))
        >>> [(pipe, len(sources)) for pipe, sources in graph.values()]
        [(BatcherIterDataPipe, 1)]
    """
    if not isinstance(datapipe, (IterDataPipe, MapDataPipe)):
        raise RuntimeError(f"Expected `IterDataPipe` or `MapDataPipe`, but {type(datapipe)} is found")
    return _graph(datapipe, set())


def _graph(pipe, above):
    if id(pipe) in above:
        return {}
    sources = {}
    for source in _sources(pipe):
        sources.update(_graph(source, above | {id(pipe)}))
    return {id(pipe): (pipe, sources)}


def traverse(datapipe, only_datapipe=None):
    """``traverse_dps``, under its old name.

    Example:
        >>> from flambeau.utils.data.datapipes.iter import IterableWrapper
        >>> len(traverse(IterableWrapper([1])))
        1
    """
    return traverse_dps(datapipe)
