"""Making modules whose first weights do not matter."""

import inspect

import flambeau

__all__ = ["skip_init"]


def skip_init(module_cls, *args, **kwargs):
    """A module whose parameters may hold anything, and whose making leaves the random stream where it was.

    Args:
        module_cls: a Module class that takes `device`.
        *args, **kwargs: its arguments.

    Example::

        >>> flambeau.nn.utils.skip_init(flambeau.nn.Linear, 5, 1).weight.shape
        torch.Size([1, 5])
    """
    from flambeau.nn.modules.module import Module

    if not issubclass(module_cls, Module):
        raise RuntimeError(f"Expected a Module; got {module_cls}")
    if "device" not in inspect.signature(module_cls).parameters:
        raise RuntimeError("Module must support a 'device' arg to skip initialization")
    state = flambeau.get_rng_state()  # what the constructor draws is drawn by nobody
    module = module_cls(*args, **kwargs)
    flambeau.set_rng_state(state)
    return module
