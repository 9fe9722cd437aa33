"""Distances between vectors."""

from flambeau.nn import functional as F

from .module import Module

__all__ = ["CosineSimilarity", "PairwiseDistance"]


class PairwiseDistance(Module):
    """d = |x1 - x2 + eps|_p over the last dimension.

    Args:
        p: the norm's exponent.
        eps: added to each difference, against division by zero.
        keepdim: keep the last dimension with size 1.

    Shape:
        (N, D) or (D) twice, to (N) or ().

    Example::

        >>> flambeau.nn.PairwiseDistance(p=2)(flambeau.ones(2, 4), flambeau.zeros(2, 4))
        tensor([2.0000, 2.0000])
    """

    __constants__ = ["norm", "eps", "keepdim"]

    def __init__(self, p=2.0, eps=1e-6, keepdim=False):
        super().__init__()
        self.norm = p
        self.eps = eps
        self.keepdim = keepdim

    def forward(self, x1, x2):
        return F.pairwise_distance(x1, x2, self.norm, self.eps, self.keepdim)


class CosineSimilarity(Module):
    """x1 . x2 / max(|x1| |x2|, eps) along a dimension.

    Args:
        dim: the dimension of the vectors.
        eps: the smallest denominator.

    Shape:
        two of the same (or broadcastable) shape, to that shape without `dim`.

    Example::

        >>> flambeau.nn.CosineSimilarity(dim=0)(flambeau.ones(3), flambeau.ones(3))
        tensor(1.0000)
    """

    __constants__ = ["dim", "eps"]

    def __init__(self, dim=1, eps=1e-8):
        super().__init__()
        self.dim = dim
        self.eps = eps

    def forward(self, x1, x2):
        return F.cosine_similarity(x1, x2, self.dim, self.eps)
