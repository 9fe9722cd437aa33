"""Limiting gradients."""

import warnings

import flambeau
from flambeau import Tensor

__all__ = ["clip_grad_norm", "clip_grad_norm_", "clip_grad_value_", "clip_grads_with_norm_", "get_total_norm"]


def _listed(tensors, whose="parameters"):
    if isinstance(tensors, Tensor):
        return [tensors]
    if hasattr(tensors, "__next__"):
        tensors = list(tensors)
        if not tensors:
            warnings.warn(f"`{whose}` is an empty generator, no gradient clipping will occur.", stacklevel=3)
    return list(tensors)


def get_total_norm(tensors, norm_type=2.0, error_if_nonfinite=False, foreach=None):
    """The norm of all tensors taken together as one vector.

    Args:
        tensors: a tensor or several.
        norm_type: the norm's exponent; inf for the maximum.
        error_if_nonfinite: raise if the norm is infinite or not a number.
        foreach: accepted.

    Returns:
        A tensor ().

    Example::

        >>> flambeau.nn.utils.get_total_norm([flambeau.tensor([3.0]), flambeau.tensor([4.0])])
        tensor(5.)
    """
    with flambeau.no_grad():
        return _total_norm(_listed(tensors), float(norm_type), error_if_nonfinite)


def _total_norm(tensors, norm_type, error_if_nonfinite):
    if not tensors:
        return flambeau.tensor(0.0)
    norm = flambeau.linalg.vector_norm
    total = norm(flambeau.stack([norm(t, norm_type) for t in tensors]), norm_type)
    if error_if_nonfinite and not bool(total.isfinite()):
        raise RuntimeError(
            f"The total norm of order {norm_type} for gradients from `parameters` is non-finite, so it cannot be "
            "clipped. To disable this error and scale the gradients by the non-finite norm anyway, set "
            "`error_if_nonfinite=False`"
        )
    return total


def clip_grads_with_norm_(parameters, max_norm, total_norm, foreach=None):
    """Multiplies all gradients by min(1, max_norm / (total_norm + 1e-6)), in place.

    Args:
        parameters: a parameter or several.
        max_norm: the limit.
        total_norm: a tensor (), the norm of the gradients.
        foreach: accepted.

    Example::

        >>> w = flambeau.nn.Parameter(flambeau.zeros(2))
        >>> w.grad = flambeau.tensor([3.0, 4.0])
        >>> flambeau.nn.utils.clip_grads_with_norm_(w, 1.0, flambeau.tensor(5.0))
        >>> w.grad
        tensor([0.6000, 0.8000])
    """
    with flambeau.no_grad():
        _scale(_grads(_listed(parameters)), max_norm, total_norm)


def _grads(parameters):
    return [grad for grad in [p.grad for p in parameters] if grad is not None]


def _scale(grads, max_norm, total_norm):
    if grads:
        factor = (float(max_norm) / (total_norm + 1e-6)).clamp(max=1.0)
        for grad in grads:
            grad.mul_(factor)


def clip_grad_norm_(parameters, max_norm, norm_type=2.0, error_if_nonfinite=False, foreach=None):
    """Scales the gradients of parameters, in place, so that their norm is at most max_norm.

    Args:
        parameters: a parameter or several, whose norm is taken over all together.
        max_norm: the limit.
        norm_type: the norm's exponent; inf for the maximum.
        error_if_nonfinite: raise if the norm is infinite or not a number.
        foreach: accepted.

    Returns:
        The norm before, a tensor ().

    Example::

        >>> w = flambeau.nn.Parameter(flambeau.zeros(1))
        >>> w.grad = flambeau.tensor([10.0])
        >>> flambeau.nn.utils.clip_grad_norm_([w], 1.0), w.grad
        (tensor(10.), tensor([1.0000]))
    """
    grads = _grads(_listed(parameters))
    with flambeau.no_grad():
        total = _total_norm(grads, float(norm_type), error_if_nonfinite)
        _scale(grads, max_norm, total)
    return total


def clip_grad_norm(parameters, max_norm, norm_type=2.0, error_if_nonfinite=False, foreach=None):
    """The old name of `clip_grad_norm_`.

    Example::

        >>> import warnings
        >>> w = flambeau.nn.Parameter(flambeau.zeros(1))
        >>> w.grad = flambeau.tensor([10.0])
        >>> with warnings.catch_warnings(record=True) as caught:
        ...     warnings.simplefilter("always")
        ...     flambeau.nn.utils.clip_grad_norm(w, 1.0)
        tensor(10.)
        >>> caught[0].category.__name__
        'FutureWarning'
    """
    warnings.warn(
        "`torch.nn.utils.clip_grad_norm` is now deprecated in favor of `torch.nn.utils.clip_grad_norm_`.",
        FutureWarning,
        stacklevel=2,
    )
    return clip_grad_norm_(parameters, max_norm, norm_type, error_if_nonfinite, foreach)


def clip_grad_value_(parameters, clip_value, foreach=None):
    """Cuts every element of the gradients to [-clip_value, clip_value], in place.

    Args:
        parameters: a parameter or several.
        clip_value: the limit.
        foreach: accepted.

    Example::

        >>> w = flambeau.nn.Parameter(flambeau.zeros(1))
        >>> w.grad = flambeau.tensor([10.0])
        >>> flambeau.nn.utils.clip_grad_value_(w, 2.0)
        >>> w.grad
        tensor([2.])
    """
    limit = float(clip_value)
    with flambeau.no_grad():
        for parameter in _listed(parameters):
            if parameter.grad is not None:
                parameter.grad.clamp_(min=-limit, max=limit)


_get_total_norm, _clip_grads_with_norm_ = get_total_norm, clip_grads_with_norm_  # names of earlier versions
