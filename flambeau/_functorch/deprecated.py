"""torch._functorch.deprecated: what the package functorch offers, each with the warning that torch has a better name for it."""

import functools
import warnings

from .. import func as _func
from . import make_functional as _modules

_NEWER = {"vmap": "torch.vmap", "combine_state_for_ensemble": "torch.func.stack_module_state"}
_NEWER.update(dict.fromkeys(("make_functional", "make_functional_with_buffers"), "torch.func.functional_call"))


def warn_deprecated(name, newer=None):
    """Warn that `functorch.name` is to be written otherwise."""
    warnings.warn(
        "We've integrated functorch into PyTorch. As the final step of the integration, "
        f"`functorch.{name}` is deprecated as of PyTorch 2.0 and will be deleted in a future version of PyTorch >= 2.3. Please use "
        f"`{newer or _NEWER.get(name, f'torch.func.{name}')}` instead; see the PyTorch 2.0 release notes and/or the `torch.func` "
        "migration guide for more details https://pytorch.org/docs/main/func.migrating.html",
        FutureWarning,
        stacklevel=3,
    )


def _deprecated(function):
    @functools.wraps(function)
    def wrapped(*args, **kwargs):
        warn_deprecated(function.__name__)
        return function(*args, **kwargs)

    return wrapped


for _name in ("functionalize", "grad", "grad_and_value", "hessian", "jacfwd", "jacrev", "jvp", "vjp", "vmap"):
    globals()[_name] = _deprecated(getattr(_func, _name))
for _name in ("combine_state_for_ensemble", "make_functional", "make_functional_with_buffers"):
    globals()[_name] = _deprecated(getattr(_modules, _name))
