"""One model, trained by several processes."""

from flambeau.nn.modules.module import Module

__all__ = ["DistributedDataParallel"]


class DistributedDataParallel(Module):
    """What averages gradients between processes; it needs a process group, which flambeau does not have.

    Raises:
        ValueError: always, as in PyTorch where no process group has been initialized.

    Example::

        >>> try:
        ...     flambeau.nn.parallel.DistributedDataParallel(flambeau.nn.Linear(2, 2))
        ... except ValueError as error:
        ...     print(str(error)[:57])
        Default process group has not been initialized: flambeau
    """

    def __init__(self, module, *args, **kwargs):
        raise ValueError(
            "Default process group has not been initialized: flambeau trains in one process. Use the module itself, or "
            "nn.DataParallel(module), whose state_dict has the same names"
        )
