"""What loaders do for data pipes, which are loaded when a program first uses one."""

import sys

import flambeau

__all__ = ["is_pipe", "seed_pipe", "share_pipe"]


def is_pipe(dataset, *kinds):
    """Whether the data set is a pipe of one of the kinds, by name."""
    pipes = sys.modules.get("flambeau.utils.data.datapipes.datapipe")
    return pipes is not None and isinstance(dataset, tuple(getattr(pipes, kind) for kind in kinds))


def seed_pipe(pipe, seed):
    """Seeds what is random in a pipe."""
    from flambeau.utils.data.graph_settings import apply_random_seed

    apply_random_seed(pipe, flambeau.Generator().manual_seed(seed))


def share_pipe(pipe, worker, num_workers, world_size, rank):
    """Sets which part of a pipe a worker of a process gives."""
    from flambeau.utils.data.graph_settings import apply_sharding

    apply_sharding(pipe, world_size * num_workers, rank * num_workers + worker)
