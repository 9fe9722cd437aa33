"""Nested containers as flat lists: tuples, lists, dicts, deques and registered classes are nodes, everything else is a leaf."""

import dataclasses
import functools
from collections import OrderedDict, defaultdict, deque, namedtuple
from collections.abc import Callable
from typing import Any

__all__ = [
    "GetAttrKey",
    "LeafSpec",
    "MappingKey",
    "SequenceKey",
    "TreeSpec",
    "key_get",
    "keystr",
    "register_constant",
    "register_dataclass",
    "register_pytree_node",
    "tree_all",
    "tree_all_only",
    "tree_any",
    "tree_any_only",
    "tree_flatten",
    "tree_flatten_with_path",
    "tree_is_leaf",
    "tree_iter",
    "tree_leaves",
    "tree_leaves_with_path",
    "tree_map",
    "tree_map_",
    "tree_map_only",
    "tree_map_only_",
    "tree_map_with_path",
    "tree_structure",
    "tree_unflatten",
    "treespec_dumps",
    "treespec_loads",
    "treespec_pprint",
]
PyTree = Context = Any

# ------------------------------------------------------------------------------------------------ keys of a path


@dataclasses.dataclass(frozen=True)
class SequenceKey:
    """The place in a sequence.

    >>> SequenceKey(1).get([10, 20])
    20
    """

    idx: int

    def __str__(self):
        return f"[{self.idx!r}]"

    def get(self, obj):
        """What is at this place of obj."""
        return obj[self.idx]


@dataclasses.dataclass(frozen=True)
class MappingKey:
    """The key in a mapping.

    >>> MappingKey("a").get({"a": 1})
    1
    """

    key: Any

    def __str__(self):
        return f"[{self.key!r}]"

    def get(self, obj):
        """What is at this key of obj."""
        return obj[self.key]


@dataclasses.dataclass(frozen=True)
class GetAttrKey:
    """The name of a field.

    >>> GetAttrKey("real").get(2.0)
    2.0
    """

    name: str

    def __str__(self):
        return f".{self.name}"

    def get(self, obj):
        """The field of obj."""
        return getattr(obj, self.name)


# ------------------------------------------------------------------------------------------------ kinds of nodes


@dataclasses.dataclass(frozen=True)
class NodeDef:
    """How a kind of node is taken apart and put together."""

    type: Any
    flatten_fn: Callable  # node -> (list of children, context)
    unflatten_fn: Callable  # (children, context) -> node
    flatten_with_keys_fn: Callable | None = None  # node -> ([(key, child), ...], context)
    name: str | None = None  # in a serialized spec
    dump: Callable | None = None  # context -> what json takes
    load: Callable | None = None


def _dict_flatten(d):
    return list(d.values()), list(d)


def _dict_unflatten(values, context):
    return dict(zip(context, values, strict=True))


def _dict_flatten_with_keys(d):
    return [(MappingKey(key), value) for key, value in d.items()], list(d)


def _list_flatten(d):
    return d, None


def _list_unflatten(values, context):
    return list(values)


def _list_flatten_with_keys(d):
    return [(SequenceKey(i), value) for i, value in enumerate(d)], None


def _defaultdict_flatten(d):
    return list(d.values()), [d.default_factory, list(d)]


def _defaultdict_unflatten(values, context):
    return defaultdict(context[0], zip(context[1], values, strict=True))


def _named_with_keys(d):
    return [(GetAttrKey(name), getattr(d, name)) for name in d._fields], type(d)


SUPPORTED_NODES = {
    node.type: node
    for node in (
        NodeDef(tuple, lambda d: (list(d), None), lambda v, c: tuple(v), _list_flatten_with_keys, "builtins.tuple"),
        NodeDef(list, _list_flatten, _list_unflatten, _list_flatten_with_keys, "builtins.list"),
        NodeDef(dict, _dict_flatten, _dict_unflatten, _dict_flatten_with_keys, "builtins.dict"),
        NodeDef(
            OrderedDict,
            _dict_flatten,
            lambda v, c: OrderedDict(zip(c, v, strict=True)),
            _dict_flatten_with_keys,
            "collections.OrderedDict",
        ),
        NodeDef(
            defaultdict,
            _defaultdict_flatten,
            _defaultdict_unflatten,
            lambda d: (_dict_flatten_with_keys(d)[0], [d.default_factory, list(d)]),
        ),
        NodeDef(
            deque,
            lambda d: (list(d), d.maxlen),
            lambda v, c: deque(v, maxlen=c),
            lambda d: (_list_flatten_with_keys(d)[0], d.maxlen),
            "collections.deque",
        ),
        NodeDef(namedtuple, lambda d: (list(d), type(d)), lambda v, c: c(*v), _named_with_keys),
    )
}
_STANDARD_DICTS = (dict, OrderedDict, defaultdict)


def register_pytree_node(
    cls,
    flatten_fn,
    unflatten_fn,
    *,
    serialized_type_name=None,
    to_dumpable_context=None,
    from_dumpable_context=None,
    flatten_with_keys_fn=None,
):
    """Make the instances of a class nodes.

    Args:
        flatten_fn: node -> (list of children, context); contexts must be comparable.
        unflatten_fn: (children, context) -> node.
        serialized_type_name, to_dumpable_context, from_dumpable_context: for `treespec_dumps` and `treespec_loads`.
        flatten_with_keys_fn: node -> ([(key, child), ...], context), for paths.

    Raises:
        ValueError: the class is a node already, or only one of the two functions for contexts is given.

    >>> class Pair:
    ...     def __init__(self, a, b):
    ...         self.a, self.b = a, b
    >>> register_pytree_node(Pair, lambda p: ([p.a, p.b], None), lambda children, _: Pair(*children))
    >>> tree_leaves({"x": Pair(1, [2, 3])})
    [1, 2, 3]
    """
    if cls in SUPPORTED_NODES:
        raise ValueError(f"{cls} is already registered as pytree node.")
    if (to_dumpable_context is None) != (from_dumpable_context is None):
        raise ValueError(f"Both to_dumpable_context and from_dumpable_context for {cls} must be None or registered.")
    SUPPORTED_NODES[cls] = NodeDef(
        cls,
        flatten_fn,
        unflatten_fn,
        flatten_with_keys_fn,
        serialized_type_name,
        to_dumpable_context,
        from_dumpable_context,
    )


_register_pytree_node = register_pytree_node


def register_dataclass(cls, *, field_names=None, drop_field_names=None, serialized_type_name=None):
    """Make the instances of a dataclass nodes, with the values of their fields as children.

    >>> import dataclasses
    >>> @dataclasses.dataclass
    ... class Point:
    ...     x: int
    ...     y: int
    >>> register_dataclass(Point)
    >>> tree_map(lambda v: v * 2, Point(1, 2)).y
    4
    """
    dropped = set(drop_field_names or ())
    names = field_names or [f.name for f in dataclasses.fields(cls) if f.init and f.name not in dropped]

    def flatten(node):
        return [getattr(node, name) for name in names], None

    def with_keys(node):
        return [(GetAttrKey(name), getattr(node, name)) for name in names], None

    register_pytree_node(
        cls,
        flatten,
        lambda values, context: cls(**dict(zip(names, values, strict=True))),
        serialized_type_name=serialized_type_name,
        flatten_with_keys_fn=with_keys,
    )


def register_constant(cls):
    """Make the instances of a class nodes without children: they are part of the spec.

    >>> class Setting(str):
    ...     pass
    >>> register_constant(Setting)
    >>> tree_leaves([1, Setting("a")])
    [1]
    """
    register_pytree_node(
        cls, lambda node: ([], node), lambda values, context: context, flatten_with_keys_fn=lambda node: ([], node)
    )


def _is_namedtuple(obj):
    return isinstance(obj, tuple) and hasattr(obj, "_fields") and not hasattr(obj, "n_fields")


def is_namedtuple_instance(obj):
    """Whether a value is a named tuple.

    >>> is_namedtuple_instance((1, 2))
    False
    """
    return _is_namedtuple(obj) and type(obj) not in SUPPORTED_NODES


def is_structseq_instance(obj):
    """Whether a value is one of Python's structured sequences, such as a result of several tensors.

    >>> is_structseq_instance(flambeau.ones(2).max(0))
    True
    """
    return isinstance(obj, tuple) and hasattr(obj, "n_fields")


def _get_node_type(tree):
    return namedtuple if is_namedtuple_instance(tree) else type(tree)


def _definition(kind):
    """How nodes of this type work, None for leaves."""
    found = SUPPORTED_NODES.get(kind)
    if found is None and isinstance(kind, type) and issubclass(kind, tuple) and hasattr(kind, "n_fields"):
        return NodeDef(kind, lambda d: (list(d), None), lambda v, c: kind(tuple(v)), _list_flatten_with_keys)
    return found


# ------------------------------------------------------------------------------------------------ specs


class TreeSpec:
    """The shape of a tree: the type of the outermost node (None for a leaf), its context, and the specs of its children.

    >>> tree_structure((1, {"a": 2}))
    TreeSpec(tuple, None, [*,
      TreeSpec(dict, ['a'], [*])])
    """

    def __init__(self, type, context, children_specs):
        self.type, self.context, self._children = type, context, list(children_specs)
        self.num_children = len(self._children)
        self.num_leaves = 1 if self.is_leaf() else sum(child.num_leaves for child in self._children)
        self.num_nodes = 1 + sum(child.num_nodes for child in self._children)

    @property
    def children_specs(self):
        """The specs of the children, the older name of `children()`."""
        return self._children

    def children(self):
        """The specs of the children."""
        return list(self._children)

    def child(self, index):
        """The spec of one child."""
        return self._children[index]

    def is_leaf(self):
        """Whether this is a leaf."""
        return self.type is None

    def unflatten(self, leaves):
        """The tree of this spec with these leaves."""
        leaves = list(leaves)
        if len(leaves) != self.num_leaves:
            raise ValueError(
                f"treespec.unflatten(leaves): `leaves` has length {len(leaves)} but the spec refers to a pytree that holds "
                f"{self.num_leaves} items ({self})."
            )
        return _build(iter(leaves), self)

    def flatten_up_to(self, tree):
        """The parts of a tree of at least this structure that stand where this has leaves."""
        if self.is_leaf():
            return [tree]
        kind = _get_node_type(tree)
        alike = kind is self.type or (kind in _STANDARD_DICTS and self.type in _STANDARD_DICTS)
        if not alike or _definition(kind) is None:
            raise ValueError(f"Node type mismatch; expected {self.type!r}, but got {kind!r}.")
        return [
            leaf
            for child, below in zip(self._children, self._matching(kind, tree), strict=True)
            for leaf in child.flatten_up_to(below)
        ]

    def _matching(self, kind, tree):
        """The children of a node that belong to those of this spec, in its order."""
        children, context = _definition(kind).flatten_fn(tree)
        if kind in _STANDARD_DICTS:
            expected = self.context[1] if self.type is defaultdict else self.context
            if set(expected) != set(tree):
                missing, extra = set(expected) - set(tree), set(tree) - set(expected)
                text = (f"; missing key(s): {missing}" if missing else "") + (
                    f"; extra key(s): {extra}" if extra else ""
                )
                raise ValueError(f"Node keys mismatch{text}.")
            return [tree[key] for key in expected]
        if len(children) != self.num_children:
            raise ValueError(f"Node arity mismatch; expected {self.num_children}, but got {len(children)}.")
        if context != self.context:
            raise ValueError(f"Node context mismatch for {kind!r}: expected {self.context!r}, got {context!r}.")
        return children

    def __eq__(self, other):
        return isinstance(other, TreeSpec) and (self.type, self.context, self._children) == (
            other.type, other.context, other._children,
        )  # fmt: skip

    def __hash__(self):
        context = tuple(self.context) if self.type in (dict, OrderedDict) else None
        return hash((self.type, context, tuple(self._children)))

    def __repr__(self):
        return self._text(0)

    def _text(self, indent):
        if self.is_leaf():
            return "*"
        head = f"TreeSpec({self.type.__name__}, {self.context}, ["
        gap = ",\n" + " " * (indent + 2)
        return head + gap.join(child._text(indent + 2) for child in self._children) + "])"


class _LeafSpecMeta(type):
    def __instancecheck__(cls, instance):
        return isinstance(instance, TreeSpec) and instance.is_leaf()


class LeafSpec(TreeSpec, metaclass=_LeafSpecMeta):
    """The spec of a leaf.

    >>> isinstance(tree_structure(1), LeafSpec)
    True
    """

    def __new__(cls):
        return TreeSpec(None, None, [])


_LEAF = TreeSpec(None, None, [])


def _build(leaves, spec):
    if spec.is_leaf():
        return next(leaves)
    return _definition(spec.type).unflatten_fn([_build(leaves, child) for child in spec._children], spec.context)


# ------------------------------------------------------------------------------------------------ trees


def tree_is_leaf(tree, is_leaf=None):
    """Whether a value is a leaf; `is_leaf(value)` may declare more of them.

    >>> tree_is_leaf(1), tree_is_leaf([1])
    (True, False)
    """
    return (is_leaf is not None and is_leaf(tree)) or _definition(_get_node_type(tree)) is None


def tree_flatten(tree, is_leaf=None):
    """The leaves in order, and the spec that `tree_unflatten` needs to build the tree again.

    >>> tree_flatten({"a": 1, "b": (2, 3)})[0]
    [1, 2, 3]
    """
    if tree_is_leaf(tree, is_leaf):
        return [tree], _LEAF
    kind = _get_node_type(tree)
    children, context = _definition(kind).flatten_fn(tree)
    leaves, specs = [], []
    for child in children:
        below, spec = tree_flatten(child, is_leaf)
        leaves += below
        specs.append(spec)
    return leaves, TreeSpec(kind, context, specs)


def tree_iter(tree, is_leaf=None):
    """The leaves, one by one.

    >>> sum(tree_iter([1, (2, 3)]))
    6
    """
    if tree_is_leaf(tree, is_leaf):
        yield tree
        return
    for child in _definition(_get_node_type(tree)).flatten_fn(tree)[0]:
        yield from tree_iter(child, is_leaf)


def tree_leaves(tree, is_leaf=None):
    """The leaves in order.

    >>> tree_leaves({"a": 1, "b": (2, 3)})
    [1, 2, 3]
    """
    return list(tree_iter(tree, is_leaf))


def tree_structure(tree, is_leaf=None):
    """The spec of a tree.

    >>> tree_structure([1, 2]).num_leaves
    2
    """
    return tree_flatten(tree, is_leaf)[1]


def tree_unflatten(leaves, treespec):
    """The tree of this spec with these leaves.

    Raises:
        ValueError: the number of leaves is not that of the spec.

    >>> leaves, spec = tree_flatten([1, {"a": 2}])
    >>> tree_unflatten([x * 10 for x in leaves], spec)
    [10, {'a': 20}]
    """
    if not isinstance(treespec, TreeSpec):
        raise TypeError(
            f"tree_unflatten(leaves, treespec): Expected `treespec` to be a TreeSpec, but got {type(treespec)}."
        )
    return treespec.unflatten(leaves)


def tree_map(func, tree, *rests, is_leaf=None):
    """The tree with func applied to each leaf (and to what is at the same places of the others).

    >>> tree_map(lambda a, b: a + b, (1, [2]), (10, [20]))
    (11, [22])
    """
    leaves, spec = tree_flatten(tree, is_leaf)
    return spec.unflatten(map(func, leaves, *(spec.flatten_up_to(rest) for rest in rests)))


def tree_map_(func, tree, *rests, is_leaf=None):
    """func called for each leaf, the tree as it was.

    >>> x = flambeau.zeros(2)
    >>> tree_map_(lambda t: t.add_(1), [x])
    [tensor([1., 1.])]
    """
    leaves, spec = tree_flatten(tree, is_leaf)
    for row in zip(leaves, *(spec.flatten_up_to(rest) for rest in rests), strict=True):
        func(*row)
    return tree


def map_only(type_or_types_or_pred):
    """A decorator: the function is called for values of these types (or that the predicate accepts), others stay.

    >>> map_only(int)(lambda x: x + 1)("a")
    'a'
    """
    wanted = type_or_types_or_pred
    is_types = isinstance(wanted, (type, tuple)) or hasattr(wanted, "__args__")
    accepts = (lambda x: isinstance(x, wanted)) if is_types else wanted
    if not callable(accepts):
        raise TypeError("Argument must be a type, a tuple of types, or a callable.")

    def decorate(func):
        return lambda x: func(x) if accepts(x) else x

    return decorate


def tree_map_only(type_or_types_or_pred, /, func, tree, is_leaf=None):
    """The tree with func applied to the leaves of some types.

    >>> tree_map_only(int, lambda x: x + 1, [1, "a", (2.5, 3)])
    [2, 'a', (2.5, 4)]
    """
    return tree_map(map_only(type_or_types_or_pred)(func), tree, is_leaf=is_leaf)


def tree_map_only_(type_or_types_or_pred, /, func, tree, is_leaf=None):
    """func called for the leaves of some types, the tree as it was.

    >>> tree_map_only_(int, print, [1, "a"])
    1
    [1, 'a']
    """
    return tree_map_(map_only(type_or_types_or_pred)(func), tree, is_leaf=is_leaf)


def tree_all(pred, tree, is_leaf=None):
    """Whether pred holds for all leaves.

    >>> tree_all(lambda x: x > 0, [1, (2, 3)])
    True
    """
    return all(map(pred, tree_iter(tree, is_leaf)))


def tree_any(pred, tree, is_leaf=None):
    """Whether pred holds for any leaf.

    >>> tree_any(lambda x: x > 2, [1, (2, 3)])
    True
    """
    return any(map(pred, tree_iter(tree, is_leaf)))


def tree_all_only(type_or_types, /, pred, tree, is_leaf=None):
    """Whether pred holds for all leaves of some types.

    >>> tree_all_only(int, lambda x: x > 0, [1, "a"])
    True
    """
    return all(pred(x) for x in tree_iter(tree, is_leaf) if isinstance(x, type_or_types))


def tree_any_only(type_or_types, /, pred, tree, is_leaf=None):
    """Whether pred holds for any leaf of some types.

    >>> tree_any_only(int, lambda x: x > 1, [1, "a"])
    False
    """
    return any(pred(x) for x in tree_iter(tree, is_leaf) if isinstance(x, type_or_types))


def _broadcast_to_and_flatten(tree, treespec, is_leaf=None):
    """One leaf for each of the spec, where a leaf of the tree stands for a whole branch; None if they do not fit."""
    if tree_is_leaf(tree, is_leaf):
        return [tree] * treespec.num_leaves
    kind = _get_node_type(tree)
    if treespec.is_leaf() or kind is not treespec.type:
        return None
    children, context = _definition(kind).flatten_fn(tree)
    if len(children) != treespec.num_children or (kind in _STANDARD_DICTS and context != treespec.context):
        return None
    found = [_broadcast_to_and_flatten(c, s, is_leaf) for c, s in zip(children, treespec._children, strict=True)]
    return None if any(part is None for part in found) else [leaf for part in found for leaf in part]


# ------------------------------------------------------------------------------------------------ paths


def tree_leaves_with_path(tree, is_leaf=None):
    """Pairs of a leaf's path, a tuple of keys, and the leaf.

    >>> tree_leaves_with_path({"a": [5]})
    [((MappingKey(key='a'), SequenceKey(idx=0)), 5)]
    """
    return list(_paths((), tree, is_leaf))


def _paths(path, tree, is_leaf):
    if tree_is_leaf(tree, is_leaf):
        yield path, tree
        return
    node = _definition(_get_node_type(tree))
    if node.flatten_with_keys_fn is None:
        raise ValueError(
            f"Did not find a flatten_with_keys_fn for type: {node.type}. Please pass one to register_pytree_node."
        )
    for key, child in node.flatten_with_keys_fn(tree)[0]:
        yield from _paths((*path, key), child, is_leaf)


def tree_flatten_with_path(tree, is_leaf=None):
    """`tree_leaves_with_path`, and the spec.

    >>> tree_flatten_with_path([5])[0]
    [((SequenceKey(idx=0),), 5)]
    """
    return tree_leaves_with_path(tree, is_leaf), tree_structure(tree, is_leaf)


def tree_map_with_path(func, tree, *rests, is_leaf=None):
    """`tree_map` with the path as first argument of func.

    >>> tree_map_with_path(lambda path, x: keystr(path), {"a": [5]})
    {'a': ["['a'][0]"]}
    """
    pairs, spec = tree_flatten_with_path(tree, is_leaf)
    others = [spec.flatten_up_to(rest) for rest in rests]
    return spec.unflatten(func(path, x, *row) for (path, x), *row in zip(pairs, *others, strict=True))


def keystr(kp):
    """A path as a text.

    >>> keystr((MappingKey("a"), SequenceKey(0)))
    "['a'][0]"
    """
    return "".join(map(str, kp))


def key_get(obj, kp):
    """What is at a path.

    >>> key_get({"a": [5]}, (MappingKey("a"), SequenceKey(0)))
    5
    """
    return functools.reduce(lambda value, key: key.get(value), kp, obj)


# ------------------------------------------------------------------------------------------------ specs as text

_PROTOCOL = 1


def treespec_dumps(treespec, protocol=None):
    """A spec as JSON.

    Raises:
        NotImplementedError: a type in it has no name for it (register_pytree_node's serialized_type_name).

    >>> treespec_loads(treespec_dumps(tree_structure([1, (2,)])))
    TreeSpec(list, None, [*,
      TreeSpec(tuple, None, [*])])
    """
    import json

    if not isinstance(treespec, TreeSpec):
        raise TypeError(
            f"treespec_dumps(treespec, protocol): Expected `treespec` to be a TreeSpec, but got {type(treespec)}."
        )
    if protocol not in (None, _PROTOCOL):
        raise ValueError(f"Unknown protocol {protocol}. Available protocols: [{_PROTOCOL}]")
    return json.dumps((_PROTOCOL, _as_dict(treespec)))


def _as_dict(spec):
    import json

    if spec.is_leaf():
        return {"type": None, "context": None, "children_spec": []}
    node = _definition(spec.type)
    if node is None or node.name is None:
        raise NotImplementedError(
            f"Serializing {spec.type} in pytree is not registered: give register_pytree_node a serialized_type_name."
        )
    context = json.dumps(node.dump(spec.context) if node.dump else spec.context)
    return {"type": node.name, "context": context, "children_spec": [_as_dict(child) for child in spec._children]}


def treespec_loads(serialized):
    """The spec of `treespec_dumps`'s text.

    Raises:
        ValueError: it is of another protocol.
        NotImplementedError: it has a type that is not registered.

    >>> treespec_loads('[1, {"type": null, "context": null, "children_spec": []}]')
    *
    """
    import json

    protocol, schema = json.loads(serialized)
    if protocol != _PROTOCOL:
        raise ValueError(f"Unknown protocol {protocol}. Available protocols: [{_PROTOCOL}]")
    return _from_dict(schema)


def _from_dict(schema):
    import json

    if schema["type"] is None:
        return _LEAF
    node = next((node for node in SUPPORTED_NODES.values() if node.name == schema["type"]), None)
    if node is None:
        raise NotImplementedError(f"Deserializing {schema['type']} in pytree is not registered.")
    context = json.loads(schema["context"])
    children = [_from_dict(child) for child in schema["children_spec"]]
    return TreeSpec(node.type, node.load(context) if node.load else context, children)


def treespec_pprint(treespec):
    """A spec as a tree with stars for leaves, printed readably.

    >>> treespec_pprint(tree_structure([1, {"a": 2}]))
    "[*, {'a': *}]"
    """
    import pprint

    class Star:
        def __repr__(self):
            return "*"

    return pprint.pformat(treespec.unflatten([Star()] * treespec.num_leaves))
