"""Node: one call, input or output of a Graph."""

import builtins
import enum
import inspect
import operator
import types
from typing import Any

from .. import _C, overrides
from .._checks import _assert
from .._types import layout, memory_format
from .immutable_collections import immutable_dict, immutable_list

__all__ = ["Node", "has_side_effect", "map_aggregate", "map_arg"]

Target = Argument = Any
base_types = (str, int, float, bool, complex, _C.dtype, _C.Tensor, _C.device, memory_format, layout)
_legal_ops = ("placeholder", "call_method", "call_module", "call_function", "get_attr", "output", "root")


_side_effectful_functions: set = {_assert}


def has_side_effect(fn):
    """Say that calls of a function must stay in a graph even if nobody uses their result; also a decorator.

    >>> @flambeau.fx.has_side_effect
    ... def show(x):
    ...     print(x)
    """
    _side_effectful_functions.add(fn)
    return fn


def _get_qualified_name(func):
    """The name by which generated code finds a function; that of flambeau's own begins with torch."""
    if getattr(builtins, getattr(func, "__name__", ""), None) is func:
        return func.__name__
    if func is _assert:
        return "torch._assert"
    known = overrides.resolve_name(func)
    if known is not None:
        return known
    if isinstance(func, (types.MethodDescriptorType, types.WrapperDescriptorType)):
        return f"{func.__objclass__.__module__}.{func.__objclass__.__name__}.{func.__name__}"
    name = getattr(func, "__name__", type(func).__name__)
    module = _home_of(func)
    return f"{module}.{name}" if module else name


def _home_of(func):
    module = getattr(func, "__module__", None) or ""
    if module.split(".")[0] == "flambeau":
        return module.replace("flambeau", "torch", 1)
    return {"_operator": "operator"}.get(module, module)


def _type_repr(obj):
    """How a type is written in generated code."""
    if isinstance(obj, type) and not isinstance(obj, types.GenericAlias):
        if obj.__module__ == "builtins":
            return obj.__qualname__
        if obj is _C.Tensor:
            return "torch.Tensor"
        return f"{_home_of(obj)}.{obj.__qualname__}"
    if obj is ...:
        return "..."
    if isinstance(obj, types.FunctionType):
        return obj.__name__
    return repr(obj).replace("flambeau.", "torch.")


def _format_arg(arg, max_list_len=float("inf")):
    """An argument in the text of a graph: nodes with %, strings bare."""
    if isinstance(arg, Node):
        return f"%{arg}"
    if isinstance(arg, list):
        return f"[{_items(arg, max_list_len)}]"
    if isinstance(arg, tuple):
        comma = "," if len(arg) == 1 else ""
        return f"({_items(arg, max_list_len)}{comma})"
    if isinstance(arg, dict):
        return "{" + ", ".join(f"{k}: {_format_arg(v)}" for k, v in arg.items()) + "}"
    return str(arg)


def _items(values, longest):
    shown = [_format_arg(value) for i, value in enumerate(values) if i < longest]
    more = f", ...[total_len={len(values)}]" if len(values) > longest else ""
    return ", ".join(shown) + more


def map_arg(a, fn):
    """Apply fn to every Node inside an argument.

    >>> graph = flambeau.fx.Graph()
    >>> x = graph.placeholder("x")
    >>> flambeau.fx.map_arg((x, [1]), lambda node: node.name)
    ('x', [1])
    """
    if not callable(fn):
        raise AssertionError("torch.fx.map_arg(a, fn): fn must be a callable")
    return map_aggregate(a, lambda x: fn(x) if isinstance(x, Node) else x)


def map_aggregate(a, fn):
    """Apply fn to every leaf of nested tuples, lists, dictionaries and slices; what comes back cannot be changed.

    >>> flambeau.fx.node.map_aggregate([1, (2, {"a": 3})], lambda x: x + 1)
    [2, (3, {'a': 4})]
    """
    if isinstance(a, tuple):
        items = [map_aggregate(item, fn) for item in a]
        return type(a)(*items) if hasattr(a, "_fields") else tuple(items)
    if isinstance(a, list):
        return immutable_list([map_aggregate(item, fn) for item in a])
    if isinstance(a, dict):
        return immutable_dict({key: map_aggregate(value, fn) for key, value in a.items()})
    if isinstance(a, slice):
        return slice(map_aggregate(a.start, fn), map_aggregate(a.stop, fn), map_aggregate(a.step, fn))
    return fn(a)


class Node:
    """One step of a `Graph`.

    Attributes:
        op: "placeholder", "get_attr", "call_function", "call_method", "call_module" or "output".
        name: the name of its value in generated code.
        target: the input's, attribute's, method's or submodule's name; the function itself for "call_function".
        args, kwargs: the arguments, other nodes among them; assign new ones to change them.
        users: the nodes that use its value, as the keys of a dictionary.
        meta: a dictionary for whoever works with the graph.

    >>> graph = flambeau.fx.symbolic_trace(lambda x: x + 1).graph
    >>> [node.op for node in graph.nodes]
    ['placeholder', 'call_function', 'output']
    """

    def __init__(self, graph, name, op, target, args, kwargs, return_type=None):
        if op not in _legal_ops:
            raise AssertionError(f"op '{op}' is not one of {_legal_ops}")
        if op == "call_function":
            if not callable(target):
                raise ValueError(f"Node [graph = {graph}, name = '{name}'] target {target} has type {type(target)} but a Callable is expected")  # fmt: skip
        elif not isinstance(target, str):
            raise ValueError(f"Node [graph = {graph}, name = '{name}'] target {target} has type {type(target)} but a str is expected")  # fmt: skip
        self.graph, self.name, self.op, self.target = graph, name, op, target
        self.type = return_type
        self.meta = {}
        self.users = {}
        self._input_nodes = {}
        self._erased = False
        self._prev = self._next = self
        self._args, self._kwargs = (), {}
        self._repr_fn = None
        self._set(args, kwargs)

    def _set(self, args, kwargs):
        for node in self._input_nodes:
            node.users.pop(self)
        self._input_nodes = {}
        self._args = map_arg(tuple(args), self._use)
        self._kwargs = map_arg(dict(kwargs), self._use)

    def _use(self, node):
        self._input_nodes.setdefault(node)
        node.users.setdefault(self)
        return node

    @property
    def args(self):
        """Positional arguments."""
        return self._args

    @args.setter
    def args(self, args):
        self._set(args, self._kwargs)

    @property
    def kwargs(self):
        """Keyword arguments."""
        return self._kwargs

    @kwargs.setter
    def kwargs(self, kwargs):
        self._set(self._args, kwargs)

    @property
    def all_input_nodes(self):
        """The nodes among the arguments, each once."""
        return list(self._input_nodes)

    @property
    def next(self):
        """The node after this one."""
        return self._next

    @property
    def prev(self):
        """The node before this one."""
        return self._prev

    @property
    def stack_trace(self):
        """Where the traced program made this call, if that was recorded."""
        return self.meta.get("stack_trace")

    @stack_trace.setter
    def stack_trace(self, trace):
        self.meta["stack_trace"] = trace

    def prepend(self, x):
        """Move or put node x before this one."""
        if x.graph is not self.graph:
            raise AssertionError("Attempting to move a Node into a different Graph")
        if x is self:
            return
        x._remove_from_list()
        before = self._prev
        before._next, x._prev = x, before
        x._next, self._prev = self, x

    def append(self, x):
        """Move or put node x after this one."""
        if x is not self:
            self._next.prepend(x)

    def _remove_from_list(self):
        self._prev._next, self._next._prev = self._next, self._prev

    def update_arg(self, idx, arg):
        """Replace one positional argument."""
        args = list(self.args)
        args[idx] = arg
        self.args = tuple(args)

    def insert_arg(self, idx, arg):
        """Insert a positional argument before another."""
        if not 0 <= idx <= len(self.args):
            raise AssertionError("insert_args index must be between 0 and len(self.args)")
        self.args = (*self.args[:idx], arg, *self.args[idx:])

    def update_kwarg(self, key, arg):
        """Set a keyword argument."""
        self.kwargs = {**self.kwargs, key: arg}

    def replace_input_with(self, old_input, new_input):
        """Use another node wherever old_input was an argument."""

        def swap(node):
            return new_input if node is old_input else node

        self._set(map_arg(self.args, swap), map_arg(self.kwargs, swap))

    def replace_all_uses_with(self, replace_with, delete_user_cb=lambda user: True, *, propagate_meta=False):
        """Let the users of this node use another one.

        Returns:
            The users that changed.
        """
        if propagate_meta:
            if replace_with.meta:
                raise AssertionError("Called node.replace_all_uses_with(replace_with, propagate_meta=True), but replace_with already has .meta keys")  # fmt: skip
            replace_with.meta.update(self.meta)
        changed = [user for user in self.users if delete_user_cb(user)]
        for user in changed:
            user.replace_input_with(self, replace_with)
        return changed

    def is_impure(self, impure_random=True):
        """Whether the node must stay even if nobody uses its value."""
        if self.op in ("placeholder", "output"):
            return True
        if self.op == "call_function":
            return self.target in _side_effectful_functions
        if self.op == "call_module":
            module = self.graph.owning_module
            if module is None:
                raise AssertionError("self.graph.owning_module not set for purity check")
            return getattr(module.get_submodule(self.target), "_is_impure", False)
        return False

    def normalized_arguments(self, root, arg_types=None, kwarg_types=None, normalize_to_only_use_kwargs=False):
        """(args, kwargs) with defaults filled in by the target's signature, or None where it has none."""
        if self.op == "call_function":
            target = self.target
        elif self.op == "call_module":
            target = root.get_submodule(self.target).forward
        else:
            return None
        try:
            bound = inspect.signature(target).bind(*self.args, **self.kwargs)
        except (TypeError, ValueError):
            return None
        bound.apply_defaults()
        if normalize_to_only_use_kwargs:
            from collections import namedtuple

            return namedtuple("ArgsKwargsPair", ["args", "kwargs"])((), dict(bound.arguments))
        from collections import namedtuple

        return namedtuple("ArgsKwargsPair", ["args", "kwargs"])(bound.args, bound.kwargs)

    def _pretty_print_target(self, target):
        if isinstance(target, str):
            return target
        name = _get_qualified_name(target)
        return f"builtins.{name}" if "." not in name and getattr(builtins, name, None) is target else name

    def format_node(self, placeholder_names=None, maybe_return_typename=None, *, include_tensor_metadata=False):
        """The node as a line of text."""
        kind = f": {_type_repr(self.type)} " if self.type else ": "
        head = f"%{self.name} {kind}[num_users={len(self.users)}] = {self.op}[target={self._pretty_print_target(self.target)}]"
        if self.op == "placeholder":
            if placeholder_names is not None:
                placeholder_names.append(f"{self.target}{f': {_type_repr(self.type)}' if self.type else ''}")
            return head + (f"(default={self.args[0]})" if self.args else "")
        if self.op == "get_attr":
            return head
        if self.op == "output":
            if self.type and maybe_return_typename:
                maybe_return_typename[0] = f" -> {_type_repr(self.type)}"
            return f"return {self.args[0]}"
        return f"{head}(args = {_format_arg(self.args)}, kwargs = {_format_arg(self.kwargs)})"

    def __repr__(self):
        return self._repr_fn(self) if self._repr_fn else self.name

    def __lt__(self, other):
        return self is not other and any(node is other for node in _after(self))

    def __gt__(self, other):
        return other < self

    def __le__(self, other):
        return self is other or self < other

    def __ge__(self, other):
        return self is other or self > other

    def __reduce__(self):
        raise TypeError("a Node is pickled with its GraphModule, not alone")


def _after(node):
    end = node.graph._root
    node = node._next
    while node is not end:
        yield node
        node = node._next


def is_operator(target):
    """Whether a target is one of the functions of Python's operators."""
    return getattr(target, "__module__", None) == "_operator" and getattr(operator, target.__name__, None) is target


def is_enum(value):
    """Whether a value is a member of an enumeration."""
    return isinstance(value, enum.Enum)
