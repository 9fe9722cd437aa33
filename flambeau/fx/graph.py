"""Graph: a program as a list of nodes, and the Python code that it is."""

import builtins
import contextlib
import copy
import enum
import keyword
import math
import re
import typing
import warnings
from collections import defaultdict
from dataclasses import dataclass

from .. import _C
from .node import Node, _get_qualified_name, _type_repr, is_operator, map_arg

__all__ = ["CodeGen", "Graph", "PythonCode"]

magic_methods = {
    "eq": "{} == {}", "ne": "{} != {}", "lt": "{} < {}", "gt": "{} > {}", "le": "{} <= {}", "ge": "{} >= {}", "pos": "+{}", "neg": "-{}",
    "invert": "~{}", "add": "{} + {}", "sub": "{} - {}", "mul": "{} * {}", "floordiv": "{} // {}", "truediv": "{} / {}", "mod": "{} % {}",
    "lshift": "{} << {}", "rshift": "{} >> {}", "and_": "{} & {}", "or_": "{} | {}", "xor": "{} ^ {}", "getitem": "{}[{}]",
    "matmul": "{} @ {}", "pow": "{} ** {}",
}  # fmt: skip
inplace_methods = {
    "iadd": "{} += {}", "iand": "{} &= {}", "ifloordiv": "{} //= {}", "ilshift": "{} <<= {}", "imod": "{} %= {}", "imul": "{} *= {}",
    "imatmul": "{} @= {}", "ior": "{} |= {}", "ipow": "{} **= {}", "irshift": "{} >>= {}", "isub": "{} -= {}", "itruediv": "{} /= {}",
    "ixor": "{} ^= {}", "setitem": "{}[{}] = {}",
}  # fmt: skip


def builtin_names():
    """What generated code may name without more: {name: (object, import statement)}."""
    import flambeau
    from flambeau.utils import _pytree as pytree

    return {
        "inf": (math.inf, "from math import inf"),
        "nan": (math.nan, "from math import nan"),
        "NoneType": (type(None), "NoneType = type(None)"),
        "torch": (flambeau, "import torch"),
        "device": (_C.device, "from torch import device"),
        "pytree": (pytree, "import torch.utils._pytree as pytree"),
        "fx_pytree": (pytree, "import torch.utils._pytree as fx_pytree"),
    }


_RESERVED = {"inf", "nan", "NoneType", "torch", "device", "pytree", "fx_pytree"}


@dataclass
class PythonCode:
    """The code of a graph, and the names that it needs.

    >>> code = flambeau.fx.symbolic_trace(lambda x: x + 1).graph.python_code("self")
    >>> "add = x + 1" in code.src
    True
    """

    src: str
    globals: dict
    _lineno_map: dict | None = None


class _Namespace:
    """Names that are all different and that Python takes."""

    def __init__(self):
        self._of_object = {}
        self._used = set()
        self._count = defaultdict(int)

    def create_name(self, candidate, obj):
        if obj is not None and obj in self._of_object:
            return self._of_object[obj]
        candidate = re.sub(r"[^0-9a-zA-Z_]+", "_", candidate) or "_unnamed"
        if candidate[0].isdigit():
            candidate = f"_{candidate}"
        match = re.match(r"(.*)_(\d+)$", candidate)
        base, number = (match[1], int(match[2])) if match else (candidate, None)
        if number is None or candidate in self._used:
            number = self._count.get(candidate, 0)
        while candidate in self._used or _is_illegal(candidate, obj):
            number += 1
            candidate = f"{base}_{number}"
        self._used.add(candidate)
        self._count[candidate] = number
        if obj is not None:
            self._of_object[obj] = candidate
        return candidate

    def associate_name_with_obj(self, name, obj):
        self._of_object.setdefault(obj, name)

    def __deepcopy__(self, memo):
        made = _Namespace()
        made._used, made._count = set(self._used), defaultdict(int, self._count)
        return made


def _is_illegal(name, obj):
    if name in keyword.kwlist:
        return True
    if name in builtins.__dict__:
        return obj is not builtins.__dict__[name]
    return name in _RESERVED


def _snake_case(text):
    """linearReLU as linear_re_lu."""
    return re.sub(r"(?<=[a-z0-9])([A-Z])|(?<!^)(?<=[A-Z])([A-Z])(?=[a-z])", lambda m: f"_{m[0]}", text).lower()


class _node_list:
    """The nodes of a graph, in order."""

    def __init__(self, graph, direction="_next"):
        self._graph, self._direction = graph, direction

    def __len__(self):
        return self._graph._len

    def __iter__(self):
        root = self._graph._root
        node = getattr(root, self._direction)
        while node is not root:
            following = getattr(node, self._direction)
            if not node._erased:
                yield node
                following = getattr(node, self._direction)  # what was inserted meanwhile
            node = following

    def __reversed__(self):
        return _node_list(self._graph, "_prev" if self._direction == "_next" else "_next")


class _Insert:
    """Where new nodes go, inside a with block."""

    def __init__(self, graph, insert):
        self._graph, self._before, graph._insert = graph, graph._insert, insert

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self._graph._insert = self._before


class CodeGen:
    """How a graph becomes Python code; subclasses change the function's head, its inputs and outputs.

    >>> flambeau.fx.graph.CodeGen().gen_fn_def(["x"], "")
    'def forward(self, x):'
    """

    def __init__(self):
        self._body_transformer = None
        self._func_name = "forward"

    def gen_fn_def(self, free_vars, maybe_return_annotation, *, expanded_def=False):
        """The line `def forward(...)`."""
        names = list(free_vars)
        if not names or names[0] != "self":
            names.insert(0, "self")
        return f"def {self._func_name}({', '.join(names)}){maybe_return_annotation}:"

    def generate_output(self, output_args, *, descs=None, repr_fn=repr):
        """The line `return ...`."""
        return f"return {repr_fn(output_args)}"

    def process_inputs(self, *args):
        """What the placeholders get, from the arguments."""
        return args

    def process_outputs(self, outputs):
        """What the caller gets, from the output node's value."""
        return outputs

    def additional_globals(self):
        """[(name, object)] that the head needs."""
        return []

    def _gen_python_code(self, nodes, root_module, namespace):
        return _Writer(self, nodes, root_module, namespace).write()


class _Writer:
    """Writes the code of one graph."""

    def __init__(self, codegen, nodes, root_module, namespace):
        self.codegen, self.nodes, self.root, self.namespace = codegen, list(nodes), root_module, namespace
        self.globals, self.wrapped, self.body, self.free, self.returned = {}, {}, [], [], [""]

    def write(self):
        for name, value in self.codegen.additional_globals():
            self.name_of(name, value)
        last = _last_uses(self.nodes)
        for node in self.nodes:
            self.emit(node)
            self.free_after(node, last.get(node, []))
        body = self.body if self.body else ["pass\n"]
        if self.codegen._body_transformer is not None:
            body = self.codegen._body_transformer(body)
        wraps = "\n".join(f'torch.fx.wrap("{name}")' for name in self.wrapped)
        head = self.codegen.gen_fn_def(self.free, self.returned[0])
        lines = "\n".join(f"    {line}" for line in "".join(body).split("\n"))
        known = {name: value for name, (value, _) in builtin_names().items()}
        return PythonCode(f"\n{wraps}\n\n{head}\n{lines}", {**known, **self.globals})

    def name_of(self, hint, value):
        """A name of the generated code for a value that is not of torch."""
        hint = hint if hint not in ("torch",) else "torch_"
        if hint.startswith("torch.") and _found(hint) is value:
            return hint
        if hint in builtins.__dict__ and builtins.__dict__[hint] is value:
            return hint
        normal = hint.replace(".", "_")
        if self.globals.get(normal, self) is value:
            return normal
        normal = self.namespace.create_name(normal, value if value.__hash__ else None)
        self.globals[normal] = value
        return normal

    def type_text(self, kind):
        """How a type is written; it is put among the names that are needed."""
        if kind is type(None) or kind == ():
            return "()" if kind == () else "NoneType"
        text = _type_repr(kind)
        args, origin = typing.get_args(kind), typing.get_origin(kind)
        if origin is not None and args and (hasattr(kind, "_name") or isinstance(origin, type)):
            if origin is typing.Union:
                inner = [self.type_text(one) for one in args]
                return f"{self.name_of('typing_Union', typing.Union)}[{', '.join(inner)}]"
            head = self.name_of(_type_repr(origin), origin)
            return f"{head}[{','.join('...' if one is ... else self.type_text(one) for one in args)}]"
        return self.name_of(text, kind)

    def repr_of(self, arg):
        """An argument as it is written in the code."""
        if isinstance(arg, Node):
            return repr(arg)
        if isinstance(arg, tuple) and hasattr(arg, "_fields"):
            name = self.name_of(_type_repr(type(arg)), type(arg))
            return f"{name}({', '.join(self.repr_of(item) for item in arg)})"
        if isinstance(arg, tuple):
            return f"({', '.join(map(self.repr_of, arg))}{',' if len(arg) == 1 else ''})"
        if isinstance(arg, list):
            return f"[{', '.join(map(self.repr_of, arg))}]"
        if isinstance(arg, dict):
            return "{" + ", ".join(f"{self.repr_of(k)}: {self.repr_of(v)}" for k, v in arg.items()) + "}"
        if isinstance(arg, slice):
            return f"slice({self.repr_of(arg.start)}, {self.repr_of(arg.stop)}, {self.repr_of(arg.step)})"
        if isinstance(arg, enum.Enum):
            return f"{self.name_of(_type_repr(type(arg)), type(arg))}.{arg.name}"
        if isinstance(arg, type):
            return self.name_of(_type_repr(arg), arg)
        if callable(arg) and hasattr(arg, "__name__") and not isinstance(arg, _C.dtype):
            return self.name_of(_get_qualified_name(arg), arg)
        return repr(arg)

    def arguments(self, args, kwargs):
        words = [self.repr_of(arg) for arg in args] + [f"{k} = {self.repr_of(v)}" for k, v in kwargs.items()]
        return ", ".join(words)

    def emit(self, node):
        getattr(self, f"emit_{node.op}")(node)

    def line(self, node, value):
        kind = "" if node.type is None else f" : {self.type_text(node.type)}"
        self.body.append(f"{node!r}{kind} = {value}")

    def emit_placeholder(self, node):
        kind = "" if node.type is None else f" : {self.type_text(node.type)}"
        default = f" = {self.repr_of(node.args[0])}" if node.args else ""
        self.free.append(f"{node.target}{kind}{default}")
        raw = node.target.replace("*", "")
        if raw != repr(node):
            self.body.append(f"{node!r} = {raw}\n")

    def emit_get_attr(self, node):
        self.line(node, _format_target(self.root, node.target))

    def emit_call_module(self, node):
        self.line(node, f"{_format_target(self.root, node.target)}({self.arguments(node.args, node.kwargs)})")

    def emit_call_method(self, node):
        owner = _format_target(self.repr_of(node.args[0]), node.target)
        self.line(node, f"{owner}({self.arguments(node.args[1:], node.kwargs)})")

    def emit_call_function(self, node):
        name = getattr(node.target, "__name__", "")
        if is_operator(node.target) and not node.kwargs:
            words = [self.repr_of(arg) for arg in node.args]
            if name in magic_methods:
                return self.line(node, magic_methods[name].format(*words))
            if name in inplace_methods:
                return self.body.append(f"{inplace_methods[name].format(*words)};  {node!r} = {words[0]}")
        called = self.name_of(_get_qualified_name(node.target), node.target)
        args = node.args
        if called == "getattr" and len(args) == 2 and isinstance(args[1], str) and args[1].isidentifier():
            return self.line(node, _format_target(self.repr_of(args[0]), args[1]))
        if hasattr(node.target, "_fx_wrapped_name"):
            self.wrapped.setdefault(called)
        return self.line(node, f"{called}({self.arguments(node.args, node.kwargs)})")

    def emit_output(self, node):
        if node.type is not None:
            self.returned[0] = f" -> {self.type_text(node.type)}"
        self.body.append(self.codegen.generate_output(node.args[0], repr_fn=self.repr_of))

    def free_after(self, node, unused):
        """Let go of the values that nothing uses from here on."""
        if node.op == "placeholder":
            return
        if node.op == "output":
            self.body.append("\n")
            return
        names = [repr(one) for one in unused]
        if not node.users:
            names.append(repr(node))
        self.body.append(f";  {' = '.join(names)} = None\n" if names else "\n")


def _found(path):
    import flambeau

    value = flambeau
    for part in path.split(".")[1:]:
        value = getattr(value, part, None)
    return value


def _format_target(base, target):
    for part in target.split("."):
        base = f"{base}.{part}" if part.isidentifier() else f'getattr({base}, "{part}")'
    return base


def _last_uses(nodes):
    """{node: the nodes whose values it is the last to use}."""
    seen, found = set(), defaultdict(list)
    for node in reversed(nodes):
        for used in node._input_nodes:
            if used not in seen:
                seen.add(used)
                found[node].append(used)
    return found


class Graph:
    """A program as a list of nodes: inputs, calls, one output.

    >>> graph = flambeau.fx.Graph()
    >>> x = graph.placeholder("x")
    >>> y = graph.call_function(flambeau.relu, (x,))
    >>> _ = graph.output(y)
    >>> print(graph)
    graph():
        %x : [num_users=1] = placeholder[target=x]
        %relu : [num_users=1] = call_function[target=torch.relu](args = (%x,), kwargs = {})
        return relu
    """

    def __init__(self, owning_module=None, tracer_cls=None, tracer_extras=None):
        self._root = Node(self, "", "root", "", (), {})
        self._insert = self._root.prepend
        self._len = 0
        self._graph_namespace = _Namespace()
        self._owners, self._owning_module = 0, owning_module
        self._tracer_cls, self._tracer_extras = tracer_cls, tracer_extras
        self._codegen = CodeGen()

    @property
    def owning_module(self):
        """The GraphModule that this graph belongs to, if there is just one."""
        return self._owning_module

    @owning_module.setter
    def owning_module(self, module):
        self._owning_module = module

    @property
    def nodes(self):
        """The nodes, in order."""
        return _node_list(self)

    def output_node(self):
        """The node that the graph ends with."""
        return next(node for node in reversed(self.nodes) if node.op == "output")

    def find_nodes(self, *, op, target=None, sort=True):
        """The nodes of an op, and of a target if one is given."""
        return [n for n in self.nodes if n.op == op and (target is None or n.target == target)]

    # ------------------------------------------------------------------------------------------------ making nodes

    def create_node(self, op, target, args=None, kwargs=None, name=None, type_expr=None):
        """Add a node where nodes are being inserted: at the end, unless told otherwise."""
        if not isinstance(args, (tuple, type(None))):
            raise AssertionError("args must be a tuple")
        if not isinstance(kwargs, (dict, type(None))):
            raise AssertionError("kwargs must be a dict")
        name = self._graph_namespace.create_name(name or self._target_to_str(target), None)
        node = Node(self, name, op, target, args or (), kwargs or {}, type_expr)
        self._graph_namespace.associate_name_with_obj(name, node)
        self._insert(node)
        self._len += 1
        return node

    @staticmethod
    def _target_to_str(target):
        name = target if isinstance(target, str) else getattr(target, "__name__", type(target).__name__)
        if name.startswith("__") and name.endswith("__"):
            name = name[2:-2]
        return _snake_case(name)

    def placeholder(self, name, type_expr=None, default_value=...):
        """An input."""
        args = () if default_value is ... else (default_value,)
        return self.create_node("placeholder", name, args=args, type_expr=type_expr)

    def get_attr(self, qualified_name, type_expr=None):
        """An attribute of the module: a parameter, a buffer."""
        if self.owning_module is not None:
            with contextlib.suppress(AttributeError):
                _attribute(self.owning_module, qualified_name)
                return self.create_node("get_attr", qualified_name, type_expr=type_expr)
            warnings.warn(
                f"Attempted to insert a get_attr Node with no underlying reference in the owning GraphModule: {qualified_name}",
                stacklevel=2,
            )
        return self.create_node("get_attr", qualified_name, type_expr=type_expr)

    def call_module(self, module_name, args=None, kwargs=None, type_expr=None):
        """A call of a submodule."""
        if self.owning_module is not None:
            try:
                self.owning_module.get_submodule(module_name)
            except AttributeError:
                warnings.warn(
                    f"Attempted to insert a call_module Node with no underlying reference in the owning GraphModule: {module_name}",
                    stacklevel=2,
                )
        return self.create_node("call_module", module_name, args, kwargs, type_expr=type_expr)

    def call_method(self, method_name, args=None, kwargs=None, type_expr=None):
        """A call of a method of the first argument."""
        return self.create_node("call_method", method_name, args, kwargs, type_expr=type_expr)

    def call_function(self, the_function, args=None, kwargs=None, type_expr=None, name=None):
        """A call of a function."""
        return self.create_node("call_function", the_function, args, kwargs, name=name, type_expr=type_expr)

    def output(self, result, type_expr=None):
        """The result."""
        return self.create_node("output", "output", args=(result,), type_expr=type_expr)

    def node_copy(self, node, arg_transform=lambda x: x):
        """Add a copy of a node of another graph; arg_transform gives the nodes of this graph for those it uses."""
        args, kwargs = map_arg(node.args, arg_transform), map_arg(node.kwargs, arg_transform)
        made = self.create_node(node.op, node.target, args, kwargs, node.name, node.type)
        made.meta = copy.copy(node.meta)
        return made

    def graph_copy(self, g, val_map, return_output_node=False):
        """Add copies of all nodes of another graph; returns what its output is here.

        Args:
            g: the other graph.
            val_map: {node of g: node of this graph}; nodes that are there are not copied, the others are added to it.
        """
        for node in g.nodes:
            if node in val_map:
                continue
            if node.op == "output":
                value = map_arg(node.args[0], lambda n: val_map[n])
                return (value, node) if return_output_node else value
            val_map[node] = self.node_copy(node, lambda n: val_map[n])
        return None

    # ------------------------------------------------------------------------------------------------ changing

    def inserting_before(self, n=None):
        """A context in which new nodes go before n (before all, without it)."""
        return self.inserting_after(self._root) if n is None else _Insert(self, self._own(n).prepend)

    def inserting_after(self, n=None):
        """A context in which new nodes go after n (after all, without it)."""
        if n is None:
            return self.inserting_before(self._root)
        place = [self._own(n)]

        def insert(node):
            place[0].append(node)
            place[0] = node

        return _Insert(self, insert)

    def _own(self, node):
        if node.graph is not self:
            raise AssertionError("Node to insert before/after is not in graph.")
        return node

    def erase_node(self, to_erase):
        """Take a node out that nothing uses."""
        if to_erase.users:
            raise RuntimeError(
                f"Tried to erase Node {to_erase} but it still had {len(to_erase.users)} users in the graph: {to_erase.users}!"
            )
        if to_erase.graph is not self:
            raise RuntimeError(f"Attempting to remove {to_erase} from wrong graph!")
        if to_erase._erased:
            warnings.warn(f"erase_node({to_erase}) on an already erased node", stacklevel=2)
            return
        to_erase._remove_from_list()
        to_erase._erased = True
        self._len -= 1
        to_erase._set((), {})

    def eliminate_dead_code(self, is_impure_node=None):
        """Take out what nobody uses; returns whether there was something."""
        self.lint()
        changed = False
        for node in reversed(self.nodes):
            keep = (
                is_impure_node(node)
                if is_impure_node and node.op not in ("placeholder", "output")
                else node.is_impure()
            )
            if not keep and not node.users:
                self.erase_node(node)
                changed = True
        return changed

    def lint(self):
        """Check the graph: names differ, values are used after they are made, targets exist.

        Raises:
            RuntimeError: something is wrong.
        """
        names, seen = set(), set()
        for node in self.nodes:
            if node.op not in ("placeholder", "call_method", "call_module", "call_function", "get_attr", "output"):
                raise RuntimeError(f"Node {node} had unknown opcode {node.op}!")
            if node.graph is not self:
                raise RuntimeError(f"Node '{node}' does not belong to this Graph!")
            for used in node._input_nodes:
                if used.graph is not self:
                    raise RuntimeError(f"Argument '{used}' of Node '{node}' does not belong to this Graph, but was used as an argument!")  # fmt: skip
                if used not in seen:
                    raise RuntimeError(f"Argument '{used}' of Node '{node}' was used before it has been defined! Please check that Nodes in the graph are topologically ordered\n{self}")  # fmt: skip
            if node.name in names:
                raise RuntimeError(f"Node redefined name {node.name}!")
            names.add(node.name)
            seen.add(node)
        if self.owning_module is not None:
            self._check_targets()

    def _check_targets(self):
        for node in self.nodes:
            if node.op in ("get_attr", "call_module"):
                try:
                    _attribute(self.owning_module, node.target)
                except AttributeError:
                    raise RuntimeError(f"Node {node} target {node.target} references nonexistent attribute of {type(self.owning_module).__name__}") from None  # fmt: skip

    # ------------------------------------------------------------------------------------------------ code

    def set_codegen(self, codegen):
        """Choose how code is made."""
        self._codegen = codegen

    def on_generate_code(self, make_transformer):
        """Let a function change the lines of generated code; a context manager that undoes it.

        Args:
            make_transformer: gets the current transformer (or None), returns one: a function from lines to lines.
        """
        before = self._codegen._body_transformer
        self._codegen._body_transformer = make_transformer(before)

        @contextlib.contextmanager
        def undo():
            try:
                yield
            finally:
                self._codegen._body_transformer = before

        return undo()

    def process_inputs(self, *args):
        """What the placeholders get, from the arguments."""
        return self._codegen.process_inputs(*args)

    def process_outputs(self, out):
        """What the caller gets, from the output node's value."""
        return self._codegen.process_outputs(out)

    def python_code(self, root_module, *, verbose=False, **options):
        """The Python code of this graph.

        Args:
            root_module: the name of the module in it, usually "self".
        """
        namespace = _Namespace()

        def rename(node):
            return namespace.create_name(node.name, node)

        before = {node: node._repr_fn for node in self.nodes}
        try:
            for node in self.nodes:
                node._repr_fn = rename
            return self._codegen._gen_python_code(self.nodes, root_module, namespace)
        finally:
            for node, fn in before.items():
                node._repr_fn = fn

    def print_tabular(self):
        """Print the nodes as a table; needs the package tabulate."""
        try:
            from tabulate import tabulate
        except ImportError:
            print("`print_tabular` relies on the library `tabulate`, which could not be found on this machine. Run `pip install tabulate` to install the library.")  # fmt: skip
            raise
        rows = [[n.op, n.name, n.target, n.args, n.kwargs] for n in self.nodes]
        print(tabulate(rows, headers=["opcode", "name", "target", "args", "kwargs"]))

    def __str__(self):
        return "graph():" + "".join(f"\n    {node.format_node()}" for node in self.nodes)

    def __deepcopy__(self, memo=None):
        memo = {} if memo is None else memo
        made = Graph(tracer_cls=self._tracer_cls)
        output, old = made.graph_copy(self, val_map=memo_map(memo), return_output_node=True) or (None, None)
        made._codegen = copy.deepcopy(self._codegen)
        if old is not None:
            node = made.output(output, type_expr=old.type)
            node.meta = copy.copy(old.meta)
        return made


def memo_map(memo):
    """The nodes that a deepcopy has made, by the nodes they are of."""
    return memo.setdefault("flambeau.fx nodes", {})


def _attribute(module, path):
    for part in path.split("."):
        module = getattr(module, part)
    return module
