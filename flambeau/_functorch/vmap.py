"""torch._functorch.vmap."""

from ..func import vmap  # noqa: F401
