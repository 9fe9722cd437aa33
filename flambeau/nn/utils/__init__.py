"""Tools for parameters, gradients and sequences."""

from . import rnn
from .clip_grad import clip_grad_norm, clip_grad_norm_, clip_grad_value_, clip_grads_with_norm_, get_total_norm
from .convert_parameters import parameters_to_vector, vector_to_parameters
from .fusion import fuse_conv_bn_eval, fuse_conv_bn_weights, fuse_linear_bn_eval, fuse_linear_bn_weights
from .init import skip_init
from .memory_format import convert_conv2d_weight_memory_format, convert_conv3d_weight_memory_format

__all__ = [
    "clip_grad_norm",
    "clip_grad_norm_",
    "clip_grad_value_",
    "clip_grads_with_norm_",
    "convert_conv2d_weight_memory_format",
    "convert_conv3d_weight_memory_format",
    "fuse_conv_bn_eval",
    "fuse_conv_bn_weights",
    "fuse_linear_bn_eval",
    "fuse_linear_bn_weights",
    "get_total_norm",
    "parameters_to_vector",
    "rnn",
    "skip_init",
    "vector_to_parameters",
]

_LATER = {"parametrizations", "parametrize", "stateless"}
_OLD = {
    "weight_norm": "_weight_norm",
    "remove_weight_norm": "_weight_norm",
    "spectral_norm": "_spectral_norm",
    "remove_spectral_norm": "_spectral_norm",
}


def __getattr__(name):
    """Modules that need the layers are imported when they are first used."""
    import importlib

    if name in _LATER:
        return importlib.import_module(f"{__name__}.{name}")
    if name in _OLD:
        return getattr(importlib.import_module(f"{__name__}.{_OLD[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
