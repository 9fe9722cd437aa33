"""Losses of classifiers: negative log-likelihood, cross entropy, CTC."""

import flambeau
from flambeau import _C
from flambeau.ops._host import any_of, one_by_one, whole
from flambeau.ops.softmax import class_cross_entropy

from ._reduction import choose, reduced

_CLASSES = (flambeau.int64, flambeau.uint8)


def nll_loss(input, target, weight=None, size_average=None, ignore_index=-100, reduce=None, reduction="mean"):
    """-w[target] input[target]: minus the log-likelihood of the right classes.

    Args:
        input: log-probabilities, (N, C), (C) or (N, C, d1, ...).
        target: right classes, integers (N), () or (N, d1, ...).
        weight: (C), a factor for each class; the mean divides by the sum of the factors.
        ignore_index: a target that does not count.
        size_average, reduce: old words for reduction.
        reduction: "mean", "sum" or "none".

    Raises:
        IndexError: a target is not a class.

    Example::

        >>> x = flambeau.tensor([[-0.1, -2.0], [-3.0, -0.2]])
        >>> flambeau.nn.functional.nll_loss(x, flambeau.tensor([0, 1]))
        tensor(0.1500)
    """
    reduction = choose(reduction, size_average, reduce)
    dim = check_classes("nll_loss", input, target, weight)
    counted, index = _checked_index(input.shape[dim], target, ignore_index)
    losses = -_C.squeeze(_C.gather(input, dim, _C.unsqueeze(index, dim)), (dim,))
    factors = None if weight is None else weight[index]
    if factors is not None:
        losses = losses * factors
    if counted is not None:
        losses = losses.masked_fill(~counted, 0)
    if reduction != "mean":
        return reduced(losses, reduction)
    return losses.sum() / _total(losses, factors, counted)


def check_classes(op, input, target, weight):
    """Checks the shapes of predictions and class targets; returns the dimension of the classes."""
    shape, classes = input.shape, target.shape
    if not shape:
        raise ValueError(f"[{op}] Expected 1 or more dimensions (got {input.dim()})")
    dim = 0 if len(shape) == 1 else 1
    if dim == 1 and shape[0] != (classes[0] if classes else 1):
        raise ValueError(f"Expected input batch_size ({shape[0]}) to match target batch_size ({classes[:1].numel()}).")
    if target.dtype not in _CLASSES:
        kind = str(target.dtype).rpartition(".")[2].removesuffix("32").removesuffix("16").removesuffix("64").title()
        raise RuntimeError(f"expected target dtype to be Long or Byte, but got {kind}")
    plain = len(shape) == 2 and len(classes) == 1  # the usual case, compared above
    if not plain and classes != shape[:dim] + shape[dim + 1 :] and not (dim == 0 and target.numel() == 1):
        raise RuntimeError(
            f"[{op}] Expected target size {list(shape[:dim] + shape[dim + 1 :])}, got {list(classes)}: input "
            f"{tuple(shape)} has its classes in dimension {dim}, so target must have input's shape without it"
        )
    if weight is not None and weight.numel() != input.shape[dim]:
        raise RuntimeError(
            f"weight tensor should be defined either for all {input.shape[dim]} classes or no classes but got weight "
            f"tensor of shape: {list(weight.shape)}"
        )
    return dim


def _checked_index(classes, target, ignore_index):
    """(mask of the targets that count or None if all do, targets with the ignored ones replaced by 0)."""
    target = target.long()
    if target.is_meta or _C.all_classes(whole(target), classes, ignore_index):
        return None, target
    bad = (target < 0) | (target >= classes)
    counted = None
    if any_of(bad | (target == ignore_index)):
        counted = target != ignore_index
        wrong = bad & counted
        if any_of(wrong):
            place = flambeau.nonzero(wrong)[0].tolist()
            raise IndexError(
                f"Target {target[wrong][0].item()} is out of bounds: it stands at {place}, "
                f"and the classes are 0 to {classes - 1}."
            )
        target = target.masked_fill(~counted, 0)
    return counted, target


def _total(losses, factors, counted):
    """What a mean divides by: the number of targets that count, or the sum of their weights."""
    if factors is None:
        return losses.numel() if counted is None else counted.sum()
    return (factors if counted is None else factors.masked_fill(~counted, 0)).sum()


def cross_entropy(
    input,
    target,
    weight=None,
    size_average=None,
    ignore_index=-100,
    reduce=None,
    reduction="mean",
    label_smoothing=0.0,
):
    """-log softmax(input)[target], or -sum_c target_c log softmax(input)_c for targets that are probabilities.

    Args:
        input: scores, (N, C), (C) or (N, C, d1, ...).
        target: right classes, integers (N), () or (N, d1, ...); or probabilities of the shape of input.
        weight: (C), a factor for each class; the mean divides by the sum of the factors of the targets.
        ignore_index: a target that does not count.
        size_average, reduce: old words for reduction.
        reduction: "mean", "sum" or "none".
        label_smoothing: part of the probability that is spread evenly over all classes, in [0, 1].

    Example::

        >>> flambeau.nn.functional.cross_entropy(flambeau.zeros(2, 4), flambeau.tensor([1, 3]))
        tensor(1.3863)
    """
    reduction = choose(reduction, size_average, reduce)
    if not 0.0 <= label_smoothing <= 1.0:
        raise RuntimeError(f"label_smoothing must be between 0.0 and 1.0. Got: {label_smoothing}")
    if target.is_floating_point() and target.shape == input.shape:
        dim = 0 if input.dim() == 1 else 1
        return _against_probabilities(input, target, weight, reduction, label_smoothing, dim)
    dim = check_classes("cross_entropy", input, target, weight)
    if dim == 0:
        target = target.reshape(())
    return class_cross_entropy(input, target, weight, reduction, ignore_index, label_smoothing)


def _per_class(weight, log_probs, dim):
    shape = [1] * log_probs.dim()
    shape[dim] = -1
    return weight.view(shape)


def _against_probabilities(input, target, weight, reduction, label_smoothing, dim):
    log_probs = flambeau.nn.functional.log_softmax(input, dim)
    if label_smoothing > 0:
        target = target * (1 - label_smoothing) + label_smoothing / input.shape[dim]
    if weight is not None:
        log_probs = log_probs * _per_class(weight, log_probs, dim)
    losses = -(log_probs * target).sum(dim)
    if reduction == "mean":
        return losses.sum() / (losses.numel() or float("nan"))
    return reduced(losses, reduction)


@one_by_one
def ctc_loss(log_probs, targets, input_lengths, target_lengths, blank=0, reduction="mean", zero_infinity=False):
    """Minus the log-probability that a sequence of class scores spells a target (Graves et al., 2006).

    Args:
        log_probs: (T, N, C) or (T, C), log-probabilities (a log_softmax; the derivative presumes it).
        targets: (N, S) padded, or all one after the other in one dimension.
        input_lengths, target_lengths: (N) or (), tensors or sequences of integers.
        blank: the class that means nothing.
        reduction: "mean" (losses divided by the targets' lengths, then averaged), "sum" or "none".
        zero_infinity: losses of impossible targets, and their gradients, count as 0.

    Example::

        >>> scores = flambeau.zeros(5, 1, 3).log_softmax(2)
        >>> flambeau.nn.functional.ctc_loss(scores, flambeau.tensor([[1, 2]]), [5], [2], reduction="sum")
        tensor(1.9377)
    """
    from ._loss_functions import CTC

    reduction = choose(reduction)
    if log_probs.dtype not in (flambeau.float32, flambeau.float64):
        raise NotImplementedError(
            f"[ctc_loss] not implemented for {log_probs.dtype}: log_probs must be float32 or float64"
        )
    single = log_probs.dim() == 2
    if single:
        log_probs = log_probs.unsqueeze(1)
    batch = log_probs.shape[1]
    input_lengths = _lengths(input_lengths, "input_lengths", batch)
    target_lengths = _lengths(target_lengths, "target_lengths", batch)
    if not 0 <= blank < log_probs.shape[2]:
        raise RuntimeError("blank must be in label range")
    if any_of(input_lengths > log_probs.shape[0]):
        raise RuntimeError(
            f"Expected input_lengths to have value at most {log_probs.shape[0]}, "
            f"but got value {int(input_lengths.max())}"
        )
    padded = _padded_targets(targets.long(), target_lengths, batch)
    losses = CTC.apply(log_probs, padded, input_lengths, target_lengths, blank, zero_infinity)
    if reduction == "mean":
        return (losses / target_lengths.clamp(min=1).to(losses.dtype)).mean()
    if reduction == "sum":
        return losses.sum()
    return losses.squeeze(0) if single else losses


def _lengths(lengths, name, batch):
    lengths = lengths if isinstance(lengths, flambeau.Tensor) else flambeau.tensor(lengths, dtype=flambeau.long)
    if lengths.is_floating_point():
        raise RuntimeError(f"{name} must be integral")
    lengths = lengths.long().reshape(-1)
    if lengths.numel() != batch:
        raise RuntimeError(f"{name} must be of size batch_size")
    if any_of(lengths < 0):
        raise RuntimeError(f"Expected {name} to have value at least 0, but got value {int(lengths.min())}")
    return lengths


def _padded_targets(targets, lengths, batch):
    """Targets as (N, S), from either of their forms."""
    longest = int(lengths.max()) if batch else 0
    if targets.dim() == 2:
        if targets.shape[0] != batch or targets.shape[1] < longest:
            raise RuntimeError(
                f"Expected tensor to have size at least {longest} at dimension 1, but got size {list(targets.shape)} "
                "for argument targets"
            )
        targets = targets[:, :longest]
        inside = flambeau.arange(longest) < lengths.view(-1, 1)
        return targets.masked_fill(~inside, 0)
    if targets.dim() == 0 and batch == 1:
        targets = targets.view(1)
    if targets.dim() != 1 or targets.numel() < int(lengths.sum()):
        raise RuntimeError(f"targets should be of size sum(target_lengths) or (N, S), got {list(targets.shape)}")
    starts = lengths.cumsum(0) - lengths
    places = starts.view(-1, 1) + flambeau.arange(longest).view(1, -1)
    inside = flambeau.arange(longest) < lengths.view(-1, 1)
    if targets.numel() == 0:
        return flambeau.zeros((batch, longest), dtype=flambeau.long)
    return targets[places.clamp(max=targets.numel() - 1)].masked_fill(~inside, 0)
