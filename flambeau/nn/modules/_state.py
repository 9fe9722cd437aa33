"""state_dict and load_state_dict."""

import warnings
from collections import OrderedDict, namedtuple
from collections.abc import Mapping

import flambeau
from flambeau import Tensor
from flambeau.__future__ import get_swap_module_params_on_conversion
from flambeau.nn.parameter import Parameter, is_lazy

from ._hooks import hook_dictionary, register
from ._registry import children_of

_EXTRA_STATE_KEY_SUFFIX = "_extra_state"
_NONE: dict = {}


class _IncompatibleKeys(namedtuple("IncompatibleKeys", ["missing_keys", "unexpected_keys"])):
    __slots__ = ()

    def __repr__(self):
        return super().__repr__() if self.missing_keys or self.unexpected_keys else "<All keys matched successfully>"

    __str__ = __repr__


class Stateful:
    """The part of `Module` that gives away its state and takes one back."""

    _version = 1
    _state_dict_hooks = hook_dictionary("_state_dict_hooks")
    _state_dict_pre_hooks = hook_dictionary("_state_dict_pre_hooks")
    _load_state_dict_pre_hooks = hook_dictionary("_load_state_dict_pre_hooks")
    _load_state_dict_post_hooks = hook_dictionary("_load_state_dict_post_hooks")

    def get_extra_state(self):
        """State beyond parameters and buffers, for subclasses to give; it is kept in the state_dict."""
        raise RuntimeError(
            "Reached a code path in Module.get_extra_state() that should never be called. Define get_extra_state and "
            "set_extra_state in your class to keep more than parameters and buffers."
        )

    def set_extra_state(self, state):
        """Takes back what `get_extra_state` gave."""
        raise RuntimeError(
            "Reached a code path in Module.set_extra_state() that should never be called. Define get_extra_state and "
            "set_extra_state in your class to keep more than parameters and buffers."
        )

    def state_dict(self, *args, destination=None, prefix="", keep_vars=False):
        """The parameters and persistent buffers of the module and its submodules, by full name.

        Args:
            destination: a dictionary to fill and return; a new OrderedDict if left out.
            prefix: put before every name.
            keep_vars: give the parameters themselves rather than detached tensors that share their memory.

        Returns:
            An ordered dictionary from name to tensor, with a `_metadata` attribute (versions by module).

        Example::

            >>> list(flambeau.nn.Linear(2, 1).state_dict())
            ['weight', 'bias']
        """
        if args:
            warnings.warn(
                "Positional args are being deprecated, use kwargs instead.",
                FutureWarning,
                stacklevel=2,
            )
            destination = args[0] if destination is None else destination
            prefix = args[1] if len(args) > 1 and prefix == "" else prefix
            keep_vars = args[2] if len(args) > 2 and keep_vars is False else keep_vars
        if destination is None:
            destination = OrderedDict()
            destination._metadata = OrderedDict()
        local_metadata = {"version": self._version}
        if hasattr(destination, "_metadata"):
            destination._metadata[prefix[:-1]] = local_metadata
        for hook in self.__dict__.get("_state_dict_pre_hooks", _NONE).values():
            hook(self, prefix, keep_vars)
        self._save_to_state_dict(destination, prefix, keep_vars)
        for name, module in children_of(self):
            module.state_dict(destination=destination, prefix=prefix + name + ".", keep_vars=keep_vars)
        for hook in self.__dict__.get("_state_dict_hooks", _NONE).values():
            result = hook(self, destination, prefix, local_metadata)
            if getattr(hook, "_from_public_api", False):
                if result is not None:
                    raise RuntimeError("state_dict post-hook must return None")
            elif result is not None:
                destination = result
        return destination

    def _save_to_state_dict(self, destination, prefix, keep_vars):
        own = self.__dict__
        for name in self._parameter_names:
            if own[name] is not None:
                destination[prefix + name] = own[name] if keep_vars else own[name].detach()
        for name in self._buffer_names:
            if own[name] is not None and name not in self._non_persistent_buffers_set:
                destination[prefix + name] = own[name] if keep_vars else own[name].detach()
        if type(self).get_extra_state is not Stateful.get_extra_state:
            destination[prefix + _EXTRA_STATE_KEY_SUFFIX] = self.get_extra_state()

    def load_state_dict(self, state_dict, strict=True, assign=False):
        """Copies a state_dict into the module's parameters and buffers.

        Args:
            state_dict: names to tensors, as `state_dict()` gives them.
            strict: raise if a name is missing on either side.
            assign: keep the given tensors themselves instead of copying their values.

        Returns:
            A named tuple (missing_keys, unexpected_keys).

        Raises:
            RuntimeError: shapes disagree, or, with `strict`, names do; the message groups them by module.

        Example::

            >>> a, b = flambeau.nn.Linear(2, 1), flambeau.nn.Linear(2, 1)
            >>> a.load_state_dict(b.state_dict())
            <All keys matched successfully>
        """
        if not isinstance(state_dict, Mapping):
            from ._load_report import wrong_type

            raise TypeError(wrong_type(state_dict))
        for key in state_dict:
            if not isinstance(key, str):
                raise AttributeError(f"[load_state_dict] names must be strings, got {key!r} ({type(key).__name__})")
        metadata = getattr(state_dict, "_metadata", None)
        given = state_dict
        state_dict = OrderedDict(state_dict)  # hooks may change it
        if metadata is not None:
            state_dict._metadata = metadata
        missing, unexpected, errors = [], [], []
        _load(self, state_dict, "", metadata, assign, (missing, unexpected, errors))
        if strict:
            from ._load_report import strict_errors

            errors[:0] = strict_errors(missing, unexpected)
        if errors:
            from ._load_report import explain

            raise RuntimeError(explain(self, given, missing, unexpected, errors))
        return _IncompatibleKeys(missing, unexpected)

    def _load_from_state_dict(
        self,
        state_dict,
        prefix,
        local_metadata,
        strict,
        missing_keys,
        unexpected_keys,
        error_msgs,
    ):
        """Loads this module's own tensors, without its submodules'; subclasses override it to read older formats."""
        for hook in list(self.__dict__.get("_load_state_dict_pre_hooks", _NONE).values()):
            hook(
                state_dict,
                prefix,
                local_metadata,
                strict,
                missing_keys,
                unexpected_keys,
                error_msgs,
            )
        own = self.__dict__
        names = [n for n in self._parameter_names if own[n] is not None]
        names += [n for n in self._buffer_names if own[n] is not None and n not in self._non_persistent_buffers_set]
        assign = local_metadata.get("assign_to_params_buffers", False)
        for name in names:
            key = prefix + name
            if key not in state_dict:
                if strict:
                    missing_keys.append(key)
                continue
            error = _take(self, name, state_dict[key], key, assign)
            if error:
                error_msgs.append(error)
        self._load_extra_state(
            state_dict,
            prefix + _EXTRA_STATE_KEY_SUFFIX,
            strict,
            missing_keys,
            unexpected_keys,
        )
        if strict:
            unexpected_keys += self._unexpected(state_dict, prefix, set(names))

    def _load_extra_state(self, state_dict, key, strict, missing_keys, unexpected_keys):
        if type(self).set_extra_state is not Stateful.set_extra_state:
            if key in state_dict:
                self.set_extra_state(state_dict[key])
            elif strict:
                missing_keys.append(key)
        elif strict and key in state_dict:
            unexpected_keys.append(key)

    def _unexpected(self, state_dict, prefix, names):
        extra = prefix + _EXTRA_STATE_KEY_SUFFIX
        for key in state_dict:
            if not key.startswith(prefix) or key == extra:
                continue
            head, dot, _ = key[len(prefix) :].partition(".")
            if head not in self._module_names if dot else head not in names:
                yield key

    def register_state_dict_pre_hook(self, hook):
        """Runs `hook(module, prefix, keep_vars)` before `state_dict` is made."""
        return register(self._state_dict_pre_hooks, hook)

    def register_state_dict_post_hook(self, hook):
        """Runs `hook(module, state_dict, prefix, local_metadata)` on the finished state_dict, to change it in place."""
        hook._from_public_api = True
        return register(self._state_dict_hooks, hook)

    def _register_state_dict_hook(self, hook):
        if getattr(hook, "_from_public_api", False):
            raise RuntimeError(
                "Cannot register the same function as the state dict post hook that was previously registered via "
                "register_state_dict_post_hook"
            )
        return register(self._state_dict_hooks, hook)

    def _register_load_state_dict_pre_hook(self, hook, with_module=False):
        return register(
            self._load_state_dict_pre_hooks,
            _LoadHook(hook, self if with_module else None),
        )

    def register_load_state_dict_pre_hook(self, hook):
        """Runs `hook(module, state_dict, prefix, local_metadata, strict, missing_keys, unexpected_keys, error_msgs)`
        before the module's own tensors are loaded; it may change the state_dict."""
        return self._register_load_state_dict_pre_hook(hook, with_module=True)

    def register_load_state_dict_post_hook(self, hook):
        """Runs `hook(module, incompatible_keys)` after loading; it may change the lists of keys in place."""
        return register(self._load_state_dict_post_hooks, hook)


class _LoadHook:
    """A load hook, with its module as first argument if it wants that; a class so that it can be pickled and copied."""

    def __init__(self, hook, module=None):
        self.hook, self.module = hook, module

    def __call__(self, *args):
        return self.hook(*args) if self.module is None else self.hook(self.module, *args)


def _load(module, state_dict, prefix, metadata, assign, report):
    missing, unexpected, errors = report
    local_metadata = {} if metadata is None else dict(metadata.get(prefix[:-1], {}))
    if assign:
        local_metadata["assign_to_params_buffers"] = True
    module._load_from_state_dict(state_dict, prefix, local_metadata, True, missing, unexpected, errors)
    parts = _by_child(state_dict, prefix) if module.__dict__["_module_names"] else {}
    for name, child in children_of(module):
        _load(child, parts.get(name, OrderedDict()), f"{prefix}{name}.", metadata, assign, report)
    keys = _IncompatibleKeys(missing, unexpected)
    for hook in module.__dict__.get("_load_state_dict_post_hooks", _NONE).values():
        if hook(module, keys) is not None:
            raise AssertionError(
                "Hooks registered with ``register_load_state_dict_post_hook`` are not expected to return new values, "
                "if incompatible_keys need to be modified, it should be done inplace."
            )


def _by_child(state_dict, prefix):
    """The parts of a state_dict that belong to the submodules, by their names."""
    parts, start = {}, len(prefix)
    for key, value in state_dict.items():
        if not key.startswith(prefix):
            continue
        end = key.find(".", start)
        if end >= 0:
            name = key[start:end]
            if name not in parts:
                parts[name] = OrderedDict()
            parts[name][key] = value
    return parts


def _take(module, name, value, key, assign):
    """Puts one tensor of a state_dict into the module; the text of the error if it does not fit."""
    target = module.__dict__[name]
    if not isinstance(value, Tensor):
        return (
            f'While copying the parameter named "{key}", expected flambeau.Tensor or Tensor-like object from '
            f"checkpoint but received {type(value)}"
        )
    if is_lazy(target):
        if is_lazy(value) and not assign:
            return None
        if not is_lazy(value):
            with flambeau.no_grad():
                target.materialize(value.shape)
    elif is_lazy(value):
        return f'While copying the parameter named "{key}": the checkpoint\'s value is uninitialized'
    elif target.dim() == 0 and value.dim() == 1 and len(value) == 1:
        value = value[0]  # old checkpoints keep scalars as one element
    if not is_lazy(value) and value.shape != target.shape:
        return (
            f"size mismatch for {key}: copying a param with shape {value.shape} from checkpoint, "
            f"the shape in current model is {target.shape}."
        )
    if target.is_meta and not value.is_meta and not assign:
        warnings.warn(
            f"for {key}: copying from a non-meta parameter in the checkpoint to a meta parameter in the current model, "
            "which is a no-op. (Did you mean to pass `assign=True` to assign items in the state dictionary to their "
            "corresponding key in the module instead of copying them in place?)",
            stacklevel=2,
        )
    try:
        with flambeau.no_grad():
            if get_swap_module_params_on_conversion():
                _swap_in(target, value, assign)
            elif assign:
                _assign(module, name, value, target)
            else:
                target.copy_(value)
    except Exception as error:
        return (
            f'While copying the parameter named "{key}", whose dimensions in the model are {target.shape} and whose '
            f"dimensions in the checkpoint are {value.shape}, an exception occurred : {error.args}."
        )


def _assign(module, name, value, target):
    setattr(module, name, _as_kind(value, target))


def _swap_in(target, value, assign):
    """Exchange a tensor of the module with what its class makes of a value."""
    from flambeau.utils._swap import swap_tensors

    loaded = target.module_load(value, assign=assign)
    if loaded is value or loaded is target:
        raise RuntimeError(
            "module_load returned one of self or other, please .detach() the result if returning one of the inputs in "
            "module_load"
        )
    swap_tensors(target, _as_kind(loaded, target))


def _as_kind(value, target):
    """A value as a parameter if the target is one, which requires a gradient as it does."""
    if not isinstance(target, Parameter):
        return value
    if not isinstance(value, Parameter):
        return Parameter(value, requires_grad=target.requires_grad)
    return value.requires_grad_(target.requires_grad)
