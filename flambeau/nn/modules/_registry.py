"""The registries of a module: which of its attributes are parameters, buffers and submodules.

The values are ordinary attributes in the instance's `__dict__`, so that reading one costs what reading an attribute
costs; a registry keeps only names, in order. `Registry` shows both together as the dictionary that users know from
`module._parameters`, `module._buffers` and `module._modules`.
"""

from collections.abc import MutableMapping

KINDS = {
    "_parameters": "_parameter_names",
    "_buffers": "_buffer_names",
    "_modules": "_module_names",
}


class Registry(MutableMapping):
    """A dictionary view of one registry of a module: writing to it writes the module's attributes."""

    __slots__ = ("_attributes", "_names")

    def __init__(self, attributes, names):
        self._attributes = attributes
        self._names = names

    def __getitem__(self, name):
        if name in self._names:
            return self._attributes[name]
        raise KeyError(name)

    def __setitem__(self, name, value):
        self._attributes[name] = value
        self._names[name] = None

    def __delitem__(self, name):
        del self._names[name]
        self._attributes.pop(name, None)

    def __contains__(self, name):
        return name in self._names

    def __iter__(self):
        return iter(self._names)

    def __reversed__(self):
        return reversed(self._names)

    def __len__(self):
        return len(self._names)

    def __repr__(self):
        return repr(dict(self))

    def __or__(self, other):
        return {**self, **other}

    def __ror__(self, other):
        return {**other, **self}

    def items(self):
        return dict(self).items()  # can be walked backwards

    def values(self):
        return dict(self).values()

    def keys(self):
        return self._names.keys()

    def copy(self):
        """A plain dictionary with the same items."""
        return dict(self)

    def move_to_end(self, name, last=True):
        """Moves an existing name to either end, as an OrderedDict does."""
        self._names[name] = self._names.pop(name)
        if not last:
            for other in [n for n in self._names if n != name]:
                self._names[other] = self._names.pop(other)

    def __reduce__(self):
        return dict, (dict(self),)

    def __copy__(self):
        return dict(self)

    def __deepcopy__(self, memo):
        from copy import deepcopy

        return deepcopy(dict(self), memo)


def registry(kind):
    """The property for `_parameters`, `_buffers` or `_modules`; a whole dictionary may be assigned to it, too."""
    key = KINDS[kind]

    def get(self):
        attributes = self.__dict__
        if key not in attributes:
            raise AttributeError(f"'{type(self).__name__}' object has no attribute '{kind}'")
        return Registry(attributes, attributes[key])

    def replace(self, items):
        attributes = self.__dict__
        items = dict(items)
        for name in attributes.get(key, ()):
            attributes.pop(name, None)
        attributes[key] = dict.fromkeys(items)
        attributes.update(items)

    return property(
        get,
        replace,
        doc=f"The module's own {kind[1:]}, by name, as a dictionary that can be changed.",
    )


def children_of(module):
    """(name, submodule) of a module's direct submodules, empty places left out."""
    own = module.__dict__
    return [(name, own[name]) for name in own["_module_names"] if own[name] is not None]
