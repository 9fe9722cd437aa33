"""The older weight normalisation: a hook that computes the weight before each forward."""

import warnings

import flambeau
from flambeau.nn.parameter import Parameter


class WeightNorm:
    """The hook: sets the weight to g v / |v|."""

    def __init__(self, name, dim):
        self.name = name
        self.dim = -1 if dim is None else dim

    def compute_weight(self, module):
        """The weight from its length and direction."""
        g, v = getattr(module, self.name + "_g"), getattr(module, self.name + "_v")
        return v * (g / flambeau.norm_except_dim(v, 2, self.dim))

    def __call__(self, module, inputs):
        setattr(module, self.name, self.compute_weight(module))

    def remove(self, module):
        """Makes the weight a parameter again."""
        weight = self.compute_weight(module).detach()
        delattr(module, self.name)
        del module._parameters[self.name + "_g"]
        del module._parameters[self.name + "_v"]
        setattr(module, self.name, Parameter(weight))


def weight_norm(module, name="weight", dim=0):
    """Trains a weight's length and direction apart; prefer `parametrizations.weight_norm`.

    Args:
        module: the module; the same is returned, with parameters `name`_g and `name`_v.
        name: the weight's name.
        dim: the dimension of the slices that have a length each; None for one length.

    Example::

        >>> import warnings
        >>> warnings.simplefilter("ignore")
        >>> list(flambeau.nn.utils.weight_norm(flambeau.nn.Linear(4, 2)).state_dict())
        ['bias', 'weight_g', 'weight_v']
    """
    warnings.warn(
        "`torch.nn.utils.weight_norm` is deprecated in favor of `torch.nn.utils.parametrizations.weight_norm`.",
        FutureWarning,
        stacklevel=2,
    )
    for hook in module._forward_pre_hooks.values():
        if isinstance(hook, WeightNorm) and hook.name == name:
            raise RuntimeError(f"Cannot register two weight_norm hooks on the same parameter {name}")
    hook = WeightNorm(name, dim)
    weight = getattr(module, name)
    if not isinstance(weight, flambeau.Tensor):
        raise TypeError(f"[weight_norm] '{name}' must be a tensor, got {type(weight).__name__}")
    length = flambeau.norm_except_dim(weight, 2, hook.dim).detach()
    del module._parameters[name]
    module.register_parameter(name + "_g", Parameter(length))
    module.register_parameter(name + "_v", Parameter(weight.detach()))
    setattr(module, name, hook.compute_weight(module))
    module.register_forward_pre_hook(hook)
    return module


def remove_weight_norm(module, name="weight"):
    """Undoes `weight_norm`, keeping the computed weight; returns the module.

    Example::

        >>> import warnings
        >>> warnings.simplefilter("ignore")
        >>> layer = flambeau.nn.utils.weight_norm(flambeau.nn.Linear(4, 2))
        >>> list(flambeau.nn.utils.remove_weight_norm(layer).state_dict())
        ['bias', 'weight']
    """
    for key, hook in module._forward_pre_hooks.items():
        if isinstance(hook, WeightNorm) and hook.name == name:
            hook.remove(module)
            del module._forward_pre_hooks[key]
            return module
    raise ValueError(f"weight_norm of '{name}' not found in {module}")
