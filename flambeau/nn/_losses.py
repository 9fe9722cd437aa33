"""Losses of predictions against targets, composed of ops; `nn.functional` shows them.

All take `reduction`: "mean" and "sum" give one number, "none" the losses of the elements; `size_average` and `reduce`
are torch's old words for it.
"""

import math
import warnings

import flambeau
from flambeau.ops._host import any_of

from ._loss_functions import BinaryCrossEntropy, binary_losses
from ._reduction import choose, reduced


def _warn_sizes(name, input, target):
    """torch's warning for sizes that differ; the sizes are broadcast, which is rarely what was meant."""
    if input.shape != target.shape:
        warnings.warn(
            f"Using a target size ({target.shape}) that is different to the input size ({input.shape}). "
            f"This will likely lead to incorrect results due to broadcasting. "
            f"Please ensure they have the same size, for instance by [{name}](input, target.view_as(input)).",
            stacklevel=3,
        )


def _weighted(losses, weight, reduction, input):
    """Elementwise losses with elementwise weights; the mean divides by the weights' sum."""
    if weight is None:
        return reduced(losses, reduction)
    if weight.shape != input.shape:
        raise ValueError("Weights and input must have the same size.")
    losses = losses * weight
    return losses.sum() / weight.sum() if reduction == "mean" else reduced(losses, reduction)


def mse_loss(input, target, size_average=None, reduce=None, reduction="mean", weight=None):
    """(input - target)^2.

    Args:
        input, target: the same shape, real.
        size_average, reduce, reduction: see this module.
        weight: a factor for each element; the mean divides by the sum of factors.

    Example::

        >>> flambeau.nn.functional.mse_loss(flambeau.tensor([1.0, 2.0]), flambeau.tensor([1.0, 4.0]))
        tensor(2.)
    """
    reduction = choose(reduction, size_average, reduce)
    _warn_sizes("mse_loss", input, target)
    return _weighted((input - target).square(), weight, reduction, input)


def l1_loss(input, target, size_average=None, reduce=None, reduction="mean", weight=None):
    """|input - target|; arguments as for `mse_loss`.

    Example::

        >>> flambeau.nn.functional.l1_loss(flambeau.tensor([1.0, 2.0]), flambeau.tensor([1.0, 4.0]))
        tensor(1.)
    """
    reduction = choose(reduction, size_average, reduce)
    _warn_sizes("l1_loss", input, target)
    return _weighted((input - target).abs(), weight, reduction, input)


def smooth_l1_loss(input, target, size_average=None, reduce=None, reduction="mean", beta=1.0):
    """d^2 / (2 beta) where d = |input - target| < beta, else d - beta / 2 (Girshick 2015).

    Args:
        input, target: the same shape, real.
        size_average, reduce, reduction: see this module.
        beta: where the curve becomes straight.

    Example::

        >>> flambeau.nn.functional.smooth_l1_loss(flambeau.tensor([0.0, 3.0]), flambeau.zeros(2), reduction="none")
        tensor([0.0000, 2.5000])
    """
    reduction = choose(reduction, size_average, reduce)
    _warn_sizes("smooth_l1_loss", input, target)
    if beta < 0:
        raise RuntimeError("smooth_l1_loss does not support negative values for beta.")
    distance = (input - target).abs()
    if beta == 0:
        return reduced(distance, reduction)
    return reduced(flambeau.where(distance < beta, 0.5 / beta * distance.square(), distance - 0.5 * beta), reduction)


def huber_loss(input, target, reduction="mean", delta=1.0, weight=None):
    """d^2 / 2 where d = |input - target| <= delta, else delta (d - delta / 2) (Huber 1964).

    Args:
        input, target: the same shape, real.
        reduction: see this module.
        delta: where the curve becomes straight.
        weight: a factor for each element; the mean divides by the number of elements, not by the sum of factors.

    Example::

        >>> flambeau.nn.functional.huber_loss(flambeau.tensor([0.0, 3.0]), flambeau.zeros(2), reduction="none")
        tensor([0.0000, 2.5000])
    """
    reduction = choose(reduction)
    _warn_sizes("huber_loss", input, target)
    if delta <= 0:
        raise RuntimeError("huber_loss does not support non-positive values for delta.")
    distance = (input - target).abs()
    losses = flambeau.where(distance <= delta, 0.5 * distance.square(), delta * (distance - 0.5 * delta))
    if weight is None:
        return reduced(losses, reduction)
    if weight.shape != input.shape:
        raise ValueError("Weights and input must have the same size.")
    return reduced(losses * weight, reduction)


def binary_cross_entropy(input, target, weight=None, size_average=None, reduce=None, reduction="mean"):
    """-w (target log(input) + (1 - target) log(1 - input)), logarithms not below -100.

    Args:
        input: probabilities in [0, 1].
        target: the same shape, in [0, 1].
        weight: factors, broadcast to the target.
        size_average, reduce, reduction: see this module.

    Raises:
        ValueError: the shapes differ.
        RuntimeError: an input is outside [0, 1].

    Example::

        >>> flambeau.nn.functional.binary_cross_entropy(flambeau.tensor([0.5]), flambeau.tensor([1.0]))
        tensor(0.6931)
    """
    reduction = choose(reduction, size_average, reduce)
    if input.shape != target.shape:
        raise ValueError(
            f"Using a target size ({target.shape}) that is different to the input size ({input.shape}) is deprecated. "
            "Please ensure they have the same size."
        )
    recorded = (input.requires_grad or target.requires_grad) and flambeau.is_grad_enabled()
    losses = (BinaryCrossEntropy.apply if recorded else binary_losses)(input, target)
    return reduced(losses if weight is None else losses * weight, reduction)


def binary_cross_entropy_with_logits(
    input, target, weight=None, size_average=None, reduce=None, reduction="mean", pos_weight=None
):
    """`binary_cross_entropy` of sigmoid(input), without overflow.

    Args:
        input: any real numbers.
        target: the same shape, in [0, 1].
        weight: factors, broadcast to the target.
        size_average, reduce, reduction: see this module.
        pos_weight: factors for the positive part, broadcast to the target.

    Example::

        >>> flambeau.nn.functional.binary_cross_entropy_with_logits(flambeau.tensor([0.0]), flambeau.tensor([1.0]))
        tensor(0.6931)
    """
    reduction = choose(reduction, size_average, reduce)
    if input.shape != target.shape:
        raise ValueError(f"Target size ({target.shape}) must be the same as input size ({input.shape})")
    log_sigmoid = flambeau.nn.functional.logsigmoid(input)
    if pos_weight is not None:
        log_sigmoid = log_sigmoid * ((pos_weight - 1) * target + 1)
    losses = (1 - target) * input - log_sigmoid
    return reduced(losses if weight is None else losses * weight, reduction)


def kl_div(input, target, size_average=None, reduce=None, reduction="mean", log_target=False):
    """target (log(target) - input): the divergence of the distribution exp(input) from target.

    Args:
        input: log-probabilities.
        target: probabilities, or their logarithms with log_target.
        size_average, reduce: see this module.
        reduction: "batchmean" (the sum divided by the batch size, which is the divergence), "sum", "mean" or "none".
        log_target: see target.

    Example::

        >>> p = flambeau.tensor([[0.5, 0.5]])
        >>> flambeau.nn.functional.kl_div(p.log(), p, reduction="batchmean")
        tensor(0.)
    """
    if size_average is None and reduce is None and reduction == "batchmean":
        per_batch = True
        reduction = "sum"
    else:
        per_batch = False
        if reduction == "mean" and size_average is None:
            warnings.warn(
                "reduction: 'mean' divides the total loss by both the batch size and the support size."
                "'batchmean' divides only by the batch size, and aligns with the KL div math definition."
                "'mean' will be changed to behave the same as 'batchmean' in the next major release.",
                stacklevel=2,
            )
        reduction = choose(reduction, size_average, reduce)
    for given in (input, target):
        if not given.is_floating_point():
            kind = "Complex" if given.is_complex() else "Integral"
            raise RuntimeError(f"[kl_div] {kind} inputs not supported, got {given.dtype}")
    if log_target:
        losses = target.exp() * (target - input)
    else:
        losses = flambeau.xlogy(target, target) - target * input
    result = reduced(losses, reduction)
    return result / input.shape[0] if per_batch and input.dim() else result


def poisson_nll_loss(
    input, target, log_input=True, full=False, size_average=None, eps=1e-8, reduce=None, reduction="mean"
):
    """exp(input) - target input: minus the log-likelihood of counts, without the constant log(target!).

    Args:
        input: the expected counts, or their logarithms with log_input.
        target: the counts, the same shape.
        log_input: see input.
        full: add Stirling's approximation of log(target!), where target > 1.
        size_average, reduce, reduction: see this module.
        eps: added to the expected count before its logarithm is taken.

    Example::

        >>> flambeau.nn.functional.poisson_nll_loss(flambeau.zeros(2), flambeau.ones(2))
        tensor(1.)
    """
    reduction = choose(reduction, size_average, reduce)
    if input.shape != target.shape:
        _warn_sizes("poisson_nll_loss", input, target)
    losses = input.exp() - target * input if log_input else input - target * (input + eps).log()
    if full:
        stirling = target * target.log() - target + 0.5 * (2 * math.pi * target).log()
        losses = losses + stirling.masked_fill(target <= 1, 0)
    return reduced(losses, reduction)


def gaussian_nll_loss(input, target, var, full=False, eps=1e-6, reduction="mean"):
    """(log(var) + (input - target)^2 / var) / 2: minus the log-likelihood of a normal distribution.

    Args:
        input: the expected values.
        target: the observed values, the same shape.
        var: the variances: the same shape, or with a last dimension of 1 or none, or a number.
        full: add log(2 pi) / 2.
        eps: the smallest variance.
        reduction: see this module.

    Example::

        >>> flambeau.nn.functional.gaussian_nll_loss(flambeau.zeros(2), flambeau.ones(2), flambeau.ones(2))
        tensor(0.5000)
    """
    if isinstance(var, float | int):
        if var < 0:
            raise ValueError("var has negative entry/entries")
        var = var * flambeau.ones_like(input)
    elif any_of(var < 0):
        raise ValueError("var has negative entry/entries")
    if var.shape != input.shape:
        if input.shape[:-1] == var.shape:
            var = var.unsqueeze(-1)
        elif not (input.shape[:-1] == var.shape[:-1] and var.shape[-1] == 1) and not _one_size_larger(input, var):
            raise ValueError("var is of incorrect size")
    reduction = choose(reduction)
    if input.shape != target.shape:
        _warn_sizes("gaussian_nll_loss", input, target)
    var = var.clone()
    with flambeau.no_grad():
        var.clamp_(min=eps)
    losses = 0.5 * (var.log() + (input - target).square() / var)
    return reduced(losses + 0.5 * math.log(2 * math.pi) if full else losses, reduction)


def _one_size_larger(input, var):
    """True for a variance that differs from the input only by one dimension of size 1."""
    pairs = list(zip(input.shape, var.shape, strict=False))
    return input.dim() == var.dim() and sum(v != i for i, v in pairs) == 1 and all(v in (i, 1) for i, v in pairs)


def soft_margin_loss(input, target, size_average=None, reduce=None, reduction="mean"):
    """log(1 + exp(-target input)), target being 1 or -1.

    Example::

        >>> flambeau.nn.functional.soft_margin_loss(flambeau.zeros(1), flambeau.ones(1))
        tensor(0.6931)
    """
    reduction = choose(reduction, size_average, reduce)
    return reduced(-flambeau.nn.functional.logsigmoid(target * input), reduction)


def hinge_embedding_loss(input, target, margin=1.0, size_average=None, reduce=None, reduction="mean"):
    """input where target is 1, max(0, margin - input) where it is -1.

    Example::

        >>> flambeau.nn.functional.hinge_embedding_loss(flambeau.tensor([0.5, 0.5]), flambeau.tensor([1.0, -1.0]))
        tensor(0.5000)
    """
    reduction = choose(reduction, size_average, reduce)
    zero = flambeau.zeros_like(input)
    margin = margin if input.is_floating_point() or input.is_complex() else int(margin)
    far = flambeau.where(target != 1, (margin - input).clamp(min=0), zero)
    near = flambeau.where(target != -1, input, zero)
    return reduced(far + near, reduction)


def margin_ranking_loss(input1, input2, target, margin=0, size_average=None, reduce=None, reduction="mean"):
    """max(0, -target (input1 - input2) + margin): input1 is to be larger where target is 1, smaller where it is -1.

    Example::

        >>> one, two = flambeau.tensor([1.0]), flambeau.tensor([2.0])
        >>> flambeau.nn.functional.margin_ranking_loss(one, two, flambeau.tensor([1.0]))
        tensor(1.)
    """
    reduction = choose(reduction, size_average, reduce)
    if not input1.dim() == input2.dim() == target.dim():
        raise RuntimeError(
            "margin_ranking_loss : All input tensors should have same dimension but got sizes: "
            f"input1: {input1.shape}, input2: {input2.shape}, target: {target.shape} "
        )
    return reduced((-target * (input1 - input2) + margin).clamp(min=0), reduction)


def cosine_embedding_loss(input1, input2, target, margin=0, size_average=None, reduce=None, reduction="mean"):
    """1 - cos(input1, input2) where target is 1, max(0, cos - margin) where it is -1.

    Args:
        input1, input2: (N, D) or (D).
        target: (N) or ().
        margin: between -1 and 1.
        size_average, reduce, reduction: see this module.

    Example::

        >>> x = flambeau.ones(2, 3)
        >>> flambeau.nn.functional.cosine_embedding_loss(x, x, flambeau.ones(2))
        tensor(0.)
    """
    reduction = choose(reduction, size_average, reduce)
    if target.dim() not in (0, 1):
        raise RuntimeError("0D or 1D target tensor expected, multi-target not supported")
    wanted = target.dim() + 1
    if input1.dim() != wanted or input2.dim() != wanted:
        raise RuntimeError(
            f"{target.dim()}D target tensor expects {wanted}D input tensors, but found inputs with sizes "
            f"{list(input1.shape)} and {list(input2.shape)}."
        )
    eps = 1e-12
    products = (input1 * input2).sum(-1)
    squares1, squares2 = input1.square().sum(-1) + eps, input2.square().sum(-1) + eps
    cosine = products / (squares1 * squares2).sqrt()
    zero = flambeau.zeros_like(cosine)
    near = flambeau.where(target == 1, 1 - cosine, zero)
    far = flambeau.where(target == -1, (cosine - margin).clamp(min=0), zero)
    return reduced(near + far, reduction)


def triplet_margin_loss(
    anchor,
    positive,
    negative,
    margin=1.0,
    p=2,
    eps=1e-6,
    swap=False,
    size_average=None,
    reduce=None,
    reduction="mean",
):
    """max(0, d(anchor, positive) - d(anchor, negative) + margin), d being the p-norm of the difference (Balntas 2016).

    Args:
        anchor, positive, negative: (N, D) or (D).
        margin: how much farther the negative is to be.
        p, eps: see `pairwise_distance`.
        swap: take the negative's distance to the positive instead if that is smaller.
        size_average, reduce, reduction: see this module.

    Example::

        >>> a, n = flambeau.zeros(1, 2), flambeau.full((1, 2), 3.0)
        >>> flambeau.nn.functional.triplet_margin_loss(a, a, n)
        tensor(0.)
    """
    from ._composed import pairwise_distance

    reduction = choose(reduction, size_average, reduce)
    if margin <= 0:
        raise ValueError(f"margin must be greater than 0, got {margin}")
    dims = anchor.dim(), positive.dim(), negative.dim()
    if len(set(dims)) != 1:
        raise RuntimeError(
            "The anchor, positive, and negative tensors are expected to have the same number of dimensions, but got: "
            f"anchor {dims[0]}D, positive {dims[1]}D, and negative {dims[2]}D inputs"
        )
    near = pairwise_distance(anchor, positive, p, eps)
    far = pairwise_distance(anchor, negative, p, eps)
    if swap:
        far = flambeau.minimum(far, pairwise_distance(positive, negative, p, eps))
    return reduced((margin + near - far).clamp(min=0), reduction)


def triplet_margin_with_distance_loss(
    anchor, positive, negative, *, distance_function=None, margin=1.0, swap=False, reduction="mean"
):
    """`triplet_margin_loss` with any distance.

    Args:
        anchor, positive, negative: what the distance takes.
        distance_function: of two tensors, to one distance for each pair; `pairwise_distance` if left out.
        margin, swap, reduction: as for `triplet_margin_loss`.

    Example::

        >>> a, n = flambeau.zeros(1, 2), flambeau.full((1, 2), 3.0)
        >>> flambeau.nn.functional.triplet_margin_with_distance_loss(a, a, n)
        tensor(0.)
    """
    from ._composed import pairwise_distance

    reduction = choose(reduction)
    distance = pairwise_distance if distance_function is None else distance_function
    if margin <= 0:
        raise ValueError(f"margin must be greater than 0, got {margin}")
    dims = anchor.dim(), positive.dim(), negative.dim()
    if len(set(dims)) != 1:
        raise RuntimeError(
            "The anchor, positive, and negative tensors are expected to have the same number of dimensions, but got: "
            f"anchor {dims[0]}D, positive {dims[1]}D, and negative {dims[2]}D inputs"
        )
    near, far = distance(anchor, positive), distance(anchor, negative)
    if swap:
        far = flambeau.minimum(far, distance(positive, negative))
    return reduced((margin + near - far).clamp(min=0), reduction)


def _require_rows(input):
    if input.dim() > 2 or input.shape[-1:] == (0,):
        raise RuntimeError(
            f"Expected non-empty vector or matrix with optional 0-dim batch size, but got: {list(input.shape)}"
        )


def multi_margin_loss(input, target, p=1, margin=1.0, weight=None, size_average=None, reduce=None, reduction="mean"):
    """sum over i != target of w[target] max(0, margin - input[target] + input[i])^p / C.

    Args:
        input: (N, C) or (C).
        target: (N) or (), the right classes.
        p: 1 or 2.
        margin: how much higher the right class is to be.
        weight: (C), a factor for each class.
        size_average, reduce, reduction: see this module.

    Example::

        >>> flambeau.nn.functional.multi_margin_loss(flambeau.tensor([[0.0, 2.0]]), flambeau.tensor([0]))
        tensor(1.5000)
    """
    reduction = choose(reduction, size_average, reduce)
    if p not in (1, 2):
        raise ValueError("only p == 1 and p == 2 supported")
    if weight is not None and weight.dim() != 1:
        raise ValueError("weight must be one-dimensional")
    _require_rows(input)
    rows = input.reshape(-1, input.shape[-1] if input.dim() else 1)
    count, classes = rows.shape
    if target.numel() != count or target.dim() > 1:
        raise RuntimeError(f"inconsistent target size, expected {count} but got {list(target.shape)}")
    if weight is not None and weight.numel() != classes:
        raise RuntimeError(f"inconsistent weight size, expected {classes} but got {list(weight.shape)}")
    index = target.reshape(-1, 1)
    if any_of((index < 0) | (index >= classes)):
        raise RuntimeError("target out of range")
    others = flambeau.arange(classes, device=input.device) != index
    gaps = margin - rows.gather(1, index) + rows
    losses = flambeau.where(others & (gaps > 0), gaps, flambeau.zeros_like(gaps))  # NaN is no gap
    if p == 2:
        losses = losses.square()
    if weight is not None:
        losses = losses * weight[index]
    losses = flambeau.where(others, losses, flambeau.zeros_like(losses)).sum(1) / classes
    return reduced(losses.reshape(target.shape) if reduction == "none" else losses, reduction)


def multilabel_margin_loss(input, target, size_average=None, reduce=None, reduction="mean"):
    """sum over wanted classes j and others i of max(0, 1 - (input[j] - input[i])) / C.

    Args:
        input: (N, C) or (C).
        target: the same shape; each row lists the wanted classes and ends at the first -1.
        size_average, reduce, reduction: see this module.

    Example::

        >>> x = flambeau.tensor([[0.1, 0.2, 0.4, 0.8]])
        >>> flambeau.nn.functional.multilabel_margin_loss(x, flambeau.tensor([[3, 0, -1, 1]]))
        tensor(0.8500)
    """
    reduction = choose(reduction, size_average, reduce)
    _require_rows(input)
    if target.shape != input.shape and not (input.dim() == 0 and target.numel() == 1):
        raise RuntimeError(f"inconsistent target size: {list(target.shape)} for input of size: {list(input.shape)}")
    rows = input.reshape(-1, input.shape[-1] if input.dim() else 1)
    wanted = target.reshape(rows.shape)
    classes = rows.shape[1]
    if any_of((wanted < -1) | (wanted >= classes)):
        raise RuntimeError("target out of range")
    listed = (wanted >= 0).long().cumprod(1).bool()
    index = wanted.clamp(min=0)
    is_wanted = (
        flambeau.zeros(rows.shape, dtype=flambeau.long, device=rows.device).scatter_add(1, index, listed.long()) > 0
    )
    scores = rows.gather(1, index)
    gaps = 1 - scores.unsqueeze(2) + rows.unsqueeze(1)
    counted = listed.unsqueeze(2) & ~is_wanted.unsqueeze(1) & (gaps > 0)  # NaN is no gap
    losses = flambeau.where(counted, gaps, flambeau.zeros_like(gaps)).sum((1, 2)) / classes
    return reduced(losses.reshape(input.shape[:-1]) if reduction == "none" else losses, reduction)


def multilabel_soft_margin_loss(input, target, weight=None, size_average=None, reduce=None, reduction="mean"):
    """-(target log sigmoid(input) + (1 - target) log sigmoid(-input)), averaged over the classes.

    Args:
        input, target: (N, C).
        weight: (C), a factor for each class.
        size_average, reduce, reduction: see this module.

    Example::

        >>> flambeau.nn.functional.multilabel_soft_margin_loss(flambeau.zeros(1, 2), flambeau.ones(1, 2))
        tensor(0.6931)
    """
    logsigmoid = flambeau.nn.functional.logsigmoid
    reduction = choose(reduction, size_average, reduce)
    losses = -(target * logsigmoid(input) + (1 - target) * logsigmoid(-input))
    if weight is not None:
        losses = losses * weight
    losses = losses.sum(-1) / input.shape[-1]
    return reduced(losses, reduction)
