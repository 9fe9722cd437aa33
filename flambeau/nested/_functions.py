"""What functions that are no methods do with nested arguments."""

import functools

from flambeau.sparse._functions import composed_backward, composed_grad

from . import _pointwise, _products, _reductions, _shape


def _softmax(function):
    def normalize(input, dim=None, _stacklevel=3, dtype=None):
        return function(input, dim, dtype)

    return normalize


@functools.cache
def functions():
    """{dotted name: function}."""
    return {
        "autograd.backward": composed_backward,
        "autograd.grad": composed_grad,
        "cat": _shape.cat,
        "concat": _shape.cat,
        "nn.functional.embedding": _products.embedding,
        "nn.functional.layer_norm": _products.layer_norm,
        "nn.functional.linear": _products.linear,
        "nn.functional.log_softmax": _softmax(_reductions.log_softmax),
        "nn.functional.scaled_dot_product_attention": _products.attention,
        "nn.functional.softmax": _softmax(_reductions.softmax),
        **_pointwise.functional(),
    }
