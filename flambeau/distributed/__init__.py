"""Processes that train together, over TCP: process groups, collective operations, stores.

    dist.init_process_group("gloo", init_method="tcp://127.0.0.1:29500", rank=rank, world_size=2)
    dist.all_reduce(tensor)
    dist.destroy_process_group()

Bytes go through the process that serves the store; reductions add in the order of ranks, the same bits everywhere.
"""

import importlib as _importlib

from . import distributed_c10d
from ._groups import GroupMember, P2POp, ProcessGroup, ProcessGroupGloo, ReduceOp, Work, group, reduce_op
from ._stores import (
    DistBackendError,
    DistError,
    DistNetworkError,
    DistStoreError,
    FileStore,
    HashStore,
    PrefixStore,
    Store,
    TCPStore,
    default_pg_timeout,
)
from .distributed_c10d import *
from .distributed_c10d import _all_gather_base, _get_default_group, _reduce_scatter_base

__all__ = [
    "DistBackendError",
    "DistError",
    "DistNetworkError",
    "DistStoreError",
    "FileStore",
    "GroupMember",
    "HashStore",
    "P2POp",
    "PrefixStore",
    "ProcessGroup",
    "ReduceOp",
    "Store",
    "TCPStore",
    "Work",
    "group",
]
__all__ += distributed_c10d.__all__

_SUBMODULES = (
    "algorithms",
    "checkpoint",
    "constants",
    "device_mesh",
    "elastic",
    "fsdp",
    "nn",
    "optim",
    "pipelining",
    "rpc",
    "tensor",
    "utils",
)


def __getattr__(name):
    if name in ("DeviceMesh", "init_device_mesh"):
        return getattr(_importlib.import_module(f"{__name__}.device_mesh"), name)
    if name in _SUBMODULES:
        try:
            return _importlib.import_module(f"flambeau.distributed.{name}")
        except ModuleNotFoundError as error:
            if error.name != f"flambeau.distributed.{name}":
                raise
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
