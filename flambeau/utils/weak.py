"""Dictionaries and references that do not keep tensors alive."""

import weakref
from collections.abc import MutableMapping

__all__ = ["TensorWeakRef", "WeakIdKeyDictionary", "WeakIdRef", "WeakTensorKeyDictionary"]


class WeakIdRef(weakref.ref):
    """A weak reference that compares by identity.

    >>> x = flambeau.ones(1)
    >>> flambeau.utils.weak.WeakIdRef(x) == flambeau.utils.weak.WeakIdRef(x)
    True
    """

    __slots__ = ("_id",)

    def __init__(self, key, callback=None):
        super().__init__(key, callback)
        self._id = id(key)

    def __hash__(self):
        return self._id

    def __eq__(self, other):
        a, b = self(), other() if isinstance(other, weakref.ref) else None
        return self is other if a is None or b is None else a is b


class WeakIdKeyDictionary(MutableMapping):
    """A dictionary whose keys are compared by identity and not kept alive.

    >>> x = flambeau.ones(1)
    >>> names = flambeau.utils.weak.WeakIdKeyDictionary({x: "x"})
    >>> names[x], len(names)
    ('x', 1)
    >>> del x
    >>> len(names)
    0
    """

    def __init__(self, dict=None, ref_type=WeakIdRef):
        self.ref_type, self.data = ref_type, {}
        if dict is not None:
            self.update(dict)

    def __getitem__(self, key):
        return self.data[self.ref_type(key)]

    def __setitem__(self, key, value):
        self.data[self.ref_type(key, lambda ref: self.data.pop(ref, None))] = value

    def __delitem__(self, key):
        del self.data[self.ref_type(key)]

    def __contains__(self, key):
        try:
            return self.ref_type(key) in self.data
        except TypeError:
            return False

    def __iter__(self):
        for ref in list(self.data):
            key = ref()
            if key is not None:
                yield key

    def __len__(self):
        return sum(ref() is not None for ref in list(self.data))

    def copy(self):
        """Another one with the same items."""
        return WeakIdKeyDictionary(None, self.ref_type)._filled(self)

    def _filled(self, other):
        for key, value in other.items():
            self[key] = value
        return self


WeakTensorKeyDictionary = WeakIdKeyDictionary


class TensorWeakRef:
    """A weak reference to a tensor.

    >>> x = flambeau.ones(1)
    >>> flambeau.utils.weak.TensorWeakRef(x)() is x
    True
    """

    def __init__(self, tensor):
        self.ref = weakref.ref(tensor)

    def __call__(self):
        return self.ref()
