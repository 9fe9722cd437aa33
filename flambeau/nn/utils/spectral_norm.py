"""The older spectral normalisation: a hook that computes the weight before each forward."""

import flambeau
from flambeau.nn.functional import normalize
from flambeau.nn.parameter import Parameter


class SpectralNorm:
    """The hook: divides the weight by its largest singular value, which power iteration follows."""

    _version = 1

    def __init__(self, name="weight", n_power_iterations=1, dim=0, eps=1e-12):
        if n_power_iterations <= 0:
            raise ValueError(
                f"Expected n_power_iterations to be positive, but got n_power_iterations={n_power_iterations}"
            )
        self.name, self.n_power_iterations, self.dim, self.eps = name, n_power_iterations, dim, eps

    def reshape_weight_to_matrix(self, weight):
        """The weight with its outputs as rows."""
        if self.dim != 0:
            weight = weight.permute(self.dim, *[d for d in range(weight.dim()) if d != self.dim])
        return weight.reshape(weight.shape[0], -1)

    def compute_weight(self, module, do_power_iteration):
        """The divided weight."""
        weight = getattr(module, self.name + "_orig")
        u, v = getattr(module, self.name + "_u"), getattr(module, self.name + "_v")
        matrix = self.reshape_weight_to_matrix(weight)
        if do_power_iteration:
            with flambeau.no_grad():
                for _ in range(self.n_power_iterations):
                    v.copy_(normalize(flambeau.mv(matrix.t(), u), dim=0, eps=self.eps))
                    u.copy_(normalize(flambeau.mv(matrix, v), dim=0, eps=self.eps))
                u, v = u.clone(), v.clone()
        return weight / flambeau.dot(u, flambeau.mv(matrix, v))

    def __call__(self, module, inputs):
        setattr(module, self.name, self.compute_weight(module, do_power_iteration=module.training))

    def remove(self, module):
        """Makes the weight a parameter again."""
        with flambeau.no_grad():
            weight = self.compute_weight(module, do_power_iteration=False)
        for name in ("", "_u", "_v", "_orig"):
            delattr(module, self.name + name)
        module.register_parameter(self.name, Parameter(weight.detach()))


def spectral_norm(module, name="weight", n_power_iterations=1, eps=1e-12, dim=None):
    """Divides a weight by its largest singular value (Miyato et al., 2018); prefer `parametrizations.spectral_norm`.

    Args:
        module: the module; the same is returned, with a parameter `name`_orig and buffers `name`_u and `name`_v.
        name: the weight's name.
        n_power_iterations: steps of power iteration at each call in training.
        eps: the smallest length to divide by.
        dim: the dimension of the outputs; 0, or 1 for transposed convolutions.

    Example::

        >>> list(flambeau.nn.utils.spectral_norm(flambeau.nn.Linear(4, 2)).state_dict())
        ['bias', 'weight_orig', 'weight_u', 'weight_v']
    """
    from .parametrizations import _transposed

    dim = (1 if _transposed(module) else 0) if dim is None else dim
    for hook in module._forward_pre_hooks.values():
        if isinstance(hook, SpectralNorm) and hook.name == name:
            raise RuntimeError(f"Cannot register two spectral_norm hooks on the same parameter {name}")
    hook = SpectralNorm(name, n_power_iterations, dim, eps)
    weight = module._parameters[name]
    if weight is None:
        raise ValueError(f"`SpectralNorm` cannot be applied as parameter `{name}` is None")
    with flambeau.no_grad():
        matrix = hook.reshape_weight_to_matrix(weight)
        rows, columns = matrix.shape
        u = normalize(weight.new_empty(rows).normal_(0, 1), dim=0, eps=eps)
        v = normalize(weight.new_empty(columns).normal_(0, 1), dim=0, eps=eps)
    delattr(module, name)
    module.register_parameter(name + "_orig", weight)
    setattr(module, name, weight.data)
    module.register_buffer(name + "_u", u)
    module.register_buffer(name + "_v", v)
    module.register_forward_pre_hook(hook)
    return module


def remove_spectral_norm(module, name="weight"):
    """Undoes `spectral_norm`, keeping the divided weight; returns the module.

    Example::

        >>> layer = flambeau.nn.utils.spectral_norm(flambeau.nn.Linear(4, 2))
        >>> list(flambeau.nn.utils.remove_spectral_norm(layer).state_dict())
        ['bias', 'weight']
    """
    for key, hook in module._forward_pre_hooks.items():
        if isinstance(hook, SpectralNorm) and hook.name == name:
            hook.remove(module)
            del module._forward_pre_hooks[key]
            return module
    raise ValueError(f"spectral_norm of '{name}' not found in {module}")
