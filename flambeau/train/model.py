"""compile, fit, evaluate, predict: training without writing a loop or a loader."""

import flambeau
from flambeau.train.trainer import Trainer

__all__ = ["Model"]

_LOSSES = {
    "bce": "binary_cross_entropy_with_logits", "binary_crossentropy": "binary_cross_entropy_with_logits", "cross_entropy": "cross_entropy",
    "sparse_categorical_crossentropy": "cross_entropy", "huber": "huber_loss", "mae": "l1_loss", "mse": "mse_loss", "nll": "nll_loss",
}  # fmt: skip


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
        self.module, self._trainer = module, None

    def compile(self, optimizer="adam", loss="mse", metrics=(), *, lr=None, **options):
        """Say how to train.

        Args:
            optimizer: a name of `flambeau.optim` in any case ("adam", "sgd"), or an optimizer of the module's parameters.
            loss: "mse", "mae", "huber", "cross_entropy", "bce" (of logits), "nll", or a function of (output, target).
            metrics: as of `Trainer`.
            lr: the learning rate of a named optimizer; its default otherwise.
            options: further arguments of `Trainer`.
        """
        if isinstance(optimizer, str):
            kinds = {name.lower(): kind for name, kind in vars(flambeau.optim).items() if isinstance(kind, type)}
            if optimizer.lower() not in kinds:
                raise ValueError(f"[compile] no optimizer named {optimizer!r}: see flambeau.optim")
            given = {} if lr is None else {"lr": lr}
            optimizer = kinds[optimizer.lower()](self.module.parameters(), **given)
        elif lr is not None:
            raise ValueError("[compile] lr is for an optimizer given by name")
        if isinstance(loss, str):
            if loss not in _LOSSES:
                raise ValueError(f"[compile] no loss named {loss!r}: the names are {', '.join(_LOSSES)}")
            loss = getattr(flambeau.nn.functional, _LOSSES[loss])
        self._options = {"optimizer": optimizer, "loss": loss, "metrics": metrics, **options}
        self._trainer = None

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
        callbacks=(),
        progress=True,
        resume=None,
    ):
        """Train on x and y.

        Args:
            x: a tensor, an array or a tuple of them (several inputs); or a data set or loader of (inputs..., target), without y.
            y: targets.
            batch_size, shuffle: how x and y become batches.
            epochs: how many, each time `fit` is called.
            validation_split: the last part of x and y that is kept for validation, between 0 and 1.
            validation_data: (x, y), a data set or a loader, instead.
            callbacks: callbacks of this run.
            progress, resume: as of `Trainer`.

        Returns:
            History: a row of numbers per epoch; `history.history["loss"]` is a list, `history.plot(path)` a picture.
        """
        if not hasattr(self, "_options"):
            raise RuntimeError("[fit] call compile(optimizer, loss) first")
        if not 0 <= validation_split < 1:
            raise ValueError(f"[fit] validation_split must be in [0, 1), got {validation_split}")
        before = self._trainer
        trainer = self._trainer = Trainer(self.module, callbacks=callbacks, progress=progress, **self._options)
        if before is not None:
            trainer.epoch, trainer.step, trainer.history = before.epoch, before.step, before.history
        if validation_split:
            x, y, validation_data = _split(x, y, validation_split)
        validation = None if validation_data is None else _loader(*_pair(validation_data), batch_size, False)
        return trainer.fit(_loader(x, y, batch_size, shuffle), validation, epochs=trainer.epoch + epochs, resume=resume)

    def evaluate(self, x, y=None, *, batch_size=256):
        """The loss and the metrics on x and y (or a data set, or a loader), as a dict."""
        trainer = self._trainer or Trainer(self.module, progress=False, **self._options)
        return trainer.evaluate(_loader(x, y, batch_size, False))

    def predict(self, x, *, batch_size=256):
        """The module's outputs for x."""
        trainer = self._trainer or Trainer(self.module, None, lambda output, target: output, progress=False)
        return trainer.predict(_loader(x, None, batch_size, False))

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


def _pair(data):
    return data if isinstance(data, (tuple, list)) and len(data) == 2 else (data, None)


def _tensors(x, y):
    """The tensors of x and y, which must be equally long; None if x is a data set or loader."""
    parts = list(x) if isinstance(x, tuple) else [x]
    if not all(isinstance(p, flambeau.Tensor) or hasattr(p, "__array__") for p in parts):
        return None
    parts = [flambeau.as_tensor(p) for p in (*parts, *([] if y is None else [y]))]
    default = flambeau.get_default_dtype()
    parts = [p.to(default) if p.dtype is flambeau.float64 and default is flambeau.float32 else p for p in parts]
    lengths = {len(p) for p in parts}
    if len(lengths) > 1:
        raise ValueError(
            f"[fit] x and y must have as many samples, got {', '.join(str(tuple(p.shape)) for p in parts)}"
        )
    return parts


def _split(x, y, share):
    parts = _tensors(x, y)
    if parts is None or y is None:
        raise ValueError("[fit] validation_split is for tensors x and y: pass validation_data")
    cut = len(parts[0]) - int(len(parts[0]) * share)
    first, last = ([p[:cut] for p in parts], [p[cut:] for p in parts])
    return tuple(first[:-1]), first[-1], (tuple(last[:-1]), last[-1])


def _loader(x, y, batch_size, shuffle):
    data = flambeau.utils.data
    if y is None and (isinstance(x, data.DataLoader) or not hasattr(x, "__getitem__") and hasattr(x, "__iter__")):
        return x
    parts = _tensors(x, y)
    dataset = x if parts is None else data.TensorDataset(*parts)
    return data.DataLoader(dataset, batch_size=batch_size, shuffle=shuffle)
