"""Dropping whole samples of a residual branch (arXiv 1603.09382)."""

import flambeau
from flambeau import nn

__all__ = ["StochasticDepth", "stochastic_depth"]


def stochastic_depth(input, p, mode, training=True):
    """Set all of the input, or some of its rows, to zero; the others grow by 1 / (1 - p).

    Args:
        input: tensor of any shape, rows first.
        p: probability of a zero.
        mode: "batch" (one draw for all) or "row" (a draw for each).
        training: without it the input is returned.

    >>> flambeau.vision.ops.stochastic_depth(flambeau.ones(2), 0.5, "batch")
    tensor([0., 0.])
    """
    if not 0.0 <= p <= 1.0:
        raise ValueError(f"drop probability has to be between 0 and 1, but got {p}")
    if mode not in ("batch", "row"):
        raise ValueError(f"mode has to be either 'batch' or 'row', but got {mode}")
    if not training or p == 0.0:
        return input
    rows = input.shape[0] if mode == "row" else 1
    noise = flambeau.empty([rows] + [1] * (input.ndim - 1), dtype=input.dtype, device=input.device).bernoulli_(1.0 - p)
    return input * (noise / (1.0 - p) if p < 1.0 else noise)


class StochasticDepth(nn.Module):
    """A layer of flambeau.vision.ops.stochastic_depth.

    Args:
        p: probability of a zero.
        mode: "batch" or "row".

    >>> flambeau.vision.ops.StochasticDepth(0.2, "row").eval()(flambeau.ones(2))
    tensor([1., 1.])
    """

    def __init__(self, p, mode):
        super().__init__()
        self.p = p
        self.mode = mode

    def forward(self, input):
        return stochastic_depth(input, self.p, self.mode, self.training)

    def __repr__(self):
        return f"{self.__class__.__name__}(p={self.p}, mode={self.mode})"
