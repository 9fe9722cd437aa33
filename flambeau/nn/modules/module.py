"""Module, the base of every layer and model."""

from collections import OrderedDict
from collections.abc import Callable

from flambeau import Tensor

from ._hooks import (
    HOOK_DICTIONARIES,
    Callable_,
    register,
    register_module_backward_hook,
    register_module_forward_hook,
    register_module_forward_pre_hook,
    register_module_full_backward_hook,
    register_module_full_backward_pre_hook,
    use_hooks,
)
from ._moving import Movable, is_parameter
from ._registry import KINDS, registry
from ._state import _EXTRA_STATE_KEY_SUFFIX, Stateful, _IncompatibleKeys  # noqa: F401  (torch has them here)
from ._walk import Walkable

__all__ = [
    "Module",
    "register_module_backward_hook",
    "register_module_buffer_registration_hook",
    "register_module_forward_hook",
    "register_module_forward_pre_hook",
    "register_module_full_backward_hook",
    "register_module_full_backward_pre_hook",
    "register_module_module_registration_hook",
    "register_module_parameter_registration_hook",
]

_REGISTRIES = ("_parameter_names", "_buffer_names", "_module_names")
_global_parameter_registration_hooks: OrderedDict[int, Callable] = OrderedDict()
_global_buffer_registration_hooks: OrderedDict[int, Callable] = OrderedDict()
_global_module_registration_hooks: OrderedDict[int, Callable] = OrderedDict()


def _forward_unimplemented(self, *input):
    raise NotImplementedError(f'Module [{type(self).__name__}] is missing the required "forward" function')


class Module(Callable_, Stateful, Movable, Walkable):
    """The base class of all layers and models.

    A subclass calls `super().__init__()`, assigns its parameters and submodules as attributes, and defines `forward`.

    Attributes:
        training: True in training mode, False in evaluation mode (`train()`, `eval()`).

    Example::

        >>> from flambeau import nn
        >>> class Net(nn.Module):
        ...     def __init__(self):
        ...         super().__init__()
        ...         self.hidden = nn.Linear(4, 8)
        ...         self.out = nn.Linear(8, 2)
        ...     def forward(self, x):
        ...         return self.out(self.hidden(x).relu())
        >>> Net()(flambeau.ones(3, 4)).shape
        torch.Size([3, 2])
    """

    dump_patches = False
    _compiled_call_impl = None
    call_super_init = False
    forward = _forward_unimplemented
    _parameters = registry("_parameters")
    _buffers = registry("_buffers")
    _modules = registry("_modules")

    def __init__(self, *args, **kwargs):
        if not self.call_super_init:
            _refuse_arguments(self, args, kwargs)
        own = _own_dictionary(self)
        own["training"] = True
        own["_parameter_names"] = {}
        own["_buffer_names"] = {}
        own["_non_persistent_buffers_set"] = set()
        own["_module_names"] = {}
        if self.call_super_init:
            super().__init__(*args, **kwargs)

    def __init_subclass__(cls, **kwargs):
        super().__init_subclass__(**kwargs)
        # A class with `__getattr__` makes every attribute slower, so Module gets one only when a subclass has its own,
        # which may call this one through super(), or says `self.__getattr__(name)`.
        if not hasattr(Module, "__getattr__") and (hasattr(cls, "__getattr__") or _names_getattr(cls)):
            Module.__getattr__ = _missing_attribute

    def __setattr__(self, name, value):
        own = self.__dict__
        if isinstance(value, Tensor) and is_parameter(value):
            if "_parameter_names" not in own:
                raise _before_init(self, "parameters")
            _forget(own, name, "_parameter_names")
            self.register_parameter(name, value)
        elif isinstance(value, Module) and name not in own.get("_parameter_names", ()):
            if "_module_names" not in own:
                raise _before_init(self, "module")
            _forget(own, name, "_module_names")
            _set_module(self, name, value)
        elif "_parameter_names" not in own:
            if isinstance(value, Tensor) and hasattr(value, "_is_buffer"):
                raise _before_init(self, "buffer")
            object.__setattr__(self, name, value)
        elif name in own["_parameter_names"]:
            if value is not None:
                raise TypeError(_cannot_assign(value, "parameter", name, "flambeau.nn.Parameter"))
            self.register_parameter(name, None)
        elif name in own["_module_names"]:
            if value is not None:
                raise TypeError(_cannot_assign(value, "child module", name, "flambeau.nn.Module"))
            _set_module(self, name, None)
        elif name in own["_buffer_names"] or (isinstance(value, Tensor) and hasattr(value, "_is_buffer")):
            _assign_buffer(self, name, value)
        else:
            object.__setattr__(self, name, value)

    def __delattr__(self, name):
        own = self.__dict__
        for key in _REGISTRIES:
            if name in own.get(key, ()):
                del own[key][name]
                del own[name]
                own["_non_persistent_buffers_set"].discard(name)
                return
        object.__delattr__(self, name)

    def __getstate__(self):
        state = dict(self.__dict__)
        for kind, key in KINDS.items():  # as torch's modules have them
            state[kind] = {name: state.pop(name) for name in state.pop(key)}
        return {"_forward_hooks": OrderedDict(), "_backward_hooks": OrderedDict(), **state}

    def __setstate__(self, state):
        own = _own_dictionary(self)
        given = {name: value for name, value in state.items() if name not in HOOK_DICTIONARIES or value}
        for kind, key in KINDS.items():
            if kind in given:  # a state that holds the dictionaries themselves
                items = given.pop(kind)
                given[key] = dict.fromkeys(items)
                given.update(items)
        own.update(given)
        own.setdefault("training", True)
        for key in _REGISTRIES:
            own[key] = dict(own.get(key, ()))  # a shallow copy has its own
        own["_non_persistent_buffers_set"] = set(own.get("_non_persistent_buffers_set", ()))
        if any(own.get(hooks) for hooks in HOOK_DICTIONARIES):
            use_hooks()

    def __dir__(self):
        return sorted(name for name in super().__dir__() if not name[:1].isdigit())

    def register_parameter(self, name, param):
        """Adds a parameter (or None, to keep the name free) as attribute `name`.

        Raises:
            KeyError: the name is empty, has a dot, or is in use.
            TypeError: `param` is not a Parameter.
        """
        own = self.__dict__
        if "_parameter_names" not in own:
            raise _before_init(self, "parameter")
        _check_name(self, name, "_parameter_names", "parameter")
        if param is not None:
            if not is_parameter(param):
                raise TypeError(
                    f"cannot assign '{_kind_of(param)}' object to parameter '{name}' "
                    "(flambeau.nn.Parameter or None required)"
                )
            if param.grad_fn is not None:
                raise ValueError(
                    f"Cannot assign non-leaf Tensor to parameter '{name}'. Model parameters must be created "
                    f"explicitly. To express '{name}' as a function of another Tensor, compute the value in the "
                    "forward() method."
                )
            for hook in _global_parameter_registration_hooks.values():
                param = _or(hook(self, name, param), param)
        own[name] = param
        own["_parameter_names"][name] = None

    def register_buffer(self, name, tensor, persistent=True):
        """Adds a tensor (or None) as attribute `name` that belongs to the module's state but is not trained.

        Args:
            name: the attribute's name.
            tensor: the tensor, any shape.
            persistent: whether it is part of `state_dict`.

        Example::

            >>> m = flambeau.nn.Module()
            >>> m.register_buffer("mean", flambeau.zeros(2))
            >>> list(m.state_dict())
            ['mean']
        """
        own = self.__dict__
        if "_buffer_names" not in own:
            raise _before_init(self, "buffer")
        _check_name(self, name, "_buffer_names", "buffer")
        if tensor is not None and not isinstance(tensor, Tensor):
            raise TypeError(
                f"cannot assign '{_kind_of(tensor)}' object to buffer '{name}' (flambeau Tensor or None required)"
            )
        for hook in _global_buffer_registration_hooks.values():
            tensor = _or(hook(self, name, tensor), tensor)
        own[name] = tensor
        own["_buffer_names"][name] = None
        if persistent:
            own["_non_persistent_buffers_set"].discard(name)
        else:
            own["_non_persistent_buffers_set"].add(name)

    def add_module(self, name, module):
        """Adds a submodule (or None) as attribute `name`."""
        if module is not None and not isinstance(module, Module):
            raise TypeError(f"{_kind_of(module)} is not a Module subclass")
        _check_name(self, name, "_module_names", "module")
        _set_module(self, name, module)

    def register_module(self, name, module):
        """The same as `add_module`."""
        self.add_module(name, module)

    def extra_repr(self):
        """What stands between the brackets when the module is printed; subclasses override it."""
        return ""

    def _get_name(self):
        return type(self).__name__

    def __repr__(self):
        lines = self.extra_repr().split("\n") if self.extra_repr() else []
        own = self.__dict__
        inner = [f"({name}): {_addindent(repr(own[name]), 2)}" for name in own.get("_module_names", ())]
        if len(lines) == 1 and not inner:
            return f"{self._get_name()}({lines[0]})"
        lines += inner
        if not lines:
            return f"{self._get_name()}()"
        return "\n  ".join([f"{self._get_name()}(", *lines]) + "\n)"

    def compile(self, *args, **kwargs):
        """Accepted for compatibility: the module already runs as fast as it does when compiled."""

    def _replicate_for_data_parallel(self):
        replica = self.__new__(type(self))
        replica.__dict__ = self.__dict__.copy()
        for key in _REGISTRIES:
            replica.__dict__[key] = dict(replica.__dict__[key])
        replica._is_replica = True
        return replica


class MissingAttributeError(AttributeError):
    """An AttributeError that looks for the nearest existing name only when it is printed."""

    def __str__(self):
        import difflib

        text = f"'{type(self.obj).__name__}' object has no attribute '{self.name}'"
        near = difflib.get_close_matches(self.name, dir(self.obj), n=1)
        return f"{text}. Did you mean: '{near[0]}'?" if near else text


def _own_dictionary(self):
    """The instance's dictionary, from now on one that shares its keys with no other instance's.

    Python makes one that shares them when `__dict__` is read, and finds attributes in that several times as slowly.
    """
    own = {**self.__dict__}
    object.__setattr__(self, "__dict__", own)
    return own


def _names_getattr(cls):
    codes = (getattr(value, "__code__", None) for value in vars(cls).values())
    return any(code is not None and "__getattr__" in code.co_names for code in codes)


def _missing_attribute(self, name):
    own = self.__dict__
    if any(name in own.get(key, ()) for key in _REGISTRIES):  # asked for by a subclass's own __getattr__
        return own[name]
    raise MissingAttributeError(name, name=name, obj=self)


def _refuse_arguments(self, args, kwargs):
    if kwargs:
        raise TypeError(f"{type(self).__name__}.__init__() got an unexpected keyword argument '{next(iter(kwargs))}'")
    if args:
        raise TypeError(f"{type(self).__name__}.__init__() takes 1 positional argument but {len(args) + 1} were given")


def _before_init(self, what):
    name = type(self).__name__
    return AttributeError(
        f"cannot assign {what} before Module.__init__() call: begin {name}.__init__ with super().__init__()"
    )


def _kind_of(value):
    return value.type() if isinstance(value, Tensor) else type(value).__name__


def _cannot_assign(value, what, name, expected):
    return f"cannot assign '{_kind_of(value)}' as {what} '{name}' ({expected} or None expected)"


def _or(new, old):
    return old if new is None else new


def _forget(own, name, kept):
    """Removes a name from the plain attributes and from every registry but one."""
    if kept is not None and name in own[kept]:
        return
    own.pop(name, None)
    for key in _REGISTRIES:
        own[key].pop(name, None)
    own["_non_persistent_buffers_set"].discard(name)


def _check_name(self, name, key, what):
    if not isinstance(name, str):
        raise TypeError(f"{what} name should be a string. Got {type(name).__name__}")
    if "." in name:
        raise KeyError(f'{what} name can\'t contain "."' + (f", got: {name}" if what == "module" else ""))
    if name == "":
        raise KeyError(f'{what} name can\'t be empty string ""')
    if name not in self.__dict__.get(key, ()) and hasattr(self, name):
        raise KeyError(f"attribute '{name}' already exists")


def _set_module(self, name, module):
    for hook in _global_module_registration_hooks.values():
        module = _or(hook(self, name, module), module)
    own = self.__dict__
    own[name] = module
    own["_module_names"][name] = None


def _assign_buffer(self, name, value):
    if value is not None and not isinstance(value, Tensor):
        raise TypeError(_cannot_assign(value, "buffer", name, "flambeau Tensor, Buffer"))
    own = self.__dict__
    known = name in own["_buffer_names"]
    if not known:
        _forget(own, name, None)
    persistent = name not in own["_non_persistent_buffers_set"]
    if isinstance(value, Tensor) and hasattr(value, "_is_buffer"):
        persistent = value.persistent
    self.register_buffer(name, value, persistent)


def _addindent(s_, numSpaces):
    """A text with all lines but the first moved to the right."""
    return s_.replace("\n", "\n" + " " * numSpaces)


def register_module_parameter_registration_hook(hook):
    """Runs `hook(module, name, param)` whenever a parameter is registered; what it returns replaces it.

    Example::

        >>> def hook(module, name, param):
        ...     print(name)
        >>> handle = flambeau.nn.modules.module.register_module_parameter_registration_hook(hook)
        >>> layer = flambeau.nn.Linear(2, 3)
        weight
        bias
        >>> handle.remove()
    """
    return register(_global_parameter_registration_hooks, hook)


def register_module_buffer_registration_hook(hook):
    """Runs `hook(module, name, buffer)` whenever a buffer is registered; what it returns replaces it.

    Example::

        >>> def hook(module, name, buffer):
        ...     print(name)
        >>> handle = flambeau.nn.modules.module.register_module_buffer_registration_hook(hook)
        >>> layer = flambeau.nn.BatchNorm1d(2)
        running_mean
        running_var
        num_batches_tracked
        >>> handle.remove()
    """
    return register(_global_buffer_registration_hooks, hook)


def register_module_module_registration_hook(hook):
    """Runs `hook(module, name, submodule)` whenever a submodule is registered; what it returns replaces it.

    Example::

        >>> def hook(module, name, submodule):
        ...     return flambeau.nn.Tanh()
        >>> handle = flambeau.nn.modules.module.register_module_module_registration_hook(hook)
        >>> flambeau.nn.Sequential(flambeau.nn.ReLU())
        Sequential(
          (0): Tanh()
        )
        >>> handle.remove()
    """
    return register(_global_module_registration_hooks, hook)
