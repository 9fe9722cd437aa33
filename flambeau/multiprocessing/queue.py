"""Queues of multiprocessing, through which tensors travel in shared memory."""

import multiprocessing
import multiprocessing.queues
from multiprocessing.reduction import ForkingPickler

__all__ = ["ConnectionWrapper", "Queue", "SimpleQueue"]


class ConnectionWrapper:
    """A connection whose objects are pickled as multiprocessing sends them.

    >>> ConnectionWrapper(None).conn is None
    True
    """

    def __init__(self, conn):
        self.conn = conn

    def send(self, obj):
        """Sends an object."""
        self.conn.send_bytes(ForkingPickler.dumps(obj))

    def recv(self):
        """Receives an object."""
        return ForkingPickler.loads(self.conn.recv_bytes())

    def __getattr__(self, name):
        if "conn" in self.__dict__:
            return getattr(self.conn, name)
        raise AttributeError(f"'{type(self).__name__}' object has no attribute 'conn'")


class Queue(multiprocessing.queues.Queue):
    """A queue between processes.

    >>> queue = Queue(ctx=multiprocessing.get_context())
    >>> queue.put(flambeau.ones(2))
    >>> queue.get()
    tensor([1., 1.])
    """


class SimpleQueue(multiprocessing.queues.SimpleQueue):
    """A queue between processes, of one pipe and a lock.

    >>> queue = SimpleQueue(ctx=multiprocessing.get_context())
    >>> queue.put(flambeau.ones(2))
    >>> queue.get()
    tensor([1., 1.])
    """
