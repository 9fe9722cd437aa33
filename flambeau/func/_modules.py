"""Modules as functions of their parameters."""

from ..nn.modules.batchnorm import _BatchNorm
from ..ops import stack


def stack_module_state(models):
    """The parameters and the buffers of several modules of one class, each stacked along a new first dimension.

    Args:
        models: modules with the same parameter names and shapes, all in train or all in eval mode.

    Returns: two dictionaries, parameters and buffers, from name to tensor of shape (number of models, ...). Stacked
    parameters are new leaves that require a gradient where the originals do.

    Raises:
        RuntimeError: no module, different classes, or a mix of modes.

    >>> params, buffers = flambeau.func.stack_module_state([flambeau.nn.Linear(3, 2) for _ in range(4)])
    >>> params["weight"].shape, buffers
    (torch.Size([4, 2, 3]), {})
    """
    models = list(models)
    if not models:
        raise RuntimeError("stack_module_state: Expected at least one model, got 0.")
    if len({m.training for m in models}) > 1:
        raise RuntimeError("stack_module_state: Expected all models to have the same training/eval mode.")
    if len({type(m) for m in models}) > 1:
        raise RuntimeError("stack_module_state: Expected all models to be of the same class.")
    params = {name: _stacked(name, models, "named_parameters") for name, _ in models[0].named_parameters()}
    buffers = {name: _stacked(name, models, "named_buffers") for name, _ in models[0].named_buffers()}
    return params, buffers


def _stacked(name, models, kind):
    tensors = [dict(getattr(m, kind)())[name] for m in models]
    needed = {t.requires_grad for t in tensors}
    if len(needed) > 1:
        raise RuntimeError(f"Expected {name} from each model to have the same .requires_grad")
    return stack([t.detach() for t in tensors]).requires_grad_(needed.pop())


def replace_all_batch_norm_modules_(root):
    """Make every batch norm in a module use the statistics of the batch only, without running averages.

    >>> net = flambeau.func.replace_all_batch_norm_modules_(nn.Sequential(nn.BatchNorm1d(3)))
    >>> net[0].running_mean is None
    True
    """
    for module in root.modules():
        without_running_statistics(module)
    return root


def without_running_statistics(module):
    """Make one module, if it is a batch norm, use the statistics of the batch only."""
    if isinstance(module, _BatchNorm):
        module.running_mean = module.running_var = module.num_batches_tracked = None
        module.track_running_stats = False


def functional_call(module, parameter_and_buffer_dicts, args=None, kwargs=None, *, tie_weights=True, strict=False):
    """Call a module with other parameters and buffers than its own.

    Args:
        module: the module; it is as before afterwards.
        parameter_and_buffer_dicts: a dictionary from full name to tensor, or several.
        args: the arguments of the call, or one that is not a tuple.
        kwargs: its keyword arguments.
        tie_weights: whether parameters that are one in the module stay one.
        strict: whether every parameter and buffer must be given.

    >>> layer = flambeau.nn.Linear(1, 1)
    >>> flambeau.func.functional_call(layer, {"weight": flambeau.ones(1, 1), "bias": flambeau.ones(1)}, flambeau.ones(1))
    tensor([2.])
    """
    from ..nn.utils.stateless import functional_call as call

    return call(module, parameter_and_buffer_dicts, args, kwargs, tie_weights=tie_weights, strict=strict)
