"""Training with batches that run out earlier on some processes."""

from abc import ABC, abstractmethod

__all__ = ["Join", "JoinHook", "Joinable"]


class JoinHook:
    """What a process does while others still have batches.

    >>> flambeau.distributed.algorithms.join.JoinHook().main_hook()
    """

    def main_hook(self):
        """Called for each batch of the others."""

    def post_hook(self, is_last_joiner):
        """Called when all are done."""


class Joinable(ABC):
    """What can take part in Join.

    >>> hasattr(flambeau.distributed.algorithms.join.Joinable, "join_hook")
    True
    """

    @abstractmethod
    def join_hook(self, **kwargs):
        """The hook of this object."""


class Join:
    """A context in which processes may have different numbers of batches; with one process it changes nothing.

    Raises:
        NotImplementedError: there are several processes.

    >>> with flambeau.distributed.algorithms.join.Join([]):
    ...     pass
    """

    def __init__(self, joinables, enable=True, throw_on_early_termination=False, **kwargs):
        from .. import get_world_size, is_initialized

        if enable and is_initialized() and get_world_size() > 1:
            raise NotImplementedError("[Join] uneven batches on several processes: give every process as many batches")

    def __enter__(self):
        return self

    def __exit__(self, *error):
        return False

    @staticmethod
    def notify_join_context(joinable):
        """Say that a batch begins."""
        return
