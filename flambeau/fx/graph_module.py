"""GraphModule: a module whose forward is the code of a graph."""

import copy
import itertools
import linecache
import sys
import traceback

from .. import _C
from ..nn.modules.module import Module
from .graph import Graph, builtin_names

__all__ = ["GraphModule", "reduce_graph_module"]

_count = itertools.count()
_USER_PRESERVED_ATTRIBUTES_KEY = "_user_preserved_attributes"
_KEPT = (
    "_state_dict_hooks", "_load_state_dict_pre_hooks", "_load_state_dict_post_hooks", "_replace_hooks", "_create_node_hooks",
    "_erase_node_hooks", "_deepcopy_hooks",
)  # fmt: skip


def _compiled(src, names):
    """The function `forward` of a source text, whose lines tracebacks can show."""
    file = f"<eval_with_key>.{next(_count)}"
    linecache.cache[file] = (len(src), None, src.splitlines(True), file)
    names = dict(names)
    exec(compile(src, file, "exec"), names)
    return names["forward"]


def _import_statement(name, value):
    known = builtin_names()
    if name in known and known[name][0] is value:
        return known[name][1]
    module = getattr(value, "__module__", None)
    own = getattr(value, "__qualname__", getattr(value, "__name__", None))
    if module is None or own is None:
        raise RuntimeError(f"[fx] {value!r} has no name by which another process could import it")
    top = own.split(".")[0]
    tail = "" if top == own else f"\n{name} = {name}{own[len(top) :]}"
    return f"from {module} import {top} as {name}{tail}"


def _copy_attr(source, target, path):
    """Give `target` an attribute of `source`, by its dotted name."""
    *parents, name = path.split(".")
    for parent in parents:
        if not hasattr(source, parent):
            return
        source = getattr(source, parent)
        if not hasattr(target, parent):
            setattr(target, parent, Module())
        target = getattr(target, parent)
    if not hasattr(source, name):
        return
    value = getattr(source, name)
    if isinstance(value, _C.Tensor) and name in source._buffers:
        target.register_buffer(name, value, persistent=name not in source._non_persistent_buffers_set)
    else:
        setattr(target, name, value)


def _assign_attr(value, target, path):
    """Set an attribute by its dotted name; modules on the way are made."""
    *parents, name = path.split(".")
    for parent in parents:
        if not hasattr(target, parent):
            setattr(target, parent, Module())
        target = getattr(target, parent)
    if isinstance(value, _C.Tensor) and not _is_parameter(value):
        target.register_buffer(name, value)
    else:
        setattr(target, name, value)


def _is_parameter(value):
    from ..nn.parameter import Parameter

    return isinstance(value, Parameter)


def _get_attr(module, path):
    for part in path.split("."):
        module = getattr(module, part)
    return module


class _CodeOnlyModule(Module):
    """What is pickled of a GraphModule, before its graph is made again of its code."""

    def __init__(self, body):
        super().__init__()
        self.__dict__.update(body)


def reduce_graph_module(body, import_block):
    """A GraphModule of what was pickled: its code is traced again.

    >>> import pickle
    >>> traced = flambeau.fx.symbolic_trace(flambeau.nn.ReLU())
    >>> pickle.loads(pickle.dumps(traced)).code == traced.code
    True
    """
    from ._symbolic_trace import Tracer

    code = body.pop("_code")
    forward = _compiled(f"{import_block}\n{code}", {})
    extra = body.pop("_graphmodule_extra", {})
    name = body.pop("_graphmodule_cls_name", "GraphModule")
    module = _CodeOnlyModule(body)
    kind = type(name, (_CodeOnlyModule,), {"forward": forward})
    module.__class__ = kind

    class KeepModules(extra.get("tracer_cls") or Tracer):
        def is_leaf_module(self, m, name):
            return True

    graph = KeepModules().trace(module)
    made = GraphModule(module, graph, class_name=name)
    for key, value in body.items():
        if not hasattr(made, key):
            setattr(made, key, value)
    return made


class GraphModule(Module):
    """A module made of a graph; `recompile()` (or assigning `graph`) renews its forward after the graph was changed.

    Args:
        root: the module (or a dictionary by dotted names) whose submodules, parameters and buffers the graph names.
        graph: the graph.
        class_name: the class's name in its text.

    >>> traced = flambeau.fx.symbolic_trace(lambda x: x + 1)
    >>> for node in traced.graph.nodes:
    ...     if node.op == "call_function":
    ...         node.args = (node.args[0], 2)
    >>> _ = traced.recompile()
    >>> traced(flambeau.ones(1))
    tensor([3.])
    """

    def __new__(cls, *args, **kwargs):
        # forward belongs to the class, so each object gets a class of its own.
        for base in cls.__mro__:
            name = base.__qualname__.split(".")[-1]
            if name != "GraphModuleImpl":
                cls = base
                break

        class GraphModuleImpl(cls):
            pass

        return super().__new__(GraphModuleImpl)

    def __init__(self, root, graph, class_name="GraphModule"):
        super().__init__()
        self.__class__.__name__ = class_name
        if isinstance(root, Module):
            self.training = getattr(root, "training", True)
            for node in graph.nodes:
                if node.op in ("get_attr", "call_module"):
                    _copy_attr(root, self, node.target)
        elif isinstance(root, dict):
            self._take(root, graph)
        else:
            raise RuntimeError(f"Unsupported type {root} passed for root!")
        self.meta = getattr(root, "meta", {}) if isinstance(root, Module) else {}
        self.graph = graph
        self._tracer_cls = graph._tracer_cls if _importable(graph._tracer_cls) else None
        self._tracer_extras = graph._tracer_extras

    def _take(self, root, graph):
        wanted = [node.target for node in graph.nodes if node.op in ("get_attr", "call_module")]
        for node_target in wanted:
            if node_target not in root:
                raise RuntimeError(
                    f"Node referenced target {node_target} but that target was not provided in ``root``!"
                )
        for target in sorted(set(wanted), key=lambda name: name.count(".")):
            _assign_attr(root[target], self, target)

    @property
    def graph(self):
        """The graph that this module is made of."""
        return self._graph

    @graph.setter
    def graph(self, g):
        if not isinstance(g, Graph):
            raise AssertionError(f"Expected a Graph instance, but got {type(g)}")
        self.__dict__["_graph"] = g
        g.owning_module = self
        self.recompile()

    @property
    def code(self):
        """The Python code of forward."""
        if not hasattr(self, "_code"):
            raise RuntimeError("Code has not been generated! Please report a bug to PyTorch")
        return self._code

    def recompile(self):
        """Make forward anew of the graph; returns the PythonCode."""
        code = self._graph.python_code("self")
        self.__dict__["_code"] = code.src
        self.__dict__["_lineno_map"] = code._lineno_map
        kind = type(self)
        kind.forward = _compiled(code.src, code.globals)
        if "__call__" not in vars(kind):
            kind.__call__ = _call_showing_code(kind)
        return code

    def to_folder(self, folder, module_name="FxModule"):
        """Write the module as Python code and a file of its parameters."""
        from pathlib import Path

        from ..serialization import save

        folder = Path(folder)
        folder.mkdir(exist_ok=True)
        save(self.state_dict(), folder / "state_dict.pt")
        code = self.graph.python_code("self")
        imports = "\n".join(sorted({_import_statement(name, value) for name, value in code.globals.items()}))
        lines = [f"{imports}\nimport torch\nfrom torch.nn import *\n\nclass {module_name}(torch.nn.Module):"]
        lines += ["    def __init__(self):", "        super().__init__()"]
        for name, child in self.named_children():
            save(child, folder / f"{name}.pt")
            lines.append(
                f'        self.{name} = torch.load(r"{folder}/{name}.pt", weights_only=False) # {child!r}'.split("\n")[
                    0
                ]
            )
        for name, value in self._buffers.items():
            lines.append(
                f"        self.register_buffer('{name}', torch.empty({list(value.shape)}, dtype={value.dtype}))"
            )
        for name, value in self._parameters.items():
            lines.append(
                f"        self.{name} = torch.nn.Parameter(torch.empty({list(value.shape)}, dtype={value.dtype}))"
            )
        lines.append(f'        self.load_state_dict(torch.load(r"{folder}/state_dict.pt"))')
        body = "\n".join(f"    {line}" for line in code.src.split("\n"))
        (folder / "module.py").write_text("\n".join(lines) + "\n" + body)
        (folder / "__init__.py").write_text(f"from .module import {module_name}\n")

    def add_submodule(self, target, m):
        """Add a module by its dotted name; returns whether that could be done."""
        *parents, name = target.split(".")
        module = self
        for parent in parents:
            if not hasattr(module, parent):
                setattr(module, parent, Module())
            module = getattr(module, parent)
            if not isinstance(module, Module):
                return False
        module.add_module(name, m)
        return True

    def delete_submodule(self, target):
        """Delete a submodule by its dotted name; returns whether there was one."""
        *parents, name = target.split(".")
        module = self
        for parent in parents:
            module = getattr(module, parent, None)
            if not isinstance(module, Module):
                return False
        if not isinstance(getattr(module, name, None), Module):
            return False
        delattr(module, name)
        return True

    def delete_all_unused_submodules(self):
        """Delete the submodules that the graph does not name."""
        used = set()
        for node in self.graph.nodes:
            if node.op in ("call_module", "get_attr"):
                path = node.target.split(".")
                used.update(".".join(path[: i + 1]) for i in range(len(path)))
                if node.op == "call_module":
                    inner = self.get_submodule(node.target)
                    used.update(f"{node.target}.{name}" for name, _ in inner.named_modules() if name)
        for name in [name for name, _ in self.named_modules() if name and name not in used]:
            self.delete_submodule(name)

    def print_readable(self, print_output=True, include_stride=False, include_device=False, colored=False, **options):
        """The code as a class, printed and returned."""
        body = self.code.strip("\n").replace("\n", "\n    ").rstrip()
        text = f"class {self._get_name()}(torch.nn.Module):\n    {body}\n"
        for child in self.children():
            if isinstance(child, GraphModule):
                inner = child.print_readable(print_output=False).replace("\n", "\n    ").rstrip()
                text += f"\n    {inner}\n"
        if print_output:
            print(text)
        return text

    def __str__(self):
        text = super().__str__()
        return "\n".join([text, self._code, "# To see more debug info, please use `graph_module.print_readable()`"])

    def __reduce__(self):
        body = {key: value for key, value in self.__dict__.items() if key not in ("_graph", "_lineno_map")}
        code = self._graph.python_code("self")
        body["_graphmodule_extra"] = {"tracer_cls": body.pop("_tracer_cls", None)}
        body["_graphmodule_cls_name"] = self.__class__.__name__
        imports = "\n".join(sorted({_import_statement(name, value) for name, value in code.globals.items()}))
        imports = imports.replace("from torch", "from flambeau").replace("import torch", "import flambeau")
        return reduce_graph_module, (body, _as_flambeau(imports))

    def __deepcopy__(self, memo):
        made = type(self).__new__(type(self))
        memo[id(self)] = made
        root = Module()
        for key, value in self.__dict__.items():
            if key not in ("_graph", "_tracer_cls", "_tracer_extras"):
                root.__dict__[key] = copy.deepcopy(value, memo)
        graph = copy.deepcopy(self._graph, memo)
        graph._tracer_cls = self._graph._tracer_cls
        made.__init__(root, graph, type(self).__name__)
        for key, value in root.__dict__.items():
            if key not in made.__dict__ or key in _KEPT or key.endswith("_hooks"):
                made.__dict__[key] = value
        made.__dict__["meta"] = copy.copy(self.meta)
        for key in ("_parameter_names", "_buffer_names", "_module_names", "_non_persistent_buffers_set"):
            made.__dict__[key] = root.__dict__[key]
            made.__dict__.update({name: root.__dict__[name] for name in root.__dict__[key] if name in root.__dict__})
        return made

    def __copy__(self):
        made = GraphModule(self, copy.deepcopy(self._graph), type(self).__name__)
        made.meta = self.meta
        return made

    def _replicate_for_data_parallel(self):
        made = type(self).__new__(type(self))
        made.__dict__ = self.__dict__.copy()
        made.__class__.forward = type(self).forward
        return made


def _as_flambeau(imports):
    """The import statements of a pickle: torch is this package, whatever `import torch` is where it is read."""
    lines = [
        line for line in imports.split("\n") if line.strip() not in ("import flambeau", "from flambeau import device")
    ]
    return "\n".join(["import flambeau as torch", "from flambeau import device", *lines])


def _importable(kind):
    return kind is not None and "<locals>" not in kind.__qualname__


def _call_showing_code(kind):
    """A __call__ that adds the generated code's lines to errors raised in it."""

    def __call__(self, *args, **kwargs):
        try:
            return super(kind, self).__call__(*args, **kwargs)
        except Exception as error:
            frames = traceback.extract_tb(error.__traceback__)
            if len(frames) > 1 and frames[-1].filename.startswith("<eval_with_key>"):
                print(_surrounding(self, frames[-1]), file=sys.stderr)
            raise

    return __call__


def _surrounding(module, frame):
    lines = linecache.getlines(frame.filename)
    number = frame.lineno
    before = "".join(lines[max(0, number - 4) : number])
    after = "".join(lines[number : number + 3])
    return (
        f"Call using an FX-traced Module, line {number} of the traced Module's generated forward function:\n{before}\n"
        f"~~~~~~~~~~~~~~~~~~~~~~~~~~~ <--- HERE\n{after}"
    )
