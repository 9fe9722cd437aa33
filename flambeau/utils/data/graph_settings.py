"""Settings of all pipes in a graph: sharding, shuffling, seeds."""

import inspect
import warnings

import flambeau
from flambeau.utils.data.datapipes.iter.sharding import SHARDING_PRIORITIES
from flambeau.utils.data.graph import traverse_dps

__all__ = [
    "apply_random_seed",
    "apply_sharding",
    "apply_shuffle_seed",
    "apply_shuffle_settings",
    "get_all_graph_pipes",
]


def get_all_graph_pipes(graph):
    """The pipes of a graph, each once.

    Example:
        >>> from flambeau.utils.data.datapipes.iter import IterableWrapper
        >>> get_all_graph_pipes(traverse_dps(IterableWrapper([1]).batch(2)))
        [BatcherIterDataPipe, IterableWrapperIterDataPipe]
    """
    found = {}

    def visit(graph):
        for number, (pipe, sources) in graph.items():
            if number not in found:
                found[number] = pipe
                visit(sources)

    visit(graph)
    return list(found.values())


def _has(pipe, *names):
    return all(inspect.ismethod(getattr(pipe, name, None)) for name in names)


def apply_sharding(datapipe, num_of_instances, instance_id, sharding_group=SHARDING_PRIORITIES.DEFAULT):
    """Sets which part of how many the ``sharding_filter`` of a pipe gives.

    Raises:
        RuntimeError: two of them follow each other.

    Example:
        >>> from flambeau.utils.data.datapipes.iter import IterableWrapper
        >>> list(apply_sharding(IterableWrapper(range(5)).sharding_filter(), 2, 0))
        [0, 2, 4]
    """

    def visit(graph, above):
        for pipe, sources in graph.values():
            here = above
            if _has(pipe, "apply_sharding") and (not hasattr(pipe, "is_shardable") or pipe.is_shardable()):
                if above is not None:
                    raise RuntimeError(
                        "Sharding twice on a single pipeline is likely unintended and will cause data loss. "
                        f"Sharding already applied to {above} while trying to apply to {pipe}"
                    )
                accepts = len(inspect.signature(pipe.apply_sharding).parameters) >= 3
                group = {"sharding_group": sharding_group} if accepts else {}
                pipe.apply_sharding(num_of_instances, instance_id, **group)
                here = pipe
            visit(sources, here)

    visit(traverse_dps(datapipe), None)
    return datapipe


def apply_shuffle_settings(datapipe, shuffle=None):
    """Turns the shuffling of a pipe on or off; True adds some where there is none.

    Example:
        >>> from flambeau.utils.data.datapipes.iter import IterableWrapper
        >>> list(apply_shuffle_settings(IterableWrapper(range(3)).shuffle(), shuffle=False))
        [0, 1, 2]
    """
    if shuffle is None:
        return datapipe
    shufflers = [pipe for pipe in get_all_graph_pipes(traverse_dps(datapipe)) if _has(pipe, "set_shuffle", "set_seed")]
    if not shufflers and shuffle:
        warnings.warn(
            "`shuffle=True` was set, but the datapipe does not contain a `Shuffler`. Adding one at the end. Be aware "
            "that the default buffer size might not be sufficient for your task.",
            stacklevel=2,
        )
        datapipe = datapipe.shuffle()
        shufflers = [datapipe]
    for shuffler in shufflers:
        shuffler.set_shuffle(shuffle)
    return datapipe


def apply_shuffle_seed(datapipe, rng):
    """``apply_random_seed``, under its old name.

    Example:
        >>> from flambeau.utils.data.datapipes.iter import IterableWrapper
        >>> pipe = IterableWrapper(range(3))
        >>> apply_shuffle_seed(pipe, None) is pipe
        True
    """
    return apply_random_seed(datapipe, rng)


def apply_random_seed(datapipe, rng):
    """Gives each pipe that has ``set_seed`` a seed drawn from a generator.

    Example:
        >>> import flambeau
        >>> from flambeau.utils.data.datapipes.iter import IterableWrapper
        >>> pipe = IterableWrapper(range(3)).shuffle()
        >>> first = list(apply_random_seed(pipe, flambeau.Generator().manual_seed(0)))
        >>> first == list(apply_random_seed(pipe, flambeau.Generator().manual_seed(0)))
        True
    """
    for pipe in get_all_graph_pipes(traverse_dps(datapipe)):
        if _has(pipe, "set_seed"):
            pipe.set_seed(int(flambeau.empty((), dtype=flambeau.int64).random_(generator=rng).item()))
    return datapipe
