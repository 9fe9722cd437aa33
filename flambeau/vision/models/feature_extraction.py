"""Values inside a network by the names of its layers: the network is traced, and cut after what is asked for."""

import re
import warnings
from collections import OrderedDict

from flambeau import fx, nn

from .. import ops

__all__ = ["create_feature_extractor", "get_graph_node_names"]

_LAYERS = [kind for kind in map(vars(ops).get, ops.__all__) if isinstance(kind, type) and issubclass(kind, nn.Module)]
_MODES = {"train": True, "eval": False}


class LeafModuleAwareTracer(fx.Tracer):
    """A tracer that keeps modules of some classes whole (`leaf_modules`)."""

    def __init__(self, *args, leaf_modules=(), **kwargs):
        self.leaf_modules = tuple(leaf_modules)
        super().__init__(*args, **kwargs)

    def is_leaf_module(self, m, module_qualname):
        return isinstance(m, self.leaf_modules) or super().is_leaf_module(m, module_qualname)


class NodePathTracer(LeafModuleAwareTracer):
    """A tracer that names each node after the module in which it is: `layer1.0.conv1`, `layer1.0.add_1`."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.current_module_qualname, self.node_to_qualname = "", OrderedDict()

    def call_module(self, m, forward, args, kwargs):
        before = self.current_module_qualname
        self.current_module_qualname = self.path_of_module(m)
        try:
            return super().call_module(m, forward, args, kwargs)
        finally:
            self.current_module_qualname = before

    def create_proxy(self, kind, target, args, kwargs, *rest, **options):
        proxy = super().create_proxy(kind, target, args, kwargs, *rest, **options)
        self.node_to_qualname[proxy.node] = self._get_node_qualname(self.current_module_qualname, proxy.node)
        return proxy

    def _get_node_qualname(self, module_qualname, node):
        name = module_qualname
        if node.op != "call_module":
            name = f"{name}.{node}" if name else str(node)
        name = re.sub(r"(?<=.)_[0-9]+$", "", name)
        for other in reversed(self.node_to_qualname.values()):
            found = re.fullmatch(rf"{re.escape(name)}(?:_([0-9]+))?", other)
            if found:
                return f"{name}_{int(found[1] or 0) + 1}"
        return name


def _options(given):
    """The tracer's arguments, with the layers and functions of flambeau.vision that stay whole."""
    options = dict(given or {})
    options["leaf_modules"] = [*options.get("leaf_modules", ()), *_LAYERS]
    functions = [*options.get("autowrap_functions", ()), ops.stochastic_depth]
    return {**options, "autowrap_functions": tuple(functions)}


def _traced(model, training, tracer_kwargs, concrete_args):
    model.train(training)
    tracer = NodePathTracer(**_options(tracer_kwargs))
    return tracer, tracer.trace(model, concrete_args=concrete_args)


def _contains(longer, shorter):
    rest = iter(longer)
    return all(item in rest for item in shorter)


def _warn_of_difference(train, evaluation):
    train, evaluation = (list(tracer.node_to_qualname.values()) for tracer in (train, evaluation))
    if train == evaluation:
        return
    what = "the traced nodes differ"
    if _contains(train, evaluation):
        what = "nodes of evaluation are a part of those of training"
    elif _contains(evaluation, train):
        what = "nodes of training are a part of those of evaluation"
    warnings.warn(
        f"The model computes other things in training than in evaluation: {what}. To choose nodes for each, give "
        "train_return_nodes and eval_return_nodes; suppress_diff_warning=True hides this message.",
        stacklevel=3,
    )


def get_graph_node_names(model, tracer_kwargs=None, suppress_diff_warning=False, concrete_args=None):
    """Names of what a network computes, in the order of execution, in training and in evaluation.

    Args:
        model: a module that flambeau.fx can trace.
        tracer_kwargs: arguments of the tracer: leaf_modules, autowrap_functions and others of fx.Tracer.
        suppress_diff_warning: do not warn where the two differ.
        concrete_args: arguments of the module that are no inputs.

    Returns: (names in training, names in evaluation).

    >>> net = flambeau.vision.models.resnet18()
    >>> names, _ = flambeau.vision.models.feature_extraction.get_graph_node_names(net)
    >>> names[:2], names[-2:]
    (['x', 'conv1'], ['flatten', 'fc'])
    """
    training = model.training
    try:
        tracers = [_traced(model, mode, tracer_kwargs, concrete_args)[0] for mode in _MODES.values()]
    finally:
        model.train(training)
    if not suppress_diff_warning:
        _warn_of_difference(*tracers)
    return tuple(list(tracer.node_to_qualname.values()) for tracer in tracers)


class DualGraphModule(fx.GraphModule):
    """A module with one graph for training and another for evaluation."""

    def __init__(self, root, train_graph, eval_graph, class_name="GraphModule"):
        nn.Module.__init__(self)
        self.__class__.__name__ = class_name
        nodes = [node for graph in (train_graph, eval_graph) for node in graph.nodes]
        for node in nodes:
            if node.op in ("call_module", "get_attr"):
                fx.graph_module._copy_attr(root, self, node.target)
        self.__dict__.update(train_graph=train_graph, eval_graph=eval_graph, meta={})
        self.__dict__.update(_tracer_cls=None, _tracer_extras={})
        self.train(False)
        self.graph = eval_graph

    def train(self, mode=True):
        """Choose the graph, and the mode of the layers."""
        if mode != self.training or not hasattr(self, "_graph"):
            self.graph = self.train_graph if mode else self.eval_graph
        return super().train(mode)

    def __deepcopy__(self, memo):
        import copy

        root = nn.Module()
        for key, value in self.__dict__.items():
            if key not in ("_graph", "train_graph", "eval_graph", "_tracer_cls", "_tracer_extras"):
                root.__dict__[key] = copy.deepcopy(value, memo)
        graphs = [copy.deepcopy(graph, memo) for graph in (self.train_graph, self.eval_graph)]
        made = DualGraphModule(root, *graphs, class_name=type(self).__name__)
        return made.train(self.training)


def _asked(return_nodes, train_return_nodes, eval_return_nodes):
    """{"train": {name: name of the output}, "eval": ...}."""
    if return_nodes is None and (train_return_nodes is None or eval_return_nodes is None):
        raise ValueError(
            "Either `return_nodes`, or `train_return_nodes` and `eval_return_nodes` together, should be given"
        )
    if return_nodes is not None and not (train_return_nodes is None and eval_return_nodes is None):
        raise ValueError(
            "If `train_return_nodes` and `eval_return_nodes` are specified, then both should be, without `return_nodes`"
        )
    each = (return_nodes, return_nodes) if return_nodes is not None else (train_return_nodes, eval_return_nodes)
    tables = (nodes if isinstance(nodes, dict) else {name: name for name in nodes} for nodes in each)
    return dict(zip(_MODES, ({str(k): str(v) for k, v in table.items()} for table in tables)))


def _cut(tracer, graph, wanted):
    """Let the graph return what is wanted, and drop what is not needed for it."""
    names = tracer.node_to_qualname
    fx.GraphModule(tracer.root, graph)  # the owner of the graph: it knows which nodes have effects
    for query in wanted:
        if not any(name == query or name.startswith(f"{query}.") for name in names.values()):
            raise ValueError(
                f"node: '{query}' is not present in model. Hint: use `get_graph_node_names` to make sure the `return_nodes` "
                "you specified are present. It may even be that you need to specify `train_return_nodes` and "
                "`eval_return_nodes` separately."
            )
    for node in [node for node in graph.nodes if node.op == "output"]:
        graph.erase_node(node)
    left, found, nodes = dict(wanted), [], list(graph.nodes)
    for node in reversed(nodes):
        name = names.get(node, "")
        query = next((q for q in left if name == q or name.startswith(f"{q}.")), None)
        if query is not None:
            found.insert(0, (left.pop(query), node))
    with graph.inserting_after(nodes[-1]):
        graph.output(OrderedDict(found))
    graph.eliminate_dead_code()


def create_feature_extractor(
    model,
    return_nodes=None,
    train_return_nodes=None,
    eval_return_nodes=None,
    tracer_kwargs=None,
    suppress_diff_warning=False,
    concrete_args=None,
):
    """A module that returns values inside a network, and computes no more than these need.

    Args:
        model: a module that flambeau.fx can trace.
        return_nodes: names of get_graph_node_names, or of modules (their last value); or {name: name of the output}.
        train_return_nodes, eval_return_nodes: the same for training and evaluation, instead.
        tracer_kwargs: arguments of the tracer: leaf_modules, autowrap_functions and others of fx.Tracer.
        suppress_diff_warning: do not warn where training and evaluation differ.
        concrete_args: arguments of the module that are no inputs.

    Returns: a module with a dict of values as its output.

    Raises: ValueError where a name is not in the network.

    >>> net = flambeau.vision.models.resnet18()
    >>> layers = {"layer1": "first", "layer3.0.relu": "inner"}
    >>> part = flambeau.vision.models.feature_extraction.create_feature_extractor(net, layers)
    >>> {name: tuple(x.shape) for name, x in part(flambeau.zeros(1, 3, 64, 64)).items()}
    {'first': (1, 64, 16, 16), 'inner': (1, 256, 4, 4)}
    """
    wanted = _asked(return_nodes, train_return_nodes, eval_return_nodes)
    training, made = model.training, {}
    try:
        for mode, value in _MODES.items():
            made[mode] = _traced(model, value, tracer_kwargs, concrete_args)
            if mode == "eval" and return_nodes is not None and not suppress_diff_warning:
                _warn_of_difference(made["train"][0], made["eval"][0])
            _cut(*made[mode], wanted[mode])
    finally:
        model.train(training)
    name = type(model).__name__ if isinstance(model, nn.Module) else model.__name__
    return DualGraphModule(model, made["train"][1], made["eval"][1], class_name=name).train(training)
