"""Numbers that say how good a model is, gathered over the batches of an epoch."""

import flambeau

__all__ = [
    "F1",
    "R2",
    "Accuracy",
    "Loss",
    "MeanAbsoluteError",
    "MeanSquaredError",
    "Metric",
    "Precision",
    "Recall",
    "TopKAccuracy",
    "metric",
]


class Metric:
    """What a metric is: `update` takes a batch, `compute` gives the number, `reset` begins anew.

    Anything with these three methods is a metric for a `Trainer`.

    Attributes:
        name: under which it stands in logs and histories.

    >>> class Share(flambeau.train.Metric):
    ...     name = "share"
    ...     def update(self, output, target):
    ...         self.add((output > 0).sum().item(), output.numel())
    >>> share = Share()
    >>> share.update(flambeau.tensor([1.0, -1.0]), None)
    >>> share.compute()
    0.5
    """

    name = "metric"

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


def _classes(output, target):
    """Predicted and wanted classes: of scores (N, C, ...), or of one logit each (N) or (N, 1)."""
    if output.dim() > target.dim():
        return output.argmax(1), target
    if output.shape == target.shape and target.dim() > 1 and output.shape[1] > 1:
        return output.argmax(1), target.argmax(1)
    return (output > 0).long(), target.long()


class Accuracy(Metric):
    """The share of samples whose highest score (or sign of the one logit) is the wanted class.

    >>> accuracy = flambeau.train.Accuracy()
    >>> accuracy.update(flambeau.tensor([[0.1, 0.9], [0.8, 0.2]]), flambeau.tensor([1, 1]))
    >>> accuracy.compute()
    0.5
    """

    name = "accuracy"

    def update(self, output, target):
        found, wanted = _classes(output, target)
        self.add(int((found == wanted).sum()), wanted.numel())


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
        _same_shape(self, output, target)
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
        _same_shape(self, output, target)
        self.add(float(((output - target) ** 2).sum()), target.numel())


class R2(Metric):
    r"""The coefficient of determination :math:`1 - \sum (t - y)^2 / \sum (t - \bar t)^2` over all samples.

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
        _same_shape(self, output, target)
        t, n = target.double(), target.numel()
        mean = float(t.mean()) if n else 0.0
        # Chan, Golub, LeVeque: the spread of two sets from the spread of each and the distance of their means.
        both = self.count + n
        self.spread += float(((t - mean) ** 2).sum()) + (mean - self.mean) ** 2 * self.count * n / max(both, 1)
        self.mean += (mean - self.mean) * n / max(both, 1)
        self.count = both
        self.error += float(((t - output.double()) ** 2).sum())

    def compute(self):
        return 1 - self.error / self.spread if self.spread else float("nan")


class _Counts(Metric):
    """Per class: hits, and how often it was found and wanted. Two classes from one logit count class 1 only."""

    def __init__(self, average="macro"):
        if average not in ("macro", "micro"):
            raise ValueError(f"[{type(self).__name__}] average must be 'macro' or 'micro', got {average!r}")
        self.average = average
        super().__init__()

    def reset(self):
        """Forget all batches."""
        self.hits, self.found, self.wanted = [], [], []

    def update(self, output, target):
        found, wanted = (c.reshape(-1) for c in _classes(output, target))
        classes = output.shape[1] if output.dim() > 1 and output.shape[1] > 1 else 2
        hits = wanted[found == wanted]
        for name, values in (("hits", hits), ("found", found), ("wanted", wanted)):
            new = flambeau.bincount(values, minlength=classes).tolist()
            old = getattr(self, name) or [0] * len(new)
            setattr(self, name, [a + b for a, b in zip(old, new, strict=True)])
        self._binary = classes == 2 and not (output.dim() > 1 and output.shape[1] > 1)

    def compute(self):
        rows = list(zip(self.hits, self.found, self.wanted, strict=True))
        if not rows:
            return float("nan")
        if self._binary:
            return self._of(*rows[1])
        if self.average == "micro":
            return self._of(*(sum(column) for column in zip(*rows, strict=True)))
        rows = [row for row in rows if row[1] or row[2]]  # classes that occur
        return sum(self._of(*row) for row in rows) / len(rows)


class Precision(_Counts):
    """Of the samples that were found to be of a class, the share that is; the mean over classes, or of class 1 of two.

    >>> precision = flambeau.train.Precision()
    >>> precision.update(flambeau.tensor([1.0, 1.0, -1.0]), flambeau.tensor([1, 0, 1]))
    >>> precision.compute()
    0.5
    """

    name = "precision"

    def _of(self, hits, found, wanted):
        return hits / found if found else 0.0


class Recall(_Counts):
    """Of the samples of a class, the share that was found; the mean over classes, or of class 1 of two.

    >>> recall = flambeau.train.Recall()
    >>> recall.update(flambeau.tensor([1.0, 1.0, -1.0]), flambeau.tensor([1, 0, 1]))
    >>> recall.compute()
    0.5
    """

    name = "recall"

    def _of(self, hits, found, wanted):
        return hits / wanted if wanted else 0.0


class F1(_Counts):
    """The harmonic mean of precision and recall; the mean over classes, or of class 1 of two.

    >>> f1 = flambeau.train.F1()
    >>> f1.update(flambeau.tensor([1.0, 1.0, -1.0]), flambeau.tensor([1, 0, 1]))
    >>> f1.compute()
    0.5
    """

    name = "f1"

    def _of(self, hits, found, wanted):
        return 2 * hits / (found + wanted) if found + wanted else 0.0


def _same_shape(metric, output, target):
    if output.shape != target.shape:
        raise ValueError(
            f"[{metric.name}] output {tuple(output.shape)} and target {tuple(target.shape)} must have the same shape: "
            "use target.unsqueeze(1) or output.squeeze(1)"
        )


_BY_NAME = {
    "accuracy": Accuracy, "acc": Accuracy, "f1": F1, "mae": MeanAbsoluteError, "mse": MeanSquaredError, "precision": Precision,
    "r2": R2, "recall": Recall, "top5_accuracy": TopKAccuracy,
}  # fmt: skip


def metric(what):
    """A metric from its name, a function of (output, target), a class, or itself.

    >>> flambeau.train.metric("acc").name
    'accuracy'
    """
    if isinstance(what, str):
        if what not in _BY_NAME:
            raise ValueError(f"[metric] no metric named {what!r}: the names are {', '.join(sorted(_BY_NAME))}")
        return _BY_NAME[what]()
    if isinstance(what, type):
        return what()
    if hasattr(what, "update") and hasattr(what, "compute"):
        return what
    if callable(what):
        return _Function(what)
    raise TypeError(f"[metric] expected a name, a function or a metric, got {type(what).__name__}")
