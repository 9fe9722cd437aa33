"""Interpreter and Transformer: run a graph node by node, and make another graph of it."""

from .graph import Graph
from .graph_module import GraphModule
from .node import map_aggregate, map_arg
from .proxy import GraphAppendingTracer, Proxy

__all__ = ["Interpreter", "Transformer"]


class Interpreter:
    """Runs a GraphModule node by node; subclasses change what a kind of node does.

    Args:
        module: a GraphModule, or the module that a graph names.
        garbage_collect_values: let go of values after their last use.
        graph: the graph, if it is not the module's own.

    >>> class Named(flambeau.fx.Interpreter):
    ...     def call_function(self, target, args, kwargs):
    ...         print(target.__name__)
    ...         return super().call_function(target, args, kwargs)
    >>> Named(flambeau.fx.symbolic_trace(lambda x: flambeau.relu(x) + 1)).run(flambeau.ones(1))
    relu
    add
    tensor([2.])
    """

    def __init__(self, module, garbage_collect_values=True, graph=None):
        self.module = module
        self.submodules = dict(self.module.named_modules())
        self.graph = module.graph if graph is None else graph
        self.env = {}
        self.name = "Interpreter"
        self.garbage_collect_values = garbage_collect_values
        self.extra_traceback = True
        self.args_iter = iter(())
        self.user_to_last_uses = {}
        if garbage_collect_values:
            from .graph import _last_uses

            self.user_to_last_uses = _last_uses(list(self.graph.nodes))

    def run(self, *args, initial_env=None, enable_io_processing=True):
        """The graph's result for these inputs.

        Args:
            args: values of the placeholders, in order.
            initial_env: {node: value} that are known already.
            enable_io_processing: let the graph's code generator prepare inputs and outputs.
        """
        self.env = dict(initial_env or {})
        if enable_io_processing:
            args = self.graph.process_inputs(*args)
        self.args_iter = iter(args)
        for node in self.graph.nodes:
            if node in self.env:
                continue
            try:
                self.env[node] = self.run_node(node)
            except Exception as error:
                if self.extra_traceback and error.args and not hasattr(error, "_fx_node"):
                    error._fx_node = node
                    text = f"{error.args[0]}\n\nWhile executing {node.format_node()}\n"
                    error.args = (text, *error.args[1:])
                    if isinstance(error, KeyError):
                        raise RuntimeError(*error.args) from error
                raise
            for unused in self.user_to_last_uses.get(node, ()):
                self.env.pop(unused, None)
            if node.op == "output":
                value = self.env[node]
                return self.graph.process_outputs(value) if enable_io_processing else value
        return None

    def boxed_run(self, args_list):
        """`run` of a list of inputs that is emptied, so that they can be let go."""
        args = list(args_list)
        args_list.clear()
        return self.run(*args, enable_io_processing=False)

    def run_node(self, n):
        """The value of one node."""
        args, kwargs = self.fetch_args_kwargs_from_env(n)
        return getattr(self, n.op)(n.target, args, kwargs)

    def placeholder(self, target, args, kwargs):
        """The value of an input."""
        if target.startswith("*"):
            return list(self.args_iter)
        try:
            return next(self.args_iter)
        except StopIteration:
            if args:
                return args[0]
            raise RuntimeError(
                f"Expected positional argument for parameter {target}, but one was not passed in!"
            ) from None

    def get_attr(self, target, args, kwargs):
        """An attribute of the module."""
        return self.fetch_attr(target)

    def call_function(self, target, args, kwargs):
        """The result of a function."""
        return target(*args, **kwargs)

    def call_method(self, target, args, kwargs):
        """The result of a method."""
        owner, *rest = args
        return getattr(owner, target)(*rest, **kwargs)

    def call_module(self, target, args, kwargs):
        """The result of a submodule."""
        return self.fetch_attr(target)(*args, **kwargs)

    def output(self, target, args, kwargs):
        """The graph's result."""
        return args[0]

    def fetch_attr(self, target):
        """An attribute of the module by its dotted name."""
        value = self.module
        for i, part in enumerate(target.split(".")):
            if not hasattr(value, part):
                raise RuntimeError(f"Node referenced nonexistent target {'.'.join(target.split('.')[: i + 1])}")
            value = getattr(value, part)
        return value

    def fetch_args_kwargs_from_env(self, n):
        """The values of a node's arguments."""
        return self.map_nodes_to_values(n.args, n), self.map_nodes_to_values(n.kwargs, n)

    def map_nodes_to_values(self, args, n):
        """Arguments with the values of the nodes in them."""

        def value_of(node):
            if node not in self.env:
                raise RuntimeError(
                    f"Node {n} referenced nonexistent value {node}! Run Graph.lint() to diagnose such issues"
                )
            return self.env[node]

        return map_arg(args, value_of)


class Transformer(Interpreter):
    """Makes a new GraphModule of a GraphModule: the methods get proxies, and what they do becomes the new graph.

    >>> class NegSigmSwap(flambeau.fx.Transformer):
    ...     def call_function(self, target, args, kwargs):
    ...         target = flambeau.neg if target is flambeau.sigmoid else target
    ...         return super().call_function(target, args, kwargs)
    >>> swapped = NegSigmSwap(flambeau.fx.symbolic_trace(lambda x: flambeau.sigmoid(x))).transform()
    >>> swapped(flambeau.ones(1))
    tensor([-1.])
    """

    def __init__(self, module):
        super().__init__(module)
        self.new_graph = Graph()
        self.new_graph.set_codegen(module.graph._codegen)
        self.tracer = _TransformerTracer(self.new_graph)
        self.tracer.root = module

    def placeholder(self, target, args, kwargs):
        """A proxy of an input of the new graph."""
        default = args[0] if args else ...
        return Proxy(self.new_graph.placeholder(target, default_value=default), self.tracer)

    def get_attr(self, target, args, kwargs):
        """A proxy of an attribute."""
        return self.tracer.create_proxy("get_attr", target, args, kwargs)

    def call_module(self, target, args, kwargs):
        """A node that calls the submodule."""
        return self.tracer.call_module(self.fetch_attr(target), self.fetch_attr(target).forward, args, kwargs, target)

    def call_function(self, target, args, kwargs):
        """A node that calls the function."""
        return self.tracer.create_proxy("call_function", target, args, kwargs)

    def call_method(self, target, args, kwargs):
        """A node that calls the method."""
        return self.tracer.create_proxy("call_method", target, args, kwargs)

    def transform(self):
        """The new GraphModule."""
        result = super().run(enable_io_processing=False)
        if result is not None:
            old = self.graph.output_node()
            made = self.new_graph.output(
                map_aggregate(result, lambda a: a.node if isinstance(a, Proxy) else a), type_expr=old.type
            )
            made.meta.update(old.meta)
        return GraphModule(self.module, self.new_graph, type(self.module).__name__)


class _TransformerTracer(GraphAppendingTracer):
    """Every submodule is a leaf."""

    root = None

    def is_leaf_module(self, m, name):
        return True

    def call_module(self, m, forward, args, kwargs, target):
        return self.create_proxy("call_module", target, args, kwargs)
