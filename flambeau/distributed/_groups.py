"""Process groups: processes that exchange bytes through a store; every collective operation is made of that."""

import enum
import itertools
import threading

from .. import _C
from ..futures import Future
from ._stores import DistBackendError, DistStoreError, PrefixStore

__all__ = ["GroupMember", "P2POp", "ProcessGroup", "ReduceOp", "Work", "group"]


class ReduceOp(enum.Enum):
    """How the values of all processes become one.

    >>> flambeau.distributed.ReduceOp.SUM.name
    'SUM'
    """

    SUM = 0
    AVG = 1
    PRODUCT = 2
    MIN = 3
    MAX = 4
    BAND = 5
    BOR = 6
    BXOR = 7
    PREMUL_SUM = 8

    RedOpType = property(lambda self: ReduceOp)


reduce_op = ReduceOp


def combined(tensors, op):
    """One tensor of several, in their order: the same on every process, bit for bit."""
    import flambeau

    steps = {
        ReduceOp.SUM: flambeau.add, ReduceOp.AVG: flambeau.add, ReduceOp.PRODUCT: flambeau.mul, ReduceOp.MIN: flambeau.minimum,
        ReduceOp.MAX: flambeau.maximum, ReduceOp.BAND: flambeau.bitwise_and, ReduceOp.BOR: flambeau.bitwise_or,
        ReduceOp.BXOR: flambeau.bitwise_xor,
    }  # fmt: skip
    if op not in steps:
        raise ValueError(f"[distributed] there is no reduction {op!r}")
    result = tensors[0]
    for tensor in tensors[1:]:
        result = steps[op](result, tensor)
    return result / len(tensors) if op is ReduceOp.AVG else result


def pack(tensor):
    """The bytes of a tensor's elements."""
    flat = tensor.detach().contiguous().reshape(-1)
    if flat.numel() == 0:
        return b""
    return flat.view(_C.uint8).numpy().tobytes() if flat.dtype is not _C.bool else flat.to(_C.uint8).numpy().tobytes()


def unpack(content, like):
    """A tensor of the shape and dtype of another, with these elements.

    Raises:
        DistBackendError: another process sent a tensor of another size.
    """
    import flambeau

    if len(content) != like.numel() * like.element_size():
        raise DistBackendError(
            f"[distributed] the processes' tensors differ: expected {like.numel()} elements of {like.dtype}, got {len(content)} bytes"
        )
    if not content:
        return flambeau.empty_like(like)
    flat = flambeau.frombuffer(bytearray(content), dtype=_C.uint8)
    return (flat.to(_C.bool) if like.dtype is _C.bool else flat.view(like.dtype)).reshape(like.shape)


class Work:
    """A collective operation that was begun: `wait` ends it.

    >>> flambeau.distributed.Work(lambda: None).wait()
    True
    """

    def __init__(self, finish=None, result=None):
        self._finish, self._result, self._lock = finish, result, threading.Lock()

    def wait(self, timeout=None):
        """Wait until it is done."""
        with self._lock:
            if self._finish is not None:
                finish, self._finish = self._finish, None
                finish()
        return True

    synchronize = wait

    def is_completed(self):
        """Whether it is done."""
        return self._finish is None

    def is_success(self):
        """Whether it is done without an error."""
        return self._finish is None

    def exception(self):
        """The error that ended it: errors are raised by `wait`."""
        return

    def result(self):
        """The tensors that it filled."""
        return self._result

    def get_future(self):
        """Its result as a Future."""
        self.wait()
        future = Future()
        future.set_result(self._result)
        return future

    def source_rank(self):
        """Which process a message came from."""
        return self._result


class ProcessGroup:
    """Processes that work together, each with a rank.

    >>> group = flambeau.distributed.ProcessGroup(flambeau.distributed.HashStore(), 0, 1)
    >>> group.rank(), group.size()
    (0, 1)
    """

    def __init__(self, store, rank, size, ranks=None, name="", backend="gloo", timeout=None):
        self._store, self._rank, self._size = store, rank, size
        self.ranks = list(range(size)) if ranks is None else list(ranks)
        self.group_name, self._backend_name, self._timeout = name, backend, timeout
        self.group_desc = name or "undefined"
        self._turn = itertools.count()
        self._sent, self._received = {}, {}

    def rank(self):
        """The number of this process in the group."""
        return self._rank

    def size(self):
        """How many processes there are."""
        return self._size

    def name(self):
        """The name of what moves the bytes."""
        return self._backend_name

    @property
    def bound_device_id(self):
        """The device of the group: none in particular."""
        return None

    def _get_backend_name(self):
        return self._backend_name

    def __repr__(self):
        return f"<ProcessGroup {self.group_desc} rank {self._rank} of {self._size}>"

    def exchange(self, content, want=None):
        """The bytes of every process (or of those in `want`), by rank; every process of the group must call this."""
        turn = f"x{next(self._turn)}"
        if self._size == 1:
            return {0: content}
        try:
            self._store.set(f"{turn}/{self._rank}", content)
            ranks = range(self._size) if want is None else want
            found = {r: content if r == self._rank else self._store.get(f"{turn}/{r}") for r in ranks}
            if self._store.add(f"{turn}/done", 1) == self._size:
                for rank in range(self._size):
                    self._store.delete_key(f"{turn}/{rank}")
                self._store.delete_key(f"{turn}/done")
        except DistStoreError as error:
            raise DistBackendError(f"[distributed] a process did not take part in time: {error}") from error
        return found

    def send_bytes(self, content, to, tag=0):
        """Leave a message for a process."""
        key = (to, tag)
        number = self._sent[key] = self._sent.get(key, -1) + 1
        self._store.set(f"p{self._rank}>{to}/{tag}/{number}", content)

    def receive_bytes(self, source, tag=0):
        """The next message of a process."""
        key = (source, tag)
        number = self._received[key] = self._received.get(key, -1) + 1
        name = f"p{source}>{self._rank}/{tag}/{number}"
        content = self._store.get(name)
        self._store.delete_key(name)
        return content

    def ready(self, source, tag=0):
        """Whether a message of a process is there."""
        number = self._received.get((source, tag), -1) + 1
        return self._store.check([f"p{source}>{self._rank}/{tag}/{number}"])

    def part(self, ranks, name, timeout=None):
        """The group of some of the processes; None for a process that is not among them."""
        if self._rank not in ranks:
            return None
        own = [self.ranks[r] for r in ranks]
        store = PrefixStore(name, self._store)
        return ProcessGroup(store, ranks.index(self._rank), len(ranks), own, name, self._backend_name, timeout)


ProcessGroupGloo = ProcessGroup


class _WorldOf(type):
    @property
    def WORLD(cls):
        """The group of all processes, or None."""
        return cls._world

    @WORLD.setter
    def WORLD(cls, value):
        cls._world = value


class group(metaclass=_WorldOf):
    """`group.WORLD` is the group of all processes.

    >>> flambeau.distributed.group.WORLD
    """

    _world = None


class GroupMember(metaclass=_WorldOf):
    """`GroupMember.NON_GROUP_MEMBER` stands for a group that this process is not in.

    >>> flambeau.distributed.GroupMember.NON_GROUP_MEMBER
    -100
    """

    NON_GROUP_MEMBER = -100
    WORLD = property(lambda self: group.WORLD)


class P2POp:
    """A message to send or receive, for batch_isend_irecv.

    >>> flambeau.distributed.P2POp(flambeau.distributed.isend, flambeau.ones(1), 1).peer
    1
    """

    def __init__(self, op, tensor, peer=None, group=None, tag=0, group_peer=None):
        self.op, self.tensor, self.group, self.tag = op, tensor, group, tag
        self.peer = group_peer if peer is None else peer
