"""Modules that compute their activations anew in the backward pass."""

import enum

from ...._unbuilt import define

CheckpointImpl = enum.Enum("CheckpointImpl", "REENTRANT NO_REENTRANT")

define(
    globals(),
    "wrap the call in flambeau.utils.checkpoint.checkpoint instead",
    classes="CheckpointWrapper OffloadWrapper",
    functions="apply_activation_checkpointing checkpoint_wrapper offload_wrapper",
)
