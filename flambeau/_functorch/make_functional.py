"""torch._functorch.make_functional: modules as functions of lists of their parameters, for programs from before functional_call."""

import copy

from ..func import functional_call
from ..nn import Module, Parameter

__all__ = [
    "FunctionalModule",
    "FunctionalModuleWithBuffers",
    "combine_state_for_ensemble",
    "make_functional",
    "make_functional_with_buffers",
    "transpose_stack",
]


def create_names_map(named, tied):
    """{name: [all the names under which the same tensor is found]}, of names without and with repetition."""
    named, tied = dict(named), dict(tied)
    return {name: [other for other, t in tied.items() if t is tensor] for name, tensor in named.items()}


def _members(model, kind):
    """A module's parameters or buffers: the tensors, their names, and the names of each."""
    find = getattr(model, f"named_{kind}")
    named = dict(find())
    return tuple(named.values()), tuple(named), create_names_map(named, find(remove_duplicate=False))


class _Stateless(Module):
    """A module whose parameters and buffers are arguments of its call; its own are on the meta device."""

    def _call(self, groups, args, kwargs):
        """Call the module with (tensors, their names) instead of its own."""
        state = {
            alias: t
            for tensors, names in groups
            for name, t in zip(names, tensors, strict=True)
            for alias in self._map[name]
        }
        return functional_call(self.stateless_model, state, args, kwargs)


class FunctionalModule(_Stateless):
    """Called as `model(params, *args, **kwargs)`; see make_functional.

    >>> from flambeau._functorch.make_functional import make_functional
    >>> call, params = make_functional(flambeau.nn.Linear(2, 1))
    >>> call.param_names
    ('weight', 'bias')
    """

    def __init__(self, stateless_model, param_names, names_map):
        super().__init__()
        self.stateless_model, self.param_names, self.names_map = stateless_model, param_names, dict(names_map)
        self._map = self.names_map

    @staticmethod
    def _create_from(model, disable_autograd_tracking=False):
        model = copy.deepcopy(model)
        params, names, names_map = _members(model, "parameters")
        params = _tracked(params, disable_autograd_tracking)
        return FunctionalModule(model.to("meta"), names, names_map), params

    def forward(self, params, *args, **kwargs):
        """The module's result with these parameters."""
        return self._call([(params, self.param_names)], args, kwargs)


class FunctionalModuleWithBuffers(_Stateless):
    """Called as `model(params, buffers, *args, **kwargs)`; see make_functional_with_buffers.

    >>> from flambeau._functorch.make_functional import make_functional_with_buffers
    >>> call, params, buffers = make_functional_with_buffers(flambeau.nn.BatchNorm1d(2))
    >>> call.buffer_names
    ('running_mean', 'running_var', 'num_batches_tracked')
    """

    def __init__(self, stateless_model, param_names, buffer_names, param_names_map, buffer_names_map):
        super().__init__()
        self.stateless_model, self.param_names, self.buffer_names = stateless_model, param_names, buffer_names
        self.all_names_map = self._map = {**param_names_map, **buffer_names_map}

    @staticmethod
    def _create_from(model, disable_autograd_tracking=False):
        model = copy.deepcopy(model)
        params, param_names, param_map = _members(model, "parameters")
        buffers, buffer_names, buffer_map = _members(model, "buffers")
        params = _tracked(params, disable_autograd_tracking)
        made = FunctionalModuleWithBuffers(model.to("meta"), param_names, buffer_names, param_map, buffer_map)
        return made, params, buffers

    def forward(self, params, buffers, *args, **kwargs):
        """The module's result with these parameters and buffers."""
        return self._call([(params, self.param_names), (buffers, self.buffer_names)], args, kwargs)


def _tracked(params, disabled):
    """Parameters that share memory with those given, but nothing else: conversions of the module leave them alone."""
    return tuple(Parameter(p.detach(), requires_grad=p.requires_grad and not disabled) for p in params)


def make_functional(model, disable_autograd_tracking=False):
    """A module without buffers as a function, and copies of its parameters: `func(params, *args)`.

    Args:
        model: is not changed, and shares nothing with the function.
        disable_autograd_tracking: the copies require no gradients.

    Raises:
        RuntimeError: the module has buffers.

    >>> from flambeau._functorch.make_functional import make_functional
    >>> call, params = make_functional(flambeau.nn.Linear(2, 1))
    >>> call(params, flambeau.ones(3, 2)).shape
    torch.Size([3, 1])
    """
    if list(model.buffers()):
        raise RuntimeError(
            "make_functional(model): `model` has buffers. Please use make_functional_with_buffers(model) instead."
        )
    return FunctionalModule._create_from(model, disable_autograd_tracking)


def make_functional_with_buffers(model, disable_autograd_tracking=False):
    """A module as a function, and copies of its parameters and buffers: `func(params, buffers, *args)`.

    >>> from flambeau._functorch.make_functional import make_functional_with_buffers
    >>> call, params, buffers = make_functional_with_buffers(flambeau.nn.BatchNorm1d(2))
    >>> call(params, buffers, flambeau.ones(3, 2)).tolist()
    [[0.0, 0.0], [0.0, 0.0], [0.0, 0.0]]
    """
    return FunctionalModuleWithBuffers._create_from(model, disable_autograd_tracking)


def transpose_stack(tuple_of_tuple_of_tensors):
    """Of several tuples of tensors: the first of each stacked, the second of each, ..."""
    from ..ops import stack

    return tuple(stack(column).detach() for column in zip(*tuple_of_tuple_of_tensors, strict=True))


def combine_state_for_ensemble(models):
    """Several modules of one class as a function for vmap, and their parameters and buffers, stacked.

    >>> from flambeau._functorch.make_functional import combine_state_for_ensemble
    >>> call, params, buffers = combine_state_for_ensemble([flambeau.nn.Linear(2, 1) for _ in range(4)])
    >>> flambeau.vmap(call, in_dims=(0, 0, None))(params, buffers, flambeau.ones(3, 2)).shape
    torch.Size([4, 3, 1])
    """
    models = list(models)
    for message, wrong in (
        ("at least one model, got 0.", not models),
        ("all models to have the same training/eval mode.", len({m.training for m in models}) > 1),
        ("all models to be of the same class.", len({type(m) for m in models}) > 1),
    ):
        if wrong:
            raise RuntimeError(f"combine_state_for_ensemble: Expected {message}")
    calls, params, buffers = zip(*map(make_functional_with_buffers, models), strict=True)
    return calls[0], transpose_stack(params), transpose_stack(buffers)
