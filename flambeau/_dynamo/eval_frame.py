"""torch._dynamo.eval_frame: what compiled modules are wrapped in. Here compile hands modules back, so nothing is one."""

from ..compiler import disable  # noqa: F401
from ..nn.modules.module import Module


class OptimizedModule(Module):
    """What torch.compile makes of a module, for isinstance."""

    def __init__(self, mod, dynamo_ctx=None):
        super().__init__()
        self._orig_mod = mod

    def forward(self, *args, **kwargs):
        return self._orig_mod(*args, **kwargs)


def is_dynamo_supported():
    """Whether functions can be compiled: no."""
    return False
