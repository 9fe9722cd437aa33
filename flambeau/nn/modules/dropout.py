"""Dropout."""

from flambeau.nn import functional as F

from .module import Module

__all__ = [
    "AlphaDropout",
    "Dropout",
    "Dropout1d",
    "Dropout2d",
    "Dropout3d",
    "FeatureAlphaDropout",
]


class _DropoutNd(Module):
    """What all dropouts share: the probability and whether to work in place."""

    __constants__ = ["p", "inplace"]

    def __init__(self, p=0.5, inplace=False):
        super().__init__()
        if p < 0 or p > 1:
            raise ValueError(f"dropout probability has to be between 0 and 1, but got {p}")
        self.p = p
        self.inplace = inplace

    def extra_repr(self):
        return f"p={self.p}, inplace={self.inplace}"


class Dropout(_DropoutNd):
    """In training, sets each element to 0 with probability p and multiplies the others by 1 / (1 - p).

    Args:
        p: probability of an element to become 0.
        inplace: change the input itself.

    Shape:
        any, both ways.

    Example::

        >>> flambeau.nn.Dropout(0.2).eval()(flambeau.ones(2))
        tensor([1., 1.])
    """

    def forward(self, input):
        return F.dropout(input, self.p, self.training, self.inplace)


class Dropout1d(_DropoutNd):
    """`Dropout` of whole channels of (N, C, L) or (C, L).

    Args:
        p: probability of a channel to become 0.
        inplace: change the input itself.

    Shape:
        (N, C, L) or (C, L), both ways.

    Example::

        >>> _ = flambeau.manual_seed(0)
        >>> flambeau.nn.Dropout1d()(flambeau.ones(3, 2))
        tensor([[0., 0.],
                [0., 0.],
                [2., 2.]])
    """

    def forward(self, input):
        return F.dropout1d(input, self.p, self.training, self.inplace)


class Dropout2d(_DropoutNd):
    """`Dropout` of whole channels of (N, C, H, W) or (N, C, L).

    Args:
        p: probability of a channel to become 0.
        inplace: change the input itself.

    Shape:
        (N, C, H, W) or (N, C, L), both ways.

    Example::

        >>> _ = flambeau.manual_seed(0)
        >>> flambeau.nn.Dropout2d()(flambeau.ones(1, 3, 1, 2))[0, :, 0]
        tensor([[0., 0.],
                [0., 0.],
                [2., 2.]])
    """

    def forward(self, input):
        return F.dropout2d(input, self.p, self.training, self.inplace)


class Dropout3d(_DropoutNd):
    """`Dropout` of whole channels of (N, C, D, H, W) or (C, D, H, W).

    Args:
        p: probability of a channel to become 0.
        inplace: change the input itself.

    Shape:
        (N, C, D, H, W) or (C, D, H, W), both ways.

    Example::

        >>> _ = flambeau.manual_seed(0)
        >>> flambeau.nn.Dropout3d()(flambeau.ones(1, 3, 1, 1, 2))[0, :, 0, 0]
        tensor([[0., 0.],
                [0., 0.],
                [2., 2.]])
    """

    def forward(self, input):
        return F.dropout3d(input, self.p, self.training, self.inplace)


class AlphaDropout(_DropoutNd):
    """Dropout that keeps mean 0 and variance 1 after SELU: dropped elements become SELU's limit (Klambauer 2017).

    Args:
        p: probability of an element to be dropped.
        inplace: change the input itself.

    Shape:
        any, both ways.

    Example::

        >>> _ = flambeau.manual_seed(0)
        >>> flambeau.nn.AlphaDropout()(flambeau.zeros(4))
        tensor([-0.7792, -0.7792,  0.7792, -0.7792])
    """

    def forward(self, input):
        return F.alpha_dropout(input, self.p, self.training)


class FeatureAlphaDropout(_DropoutNd):
    """`AlphaDropout` of whole channels.

    Args:
        p: probability of a channel to be dropped.
        inplace: change the input itself.

    Shape:
        (N, C, *), both ways.

    Example::

        >>> _ = flambeau.manual_seed(0)
        >>> flambeau.nn.FeatureAlphaDropout()(flambeau.zeros(1, 3, 2))
        tensor([[[-0.7792, -0.7792],
                 [-0.7792, -0.7792],
                 [ 0.7792,  0.7792]]])
    """

    def forward(self, input):
        return F.feature_alpha_dropout(input, self.p, self.training)
