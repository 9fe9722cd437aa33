"""Losses, distances and one-hot vectors; the references are the formulas of their docstrings."""

import numpy as np
from scipy import special

from tests.frame import Error, Row, Sample, index, tensor

SINGLE = ("float32", "float64")  # torch lacks some of these for half precision


def reduced(losses, reduction):
    return {"mean": np.mean, "sum": np.sum, "none": lambda x: x}[reduction](losses)


def elementwise(formula):
    """A reference: the formula's losses, weighted and reduced as asked."""

    def ref(input, target, *, weight=None, reduction="mean", **kwargs):
        losses = formula(np.asarray(input), np.asarray(target), **kwargs)
        if weight is None:
            return reduced(losses, reduction)
        return np.sum(losses * weight) / np.sum(weight) if reduction == "mean" else reduced(losses * weight, reduction)

    return ref


def pairs(**options):
    """The same shape twice, every reduction, then the keyword arguments given as a list of dicts."""
    more = options.pop("kwargs", [])
    low, high, low2, high2 = options.pop("ranges", (-3.0, 3.0, -3.0, 3.0))

    def pair(*shape, **kwargs):
        return Sample(tensor(*shape, low=low, high=high), tensor(*shape, low=low2, high=high2, **options), **kwargs)

    shapes = [pair(3, 4), pair(), pair(5, reduction="sum"), pair(2, 1, 3, reduction="none"), pair(0, reduction="sum")]
    return shapes + [pair(3, 4, **kwargs) for kwargs in more]


def log_sigmoid(x):
    return -np.logaddexp(0, -x)


def bce(x, y):
    return -(y * np.maximum(np.log(x), -100) + (1 - y) * np.maximum(np.log1p(-x), -100))


def bce_with_logits(x, y, pos_weight=1.0):
    return -(pos_weight * y * log_sigmoid(x) + (1 - y) * log_sigmoid(-x))


def kl_div(x, y, log_target=False):
    return np.exp(y) * (y - x) if log_target else special.xlogy(y, y) - y * x


def poisson(x, y, log_input=True, full=False, eps=1e-8):
    losses = np.exp(x) - y * x if log_input else x - y * np.log(x + eps)
    safe = np.maximum(y, 1)
    return losses + np.where(y > 1, safe * np.log(safe) - safe + 0.5 * np.log(2 * np.pi * safe), 0) if full else losses


def huber(x, y, delta=1.0):
    d = np.abs(x - y)
    return np.where(d <= delta, d * d / 2, delta * (d - delta / 2))


def weighted_huber(x, y, delta=1.0, weight=None, reduction="mean"):
    """Unlike its siblings, the mean of weighted losses divides by their number (as torch 2.13 does)."""
    return reduced(huber(x, y, delta) * (1.0 if weight is None else weight), reduction)


def smooth_l1(x, y, beta=1.0):
    d = np.abs(x - y)
    return d if beta == 0 else np.where(d < beta, d * d / (2 * beta), d - beta / 2)


def gaussian_nll(input, target, var, full=False, eps=1e-6, reduction="mean"):
    var = np.maximum(var, eps)
    losses = (np.log(var) + (input - target) ** 2 / var) / 2 + (np.log(2 * np.pi) / 2 if full else 0)
    return reduced(losses, reduction)


def hinge(x, y, margin=1.0):
    return np.where(y == 1, x, np.maximum(0, margin - x))


def ranking(a, b, y, margin=0.0, reduction="mean"):
    return reduced(np.maximum(0, -y * (a - b) + margin), reduction)


def cosine_embedding(a, b, y, margin=0.0, reduction="mean"):
    cosine = (a * b).sum(-1) / np.sqrt(((a * a).sum(-1) + 1e-12) * ((b * b).sum(-1) + 1e-12))
    return reduced(np.where(y == 1, 1 - cosine, np.maximum(0, cosine - margin)), reduction)


def distance(a, b, p=2.0, eps=1e-6, keepdim=False):
    return (
        np.linalg.norm(a - b + eps, p, -1, keepdims=keepdim) if np.ndim(a - b) == 1 else norm(a - b + eps, p, keepdim)
    )


def norm(x, p, keepdim=False):
    return np.sum(np.abs(x) ** p, -1, keepdims=keepdim) ** (1 / p)


def triplet(anchor, positive, negative, margin=1.0, p=2.0, swap=False, reduction="mean"):
    far = distance(anchor, negative, p)
    far = np.minimum(far, distance(positive, negative, p)) if swap else far
    return reduced(np.maximum(0, distance(anchor, positive, p) - far + margin), reduction)


def similarity(a, b, dim=1, eps=1e-8):
    a, b = np.broadcast_arrays(a, b)
    lengths = [np.maximum(np.sqrt((x * x).sum(dim, keepdims=True)), eps) for x in (a, b)]
    return (a / lengths[0] * (b / lengths[1])).sum(dim)


def normalize(x, p=2.0, dim=1, eps=1e-12):
    return x / np.maximum(np.sum(np.abs(x) ** p, dim, keepdims=True) ** (1 / p), eps)


def pdist(x, p=2):
    first, second = np.triu_indices(len(x), 1)
    return norm(x[first] - x[second], p)


def one_hot(x, num_classes=-1):
    return np.eye(x.max() + 1 if num_classes == -1 else num_classes, dtype=np.int64)[x]


def rows(x, y):
    """Scores (N, C), classes (N), from any of the shapes that are allowed."""
    x, y = np.asarray(x), np.asarray(y)
    return (x[None], y.reshape(1)) if x.ndim == 1 else (np.moveaxis(x, 1, -1).reshape(-1, x.shape[1]), y.reshape(-1))


def nll(x, y, weight=None, ignore_index=-100, reduction="mean"):
    scores, classes = rows(x, y)
    used = classes != ignore_index
    safe = np.where(used, classes, 0)
    factors = used * (1.0 if weight is None else np.asarray(weight)[safe])
    losses = -scores[np.arange(len(safe)), safe] * factors
    return losses.sum() / factors.sum() if reduction == "mean" else reduced(losses.reshape(np.shape(y)), reduction)


def cross_entropy(x, y, weight=None, ignore_index=-100, reduction="mean", label_smoothing=0.0):
    dim = 0 if np.ndim(x) == 1 else 1
    logs = special.log_softmax(x, dim)
    if np.shape(x) == np.shape(y):
        target = y * (1 - label_smoothing) + label_smoothing / x.shape[dim]
        losses = -(logs * target * (1 if weight is None else np.reshape(weight, (1, -1)))).sum(dim)
        return reduced(losses, reduction)
    hard = nll(logs, y, weight, ignore_index, reduction)
    if not label_smoothing:
        return hard
    scores, classes = rows(logs, y)
    used, w = classes != ignore_index, np.ones(scores.shape[1]) if weight is None else np.asarray(weight)
    smooth = -(scores * w).sum(1) * used
    if reduction == "mean":
        smooth = smooth.sum() / (w[np.where(used, classes, 0)] * used).sum()
    else:
        smooth = reduced(smooth.reshape(np.shape(y)), reduction)
    return (1 - label_smoothing) * hard + label_smoothing / scores.shape[1] * smooth


def multi_margin(x, y, p=1, margin=1.0, weight=None, reduction="mean"):
    scores, classes = rows(x, y)
    losses = np.maximum(0, margin - scores[np.arange(len(classes)), classes][:, None] + scores) ** p
    losses = losses * (1 if weight is None else np.asarray(weight)[classes][:, None])
    losses[np.arange(len(classes)), classes] = 0
    return reduced((losses.sum(1) / scores.shape[1]).reshape(np.shape(y)), reduction)


def multilabel_margin(x, y, reduction="mean"):
    losses = []
    for scores, listed in zip(np.atleast_2d(x), np.atleast_2d(y), strict=True):
        wanted = list(listed[: list(listed).index(-1)] if -1 in listed else listed)
        others = [i for i in range(len(scores)) if i not in wanted]
        losses.append(sum(max(0, 1 - scores[j] + scores[i]) for j in wanted for i in others) / len(scores))
    return reduced(np.array(losses) if np.ndim(x) > 1 else np.array(losses[0]), reduction)


def multilabel_soft_margin(x, y, weight=1.0, reduction="mean"):
    losses = -(y * log_sigmoid(x) + (1 - y) * log_sigmoid(-x)) * weight
    return reduced(losses.mean(-1), reduction)


def loss(name, ref, samples, **fields):
    return Row(f"nn.functional.{name}", ref, samples, **{"dtypes": SINGLE, "method": False, **fields})


SIGNS = {"values": np.array([[1.0, -1, -1, 1], [-1, 1, 1, -1], [1, 1, -1, -1]]), "grad": False}
POSITIVE = (0.05, 0.95, 0.0, 1.0)
CLASSES = {"values": np.array([1, 3, -100, 0]), "dtype": "int64"}
WEIGHT = {"low": 0.5, "high": 2.0, "grad": False}

ROWS = [
    loss("mse_loss", elementwise(lambda x, y: (x - y) ** 2), pairs(kwargs=[{"weight": tensor(3, 4, **WEIGHT)}])),
    loss("l1_loss", elementwise(lambda x, y: np.abs(x - y)), pairs(kwargs=[{"weight": tensor(3, 4, **WEIGHT)}])),
    loss("smooth_l1_loss", elementwise(smooth_l1), pairs(kwargs=[{"beta": 0.5}, {"beta": 0.0}])),
    loss("huber_loss", weighted_huber, pairs(kwargs=[{"delta": 0.7}, {"weight": tensor(3, 4, **WEIGHT)}])),
    loss(
        "binary_cross_entropy",
        elementwise(bce),
        pairs(ranges=POSITIVE, grad=False),
        errors=[Error(tensor(3, low=2.0), tensor(3, low=0.0, high=1.0), raises=RuntimeError, match="between 0 and 1")],
    ),
    loss(
        "binary_cross_entropy_with_logits",
        elementwise(bce_with_logits),
        pairs(ranges=(-3.0, 3.0, 0.0, 1.0), kwargs=[{"pos_weight": tensor(4, **WEIGHT)}]),
        extremes=(),
    ),
    loss(
        "kl_div",
        elementwise(kl_div),
        [s for s in pairs(ranges=(-3.0, 0.0, 0.1, 1.0), kwargs=[{"log_target": True, "reduction": "sum"}]) if s.kwargs],
    ),
    loss(
        "poisson_nll_loss",
        elementwise(poisson),
        pairs(ranges=(0.1, 3.0, 0.0, 5.0), kwargs=[{"log_input": False}, {"full": True}]),
    ),
    loss(
        "gaussian_nll_loss",
        gaussian_nll,
        [
            Sample(tensor(3, 4), tensor(3, 4), tensor(*s, low=0.1), full=f)
            for s in ((3, 4), (3, 1))
            for f in (False, True)
        ],
    ),
    loss("soft_margin_loss", elementwise(lambda x, y: -log_sigmoid(x * y)), pairs()),
    loss(
        "hinge_embedding_loss",
        elementwise(hinge),
        [Sample(tensor(3, 4), tensor(3, 4, **SIGNS), margin=m) for m in (1.0, 0.4)],
    ),
    loss("margin_ranking_loss", ranking, [Sample(tensor(3, 4), tensor(3, 4), tensor(3, 4, **SIGNS), margin=0.3)]),
    loss(
        "cosine_embedding_loss",
        cosine_embedding,
        [Sample(tensor(3, 4), tensor(3, 4), tensor(3, values=np.array([1.0, -1, 1]), grad=False), margin=0.1)],
    ),
    loss(
        "triplet_margin_loss",
        triplet,
        [Sample(*[tensor(3, 4)] * 3, swap=s, p=p) for s in (False, True) for p in (2.0, 3.0)],
    ),
    loss("triplet_margin_with_distance_loss", triplet, [Sample(*[tensor(3, 4)] * 3, swap=s) for s in (False, True)]),
    loss(
        "multi_margin_loss",
        multi_margin,
        [
            Sample(tensor(4, 5), index(4, high=5), p=1),
            Sample(tensor(4, 5), index(4, high=5), p=2, margin=0.5, weight=tensor(5, **WEIGHT), reduction="none"),
            Sample(tensor(5), index(high=5)),
        ],
        errors=[Error(tensor(2, 3), index(2, low=5, high=7), raises=RuntimeError, match="target out of range")],
    ),
    loss(
        "multilabel_margin_loss",
        multilabel_margin,
        [
            Sample(tensor(2, 4), tensor(2, 4, values=np.array([[3, 0, -1, 1], [2, -1, 0, 0]]), dtype="int64")),
            Sample(tensor(4), tensor(4, values=np.array([1, 2, 3, 0]), dtype="int64")),
        ],
    ),
    loss(
        "multilabel_soft_margin_loss",
        multilabel_soft_margin,
        [Sample(tensor(3, 4), tensor(3, 4, low=0.0, high=1.0), **kw) for kw in ({}, {"weight": tensor(4, **WEIGHT)})],
    ),
    loss(
        "nll_loss",
        nll,
        [
            Sample(tensor(4, 5), index(4, high=5)),
            Sample(tensor(5), index(high=5)),
            Sample(tensor(2, 3, 4, 2), index(2, 4, 2, high=3), reduction="sum"),
            Sample(tensor(4, 5), tensor(4, **CLASSES), weight=tensor(5, **WEIGHT)),
            Sample(tensor(4, 5), tensor(4, **CLASSES), reduction="none"),
        ],
        errors=[
            Error(tensor(2, 3), index(2, low=5, high=7), raises=IndexError, match="out of bounds"),
            Error(tensor(2, 3), index(3, high=3), raises=ValueError, match="batch_size"),
        ],
    ),
    loss(
        "cross_entropy",
        cross_entropy,
        [
            Sample(tensor(4, 5), index(4, high=5)),
            Sample(tensor(5), index(high=5), label_smoothing=0.1),
            Sample(tensor(2, 3, 4, 2), index(2, 4, 2, high=3), reduction="sum"),
            Sample(tensor(4, 5), tensor(4, **CLASSES), weight=tensor(5, **WEIGHT), label_smoothing=0.2),
            Sample(tensor(4, 5), tensor(4, **CLASSES), reduction="none", label_smoothing=0.2),
            Sample(tensor(4, 5), tensor(4, 5, low=0.0, high=1.0), label_smoothing=0.1),
            Sample(tensor(4, 5), tensor(4, 5, low=0.0, high=1.0), weight=tensor(5, **WEIGHT), reduction="sum"),
        ],
        errors=[
            Error(tensor(2, 3), index(2, low=5, high=7), raises=IndexError, match="out of bounds"),
            Error(tensor(2, 3), index(2, high=3), label_smoothing=2.0, raises=RuntimeError, match="label_smoothing"),
        ],
    ),
    loss(
        "normalize",
        normalize,
        [Sample(tensor(3, 4)), Sample(tensor(3, 4), p=3.0, dim=0), Sample(tensor(2, 3, 4), dim=-1)],
    ),
    loss(
        "cosine_similarity",
        similarity,
        [
            Sample(tensor(3, 4), tensor(3, 4)),
            Sample(tensor(4, 3), tensor(1, 3), dim=0),
            Sample(tensor(4), tensor(4), dim=0),
        ],
        result="promote",
    ),
    loss(
        "pairwise_distance",
        distance,
        [Sample(tensor(3, 4), tensor(3, 4), p=p, keepdim=k) for p in (2.0, 3.0) for k in (False, True)],
    ),
    loss("pdist", pdist, [Sample(tensor(4, 3)), Sample(tensor(4, 3), p=3.0)]),
    loss(
        "one_hot",
        one_hot,
        [Sample(index(3, 2, high=4), num_classes=5), Sample(index(4, high=3), num_classes=3)],
        dtypes=("int64",),
        differentiable=(),
    ),
]
