"""functorch.experimental.control_flow."""

from ...._control import cond

__all__ = ["cond"]
