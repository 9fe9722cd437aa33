"""Nested containers as flat lists: tuples, named tuples, lists and dicts are nodes, everything else is a leaf."""

from collections import OrderedDict, defaultdict
from typing import NamedTuple

__all__ = ["TreeSpec", "tree_flatten", "tree_leaves", "tree_map", "tree_unflatten"]


class TreeSpec(NamedTuple):
    """The shape of a tree: the container's type (None for a leaf), its keys or factory, and the specs of its children."""

    type: type | None
    context: object
    children: tuple

    @property
    def num_leaves(self):
        return 1 if self.type is None else sum(child.num_leaves for child in self.children)


_LEAF = TreeSpec(None, None, ())


def _children(tree):
    """(context, children) of a container, None for a leaf."""
    kind = type(tree)
    if kind in (dict, OrderedDict):
        return tuple(tree), tuple(tree.values())
    if kind is defaultdict:
        return (tree.default_factory, tuple(tree)), tuple(tree.values())
    if kind in (tuple, list) or (isinstance(tree, tuple) and hasattr(tree, "_fields")):
        return None, tuple(tree)
    return None


def tree_flatten(tree):
    """The leaves in order, and the spec that `tree_unflatten` needs to build the tree again.

    >>> tree_flatten({"a": 1, "b": (2, 3)})[0]
    [1, 2, 3]
    """
    found = _children(tree)
    if found is None:
        return [tree], _LEAF
    context, children = found
    leaves, specs = [], []
    for child in children:
        below, spec = tree_flatten(child)
        leaves += below
        specs.append(spec)
    return leaves, TreeSpec(type(tree), context, tuple(specs))


def tree_leaves(tree):
    """The leaves in order."""
    return tree_flatten(tree)[0]


def tree_unflatten(leaves, treespec):
    """The tree of this spec with these leaves.

    >>> leaves, spec = tree_flatten([1, {"a": 2}])
    >>> tree_unflatten([x * 10 for x in leaves], spec)
    [10, {'a': 20}]
    """
    leaves = list(leaves)
    if len(leaves) != treespec.num_leaves:
        raise ValueError(f"[tree_unflatten] the spec has {treespec.num_leaves} leaves, but {len(leaves)} were given")
    return _build(iter(leaves), treespec)


def _build(leaves, spec):
    if spec.type is None:
        return next(leaves)
    children = [_build(leaves, child) for child in spec.children]
    if spec.type in (dict, OrderedDict):
        return spec.type(zip(spec.context, children, strict=True))
    if spec.type is defaultdict:
        return defaultdict(spec.context[0], zip(spec.context[1], children, strict=True))
    return spec.type._make(children) if hasattr(spec.type, "_make") else spec.type(children)


def tree_map(func, tree, *rests):
    """The tree with func applied to each leaf (and to the leaves at the same places of the others).

    >>> tree_map(lambda a, b: a + b, (1, [2]), (10, [20]))
    (11, [22])
    """
    leaves, spec = tree_flatten(tree)
    others = [_up_to(spec, rest) for rest in rests]
    return tree_unflatten([func(*row) for row in zip(leaves, *others, strict=True)], spec)


def _up_to(spec, tree):
    """The leaves of a tree that has at least this structure."""
    if spec.type is None:
        return [tree]
    found = _children(tree)
    if found is None or type(tree) is not spec.type or len(found[1]) != len(spec.children):
        raise ValueError(f"[tree_map] expected {spec.type.__name__} of {len(spec.children)}, got {tree!r}")
    return [leaf for child, below in zip(spec.children, found[1], strict=True) for leaf in _up_to(child, below)]
