"""torch.export.decomp_utils."""

from .._unbuilt import define

define(
    globals(),
    "programs are not exported here: flambeau.jit.save and flambeau.fx keep a model",
    classes="CustomDecompTable",
)
