"""Tracing: a function is called with proxies, and the calls they see become a graph."""

import builtins
import functools
import inspect
import math
import sys
import threading
import types
import warnings
from collections import OrderedDict

from .. import _C
from ..nn.modules.module import Module
from .graph import Graph
from .graph_module import GraphModule
from .node import base_types
from .proxy import ParameterProxy, Proxy, TracerBase

__all__ = ["PH", "ProxyableClassMeta", "Tracer", "is_fx_tracing", "symbolic_trace", "wrap"]

_wrapped_fns_to_patch: dict = {}  # {(id of a namespace, name): the namespace}
_wrapped_methods_to_patch: list = []
_local = threading.local()


class PHBase:
    """A placeholder among concrete arguments."""

    def __repr__(self):
        return "PH"


PH = PHBase()


def is_fx_tracing():
    """Whether the code runs in order to be traced.

    >>> flambeau.fx._symbolic_trace.is_fx_tracing()
    False
    """
    return getattr(_local, "depth", 0) > 0


is_fx_symbolic_tracing = is_fx_tracing


def _assert_is_none(value, msg):
    assert value is None, msg


class ProxyableClassMeta(type):
    """A metaclass whose classes can be made of proxies inside a trace: the construction becomes a node.

    >>> class Pair(metaclass=flambeau.fx.ProxyableClassMeta):
    ...     def __init__(self, a, b):
    ...         self.a, self.b = a, b
    >>> Pair(1, 2).a
    1
    """

    def __call__(cls, *args, **kwargs):
        made = cls.__new__(cls)
        if is_fx_tracing():
            found = _proxy_in(args, kwargs)
            if found is not None:
                return found.tracer.create_proxy("call_function", cls, args, kwargs)
        made.__init__(*args, **kwargs)
        return made


def _proxy_in(*values):
    from .node import map_aggregate

    found = []
    map_aggregate(values, lambda value: found.append(value) if isinstance(value, Proxy) else value)
    return found[0] if found else None


# ------------------------------------------------------------------------------------------------------ wrapped functions


def wrap(fn_or_name):
    """Keep calls of a function whole: with proxies among its arguments it becomes a node. To be called at the top of a module.

    Args:
        fn_or_name: a function of the module, or its name (also of one that Python has, such as "len").

    >>> flambeau.fx.wrap("len")
    'len'
    """
    if not callable(fn_or_name) and not isinstance(fn_or_name, str):
        raise RuntimeError("Unsupported type for global function! Must be either a callable or string name")
    name = fn_or_name if isinstance(fn_or_name, str) else fn_or_name.__name__
    frame = sys._getframe(1)
    if frame.f_code.co_name != "<module>":
        raise NotImplementedError("wrap must be called at the top level of a module")
    _wrapped_fns_to_patch[id(frame.f_globals), name] = frame.f_globals
    return fn_or_name


def _recorded(function):
    """The function, but a call with proxies becomes a node."""

    @functools.wraps(function)
    def wrapped(*args, **kwargs):
        proxy = _proxy_in(args, kwargs)
        if proxy is None:
            return function(*args, **kwargs)
        made = proxy.tracer.create_proxy("call_function", function, args, kwargs)
        made.node.meta["is_wrapped"] = True
        return made

    return wrapped


def _recorded_method(kind, name):
    function = getattr(kind, name)

    @functools.wraps(function)
    def wrapped(*args, **kwargs):
        proxy = _proxy_in(args, kwargs)
        if proxy is None:
            return function(*args, **kwargs)
        return proxy.tracer.create_proxy("call_method", name, args, kwargs)

    return wrapped


class _Patches:
    """Changes of namespaces and classes that are undone in the end."""

    _absent = object()

    def __init__(self):
        self._undo, self._done = [], set()

    def item(self, names, key, value):
        before = names.get(key, self._absent)
        self._undo.append(lambda: names.pop(key, None) if before is self._absent else names.__setitem__(key, before))
        names[key] = value

    def attribute(self, kind, name, value):
        own = name in vars(kind)
        before = vars(kind).get(name)
        self._undo.append(lambda: setattr(kind, name, before) if own else delattr(kind, name))
        setattr(kind, name, value)

    def first_time(self, thing):
        if id(thing) in self._done:
            return False
        self._done.add(id(thing))
        return True

    def undo(self):
        for action in reversed(self._undo):
            action()


# ------------------------------------------------------------------------------------------------------ the tracer


class Tracer(TracerBase):
    """Makes graphs of modules and functions. Subclasses say what a leaf is, and how calls become nodes.

    Args:
        autowrap_modules: modules whose functions stay whole.
        autowrap_functions: functions that stay whole.
        param_shapes_constant: shapes of parameters are numbers in the graph.

    >>> class Shallow(flambeau.fx.Tracer):
    ...     def is_leaf_module(self, m, name):
    ...         return True
    >>> Shallow().trace(nn.Sequential(nn.ReLU())).nodes.__len__()
    3
    """

    def __init__(self, autowrap_modules=(math,), autowrap_functions=(), param_shapes_constant=False):
        super().__init__()
        self._autowrap_function_ids = {
            id(value)
            for module in autowrap_modules
            for name, value in vars(module).items()
            if not name.startswith("_") and callable(value)
        } | {id(f) for f in autowrap_functions}
        self._autowrap_search = list(autowrap_modules)
        self.param_shapes_constant = param_shapes_constant
        self.submodule_paths = None
        self.root_module_name = ""
        self.scope = None
        self.module_stack = OrderedDict()
        self.num_calls = {}
        self.node_name_to_scope = {}

    def create_arg(self, a):
        """An argument as a node keeps it; parameters, buffers and other tensors become attributes of the module."""
        if isinstance(a, _C.Tensor) and self.root is not None:
            name = self._attribute_of(a)
            return self.create_node("get_attr", name, (), {})
        if isinstance(a, Module):
            return self.create_node("get_attr", self.path_of_module(a), (), {})
        if isinstance(type(a), ProxyableClassMeta):
            return self._as_attribute(a, "_proxyable_object")
        if isinstance(a, types.FunctionType) or isinstance(a, type) and not isinstance(a, _C.dtype):
            raise NotImplementedError(f"argument of type: {type(a)}")
        return super().create_arg(a)

    def _attribute_of(self, tensor):
        for name, value in (*self.root.named_parameters(), *self.root.named_buffers()):
            if value is tensor:
                return name
        name = self.tensor_attrs.get(id(tensor))
        return name[1] if name else self._as_attribute(tensor, "_tensor_constant", node=False)

    def _as_attribute(self, value, prefix, node=True):
        number = 0
        while hasattr(self.root, f"{prefix}{number}"):
            number += 1
        name = f"{prefix}{number}"
        self.tensor_attrs[id(value)] = (value, name)
        setattr(self.root, name, value)
        return self.create_node("get_attr", name, (), {}) if node else name

    def is_leaf_module(self, m, module_qualified_name):
        """Whether a module stays whole: those of nn do, but Sequential."""
        home = type(m).__module__
        ours = home.startswith(("flambeau.nn", "torch.nn", "flambeau.ao.nn"))
        return ours and type(m).__name__ != "Sequential"

    def path_of_module(self, mod):
        """The name of a submodule.

        Raises:
            NameError: it is none of the root's.
        """
        for name, module in self.root.named_modules():
            if module is mod:
                return name
        raise NameError("module is not installed as a submodule")

    def call_module(self, m, forward, args, kwargs):
        """What a call of a module becomes: a node if it is a leaf, else the calls inside it."""
        name = self.path_of_module(m)
        key = name or type(m).__name__
        self.module_stack[key] = (name, type(m))
        try:
            if not self.is_leaf_module(m, name):
                return forward(*args, **kwargs)
            made = self.create_proxy("call_module", name, args, kwargs)
            made.node.meta["nn_module_stack"] = OrderedDict(self.module_stack)
            return made
        finally:
            self.module_stack.pop(key, None)

    def getattr(self, attr, attr_val, parameter_proxy_cache):
        """What reading a parameter (or buffer, if they are proxies too) of a module gives."""
        if not isinstance(attr_val, _C.Tensor):
            return attr_val
        kinds = [self.root.named_parameters()] + ([self.root.named_buffers()] if self.proxy_buffer_attributes else [])
        for members in kinds:
            for name, value in members:
                if value is attr_val:
                    return self._proxied(name, value, parameter_proxy_cache)
        return attr_val

    def _proxied(self, name, value, cache):
        if name not in cache:
            factory = None
            if self.param_shapes_constant:
                factory = lambda node: ParameterProxy(self, node, name, value)  # noqa: E731
            cache[name] = self.create_proxy("get_attr", name, (), {}, proxy_factory_fn=factory)
        return cache[name]

    def create_args_for_root(self, root_fn, is_module, concrete_args=None):
        """(function, arguments) to call: placeholders for all parameters of the function, and the module itself."""
        function = inspect.unwrap(root_fn)
        code = function.__code__
        count = code.co_argcount + code.co_kwonlyargcount
        names = iter(code.co_varnames)
        args = []
        if is_module:
            if code.co_argcount == 0:
                raise RuntimeError("``self`` argument cannot be part of *args expansion!")
            next(names)
            args.append(self.root)
        if isinstance(concrete_args, tuple):
            first = code.co_varnames[len(args) : count]
            if len(first) != len(concrete_args):
                raise RuntimeError(
                    f"Tracing expected {len(first)} arguments but got {len(concrete_args)} concrete arguments"
                )
            concrete_args = dict(zip(first, concrete_args))
        signature = inspect.signature(function)
        values = [self._placeholder(next(names), signature, function, concrete_args) for _ in range(len(args), count)]
        positional = code.co_argcount - len(args)
        args += values[:positional]
        keywords = dict(zip(code.co_varnames[code.co_argcount : count], values[positional:]))
        if code.co_flags & inspect.CO_VARARGS:
            args += [self.proxy(self.create_node("placeholder", f"*{next(names)}", (), {}))]
            starred = True
        else:
            starred = False
        many = None
        if code.co_flags & inspect.CO_VARKEYWORDS:
            many = self.proxy(self.create_node("placeholder", f"**{next(names)}", (), {}))
        return _caller(root_fn, function, keywords, starred, many), args

    def _placeholder(self, name, signature, function, concrete_args):
        if concrete_args is not None and name in concrete_args:
            return self._concrete(name, signature, concrete_args[name])
        default = signature.parameters[name].default
        given = () if default is inspect.Parameter.empty else (default,)
        hint = function.__annotations__.get(name)
        return self.create_proxy("placeholder", name, given, {}, type_expr=hint)

    def _concrete(self, name, signature, value):
        from .._checks import _assert
        from ..utils._pytree import tree_map

        count = [0]

        def replace(x):
            count[0] += 1
            default = signature.parameters[name].default
            given = () if default is inspect.Parameter.empty else (default,)
            out = self.create_proxy("placeholder", f"{name}_{count[0]}", given, {})
            if isinstance(x, PHBase):
                return out
            if type(x) in base_types and type(x) is not _C.Tensor:
                text = f"{name} has been specialized to have value {x} but got another value"
                self.create_proxy("call_function", _assert, (out == x, text), {}, name="_assert")
            elif x is None:
                text = f"{name} has been specialized to have value None but got another value"
                self.create_proxy("call_function", _assert_is_none, (out, text), {})
            else:
                warnings.warn(
                    f"Was not able to add assertion to guarantee correct input {name} to specialized function. It is up to the user "
                    "to make sure that your inputs match the inputs you specialized the function with.",
                    stacklevel=4,
                )
            return x

        return tree_map(replace, value)

    def trace(self, root, concrete_args=None):
        """The graph of a module or function.

        Args:
            root: a module, or a function.
            concrete_args: {name: value} of arguments that are not inputs.

        Raises:
            TraceError: its control flow depends on the inputs' values.
        """
        is_module = isinstance(root, Module)
        self.root = root if is_module else Module()
        self.root_module_name = root._get_name() if is_module else ""
        function = getattr(type(root), getattr(self, "traced_func_name", "forward")) if is_module else root
        self.tensor_attrs = {}
        self._collect_tensors(self.root, "")
        self.graph = Graph(tracer_cls=getattr(self, "__class__", None))
        patches, cache = _Patches(), {}
        call, args = self.create_args_for_root(function, is_module, concrete_args)
        try:
            _local.depth = getattr(_local, "depth", 0) + 1
            self._patch(patches, cache, function)
            result = call(*args)
        finally:
            _local.depth -= 1
            patches.undo()
        hint = inspect.unwrap(call).__annotations__.get("return") if isinstance(call, types.FunctionType) else None
        self.create_node("output", "output", (self.create_arg(result),), {}, type_expr=hint)
        return self.graph

    def _collect_tensors(self, module, prefix):
        for name, value in vars(module).items():
            if isinstance(value, _C.Tensor):
                self.tensor_attrs.setdefault(id(value), (value, f"{prefix}{name}"))
        for name, child in module.named_children():
            self._collect_tensors(child, f"{prefix}{name}.")

    def _patch(self, patches, cache, function):
        tracer, call, get = self, Module.__call__, Module.__getattribute__

        def module_call(mod, *args, **kwargs):
            self._wrap_in(patches, getattr(getattr(mod.forward, "__func__", None), "__globals__", {}))
            return tracer.call_module(mod, lambda *a, **k: call(mod, *a, **k), args, kwargs)

        def module_getattribute(mod, name):
            value = get(mod, name)
            if isinstance(value, _C.Tensor) and name in get(mod, "__dict__"):
                return tracer.getattr(name, value, cache)
            return value

        patches.attribute(Module, "__getattribute__", module_getattribute)
        patches.attribute(Module, "__call__", module_call)
        for (_, name), names in list(_wrapped_fns_to_patch.items()):
            original = names.get(name, getattr(builtins, name, None))
            if original is not None:
                patches.item(names, name, _recorded(original))
        for kind, name in _wrapped_methods_to_patch:
            patches.attribute(kind, name, _recorded_method(kind, name))
        self._wrap_in(patches, getattr(inspect.unwrap(function), "__globals__", {}))
        for module in self._autowrap_search:
            self._wrap_in(patches, vars(module))

    def _wrap_in(self, patches, names):
        """Exchange the functions of the namespace that stay whole."""
        if not patches.first_time(names):
            return
        for name, value in list(names.items()):
            if not name.startswith("_") and callable(value) and id(value) in self._autowrap_function_ids:
                patches.item(names, name, _recorded(value))


def _caller(root_fn, function, keywords, starred, many):
    """Calls the function; the proxies of *args and **kwargs stand for what these names hold."""
    if not starred and many is None:
        return functools.partial(root_fn, **keywords) if keywords else root_fn
    code = function.__code__
    plain = code.co_flags & ~inspect.CO_VARARGS & ~inspect.CO_VARKEYWORDS
    fixed = types.FunctionType(
        code.replace(
            co_flags=plain,
            co_argcount=code.co_argcount + code.co_kwonlyargcount + starred + (many is not None),
            co_kwonlyargcount=0,
            co_posonlyargcount=0,
        ),
        function.__globals__,
        function.__name__,
        closure=function.__closure__,
    )

    def call(*args):
        positional, rest = (args[:-1], [args[-1]]) if starred else (args, [])
        return fixed(*positional, *keywords.values(), *rest, *([] if many is None else [many]))

    return call


def symbolic_trace(root, concrete_args=None):
    """A GraphModule that does what a module or function does, as a graph of calls.

    Args:
        root: a module or function.
        concrete_args: {name: value} of arguments that are not inputs of the result.

    Raises:
        TraceError: its control flow depends on the inputs' values.

    >>> traced = flambeau.fx.symbolic_trace(lambda x: flambeau.relu(x) + 1)
    >>> print(traced.code.strip())
    def forward(self, x):
        relu = torch.relu(x);  x = None
        add = relu + 1;  relu = None
        return add
    """
    tracer = Tracer()
    graph = tracer.trace(root, concrete_args)
    name = type(root).__name__ if isinstance(root, Module) else root.__name__
    return GraphModule(tracer.root, graph, name)
