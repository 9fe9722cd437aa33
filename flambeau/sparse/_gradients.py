"""Functions of dense tensors whose gradients are sparse: rows of a table, elements along a dimension."""

import flambeau
from flambeau.autograd import Function
from flambeau.autograd._deliveries import deliver, expect

from ._coordinates import unflatten
from ._tensor import make_coo


def _give(target, gradient):
    """A sparse gradient: delivered to a leaf, dense to what was computed."""
    if not target.is_leaf:
        return gradient.to_dense()
    deliver(target, gradient)
    return None


class EmbeddingSparse(Function):
    """Rows of a table; the gradient is a row for each index."""

    @staticmethod
    def forward(ctx, weight, index, padding, scaled):
        expect()
        ctx.target, ctx.padding, ctx.scaled = weight, padding, scaled
        ctx.save_for_backward(index)
        return flambeau._C.embedding(weight, index, padding, False)

    @staticmethod
    def backward(ctx, grad):
        if ctx.scaled:
            raise RuntimeError("embedding_backward: scale_grad_by_freq not supported with sparse gradients")
        (index,) = ctx.saved_tensors
        rows, places = grad.reshape(-1, grad.shape[-1]), index.reshape(-1).long()
        if ctx.padding >= 0:
            kept = (places != ctx.padding).nonzero().view(-1)
            rows, places = rows.index_select(0, kept), places[kept]
        return _give(ctx.target, make_coo(ctx.target.shape, places[None], rows)), None, None, None


class GatherSparse(Function):
    """Elements along a dimension; the gradient is an element for each index."""

    @staticmethod
    def forward(ctx, input, dim, index):
        expect()
        ctx.target, ctx.dim = input, dim
        ctx.save_for_backward(index)
        return flambeau._C.gather(input, dim, index)

    @staticmethod
    def backward(ctx, grad):
        (index,) = ctx.saved_tensors
        positions = unflatten(flambeau.arange(index.numel()), index.shape)
        if index.dim():
            positions[ctx.dim] = index.reshape(-1).long()
        return _give(ctx.target, make_coo(ctx.target.shape, positions, grad.reshape(-1))), None, None
