"""Meta's accelerators: there are none."""

from ._absent import Kind as _Kind

__all__ = ["device"]

_KIND = _Kind("flambeau.mtia", "MTIA", RuntimeError)
_refuse = _KIND.refuse
device = _KIND.context("device", "The current device in a block; negative or None for none.", _KIND.index)
_KIND.define(
    globals(),
    is_available=("Whether there is a device: no.", lambda: False),
    is_initialized=("Whether devices were started: no.", lambda: False),
    device_count=("The number of devices: none.", lambda: 0),
    manual_seed=("Seed the current device's generator; there is none.", lambda seed: None, "0"),
    manual_seed_all=("Seed the generators of all devices; there are none.", lambda seed: None, "0"),
    seed=("Seed the current device's generator from the system; there is none.", lambda: None),
    seed_all=("Seed the generators of all devices from the system; there are none.", lambda: None),
    get_rng_state_all=("The states of all devices' generators: none.", list),
    set_rng_state_all=("Set the states of all devices' generators.", lambda new_states: None, "[]"),
    memory_stats=("Counters of the allocator of device memory: none.", lambda device=None: {}),
    memory_allocated=("Bytes of device memory in use: none.", lambda device=None: 0),
    max_memory_allocated=("The most bytes of device memory in use so far: none.", lambda device=None: 0),
    reset_peak_memory_stats=("Forget the peak of device memory.", lambda device=None: None),
    init=("Start devices: an error, as there are none.", lambda: _refuse()),
    synchronize=("Wait for a device: an error, as there is none.", lambda device=None: _refuse()),
    current_device=("The index of the current device: an error, as there is none.", lambda: _refuse()),
    set_device=("Make a device the current one: an error.", lambda device: _refuse(), "0"),
    empty_cache=("Give back cached device memory: an error, as there is none.", lambda: _refuse()),
    get_device_capability=("What a device can do: an error, as there is none.", lambda device=None: _refuse()),
    get_device_properties=("The properties of a device: an error, as there is none.", lambda device=None: _refuse()),
    current_stream=("The stream in use: an error, as there is no device.", lambda device=None: _refuse()),
    default_stream=("A device's first stream: an error, as there is no device.", lambda device=None: _refuse()),
    initial_seed=("What the generator was seeded with: an error, as there is none.", lambda: _refuse()),
    get_rng_state=("The state of a device's generator: an error.", lambda device="mtia": _refuse()),
)
