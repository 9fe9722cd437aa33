"""utils._pytree: its examples, its specs as text, and what it refuses."""

import doctest
import importlib
from collections import OrderedDict, defaultdict, deque, namedtuple

import pytest

from tests.frame import fl

pytree = importlib.import_module(f"{fl.__name__}.utils._pytree")
Point = namedtuple("Point", "x y")
TREE = {
    "b": 1,
    "a": [2, (3, Point(4, deque([5, 6], maxlen=3)))],
    "c": OrderedDict(x=7),
    "d": defaultdict(list, {"k": 8}),
    "n": None,
}


@pytest.mark.skipif(fl.__name__ != "flambeau", reason="the examples are ours")
def test_examples():
    failed, tried = doctest.testmod(pytree, extraglobs={"flambeau": fl})
    assert tried > 30 and not failed


def test_there_and_back():
    leaves, spec = pytree.tree_flatten(TREE)
    assert leaves == [1, 2, 3, 4, 5, 6, 7, 8, None]
    assert (spec.num_leaves, spec.num_nodes, spec.num_children) == (9, 16, 5)
    back = pytree.tree_unflatten(leaves, spec)
    assert (
        back == TREE
        and type(back["a"][1][1]) is Point
        and back["a"][1][1].y.maxlen == 3
        and back["d"].default_factory is list
    )
    assert pytree.tree_structure(TREE) == spec and hash(pytree.tree_structure((1, [2]))) == hash(
        pytree.tree_structure((3, [4]))
    )
    named = fl.ones(2, 2).max(0)
    assert type(pytree.tree_map(lambda t: t, named)) is type(named)


def test_text():
    assert str(pytree.tree_structure({"a": [1, Point(2, 3)]})).endswith(
        "TreeSpec(namedtuple, " + repr(Point) + ", [*,\n      *])])])"
    )
    spec = pytree.tree_structure({"a": (1, [2])})
    expected = (
        '[1, {"type": "builtins.dict", "context": "[\\"a\\"]", "children_spec": [{"type": "builtins.tuple", "context": "null", '
        '"children_spec": [{"type": null, "context": null, "children_spec": []}, {"type": "builtins.list", "context": "null", '
        '"children_spec": [{"type": null, "context": null, "children_spec": []}]}]}]}]'
    )
    assert pytree.treespec_dumps(spec) == expected and pytree.treespec_loads(expected) == spec


def test_maps_of_several_trees():
    assert pytree.tree_map(lambda a, b: (a, b), {"b": 1, "a": 2}, {"a": 3, "b": 4}) == {"b": (1, 4), "a": (2, 3)}
    assert pytree.tree_map(lambda a, b: b, (1, 2), ([3], {"x": 4})) == ([3], {"x": 4})
    assert pytree._broadcast_to_and_flatten(
        {"a": 1, "b": [2, 3]}, pytree.tree_structure({"a": (0, 0), "b": [0, 0]})
    ) == [1, 1, 2, 3]
    assert pytree.tree_leaves([1, [2]], is_leaf=lambda x: x == [2]) == [1, [2]]


@pytest.mark.parametrize(
    ("call", "error"),
    [
        (lambda: pytree.tree_unflatten([1], pytree.tree_structure((1, 2))), ValueError),
        (lambda: pytree.tree_map(lambda a, b: a, (1, 2), (1,)), ValueError),
        (lambda: pytree.tree_map(lambda a, b: a, {"a": 1}, {"b": 1}), ValueError),
        (lambda: pytree.tree_map(lambda a, b: a, [1], (1,)), ValueError),
        (lambda: pytree.register_pytree_node(list, None, None), ValueError),
        (lambda: pytree.treespec_dumps(pytree.tree_structure(Point(1, 2))), NotImplementedError),
        (lambda: pytree.treespec_loads("x"), ValueError),
        (
            lambda: pytree.treespec_loads('[2, {"type": null, "context": null, "children_spec": []}]'),
            ValueError,
        ),
    ],
)
def test_errors(call, error):
    with pytest.raises(error):
        call()
