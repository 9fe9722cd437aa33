"""Numbers that say how good a model is, gathered over the batches of an epoch."""

import math

import flambeau
from flambeau.train._losses import checked_shapes, part

__all__ = [
    "AUC",
    "F1",
    "R2",
    "Accuracy",
    "Loss",
    "MeanAbsoluteError",
    "MeanSquaredError",
    "Metric",
    "Precision",
    "Recall",
    "RootMeanSquaredError",
    "TopKAccuracy",
    "metric",
]


class Metric:
    """What a metric is: `update` takes a batch, `compute` gives the number, `reset` begins anew.

    Anything with these three methods is a metric for a `Trainer`.

    Attributes:
        name: under which it stands in logs and histories.
        quick: whether `compute` is cheap enough for a progress bar.

    >>> class Share(flambeau.train.Metric):
    ...     name = "share"
    ...     def update(self, output, target):
    ...         self.add((output > 0).sum().item(), output.numel())
    >>> share = Share()
    >>> share.update(flambeau.tensor([1.0, -1.0]), None)
    >>> share.compute()
    0.5
    """

    name, quick = "metric", True

    def __init__(self):
        self.reset()

    def reset(self):
        """Forget all batches."""
        self.total, self.count = 0.0, 0

    def add(self, total, count):
        """Add a sum over `count` elements to what `compute` takes the mean of."""
        self.total += total
        self.count += count

    def update(self, output, target):
        """Take a batch into account."""
        raise NotImplementedError(f"{type(self).__name__} must define update(output, target)")

    def compute(self):
        """The number for all batches since `reset`; NaN without any."""
        return self.total / self.count if self.count else float("nan")

    def state_dict(self):
        """What `load_state_dict` needs to go on in the middle of an epoch."""
        return dict(vars(self))

    def load_state_dict(self, state):
        """Go on from a state."""
        vars(self).update(state)


class Loss(Metric):
    """The mean of losses, weighted by the sizes of their batches.

    >>> loss = flambeau.train.Loss()
    >>> loss.add(2.0 * 3, 3)
    >>> loss.compute()
    2.0
    """

    name = "loss"


class _Function(Metric):
    """A function of a batch, averaged over the samples."""

    def __init__(self, function):
        super().__init__()
        self.function, self.name = function, function.__name__

    def update(self, output, target):
        samples = len(target)
        self.add(float(self.function(output, target)) * samples, samples)

    def state_dict(self):
        return {"total": self.total, "count": self.count}


def _classes(metric, output, target):
    """Predicted and wanted classes: of scores (N, C, ...), of one logit each (N) or (N, 1), or of labels that may all be true."""
    if not isinstance(output, flambeau.Tensor):
        raise TypeError(
            f"[{metric.name}] expected a tensor from the module, got {type(output).__name__}: with several outputs metrics "
            "are a dict, and a step= returns (loss, output, target)"
        )
    several = output.dim() > 1 and output.size(1) > 1 and metric.threshold is None
    if several and output.dim() == target.dim() + 1:
        return output.argmax(1), target
    checked_shapes(metric.name, output, target)
    if several:
        return output.argmax(1), target.float().argmax(1)
    return output > (metric.threshold or 0.0), target > 0.5


class Accuracy(Metric):
    """The share of samples whose highest score is that of the wanted class, or whose one logit has the wanted sign.

    Args:
        threshold: outputs are decisions of their own, true above this: 0 for logits, 0.5 for probabilities. Metrics by name have
            it with losses of that kind ("bce", `nn.BCELoss`).

    >>> accuracy = flambeau.train.Accuracy()
    >>> accuracy.update(flambeau.tensor([[0.1, 0.9], [0.8, 0.2]]), flambeau.tensor([1, 1]))
    >>> accuracy.compute()
    0.5
    """

    name = "accuracy"

    def __init__(self, threshold=None):
        self.threshold = threshold
        super().__init__()

    def update(self, output, target):
        found, wanted = _classes(self, output, target)
        self.add((found == wanted).sum().item(), wanted.numel())


class TopKAccuracy(Metric):
    """The share of samples whose class is among the k highest scores.

    >>> accuracy = flambeau.train.TopKAccuracy(2)
    >>> accuracy.update(flambeau.tensor([[0.1, 0.9, 0.5], [0.8, 0.2, 0.1]]), flambeau.tensor([2, 2]))
    >>> accuracy.compute()
    0.5
    """

    def __init__(self, k=5):
        super().__init__()
        self.k, self.name = k, f"top{k}_accuracy"

    def update(self, output, target):
        best = output.topk(min(self.k, output.shape[1]), 1).indices
        self.add(int((best == target.unsqueeze(1)).any(1).sum()), target.numel())


class MeanAbsoluteError(Metric):
    """The mean of |output - target|.

    >>> error = flambeau.train.MeanAbsoluteError()
    >>> error.update(flambeau.tensor([1.0, 3.0]), flambeau.tensor([1.0, 1.0]))
    >>> error.compute()
    1.0
    """

    name = "mae"

    def update(self, output, target):
        checked_shapes(self.name, output, target)
        self.add(float((output - target).abs().sum()), target.numel())


class MeanSquaredError(Metric):
    """The mean of (output - target)^2.

    >>> error = flambeau.train.MeanSquaredError()
    >>> error.update(flambeau.tensor([1.0, 3.0]), flambeau.tensor([1.0, 1.0]))
    >>> error.compute()
    2.0
    """

    name = "mse"

    def update(self, output, target):
        checked_shapes(self.name, output, target)
        self.add(float(((output - target) ** 2).sum()), target.numel())


class RootMeanSquaredError(MeanSquaredError):
    """The root of the mean of (output - target)^2.

    >>> error = flambeau.train.RootMeanSquaredError()
    >>> error.update(flambeau.tensor([1.0, 3.0]), flambeau.tensor([1.0, 1.0]))
    >>> round(error.compute(), 4)
    1.4142
    """

    name = "rmse"

    def compute(self):
        return math.sqrt(super().compute())


class R2(Metric):
    r"""The coefficient of determination :math:`1 - \sum (t - y)^2 / \sum (t - \bar t)^2`; of several outputs the mean.

    Targets that are all equal give 1 if they are met, else 0, as in scikit-learn.

    >>> r2 = flambeau.train.R2()
    >>> r2.update(flambeau.tensor([1.0, 2.0]), flambeau.tensor([1.0, 2.0]))
    >>> r2.compute()
    1.0
    """

    name = "r2"

    def reset(self):
        """Forget all batches."""
        self.count, self.mean, self.spread, self.error = 0, 0.0, 0.0, 0.0

    def update(self, output, target):
        checked_shapes(self.name, output, target)
        n = len(target)
        if not n:
            return
        t, y = target.double().reshape(n, -1), output.double().reshape(n, -1)
        mean, both = t.mean(0), self.count + n
        # Chan, Golub, LeVeque: the spread of two sets from the spread of each and the distance of their means.
        self.spread = self.spread + ((t - mean) ** 2).sum(0) + (mean - self.mean) ** 2 * (self.count * n / both)
        self.mean = self.mean + (mean - self.mean) * (n / both)
        self.count = both
        self.error = self.error + ((t - y) ** 2).sum(0)

    def compute(self):
        if self.count < 2:
            return math.nan
        flat = self.spread == 0
        kept = 1 - self.error / flambeau.where(flat, 1.0, self.spread)
        return flambeau.where(flat, (self.error == 0).double(), kept).mean().item()


class _Counts(Metric):
    """Per class or label: hits, and how often it was found and wanted."""

    def __init__(self, average="macro", threshold=None):
        if average not in ("macro", "micro"):
            raise ValueError(f"[{type(self).__name__}] average must be 'macro' or 'micro', got {average!r}")
        self.average, self.threshold = average, threshold
        super().__init__()

    def reset(self):
        """Forget all batches."""
        self.hits, self.found, self.wanted = [], [], []

    def update(self, output, target):
        found, wanted = _classes(self, output, target)
        if found.dtype is flambeau.bool:
            self._decisions(found, wanted)
            return
        found, wanted, classes = found.reshape(-1), wanted.reshape(-1).long(), output.shape[1]
        hits = wanted[found == wanted]
        self._count(*(flambeau.bincount(values, minlength=classes).tolist() for values in (hits, found, wanted)))
        self._every = False

    def _decisions(self, found, wanted):
        """One row per label; of a single label class 1 is what counts."""
        labels = found.shape[1] if found.dim() > 1 else 1
        found, wanted = found.reshape(-1, labels), wanted.reshape(-1, labels)
        self._count(*(values.sum(0).tolist() for values in (found & wanted, found, wanted)))
        self._every = True

    def _count(self, *new):
        for name, values in zip(("hits", "found", "wanted"), new, strict=True):
            old = getattr(self, name) or [0] * len(values)
            setattr(self, name, [a + b for a, b in zip(old, values, strict=True)])

    def compute(self):
        rows = list(zip(self.hits, self.found, self.wanted, strict=True))
        if not rows:
            return float("nan")
        if self.average == "micro":
            return self._of(*(sum(column) for column in zip(*rows, strict=True)))
        rows = [row for row in rows if self._every or row[1] or row[2]]  # classes that occur, and every label
        return sum(self._of(*row) for row in rows) / len(rows)


class Precision(_Counts):
    """Of the samples that were found to be of a class, the share that is.

    Args:
        average: of several scores per sample: "macro", the mean over the classes, or "micro", all samples together. Of one
            output per sample it is the number of class 1.
        threshold: as of `Accuracy`.

    >>> precision = flambeau.train.Precision()
    >>> precision.update(flambeau.tensor([1.0, 1.0, -1.0]), flambeau.tensor([1, 0, 1]))
    >>> precision.compute()
    0.5
    """

    name = "precision"

    def _of(self, hits, found, wanted):
        return hits / found if found else 0.0


class Recall(_Counts):
    """Of the samples of a class, the share that was found.

    Args:
        average: of several scores per sample: "macro", the mean over the classes, or "micro", all samples together. Of one
            output per sample it is the number of class 1.
        threshold: as of `Accuracy`.

    >>> recall = flambeau.train.Recall()
    >>> recall.update(flambeau.tensor([1.0, 1.0, -1.0]), flambeau.tensor([1, 0, 1]))
    >>> recall.compute()
    0.5
    """

    name = "recall"

    def _of(self, hits, found, wanted):
        return hits / wanted if wanted else 0.0


class F1(_Counts):
    """The harmonic mean of precision and recall.

    Args:
        average: of several scores per sample: "macro", the mean over the classes, or "micro", all samples together. Of one
            output per sample it is the number of class 1.
        threshold: as of `Accuracy`.

    >>> f1 = flambeau.train.F1()
    >>> f1.update(flambeau.tensor([1.0, 1.0, -1.0]), flambeau.tensor([1, 0, 1]))
    >>> f1.compute()
    0.5
    """

    name = "f1"

    def _of(self, hits, found, wanted):
        return 2 * hits / (found + wanted) if found + wanted else 0.0


class AUC(Metric):
    """The area under the ROC curve: how often a sample of class 1 has a higher score than one of class 0, ties by half.

    Of one score per sample, or of two; of more classes the mean of those that occur, each against the others; of labels
    (N, C) their mean. All scores are kept till the end of the epoch.

    >>> auc = flambeau.train.AUC()
    >>> auc.update(flambeau.tensor([0.1, 0.4, 0.35, 0.8]), flambeau.tensor([0, 0, 1, 1]))
    >>> auc.compute()
    0.75
    """

    name, quick = "auc", False

    def reset(self):
        """Forget all batches."""
        self.scores, self.wanted = [], []

    def update(self, output, target):
        if output.dim() == target.dim() + 1 and output.shape[1] > 2:
            output = output.softmax(1)
        elif output.dim() == target.dim() + 1 and output.shape[1] == 2:
            output = output[:, 1] - output[:, 0]
        else:
            checked_shapes(self.name, output, target)
        self.scores.append(output)
        self.wanted.append(target)

    def compute(self):
        if not self.scores:
            return math.nan
        scores, wanted = flambeau.cat(self.scores), flambeau.cat(self.wanted)
        if scores.dim() > wanted.dim():
            areas = [_area(scores[:, c], wanted == c) for c in range(scores.shape[1])]
        else:
            labels = scores.shape[1] if scores.dim() > 1 else 1
            scores, wanted = scores.reshape(-1, labels), wanted.reshape(-1, labels) > 0.5
            areas = [_area(scores[:, c], wanted[:, c]) for c in range(labels)]
        areas = [area for area in areas if not math.isnan(area)]
        return sum(areas) / len(areas) if areas else math.nan


def _area(scores, wanted):
    """Mann and Whitney: from the sum of the ranks of the wanted ones."""
    positive = int(wanted.sum())
    negative = len(wanted) - positive
    if not positive or not negative:
        return math.nan
    _, place, counts = flambeau.unique(scores, return_inverse=True, return_counts=True)
    ranks = (counts.cumsum(0).double() - (counts.double() - 1) / 2)[place]
    return (ranks[wanted].sum().item() - positive * (positive + 1) / 2) / (positive * negative)


class _Part(Metric):
    """A metric of one of several outputs."""

    def __init__(self, key, inner):
        self.key, self.inner = key, inner
        self.name, self.quick = f"{key}_{name_of(inner)}", getattr(inner, "quick", True)

    def reset(self):
        self.inner.reset()

    def update(self, output, target):
        self.inner.update(part(output, self.key, "the module gives"), part(target, self.key, "the targets are"))

    def compute(self):
        return self.inner.compute()

    def state_dict(self):
        return state_of(self.inner)

    def load_state_dict(self, state):
        if state:
            self.inner.load_state_dict(state)


class PartLoss(Loss):
    """The mean of the loss of one of several outputs."""

    def __init__(self, key, loss):
        super().__init__()
        self.key, self.loss, self.name = key, loss, f"{key}_loss"

    def update(self, output, target):
        samples = len(part(target, self.key, "the targets are"))
        self.add(float(self.loss.last[self.key]) * samples, samples)

    def state_dict(self):
        return {"total": self.total, "count": self.count}


_BY_NAME = {
    "accuracy": Accuracy, "acc": Accuracy, "auc": AUC, "f1": F1, "mae": MeanAbsoluteError, "mse": MeanSquaredError,
    "precision": Precision, "r2": R2, "recall": Recall, "rmse": RootMeanSquaredError, "top5_accuracy": TopKAccuracy,
}  # fmt: skip


def metric(what, threshold=None):
    """A metric from its name, a function of (output, target), a class, or itself.

    Args:
        what: see above.
        threshold: of metrics by name, as of `Accuracy`.

    >>> flambeau.train.metric("acc").name
    'accuracy'
    """
    if isinstance(what, str):
        if what not in _BY_NAME:
            raise ValueError(f"[metric] no metric named {what!r}: the names are {', '.join(sorted(_BY_NAME))}")
        made = _BY_NAME[what]()
        if hasattr(made, "threshold"):
            made.threshold = threshold
        return made
    if isinstance(what, type):
        return what()
    if hasattr(what, "update") and hasattr(what, "compute"):
        return what
    if callable(what):
        return _Function(what)
    raise TypeError(f"[metric] expected a name, a function or a metric, got {type(what).__name__}")


def metrics(what, several=False, thresholds=None):
    """A list of metrics from one, a list of them, or a dict with one or a list for each of several outputs."""
    if isinstance(what, dict):
        thresholds = thresholds if isinstance(thresholds, dict) else {}
        return [_Part(key, one) for key, some in what.items() for one in metrics(some, False, thresholds.get(key))]
    if isinstance(what, (str, type)) or callable(what) or hasattr(what, "update"):
        what = [what]
    if several and any(isinstance(one, str) for one in what):
        raise ValueError("[metric] with a loss per output, metrics are too: a dict such as {'head': ['accuracy']}")
    return [metric(one, thresholds) for one in what]


def name_of(m):
    """Under which name a metric, or anything with its methods, stands in logs."""
    return getattr(m, "name", None) or type(m).__name__.lower()


def state_of(m):
    """What a metric has to remember in the middle of an epoch."""
    return m.state_dict() if hasattr(m, "state_dict") else {}
