"""Averages of a model's weights over training: stochastic weight averaging and exponential moving averages."""

import math
from copy import deepcopy

import flambeau
from flambeau.optim.lr_scheduler.base import LRScheduler, current_lrs, per_group

__all__ = [
    "SWALR",
    "AveragedModel",
    "get_ema_avg_fn",
    "get_ema_multi_avg_fn",
    "get_swa_avg_fn",
    "get_swa_multi_avg_fn",
    "update_bn",
]


def _check_decay(decay):
    if decay < 0.0 or decay > 1.0:
        raise ValueError(f"Invalid decay value {decay} provided. Please provide a value in [0,1] range.")


def get_ema_avg_fn(decay=0.999):
    """The function ``decay * average + (1 - decay) * current`` of ``(average, current, n_averaged)``.

    Example:
        >>> get_ema_avg_fn(0.75)(4.0, 0.0, 1)
        3.0
    """
    _check_decay(decay)

    def ema_update(ema_param, current_param, num_averaged):
        with flambeau.no_grad():
            return decay * ema_param + (1 - decay) * current_param

    return ema_update


def get_swa_avg_fn():
    """The function ``average + (current - average) / (n_averaged + 1)``: the plain mean.

    Example:
        >>> get_swa_avg_fn()(4.0, 0.0, 3)
        3.0
    """

    def swa_update(averaged_param, current_param, num_averaged):
        with flambeau.no_grad():
            return averaged_param + (current_param - averaged_param) / (num_averaged + 1)

    return swa_update


def _on_lists(one):
    """A function that replaces each of a list of averages, from one for a single average."""

    def update(averages, currents, num_averaged):
        with flambeau.no_grad():
            for average, current in zip(averages, currents, strict=False):
                average.copy_(one(average, current, num_averaged))

    return update


def get_ema_multi_avg_fn(decay=0.999):
    """As ``get_ema_avg_fn``, for lists of tensors, in place.

    Example:
        >>> import flambeau
        >>> average = flambeau.full((1,), 4.0)
        >>> get_ema_multi_avg_fn(0.75)([average], [flambeau.zeros(1)], 1)
        >>> average.item()
        3.0
    """
    return _on_lists(get_ema_avg_fn(decay))


def get_swa_multi_avg_fn():
    """As ``get_swa_avg_fn``, for lists of tensors, in place.

    Example:
        >>> import flambeau
        >>> average = flambeau.full((1,), 4.0)
        >>> get_swa_multi_avg_fn()([average], [flambeau.zeros(1)], 3)
        >>> average.item()
        3.0
    """
    return _on_lists(get_swa_avg_fn())


class AveragedModel(flambeau.nn.Module):
    """A copy of a model whose parameters are averages of the model's over time.

    Args:
        model: the model to follow.
        device: where the copy lives; by default where the model does.
        avg_fn: ``(average, current, n_averaged) -> average``; by default the mean.
        multi_avg_fn: the same on lists, in place; not together with ``avg_fn``.
        use_buffers: average buffers too instead of copying them.

    Example:
        >>> import flambeau
        >>> from flambeau.optim.swa_utils import AveragedModel
        >>> model = flambeau.nn.Linear(1, 1)
        >>> averaged = AveragedModel(model)
        >>> averaged.update_parameters(model)
        >>> int(averaged.n_averaged)
        1

    Source: Izmailov et al., Averaging weights leads to wider optima and better generalization, 2018.
    """

    def __init__(self, model, device=None, avg_fn=None, multi_avg_fn=None, use_buffers=False):
        super().__init__()
        if avg_fn is not None and multi_avg_fn is not None:
            raise AssertionError("Only one of avg_fn and multi_avg_fn should be provided")
        self.module = deepcopy(model)
        if device is not None:
            self.module = self.module.to(device)
        self.register_buffer("n_averaged", flambeau.tensor(0, dtype=flambeau.long, device=device))
        self.avg_fn, self.multi_avg_fn, self.use_buffers = avg_fn, multi_avg_fn, use_buffers

    def forward(self, *args, **kwargs):
        """The averaged model's forward."""
        return self.module(*args, **kwargs)

    def update_parameters(self, model):
        """Takes the model's present parameters into the average."""
        averages, currents = self._tensors(self.module), self._tensors(model)
        first = self.n_averaged.item() == 0
        for average, current in zip(averages, currents, strict=False):
            if first:
                average.detach().copy_(current.detach())
        if not first:
            update = self.multi_avg_fn or _on_lists(self.avg_fn or get_swa_avg_fn())
            update(
                [each.detach() for each in averages],
                [current.detach().to(average.device) for average, current in zip(averages, currents, strict=False)],
                self.n_averaged.to(averages[0].device) if averages else self.n_averaged,
            )
        if not self.use_buffers:
            for mine, theirs in zip(self.module.buffers(), model.buffers(), strict=False):
                mine.detach().copy_(theirs.detach().to(mine.device))
        self.n_averaged += 1

    def _tensors(self, model):
        return [*model.parameters(), *(model.buffers() if self.use_buffers else ())]


def update_bn(loader, model, device=None):
    """Computes the running statistics of all batch norms anew, in one pass over the data.

    Args:
        loader: batches; of a list or tuple the first element is the input.
        model: the model; it is in train mode for the pass, and in its former mode after.
        device: where batches are moved; by default they stay.

    Example:
        >>> import flambeau
        >>> model = flambeau.nn.BatchNorm1d(1)
        >>> update_bn([flambeau.full((4, 1), 3.0)], model)
        >>> model.running_mean.item()
        3.0
    """
    norms = [module for module in model.modules() if isinstance(module, flambeau.nn.modules.batchnorm._BatchNorm)]
    if not norms:
        return
    training, momenta = model.training, [norm.momentum for norm in norms]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # the cumulative average
    model.train()
    with flambeau.no_grad():
        for batch in loader:
            batch = batch[0] if isinstance(batch, (list, tuple)) else batch
            model(batch if device is None else batch.to(device))
    for norm, momentum in zip(norms, momenta, strict=False):
        norm.momentum = momentum
    model.train(training)


class SWALR(LRScheduler):
    """``lr`` goes to ``swa_lr`` in ``anneal_epochs`` epochs and stays there.

    Args:
        optimizer: the optimizer.
        swa_lr: the last learning rate, for all groups or a list.
        anneal_epochs: epochs on the way.
        anneal_strategy: ``"cos"`` or ``"linear"``.
        last_epoch: -1 to start.

    Raises:
        ValueError: an unknown strategy, or a negative number of epochs.

    Example:
        >>> import flambeau
        >>> from flambeau.optim.swa_utils import SWALR
        >>> optimizer = flambeau.optim.SGD([flambeau.zeros(1)], lr=1.0)
        >>> scheduler = SWALR(optimizer, swa_lr=0.5, anneal_epochs=1, anneal_strategy="linear")
        >>> optimizer.step(); scheduler.step()
        >>> scheduler.get_last_lr()
        [0.5]
    """

    def __init__(self, optimizer, swa_lr, anneal_epochs=10, anneal_strategy="cos", last_epoch=-1):
        for lr, group in zip(per_group("swa_lr", optimizer, swa_lr), optimizer.param_groups, strict=False):
            group["swa_lr"] = lr
        if anneal_strategy not in ("cos", "linear"):
            raise ValueError(f"anneal_strategy must by one of 'cos' or 'linear', instead got {anneal_strategy}")
        if not isinstance(anneal_epochs, int) or anneal_epochs < 0:
            raise ValueError(f"anneal_epochs must be equal or greater than 0, got {anneal_epochs}")
        self._anneal_strategy, self.anneal_epochs = anneal_strategy, anneal_epochs
        super().__init__(optimizer, last_epoch)

    def _part(self, step):
        """How far along the way a step is, from 0 to 1."""
        t = max(0, min(1, step / max(1, self.anneal_epochs)))
        return t if self._anneal_strategy == "linear" else (1 - math.cos(math.pi * t)) / 2

    def get_lr(self):
        """The next learning rates."""
        self._warn_outside_step()
        if self._is_initial:
            return current_lrs(self.optimizer)
        before, now = self._part(max(0, self._step_count - 2)), self._part(max(0, self._step_count - 1))
        result = []
        for group in self.optimizer.param_groups:
            target = group["swa_lr"]
            start = target if before == 1 else (group["lr"] - before * target) / (1 - before)
            result.append(target * now + start * (1 - now))
        return result
