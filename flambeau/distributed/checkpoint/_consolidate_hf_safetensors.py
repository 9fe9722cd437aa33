"""torch.distributed.checkpoint._consolidate_hf_safetensors."""

from ..._unbuilt import define

define(
    globals(),
    "checkpoints of several processes are not written here: save the state_dict of one with flambeau.save",
    functions="consolidate_safetensors_files consolidate_safetensors_files_on_every_rank",
)
