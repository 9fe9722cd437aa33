"""torch._functorch.eager_transforms."""

from ..func import *  # noqa: F403
