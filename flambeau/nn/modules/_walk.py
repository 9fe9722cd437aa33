"""Finding the submodules, parameters and buffers of a module."""

import warnings

from flambeau import Tensor

from ._moving import is_parameter
from ._registry import children_of


class Walkable:
    """The part of `Module` that lists and finds what it is made of."""

    def named_modules(self, memo=None, prefix="", remove_duplicate=True):
        """(name, module) for the module itself (named `prefix`) and everything below it, each once.

        Args:
            memo: a set of modules to leave out; those met are added.
            prefix: put before every name.
            remove_duplicate: name a module that appears twice only once.

        Example::

            >>> net = flambeau.nn.Sequential(flambeau.nn.Linear(2, 2), flambeau.nn.ReLU())
            >>> [name for name, _ in net.named_modules()]
            ['', '0', '1']
        """
        memo = set() if memo is None else memo
        waiting = [(prefix, self)]  # without a generator for each level
        while waiting:
            path, module = waiting.pop()
            if type(module).named_modules is not Walkable.named_modules and module is not self:
                yield from module.named_modules(memo, path, remove_duplicate)
            elif module not in memo:
                if remove_duplicate:
                    memo.add(module)
                yield path, module
                waiting += [(f"{path}.{name}" if path else name, m) for name, m in reversed(children_of(module))]

    def modules(self, remove_duplicate=True):
        """The module itself and everything below it."""
        for _, module in self.named_modules(remove_duplicate=remove_duplicate):
            yield module

    def named_children(self):
        """(name, module) of the direct submodules, each module once."""
        seen = set()
        for name, module in children_of(self):
            if module not in seen:
                seen.add(module)
                yield name, module

    def children(self):
        """The direct submodules, each once."""
        for _, module in self.named_children():
            yield module

    def _named_members(self, get_members_fn, prefix="", recurse=True, remove_duplicate=True):
        seen = set()
        modules = self.named_modules(prefix=prefix, remove_duplicate=remove_duplicate) if recurse else [(prefix, self)]
        for path, module in modules:
            for name, member in get_members_fn(module):
                if member is None or id(member) in seen:
                    continue
                if remove_duplicate:
                    seen.add(id(member))
                yield (f"{path}.{name}" if path else name), member

    def named_parameters(self, prefix="", recurse=True, remove_duplicate=True):
        """(name, parameter) of the module and everything below it.

        Args:
            prefix: put before every name.
            recurse: include the submodules' parameters.
            remove_duplicate: give a parameter that is shared only once.

        Example::

            >>> [(n, tuple(p.shape)) for n, p in flambeau.nn.Linear(3, 2).named_parameters()]
            [('weight', (2, 3)), ('bias', (2,))]
        """
        if recurse and "_lists_checked" not in self.__dict__:
            _warn_about_lists(self)
        return self._named_members(_parameters_of, prefix, recurse, remove_duplicate)

    def parameters(self, recurse=True):
        """The parameters of the module and (unless `recurse` is False) of everything below it, each once."""
        seen = set()
        for module in _below(self) if recurse and "_lists_checked" in self.__dict__ and _is_usual(self) else ():
            own = module.__dict__
            for name in own["_parameter_names"]:
                parameter = own[name]
                if parameter is not None and id(parameter) not in seen:
                    seen.add(id(parameter))
                    yield parameter
        if not seen:  # a class may list them in a way of its own
            for _, parameter in self.named_parameters(recurse=recurse):
                yield parameter

    def named_buffers(self, prefix="", recurse=True, remove_duplicate=True):
        """(name, buffer) of the module and everything below it; arguments as for `named_parameters`."""
        return self._named_members(_buffers_of, prefix, recurse, remove_duplicate)

    def buffers(self, recurse=True):
        """The buffers of the module and (unless `recurse` is False) of everything below it, each once."""
        for _, buffer in self.named_buffers(recurse=recurse):
            yield buffer

    def get_submodule(self, target):
        """The submodule at a dotted path such as `"encoder.layers.0"`; the module itself for an empty one."""
        from .module import Module

        module = self
        for name in target.split(".") if target else ():
            if not hasattr(module, name):
                raise AttributeError(f"{module._get_name()} has no attribute `{name}`" + _nearest(module, name))
            module = getattr(module, name)
            if not isinstance(module, Module):
                raise AttributeError(f"`{name}` is not an nn.Module")
        return module

    def set_submodule(self, target, module, strict=False):
        """Puts a module at a dotted path; with `strict` there must be one already."""
        from .module import Module

        if target == "":
            raise ValueError("Cannot set the submodule without a target name!")
        if not isinstance(module, Module):
            raise ValueError(f"`module` is not an nn.Module, found {type(module)}")
        path, _, name = target.rpartition(".")
        parent = self.get_submodule(path)
        if strict and not hasattr(parent, name):
            raise AttributeError(f"{parent._get_name()} has no attribute `{name}`")
        if hasattr(parent, name) and not isinstance(getattr(parent, name), Module):
            raise AttributeError(f"`{name}` is not an nn.Module")
        setattr(parent, name, module)

    def get_parameter(self, target):
        """The parameter at a dotted path."""
        parameter = _find(self, target, "_parameter_names", "an nn.Parameter")
        if parameter is None:
            raise AttributeError(f"`{target}` is not an nn.Parameter but None")
        return parameter

    def get_buffer(self, target):
        """The buffer at a dotted path."""
        return _find(self, target, "_buffer_names", "a buffer")

    def apply(self, fn):
        """Calls `fn` on every submodule and then on the module itself; returns the module.

        Example::

            >>> net = flambeau.nn.Linear(2, 2).apply(lambda m: flambeau.nn.init.ones_(m.weight))
            >>> net.weight.sum().item()
            4.0
        """
        for module in self.children():
            module.apply(fn)
        fn(self)
        return self

    def train(self, mode=True):
        """Sets training mode (dropout on, batch statistics used) for the module and everything below it."""
        if not isinstance(mode, bool):
            raise ValueError("training mode is expected to be boolean")
        self.training = mode
        for module in self.children():
            module.train(mode)
        return self

    def eval(self):
        """Sets evaluation mode: `train(False)`."""
        return self.train(False)

    def requires_grad_(self, requires_grad=True):
        """Switches the recording of gradients for all parameters; returns the module."""
        for parameter in self.parameters():
            parameter.requires_grad_(requires_grad)
        return self

    def zero_grad(self, set_to_none=True):
        """Drops all parameters' gradients, or fills them with zeros."""
        for parameter in self.parameters():
            grad = parameter.grad
            if grad is None:
                continue
            if set_to_none:
                parameter.grad = None
            else:
                if grad.grad_fn is not None:
                    grad.detach_()
                else:
                    grad.requires_grad_(False)
                grad.zero_()

    def share_memory(self):
        """Moves all parameters and buffers to memory that other processes can share; returns the module."""
        return self._apply(lambda t: t.share_memory_())


_LISTING = ("named_modules", "named_parameters", "_named_members")


def _is_usual(module):
    """Whether a class lists parameters as `Walkable` does."""
    kind = type(module)
    return all(getattr(kind, name) is getattr(Walkable, name) for name in _LISTING)


def _below(root):
    """The modules of `named_modules`, without their names."""
    seen, waiting = set(), [root]
    while waiting:
        module = waiting.pop()
        if type(module).named_modules is not Walkable.named_modules:
            for _, inner in module.named_modules(seen, "", True):
                yield inner
        elif module not in seen:
            seen.add(module)
            yield module
            own = module.__dict__
            for name in reversed(own["_module_names"]):
                if own[name] is not None:
                    waiting.append(own[name])


def _parameters_of(module):
    own = module.__dict__
    return [(name, own[name]) for name in own["_parameter_names"]]


def _buffers_of(module):
    own = module.__dict__
    return [(name, own[name]) for name in own["_buffer_names"]]


def _find(root, target, key, kind):
    path, _, name = target.rpartition(".")
    module = root.get_submodule(path)
    if not hasattr(module, name):
        raise AttributeError(f"{module._get_name()} has no attribute `{name}`" + _nearest(module, name))
    if name not in module.__dict__[key]:
        raise AttributeError(f"`{name}` is not {kind}")
    return getattr(module, name)


def _nearest(module, name):
    import difflib

    names = [n for n in vars(module) if n[:1] != "_"]
    found = difflib.get_close_matches(name, names, n=1) if len(names) < 200 else ()
    return f"; did you mean `{found[0]}`?" if found else ""


def _warn_about_lists(root):
    """Warns once about modules and parameters in plain lists or dictionaries, which an optimizer will not see."""
    modules = list(root.modules())
    known = {id(m) for m in modules}
    known.update(id(p) for m in modules for _, p in _parameters_of(m))
    for path, module in root.named_modules():
        own = module.__dict__
        if "_lists_checked" in own:
            continue
        own["_lists_checked"] = True
        for name, value in own.items():
            if type(value) in (list, tuple, dict) and _holds_trainable(value, known):
                where = f"{path}.{name}" if path else name
                kind = (
                    "nn.ModuleDict or nn.ParameterDict" if type(value) is dict else "nn.ModuleList or nn.ParameterList"
                )
                warnings.warn(
                    f"`{where}` of {type(root).__name__} is a plain {type(value).__name__} that holds trainable "
                    "modules or parameters: they are not part of parameters() and will not be trained, moved or saved. "
                    f"Use {kind} instead.",
                    stacklevel=5,
                )


def _holds_trainable(values, known):
    for value in values.values() if type(values) is dict else values:
        if id(value) in known:
            continue
        if isinstance(value, Tensor):
            if is_parameter(value) and value.requires_grad:
                return True
        elif isinstance(value, Walkable) and any(p.requires_grad for p in value.parameters()):
            return True
    return False
