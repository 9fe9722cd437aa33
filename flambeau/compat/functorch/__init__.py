"""The package functorch, which PyTorch brings along: transforms of functions under their old names."""

from ..._functorch.deprecated import (
    combine_state_for_ensemble,
    functionalize,
    grad,
    grad_and_value,
    hessian,
    jacfwd,
    jacrev,
    jvp,
    make_functional,
    make_functional_with_buffers,
    vjp,
    vmap,
)
from ..._functorch.make_functional import FunctionalModule, FunctionalModuleWithBuffers
from ..._functorch.python_key import make_fx
from ...torch_version import __version__
