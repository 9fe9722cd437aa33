"""The GPU, whatever its kind: there is none."""

from ._absent import Kind as _Kind

__all__ = ["device_index"]

_KIND = _Kind("flambeau.accelerator", "accelerator", RuntimeError)


def _refuse(*args):
    raise RuntimeError(
        "[accelerator] Cannot access accelerator device when none is available: "
        "check flambeau.accelerator.is_available() first"
    )


vars(_KIND)["refuse"] = _refuse
device_index = _KIND.context(
    "device_index", "The current device in a block; None for none.", lambda device: -1 if device is None else device
)


def _set(device):
    if not isinstance(device, int) or device >= 0:
        _refuse()


_KIND.define(
    globals(),
    is_available=("Whether there is an accelerator: no.", lambda: False),
    device_count=("The number of accelerators: none.", lambda: 0),
    current_accelerator=("The kind of accelerator: None.", lambda check_available=False: None),
    current_device_index=("The index of the current device: an error, as there is none.", lambda: _refuse()),
    current_device_idx=("An old name of current_device_index.", lambda: _refuse()),
    set_device_index=(
        "Make a device the current one; negative numbers name none.",
        lambda device, /: _set(device),
        "-1",
    ),
    set_device_idx=("An old name of set_device_index.", lambda device, /: _set(device), "-1"),
    synchronize=("Wait for the accelerator: an error, as there is none.", lambda device=None, /: _refuse()),
    current_stream=("The stream in use: an error, as there is no device.", lambda device=None, /: _refuse()),
    set_stream=("Let work go to a stream: an error, as there is no device.", lambda stream: _refuse(), "None"),
    get_device_capability=("What the device can do: an error.", lambda device=None, /: _refuse()),
    get_memory_info=("Free and total bytes: an error, as there is no device.", lambda device_index=None, /: _refuse()),
    empty_cache=("Give back cached device memory: an error, as there is none.", lambda: _refuse()),
    empty_host_cache=("Give back page-locked memory: an error, as there is none.", lambda: _refuse()),
    memory_stats=("Counters of the allocator: an error, as there is none.", lambda device_index=None, /: _refuse()),
    memory_allocated=("Bytes in use: an error, as there is no device.", lambda device_index=None, /: _refuse()),
    max_memory_allocated=("The most bytes in use so far: an error.", lambda device_index=None, /: _refuse()),
    memory_reserved=("Bytes kept for tensors: an error, as there is none.", lambda device_index=None, /: _refuse()),
    max_memory_reserved=("The most bytes kept so far: an error.", lambda device_index=None, /: _refuse()),
    reset_peak_memory_stats=("Forget the peak of memory: an error.", lambda device_index=None, /: _refuse()),
    reset_accumulated_memory_stats=("Forget the sums: an error.", lambda device_index=None, /: _refuse()),
)
