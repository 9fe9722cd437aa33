"""Generators of random numbers of CUDA devices: there are none. Seeding them does nothing, as in torch."""

from ._kind import KIND as _KIND
from ._kind import refuse as _refuse

__all__ = []

_KIND.define(
    globals(),
    manual_seed=("Seed the current device's generator; there is none.", lambda seed: None, "0"),
    manual_seed_all=("Seed the generators of all devices; there are none.", lambda seed: None, "0"),
    seed=("Seed the current device's generator from the system; there is none.", lambda: None),
    seed_all=("Seed the generators of all devices from the system; there are none.", lambda: None),
    initial_seed=("What the generator was seeded with: an error, as there is none.", lambda: _refuse()),
    get_rng_state=("The state of a device's generator: an error, as there is none.", lambda device="cuda": _refuse()),
    get_rng_state_all=("The states of all devices' generators: none.", list),
    set_rng_state=(
        "Set the state of a device's generator once it is there.",
        lambda new_state, device="cuda": None,
        "None",
    ),
    set_rng_state_all=("Set the states of all devices' generators.", lambda new_states: None, "[]"),
)
