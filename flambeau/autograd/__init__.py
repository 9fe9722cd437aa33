"""Automatic differentiation: backward, grad, and functions with derivatives of their own."""

from .. import _C
from . import _deliveries, function, grad_mode, graph
from ._deliveries import Pass, total
from .anomaly_mode import detect_anomaly, set_detect_anomaly
from .function import Function, NestedIOFunction
from .gradcheck import GradcheckError, gradcheck, gradgradcheck  # after the module of that name
from .grad_mode import enable_grad, inference_mode, no_grad, set_grad_enabled, set_multithreading_enabled

__all__ = [
    "Function",
    "GradcheckError",
    "NestedIOFunction",
    "Variable",
    "backward",
    "detect_anomaly",
    "enable_grad",
    "function",
    "grad",
    "grad_mode",
    "gradcheck",
    "gradgradcheck",
    "graph",
    "inference_mode",
    "no_grad",
    "set_detect_anomaly",
    "set_grad_enabled",
    "set_multithreading_enabled",
]  # fmt: skip


def __getattr__(name):
    if name in ("forward_ad", "functional", "profiler", "profiler_util", "variable"):
        import importlib

        return importlib.import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def _node_class(op, name, kind):
    from ._nodes import node_class

    return node_class(op, name, kind)


_C.set_node_class(_node_class)

_UNUSED = (
    "[grad] One of the differentiated Tensors appears to not have been used in the graph. Set allow_unused=True if this is the "
    "desired behavior."
)


def _as_tuple(value):
    if value is None:
        return ()
    return (value,) if isinstance(value, _C.Tensor) or not hasattr(value, "__iter__") else tuple(value)


def _gradients_for(outputs, given, op):
    if given is None:
        return [None] * len(outputs)
    given = [given] if isinstance(given, _C.Tensor) else list(given)
    if len(given) != len(outputs):
        raise RuntimeError(f"[{op}] got {len(outputs)} tensors and {len(given)} gradients")
    for g in given:
        if g is not None and not isinstance(g, _C.Tensor):
            raise TypeError(f"[{op}] gradients can be either Tensors or None, but got {type(g).__name__}")
    return given


def backward(tensors, grad_tensors=None, retain_graph=None, create_graph=False, grad_variables=None, inputs=None):
    """Compute the gradients of tensors and add them to `.grad` of the leaves behind them.

    Args:
        tensors: one tensor or several; those with more than one element need an entry in grad_tensors.
        grad_tensors: gradients of what follows by each of them (or None).
        retain_graph: keep what the graph has saved, for another pass (default: create_graph).
        create_graph: record the pass itself, for higher derivatives.
        inputs: only these tensors get a gradient.

    Raises:
        RuntimeError: no tensor requires a gradient, the graph was used up before, or a saved tensor was changed in place.

    >>> x = flambeau.tensor([1.0, 2.0], requires_grad=True)
    >>> flambeau.autograd.backward((x * x).sum())
    >>> x.grad
    tensor([2., 4.])
    """
    if grad_variables is not None:
        grad_tensors = grad_variables
    tensors = (tensors,) if isinstance(tensors, _C.Tensor) else _as_tuple(tensors)
    keep = create_graph if retain_graph is None else retain_graph
    starts = [None] * len(tensors) if grad_tensors is None else _gradients_for(tensors, grad_tensors, "backward")
    if inputs is None and not _deliveries.expected:
        _C.run_backward(tensors, starts, keep, create_graph, (), True, True)
        return
    given, inputs = inputs is not None, _as_tuple(inputs)
    if given and not inputs:
        raise RuntimeError("[backward] `inputs` argument to `backward` cannot be empty.")
    with Pass({id(x) for x in inputs} if inputs else None) as current:
        results = _C.run_backward(tensors, starts, keep, create_graph, inputs, True, True)
    if current.found or current.aside:
        with set_grad_enabled(create_graph):
            current.accumulate()
    for tensor, gradient in zip(inputs, results):
        if not tensor.is_leaf and gradient is not None and not tensor.retains_grad:
            tensor.grad = gradient if tensor.grad is None else tensor.grad + gradient


def grad(
    outputs,
    inputs,
    grad_outputs=None,
    retain_graph=None,
    create_graph=False,
    only_inputs=True,
    allow_unused=None,
    is_grads_batched=False,
    materialize_grads=False,
):
    """The gradients of outputs by inputs, as a tuple; `.grad` stays as it is.

    Args:
        outputs, inputs: tensors or sequences of them.
        grad_outputs: gradients of what follows by each output (or None for one-element outputs).
        retain_graph, create_graph: as in backward.
        allow_unused: None for an input that no output depends on, instead of an error.
        materialize_grads: zeros instead of None.

    >>> x = flambeau.tensor(3.0, requires_grad=True)
    >>> (first,) = flambeau.autograd.grad(x**3, x, create_graph=True)
    >>> flambeau.autograd.grad(first, x)
    (tensor(18.),)
    """
    outputs, inputs = _as_tuple(outputs), _as_tuple(inputs)
    if materialize_grads and allow_unused is False:
        raise ValueError("[grad] Expected allow_unused to be True or not passed when materialize_grads=True")
    if is_grads_batched:
        return _batched_grad(outputs, inputs, grad_outputs, create_graph, materialize_grads or allow_unused)
    keep = create_graph if retain_graph is None else retain_graph
    starts = _gradients_for(outputs, grad_outputs, "grad")
    with Pass({id(x) for x in inputs}) as current:
        results = _C.run_backward(outputs, starts, keep, create_graph, inputs, True, False)
    for i, x in enumerate(inputs):
        if id(x) in current.found:
            delivered = current.found[id(x)][1]
            results[i] = delivered if results[i] is None else total(results[i], delivered)
    if not (allow_unused or materialize_grads) and any(g is None for g in results):
        raise RuntimeError(_UNUSED)
    if materialize_grads:
        results = [_C.zeros_like(x) if g is None else g for g, x in zip(results, inputs)]
    return tuple(results)


def _batched_grad(outputs, inputs, grad_outputs, create_graph, allow_unused):
    """One pass per leading index of grad_outputs, stacked."""
    from ..ops import stack

    grad_outputs = _as_tuple(grad_outputs)
    rows = [
        grad(
            outputs,
            inputs,
            [g[i] for g in grad_outputs],
            True,
            create_graph,
            allow_unused=allow_unused,
            materialize_grads=bool(allow_unused),
        )
        for i in range(len(grad_outputs[0]))
    ]
    return tuple(stack(column) for column in zip(*rows))


class _VariableMeta(type):
    def __instancecheck__(cls, instance):
        return isinstance(instance, _C.Tensor)


class Variable(metaclass=_VariableMeta):
    """The old name of a tensor with a gradient: Variable(tensor) is the tensor.

    >>> x = flambeau.autograd.Variable(flambeau.ones(2), requires_grad=True)
    >>> x, isinstance(x, flambeau.autograd.Variable)
    (tensor([1., 1.], requires_grad=True), True)
    """

    def __new__(cls, data, requires_grad=False):
        out = data.detach()
        out.requires_grad = requires_grad
        return out
