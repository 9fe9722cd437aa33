"""The base of all optimizers: parameter groups, state, hooks, and the loop over parameters."""

import functools
import itertools
import warnings
from collections import OrderedDict, defaultdict
from collections.abc import Callable, Iterable
from copy import deepcopy

import flambeau
from flambeau._composed import Composed
from flambeau.optim import _private
from flambeau.utils.hooks import RemovableHandle

__all__ = ["Optimizer", "register_optimizer_step_post_hook", "register_optimizer_step_pre_hook"]

_global_optimizer_pre_hooks: OrderedDict[int, Callable] = OrderedDict()
_global_optimizer_post_hooks: OrderedDict[int, Callable] = OrderedDict()


class _RequiredParameter:
    """Marks a default that each parameter group has to give itself."""

    def __repr__(self):
        return "<required parameter>"


required = _RequiredParameter()


def _add_hook(hooks, hook, prepend=False):
    handle = RemovableHandle(hooks)
    hooks[handle.id] = hook
    if prepend:
        hooks.move_to_end(handle.id, last=False)
    return handle


def register_optimizer_step_pre_hook(hook):
    """Calls ``hook(optimizer, args, kwargs)`` before each step of every optimizer; returns a handle to remove it.

    Example:
        >>> import flambeau
        >>> handle = register_optimizer_step_pre_hook(lambda *_: print("before the step"))
        >>> flambeau.optim.SGD([flambeau.zeros(1)], lr=0.1).step()
        before the step
        >>> handle.remove()
    """
    return _add_hook(_global_optimizer_pre_hooks, hook)


def register_optimizer_step_post_hook(hook):
    """Calls ``hook(optimizer, args, kwargs)`` after each step of every optimizer; returns a handle to remove it.

    Example:
        >>> import flambeau
        >>> handle = register_optimizer_step_post_hook(lambda *_: print("after the step"))
        >>> flambeau.optim.SGD([flambeau.zeros(1)], lr=0.1).step()
        after the step
        >>> handle.remove()
    """
    return _add_hook(_global_optimizer_post_hooks, hook)


def _with_hooks(step):
    """The step function with hooks around it; without hooks it costs one call."""

    @functools.wraps(step)
    def wrapper(self, *args, **kwargs):
        own = self.__dict__  # a wrapper may be an Optimizer without having called its __init__
        before, after = own.get("_optimizer_step_pre_hooks"), own.get("_optimizer_step_post_hooks")
        if not (before or after or _global_optimizer_pre_hooks or _global_optimizer_post_hooks):
            return step(self, *args, **kwargs)
        if type(self).step is not wrapper:  # called by the step of a subclass, which has called the hooks
            return step(self, *args, **kwargs)
        args = (self, *args)  # hooks see the arguments as an unbound call has them
        for hook in [*_global_optimizer_pre_hooks.values(), *(before or {}).values()]:
            result = hook(self, args, kwargs)
            if result is None:
                continue
            if not (isinstance(result, tuple) and len(result) == 2):
                raise RuntimeError(f"{step} must return None or a tuple of (new_args, new_kwargs), but got {result}.")
            args, kwargs = result
        out = step(*args, **kwargs)
        for hook in [*self._optimizer_step_post_hooks.values(), *_global_optimizer_post_hooks.values()]:
            hook(self, args, kwargs)
        return out

    wrapper.hooked = True
    return wrapper


class Optimizer:
    """Base of the optimizers: keeps groups of parameters with their options, and a state per parameter.

    Args:
        params: an iterable of parameters, of ``(name, parameter)`` pairs, or of dicts, one per group, with the
            parameters under ``"params"`` and options that replace ``defaults``.
        defaults: the options of groups that do not give their own.

    Raises:
        TypeError: ``params`` is one tensor, or holds something else than tensors.
        ValueError: no parameters, a parameter in two groups, or one that is not a leaf.

    Example:
        >>> import flambeau
        >>> class Plain(flambeau.optim.Optimizer):
        ...     def __init__(self, params, lr):
        ...         super().__init__(params, {"lr": lr})
        ...     def step(self, closure=None):
        ...         for group in self.param_groups:
        ...             for p in group["params"]:
        ...                 p.data.sub_(p.grad * group["lr"])
        >>> w = flambeau.ones(2, requires_grad=True)
        >>> w.grad = flambeau.ones(2)
        >>> Plain([w], lr=0.5).step()
        >>> w.tolist()
        [0.5, 0.5]
    """

    def __init_subclass__(cls, **kwargs):
        super().__init_subclass__(**kwargs)
        if "step" in cls.__dict__ and not hasattr(cls.__dict__["step"], "hooked"):
            cls.step = _with_hooks(cls.__dict__["step"])

    def __init__(self, params, defaults):
        self.defaults = defaults
        self._patch_step_function()
        if isinstance(params, flambeau.Tensor):
            raise TypeError(
                "params argument given to the optimizer should be an iterable of Tensors or dicts, "
                f"but got {params.type()}"
            )
        self.state = defaultdict(dict)
        self.param_groups = []
        groups = list(params)
        if not groups:
            raise ValueError("optimizer got an empty parameter list")
        for group in groups if isinstance(groups[0], dict) else [{"params": groups}]:
            self.add_param_group(group)

    profile_hook_step = staticmethod(_with_hooks)

    def _patch_step_function(self):
        """The tables of hooks, where there are none: also for optimizers that come out of a pickle."""
        self._zero_grad_profile_name = f"Optimizer.zero_grad#{type(self).__name__}.zero_grad"
        for name in (
            "_optimizer_step_pre_hooks",
            "_optimizer_step_post_hooks",
            "_optimizer_state_dict_pre_hooks",
            "_optimizer_state_dict_post_hooks",
            "_optimizer_load_state_dict_pre_hooks",
            "_optimizer_load_state_dict_post_hooks",
        ):
            if not hasattr(self, name):
                setattr(self, name, OrderedDict())

    def _optimizer_step_code(self):
        """Where profilers put a breakpoint."""

    def _accelerator_graph_capture_health_check(self):
        """There are no graphs of an accelerator here."""

    _cuda_graph_capture_health_check = _accelerator_graph_capture_health_check

    @staticmethod
    def _group_tensors_by_device_and_dtype(tensorlistlist, with_indices=False):
        return _private._group_tensors_by_device_and_dtype(tensorlistlist, with_indices)

    @staticmethod
    def _process_value_according_to_param_policy(param, value, param_id, param_groups, key=None):
        group = next((group for group in param_groups if param_id in group["params"]), {})
        return _placed_like(param, value, group, key)

    def __getstate__(self):
        return {"defaults": self.defaults, "state": self.state, "param_groups": self.param_groups}

    def __setstate__(self, state):
        self.__dict__.update(state)
        self._patch_step_function()
        self.defaults.setdefault("differentiable", False)

    def __repr__(self):
        groups = []
        for number, group in enumerate(self.param_groups):
            lines = [f"    {key}: {group[key]}\n" for key in sorted(group) if key != "params"]
            groups.append(f"\nParameter Group {number}\n{''.join(lines)}")
        return f"{type(self).__name__} ({''.join(groups)})"

    # -- hooks

    def register_step_pre_hook(self, hook):
        """Calls ``hook(optimizer, args, kwargs)`` before each step; what it returns replaces the arguments."""
        return _add_hook(self._optimizer_step_pre_hooks, hook)

    def register_step_post_hook(self, hook):
        """Calls ``hook(optimizer, args, kwargs)`` after each step."""
        return _add_hook(self._optimizer_step_post_hooks, hook)

    def register_state_dict_pre_hook(self, hook, prepend=False):
        """Calls ``hook(optimizer)`` before ``state_dict`` collects."""
        return _add_hook(self._optimizer_state_dict_pre_hooks, hook, prepend)

    def register_state_dict_post_hook(self, hook, prepend=False):
        """Calls ``hook(optimizer, state_dict)`` on each state dict; what it returns replaces it."""
        return _add_hook(self._optimizer_state_dict_post_hooks, hook, prepend)

    def register_load_state_dict_pre_hook(self, hook, prepend=False):
        """Calls ``hook(optimizer, state_dict)`` before loading; what it returns is loaded instead."""
        return _add_hook(self._optimizer_load_state_dict_pre_hooks, hook, prepend)

    def register_load_state_dict_post_hook(self, hook, prepend=False):
        """Calls ``hook(optimizer)`` after loading."""
        return _add_hook(self._optimizer_load_state_dict_post_hooks, hook, prepend)

    # -- saving and loading

    def state_dict(self):
        """The optimizer's state with parameters replaced by their numbers: ``{"state": ..., "param_groups": ...}``.

        Tensors are not copied. The layout is torch's, in both directions.
        """
        for hook in self._optimizer_state_dict_pre_hooks.values():
            hook(self)
        numbers, groups = {}, []
        for group in self.param_groups:
            for param in group["params"]:
                numbers.setdefault(id(param), len(numbers))
            packed = {key: value for key, value in group.items() if key != "params"}
            packed["params"] = [numbers[id(param)] for param in group["params"]]
            groups.append(packed)
        state = {
            (numbers[id(key)] if isinstance(key, flambeau.Tensor) else key): value for key, value in self.state.items()
        }
        result = {"state": state, "param_groups": groups}
        for hook in self._optimizer_state_dict_post_hooks.values():
            replaced = hook(self, result)
            result = result if replaced is None else replaced
        return result

    def load_state_dict(self, state_dict):
        """Takes over a state made by ``state_dict`` (torch's or ours); parameters are matched by position.

        Raises:
            ValueError: the groups, or the number of parameters in one of them, differ.
        """
        state_dict = dict(state_dict)
        for hook in self._optimizer_load_state_dict_pre_hooks.values():
            replaced = hook(self, state_dict)
            state_dict = state_dict if replaced is None else replaced
        saved_groups = deepcopy(state_dict["param_groups"])
        self._check_groups_match(saved_groups)
        number_to_param = dict(
            zip(
                itertools.chain.from_iterable(group["params"] for group in saved_groups),
                itertools.chain.from_iterable(group["params"] for group in self.param_groups),
                strict=False,
            )
        )
        number_to_group = {number: group for group in saved_groups for number in group["params"]}
        state = defaultdict(dict)
        for key, value in state_dict["state"].items():
            if key in number_to_param:
                param = number_to_param[key]
                state[param] = _placed_like(param, value, number_to_group[key])
            else:
                state[key] = value
        groups = [
            self._merged_group(group, saved) for group, saved in zip(self.param_groups, saved_groups, strict=False)
        ]
        self.__setstate__({"state": state, "param_groups": groups})
        for hook in self._optimizer_load_state_dict_post_hooks.values():
            hook(self)

    def _check_groups_match(self, saved_groups):
        if len(self.param_groups) != len(saved_groups):
            raise ValueError("loaded state dict has a different number of parameter groups")
        if any(
            len(mine["params"]) != len(saved["params"])
            for mine, saved in zip(self.param_groups, saved_groups, strict=False)
        ):
            raise ValueError(
                "loaded state dict contains a parameter group that doesn't match the size of optimizer's group"
            )

    @staticmethod
    def _merged_group(group, saved):
        saved["params"] = group["params"]
        if "param_names" in group and "param_names" not in saved:
            saved["param_names"] = group["param_names"]
        return saved

    # -- use

    def zero_grad(self, set_to_none=True):
        """Forgets the gradients of all parameters (``set_to_none=False``: fills them with zeros)."""
        for group in self.param_groups:
            for param in group["params"]:
                if set_to_none:
                    param.grad = None
                elif param.grad is not None:
                    _zero_in_place(param)

    def step(self, closure=None):
        """Updates the parameters once; ``closure`` computes the loss again and returns it."""
        raise NotImplementedError

    def add_param_group(self, param_group):
        """Adds a dict with ``"params"`` and options, as given to the constructor.

        Raises:
            TypeError: not a dict, parameters in a set, or not tensors.
            ValueError: a required option is missing, a parameter is not a leaf, or is in another group already.
        """
        if not isinstance(param_group, dict):
            raise TypeError(f"param_group must be a dict, but got {type(param_group)}")
        _unpack_params(param_group)
        for param in param_group["params"]:
            if not isinstance(param, flambeau.Tensor):
                raise TypeError(f"optimizer can only optimize Tensors, but one of the params is {type(param).__name__}")
            if not self.defaults.get("differentiable") and not (param.is_leaf or param.retains_grad):
                raise ValueError("can't optimize a non-leaf Tensor")
        for name, default in self.defaults.items():
            if default is required and name not in param_group:
                raise ValueError(f"parameter group didn't specify a value of required optimization parameter {name}")
            param_group.setdefault(name, default)
        self._check_not_known(param_group)
        self.param_groups.append(param_group)

    def _check_not_known(self, param_group):
        new = [id(param) for param in param_group["params"]]
        if len(new) != len(set(new)):
            warnings.warn(
                "optimizer contains a parameter group with duplicate parameters; in future, this will "
                "cause an error; see github.com/pytorch/pytorch/issues/40967 for more information",
                stacklevel=4,
            )
        old = {id(param) for group in self.param_groups for param in group["params"]}
        if not old.isdisjoint(new):
            raise ValueError("some parameters appear in more than one parameter group")
        if self.param_groups and ("param_names" in param_group) != ("param_names" in self.param_groups[0]):
            raise ValueError("all optimizer params should be with/without names. Some param names are missing")


def _unpack_params(group):
    """Makes ``group["params"]`` a list of tensors, and keeps the names of named parameters."""
    params = group["params"]
    if isinstance(params, flambeau.Tensor):
        params = [params]
    elif isinstance(params, (set, frozenset)):
        raise TypeError(
            "optimizer parameters need to be organized in ordered collections, but the ordering of "
            "tensors in sets will change between runs. Please use a list instead."
        )
    params = list(params)
    named = [isinstance(param, tuple) for param in params]
    if any(named):
        if not all(named):
            raise ValueError("all optimizer params should be with/without names. Some param names are missing")
        group["param_names"] = [name for name, _ in params]
        params = [param for _, param in params]
    group["params"] = params


def _placed_like(param, value, group, key=None):
    """A loaded state value on the parameter's device and, if floating, in its dtype; step counters stay as saved."""
    if isinstance(value, flambeau.Tensor):
        if key == "step":
            if group.get("capturable") or group.get("fused"):
                return value.to(dtype=flambeau.float32, device=param.device)
            return value
        if param.is_floating_point():
            return value.to(dtype=param.dtype, device=param.device)
        return value.to(device=param.device)
    if isinstance(value, dict):
        return {name: _placed_like(param, each, group, name) for name, each in value.items()}
    if isinstance(value, Iterable) and not isinstance(value, (str, bytes)):
        return type(value)(_placed_like(param, each, group) for each in value)
    return value


def _zero_in_place(param):
    if param.grad.grad_fn is not None:
        param.grad.detach_()
    else:
        param.grad.requires_grad_(False)
    param.grad.zero_()


class FormulaOptimizer(Optimizer):
    """An optimizer given by one update formula per parameter, and perhaps one native call per group.

    A leaf class defines ``_update`` and, where it keeps state from the start, ``_start``. ``_fused`` may do the whole
    group in one pass over memory; it returns False, with nothing done, where it cannot.
    """

    def step(self, closure=None):
        """Updates the parameters that have a gradient.

        Args:
            closure: computes the loss with gradients and returns it; optional.

        Returns:
            What ``closure`` returned, or None.
        """
        loss = None
        if closure is not None:
            with flambeau.enable_grad():
                loss = closure()
        for group in self.param_groups:
            if group.get("differentiable") or not self._fused(group):
                self._step_group(group)
        return loss

    def _step_group(self, group):
        """One by one, after the states of those that take their first step were made."""
        known, work, started = self.state, [], False
        for param in group["params"]:
            grad = param.grad
            if grad is None:
                continue
            state = known.get(param)
            if not state:
                state = {}
                self._start(param, state, group)
                if state:
                    known[param], started = state, True
            work.append((param, grad, state))
        differentiable = group.get("differentiable", False)
        if differentiable and group.get("foreach"):
            raise AssertionError("_foreach ops don't support autograd: leave out foreach=True or differentiable=True")
        if started and not differentiable and self._fused(group):
            return
        with flambeau.set_grad_enabled(differentiable):
            for param, grad, state in work:
                self._step_one(param, grad, state, group)
                if state and param not in known:
                    known[param] = state

    def _step_one(self, param, grad, state, group):
        if group.get("maximize"):
            grad = -grad
        if isinstance(grad, Composed):
            if group.get("fused"):
                raise RuntimeError(f"`_fused_{type(self).__name__.lower()}` does not support sparse gradients")
            with flambeau.no_grad():
                self._update_sparse(param, grad, state, group)
            return
        if not param.is_complex():
            self._update(param, grad, state, group)
            return
        if group.get("fused"):
            raise RuntimeError(f"`fused=True` requires all the params to be floating point Tensors, got {param.dtype}")
        # Complex numbers are pairs of real ones to every formula.
        real = {key: flambeau.view_as_real(value) if _is_complex(value) else value for key, value in state.items()}
        self._update(flambeau.view_as_real(param), flambeau.view_as_real(grad), real, group)
        for key in real.keys() - state.keys():
            state[key] = flambeau.view_as_complex(real[key]) if isinstance(real[key], flambeau.Tensor) else real[key]

    def _start(self, param, state, group):
        """Fills the empty state of a parameter that is about to take its first step."""

    def _fused(self, group):
        return False

    def _update(self, param, grad, state, group):
        raise NotImplementedError

    def _update_sparse(self, param, grad, state, group):
        """The formula with a sparse gradient, where there is one."""
        raise RuntimeError(
            f"{type(self).__name__} does not support sparse gradients, please consider SparseAdam instead"
        )


def _is_complex(value):
    return isinstance(value, flambeau.Tensor) and value.is_complex()


def new_step():
    """A step counter: a scalar tensor, float64 only where that is the default dtype, as torch keeps it."""
    return flambeau.zeros((), dtype=_private._get_scalar_dtype())


def zeros_like(param):
    """Zeros laid out like the parameter, outside of any graph."""
    return flambeau.zeros_like(param.detach())


def count_step(state):
    """Counts the step and returns its number."""
    state["step"] += 1
    return state["step"].item()


def number(value):
    """A tensor option (such as ``lr=tensor(0.1)``) as a Python number, unless gradients flow through it."""
    if isinstance(value, flambeau.Tensor) and not (value.requires_grad and flambeau.is_grad_enabled()):
        return value.item()
    return value


def check_option(condition, what, value):
    """Raises ``Invalid <what>: <value>`` unless the condition holds."""
    if not condition:
        raise ValueError(f"Invalid {what}: {value}")


def check_lr(lr, foreach=None, capturable=False):
    """Checks a learning rate, which may be a tensor of one element."""
    if isinstance(lr, flambeau.Tensor):
        if foreach and not capturable:
            raise ValueError("lr as a Tensor is not supported for capturable=False and foreach=True")
        if lr.numel() != 1:
            raise ValueError("Tensor lr must be 1-element")
    check_option(lr >= 0.0, "learning rate", lr)


def check_betas(betas):
    """Checks the two decay rates of Adam and its kin."""
    for place in (0, 1):
        if not 0.0 <= betas[place] < 1.0:
            raise ValueError(f"Invalid beta parameter at index {place}: {betas[place]}")


def check_fused(fused, foreach, differentiable):
    """Refuses the combinations of implementation switches that torch refuses."""
    if fused and differentiable:
        raise RuntimeError("`fused` does not support `differentiable`")
    if fused and foreach:
        raise RuntimeError("`fused` and `foreach` cannot be `True` together.")


def __getattr__(name):
    """What optimizers of other projects import from here."""
    try:
        return _private.__dict__[name]
    except KeyError:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}") from None
