"""CUDA devices: there are none. Programs that ask find that out and stay on the CPU."""

import importlib as _importlib

from .._C import OutOfMemoryError
from .._legacy import unavailable as _unavailable
from ._kind import KIND as _KIND
from ._kind import refuse as _refuse
from .graphs import *
from .graphs import __all__ as _graphs
from .memory import *
from .memory import __all__ as _memory
from .random import *
from .random import __all__ as _random
from .streams import *
from .streams import __all__ as _streams

__all__ = ["OutOfMemoryError", "device", "device_of"]
for _names in (_graphs, _memory, _random, _streams):
    __all__ += list(_names)

default_generators = ()
has_half, has_magma = True, False
device = _KIND.context("device", "The current CUDA device in a block; negative or None for none.", _KIND.index)
device_of = _KIND.context(
    "device_of", "The device of a tensor in a block; nothing for tensors on the CPU.", lambda obj: -1 + 0 * obj.is_cuda
)


def set_device(device):
    """Make a device the current one: an error, as there is none; negative numbers name none.

    >>> flambeau.cuda.set_device(-1)
    """
    if _KIND.index(device) >= 0:
        _refuse()


_KIND.define(
    globals(),
    is_available=("Whether there is a CUDA device: no.", lambda: False),
    is_initialized=("Whether CUDA was started: no.", lambda: False),
    device_count=("The number of CUDA devices: none.", lambda: 0),
    is_bf16_supported=("Whether devices compute in bfloat16: there are none.", lambda including_emulation=True: False),
    is_tf32_supported=("Whether devices compute in TF32: there are none.", lambda: False),
    get_arch_list=("The GPU architectures that kernels were built for: none.", list),
    get_gencode_flags=("The flags that kernels were built with: none.", lambda: ""),
    synchronize=("Wait for a device: an error, as there is none.", lambda device=None: _refuse()),
    current_device=("The index of the current device: an error, as there is none.", lambda: _refuse()),
    init=("Start CUDA: an error, as there is none.", lambda: _refuse()),
    ipc_collect=("Free memory shared with other processes: an error, as there is none.", lambda: _refuse()),
    cudart=("The CUDA runtime library: an error, as there is none.", lambda: _refuse()),
    current_blas_handle=("The handle of the BLAS library: an error, as there is none.", lambda: _refuse()),
    get_sync_debug_mode=("How synchronizing calls are reported: an error, as there are none.", lambda: _refuse()),
    set_sync_debug_mode=("Report synchronizing calls: an error, as there are none.", lambda debug_mode: _refuse(), "1"),
    get_device_name=("The name of a device: an error, as there is none.", lambda device=None: _refuse()),
    get_device_capability=("What a device can do: an error, as there is none.", lambda device=None: _refuse()),
    get_device_properties=("The properties of a device: an error, as there is none.", lambda device=None: _refuse()),
    can_device_access_peer=(
        "Whether a device reads another's memory: an error, as there is none.",
        lambda device, peer_device: _refuse(),
        "0, 1",
    ),
)

_TYPES = {name: _unavailable(name, "cuda") for name in (
    "BFloat16Tensor", "BoolTensor", "ByteTensor", "CharTensor", "DoubleTensor", "FloatTensor", "HalfTensor", "IntTensor",
    "LongTensor", "ShortTensor",
)}  # fmt: skip
globals().update(_TYPES)
__all__ += list(_TYPES)


def __getattr__(name):
    if name in ("amp", "nccl", "nvtx", "profiler", "sparse"):
        return _importlib.import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
