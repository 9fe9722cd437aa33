"""Processes that train together: groups and collective operations, over TCP."""

import os
import pickle
from datetime import timedelta

from .. import _C
from ._groups import GroupMember, P2POp, ProcessGroup, ReduceOp, Work, combined, group, pack, unpack  # noqa: F401
from ._stores import FileStore, HashStore, PrefixStore, TCPStore, default_pg_timeout, store_of_environment

__all__ = [
    "Backend",
    "all_gather",
    "all_gather_coalesced",
    "all_gather_into_tensor",
    "all_gather_object",
    "all_reduce",
    "all_reduce_coalesced",
    "all_to_all",
    "all_to_all_single",
    "barrier",
    "batch_isend_irecv",
    "broadcast",
    "broadcast_object_list",
    "destroy_process_group",
    "gather",
    "gather_object",
    "get_backend",
    "get_global_rank",
    "get_group_rank",
    "get_node_local_rank",
    "get_process_group_ranks",
    "get_rank",
    "get_world_size",
    "init_process_group",
    "irecv",
    "is_available",
    "is_backend_available",
    "is_gloo_available",
    "is_initialized",
    "is_mpi_available",
    "is_nccl_available",
    "is_torchelastic_launched",
    "is_ucc_available",
    "is_xccl_available",
    "isend",
    "monitored_barrier",
    "new_group",
    "new_subgroups",
    "recv",
    "recv_object_list",
    "reduce",
    "reduce_scatter",
    "reduce_scatter_tensor",
    "scatter",
    "scatter_object_list",
    "send",
    "send_object_list",
]

_made = {"count": 0, "groups": {}}


class Backend(str):
    """The name of what moves the bytes: "gloo" here.

    >>> flambeau.distributed.Backend("GLOO")
    'gloo'
    """

    UNDEFINED, GLOO, NCCL, UCC, MPI, XCCL, FAKE = "undefined", "gloo", "nccl", "ucc", "mpi", "xccl", "fake"
    backend_list = ["undefined", "gloo"]

    def __new__(cls, name):
        if not isinstance(name, str):
            raise ValueError(f"Backend constructor parameter must be string-ish, got {name!r}")
        return str.__new__(cls, name.lower())


def is_available():
    """Whether processes can work together: yes.

    >>> flambeau.distributed.is_available()
    True
    """
    return True


def is_initialized():
    """Whether there is a process group.

    >>> flambeau.distributed.is_initialized()
    False
    """
    return group.WORLD is not None


def _never(name, what):
    def function():
        return False

    function.__name__ = function.__qualname__ = name
    function.__doc__ = f"""Whether {what}: no.

>>> flambeau.distributed.{name}()
False
"""
    return function


is_nccl_available = _never("is_nccl_available", "NCCL is there")
is_mpi_available = _never("is_mpi_available", "MPI is there")
is_ucc_available = _never("is_ucc_available", "UCC is there")
is_xccl_available = _never("is_xccl_available", "XCCL is there")


def is_gloo_available():
    """Whether processes can work together over TCP: yes.

    >>> flambeau.distributed.is_gloo_available()
    True
    """
    return True


def is_backend_available(backend):
    """Whether a backend is there.

    >>> flambeau.distributed.is_backend_available("gloo"), flambeau.distributed.is_backend_available("nccl")
    (True, False)
    """
    return backend.lower() == "gloo"


def is_torchelastic_launched():
    """Whether a launcher such as torchrun started this process.

    >>> flambeau.distributed.is_torchelastic_launched()
    False
    """
    return os.environ.get("TORCHELASTIC_RUN_ID") is not None


# ------------------------------------------------------------------------------------------------------ groups


def _from_environment(name, given):
    if given != -1:
        return given
    if name not in os.environ:
        raise ValueError(
            f"Error initializing torch.distributed using env:// rendezvous: environment variable {name} expected, but not set"
        )
    return int(os.environ[name])


def init_process_group(backend=None, init_method=None, timeout=None, world_size=-1, rank=-1, store=None, group_name="",
                       pg_options=None, device_id=None):  # fmt: skip
    """Let this process work together with others.

    Args:
        backend: "gloo" (the default); "nccl", "mpi" and others are not there.
        init_method: "env://" (MASTER_ADDR, MASTER_PORT, RANK, WORLD_SIZE), "tcp://host:port" or "file:///path".
        world_size, rank: how many processes, and which this one is.
        store: a store instead of init_method.
        timeout: how long a collective operation waits for the others.

    Raises:
        RuntimeError: the backend is not there.
        ValueError: there is a group already, or rank, world size or address are missing.

    >>> flambeau.distributed.init_process_group(store=flambeau.distributed.HashStore(), rank=0, world_size=1)
    >>> flambeau.distributed.get_rank(), flambeau.distributed.get_world_size()
    (0, 1)
    >>> flambeau.distributed.destroy_process_group()
    """
    if is_initialized():
        raise ValueError("trying to initialize the default process group twice!")
    name = _backend_name(backend)
    timeout = timeout or default_pg_timeout
    if not isinstance(timeout, timedelta):
        raise TypeError(f"Expected timeout argument to be of type datetime.timedelta, got {timeout}")
    if store is not None:
        if init_method is not None:
            raise AssertionError("Cannot specify both init_method and store.")
        if not (world_size > 0 and rank >= 0):
            raise AssertionError("world_size and rank must be given, and not negative, with store")
    else:
        store, rank, world_size = _rendezvous(init_method or "env://", rank, world_size, timeout)
    if not 0 <= rank < world_size:
        raise ValueError(f"[init_process_group] rank must be from 0 to world_size - 1, got rank {rank} of {world_size}")
    store.set_timeout(timeout)
    world = ProcessGroup(PrefixStore("default_pg", store), rank, world_size, None, "0", name, timeout)
    world.group_desc = "default_pg"
    group.WORLD = world
    barrier()


def _backend_name(backend):
    names = {part.split(":")[-1] for part in str(backend or "gloo").lower().split(",")}
    if "gloo" in names or names == {"undefined"}:
        return Backend("gloo")
    raise RuntimeError(
        f"Distributed package doesn't have {str(backend).upper()} built in: [init_process_group] use backend='gloo'"
    )


def _rendezvous(init_method, rank, world_size, timeout):
    """(store, rank, world size) of an address."""
    from urllib.parse import parse_qs, urlparse

    parts = urlparse(init_method)
    query = parse_qs(parts.query)
    if parts.scheme == "env":
        rank, world_size = _from_environment("RANK", rank), _from_environment("WORLD_SIZE", world_size)
        store = HashStore() if world_size == 1 else store_of_environment(rank, world_size, timeout)
        return store, rank, world_size
    rank = int(query["rank"][0]) if "rank" in query and rank == -1 else rank
    world_size = int(query["world_size"][0]) if "world_size" in query and world_size == -1 else world_size
    if parts.scheme not in ("tcp", "file"):
        raise RuntimeError(f"No rendezvous handler for {parts.scheme}://")
    if rank < 0 or world_size < 1:
        raise ValueError(f"Error initializing torch.distributed using {parts.scheme}:// rendezvous: rank and world_size parameters missing")  # fmt: skip
    if parts.scheme == "file":
        return FileStore(parts.path, world_size), rank, world_size
    if not parts.port:
        raise ValueError("Error initializing torch.distributed using tcp:// rendezvous: port number missing")
    return TCPStore(parts.hostname, parts.port, world_size, rank == 0, timeout), rank, world_size


def destroy_process_group(group=None):
    """Leave the group; without an argument, all groups.

    >>> flambeau.distributed.init_process_group(store=flambeau.distributed.HashStore(), rank=0, world_size=1)
    >>> flambeau.distributed.destroy_process_group()
    """
    from ._groups import group as groups

    if group is not None and group is not groups.WORLD:
        return
    if groups.WORLD is None:
        return
    store = groups.WORLD._store.underlying_store
    if groups.WORLD.size() > 1:
        _leave(groups.WORLD, store)
    groups.WORLD = None
    _made["count"] = 0


def _leave(world, store):
    """Say that this process is done; the one that serves the store waits for the others, so that they can say so."""
    try:
        left = store.add("left", 1)
        if isinstance(store, TCPStore) and store._server is not None:
            import time

            end = time.monotonic() + 30
            while left < world.size() and time.monotonic() < end:
                time.sleep(0.002)
                left = store.add("left", 0)
    except RuntimeError:
        pass
    if isinstance(store, TCPStore):
        store.close()


def _get_default_group():
    if not is_initialized():
        raise ValueError("Default process group has not been initialized, please make sure to call init_process_group.")
    return group.WORLD


def _group_of(given):
    """A group, or None where this process is not a member."""
    if given is GroupMember.NON_GROUP_MEMBER:
        return None
    return _get_default_group() if given is None else given


def get_rank(group=None):
    """The number of this process; -1 if it is not in the group.

    >>> flambeau.distributed.init_process_group(store=flambeau.distributed.HashStore(), rank=0, world_size=1)
    >>> flambeau.distributed.get_rank()
    0
    >>> flambeau.distributed.destroy_process_group()
    """
    found = _group_of(group)
    return -1 if found is None else found.rank()


def get_world_size(group=None):
    """How many processes there are; -1 if this one is not in the group.

    >>> flambeau.distributed.init_process_group(store=flambeau.distributed.HashStore(), rank=0, world_size=1)
    >>> flambeau.distributed.get_world_size()
    1
    >>> flambeau.distributed.destroy_process_group()
    """
    found = _group_of(group)
    return -1 if found is None else found.size()


def get_backend(group=None):
    """The name of what moves the bytes.

    >>> flambeau.distributed.init_process_group(store=flambeau.distributed.HashStore(), rank=0, world_size=1)
    >>> flambeau.distributed.get_backend()
    'gloo'
    >>> flambeau.distributed.destroy_process_group()
    """
    return _group_of(group).name()


def get_node_local_rank(fallback_rank=None):
    """LOCAL_RANK, which launchers set.

    >>> flambeau.distributed.get_node_local_rank(0)
    0
    """
    if "LOCAL_RANK" in os.environ:
        return int(os.environ["LOCAL_RANK"])
    if fallback_rank is not None:
        return int(fallback_rank)
    raise RuntimeError(
        "LOCAL_RANK is not in the environment. Consider passing fallback_rank to allow `get_node_local_rank` to work"
    )


def get_process_group_ranks(group):
    """The ranks, among all processes, of a group's members.

    >>> flambeau.distributed.init_process_group(store=flambeau.distributed.HashStore(), rank=0, world_size=1)
    >>> flambeau.distributed.get_process_group_ranks(None)
    [0]
    >>> flambeau.distributed.destroy_process_group()
    """
    return list(_group_of(group).ranks)


def get_group_rank(group, global_rank):
    """The rank in a group of a process.

    >>> flambeau.distributed.init_process_group(store=flambeau.distributed.HashStore(), rank=0, world_size=1)
    >>> flambeau.distributed.get_group_rank(None, 0)
    0
    >>> flambeau.distributed.destroy_process_group()
    """
    ranks = _group_of(group).ranks
    if global_rank not in ranks:
        raise ValueError(f"Global rank {global_rank} is not part of group {group}")
    return ranks.index(global_rank)


def get_global_rank(group, group_rank):
    """The rank among all processes of a group's member.

    >>> flambeau.distributed.init_process_group(store=flambeau.distributed.HashStore(), rank=0, world_size=1)
    >>> flambeau.distributed.get_global_rank(None, 0)
    0
    >>> flambeau.distributed.destroy_process_group()
    """
    ranks = _group_of(group).ranks
    if not 0 <= group_rank < len(ranks):
        raise ValueError(f"Group rank {group_rank} is not part of group {group}")
    return ranks[group_rank]


def new_group(ranks=None, timeout=None, backend=None, pg_options=None, use_local_synchronization=False, group_desc=None, device_id=None):  # fmt: skip
    """A group of some of the processes; all processes must call it.

    Returns:
        ProcessGroup, or GroupMember.NON_GROUP_MEMBER for those that are not in it.

    >>> flambeau.distributed.init_process_group(store=flambeau.distributed.HashStore(), rank=0, world_size=1)
    >>> flambeau.distributed.new_group([0]).size()
    1
    >>> flambeau.distributed.destroy_process_group()
    """
    world = _get_default_group()
    ranks = list(range(world.size())) if ranks is None else sorted(ranks)
    if len(set(ranks)) != len(ranks) or any(not 0 <= r < world.size() for r in ranks):
        raise ValueError(f"[new_group] ranks must be different, from 0 to {world.size() - 1}, got {ranks}")
    if backend is not None:
        _backend_name(backend)
    _made["count"] += 1
    made = world.part(ranks, f"group{_made['count']}", timeout)
    barrier()
    return GroupMember.NON_GROUP_MEMBER if made is None else made


def new_subgroups(group_size=None, group=None, timeout=None, backend=None, pg_options=None, group_desc=None):
    """Groups of group_size neighbours each: (this process's, all of them).

    >>> flambeau.distributed.init_process_group(store=flambeau.distributed.HashStore(), rank=0, world_size=1)
    >>> len(flambeau.distributed.new_subgroups(1)[1])
    1
    >>> flambeau.distributed.destroy_process_group()
    """
    size = _get_default_group().size()
    group_size = group_size or size
    if size % group_size:
        raise ValueError(f"The world size ({size}) must be divisible by group_size ({group_size})")
    groups = [new_group(list(range(i, i + group_size)), timeout, backend) for i in range(0, size, group_size)]
    return next(g for g in groups if g is not GroupMember.NON_GROUP_MEMBER), groups


# ------------------------------------------------------------------------------------------------------ collectives


def _done(async_op, result=None):
    return Work(result=result) if async_op else None


def _fill(target, value):
    from ..autograd.grad_mode import no_grad

    with no_grad():
        target.copy_(value)


def _check_tensor(tensor, name="tensor"):
    if not isinstance(tensor, _C.Tensor):
        raise TypeError(
            f"Invalid function argument. Expected parameter `{name}` of type torch.Tensor but got {type(tensor)} instead."
        )


def _check_list(tensors, name):
    if not isinstance(tensors, list) or not all(isinstance(t, _C.Tensor) for t in tensors):
        raise TypeError(
            f"Invalid function argument. Expected parameter `{name}` of type List[torch.Tensor] but got {type(tensors)}."
        )


def _member(group, rank):
    """The rank in a group of a process given by its rank among all."""
    return rank if group is _get_default_group() else get_group_rank(group, rank)


def all_reduce(tensor, op=ReduceOp.SUM, group=None, async_op=False):
    """Every process's tensor becomes the sum (or another reduction) of all.

    >>> flambeau.distributed.init_process_group(store=flambeau.distributed.HashStore(), rank=0, world_size=1)
    >>> x = flambeau.ones(2)
    >>> flambeau.distributed.all_reduce(x)
    >>> x
    tensor([1., 1.])
    >>> flambeau.distributed.destroy_process_group()
    """
    _check_tensor(tensor)
    found = _group_of(group)
    if found is None:
        return None
    parts = found.exchange(pack(tensor))
    _fill(tensor, combined([unpack(parts[r], tensor) for r in range(found.size())], op))
    return _done(async_op, [tensor])


def all_reduce_coalesced(tensors, op=ReduceOp.SUM, group=None, async_op=False):
    """`all_reduce` of several tensors.

    >>> flambeau.distributed.init_process_group(store=flambeau.distributed.HashStore(), rank=0, world_size=1)
    >>> flambeau.distributed.all_reduce_coalesced([flambeau.ones(1)])
    >>> flambeau.distributed.destroy_process_group()
    """
    for tensor in tensors:
        all_reduce(tensor, op, group)
    return _done(async_op, tensors)


def reduce(tensor, dst=None, op=ReduceOp.SUM, group=None, async_op=False, group_dst=None):
    """The tensor of process dst becomes the sum (or another reduction) of all.

    >>> flambeau.distributed.init_process_group(store=flambeau.distributed.HashStore(), rank=0, world_size=1)
    >>> flambeau.distributed.reduce(flambeau.ones(2), 0)
    >>> flambeau.distributed.destroy_process_group()
    """
    _check_tensor(tensor)
    found = _group_of(group)
    if found is None:
        return None
    place = _member(found, dst) if group_dst is None else group_dst
    here = found.rank() == place
    parts = found.exchange(pack(tensor), None if here else [])
    if here:
        _fill(tensor, combined([unpack(parts[r], tensor) for r in range(found.size())], op))
    return _done(async_op, [tensor])


def broadcast(tensor, src=None, group=None, async_op=False, group_src=None):
    """Every process's tensor becomes that of process src.

    >>> flambeau.distributed.init_process_group(store=flambeau.distributed.HashStore(), rank=0, world_size=1)
    >>> flambeau.distributed.broadcast(flambeau.ones(2), 0)
    >>> flambeau.distributed.destroy_process_group()
    """
    _check_tensor(tensor)
    found = _group_of(group)
    if found is None:
        return None
    place = _member(found, src) if group_src is None else group_src
    here = found.rank() == place
    parts = found.exchange(pack(tensor) if here else b"", [place])
    if not here:
        _fill(tensor, unpack(parts[place], tensor))
    return _done(async_op, [tensor])


def all_gather(tensor_list, tensor, group=None, async_op=False):
    """tensor_list gets the tensors of all processes.

    >>> flambeau.distributed.init_process_group(store=flambeau.distributed.HashStore(), rank=0, world_size=1)
    >>> parts = [flambeau.zeros(2)]
    >>> flambeau.distributed.all_gather(parts, flambeau.ones(2))
    >>> parts
    [tensor([1., 1.])]
    >>> flambeau.distributed.destroy_process_group()
    """
    _check_list(tensor_list, "tensor_list")
    _check_tensor(tensor)
    found = _group_of(group)
    if found is None:
        return None
    if len(tensor_list) != found.size():
        raise ValueError(f"[all_gather] tensor_list must have {found.size()} tensors, got {len(tensor_list)}")
    parts = found.exchange(pack(tensor))
    for rank, target in enumerate(tensor_list):
        _fill(target, unpack(parts[rank], target))
    return _done(async_op, tensor_list)


def all_gather_coalesced(output_tensor_lists, input_tensor_list, group=None, async_op=False):
    """`all_gather` of several tensors.

    >>> flambeau.distributed.init_process_group(store=flambeau.distributed.HashStore(), rank=0, world_size=1)
    >>> flambeau.distributed.all_gather_coalesced([[flambeau.zeros(2)]], [flambeau.ones(2)])
    >>> flambeau.distributed.destroy_process_group()
    """
    for rank_lists, tensor in zip(zip(*output_tensor_lists), input_tensor_list):
        all_gather(list(rank_lists), tensor, group)
    return _done(async_op, output_tensor_lists)


def all_gather_into_tensor(output_tensor, input_tensor, group=None, async_op=False):
    """output_tensor gets the tensors of all processes, one after the other (or stacked).

    >>> flambeau.distributed.init_process_group(store=flambeau.distributed.HashStore(), rank=0, world_size=1)
    >>> flambeau.distributed.all_gather_into_tensor(flambeau.zeros(2), flambeau.ones(2))
    >>> flambeau.distributed.destroy_process_group()
    """
    found = _group_of(group)
    if found is None:
        return None
    if output_tensor.numel() != input_tensor.numel() * found.size():
        raise ValueError("output tensor size must be equal to world_size times input tensor size")
    parts = found.exchange(pack(input_tensor))
    content = b"".join(parts[r] for r in range(found.size()))
    _fill(output_tensor, unpack(content, output_tensor))
    return _done(async_op, [output_tensor])


_all_gather_base = all_gather_into_tensor


def gather(tensor, gather_list=None, dst=None, group=None, async_op=False, group_dst=None):
    """gather_list of process dst gets the tensors of all processes.

    >>> flambeau.distributed.init_process_group(store=flambeau.distributed.HashStore(), rank=0, world_size=1)
    >>> flambeau.distributed.gather(flambeau.ones(2), [flambeau.zeros(2)], 0)
    >>> flambeau.distributed.destroy_process_group()
    """
    _check_tensor(tensor)
    found = _group_of(group)
    if found is None:
        return None
    place = group_dst if group_dst is not None else _member(found, 0 if dst is None else dst)
    here = found.rank() == place
    if here and not gather_list:
        raise ValueError("Argument ``gather_list`` must be specified on destination rank.")
    if not here and gather_list:
        raise ValueError("Argument ``gather_list`` must NOT be specified on non-destination ranks.")
    parts = found.exchange(pack(tensor), None if here else [])
    if here:
        for rank, target in enumerate(gather_list):
            _fill(target, unpack(parts[rank], target))
    return _done(async_op, gather_list)


def scatter(tensor, scatter_list=None, src=None, group=None, async_op=False, group_src=None):
    """Every process's tensor becomes its entry of scatter_list of process src.

    >>> flambeau.distributed.init_process_group(store=flambeau.distributed.HashStore(), rank=0, world_size=1)
    >>> flambeau.distributed.scatter(flambeau.zeros(2), [flambeau.ones(2)], 0)
    >>> flambeau.distributed.destroy_process_group()
    """
    _check_tensor(tensor)
    found = _group_of(group)
    if found is None:
        return None
    place = group_src if group_src is not None else _member(found, 0 if src is None else src)
    here = found.rank() == place
    if here and not scatter_list:
        raise ValueError(
            "Argument ``scatter_list`` must be specified on source rank. If ``src_rank`` is not specified, it is 0."
        )
    size = tensor.numel() * tensor.element_size()
    content = b"".join(pack(t) for t in scatter_list) if here else b""
    whole = found.exchange(content, [place])[place]
    start = found.rank() * size
    _fill(tensor, unpack(whole[start : start + size], tensor))
    return _done(async_op, [tensor])


def reduce_scatter(output, input_list, op=ReduceOp.SUM, group=None, async_op=False):
    """Each process gets the reduction of all processes' entries at its place of input_list.

    >>> flambeau.distributed.init_process_group(store=flambeau.distributed.HashStore(), rank=0, world_size=1)
    >>> flambeau.distributed.reduce_scatter(flambeau.zeros(2), [flambeau.ones(2)])
    >>> flambeau.distributed.destroy_process_group()
    """
    _check_tensor(output, "output")
    _check_list(input_list, "input_list")
    found = _group_of(group)
    if found is None:
        return None
    parts = found.exchange(b"".join(pack(t) for t in input_list))
    sizes = [t.numel() * t.element_size() for t in input_list]
    start = sum(sizes[: found.rank()])
    end = start + sizes[found.rank()]
    _fill(output, combined([unpack(parts[r][start:end], output) for r in range(found.size())], op))
    return _done(async_op, [output])


def reduce_scatter_tensor(output, input, op=ReduceOp.SUM, group=None, async_op=False):
    """Each process gets its part of the reduction of all processes' tensors.

    >>> flambeau.distributed.init_process_group(store=flambeau.distributed.HashStore(), rank=0, world_size=1)
    >>> flambeau.distributed.reduce_scatter_tensor(flambeau.zeros(2), flambeau.ones(2))
    >>> flambeau.distributed.destroy_process_group()
    """
    found = _group_of(group)
    if found is None:
        return None
    pieces = list(input.detach().reshape(-1).chunk(found.size()))
    return reduce_scatter(output, [piece.reshape(output.shape) for piece in pieces], op, found, async_op)


_reduce_scatter_base = reduce_scatter_tensor


def all_to_all(output_tensor_list, input_tensor_list, group=None, async_op=False):
    """Each process sends entry i of its list to process i.

    >>> flambeau.distributed.init_process_group(store=flambeau.distributed.HashStore(), rank=0, world_size=1)
    >>> flambeau.distributed.all_to_all([flambeau.zeros(2)], [flambeau.ones(2)])
    >>> flambeau.distributed.destroy_process_group()
    """
    _check_list(output_tensor_list, "output_tensor_list")
    _check_list(input_tensor_list, "input_tensor_list")
    found = _group_of(group)
    if found is None:
        return None
    import struct

    contents = [pack(t) for t in input_tensor_list]
    head = struct.pack(f"<{len(contents)}Q", *map(len, contents))
    parts = found.exchange(head + b"".join(contents))
    for rank, target in enumerate(output_tensor_list):
        sizes = struct.unpack_from(f"<{found.size()}Q", parts[rank])
        start = 8 * found.size() + sum(sizes[: found.rank()])
        _fill(target, unpack(parts[rank][start : start + sizes[found.rank()]], target))
    return _done(async_op, output_tensor_list)


def all_to_all_single(output, input, output_split_sizes=None, input_split_sizes=None, group=None, async_op=False):
    """Each process sends part i of its tensor to process i.

    >>> flambeau.distributed.init_process_group(store=flambeau.distributed.HashStore(), rank=0, world_size=1)
    >>> flambeau.distributed.all_to_all_single(flambeau.zeros(2), flambeau.ones(2))
    >>> flambeau.distributed.destroy_process_group()
    """
    found = _group_of(group)
    if found is None:
        return None
    given = input.detach().split(list(input_split_sizes)) if input_split_sizes else input.detach().chunk(found.size())
    wanted = output.split(list(output_split_sizes)) if output_split_sizes else output.chunk(found.size())
    all_to_all(list(wanted), list(given), found)
    return _done(async_op, [output])


def barrier(group=None, async_op=False, device_ids=None):
    """Wait until all processes are here.

    >>> flambeau.distributed.init_process_group(store=flambeau.distributed.HashStore(), rank=0, world_size=1)
    >>> flambeau.distributed.barrier()
    >>> flambeau.distributed.destroy_process_group()
    """
    found = _group_of(group)
    if found is not None:
        found.exchange(b"")
    return _done(async_op)


def monitored_barrier(group=None, timeout=None, wait_all_ranks=False):
    """Wait until all processes are here; an error says who is not.

    >>> flambeau.distributed.init_process_group(store=flambeau.distributed.HashStore(), rank=0, world_size=1)
    >>> flambeau.distributed.monitored_barrier()
    >>> flambeau.distributed.destroy_process_group()
    """
    found = _group_of(group)
    if found is not None:
        found.exchange(b"")


# ------------------------------------------------------------------------------------------------------ messages


def send(tensor, dst=None, group=None, tag=0, group_dst=None):
    """Send a tensor to a process.

    >>> flambeau.distributed.init_process_group(store=flambeau.distributed.HashStore(), rank=0, world_size=1)
    >>> flambeau.distributed.send(flambeau.ones(1), 0)
    Traceback (most recent call last):
        ...
    ValueError: Invalid destination rank: destination rank should not be the same as the rank of the current process.
    >>> flambeau.distributed.destroy_process_group()
    """
    _check_tensor(tensor)
    found = _group_of(group)
    place = _member(found, dst) if group_dst is None else group_dst
    if place == found.rank():
        raise ValueError(
            "Invalid destination rank: destination rank should not be the same as the rank of the current process."
        )
    found.send_bytes(pack(tensor), place, tag)


def isend(tensor, dst=None, group=None, tag=0, group_dst=None):
    """Send a tensor to a process without waiting.

    >>> flambeau.distributed.init_process_group(store=flambeau.distributed.HashStore(), rank=0, world_size=1)
    >>> flambeau.distributed.isend(flambeau.ones(1), 0)
    Traceback (most recent call last):
        ...
    ValueError: Invalid destination rank: destination rank should not be the same as the rank of the current process.
    >>> flambeau.distributed.destroy_process_group()
    """
    send(tensor, dst, group, tag, group_dst)
    return Work(result=[tensor])


def recv(tensor, src=None, group=None, tag=0, group_src=None):
    """Receive a tensor from a process; from any, without src. Returns which it was.

    >>> flambeau.distributed.init_process_group(store=flambeau.distributed.HashStore(), rank=0, world_size=1)
    >>> flambeau.distributed.recv(3)
    Traceback (most recent call last):
        ...
    TypeError: Invalid function argument. Expected parameter `tensor` of type torch.Tensor but got <class 'int'> instead.
    >>> flambeau.distributed.destroy_process_group()
    """
    _check_tensor(tensor)
    found = _group_of(group)
    if src is None and group_src is None:
        place = _first_sender(found, tag)
    else:
        place = _member(found, src) if group_src is None else group_src
    _fill(tensor, unpack(found.receive_bytes(place, tag), tensor))
    return found.ranks[place]


def _first_sender(found, tag):
    import time

    end = time.monotonic() + found._store.timeout.total_seconds()
    while time.monotonic() < end:
        for rank in range(found.size()):
            if rank != found.rank() and found.ready(rank, tag):
                return rank
        time.sleep(0.001)
    raise RuntimeError("[recv] no process sent anything in time")


def irecv(tensor, src=None, group=None, tag=0, group_src=None):
    """Receive a tensor from a process: `wait` of the result does it.

    >>> flambeau.distributed.init_process_group(store=flambeau.distributed.HashStore(), rank=0, world_size=1)
    >>> flambeau.distributed.irecv(flambeau.ones(1), 0).is_completed()
    False
    >>> flambeau.distributed.destroy_process_group()
    """
    return Work(lambda: recv(tensor, src, group, tag, group_src), [tensor])


def batch_isend_irecv(p2p_op_list):
    """Begin several messages.

    >>> flambeau.distributed.init_process_group(store=flambeau.distributed.HashStore(), rank=0, world_size=1)
    >>> flambeau.distributed.batch_isend_irecv([])
    []
    >>> flambeau.distributed.destroy_process_group()
    """
    return [one.op(one.tensor, one.peer, one.group, one.tag) for one in p2p_op_list]


# ------------------------------------------------------------------------------------------------------ objects


def all_gather_object(object_list, obj, group=None):
    """object_list gets the objects of all processes. They are pickled: take part only with processes that you trust.

    >>> flambeau.distributed.init_process_group(store=flambeau.distributed.HashStore(), rank=0, world_size=1)
    >>> found = [None]
    >>> flambeau.distributed.all_gather_object(found, 'text')
    >>> found
    ['text']
    >>> flambeau.distributed.destroy_process_group()
    """
    found = _group_of(group)
    if found is not None:
        parts = found.exchange(pickle.dumps(obj))
        object_list[:] = [pickle.loads(parts[r]) for r in range(found.size())]


def gather_object(obj, object_gather_list=None, dst=None, group=None, group_dst=None):
    """object_gather_list of process dst gets the objects of all processes.

    >>> flambeau.distributed.init_process_group(store=flambeau.distributed.HashStore(), rank=0, world_size=1)
    >>> flambeau.distributed.gather_object('text', [None], 0)
    >>> flambeau.distributed.destroy_process_group()
    """
    found = _group_of(group)
    if found is None:
        return
    place = group_dst if group_dst is not None else _member(found, 0 if dst is None else dst)
    here = found.rank() == place
    parts = found.exchange(pickle.dumps(obj), None if here else [])
    if here:
        object_gather_list[:] = [pickle.loads(parts[r]) for r in range(found.size())]


def broadcast_object_list(object_list, src=None, group=None, device=None, group_src=None):
    """Every process's list becomes that of process src.

    >>> flambeau.distributed.init_process_group(store=flambeau.distributed.HashStore(), rank=0, world_size=1)
    >>> flambeau.distributed.broadcast_object_list(['text'], 0)
    >>> flambeau.distributed.destroy_process_group()
    """
    found = _group_of(group)
    if found is None:
        return
    place = group_src if group_src is not None else _member(found, 0 if src is None else src)
    content = pickle.dumps(list(object_list)) if found.rank() == place else b""
    object_list[:] = pickle.loads(found.exchange(content, [place])[place])


def scatter_object_list(
    scatter_object_output_list, scatter_object_input_list=None, src=None, group=None, group_src=None
):
    """The first entry of the output list becomes this process's entry of process src's list.

    >>> flambeau.distributed.init_process_group(store=flambeau.distributed.HashStore(), rank=0, world_size=1)
    >>> flambeau.distributed.scatter_object_list([None], ['text'], 0)
    >>> flambeau.distributed.destroy_process_group()
    """
    found = _group_of(group)
    if found is None:
        return
    place = group_src if group_src is not None else _member(found, 0 if src is None else src)
    content = pickle.dumps(list(scatter_object_input_list)) if found.rank() == place else b""
    scatter_object_output_list[0] = pickle.loads(found.exchange(content, [place])[place])[found.rank()]


def send_object_list(object_list, dst=None, group=None, device=None, group_dst=None, use_batch=False):
    """Send objects to a process.

    >>> flambeau.distributed.init_process_group(store=flambeau.distributed.HashStore(), rank=0, world_size=1)
    >>> flambeau.distributed.send_object_list(['text'], 0)
    >>> flambeau.distributed.destroy_process_group()
    """
    found = _group_of(group)
    found.send_bytes(
        pickle.dumps(list(object_list)), _member(found, dst) if group_dst is None else group_dst, "objects"
    )


def recv_object_list(object_list, src=None, group=None, device=None, group_src=None, use_batch=False):
    """Receive objects from a process.

    >>> flambeau.distributed.init_process_group(store=flambeau.distributed.HashStore(), rank=0, world_size=1)
    >>> found = [None]
    >>> flambeau.distributed.send_object_list(['text'], 0)
    >>> flambeau.distributed.recv_object_list(found, 0), found
    (0, ['text'])
    >>> flambeau.distributed.destroy_process_group()
    """
    found = _group_of(group)
    place = _member(found, src) if group_src is None else group_src
    object_list[:] = pickle.loads(found.receive_bytes(place, "objects"))
    return found.ranks[place]
