"""torch._functorch.partitioners: where to cut a graph in forward and backward; there are no such graphs here."""

from .._unbuilt import define

define(
    globals(),
    "forward and backward are no graphs here that could be divided",
    functions="default_partition draw_graph min_cut_rematerialization_partition",
)
