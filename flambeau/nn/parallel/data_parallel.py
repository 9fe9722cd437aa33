"""One model, each batch split over devices."""

from flambeau.nn.modules.module import Module

from .parallel_apply import parallel_apply
from .replicate import replicate
from .scatter_gather import gather, scatter_kwargs

__all__ = ["DataParallel", "data_parallel"]


class DataParallel(Module):
    """Splits a batch over several devices; with the CPU alone it calls the module.

    Args:
        module: the model, kept as `module` (its names in a state_dict begin with "module.").
        device_ids, output_device, dim: accepted; there is one device.

    Example::

        >>> model = flambeau.nn.DataParallel(flambeau.nn.Linear(2, 3))
        >>> list(model.state_dict())
        ['module.weight', 'module.bias']
    """

    def __init__(self, module, device_ids=None, output_device=None, dim=0):
        super().__init__()
        self.module = module
        self.device_ids = []
        self.output_device = output_device
        self.dim = dim

    def forward(self, *inputs, **kwargs):
        return self.module(*inputs, **kwargs)

    def replicate(self, module, device_ids):
        """As many replicas of a module as there are devices."""
        return replicate(module, device_ids)

    def scatter(self, inputs, kwargs, device_ids):
        """The arguments of a call, and its keyword arguments, split over devices."""
        return scatter_kwargs(inputs, kwargs, device_ids, dim=self.dim)

    def parallel_apply(self, replicas, inputs, kwargs):
        """What each replica gives for its part."""
        return parallel_apply(replicas, inputs, kwargs)

    def gather(self, outputs, output_device):
        """The results of the replicas, joined."""
        return gather(outputs, output_device, dim=self.dim)


def data_parallel(module, inputs, device_ids=None, output_device=None, dim=0, module_kwargs=None):
    """Calls a module as `DataParallel` would.

    Args:
        module: the model.
        inputs: its arguments, a tuple or a single one.
        device_ids, output_device, dim: accepted; there is one device.
        module_kwargs: its keyword arguments.

    Example::

        >>> flambeau.nn.parallel.data_parallel(flambeau.nn.ReLU(), flambeau.tensor([-1.0, 2.0]))
        tensor([0., 2.])
    """
    inputs = inputs if isinstance(inputs, tuple) else () if inputs is None else (inputs,)
    return module(*inputs, **(module_kwargs or {}))
