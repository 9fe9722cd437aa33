"""A linear layer and a cross entropy in one."""

import math

from flambeau.nn import functional as F
from flambeau.nn._linear_cross_entropy import LinearCrossEntropyOptions

from .linear import Linear
from .loss import _WeightedLoss

__all__ = ["LinearCrossEntropyLoss", "LinearCrossEntropyOptions"]


class LinearCrossEntropyLoss(_WeightedLoss):
    """`CrossEntropyLoss` of a `Linear`; see `linear_cross_entropy`.

    Args:
        in_features: size of the inputs.
        num_classes: C.
        out_features: further dimensions (d1, ...) of the loss.
        bias: whether the linear layer has a bias.
        reduction, weight, ignore_index, label_smoothing: as for `CrossEntropyLoss`.
        options: accepted.

    Shape:
        input (N, in_features) or (in_features), target (N, d1, ...) of classes or (N, C, d1, ...) of probabilities.

    Example::

        >>> loss = flambeau.nn.LinearCrossEntropyLoss(3, 4)
        >>> loss(flambeau.zeros(2, 3), flambeau.tensor([0, 3])).detach()
        tensor(1.3863)
    """

    def __init__(
        self,
        in_features,
        num_classes,
        *,
        out_features=(),
        bias=False,
        device=None,
        dtype=None,
        reduction="mean",
        weight=None,
        ignore_index=None,
        label_smoothing=0.0,
        options=None,
    ):
        super().__init__(weight, reduction=reduction)
        self.in_features = in_features
        self.num_classes = num_classes
        self.out_features = out_features
        self.bias = bias
        self.ignore_index = ignore_index
        self.label_smoothing = label_smoothing
        self.options = options
        rows = num_classes * math.prod(out_features)
        self.linear = Linear(in_features, rows, bias=bias, device=device, dtype=dtype)

    def forward(self, input, target):
        shape = (self.num_classes, *self.out_features)
        return F.linear_cross_entropy(
            input,
            self.linear.weight.reshape(*shape, self.in_features),
            target,
            linear_bias=None if self.linear.bias is None else self.linear.bias.reshape(shape),
            weight=self.weight,
            reduction=self.reduction,
            ignore_index=self.ignore_index,
            label_smoothing=self.label_smoothing,
            options=self.options,
        )

    def extra_repr(self):
        return (
            f"in_features={self.in_features}, num_classes={self.num_classes}, out_features={self.out_features}, "
            f"bias={self.bias}, reduction={self.reduction}, ignore_index={self.ignore_index}, "
            f"label_smoothing={self.label_smoothing}, options={self.options}"
        )
