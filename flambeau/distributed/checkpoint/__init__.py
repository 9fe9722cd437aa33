"""Checkpoints that several processes write: not here."""

from ..._unbuilt import define

define(
    globals(),
    "checkpoints of several processes are not written here: save the state_dict of one with flambeau.save",
    classes="FileSystemReader FileSystemWriter StorageReader StorageWriter",
    functions="load save load_state_dict save_state_dict async_save",
)
