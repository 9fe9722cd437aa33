"""Ready parametrizations: weight normalisation and spectral normalisation."""

import flambeau
from flambeau.nn.modules.module import Module

from . import parametrize

__all__ = ["spectral_norm", "weight_norm"]


def norm_except_dim(v, power, dim):
    """The norms of the slices of a tensor along a dimension, with the tensor's number of dimensions.

    Example::

        >>> flambeau.nn.utils.parametrizations.norm_except_dim(flambeau.ones(2, 4), 2, 0).shape
        torch.Size([2, 1])
    """
    if dim == -1:
        return v.norm(power)
    others = [d for d in range(v.dim()) if d != dim % v.dim()]
    return flambeau.linalg.vector_norm(v, power, others, keepdim=True) if others else v.abs()


class _WeightNorm(Module):
    """w = g v / |v| (Salimans, Kingma 2016)."""

    def __init__(self, dim=0):
        super().__init__()
        self.dim = -1 if dim is None else dim

    def forward(self, weight_g, weight_v):
        return weight_v * (weight_g / norm_except_dim(weight_v, 2, self.dim))

    def right_inverse(self, weight):
        return norm_except_dim(weight, 2, self.dim), weight


def weight_norm(module, name="weight", dim=0):
    """Trains a weight's length g and direction v apart: w = g v / |v| (Salimans, Kingma 2016).

    Args:
        module: the module; the same is returned.
        name: the weight's name.
        dim: the dimension of the slices that have a length each; None for one length.

    Example::

        >>> layer = flambeau.nn.utils.parametrizations.weight_norm(flambeau.nn.Linear(4, 2))
        >>> layer.parametrizations.weight.original0.shape, layer.parametrizations.weight.original1.shape
        (torch.Size([2, 1]), torch.Size([2, 4]))
    """
    parametrize.register_parametrization(module, name, _WeightNorm(dim), unsafe=True)
    module._register_load_state_dict_pre_hook(_OldNames(name))
    return module


class _OldNames:
    """Reads state that the older `weight_norm` wrote."""

    def __init__(self, name):
        self.name = name

    def __call__(self, state_dict, prefix, *rest):
        old = [f"{prefix}{self.name}_g", f"{prefix}{self.name}_v"]
        if all(key in state_dict for key in old):
            for i, key in enumerate(old):
                state_dict[f"{prefix}parametrizations.{self.name}.original{i}"] = state_dict.pop(key)


class _SpectralNorm(Module):
    """w / sigma(w), the largest singular value being followed by power iteration."""

    def __init__(self, weight, n_power_iterations=1, dim=0, eps=1e-12):
        super().__init__()
        if n_power_iterations <= 0:
            raise ValueError(
                f"Expected n_power_iterations to be positive, but got n_power_iterations={n_power_iterations}"
            )
        if not -weight.dim() <= dim < weight.dim():
            raise IndexError(
                f"Dimension out of range (expected to be in range of [-{weight.dim()}, {weight.dim() - 1}] "
                f"but got {dim})"
            )
        self.dim = dim if dim >= 0 else dim + weight.dim()
        self.eps = eps
        if weight.dim() > 1:
            self.n_power_iterations = n_power_iterations
            matrix = self._reshape_weight_to_matrix(weight)
            rows, columns = matrix.shape
            u, v = matrix.new_empty(rows).normal_(0, 1), matrix.new_empty(columns).normal_(0, 1)
            self.register_buffer("_u", flambeau.nn.functional.normalize(u, dim=0, eps=eps))
            self.register_buffer("_v", flambeau.nn.functional.normalize(v, dim=0, eps=eps))
            self._power_method(matrix, 15)

    def _reshape_weight_to_matrix(self, weight):
        if self.dim != 0:
            weight = weight.permute(self.dim, *[d for d in range(weight.dim()) if d != self.dim])
        return weight.flatten(1)

    def _power_method(self, matrix, iterations):
        normalize = flambeau.nn.functional.normalize
        with flambeau.no_grad():
            for _ in range(iterations):
                self._u = normalize(flambeau.mv(matrix, self._v), dim=0, eps=self.eps)
                self._v = normalize(flambeau.mv(matrix.t(), self._u), dim=0, eps=self.eps)

    def forward(self, weight):
        if weight.dim() == 1:
            return flambeau.nn.functional.normalize(weight, dim=0, eps=self.eps)
        matrix = self._reshape_weight_to_matrix(weight)
        if self.training:
            self._power_method(matrix, self.n_power_iterations)
        sigma = flambeau.vdot(self._u.clone(), flambeau.mv(matrix, self._v.clone()))
        return weight / sigma

    def right_inverse(self, value):
        return value


def _transposed(module):
    from flambeau.nn import ConvTranspose1d, ConvTranspose2d, ConvTranspose3d

    return isinstance(module, ConvTranspose1d | ConvTranspose2d | ConvTranspose3d)


def spectral_norm(module, name="weight", n_power_iterations=1, eps=1e-12, dim=None):
    """Divides a weight by its largest singular value (Miyato et al., 2018).

    Args:
        module: the module; the same is returned.
        name: the weight's name.
        n_power_iterations: steps of power iteration at each call in training.
        eps: the smallest length to divide by.
        dim: the dimension of the outputs; 0, or 1 for transposed convolutions.

    Example::

        >>> layer = flambeau.nn.utils.parametrizations.spectral_norm(flambeau.nn.Linear(4, 2))
        >>> bool(layer.weight.norm() >= 0.99)
        True
    """
    weight = getattr(module, name, None)
    if not isinstance(weight, flambeau.Tensor):
        raise ValueError(f"Module '{module}' has no parameter or buffer with name '{name}'")
    dim = (1 if _transposed(module) else 0) if dim is None else dim
    parametrize.register_parametrization(module, name, _SpectralNorm(weight, n_power_iterations, dim, eps))
    return module
