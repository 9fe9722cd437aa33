"""Making modules without drawing their first weights."""

import inspect

__all__ = ["skip_init"]


def skip_init(module_cls, *args, **kwargs):
    """A module whose parameters are not initialised.

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
    device = kwargs.pop("device", "cpu")
    return module_cls(*args, device="meta", **kwargs).to_empty(device=device)
