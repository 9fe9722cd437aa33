"""Running one model on several devices; the CPU is one device, so here the model simply runs."""

from .modules.module import Module


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
