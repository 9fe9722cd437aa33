"""Intel's GPUs: there are none. Programs that ask find that out and stay on the CPU."""

from collections import OrderedDict

from . import _streams
from ._absent import Kind as _Kind

__all__ = ["Event", "Stream", "StreamContext", "device", "device_of", "set_device", "set_stream", "stream"]

default_generators = ()
_KIND = _Kind("flambeau.xpu", "XPU")
_refuse = _KIND.refuse
device = _KIND.context("device", "The current XPU in a block; negative or None for none.", _KIND.index)
device_of = _KIND.context(
    "device_of", "The device of a tensor in a block; nothing for tensors on the CPU.", lambda obj: -1
)


class Stream(_streams.Stream):
    """A queue of work on an XPU: an error, as there is none.

    >>> flambeau.xpu.Stream()
    Traceback (most recent call last):
        ...
    RuntimeError: [Stream] torch.xpu.Stream requires XPU support
    """

    def __init__(self, device=None, priority=0, **kwargs):
        raise RuntimeError("[Stream] torch.xpu.Stream requires XPU support")


class Event(_streams.Event):
    """A mark in an XPU's stream: an error, as there is none.

    >>> flambeau.xpu.Event()
    Traceback (most recent call last):
        ...
    RuntimeError: [Event] torch.xpu.Event requires XPU support
    """

    def __init__(self, enable_timing=False):
        raise RuntimeError("[Event] torch.xpu.Event requires XPU support")


class StreamContext(_streams.StreamContext):
    """A block in which work goes to a stream; None for the default one.

    >>> with flambeau.xpu.StreamContext(None):
    ...     pass
    """

    _refuse = staticmethod(_refuse)


def stream(stream):
    """A block in which work goes to a stream; None for the default one.

    >>> with flambeau.xpu.stream(None):
    ...     pass
    """
    return StreamContext(stream)


def set_stream(stream):
    """Let work go to a stream; None for the one in use.

    >>> flambeau.xpu.set_stream(None)
    """
    StreamContext(stream).__enter__()


def set_device(device):
    """Make a device the current one: an error, as there is none.

    >>> flambeau.xpu.set_device(0)
    Traceback (most recent call last):
        ...
    AssertionError: [XPU] Torch not compiled with XPU enabled: check flambeau.xpu.is_available() first
    """
    _refuse()


_KIND.define(
    globals(),
    is_available=("Whether there is an XPU: no.", lambda: False),
    is_initialized=("Whether XPUs were started: no.", lambda: False),
    is_bf16_supported=("Whether devices compute in bfloat16: there are none.", lambda including_emulation=True: False),
    is_tf32_supported=("Whether devices compute in TF32: there are none.", lambda: False),
    device_count=("The number of XPUs: none.", lambda: 0),
    get_arch_list=("The architectures that kernels were built for: none.", list),
    get_gencode_flags=("The flags that kernels were built with: none.", lambda: ""),
    empty_cache=("Give back cached device memory; there is none.", lambda: None),
    manual_seed=("Seed the current device's generator; there is none.", lambda seed: None, "0"),
    manual_seed_all=("Seed the generators of all devices; there are none.", lambda seed: None, "0"),
    seed=("Seed the current device's generator from the system; there is none.", lambda: None),
    seed_all=("Seed the generators of all devices from the system; there are none.", lambda: None),
    get_rng_state_all=("The states of all devices' generators: none.", list),
    set_rng_state=("Set a generator's state once it is there.", lambda new_state, device="xpu": None, "None"),
    set_rng_state_all=("Set the states of all devices' generators.", lambda new_states: None, "[]"),
    memory_allocated=("Bytes of device memory in use: none.", lambda device=None: 0),
    memory_reserved=("Bytes of device memory kept for tensors: none.", lambda device=None: 0),
    max_memory_allocated=("The most bytes of device memory in use so far: none.", lambda device=None: 0),
    max_memory_reserved=("The most bytes of device memory kept so far: none.", lambda device=None: 0),
    memory_stats=("Counters of the allocator of device memory: none.", lambda device=None: OrderedDict()),
    memory_stats_as_nested_dict=("Counters of the allocator as dicts: none.", lambda device=None: {}),
    init=("Start XPUs: an error, as there are none.", lambda: _refuse()),
    synchronize=("Wait for a device: an error, as there is none.", lambda device=None: _refuse()),
    current_device=("The index of the current device: an error, as there is none.", lambda: _refuse()),
    get_device_name=("The name of a device: an error, as there is none.", lambda device=None: _refuse()),
    get_device_capability=("What a device can do: an error, as there is none.", lambda device=None: _refuse()),
    get_device_properties=("The properties of a device: an error, as there is none.", lambda device=None: _refuse()),
    can_device_access_peer=(
        "Whether a device reads another's memory: an error, as there is none.",
        lambda device, peer: _refuse(),
        "0, 1",
    ),
    initial_seed=("What the generator was seeded with: an error, as there is none.", lambda: _refuse()),
    get_rng_state=("The state of a device's generator: an error, as there is none.", lambda device="xpu": _refuse()),
    mem_get_info=("Free and total bytes of a device: an error, as there is none.", lambda device=None: _refuse()),
    reset_peak_memory_stats=("Forget the peak of memory: an error, as there is none.", lambda device=None: _refuse()),
    reset_accumulated_memory_stats=("Forget the sums: an error, as there is none.", lambda device=None: _refuse()),
    current_stream=("The stream in use: an error, as there is no device.", lambda device=None: _refuse()),
    get_stream_from_external=(
        "A stream by its address: an error, as there is no device.",
        lambda data_ptr, device=None: _refuse(),
        "0",
    ),
    is_current_stream_capturing=("Whether work is being recorded: an error, as there is none.", lambda: _refuse()),
)
