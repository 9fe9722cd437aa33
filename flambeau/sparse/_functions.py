"""What functions that are no methods do with sparse arguments."""

import flambeau
from flambeau._composed import Composed

from . import _coordinates, _products
from ._creation import zeros_like


def composed_grad(outputs, inputs, grad_outputs=None, *args, **kwargs):
    """autograd.grad, with the gradients of composed inputs in their form."""
    outputs = list(outputs) if isinstance(outputs, (tuple, list)) else [outputs]
    inputs = list(inputs) if isinstance(inputs, (tuple, list)) else [inputs]
    found = flambeau.autograd.grad(
        [inner(x) for x in outputs], [inner(x) for x in inputs], inner_gradients(outputs, grad_outputs), *args, **kwargs
    )
    return tuple(x._gradient(g) if isinstance(x, Composed) and g is not None else g for x, g in zip(inputs, found))


def composed_backward(
    tensors, grad_tensors=None, retain_graph=None, create_graph=False, grad_variables=None, inputs=None
):
    """autograd.backward from or to composed tensors."""
    tensors = list(tensors) if isinstance(tensors, (tuple, list)) else [tensors]
    if inputs is not None:
        inputs = [inner(x) for x in (inputs if isinstance(inputs, (tuple, list)) else [inputs])]
    given = inner_gradients(tensors, grad_tensors if grad_variables is None else grad_variables)
    flambeau.autograd.backward([inner(x) for x in tensors], given, retain_graph, create_graph, inputs=inputs)


def inner(value):
    """The tensor in whose place in the graph a composed one stands."""
    return value._elements if isinstance(value, Composed) else value


def inner_gradients(tensors, given):
    """Gradients as those of the tensors' elements."""
    if given is None:
        return None
    given = list(given) if isinstance(given, (tuple, list)) else [given]
    return [t._aligned(g) if isinstance(t, Composed) and g is not None else g for t, g in zip(tensors, given)]


def _dropout(input, p=0.5, training=True, inplace=False):
    if training and p > 0:
        raise NotImplementedError("[dropout] of a sparse tensor: apply it to its values")
    return input


def _result_type(tensor1, tensor2):
    return flambeau.result_type(inner(tensor1), inner(tensor2))


def _set_grad(self, value):
    """Makes a sparse tensor the gradient of a dense leaf."""
    with flambeau.DisableTorchFunctionSubclass():
        flambeau.Tensor.grad.__set__(self, value)


FUNCTIONS = {
    "Tensor.grad.__set__": _set_grad,
    "autograd.grad": composed_grad,
    "autograd.backward": composed_backward,
    "cat": _coordinates.cat,
    "concat": _coordinates.cat,
    "concatenate": _coordinates.cat,
    "empty_like": zeros_like,
    "hstack": lambda tensors, *, out=None: _coordinates.cat(tensors, 1 if tensors[0].dim() > 1 else 0),
    "nn.functional.dropout": _dropout,
    "nn.functional.linear": _products.linear,
    "nn.functional.relu": lambda input, inplace=False: input.relu_() if inplace else input.relu(),
    "result_type": _result_type,
    "stack": _coordinates.stack,
    "vstack": lambda tensors, *, out=None: _coordinates.cat(tensors),
    "zeros_like": zeros_like,
}
