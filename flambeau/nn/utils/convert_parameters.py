"""Parameters as one vector, and back."""

import flambeau

__all__ = ["parameters_to_vector", "vector_to_parameters"]


def parameters_to_vector(parameters):
    """All parameters, one after the other, in one dimension.

    Example::

        >>> flambeau.nn.utils.parameters_to_vector(flambeau.nn.Linear(2, 3).parameters()).shape
        torch.Size([9])
    """
    return flambeau.cat([parameter.reshape(-1) for parameter in parameters])


def vector_to_parameters(vec, parameters):
    """Makes parameters views of the parts of a vector, the inverse of `parameters_to_vector`.

    Example::

        >>> layer = flambeau.nn.Linear(2, 3)
        >>> flambeau.nn.utils.vector_to_parameters(flambeau.zeros(9), layer.parameters())
        >>> layer.weight.abs().sum().item()
        0.0
    """
    if not isinstance(vec, flambeau.Tensor):
        raise TypeError(f"expected torch.Tensor, but got: {type(vec)}")
    start = 0
    for parameter in parameters:
        stop = start + parameter.numel()
        parameter.data = vec[start:stop].view_as(parameter).data
        start = stop
