"""A pool of processes, through whose queues tensors travel in shared memory."""

import multiprocessing
import multiprocessing.pool

from .queue import SimpleQueue

__all__ = ["Pool", "clean_worker"]


def clean_worker(*args, **kwargs):
    """What a process of a pool runs: multiprocessing's worker; then it lets go of what is in cycles.

    >>> callable(clean_worker)
    True
    """
    import gc

    multiprocessing.pool.worker(*args, **kwargs)
    gc.collect()


class Pool(multiprocessing.pool.Pool):
    """A pool of processes.

    >>> Pool.__mro__[1].__name__
    'Pool'
    """

    def _setup_queues(self):
        self._inqueue, self._outqueue = SimpleQueue(ctx=self._ctx), SimpleQueue(ctx=self._ctx)
        self._quick_put, self._quick_get = self._inqueue._writer.send, self._outqueue._reader.recv
