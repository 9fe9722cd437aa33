"""Splitting arguments over devices, and joining results."""

import flambeau
from flambeau import Tensor

__all__ = ["gather", "scatter", "scatter_kwargs"]


def is_namedtuple(obj):
    """Whether something is a named tuple, or a class of them.

    Example::

        >>> flambeau.nn.parallel.scatter_gather.is_namedtuple((1, 2))
        False
    """
    return hasattr(obj, "_asdict") and hasattr(obj, "_fields")


def _rebuilt(like, values):
    """Values in a container of the kind of another: a list, a tuple, a named tuple."""
    return type(like)(*values) if is_namedtuple(like) else type(like)(values)


def scatter(inputs, target_gpus, dim=0):
    """Splits the tensors in `inputs` along a dimension; one part per device.

    Args:
        inputs: a tensor, or lists, tuples and dicts with tensors. What is no tensor goes to every device.
        target_gpus: the devices.
        dim: the dimension.

    Example::

        >>> flambeau.nn.parallel.scatter((flambeau.arange(4), "x"), ["cpu", "cpu"])
        [(tensor([0, 1]), 'x'), (tensor([2, 3]), 'x')]
    """
    devices = [flambeau.device(device) for device in target_gpus]
    if isinstance(inputs, Tensor):
        parts = inputs.chunk(len(devices), dim) if devices else ()
        return [part.to(device) for part, device in zip(parts, devices, strict=False)]
    if isinstance(inputs, list | tuple) and len(inputs):
        parts = zip(*(scatter(value, devices, dim) for value in inputs), strict=False)
        return [_rebuilt(inputs, part) for part in parts]
    if isinstance(inputs, dict) and inputs:
        parts = zip(*(scatter(value, devices, dim) for value in inputs.values()), strict=False)
        return [type(inputs)(zip(inputs, part, strict=True)) for part in parts]
    return [inputs] * len(devices)


def scatter_kwargs(inputs, kwargs, target_gpus, dim=0):
    """`scatter` of the arguments and the keyword arguments of a call, with as many of both.

    Example::

        >>> flambeau.nn.parallel.scatter_gather.scatter_kwargs((flambeau.arange(2),), None, ["cpu"])
        (((tensor([0, 1]),),), ({},))
    """
    arguments = scatter(inputs, target_gpus, dim) if inputs else []
    named = scatter(kwargs, target_gpus, dim) if kwargs else []
    count = max(len(arguments), len(named))
    arguments += [()] * (count - len(arguments))
    named += [{}] * (count - len(named))
    return tuple(arguments), tuple(named)


def gather(outputs, target_device, dim=0):
    """Joins the results of several devices along a dimension, on one device.

    Args:
        outputs: one result per device: tensors, or equal lists, tuples or dicts of them. Numbers (0-dim) become a vector.
        target_device: where to.
        dim: the dimension.

    Example::

        >>> flambeau.nn.parallel.gather([flambeau.ones(1, 2), flambeau.zeros(1, 2)], "cpu")
        tensor([[1., 1.],
                [0., 0.]])
    """
    first = outputs[0]
    if isinstance(first, Tensor):
        parts = [part.reshape(1) if part.dim() == 0 else part for part in outputs]
        return flambeau.cat([part.to(target_device) for part in parts], 0 if first.dim() == 0 else dim)
    if first is None:
        return None
    if isinstance(first, dict):
        if any(len(output) != len(first) for output in outputs):
            raise ValueError("All dicts must have the same number of keys")
        return type(first)((key, gather([output[key] for output in outputs], target_device, dim)) for key in first)
    return _rebuilt(first, [gather(parts, target_device, dim) for parts in zip(*outputs, strict=True)])
