"""compile, fit, evaluate, predict: training without writing a loop or a loader."""

import flambeau
from flambeau.train import _data as data
from flambeau.train._losses import per_sample
from flambeau.train.trainer import Trainer

__all__ = ["Model"]


class Model:
    """A module with `compile`, `fit`, `evaluate` and `predict`, for data in tensors, arrays, data sets or loaders.

    Args:
        module: the module to train; it stays an ordinary module.

    >>> _ = flambeau.manual_seed(0)
    >>> x = flambeau.randn(200, 2)
    >>> y = (x.sum(1) > 0).long()
    >>> model = flambeau.train.Model(flambeau.nn.Sequential(flambeau.nn.Linear(2, 16), flambeau.nn.ReLU(), flambeau.nn.Linear(16, 2)))
    >>> model.compile("adam", "cross_entropy", metrics=["accuracy"], lr=0.01)
    >>> _ = model.fit(x, y, epochs=20, progress=False)
    >>> model.evaluate(x, y)["accuracy"] > 0.95
    True
    >>> model.predict(x[:3]).shape
    torch.Size([3, 2])
    """

    def __init__(self, module):
        if not isinstance(module, flambeau.nn.Module):
            raise TypeError(f"[Model] expected a module, got {type(module).__name__}")
        self.module, self.trainer = module, None

    def compile(self, optimizer="adam", loss="mse", metrics=(), *, lr=None, **options):
        """Say how to train.

        Args:
            optimizer: a name of `flambeau.optim` in any case ("adam", "sgd"), or an optimizer of the module's parameters.
            loss: a name such as "cross_entropy", a function of (output, target), or several, as of `Trainer`.
            metrics: as of `Trainer`.
            lr: the learning rate of a named optimizer; its default otherwise.
            options: further arguments of `Trainer`, such as scheduler, clip, accumulate, autocast.
        """
        if isinstance(optimizer, str):
            given = {} if lr is None else {"lr": lr}
            optimizer = _optimizer(optimizer)(self.module.parameters(), **given)
        elif lr is not None:
            raise ValueError("[compile] lr is for an optimizer given by name")
        if "callbacks" in options:
            raise TypeError("[compile] callbacks are an argument of fit")
        self.trainer = Trainer(self.module, optimizer, loss, metrics=metrics, progress=False, **options)

    def fit(
        self,
        x,
        y=None,
        *,
        batch_size=32,
        epochs=1,
        validation_split=0.0,
        validation_data=None,
        shuffle=True,
        class_weight=None,
        sample_weight=None,
        callbacks=(),
        progress=True,
        verbose=None,
        resume=None,
    ):
        """Train on x and y.

        Args:
            x: a tensor or an array, or a tuple or list (several inputs) or dict (inputs by name) of them; or a data set or loader
                of (inputs..., target), without y.
            y: targets, a tuple or dict of them for several outputs.
            batch_size, shuffle: how x and y become batches.
            epochs: how many, each time `fit` is called; with `resume` how many in all.
            validation_split: the last part of x and y that is kept for validation, between 0 and 1.
            validation_data: (x, y), a data set or a loader, instead.
            class_weight: the weight of each class in the loss, a dict by number or a list.
            sample_weight: a weight per sample, which its loss is multiplied by; the loss is the mean of these products.
            callbacks: callbacks of this run.
            progress: whether to show a bar, or lines where there is no terminal or with "lines".
            verbose: 0, 1 or 2, the same by Keras's numbers: nothing, a bar, lines.
            resume: as of `Trainer.fit`.

        Returns:
            History: a row of numbers per epoch; `history.history["loss"]` is a list, `history.plot(path)` a picture.
        """
        trainer = self._compiled("fit")
        if not 0 <= validation_split < 1:
            raise ValueError(f"[fit] validation_split must be in [0, 1), got {validation_split}")
        weight = data.weights_of(y, class_weight, sample_weight)
        if validation_split:
            (x, y, weight), (*validation_data, _) = data.split(x, y, weight, validation_split)
        validation = None
        if validation_data is not None:
            validation = data.loader(*_pair(validation_data), batch_size, False, who="validation_data")
        train = data.loader(x, y, batch_size, shuffle, weight)
        trainer._watch(callbacks, progress if verbose is None else (False, True, "lines")[verbose])
        trainer._step = trainer._own_step if weight is None else _weighted(trainer)
        return trainer.fit(train, validation, epochs=epochs if resume else trainer.epoch + epochs, resume=resume)

    def evaluate(self, x, y=None, *, batch_size=256):
        """The loss and the metrics on x and y (or a data set, or a loader), as a dict."""
        return self._compiled("evaluate").evaluate(data.loader(x, y, batch_size, False, who="evaluate"))

    def predict(self, x, *, batch_size=256):
        """The module's outputs for x: an array, a tuple or dict of them, or a data set or loader, whose targets are left out."""
        trainer = self.trainer or Trainer(self.module, None, lambda output, target: output, progress=False)
        parts = data.inputs_in(x)
        loader = data.loader(x, None, batch_size, False, who="predict", targets=False)
        return trainer.predict(loader, None if parts is None else len(parts))

    def _compiled(self, who):
        if self.trainer is None:
            raise RuntimeError(f"[{who}] call compile(optimizer, loss) first")
        return self.trainer

    def __call__(self, *args, **kwargs):
        return self.module(*args, **kwargs)

    def summary(self, input_size=None, **options):
        """`flambeau.summary` of the module."""
        return flambeau.summary(self.module, input_size, **options)

    def save(self, path):
        """Write the module's state_dict to a file."""
        flambeau.save(self.module.state_dict(), path)

    def load(self, path):
        """Read the module's weights from a file that `save` wrote."""
        self.module.load_state_dict(flambeau.load(path))


def _pair(given):
    return given if isinstance(given, (tuple, list)) and len(given) == 2 else (given, None)


def _optimizer(name):
    """An optimizer's class from its name in any case."""
    kinds = {
        key.lower(): kind
        for key, kind in vars(flambeau.optim).items()
        if isinstance(kind, type)
        and issubclass(kind, flambeau.optim.Optimizer)
        and kind is not flambeau.optim.Optimizer
    }
    if name.lower() not in kinds:
        raise ValueError(f"[compile] no optimizer named {name!r}: the names are {', '.join(sorted(kinds))}")
    return kinds[name.lower()]


def _weighted(trainer):
    """A step on batches (inputs..., target, weights); those of the validation have no weights."""
    if trainer.loss is None:
        raise ValueError("[fit] class_weight and sample_weight need compile(loss=...): a step= has its loss itself")
    loss = per_sample(trainer.loss)

    def step(module, batch):
        if not module.training:
            return trainer._default_step(module, batch)
        *inputs, target, weights = batch
        trainer._inputs = len(inputs)
        output = trainer._apply(module, inputs)
        return loss(output, target, weights), output, target

    return step
