"""Scripted modules and functions: they run the Python that they were made from, under torch's names and rules."""

import copy
import functools
import inspect
import textwrap
import types

from ..nn.modules.module import Module
from ._marks import FunctionModifiers, modifier_of

__all__ = [
    "CompilationUnit",
    "Error",
    "RecursiveScriptModule",
    "ScriptFunction",
    "ScriptModule",
    "freeze",
    "optimize_for_inference",
    "script",
    "set_fusion_strategy",
]

Error = RuntimeError
_COPIED = ("_parameter_names", "_buffer_names", "_module_names", "_non_persistent_buffers_set")
_BASES = (FunctionModifiers.EXPORT, FunctionModifiers.COPY_TO_SCRIPT_WRAPPER, FunctionModifiers.IGNORE)


def source_of(fn, what):
    """The Python source of a function: what runs."""
    try:
        return textwrap.dedent(inspect.getsource(inspect.unwrap(fn)))
    except (OSError, TypeError):
        raise RuntimeError(f"[jit] {what} has no code to show: its Python source is not there") from None


def no_graph(what):
    """The error of asking for what only a compiler makes."""
    return RuntimeError(
        f"[jit] {what} has no graph: it runs as Python. `.code` is its source; flambeau.fx.symbolic_trace makes a graph"
    )


class ScriptFunction:
    """What `script` and `trace` make of a function: it calls the function.

    >>> double = flambeau.jit.script(lambda x: 2 * x)
    >>> double(flambeau.ones(1))
    tensor([2.])
    """

    def __init__(self, fn):
        self._fn = fn
        self.__doc__ = fn.__doc__
        self.__name__ = "ScriptFunction"
        self.name = getattr(fn, "__name__", type(fn).__name__).replace("<lambda>", "_lambda")
        self.qualified_name = f"__torch__.{self.name}"

    def __call__(self, *args, **kwargs):
        return self._fn(*args, **kwargs)

    def __get__(self, instance, owner=None):
        return self if instance is None else types.MethodType(self, instance)

    def __repr__(self):
        return f"<flambeau.jit.ScriptFunction {self.name}>"

    def __deepcopy__(self, memo):
        return self

    @property
    def __signature__(self):
        return inspect.signature(self._fn)

    @property
    def code(self):
        """The function's Python source."""
        return source_of(self._fn, self.name)

    @property
    def graph(self):
        """An error: nothing is compiled."""
        raise no_graph(self.name)

    inlined_graph = graph

    def graph_for(self, *args, **kwargs):
        """An error: nothing is compiled."""
        raise no_graph(self.name)

    def save(self, f, _extra_files=None):
        """Write the function, by its name, to a file for `load`."""
        from ._files import save

        save(self, f, _extra_files)

    def save_to_buffer(self, _extra_files=None):
        """The bytes that `save` would write."""
        from ._files import to_bytes

        return to_bytes(self, _extra_files)

    def get_debug_state(self):
        """An error: nothing is compiled."""
        raise no_graph(self.name)


class ScriptModule(Module):
    """Base of scripted modules, and of classes whose methods are marked with `script_method`.

    >>> isinstance(flambeau.jit.script(nn.Linear(2, 2)), flambeau.jit.ScriptModule)
    True
    """

    @property
    def original_name(self):
        """The name of the class that was scripted."""
        return type(self).__name__

    @property
    def code(self):
        """The Python source of `forward`."""
        return source_of(self.forward, self.original_name)

    @property
    def code_with_constants(self):
        """The source, and a dictionary of its constants: there are none apart from it."""
        return self.code, {}

    @property
    def graph(self):
        """An error: nothing is compiled."""
        raise no_graph(self.original_name)

    inlined_graph = graph

    def graph_for(self, *args, **kwargs):
        """An error: nothing is compiled."""
        raise no_graph(self.original_name)

    def save(self, f, _extra_files=None):
        """Write the module to a file for `load`.

        Args:
            f: a path, or an object with `write`.
            _extra_files: {name: text or bytes} of what goes into the file, too.
        """
        from ._files import save

        save(self, f, {} if _extra_files is None else _extra_files)

    def save_to_buffer(self, _extra_files=None):
        """The bytes that `save` would write."""
        from ._files import to_bytes

        return to_bytes(self, _extra_files)


class RecursiveScriptModule(ScriptModule):
    """A scripted module. It has the parameters, buffers and submodules of the module it was made from, `forward`, what
    `forward` calls, and the exported methods.

    >>> flambeau.jit.script(nn.Linear(2, 2))
    RecursiveScriptModule(original_name=Linear)
    """

    @classmethod
    def _of(cls, module):
        """The scripted form of a module, its submodules scripted before it."""
        return cls._around(_copied(module, {}))

    @classmethod
    def _around(cls, python):
        made = cls.__new__(cls)
        made.__dict__ = python.__dict__  # one dictionary: what forward assigns is the scripted module's
        made.__dict__["_python"] = python
        return made

    @property
    def original_name(self):
        return type(self._python).__name__

    def forward(self, *args, **kwargs):
        return self._python.forward(*args, **kwargs)

    @property
    def code(self):
        return source_of(type(self._python).forward, self.original_name)

    def extra_repr(self):
        return f"original_name={self.original_name}"

    def __getattr__(self, name):
        own = object.__getattribute__(self, "__dict__")
        python = own.get("_python")
        if python is not None and name in _members(type(python)):
            return getattr(python, name)
        raise AttributeError(f"'{type(self).__name__}' object has no attribute '{name}'", name=name)

    def __dir__(self):
        return sorted({*super().__dir__(), *_members(type(self._python))})

    def __copy__(self):
        return self._around(_shallow(self._python))

    def __deepcopy__(self, memo):
        python = self._python.__class__.__new__(self._python.__class__)
        made = memo[id(self)] = self.__class__._around(python)
        state = {name: value for name, value in self.__dict__.items() if name != "_python"}
        made.__dict__.update(copy.deepcopy(state, memo))
        return made

    def copy(self):
        """Another scripted module with the same parameters."""
        return copy.copy(self)

    def __reduce_ex__(self, protocol):
        raise RuntimeError(
            f"Tried to serialize object __torch__.{self.original_name} which does not have a __getstate__ method defined! "
            "[jit] use .save(path) or flambeau.jit.save, and flambeau.jit.load"
        )

    def __len__(self):
        return self._special("__len__")()

    def __iter__(self):
        return self._special("__iter__")()

    def __getitem__(self, index):
        return self._special("__getitem__")(index)

    def __contains__(self, key):
        return self._special("__contains__")(key)

    def __bool__(self):
        return True

    def _special(self, name):
        if not hasattr(type(self._python), name):
            raise NotImplementedError(f"[jit] {self.original_name} has no {name}")
        return getattr(self._python, name)


def _shallow(module):
    """A module of the same class, with the same parameters and submodules, whose registries are its own."""
    made = module.__class__.__new__(module.__class__)
    made.__dict__.update(module.__dict__)
    made.__dict__.pop("_python", None)
    for key, value in module.__dict__.items():
        if key in _COPIED or key.endswith("_hooks"):
            made.__dict__[key] = copy.copy(value)
    return made


def _copied(module, done):
    if id(module) not in done:
        done[id(module)] = made = _shallow(module)
        for name in made.__dict__.get("_module_names", ()):
            child = made.__dict__[name]
            if child is not None and not isinstance(child, ScriptModule):
                inner = _copied(child, done)
                known = inner.__dict__.get("_wrapper")
                if known is None:
                    known = inner.__dict__["_wrapper"] = RecursiveScriptModule._around(inner)
                made.__dict__[name] = known
    return done[id(module)]


@functools.cache
def _members(kind):
    """The names of a class's methods and properties that its scripted form has."""
    found, waiting = set(), ["forward"]
    for base in kind.__mro__:
        if base in (Module, object) or base in Module.__mro__:
            continue
        for name, value in vars(base).items():
            if isinstance(value, property) or modifier_of(value) in _BASES:
                waiting.append(name)
    while waiting:
        name = waiting.pop()
        fn = inspect.getattr_static(kind, name, None)
        fn = getattr(fn, "__func__", fn)
        if name in found or name in Module.__dict__ and name != "forward":
            continue
        if isinstance(fn, property):
            found.add(name)
        elif isinstance(fn, types.FunctionType):
            found.add(name)
            waiting += [called for called in fn.__code__.co_names if hasattr(kind, called)]
    return found


def script(obj, optimize=None, _frames_up=0, _rcb=None, example_inputs=None):
    """What torch compiles to TorchScript; here it keeps running as Python, under the names that TorchScript has.

    Args:
        obj: a module (a RecursiveScriptModule comes back, with the same parameters), a function (a ScriptFunction), or a
            class (the class itself).
        example_inputs: calls to make, for the types of arguments that have no annotation; here they are not needed.

    Raises:
        TypeError: none of them.

    >>> net = flambeau.jit.script(nn.Linear(2, 3))
    >>> net(flambeau.ones(1, 2)).shape, net.original_name
    (torch.Size([1, 3]), 'Linear')
    """
    if isinstance(obj, (ScriptModule, ScriptFunction)):
        return obj
    if isinstance(obj, Module):
        return RecursiveScriptModule._of(obj)
    if isinstance(obj, (type, list, dict)):
        return obj
    if isinstance(obj, types.MethodType) or inspect.isroutine(obj) or isinstance(obj, functools.partial):
        if modifier_of(obj) in (FunctionModifiers.IGNORE, FunctionModifiers.UNUSED):
            return obj
        return ScriptFunction(obj)
    if callable(obj) and type(obj).__module__ != "builtins":
        return ScriptFunction(obj)
    raise TypeError(
        f"[jit.script] expected a module, a function or a class, got {type(obj)}, which is a built-in class"
    )


class CompilationUnit:
    """Functions from TorchScript source, which is Python's grammar: they are run as Python.

    >>> unit = flambeau.jit.CompilationUnit("def double(x):\\n    return 2 * x")
    >>> unit.double(flambeau.ones(1))
    tensor([2.])
    """

    def __init__(self, lang=None, _frames_up=0):
        self._functions = {}
        if lang is not None:
            self.define(lang)

    def define(self, lang, rcb=None, _frames_up=0):
        """Add the functions of a source text."""
        import typing

        import flambeau

        names = {**vars(typing), "torch": flambeau, "Tensor": flambeau.Tensor, "Device": flambeau.device}
        before = set(names)
        exec(compile(textwrap.dedent(lang), "<TorchScript>", "exec"), names)
        for name in set(names) - before - {"__builtins__"}:
            self._functions[name] = ScriptFunction(names[name])

    def __getattr__(self, name):
        functions = self.__dict__.get("_functions", {})
        if name not in functions:
            raise AttributeError(f"'CompilationUnit' has no attribute '{name}'")
        return functions[name]


# ------------------------------------------------------------------------------------------------------ freezing


def freeze(mod, preserved_attrs=None, optimize_numerics=True):
    """A copy of a scripted module for inference: its parameters are constants.

    Args:
        mod: a ScriptModule in evaluation mode.
        preserved_attrs: names that the result must have.
        optimize_numerics: accepted; there is nothing that would change numbers.

    Raises:
        RuntimeError: it is not a ScriptModule, or in training mode.

    >>> frozen = flambeau.jit.freeze(flambeau.jit.script(nn.Linear(2, 2).eval()))
    >>> list(frozen.parameters())
    []
    """
    if not isinstance(mod, ScriptModule):
        raise RuntimeError(
            "Freezing expects a ScriptModule as input. Please use torch.jit.script or torch.jit.trace to script your 'nn.Module'."
        )
    if mod.training:
        raise RuntimeError(
            "Freezing is currently only implemented for modules in eval mode. Please call .eval() on your module before freezing."
        )
    for name in preserved_attrs or ():
        if not hasattr(mod, name):
            raise AttributeError(f"[jit.freeze] Module does not have a '{name}' to preserve")
    made = copy.deepcopy(mod)
    for module in made.modules():
        own = module.__dict__
        for key in ("_parameter_names", "_buffer_names"):
            for name in list(own[key]):
                del own[key][name]
                if own[name] is not None:
                    own[name] = own[name].detach()
    return made


def optimize_for_inference(mod, other_methods=None):
    """A frozen copy of a scripted module.

    >>> flambeau.jit.optimize_for_inference(flambeau.jit.script(nn.Linear(2, 2).eval()))
    RecursiveScriptModule(original_name=Linear)
    """
    if not isinstance(mod, ScriptModule):
        raise RuntimeError(
            "optimize_for_inference expects a ScriptModule as input. Please use torch.jit.script or torch.jit.trace to script your 'nn.Module'."
        )
    return freeze(mod.eval(), other_methods)


def set_fusion_strategy(strategy):
    """What to fuse, as [("STATIC" or "DYNAMIC", depth), ...]; nothing is fused. Returns what was set before.

    >>> flambeau.jit.set_fusion_strategy([("STATIC", 2)])
    [('STATIC', 2), ('DYNAMIC', 10)]
    >>> _ = flambeau.jit.set_fusion_strategy([("STATIC", 2), ("DYNAMIC", 10)])
    """
    for kind, depth in strategy:
        if kind not in ("STATIC", "DYNAMIC") or not isinstance(depth, int):
            raise RuntimeError(
                f"[jit.set_fusion_strategy] expected ('STATIC' or 'DYNAMIC', depth), got {(kind, depth)!r}"
            )
    before, _strategy[:] = list(_strategy), strategy
    return before


_strategy = [("STATIC", 2), ("DYNAMIC", 10)]
