"""Remote procedure calls: there are none."""

from . import api

__all__ = ["is_available"]


def is_available():
    """Whether there are remote procedure calls: no.

    >>> flambeau.distributed.rpc.is_available()
    False
    """
    return False


def init_rpc(name, backend=None, rank=-1, world_size=None, rpc_backend_options=None):
    """Begin remote procedure calls: an error."""
    raise RuntimeError("[distributed.rpc] there are no remote procedure calls: use collective operations or messages")
