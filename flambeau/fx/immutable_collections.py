"""Lists and dictionaries that stay as they are: arguments of nodes."""

from ..utils._pytree import register_pytree_node

__all__ = ["immutable_dict", "immutable_list"]


def _refuse(self, *args, **kwargs):
    raise NotImplementedError(
        f"'{type(self).__name__}' object does not support mutation. If you are attempting to modify the kwargs or args of a "
        "torch.fx.Node object, instead create a new copy of it and assign the copy to the node: node.args = ..."
    )


def _frozen(base, changes):
    def decorate(kind):
        for name in changes:
            setattr(kind, name, _refuse)
        return kind

    return decorate


@_frozen(
    list,
    ("__delitem__", "__iadd__", "__imul__", "__setitem__", "append", "clear", "extend", "insert", "pop", "remove", "reverse", "sort"),
)  # fmt: skip
class immutable_list(list):
    """A list that cannot be changed.

    >>> flambeau.fx.immutable_collections.immutable_list([1, 2])[0]
    1
    """

    def __hash__(self):
        return hash(tuple(self))

    def __reduce__(self):
        return immutable_list, (tuple(self),)


@_frozen(dict, ("__delitem__", "__ior__", "__setitem__", "clear", "pop", "popitem", "setdefault", "update"))
class immutable_dict(dict):
    """A dictionary that cannot be changed.

    >>> flambeau.fx.immutable_collections.immutable_dict(a=1)["a"]
    1
    """

    def __hash__(self):
        return hash(frozenset(self.items()))

    def __reduce__(self):
        return immutable_dict, (iter(self.items()),)


register_pytree_node(immutable_list, lambda x: (list(x), None), lambda values, context: immutable_list(values))
register_pytree_node(
    immutable_dict,
    lambda x: (list(x.values()), list(x.keys())),
    lambda values, context: immutable_dict(zip(context, values)),
)
