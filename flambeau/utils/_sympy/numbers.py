"""torch.utils._sympy.numbers."""

from ..._unbuilt import define

define(
    globals(),
    "sizes are numbers here, not symbols",
    classes="IntInfinity",
)
