"""torch.utils._sympy.value_ranges."""

from ..._unbuilt import define

define(
    globals(),
    "sizes are numbers here, not symbols",
    classes="ValueRanges",
)
