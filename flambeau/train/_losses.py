"""Losses by name, for one output or several, with a weight per sample."""

import copy
import inspect
import warnings

import flambeau

__all__ = ["Several", "checked_shapes", "loss_function", "per_sample", "threshold_of", "warn_of_twice"]

_FUNCTIONS = {
    "bce": "binary_cross_entropy_with_logits", "binary_crossentropy": "binary_cross_entropy_with_logits",
    "cross_entropy": "cross_entropy", "categorical_crossentropy": "cross_entropy", "sparse_categorical_crossentropy": "cross_entropy",
    "huber": "huber_loss", "mae": "l1_loss", "mean_absolute_error": "l1_loss",
    "mse": "mse_loss", "mean_squared_error": "mse_loss", "nll": "nll_loss",
}  # fmt: skip


class Named:
    """A loss known by its name: targets get the dtype that it takes, and shapes that would broadcast are an error."""

    def __init__(self, name):
        self.name, self.function = name, _FUNCTIONS[name]

    def __call__(self, output, target, **options):
        for what, value in (("the module's output", output), ("the target", target)):
            if not isinstance(value, flambeau.Tensor):
                raise TypeError(
                    f"[{self.name}] {what} is a {type(value).__name__}, not a tensor: give a list or dict of losses, one per "
                    "output, or pass step="
                )
        if self.function in ("cross_entropy", "nll_loss"):
            target = self._classes(output, target)
        else:
            checked_shapes(self.name, output, target)
            target = target if target.is_floating_point() else target.to(output.dtype)
        return getattr(flambeau.nn.functional, self.function)(output, target, **options)

    def _classes(self, output, target):
        if target.dim() == output.dim() and target.shape != output.shape and target.shape[-1] == 1:
            raise ValueError(
                f"[{self.name}] output {tuple(output.shape)} has one score per class, and target {tuple(target.shape)} "
                "must be one class number per sample: use target.squeeze(1)"
            )
        if target.is_floating_point() and target.shape != output.shape:
            raise TypeError(
                f"[{self.name}] target {tuple(target.shape)} must be class numbers, got "
                f"{target.dtype}: use target.long(), or the loss 'mse' for numbers"
            )
        return target if target.is_floating_point() else target.long()


class Several:
    """The weighted sum of one loss per output; the outputs are a tuple, or a dict by name, and so are the targets.

    Attributes:
        last: the losses of the last call, by output.
    """

    def __init__(self, losses, weights=None):
        self.losses, self.last = losses, {}
        given = _by_key(weights) if weights is not None else {}
        if not set(given) <= set(losses):
            raise ValueError(f"[loss_weights] expected {_names(losses)}, got {_names(given)}")
        self.weights = {key: given.get(key, 1.0) for key in losses}

    def __call__(self, output, target):
        self.last = {
            key: one(part(output, key, "the module gives"), part(target, key, "the targets are"))
            for key, one in self.losses.items()
        }
        return sum(self.weights[key] * value for key, value in self.last.items())


def part(whole, key, what):
    """An output or target by its name or place."""
    if isinstance(key, str) == isinstance(whole, dict):
        try:
            return whole[key]
        except (KeyError, IndexError, TypeError):
            pass
    found = (
        _names(whole)
        if isinstance(whole, dict)
        else f"{len(whole)} parts"
        if isinstance(whole, (tuple, list))
        else type(whole).__name__
    )
    raise ValueError(f"[loss] there is a loss for {key!r}, but {what} {found}")


def loss_function(what, weights=None):
    """A function of (output, target) from a name, a function or module, or a list or dict of them for several outputs."""
    if isinstance(what, (list, tuple, dict)):
        return Several({key: loss_function(one) for key, one in _by_key(what).items()}, weights)
    if weights is not None:
        raise ValueError("[loss_weights] are for several losses: give loss as a list, or as a dict by output")
    if isinstance(what, str):
        if what not in _FUNCTIONS:
            raise ValueError(f"[compile] no loss named {what!r}: the names are {', '.join(_FUNCTIONS)}")
        return Named(what)
    if isinstance(what, type):
        what = what()
    if not callable(what):
        raise TypeError(
            f"[loss] expected a name, a function of (output, target) or a module, got {type(what).__name__}"
        )
    return what


def per_sample(loss):
    """A function of (output, target, weights): the mean over the samples of weight times loss."""
    if isinstance(loss, Several):
        parts = {key: per_sample(one) for key, one in loss.losses.items()}

        def together(output, target, weights):
            loss.last = {
                key: one(part(output, key, "the module gives"), part(target, key, "the targets are"), weights)
                for key, one in parts.items()
            }
            return sum(loss.weights[key] * value for key, value in loss.last.items())

        return together
    each = _unreduced(loss)

    def weighted(output, target, weights):
        losses = each(output, target)
        if losses.dim() == 0 or len(losses) != len(weights):
            raise ValueError(
                f"[sample_weight] expected a loss for each of {len(weights)} samples, got shape {tuple(losses.shape)}"
            )
        return (losses.reshape(len(weights), -1).mean(1) * weights).mean()

    return weighted


def _unreduced(loss):
    if isinstance(loss, flambeau.nn.Module) and hasattr(loss, "reduction"):
        loss = copy.copy(loss)
        loss.reduction = "none"
        return loss
    if not isinstance(loss, Named) and "reduction" not in inspect.signature(loss).parameters:
        raise ValueError(
            "[sample_weight] needs a loss with reduction='none': a name such as 'mse', a module such as "
            "nn.MSELoss(), or a function that takes reduction="
        )
    return lambda output, target: loss(output, target, reduction="none")


def checked_shapes(name, output, target):
    """Shapes that are not the same would broadcast to a wrong result."""
    if output.shape != target.shape:
        fix = "target.squeeze(1)" if target.dim() > output.dim() else "target.unsqueeze(1) or output.squeeze(1)"
        raise ValueError(
            f"[{name}] output {tuple(output.shape)} and target {tuple(target.shape)} must have the same shape: use {fix}"
        )


def threshold_of(loss):
    """Above which output a decision is true, of losses that take a decision per output; a dict for several losses, else None."""
    f, nn = flambeau.nn.functional, flambeau.nn
    if isinstance(loss, Several):
        return {key: threshold_of(one) for key, one in loss.losses.items()}
    if isinstance(loss, nn.BCELoss) or loss is f.binary_cross_entropy:
        return 0.5
    logits = (nn.BCEWithLogitsLoss, nn.MultiLabelSoftMarginLoss)
    named = getattr(loss, "function", None) == "binary_cross_entropy_with_logits"
    return 0.0 if named or isinstance(loss, logits) or loss is f.binary_cross_entropy_with_logits else None


def warn_of_twice(module, loss):
    """Warn of a model that ends in what its loss does itself."""
    last = next(reversed(list(module.modules())))
    kind = getattr(loss, "function", None) or getattr(loss, "__name__", type(loss).__name__)
    twice = {
        flambeau.nn.Softmax: ("cross_entropy", "CrossEntropyLoss"),
        flambeau.nn.Sigmoid: ("binary_cross_entropy_with_logits", "BCEWithLogitsLoss"),
    }.get(type(last), ())
    if kind in twice:
        warnings.warn(
            f"[Trainer] the model ends in {type(last).__name__}, which {kind} does itself: leave it out, or training is slow",
            stacklevel=4,
        )


def _by_key(what):
    return dict(what) if isinstance(what, dict) else dict(enumerate(what))


def _names(keys):
    return ", ".join(map(repr, keys)) or "none"
