"""Optimizer steps as functions of lists of tensors: `torch.optim.adam.adam`, `torch.optim.sgd.sgd` and so on.

Lists of states are by position, the options that the formula needs by keyword, as in torch.
"""

import importlib
from inspect import Parameter, Signature

import flambeau

# The names of the functions' lists, and of the state that each holds.
_STATES = {
    "acc_deltas": "acc_delta", "axs": "ax", "col_vars": "col_var", "etas": "eta", "exp_avg_sqs": "exp_avg_sq", "exp_avgs": "exp_avg",
    "exp_infs": "exp_inf", "grad_avgs": "grad_avg", "max_exp_avg_sqs": "max_exp_avg_sq", "momentum_buffer_list": "momentum_buffer",
    "mu_products": "mu_product", "muon_momentum_bufs": "momentum_buffer", "mus": "mu", "prevs": "prev", "row_vars": "row_var",
    "square_avgs": "square_avg", "state_steps": "step", "state_sums": "sum", "step_sizes": "step_size", "variances": "variance",
}  # fmt: skip
# Options of a group that the functions take in two parts.
_PAIRS = {
    "betas": ("beta1", "beta2"),
    "eps": ("eps1", "eps2"),
    "etas": ("etaminus", "etaplus"),
    "step_sizes": ("step_size_min", "step_size_max"),
}
_HOMES = (
    "adadelta",
    "adagrad",
    "adam",
    "adamax",
    "asgd",
    "nadam",
    "radam",
    "rmsprop",
    "rprop",
    "sgd",
    "_adafactor",
    "_muon",
)
_SWITCHES = {"foreach": None, "fused": None, "grad_scale": None, "found_inf": None}  # all others are False


def functional(kind, lists, switches, options, **fixed):
    """The step of a class of optimizers as a function of lists.

    Args:
        kind: the class.
        lists: names of the lists of states, in order, after the parameters and their gradients.
        switches: names of arguments with defaults.
        options: names of arguments by keyword.
        fixed: options that are no arguments.
    """
    lists, switches, options = ["params", "grads", *lists.split()], switches.split(), options.split()
    by_place = [Parameter(name, Parameter.POSITIONAL_OR_KEYWORD) for name in lists]
    by_place += [
        Parameter(name, Parameter.POSITIONAL_OR_KEYWORD, default=_SWITCHES.get(name, False)) for name in switches
    ]
    by_name = [Parameter(n, Parameter.KEYWORD_ONLY, default=_SWITCHES.get(n, Parameter.empty)) for n in options]
    signature = Signature([*by_place, *by_name])
    optimizer = kind.__new__(kind)

    def step(*args, **kwargs):
        values = signature.bind(*args, **kwargs)
        values.apply_defaults()
        _step(optimizer, {**fixed, **values.arguments}, lists[2:])

    step.__name__ = step.__qualname__ = kind.__name__.lower()
    step.__signature__ = signature
    step.__doc__ = f"One step of {kind.__name__} on lists of parameters, gradients and states, in place."
    return step


def _step(optimizer, values, lists):
    group = {name: value for name, value in values.items() if name not in lists}
    for pair, parts in _PAIRS.items():
        if parts[0] in group:
            group[pair] = tuple(group.pop(part) for part in parts)
    scale, found = group.get("grad_scale"), group.get("found_inf")
    if found is not None and found.item():
        return
    differentiable = group.setdefault("differentiable", False)
    with flambeau.set_grad_enabled(differentiable):
        for place, (param, grad) in enumerate(zip(values["params"], values["grads"], strict=True)):
            state = {_STATES[name]: values[name][place] for name in lists if place < len(values[name])}
            state = {key: value for key, value in state.items() if value is not None}
            if scale is not None:
                grad.div_(scale)
            optimizer._step_one(param, grad, state, group)
            for name in lists:  # momentum that began with this step
                if place < len(values[name]) and values[name][place] is None:
                    values[name][place] = state.get(_STATES[name])


def __getattr__(name):
    home = {"adamw": "adam", "muon": "_muon", "adafactor": "_adafactor"}.get(name, name)
    if name.startswith("_") or home not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"flambeau.optim.{home}"), name)
