"""torch.distributed.checkpoint.state_dict: the states of a model and its optimizers by the names of parameters."""

from dataclasses import dataclass

import flambeau


@dataclass
class StateDictOptions:
    """What the functions here take and give.

    Args:
        full_state_dict, cpu_offload, broadcast_from_rank0: as each process has all tensors on the CPU, nothing to do.
        ignore_frozen_params: leave out parameters that require no gradient.
        keep_submodule_prefixes: names as they are in the model, for `submodules`.
        strict: every name must fit.
        flatten_optimizer_state_dict: one level: "state.weight.step", "param_groups.weight.lr".
    """

    full_state_dict: bool = False
    cpu_offload: bool = False
    ignore_frozen_params: bool = False
    keep_submodule_prefixes: bool = True
    strict: bool = True
    broadcast_from_rank0: bool = False
    flatten_optimizer_state_dict: bool = False
    dsd_fqn_modifiers: str = "_fqn_modifiers"


def _plain(model):
    """The model inside of a wrapper."""
    wrappers = (flambeau.nn.parallel.DistributedDataParallel, flambeau.nn.DataParallel)
    return _plain(model.module) if isinstance(model, wrappers) else model


def _prefixes(model, submodules):
    wanted = set(submodules or ())
    return [f"{name}." for name, module in model.named_modules() if module in wanted]


def get_model_state_dict(model, *, submodules=None, options=None):
    """The parameters and buffers of a model by name; of some submodules if they are given.

    >>> from flambeau.distributed.checkpoint.state_dict import get_model_state_dict
    >>> list(get_model_state_dict(nn.Linear(1, 1)))
    ['weight', 'bias']
    """
    options, model = options or StateDictOptions(), _plain(model)
    state = model.state_dict()
    if options.ignore_frozen_params:
        for name in [name for name, parameter in model.named_parameters() if not parameter.requires_grad]:
            del state[name]
    if not submodules:
        return state
    chosen = {}
    for prefix in _prefixes(model, submodules):
        start = 0 if options.keep_submodule_prefixes else len(prefix)
        chosen.update((name[start:], value) for name, value in state.items() if name.startswith(prefix))
    return chosen


def set_model_state_dict(model, model_state_dict, *, options=None):
    """Load what get_model_state_dict gave; a model on the meta device gets the tensors themselves.

    Returns: the missing and the unexpected names.

    >>> from flambeau.distributed.checkpoint.state_dict import get_model_state_dict, set_model_state_dict
    >>> set_model_state_dict(nn.Linear(1, 1), get_model_state_dict(nn.Linear(1, 1)))
    <All keys matched successfully>
    """
    options, model = options or StateDictOptions(), _plain(model)
    on_meta = any(value.is_meta for value in model.state_dict().values() if isinstance(value, flambeau.Tensor))
    return model.load_state_dict(model_state_dict, strict=options.strict, assign=on_meta)


def _with_state(optimizer):
    """The optimizer, its state made by a step that changes nothing if there was none yet."""
    parameters = [p for group in optimizer.param_groups for p in group["params"] if p.requires_grad]
    if optimizer.state or any(p.grad is not None for p in parameters):
        return optimizer
    rates = [group.get("lr") for group in optimizer.param_groups]
    for parameter in parameters:
        parameter.grad = flambeau.zeros_like(parameter)
    for group, rate in zip(optimizer.param_groups, rates, strict=True):
        if rate is not None:
            group["lr"] = flambeau.tensor(0.0) if isinstance(rate, flambeau.Tensor) else 0.0
    optimizer.step(closure=None)
    for group, rate in zip(optimizer.param_groups, rates, strict=True):
        if rate is not None:
            group["lr"] = rate
    optimizer.zero_grad(set_to_none=True)
    return optimizer


def _names(model):
    return {id(parameter): name for name, parameter in _plain(model).named_parameters()}


def _several(optimizers):
    return (optimizers,) if isinstance(optimizers, flambeau.optim.Optimizer) else tuple(optimizers)


def _flat(state):
    flat = {f"state.{name}.{key}": value for name, values in state["state"].items() for key, value in values.items()}
    for group in state["param_groups"]:
        options = [(key, value) for key, value in group.items() if key != "params"]
        flat.update((f"param_groups.{name}.{key}", value) for name in group["params"] for key, value in options)
    return flat


def get_optimizer_state_dict(model, optimizers, *, submodules=None, options=None):
    """The state of optimizers, by the names of the model's parameters in place of numbers.

    >>> from flambeau.distributed.checkpoint.state_dict import get_optimizer_state_dict
    >>> layer = nn.Linear(1, 1)
    >>> get_optimizer_state_dict(layer, flambeau.optim.SGD(layer.parameters(), 0.1))["param_groups"][0]["params"]
    ['weight', 'bias']
    """
    options, names = options or StateDictOptions(), _names(model)
    prefixes = _prefixes(_plain(model), submodules)
    found = {"state": {}, "param_groups": []}
    for optimizer in map(_with_state, _several(optimizers)):
        ordered = [names[id(p)] for group in optimizer.param_groups for p in group["params"]]
        state = optimizer.state_dict()
        wanted = [name for name in ordered if not submodules or name.startswith(tuple(prefixes))]
        for number, name in enumerate(ordered):
            if number in state["state"] and name in wanted:
                found["state"][name] = state["state"][number]
        for group in state["param_groups"]:
            found["param_groups"].append(
                {**group, "params": [ordered[n] for n in group["params"] if ordered[n] in wanted]}
            )
    return _flat(found) if options.flatten_optimizer_state_dict else found


def set_optimizer_state_dict(model, optimizers, optim_state_dict, *, options=None):
    """Load what get_optimizer_state_dict gave, flat or not.

    Raises:
        RuntimeError: a parameter of an optimizer has no entry.

    >>> from flambeau.distributed.checkpoint.state_dict import get_optimizer_state_dict, set_optimizer_state_dict
    >>> layer = nn.Linear(1, 1)
    >>> optimizer = flambeau.optim.Adam(layer.parameters())
    >>> set_optimizer_state_dict(layer, optimizer, get_optimizer_state_dict(layer, optimizer))
    """
    names = _names(model)
    flat = optim_state_dict if "param_groups" not in optim_state_dict else _flat(optim_state_dict)
    for optimizer in map(_with_state, _several(optimizers)):
        state, number = optimizer.state_dict(), 0
        for group, own in zip(state["param_groups"], optimizer.param_groups, strict=True):
            for parameter in own["params"]:
                name = names[id(parameter)]
                _take(state["state"].get(number, {}), flat, f"state.{name}.", name)
                _take(group, flat, f"param_groups.{name}.", name, leave=("params",))
                number += 1
        optimizer.load_state_dict(state)


def _take(target, flat, prefix, name, leave=()):
    for key in target:
        if key in leave:
            continue
        if prefix + key not in flat:
            raise RuntimeError(f"[set_optimizer_state_dict] the state has no {key!r} of the parameter {name!r}")
        target[key] = flat[prefix + key]


def get_state_dict(model, optimizers, *, submodules=None, options=None):
    """The states of a model and of its optimizers.

    >>> from flambeau.distributed.checkpoint.state_dict import get_state_dict
    >>> layer = nn.Linear(1, 1)
    >>> model_state, optimizer_state = get_state_dict(layer, flambeau.optim.Adam(layer.parameters()))
    >>> sorted(optimizer_state["state"])
    ['bias', 'weight']
    """
    return (
        get_model_state_dict(model, submodules=submodules, options=options),
        get_optimizer_state_dict(model, optimizers, submodules=submodules, options=options),
    )


def set_state_dict(model, optimizers, *, model_state_dict, optim_state_dict, options=None):
    """Load what get_state_dict gave; the missing and the unexpected names of the model.

    >>> from flambeau.distributed.checkpoint.state_dict import get_state_dict, set_state_dict
    >>> layer = nn.Linear(1, 1)
    >>> optimizer = flambeau.optim.Adam(layer.parameters())
    >>> states = get_state_dict(layer, optimizer)
    >>> set_state_dict(layer, optimizer, model_state_dict=states[0], optim_state_dict=states[1])
    <All keys matched successfully>
    """
    set_optimizer_state_dict(model, optimizers, optim_state_dict, options=options)
    return set_model_state_dict(model, model_state_dict, options=options)
