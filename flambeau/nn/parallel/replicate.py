"""Copies of a model for several devices."""

import flambeau

__all__ = ["replicate"]


def replicate(network, devices, detach=False):
    """As many replicas of a module as there are devices, which share its parameters and buffers.

    Args:
        network: the module.
        devices: where they are to run.
        detach: give the replicas tensors without a graph, instead of the parameters themselves.

    Example::

        >>> one, two = flambeau.nn.parallel.replicate(flambeau.nn.Linear(2, 3), ["cpu", "cpu"])
        >>> one is two, one.weight is two.weight
        (False, True)
    """
    return [_replica(network, flambeau.device(device), detach) for device in devices]


def _replica(network, device, detach):
    made = {module: module._replicate_for_data_parallel() for module in network.modules()}
    for module, replica in made.items():
        own = replica.__dict__
        for name in (*own["_parameter_names"], *own["_buffer_names"]):
            if own[name] is not None:
                own[name] = (own[name].detach() if detach else own[name]).to(device)
        for name in own["_module_names"]:
            own[name] = made.get(module.__dict__[name])
    return made[network]
