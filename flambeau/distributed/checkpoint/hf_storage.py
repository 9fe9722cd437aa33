"""torch.distributed.checkpoint.hf_storage."""

from ..._unbuilt import define

define(
    globals(),
    "checkpoints of several processes are not written here: save the state_dict of one with flambeau.save",
    classes="HuggingFaceStorageReader HuggingFaceStorageWriter",
)
