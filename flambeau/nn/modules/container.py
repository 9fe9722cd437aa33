"""Modules that hold others: Sequential, ModuleList, ModuleDict, ParameterList, ParameterDict."""

import operator
from collections import OrderedDict
from collections.abc import Container as AnyContainer
from collections.abc import Iterable, Mapping

from flambeau import Tensor
from flambeau.nn.parameter import Parameter

from .module import Module, _addindent

__all__ = [
    "Container",
    "ModuleDict",
    "ModuleList",
    "ParameterDict",
    "ParameterList",
    "Sequential",
]


def _place(index, length):
    """A checked, non-negative index."""
    index = operator.index(index)
    if not -length <= index < length:
        raise IndexError(f"index {index} is out of range")
    return index % length


def _name_at(module, index):
    names = list(module._module_names)
    return names[_place(index, len(names))]


class Container(Module):
    """A module with the given submodules by name (an old name; prefer ModuleDict).

    Example::

        >>> flambeau.nn.Container(first=flambeau.nn.ReLU())
        Container(
          (first): ReLU()
        )
    """

    def __init__(self, **kwargs):
        super().__init__()
        for name, module in kwargs.items():
            self.add_module(name, module)


class Sequential(Module):
    """Runs modules one after the other, each on the result of the one before.

    Args:
        *args: the modules in order, or one OrderedDict from name to module.

    Example::

        >>> net = flambeau.nn.Sequential(flambeau.nn.Linear(4, 8), flambeau.nn.ReLU(), flambeau.nn.Linear(8, 2))
        >>> net(flambeau.ones(3, 4)).shape
        torch.Size([3, 2])
    """

    def __init__(self, *args):
        super().__init__()
        items = args[0].items() if len(args) == 1 and isinstance(args[0], OrderedDict) else enumerate(args)
        for name, module in items:
            self.add_module(str(name), module)

    def __getitem__(self, idx):
        if isinstance(idx, slice):
            return type(self)(OrderedDict(list(self._modules.items())[idx]))
        return self.__dict__[_name_at(self, idx)]

    def __setitem__(self, idx, module):
        setattr(self, _name_at(self, idx), module)

    def __delitem__(self, idx):
        names = list(self._module_names)
        for name in names[idx] if isinstance(idx, slice) else [_name_at(self, idx)]:
            delattr(self, name)
        _renumber(self, [self.__dict__[name] for name in self._module_names])

    def __len__(self):
        return len(self._module_names)

    def __iter__(self):
        own = self.__dict__
        return iter([own[name] for name in own["_module_names"]])

    def __add__(self, other):
        _only_sequential(other)
        return Sequential(*self, *other)

    def __iadd__(self, other):
        _only_sequential(other)
        return self.extend(list(other))

    def __mul__(self, other):
        return Sequential(*_repeated(self, other))

    __rmul__ = __mul__

    def __imul__(self, other):
        return self.extend(_repeated(self, other)[len(self) :])

    def forward(self, input):
        own = self.__dict__
        for name in own["_module_names"]:
            input = own[name](input)
        return input

    def append(self, module):
        """Adds a module at the end; returns self."""
        self.add_module(str(len(self)), module)
        return self

    def extend(self, sequential):
        """Adds modules at the end; returns self."""
        for module in sequential:
            self.append(module)
        return self

    def insert(self, index, module):
        """Puts a module before the one at `index`; returns self."""
        if not isinstance(module, Module):
            raise AssertionError(f"module should be of type: {Module}")
        if not -len(self) <= index <= len(self):
            raise IndexError(f"Index out of range: {index}")
        modules = list(self)
        modules.insert(index, module)
        _renumber(self, modules)
        return self

    def pop(self, key):
        """Removes the module at `key` and returns it."""
        module = self[key]
        del self[key]
        return module


def _only_sequential(other):
    if not isinstance(other, Sequential):
        raise ValueError(f"add operator supports only objects of Sequential class, but {type(other)} is given.")


def _repeated(modules, times):
    if not isinstance(times, int):
        raise TypeError(f"unsupported operand type(s) for *: {type(modules)} and {type(times)}")
    if times <= 0:
        raise ValueError(f"Non-positive multiplication factor {times} for {type(modules)}")
    return list(modules) * times


def _renumber(module, children):
    """Makes the given modules the only ones, named 0, 1, 2 ..."""
    module._modules = {str(i): child for i, child in enumerate(children)}


class ModuleList(Module):
    """A list of modules that are registered, so that their parameters are found.

    Args:
        modules: the modules to begin with.

    Example::

        >>> layers = flambeau.nn.ModuleList([flambeau.nn.Linear(2, 2) for _ in range(3)])
        >>> len(layers), len(list(layers.parameters()))
        (3, 6)
    """

    def __init__(self, modules=None):
        super().__init__()
        if modules is not None:
            self += modules

    def __getitem__(self, idx):
        if isinstance(idx, slice):
            return type(self)(list(self)[idx])
        return self.__dict__[self._get_abs_string_index(idx)]

    def _get_abs_string_index(self, idx):
        return str(_place(idx, len(self)))

    def __setitem__(self, idx, module):
        setattr(self, self._get_abs_string_index(idx), module)

    def __delitem__(self, idx):
        modules = list(self)
        if isinstance(idx, slice):
            del modules[idx]
        else:
            del modules[_place(idx, len(modules))]
        _renumber(self, modules)

    def __len__(self):
        return len(self._module_names)

    def __iter__(self):
        own = self.__dict__
        return iter([own[name] for name in own["_module_names"]])

    def __iadd__(self, modules):
        return self.extend(modules)

    def __add__(self, other):
        return ModuleList([*self, *other])

    def insert(self, index, module):
        """Puts a module before the one at `index`."""
        modules = list(self)
        modules.insert(index, module)
        self.append(module)  # checks and registers it; the names follow
        _renumber(self, modules)

    def append(self, module):
        """Adds a module at the end; returns self."""
        self.add_module(str(len(self)), module)
        return self

    def pop(self, key):
        """Removes the module at `key` and returns it."""
        module = self[key]
        del self[key]
        return module

    def extend(self, modules):
        """Adds modules at the end; returns self."""
        if not isinstance(modules, AnyContainer | Iterable):
            raise TypeError(f"ModuleList.extend should be called with an iterable, but got {type(modules).__name__}")
        for module in list(modules):
            self.append(module)
        return self

    def __repr__(self):
        """Equal neighbours are printed once, with their number."""
        groups = []
        for i, module in enumerate(self):
            text = repr(module)
            if groups and groups[-1][2] == text:
                groups[-1][1] = i
            else:
                groups.append([i, i, text])
        if not groups:
            return f"{self._get_name()}()"
        lines = [
            f"({first}): {text}" if first == last else f"({first}-{last}): {last - first + 1} x {text}"
            for first, last, text in groups
        ]
        return "\n  ".join([f"{self._get_name()}(", *(_addindent(line, 2) for line in lines)]) + "\n)"


class ModuleDict(Module):
    """A dictionary of modules that are registered, so that their parameters are found.

    Args:
        modules: a mapping, or pairs, from name to module.

    Example::

        >>> heads = flambeau.nn.ModuleDict({"a": flambeau.nn.Linear(2, 1), "b": flambeau.nn.Linear(2, 3)})
        >>> heads["b"](flambeau.ones(2)).shape
        torch.Size([3])
    """

    def __init__(self, modules=None):
        super().__init__()
        if modules is not None:
            self.update(modules)

    def __getitem__(self, key):
        return self._modules[key]

    def __setitem__(self, key, module):
        self.add_module(key, module)

    def __delitem__(self, key):
        del self._modules[key]

    def __len__(self):
        return len(self._module_names)

    def __iter__(self):
        return iter(self._module_names)

    def __contains__(self, key):
        return key in self._module_names

    def clear(self):
        """Removes all modules."""
        self._modules = {}

    def pop(self, key):
        """Removes a module and returns it."""
        module = self[key]
        del self[key]
        return module

    def keys(self):
        """The names."""
        return self._modules.keys()

    def items(self):
        """(name, module) pairs."""
        return self._modules.items()

    def values(self):
        """The modules."""
        return self._modules.values()

    def update(self, modules):
        """Adds modules from a mapping or from pairs; existing names are replaced."""
        for key, module in _pairs(modules, "ModuleDict", "ModuleDict"):
            self[key] = module


def _pairs(items, name, verb):
    """Key-value pairs of a mapping, or of an iterable that is checked."""
    if not isinstance(items, Iterable):
        raise TypeError(
            f"{verb}.update should be called with an iterable of key/value pairs, but got {type(items).__name__}"
        )
    if isinstance(items, Mapping | ModuleDict | ParameterDict):
        return list(items.items())
    pairs = list(items)
    for i, pair in enumerate(pairs):
        if not isinstance(pair, Iterable):
            raise TypeError(f"{name} update sequence element #{i} should be Iterable; is {type(pair).__name__}")
        if len(pair) != 2:
            raise ValueError(f"{name} update sequence element #{i} has length {len(pair)}; 2 is required")
    return pairs


class ParameterList(Module):
    """A list whose tensors are registered as parameters; other values are kept as they are.

    Args:
        values: what to begin with; a plain tensor becomes a Parameter.

    Example::

        >>> ps = flambeau.nn.ParameterList([flambeau.ones(2), flambeau.zeros(3)])
        >>> len(list(ps.parameters()))
        2
    """

    def __init__(self, values=None):
        super().__init__()
        self._size = 0
        if values is not None:
            self += values

    def _get_abs_string_index(self, idx):
        return str(_place(idx, len(self)))

    def __getitem__(self, idx):
        if isinstance(idx, slice):
            return type(self)(list(self)[idx])
        return getattr(self, self._get_abs_string_index(idx))

    def __setitem__(self, idx, param):
        setattr(self, self._get_abs_string_index(idx), _as_parameter(param))

    def __len__(self):
        return self._size

    def __iter__(self):
        return iter([getattr(self, str(i)) for i in range(self._size)])

    def __iadd__(self, parameters):
        return self.extend(parameters)

    def append(self, value):
        """Adds a value at the end; returns self."""
        self._size += 1
        self[self._size - 1] = value
        return self

    def extend(self, values):
        """Adds values at the end; returns self."""
        if not isinstance(values, Iterable) or isinstance(values, Tensor):
            raise TypeError(f"ParameterList.extend should be called with an iterable, but got {type(values).__name__}")
        for value in list(values):
            self.append(value)
        return self

    def extra_repr(self):
        lines = []
        for i, value in enumerate(self):
            if isinstance(value, Tensor):
                kind = "Parameter" if isinstance(value, Parameter) else "Tensor"
                size = "x".join(map(str, value.shape))
                lines.append(f"  ({i}): {kind} containing: [{value.dtype} of size {size}{_where(value)}]")
            else:
                lines.append(f"  ({i}): Object of type: {type(value).__name__}")
        return "\n".join(lines)

    def __call__(self, *args, **kwargs):
        raise RuntimeError("ParameterList should not be called.")


def _as_parameter(value):
    return Parameter(value) if isinstance(value, Tensor) and not isinstance(value, Parameter) else value


def _where(value):
    return "" if value.device.type == "cpu" else f" ({value.device})"


class ParameterDict(Module):
    """A dictionary whose tensors are registered as parameters; other values are kept as they are.

    Args:
        parameters: a mapping or pairs (a plain dict in the order of its sorted keys), or another ParameterDict.

    Example::

        >>> ps = flambeau.nn.ParameterDict({"w": flambeau.ones(2), "b": flambeau.zeros(1)})
        >>> sorted(name for name, _ in ps.named_parameters())
        ['b', 'w']
    """

    def __init__(self, parameters=None):
        super().__init__()
        self._keys = {}
        if parameters is not None:
            self.update(parameters)

    def _key_to_attr(self, key):
        if not isinstance(key, str):
            raise TypeError(
                "Index given to ParameterDict cannot be used as a key as it is not a string "
                f"(type is '{type(key).__name__}')."
            )
        return key

    def __getitem__(self, key):
        return getattr(self, self._key_to_attr(key))

    def __setitem__(self, key, value):
        name = self._key_to_attr(key)
        setattr(self, name, _as_parameter(value))
        self._keys[key] = None

    def __delitem__(self, key):
        delattr(self, self._key_to_attr(key))
        del self._keys[key]

    def __len__(self):
        return len(self._keys)

    def __iter__(self):
        return iter(self._keys)

    def __reversed__(self):
        return reversed(list(self._keys))

    def __contains__(self, key):
        return key in self._keys

    def __or__(self, other):
        result = self.copy()
        result.update(other)
        return result

    def __ror__(self, other):
        result = other.copy()
        result.update(self)
        return result

    def __ior__(self, other):
        self.update(other)
        return self

    def copy(self):
        """A new ParameterDict with the same values."""
        return ParameterDict(OrderedDict(self.items()))

    def setdefault(self, key, default=None):
        """The value of `key`, after setting it to `default` if it was missing."""
        if key not in self:
            self[key] = default
        return self[key]

    def clear(self):
        """Removes everything."""
        for key in list(self._keys):
            del self[key]

    def pop(self, key):
        """Removes a value and returns it."""
        value = self[key]
        del self[key]
        return value

    def popitem(self):
        """Removes the newest (key, value) pair and returns it."""
        key = next(reversed(self))
        return key, self.pop(key)

    def get(self, key, default=None):
        """The value of `key`, or `default`."""
        return self[key] if key in self._keys else default

    def fromkeys(self, keys, default=None):
        """A new ParameterDict with one value under each of the keys."""
        return ParameterDict((key, default) for key in keys)

    def keys(self):
        """The keys."""
        return self._keys.keys()

    def items(self):
        """(key, value) pairs."""
        return ((key, self[key]) for key in self._keys)

    def values(self):
        """The values."""
        return (self[key] for key in self._keys)

    def update(self, parameters):
        """Sets values from a mapping or from pairs."""
        pairs = _pairs(parameters, "ParameterDict", "ParametersDict")
        if isinstance(parameters, Mapping) and not isinstance(parameters, OrderedDict):
            pairs = sorted(pairs, key=lambda pair: pair[0])
        for key, value in pairs:
            self[key] = value

    def extra_repr(self):
        lines = []
        for key, value in self.items():
            if isinstance(value, Tensor):
                kind = "Parameter" if isinstance(value, Parameter) else "Tensor"
                size = "x".join(map(str, value.shape))
                lines.append(f"  ({key}): {kind} containing: [{value.type()} of size {size}{_where(value)}]")
            else:
                lines.append(f"  ({key}): Object of type: {type(value).__name__}")
        return "\n".join(lines)

    def __call__(self, input):
        raise RuntimeError("ParameterDict should not be called.")
