"""Gamma and Dirichlet numbers through which gradients flow.

The derivative of a sample x by a parameter a, at the same probability F(x; a), is -(dF/da) / (dF/dx) (Figurnov,
Mohamed, Mnih, "Implicit reparameterization gradients", 2018). For an exponential family with statistic t this is an
integral of the density relative to that at x, times the distance of t from its mean; it is taken over the side
of x on which that distance keeps its sign, so nothing cancels.
"""

import flambeau
from flambeau.ops.random import _sample_dirichlet, _standard_gamma

# Gauss-Legendre on [0, 1], 32 nodes, made when first used.
_PANELS = (1.0, 40.0)  # the integral ends where the density fell by exp(-40); another panel begins where by exp(-1)
_ROWS = 4096


def standard_gamma(alpha):
    """Draws from Gamma(alpha, 1), with gradients to alpha."""
    return _functions()[0].apply(alpha)


def dirichlet(alpha):
    """Draws from Dirichlet(alpha) over the last dimension, with gradients to alpha."""
    return _functions()[1].apply(alpha)


def gamma_gradient(alpha, x):
    """dx/dalpha of x ~ Gamma(alpha, 1)."""

    def prepare(a, x):
        distance = x.log() - a.digamma()
        side = flambeau.where(distance > 0, 1.0, -1.0).to(a.dtype)

        def fall(v):  # -log of t^a exp(-t) at t = x exp(side v), relative to v = 0
            return x * (side * v).expm1() - a * side * v

        def excess(v):
            return v + distance.abs()

        return fall, excess, x

    return _integrated(prepare, alpha, x)


def beta_gradient(alpha, beta, x):
    """dx/dalpha / (1 - x) of x ~ Beta(alpha, beta)."""
    softplus = flambeau.nn.functional.softplus

    def prepare(a, b, x):
        x = x.clamp(min=2.0**-1022, max=1 - 2.0**-53)
        start = x.log() - (-x).log1p()
        mean = a.digamma() - (a + b).digamma()
        side = flambeau.where(x.log() > mean, 1.0, -1.0).to(a.dtype)
        base = a * softplus(-start) + b * softplus(start)

        def fall(v):  # -log of t^a (1 - t)^b at logit t = start + side v, relative to v = 0
            y = start + side * v
            return a * softplus(-y) + b * softplus(y) - base

        def excess(v):
            return side * (-softplus(-(start + side * v)) - mean)

        return fall, excess, x

    return _integrated(prepare, alpha, beta, x)


def _integrated(prepare, *inputs):
    """factor * integral of exp(-fall(v)) excess(v) over v > 0, in blocks of rows."""
    shape, dtype = inputs[-1].shape, inputs[-1].dtype
    columns = [t.detach().to(flambeau.float64).reshape(-1, 1) for t in flambeau.broadcast_tensors(*inputs)]
    nodes, weights = _nodes()
    parts = []
    with flambeau.no_grad():
        for blocks in zip(*(c.split(_ROWS) for c in columns)):
            fall, excess, factor = prepare(*blocks)
            low, total = flambeau.zeros_like(factor), flambeau.zeros_like(factor)
            for level in _PANELS:
                high = _reach(fall, level, low)
                v = low + (high - low) * nodes
                values = (-fall(v)).exp() * excess(v) * weights
                total += (high - low) * values.sum(-1, keepdim=True)
                low = high
            parts.append(total * factor)
    return flambeau.cat(parts).reshape(shape).to(dtype) if parts else flambeau.zeros(shape, dtype=dtype)


def _reach(fall, level, low):
    """Where the convex function `fall` reaches a level, by doubling and bisection."""
    width = flambeau.full_like(low, 2.0**-20)
    for _ in range(64):
        inside = fall(low + width) < level
        if not inside.any():
            break
        width = flambeau.where(inside, 2 * width, width)
    left, right = low, low + width
    for _ in range(24):
        middle = (left + right) / 2
        inside = fall(middle) < level
        left, right = flambeau.where(inside, middle, left), flambeau.where(inside, right, middle)
    return right


def at_least_tiny(value):
    """The value, and the least positive normal number where it is below that; the gradient stays the value's."""
    low = flambeau.finfo(value.dtype).tiny
    found = value.detach()
    return value + (found.clamp(min=low) - found) if (found < low).any() else value


_made: dict = {}


def _nodes():
    if "nodes" not in _made:
        import numpy

        nodes, weights = numpy.polynomial.legendre.leggauss(32)
        _made["nodes"] = flambeau.tensor((nodes + 1) / 2), flambeau.tensor(weights / 2)
    return _made["nodes"]


def _functions():
    if "functions" in _made:
        return _made["functions"]
    from flambeau.autograd import Function
    from flambeau.autograd.function import once_differentiable

    class StandardGamma(Function):
        @staticmethod
        def forward(ctx, alpha):
            x = _standard_gamma(alpha)
            ctx.save_for_backward(alpha, x)
            return x

        @staticmethod
        @once_differentiable
        def backward(ctx, grad):
            return grad * gamma_gradient(*ctx.saved_tensors)

    class SampleDirichlet(Function):
        @staticmethod
        def forward(ctx, alpha):
            x = _sample_dirichlet(alpha)
            ctx.save_for_backward(alpha, x)
            return x

        @staticmethod
        @once_differentiable
        def backward(ctx, grad):
            # One share follows Beta(alpha_i, rest); as it moves, the others shrink in proportion.
            alpha, x = ctx.saved_tensors
            slope = beta_gradient(alpha, alpha.sum(-1, keepdim=True) - alpha, x)
            return slope * (grad - (x * grad).sum(-1, keepdim=True))

    _made["functions"] = StandardGamma, SampleDirichlet
    return _made["functions"]
