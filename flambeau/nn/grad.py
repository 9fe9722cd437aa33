"""Gradients of convolutions, by input and by weight, from the gradient of the result."""

import flambeau
from flambeau.nn import functional as F


def _of_input(convolve, input_size, weight, grad_output, arguments):
    if input_size is None:
        raise ValueError(f"[{convolve.__name__}_input] needs input_size: several sizes give a result of the same size")
    input = weight.new_zeros(input_size)
    return _gradient(convolve, input, weight, grad_output, arguments, of=0)


def _of_weight(convolve, input, weight_size, grad_output, arguments):
    weight = input.new_zeros(weight_size)
    return _gradient(convolve, input, weight, grad_output, arguments, of=1)


def _gradient(convolve, input, weight, grad_output, arguments, of):
    recorded = flambeau.is_grad_enabled()
    with flambeau.enable_grad():
        asked = (input, weight)[of].requires_grad_()
        result = convolve(input, weight, None, *arguments)
        return flambeau.autograd.grad(result, asked, grad_output, create_graph=recorded)[0]


def conv1d_input(input_size, weight, grad_output, stride=1, padding=0, dilation=1, groups=1):
    """The gradient of `conv1d` by its input.

    Args:
        input_size: the input's shape (N, C_in, L).
        weight: (C_out, C_in / groups, K).
        grad_output: the gradient by the result, of the result's shape.
        stride, padding, dilation, groups: as of the convolution.

    Example::

        >>> weight, grad = flambeau.ones(1, 1, 2), flambeau.ones(1, 1, 3)
        >>> flambeau.nn.grad.conv1d_input((1, 1, 4), weight, grad)
        tensor([[[1., 2., 2., 1.]]])
    """
    return _of_input(F.conv1d, input_size, weight, grad_output, (stride, padding, dilation, groups))


def conv1d_weight(input, weight_size, grad_output, stride=1, padding=0, dilation=1, groups=1):
    """The gradient of `conv1d` by its weight.

    Args:
        input: (N, C_in, L).
        weight_size: the weight's shape (C_out, C_in / groups, K).
        grad_output: the gradient by the result, of the result's shape.
        stride, padding, dilation, groups: as of the convolution.

    Example::

        >>> input, grad = flambeau.arange(4.0).reshape(1, 1, 4), flambeau.ones(1, 1, 3)
        >>> flambeau.nn.grad.conv1d_weight(input, (1, 1, 2), grad)
        tensor([[[3., 6.]]])
    """
    return _of_weight(F.conv1d, input, weight_size, grad_output, (stride, padding, dilation, groups))


def conv2d_input(input_size, weight, grad_output, stride=1, padding=0, dilation=1, groups=1):
    """The gradient of `conv2d` by its input; arguments as of `conv1d_input`.

    Example::

        >>> weight, grad = flambeau.ones(1, 1, 2, 2), flambeau.ones(1, 1, 1, 1)
        >>> flambeau.nn.grad.conv2d_input((1, 1, 2, 2), weight, grad).sum().item()
        4.0
    """
    return _of_input(F.conv2d, input_size, weight, grad_output, (stride, padding, dilation, groups))


def conv2d_weight(input, weight_size, grad_output, stride=1, padding=0, dilation=1, groups=1):
    """The gradient of `conv2d` by its weight; arguments as of `conv1d_weight`.

    Example::

        >>> input, grad = flambeau.ones(1, 1, 3, 3), flambeau.ones(1, 1, 2, 2)
        >>> flambeau.nn.grad.conv2d_weight(input, (1, 1, 2, 2), grad).sum().item()
        16.0
    """
    return _of_weight(F.conv2d, input, weight_size, grad_output, (stride, padding, dilation, groups))


def conv3d_input(input_size, weight, grad_output, stride=1, padding=0, dilation=1, groups=1):
    """The gradient of `conv3d` by its input; arguments as of `conv1d_input`.

    Example::

        >>> weight, grad = flambeau.ones(1, 1, 2, 2, 2), flambeau.ones(1, 1, 1, 1, 1)
        >>> flambeau.nn.grad.conv3d_input((1, 1, 2, 2, 2), weight, grad).sum().item()
        8.0
    """
    return _of_input(F.conv3d, input_size, weight, grad_output, (stride, padding, dilation, groups))


def conv3d_weight(input, weight_size, grad_output, stride=1, padding=0, dilation=1, groups=1):
    """The gradient of `conv3d` by its weight; arguments as of `conv1d_weight`.

    Example::

        >>> input, grad = flambeau.ones(1, 1, 2, 2, 2), flambeau.ones(1, 1, 1, 1, 1)
        >>> flambeau.nn.grad.conv3d_weight(input, (1, 1, 2, 2, 2), grad).sum().item()
        8.0
    """
    return _of_weight(F.conv3d, input, weight_size, grad_output, (stride, padding, dilation, groups))
