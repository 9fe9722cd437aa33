"""Proxy: stands for a value while a function is traced; what is done with it becomes nodes of a graph."""

import collections
import dataclasses
import dis
import enum
import operator
import sys
import traceback

from .. import _C, overrides
from .graph import magic_methods
from .node import Node, base_types, map_aggregate

__all__ = ["Attribute", "GraphAppendingTracer", "ParameterProxy", "Proxy", "TraceError", "TracerBase"]

_LIBRARY = __file__.rsplit("/", 2)[0]


class TraceError(ValueError):
    """A program does something with its inputs that a graph cannot hold.

    >>> issubclass(flambeau.fx.proxy.TraceError, ValueError)
    True
    """


class TracerBase:
    """What makes nodes of the calls that proxies see.

    >>> flambeau.fx.proxy.TracerBase().record_stack_traces
    False
    """

    record_stack_traces = False
    check_mutable_operations = False
    trace_asserts = False
    proxy_buffer_attributes = False
    graph = None

    def create_node(self, kind, target, args, kwargs, name=None, type_expr=None):
        """Add a node to the graph."""
        return self.graph.create_node(kind, target, args, kwargs, name, type_expr)

    def proxy(self, node):
        """The proxy of a node's value."""
        return Proxy(node, self)

    def create_proxy(self, kind, target, args, kwargs, name=None, type_expr=None, proxy_factory_fn=None):
        """Add a node with these arguments, proxies among them, and return the proxy of its value."""
        args, kwargs = self.create_arg(args), self.create_arg(kwargs)
        if not isinstance(args, tuple) or not isinstance(kwargs, dict):
            raise AssertionError("args must be a tuple, kwargs a dict")
        node = self.create_node(kind, target, args, kwargs, name, type_expr)
        made = proxy_factory_fn(node) if proxy_factory_fn else self.proxy(node)
        if self.record_stack_traces and not node.stack_trace:
            node.stack_trace = "".join(traceback.format_list(_user_frames()))
        return made

    def create_arg(self, a):
        """An argument as a node keeps it: proxies become nodes.

        Raises:
            NotImplementedError: it is of a type that code cannot be generated for.
        """
        if isinstance(a, Proxy):
            return a.node
        if hasattr(a, "__fx_create_arg__"):
            return a.__fx_create_arg__(self)
        if isinstance(a, tuple):
            items = [self.create_arg(item) for item in a]
            return type(a)(*items) if hasattr(a, "_fields") else tuple(items)
        if isinstance(a, list):
            return [self.create_arg(item) for item in a]
        if isinstance(a, dict):
            return {self._create_key(k): self.create_arg(v) for k, v in a.items()}
        if isinstance(a, slice):
            return slice(self.create_arg(a.start), self.create_arg(a.stop), self.create_arg(a.step))
        if isinstance(a, range):
            return range(self.create_arg(a.start), self.create_arg(a.stop), self.create_arg(a.step))
        if dataclasses.is_dataclass(a) and not isinstance(a, type):
            values = {field.name: self.create_arg(getattr(a, field.name)) for field in dataclasses.fields(a)}
            return self.create_node("call_function", type(a), (), values)
        if isinstance(a, (*base_types, enum.Enum, Node, _C.Size)) or a is None or a is ...:
            return a
        raise NotImplementedError(f"argument of type: {type(a)}")

    def _create_key(self, key):
        def no_node(value):
            if isinstance(value, Node):
                raise RuntimeError(f"Keys for dictionaries used as an argument cannot contain a Node. Got key: {key}")
            return value

        key = self.create_arg(key)
        map_aggregate(key, no_node)
        return key

    def to_bool(self, obj):
        """What a proxy is in a condition: an error."""
        raise TraceError("symbolically traced variables cannot be used as inputs to control flow")

    def iter(self, obj):
        """What a loop over a proxy gets: an error."""
        raise TraceError(
            "Proxy object cannot be iterated. This can be attempted when the Proxy is used in a loop or as a *args or **kwargs function "
            "argument. See the torch.fx docs on pytorch.org for a more detailed explanation of what types of control flow can be traced, "
            "and check out the Proxy docstring for help troubleshooting Proxy iteration errors"
        )

    def keys(self, obj):
        """What `**proxy` asks for."""
        return Attribute(obj, "keys")()


def _user_frames():
    return [frame for frame in traceback.extract_stack() if not frame.filename.startswith(_LIBRARY)]


class GraphAppendingTracer(TracerBase):
    """Adds nodes to an existing graph.

    >>> graph = flambeau.fx.Graph()
    >>> x = flambeau.fx.Proxy(graph.placeholder("x"))
    >>> (x + 1).node.target.__name__
    'add'
    """

    def __init__(self, graph):
        super().__init__()
        self.graph = graph
        self.scope = None
        self.module_stack = collections.OrderedDict()
        self.node_name_to_scope = {}


class Proxy:
    """Stands for the value of a node: operators, methods, attributes and functions of it add nodes.

    >>> graph = flambeau.fx.Graph()
    >>> x = flambeau.fx.Proxy(graph.placeholder("x"))
    >>> flambeau.relu(x + 1)
    Proxy(relu)
    """

    def __init__(self, node, tracer=None):
        overrides.enable()
        self.tracer = GraphAppendingTracer(node.graph) if tracer is None else tracer
        self.node = node

    def __repr__(self):
        return f"Proxy({self.node.name})"

    def __getattr__(self, name):
        if name in ("node", "tracer") or name.startswith("__") and name.endswith("__"):
            raise AttributeError(f"'{type(self).__name__}' object has no attribute '{name}'")
        return Attribute(self, name)

    def __call__(self, *args, **kwargs):
        return self.tracer.create_proxy("call_method", "__call__", (self, *args), kwargs)

    def __iter__(self):
        count = _unpacked(sys._getframe(1))
        return self.tracer.iter(self) if count is None else (self[i] for i in range(count))

    def __bool__(self):
        return self.tracer.to_bool(self)

    def __len__(self):
        raise RuntimeError(
            "'len' is not supported in symbolic tracing by default. If you want this call to be recorded, please call "
            "torch.fx.wrap('len') at module scope"
        )

    def keys(self):
        """What `**proxy` asks for."""
        return self.tracer.keys(self)

    def __deepcopy__(self, memo):
        import copy

        made = type(self).__new__(type(self))
        made.__dict__.update({name: copy.deepcopy(value, memo) for name, value in self.__dict__.items()})
        return made

    @classmethod
    def _called(cls, function, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        found = []
        map_aggregate((args, kwargs), lambda value: found.append(value.tracer) if isinstance(value, Proxy) else value)
        if len({id(tracer) for tracer in found}) > 1:
            raise RuntimeError(f"Found multiple different tracers {found} while trying to trace operations {function}")
        if not found:
            return NotImplemented
        if _is_method(function):
            return found[0].create_proxy("call_method", function.__name__, args, kwargs)
        return found[0].create_proxy("call_function", function, args, kwargs, name=function.__name__)


def _is_method(function):
    """Whether it is only a method (or attribute) of Tensor: many functions are methods, too."""
    name = overrides.resolve_name(function)
    return name.startswith("torch.Tensor.") if name else overrides.is_tensor_method_or_property(function)


# Not in the class statement, which would be noticed while flambeau is still being loaded.
setattr(Proxy, "__torch_function__", Proxy._called)  # noqa: B010


def _unpacked(frame):
    """How many names `a, b = proxy` has in the code that is running, or None if it is something else."""
    for instruction in dis.get_instructions(frame.f_code):
        if instruction.offset == frame.f_lasti:
            return instruction.argval if instruction.opname == "UNPACK_SEQUENCE" else None
    return None


class Attribute(Proxy):
    """An attribute of a proxy: becomes a node when it is used, or a method call when it is called.

    >>> graph = flambeau.fx.Graph()
    >>> x = flambeau.fx.Proxy(graph.placeholder("x"))
    >>> x.sum(), x.shape[0]
    (Proxy(sum_1), Proxy(getitem))
    """

    def __init__(self, root, attr):
        self.root, self.attr, self.tracer = root, attr, root.tracer
        self._node = None

    @property
    def node(self):
        """The node that reads the attribute."""
        if self._node is None:
            self._node = self.tracer.create_proxy("call_function", getattr, (self.root, self.attr), {}).node
        return self._node

    def __call__(self, *args, **kwargs):
        return self.tracer.create_proxy("call_method", self.attr, (self.root, *args), kwargs)


class ParameterProxy(Proxy):
    """The proxy of a parameter whose shape may be looked at while tracing.

    >>> issubclass(flambeau.fx.proxy.ParameterProxy, flambeau.fx.Proxy)
    True
    """

    def __init__(self, tracer, node, name, param):
        super().__init__(node, tracer)
        if not isinstance(param, _C.Tensor):
            raise AssertionError("expected a parameter")
        self.param, self.name = param, name

    def __repr__(self):
        return f"ParameterProxy({self.name})"

    @property
    def shape(self):
        """The parameter's shape."""
        return self.param.shape

    def size(self, *args):
        """The parameter's size."""
        return self.param.size(*args)

    def dim(self):
        """The parameter's number of dimensions."""
        return self.param.dim()

    @property
    def ndim(self):
        """The parameter's number of dimensions."""
        return self.param.ndim

    def numel(self):
        """The parameter's number of elements."""
        return self.param.numel()

    def nelement(self):
        """The parameter's number of elements."""
        return self.param.nelement()


_REFLECTED = (
    "add",
    "sub",
    "mul",
    "floordiv",
    "truediv",
    "mod",
    "lshift",
    "rshift",
    "and_",
    "or_",
    "xor",
    "pow",
    "matmul",
)


def _operator(function):
    def method(*args, **kwargs):
        return args[0].tracer.create_proxy("call_function", function, args, kwargs)

    return method


def _reflected(function):
    def method(self, other):
        return self.tracer.create_proxy("call_function", function, (other, self), {})

    return method


for _name in magic_methods:
    setattr(Proxy, f"__{_name.strip('_')}__", _operator(getattr(operator, _name)))
for _name in _REFLECTED:
    setattr(Proxy, f"__r{_name.strip('_')}__", _reflected(getattr(operator, _name)))
setattr(Proxy, "__hash__", object.__hash__)  # noqa: B010
