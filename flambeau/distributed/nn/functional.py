"""Collective operations with gradients."""

from ..._unbuilt import define

define(
    globals(),
    "gradients do not go through collective operations here",
    functions="all_gather all_reduce broadcast gather scatter reduce_scatter all_to_all reduce",
)
