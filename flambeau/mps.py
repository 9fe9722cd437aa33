"""Apple's Metal, which is not used."""

from . import _streams
from ._absent import Kind as _Kind

__all__ = ["Event"]

_KIND = _Kind("flambeau.mps", "MPS", RuntimeError)
_refuse = _KIND.refuse
_KIND.define(
    globals(),
    is_available=("Whether Metal can be used: no.", lambda: False),
    device_count=("The number of Metal devices: none.", lambda: 0),
    manual_seed=("Seed the device's generator; there is none.", lambda seed: None, "0"),
    seed=("Seed the generator from the system: an error, as there is none.", lambda: _refuse()),
    get_rng_state=("The state of the generator: an error, as there is none.", lambda device="mps": _refuse()),
    set_rng_state=("Set its state: an error, as there is none.", lambda new_state, device="mps": _refuse(), "None"),
    synchronize=("Wait for the device: an error, as there is none.", lambda: _refuse()),
    empty_cache=("Free cached memory of the device: an error, as there is none.", lambda: _refuse()),
    set_per_process_memory_fraction=("Limit the memory: an error.", lambda fraction: _refuse(), "0.5"),
    current_allocated_memory=("Bytes in use by tensors: an error, as there is no device.", lambda: _refuse()),
    driver_allocated_memory=("Bytes in use by Metal: an error, as there is no device.", lambda: _refuse()),
    recommended_max_memory=("Bytes that may be used: an error, as there is no device.", lambda: _refuse()),
    compile_shader=("A library of shaders: an error, as there is no device.", lambda source: _refuse(), "''"),
)


class Event(_streams.Event):
    """A mark in the device's queue: an error, as there is no device.

    >>> flambeau.mps.Event()
    Traceback (most recent call last):
        ...
    RuntimeError: [MPS] Torch not compiled with MPS enabled: check flambeau.mps.is_available() first
    """

    def __init__(self, enable_timing=False):
        _refuse()
