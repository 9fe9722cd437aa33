"""Batch normalisation folded into the layer before it, for evaluation."""

import copy

import flambeau
from flambeau.nn.parameter import Parameter

__all__ = ["fuse_conv_bn_eval", "fuse_conv_bn_weights", "fuse_linear_bn_eval", "fuse_linear_bn_weights"]


def _scale_and_shift(bias, mean, variance, eps, weight, shift):
    weight = flambeau.ones_like(mean) if weight is None else weight
    shift = flambeau.zeros_like(mean) if shift is None else shift
    bias = flambeau.zeros_like(mean) if bias is None else bias
    scale = weight * flambeau.rsqrt(variance + eps)
    return scale, (bias - mean) * scale + shift


def fuse_conv_bn_weights(conv_w, conv_b, bn_rm, bn_rv, bn_eps, bn_w, bn_b, transpose=False):
    """(weight, bias) of a convolution followed by a batch normalisation.

    `s = bn_w / sqrt(bn_rv + bn_eps), weight = conv_w * s, bias = (conv_b - bn_rm) * s + bn_b`, s for each channel out

    Args:
        conv_w, conv_b: (C, ...) or, with transpose, (..., C, *), and (C) or None.
        bn_rm, bn_rv, bn_w, bn_b: the running mean and variance, weight and bias, (C) each; None for weight 1, bias 0.
        bn_eps: added to the variance.
        transpose: whether the weight is that of a transposed convolution.

    Returns:
        Two parameters.

    Example::

        >>> mean, variance = flambeau.tensor([1.0]), flambeau.tensor([4.0])
        >>> weight, bias = flambeau.nn.utils.fuse_conv_bn_weights(
        ...     flambeau.ones(1, 1, 2), flambeau.zeros(1), mean, variance, 0.0, flambeau.ones(1), flambeau.zeros(1)
        ... )
        >>> weight.tolist(), bias.tolist()
        ([[[0.5, 0.5]]], [-0.5])
    """
    scale, bias = _scale_and_shift(conv_b, bn_rm, bn_rv, bn_eps, bn_w, bn_b)
    shape = [1, -1] if transpose else [-1, 1]
    weight = conv_w * scale.reshape(shape + [1] * (conv_w.dim() - 2))
    return _like(weight, conv_w), _like(bias.to(weight.dtype), conv_b)


def _like(tensor, old):
    requires_grad = old.requires_grad if old is not None else False
    return Parameter(tensor.detach().to(old.dtype) if old is not None else tensor.detach(), requires_grad)


def fuse_conv_bn_eval(conv, bn, transpose=False):
    """A convolution that does what conv and then bn do in evaluation mode.

    Example::

        >>> conv, bn = flambeau.nn.Conv2d(2, 3, 1).eval(), flambeau.nn.BatchNorm2d(3).eval()
        >>> fused = flambeau.nn.utils.fuse_conv_bn_eval(conv, bn)
        >>> x = flambeau.ones(1, 2, 4, 4)
        >>> flambeau.allclose(fused(x), bn(conv(x)), atol=1e-6)
        True
    """
    _require_eval(conv, bn)
    fused = copy.deepcopy(conv)
    fused.weight, fused.bias = fuse_conv_bn_weights(
        fused.weight, fused.bias, bn.running_mean, bn.running_var, bn.eps, bn.weight, bn.bias, transpose
    )
    return fused


def fuse_linear_bn_weights(linear_w, linear_b, bn_rm, bn_rv, bn_eps, bn_w, bn_b):
    """(weight, bias) of a linear layer followed by a batch normalisation; see `fuse_conv_bn_weights`.

    Args:
        linear_w, linear_b: (O, I), and (O) or None.
        bn_rm, bn_rv, bn_w, bn_b: the running mean and variance, weight and bias, (O) each; None for weight 1, bias 0.
        bn_eps: added to the variance.

    Returns:
        Two parameters.

    Example::

        >>> mean, variance = flambeau.tensor([1.0]), flambeau.tensor([4.0])
        >>> weight, bias = flambeau.nn.utils.fuse_linear_bn_weights(
        ...     flambeau.ones(1, 2), flambeau.zeros(1), mean, variance, 0.0, flambeau.ones(1), flambeau.zeros(1)
        ... )
        >>> weight.tolist(), bias.tolist()
        ([[0.5, 0.5]], [-0.5])
    """
    scale, bias = _scale_and_shift(linear_b, bn_rm, bn_rv, bn_eps, bn_w, bn_b)
    return _like(linear_w * scale.unsqueeze(-1), linear_w), _like(bias, linear_b)


def fuse_linear_bn_eval(linear, bn):
    """A linear layer that does what linear and then bn do in evaluation mode.

    Raises:
        AssertionError: if one is in training, bn has no running statistics, or the sizes do not fit.

    Example::

        >>> linear, bn = flambeau.nn.Linear(2, 3).eval(), flambeau.nn.BatchNorm1d(3).eval()
        >>> fused = flambeau.nn.utils.fuse_linear_bn_eval(linear, bn)
        >>> x = flambeau.ones(4, 2)
        >>> flambeau.allclose(fused(x), bn(linear(x)), atol=1e-6)
        True
    """
    _require_eval(linear, bn)
    fused = copy.deepcopy(linear)
    if linear.out_features != bn.num_features and bn.num_features != 1:
        raise AssertionError("To fuse, linear.out_features == bn.num_features or bn.num_features == 1")
    fused.weight, fused.bias = fuse_linear_bn_weights(
        fused.weight, fused.bias, bn.running_mean, bn.running_var, bn.eps, bn.weight, bn.bias
    )
    return fused


def _require_eval(layer, bn):
    if layer.training or bn.training:
        raise AssertionError("Fusion only for eval!")
    if bn.running_mean is None or bn.running_var is None:
        raise AssertionError("Only support fusion for batchnorm with running statistics")
