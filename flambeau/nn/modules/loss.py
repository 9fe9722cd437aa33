"""Losses as modules: each calls the function of `nn.functional` that defines it."""

from flambeau.nn import _reduction
from flambeau.nn import functional as F

from .distance import PairwiseDistance
from .module import Module

__all__ = [
    "BCELoss",
    "BCEWithLogitsLoss",
    "CTCLoss",
    "CosineEmbeddingLoss",
    "CrossEntropyLoss",
    "GaussianNLLLoss",
    "HingeEmbeddingLoss",
    "HuberLoss",
    "KLDivLoss",
    "L1Loss",
    "MSELoss",
    "MarginRankingLoss",
    "MultiLabelMarginLoss",
    "MultiLabelSoftMarginLoss",
    "MultiMarginLoss",
    "NLLLoss",
    "NLLLoss2d",
    "PoissonNLLLoss",
    "SmoothL1Loss",
    "SoftMarginLoss",
    "TripletMarginLoss",
    "TripletMarginWithDistanceLoss",
]


class _Loss(Module):
    """What all losses share: how the elements' losses become one number."""

    def __init__(self, size_average=None, reduce=None, reduction="mean"):
        super().__init__()
        if size_average is not None or reduce is not None:
            self.reduction = _reduction.legacy_get_string(size_average, reduce)
        else:
            self.reduction = reduction


class _WeightedLoss(_Loss):
    """A loss with factors, kept as a buffer."""

    def __init__(self, weight=None, size_average=None, reduce=None, reduction="mean"):
        super().__init__(size_average, reduce, reduction)
        self.register_buffer("weight", weight)


class L1Loss(_Loss):
    """|input - target|.

    Args:
        size_average, reduce: old words for reduction.
        reduction: "mean", "sum" or "none".

    Shape:
        (*) twice, to () or, with reduction "none", (*).

    Example::

        >>> flambeau.nn.L1Loss()(flambeau.ones(3), flambeau.zeros(3))
        tensor(1.)
    """

    __constants__ = ["reduction"]

    def forward(self, input, target):
        return F.l1_loss(input, target, reduction=self.reduction)


class NLLLoss(_WeightedLoss):
    """-w[target] input[target]: minus the log-likelihood of the right classes; see `nll_loss`.

    Args:
        weight: (C), a factor for each class.
        size_average, reduce: old words for reduction.
        ignore_index: a target that does not count.
        reduction: "mean", "sum" or "none".

    Shape:
        input (N, C, *) of log-probabilities, target (N, *) of classes.

    Example::

        >>> flambeau.nn.NLLLoss()(flambeau.tensor([[-1.0, -0.5]]), flambeau.tensor([1]))
        tensor(0.5000)
    """

    __constants__ = ["ignore_index", "reduction"]

    def __init__(self, weight=None, size_average=None, ignore_index=-100, reduce=None, reduction="mean"):
        super().__init__(weight, size_average, reduce, reduction)
        self.ignore_index = ignore_index

    def forward(self, input, target):
        return F.nll_loss(input, target, self.weight, ignore_index=self.ignore_index, reduction=self.reduction)


class NLLLoss2d(NLLLoss):
    """The old name of `NLLLoss` for images.

    Example::

        >>> scores = flambeau.tensor([[[[-1.0]], [[-0.5]]]])  # (N, C, H, W)
        >>> flambeau.nn.NLLLoss2d()(scores, flambeau.tensor([[[1]]]))
        tensor(0.5000)
    """


class PoissonNLLLoss(_Loss):
    """exp(input) - target input: minus the log-likelihood of counts; see `poisson_nll_loss`.

    Args:
        log_input: input is the logarithm of the expected count.
        full: add Stirling's approximation of log(target!).
        size_average, reduce: old words for reduction.
        eps: added to the expected count before its logarithm is taken.
        reduction: "mean", "sum" or "none".

    Shape:
        (*) twice, to () or, with reduction "none", (*).

    Example::

        >>> flambeau.nn.PoissonNLLLoss()(flambeau.zeros(2), flambeau.ones(2))
        tensor(1.)
    """

    __constants__ = ["log_input", "full", "eps", "reduction"]

    def __init__(self, log_input=True, full=False, size_average=None, eps=1e-8, reduce=None, reduction="mean"):
        super().__init__(size_average, reduce, reduction)
        self.log_input = log_input
        self.full = full
        self.eps = eps

    def forward(self, log_input, target):
        return F.poisson_nll_loss(
            log_input, target, log_input=self.log_input, full=self.full, eps=self.eps, reduction=self.reduction
        )


class GaussianNLLLoss(_Loss):
    """(log(var) + (input - target)^2 / var) / 2; see `gaussian_nll_loss`.

    Args:
        full: add log(2 pi) / 2.
        eps: the smallest variance.
        reduction: "mean", "sum" or "none".

    Shape:
        (*) three times; var may have a last dimension of 1.

    Example::

        >>> flambeau.nn.GaussianNLLLoss()(flambeau.zeros(2), flambeau.ones(2), flambeau.ones(2))
        tensor(0.5000)
    """

    __constants__ = ["full", "eps", "reduction"]

    def __init__(self, *, full=False, eps=1e-6, reduction="mean"):
        super().__init__(None, None, reduction)
        self.full = full
        self.eps = eps

    def forward(self, input, target, var):
        return F.gaussian_nll_loss(input, target, var, full=self.full, eps=self.eps, reduction=self.reduction)


class KLDivLoss(_Loss):
    """target (log(target) - input), the divergence of exp(input) from target; see `kl_div`.

    Args:
        size_average, reduce: old words for reduction.
        reduction: "batchmean" is the divergence; also "mean", "sum" or "none".
        log_target: target is given as logarithms.

    Shape:
        (*) twice, to () or, with reduction "none", (*).

    Example::

        >>> flambeau.nn.KLDivLoss(reduction="batchmean")(flambeau.zeros(1, 2), flambeau.ones(1, 2))
        tensor(0.)
    """

    __constants__ = ["reduction"]

    def __init__(self, size_average=None, reduce=None, reduction="mean", log_target=False):
        super().__init__(size_average, reduce, reduction)
        self.log_target = log_target

    def forward(self, input, target):
        return F.kl_div(input, target, reduction=self.reduction, log_target=self.log_target)


class MSELoss(_Loss):
    """(input - target)^2.

    Args:
        size_average, reduce: old words for reduction.
        reduction: "mean", "sum" or "none".

    Shape:
        (*) twice, to () or, with reduction "none", (*).

    Example::

        >>> flambeau.nn.MSELoss()(flambeau.ones(3), flambeau.zeros(3))
        tensor(1.)
    """

    __constants__ = ["reduction"]

    def forward(self, input, target):
        return F.mse_loss(input, target, reduction=self.reduction)


class BCELoss(_WeightedLoss):
    """-w (target log(input) + (1 - target) log(1 - input)); see `binary_cross_entropy`.

    Args:
        weight: factors, broadcast to the target.
        size_average, reduce: old words for reduction.
        reduction: "mean", "sum" or "none".

    Shape:
        (*) twice, probabilities; to () or (*).

    Example::

        >>> flambeau.nn.BCELoss()(flambeau.tensor([0.5]), flambeau.ones(1))
        tensor(0.6931)
    """

    __constants__ = ["reduction"]

    def forward(self, input, target):
        return F.binary_cross_entropy(input, target, self.weight, reduction=self.reduction)


class BCEWithLogitsLoss(_Loss):
    """`BCELoss` of sigmoid(input), without overflow.

    Args:
        weight: factors, broadcast to the target.
        size_average, reduce: old words for reduction.
        reduction: "mean", "sum" or "none".
        pos_weight: factors for the positive part.

    Shape:
        (*) twice, to () or, with reduction "none", (*).

    Example::

        >>> flambeau.nn.BCEWithLogitsLoss()(flambeau.zeros(1), flambeau.ones(1))
        tensor(0.6931)
    """

    def __init__(self, weight=None, size_average=None, reduce=None, reduction="mean", pos_weight=None):
        super().__init__(size_average, reduce, reduction)
        self.register_buffer("weight", weight)
        self.register_buffer("pos_weight", pos_weight)

    def forward(self, input, target):
        return F.binary_cross_entropy_with_logits(
            input, target, self.weight, pos_weight=self.pos_weight, reduction=self.reduction
        )


class HingeEmbeddingLoss(_Loss):
    """input where target is 1, max(0, margin - input) where it is -1.

    Args:
        margin: see above.
        size_average, reduce: old words for reduction.
        reduction: "mean", "sum" or "none".

    Shape:
        (*) twice, to () or, with reduction "none", (*).

    Example::

        >>> flambeau.nn.HingeEmbeddingLoss()(flambeau.tensor([0.5]), flambeau.tensor([-1.0]))
        tensor(0.5000)
    """

    __constants__ = ["margin", "reduction"]

    def __init__(self, margin=1.0, size_average=None, reduce=None, reduction="mean"):
        super().__init__(size_average, reduce, reduction)
        self.margin = margin

    def forward(self, input, target):
        return F.hinge_embedding_loss(input, target, margin=self.margin, reduction=self.reduction)


class MultiLabelMarginLoss(_Loss):
    """Margins between wanted and other classes; see `multilabel_margin_loss`.

    Args:
        size_average, reduce: old words for reduction.
        reduction: "mean", "sum" or "none".

    Shape:
        (N, C) or (C) twice, to () or (N).

    Example::

        >>> flambeau.nn.MultiLabelMarginLoss()(flambeau.tensor([0.1, 0.2, 0.4, 0.8]), flambeau.tensor([3, 0, -1, 1]))
        tensor(0.8500)
    """

    __constants__ = ["reduction"]

    def forward(self, input, target):
        return F.multilabel_margin_loss(input, target, reduction=self.reduction)


class SmoothL1Loss(_Loss):
    """d^2 / (2 beta) where d = |input - target| < beta, else d - beta / 2.

    Args:
        size_average, reduce: old words for reduction.
        reduction: "mean", "sum" or "none".
        beta: where the curve becomes straight.

    Shape:
        (*) twice, to () or, with reduction "none", (*).

    Example::

        >>> flambeau.nn.SmoothL1Loss()(flambeau.ones(3), flambeau.zeros(3))
        tensor(0.5000)
    """

    __constants__ = ["reduction"]

    def __init__(self, size_average=None, reduce=None, reduction="mean", beta=1.0):
        super().__init__(size_average, reduce, reduction)
        self.beta = beta

    def forward(self, input, target):
        return F.smooth_l1_loss(input, target, reduction=self.reduction, beta=self.beta)


class HuberLoss(_Loss):
    """d^2 / 2 where d = |input - target| <= delta, else delta (d - delta / 2).

    Args:
        reduction: "mean", "sum" or "none".
        delta: where the curve becomes straight.

    Shape:
        (*) twice, to () or, with reduction "none", (*).

    Example::

        >>> flambeau.nn.HuberLoss()(flambeau.ones(3), flambeau.zeros(3))
        tensor(0.5000)
    """

    __constants__ = ["reduction", "delta"]

    def __init__(self, reduction="mean", delta=1.0):
        super().__init__(reduction=reduction)
        self.delta = delta

    def forward(self, input, target):
        return F.huber_loss(input, target, reduction=self.reduction, delta=self.delta)


class SoftMarginLoss(_Loss):
    """log(1 + exp(-target input)), target being 1 or -1.

    Args:
        size_average, reduce: old words for reduction.
        reduction: "mean", "sum" or "none".

    Shape:
        (*) twice, to () or, with reduction "none", (*).

    Example::

        >>> flambeau.nn.SoftMarginLoss()(flambeau.zeros(1), flambeau.ones(1))
        tensor(0.6931)
    """

    __constants__ = ["reduction"]

    def forward(self, input, target):
        return F.soft_margin_loss(input, target, reduction=self.reduction)


class CrossEntropyLoss(_WeightedLoss):
    """-log softmax(input)[target]; see `cross_entropy`.

    Args:
        weight: (C), a factor for each class.
        size_average, reduce: old words for reduction.
        ignore_index: a target that does not count.
        reduction: "mean", "sum" or "none".
        label_smoothing: part of the probability that is spread evenly over all classes.

    Shape:
        input (N, C, *) of scores; target (N, *) of classes, or the shape of input with probabilities.

    Example::

        >>> flambeau.nn.CrossEntropyLoss()(flambeau.zeros(2, 4), flambeau.tensor([1, 3]))
        tensor(1.3863)
    """

    __constants__ = ["ignore_index", "reduction", "label_smoothing"]

    def __init__(
        self, weight=None, size_average=None, ignore_index=-100, reduce=None, reduction="mean", label_smoothing=0.0
    ):
        super().__init__(weight, size_average, reduce, reduction)
        self.ignore_index = ignore_index
        self.label_smoothing = label_smoothing

    def forward(self, input, target):
        return F.cross_entropy(
            input,
            target,
            weight=self.weight,
            ignore_index=self.ignore_index,
            reduction=self.reduction,
            label_smoothing=self.label_smoothing,
        )


class MultiLabelSoftMarginLoss(_WeightedLoss):
    """Binary cross entropy of sigmoid(input), averaged over the classes.

    Args:
        weight: (C), a factor for each class.
        size_average, reduce: old words for reduction.
        reduction: "mean", "sum" or "none".

    Shape:
        (N, C) twice, to () or (N).

    Example::

        >>> flambeau.nn.MultiLabelSoftMarginLoss()(flambeau.zeros(1, 2), flambeau.ones(1, 2))
        tensor(0.6931)
    """

    __constants__ = ["reduction"]

    def forward(self, input, target):
        return F.multilabel_soft_margin_loss(input, target, self.weight, reduction=self.reduction)


class CosineEmbeddingLoss(_Loss):
    """1 - cos(input1, input2) where target is 1, max(0, cos - margin) where it is -1.

    Args:
        margin: between -1 and 1.
        size_average, reduce: old words for reduction.
        reduction: "mean", "sum" or "none".

    Shape:
        (N, D) or (D) twice and (N) or (), to () or (N).

    Example::

        >>> flambeau.nn.CosineEmbeddingLoss()(flambeau.ones(1, 3), flambeau.ones(1, 3), flambeau.ones(1))
        tensor(0.)
    """

    __constants__ = ["margin", "reduction"]

    def __init__(self, margin=0.0, size_average=None, reduce=None, reduction="mean"):
        super().__init__(size_average, reduce, reduction)
        self.margin = margin

    def forward(self, input1, input2, target):
        return F.cosine_embedding_loss(input1, input2, target, margin=self.margin, reduction=self.reduction)


class MarginRankingLoss(_Loss):
    """max(0, -target (input1 - input2) + margin).

    Args:
        margin: how far apart the inputs are to be.
        size_average, reduce: old words for reduction.
        reduction: "mean", "sum" or "none".

    Shape:
        (N) three times, to () or (N).

    Example::

        >>> flambeau.nn.MarginRankingLoss()(flambeau.ones(1), flambeau.zeros(1), -flambeau.ones(1))
        tensor(1.)
    """

    __constants__ = ["margin", "reduction"]

    def __init__(self, margin=0.0, size_average=None, reduce=None, reduction="mean"):
        super().__init__(size_average, reduce, reduction)
        self.margin = margin

    def forward(self, input1, input2, target):
        return F.margin_ranking_loss(input1, input2, target, margin=self.margin, reduction=self.reduction)


class MultiMarginLoss(_WeightedLoss):
    """Margins between the right and other classes; see `multi_margin_loss`.

    Args:
        p: 1 or 2.
        margin: how much higher the right class is to be.
        weight: (C), a factor for each class.
        size_average, reduce: old words for reduction.
        reduction: "mean", "sum" or "none".

    Shape:
        input (N, C) or (C), target (N) or ().

    Example::

        >>> flambeau.nn.MultiMarginLoss()(flambeau.tensor([[0.0, 2.0]]), flambeau.tensor([0]))
        tensor(1.5000)
    """

    __constants__ = ["p", "margin", "reduction"]

    def __init__(self, p=1, margin=1.0, weight=None, size_average=None, reduce=None, reduction="mean"):
        super().__init__(weight, size_average, reduce, reduction)
        if p not in (1, 2):
            raise ValueError("only p == 1 and p == 2 supported")
        if weight is not None and weight.dim() != 1:
            raise ValueError("weight must be None or have a single dimension")
        self.p = p
        self.margin = margin

    def forward(self, input, target):
        return F.multi_margin_loss(
            input, target, p=self.p, margin=self.margin, weight=self.weight, reduction=self.reduction
        )


class TripletMarginLoss(_Loss):
    """max(0, d(anchor, positive) - d(anchor, negative) + margin); see `triplet_margin_loss`.

    Args:
        margin: how much farther the negative is to be.
        p, eps: of the distance.
        swap: take the negative's distance to the positive instead if that is smaller.
        size_average, reduce: old words for reduction.
        reduction: "mean", "sum" or "none".

    Shape:
        (N, D) or (D) three times, to () or (N).

    Example::

        >>> flambeau.nn.TripletMarginLoss()(flambeau.zeros(1, 2), flambeau.zeros(1, 2), flambeau.full((1, 2), 3.0))
        tensor(0.)
    """

    __constants__ = ["margin", "p", "eps", "swap", "reduction"]

    def __init__(self, margin=1.0, p=2.0, eps=1e-6, swap=False, size_average=None, reduce=None, reduction="mean"):
        super().__init__(size_average, reduce, reduction)
        if margin <= 0:
            raise ValueError(f"TripletMarginLoss: expected margin to be greater than 0, got {margin} instead")
        self.margin = margin
        self.p = p
        self.eps = eps
        self.swap = swap

    def forward(self, anchor, positive, negative):
        return F.triplet_margin_loss(
            anchor,
            positive,
            negative,
            margin=self.margin,
            p=self.p,
            eps=self.eps,
            swap=self.swap,
            reduction=self.reduction,
        )


class TripletMarginWithDistanceLoss(_Loss):
    """`TripletMarginLoss` with any distance.

    Args:
        distance_function: of two tensors; the pairwise distance if left out.
        margin, swap: as for `TripletMarginLoss`.
        reduction: "mean", "sum" or "none".

    Shape:
        what the distance takes, to () or (N).

    Example::

        >>> a, n = flambeau.zeros(1, 2), flambeau.full((1, 2), 3.0)
        >>> flambeau.nn.TripletMarginWithDistanceLoss()(a, a, n)
        tensor(0.)
    """

    __constants__ = ["margin", "swap", "reduction"]

    def __init__(self, *, distance_function=None, margin=1.0, swap=False, reduction="mean"):
        super().__init__(None, None, reduction)
        if margin <= 0:
            raise ValueError(
                f"TripletMarginWithDistanceLoss: expected margin to be greater than 0, got {margin} instead"
            )
        self.distance_function = PairwiseDistance() if distance_function is None else distance_function
        self.margin = margin
        self.swap = swap

    def forward(self, anchor, positive, negative):
        return F.triplet_margin_with_distance_loss(
            anchor,
            positive,
            negative,
            distance_function=self.distance_function,
            margin=self.margin,
            swap=self.swap,
            reduction=self.reduction,
        )


class CTCLoss(_Loss):
    """Connectionist temporal classification (Graves et al., 2006); see `ctc_loss`.

    Args:
        blank: the class that means nothing.
        reduction: "mean", "sum" or "none".
        zero_infinity: losses of impossible targets count as 0.

    Shape:
        log_probs (T, N, C) or (T, C), targets (N, S) or all in one dimension, lengths (N) or ().

    Example::

        >>> flambeau.nn.CTCLoss()(flambeau.zeros(5, 1, 3).log_softmax(2), flambeau.tensor([[1, 2]]), [5], [2])
        tensor(0.9689)
    """

    __constants__ = ["blank", "reduction"]

    def __init__(self, blank=0, reduction="mean", zero_infinity=False):
        super().__init__(reduction=reduction)
        self.blank = blank
        self.zero_infinity = zero_infinity

    def forward(self, log_probs, targets, input_lengths, target_lengths):
        return F.ctc_loss(
            log_probs, targets, input_lengths, target_lengths, self.blank, self.reduction, self.zero_infinity
        )
