"""The training loop: epochs, validation, callbacks, checkpoints and going on from them."""

import os

import flambeau
from flambeau.train.callbacks import Checkpoint, Progress
from flambeau.train.history import History
from flambeau.train.metrics import Loss, metric
from flambeau.utils.data._utils.streams import Streams, plain

__all__ = ["Interrupted", "Trainer"]

_EVENTS = ("fit_start", "epoch_start", "step_end", "epoch_end", "fit_end")


class Interrupted(KeyboardInterrupt):
    """Ctrl-C during `fit`; the text says where training stopped and how to go on.

    >>> issubclass(flambeau.train.Interrupted, KeyboardInterrupt)
    True
    """


class Trainer:
    """Trains, evaluates and applies a module.

    One step takes the loss of a batch, its gradients, and steps the optimizer. What a batch is, is up to the loader: by default its
    last part is the target and the others are the module's arguments. Another kind of step is a function.

    Args:
        module: the model.
        optimizer: over its parameters.
        loss: a function of (output, target).
        metrics: names ("accuracy", "f1", "mae", ...), functions of (output, target), or `Metric` objects.
        scheduler: a learning rate scheduler; one with a plateau gets the validation loss, or the training loss without one.
        scheduler_every: "epoch" or "step".
        callbacks: `Callback` objects, asked in this order.
        step: instead of `loss`: a function of (module, batch) that returns the loss, or (loss, output, target).
        accumulate: batches whose mean gradient makes one optimizer step.
        clip: the largest norm of all gradients together.
        autocast: a dtype such as `flambeau.bfloat16` that forward passes run in.
        progress: show a progress bar, or lines where there is no terminal.

    Attributes:
        epoch, step, batch: how many epochs and optimizer steps are done, and batches of the current epoch.
        history: one row of numbers per epoch.
        stop: set it in a callback to end after the current step.

    >>> _ = flambeau.manual_seed(0)
    >>> x = flambeau.randn(64, 1)
    >>> model = flambeau.nn.Linear(1, 1)
    >>> optimizer = flambeau.optim.SGD(model.parameters(), lr=0.5)
    >>> trainer = flambeau.train.Trainer(model, optimizer, flambeau.nn.functional.mse_loss, progress=False)
    >>> loader = flambeau.utils.data.DataLoader(flambeau.utils.data.TensorDataset(x, 2 * x + 1), batch_size=16)
    >>> _ = trainer.fit(loader, epochs=5)
    >>> trainer.evaluate(loader)["loss"] < 0.001
    True
    """

    def __init__(
        self,
        module,
        optimizer,
        loss=None,
        *,
        metrics=(),
        scheduler=None,
        scheduler_every="epoch",
        callbacks=(),
        step=None,
        accumulate=1,
        clip=None,
        autocast=None,
        progress=True,
    ):
        if (loss is None) == (step is None):
            raise ValueError(
                "[Trainer] give either loss=, a function of (output, target), or step=, a function of (module, batch)"
            )
        if scheduler_every not in ("epoch", "step"):
            raise ValueError(f"[Trainer] scheduler_every must be 'epoch' or 'step', got {scheduler_every!r}")
        if accumulate < 1:
            raise ValueError(f"[Trainer] accumulate must be at least 1, got {accumulate}")
        self.module, self.optimizer, self.loss, self.scheduler = module, optimizer, loss, scheduler
        self.scheduler_every, self.accumulate, self.clip, self.autocast = scheduler_every, accumulate, clip, autocast
        self._step = step or self._default_step
        self._metrics = [Loss(), *map(metric, metrics)]
        self._callbacks = [*([Progress()] if progress else []), *callbacks]
        self._plateau = isinstance(scheduler, flambeau.optim.lr_scheduler.ReduceLROnPlateau)
        self.epoch = self.step = self.batch = 0
        self.history, self.stop, self.epochs, self.batches = History(), False, 0, None
        self._train, self._in_epoch = None, False

    # ------------------------------------------------------------------------------------------------------- public

    def fit(self, train, validation=None, *, epochs=1, resume=None):
        """Train for as many epochs as are left of `epochs`.

        Args:
            train, validation: iterables of batches, such as a `DataLoader`.
            epochs: how many in all, with those done before (by an earlier `fit`, or by the run that is resumed).
            resume: a checkpoint file, a folder of them (its newest; from the start if it has none), or True for the folder of the
                `Checkpoint` callback. A `DataLoader` goes on in the middle of an epoch, to the bit.

        Returns:
            History: one row per epoch, with `plot`.

        Raises:
            Interrupted: Ctrl-C. A `Checkpoint` callback has saved the last finished step.
            RuntimeError: the loss is NaN or infinite, or does not depend on parameters.
        """
        self._train, self.epochs, self.stop = train, epochs, False
        self.batches = _length(train)
        if resume:
            self.resume(resume)
        self._call = {event: [getattr(c, f"on_{event}") for c in self._callbacks if c.has(event)] for event in _EVENTS}
        self._tell("fit_start")
        try:
            while self.epoch < epochs and not self.stop:
                self._run_epoch(train, validation)
        except KeyboardInterrupt:
            raise Interrupted(self._interrupted()) from None
        finally:
            self._in_epoch = False
            self._tell("fit_end")
        return self.history

    def evaluate(self, loader):
        """The loss and the metrics over all batches of a loader, as a dict by name; the module is in eval mode."""
        metrics = [type(m)() if type(m) is Loss else m for m in self._metrics]
        saved = [m.state_dict() if self._in_epoch and hasattr(m, "state_dict") else None for m in metrics]
        for m in metrics:
            m.reset()
        with _evaluating(self.module), flambeau.no_grad():
            for batch in loader:
                self._measure(metrics, *self._results(batch))
        found = {_name(m): _number(m.compute()) for m in metrics}
        for m, state in zip(metrics, saved, strict=True):
            if state is not None:
                m.load_state_dict(state)
        return found

    def predict(self, loader):
        """The module's outputs for all batches, one behind the other. Of batches that are tuples the first part is the input.

        Returns:
            Tensor, or a tuple of tensors where the module returns several.
        """
        made = []
        with _evaluating(self.module), flambeau.no_grad(), self._casting():
            for batch in loader:
                made.append(self.module(batch[0] if isinstance(batch, (tuple, list)) else batch))
        if not made:
            raise ValueError("[predict] the loader has no batches")
        if isinstance(made[0], (tuple, list)):
            return tuple(flambeau.cat(parts) for parts in zip(*made, strict=True))
        return flambeau.cat(made)

    def state_dict(self):
        """Everything that training needs to go on from here as if it had not stopped; `flambeau.save` can write it."""
        state = {
            "format": 1,
            "module": self.module.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "progress": {"epoch": self.epoch, "step": self.step, "batch": self.batch},
            "history": list(self.history),
            "random": _random_state(),
            "callbacks": [[type(c).__name__, c.state_dict()] for c in self._callbacks],
        }
        if self.scheduler is not None:
            state["scheduler"] = self.scheduler.state_dict()
        if self.batch:
            state["metrics"] = [m.state_dict() if hasattr(m, "state_dict") else {} for m in self._metrics]
            state["gradients"] = {} if self.batch % self.accumulate == 0 else self._gradients()
        if hasattr(self._train, "state_dict"):
            state["loader"] = self._train.state_dict()
        return state

    def load_state_dict(self, state):
        """Be where another trainer was when it gave this state."""
        self.module.load_state_dict(state["module"])
        self.optimizer.load_state_dict(state["optimizer"])
        if self.scheduler is not None and "scheduler" in state:
            self.scheduler.load_state_dict(state["scheduler"])
        self.epoch, self.step, self.batch = (state["progress"][name] for name in ("epoch", "step", "batch"))
        self.history[:] = state["history"]
        for m, saved in zip(self._metrics, state.get("metrics", ()), strict=False):
            if saved:
                m.load_state_dict(saved)
        parameters = dict(self.module.named_parameters())
        for name, gradient in state.get("gradients", {}).items():
            parameters[name].grad = gradient
        left = list(self._callbacks)
        for kind, saved in state["callbacks"]:
            found = next((c for c in left if type(c).__name__ == kind), None)
            if found is not None:
                left.remove(found)
                found.load_state_dict(saved)
        if hasattr(self._train, "load_state_dict") and "loader" in state:
            self._train.load_state_dict(state["loader"])
        _set_random_state(state["random"])

    def resume(self, what):
        """Go on from a checkpoint: a file, a folder (its newest), or True for the folder of the `Checkpoint` callback.

        Returns:
            The file's path, or None where a folder has no checkpoint yet.
        """
        path = self._checkpoint_at(what)
        if path is None:
            return None
        state = flambeau.load(path)
        if not isinstance(state, dict) or "progress" not in state:
            raise ValueError(
                f"[resume] {path} is not a trainer's checkpoint: it has no progress. Load weights with module.load_state_dict"
            )
        self.load_state_dict(state)
        return path

    # ------------------------------------------------------------------------------------------------------- the loop

    def _run_epoch(self, train, validation):
        self.module.train()
        if not self.batch:
            for m in self._metrics:
                m.reset()
            self.optimizer.zero_grad()
        self._in_epoch = True
        self._tell("epoch_start")
        for batch in self._remaining(train):
            self._train_on(batch)
            if self.stop and self.batch != self.batches:  # after the last batch the loader is to notice that it is done
                break
        if self.stop and (self.batches is None or self.batch < self.batches):
            return  # in the middle: a resumed run finishes the epoch
        if self.batch % self.accumulate:
            self._optimize()
        self._in_epoch = False
        row = {"epoch": self.epoch + 1, "step": self.step, **self._numbers()}
        if validation is not None:
            row.update({f"val_{name}": value for name, value in self.evaluate(validation).items()})
        row["lr"] = self.optimizer.param_groups[0]["lr"]
        if self.scheduler is not None and self.scheduler_every == "epoch":
            self._schedule(row.get("val_loss", row["loss"]))
        self.history.append(row)
        self.epoch, self.batch = self.epoch + 1, 0
        self._tell("epoch_end")

    def _train_on(self, batch):
        loss, output, target = self._results(batch)
        (loss if self.accumulate == 1 else loss / self.accumulate).backward()
        self.batch += 1
        if self.batch % self.accumulate == 0:
            self._optimize()
        self._measure(self._metrics, loss, output, target)
        for call in self._call["step_end"]:
            call(self)

    def _optimize(self):
        if self.clip is not None:
            flambeau.nn.utils.clip_grad_norm_(self.module.parameters(), self.clip)
        self.optimizer.step()
        self.optimizer.zero_grad()
        self.step += 1
        if self.scheduler is not None and self.scheduler_every == "step":
            self._schedule(None)

    def _schedule(self, value):
        self.scheduler.step(value) if self._plateau else self.scheduler.step()

    def _results(self, batch):
        """(loss, output, target) of a batch."""
        with self._casting():
            made = self._step(self.module, batch)
        if not isinstance(made, tuple):
            made = made, None, None
        if made[0].numel() != 1:
            raise RuntimeError(
                f"[Trainer] the loss must be one number, got shape {tuple(made[0].shape)}: take its mean()"
            )
        return made

    def _default_step(self, module, batch):
        if not isinstance(batch, (tuple, list)) or len(batch) < 2:
            raise TypeError(
                f"[Trainer] a batch must be (inputs..., target), got {type(batch).__name__}: pass step=, a function of (module, batch)"
            )
        *inputs, target = batch
        output = module(*inputs)
        return self.loss(output, target), output, target

    def _measure(self, metrics, loss, output, target):
        value = float(loss)
        if value - value != 0:
            raise RuntimeError(
                f"[Trainer] the loss is {value} at step {self.step}, batch {self.batch}: try a smaller learning rate or clip=1.0, "
                "and look for its cause under flambeau.autograd.detect_anomaly()"
            )
        count = len(target) if target is not None and target.dim() else 1
        metrics[0].add(value * count, count)
        if len(metrics) > 1:
            output, target = output.detach(), target
            for m in metrics[1:]:
                m.update(output, target)

    def _numbers(self):
        return {_name(m): _number(m.compute()) for m in self._metrics}

    def _remaining(self, train):
        """The batches of the epoch that are left: loaders with a state go on by themselves, others repeat what was done."""
        if self.batch and not hasattr(train, "load_state_dict"):
            state = _random_state()
            batches = iter(train)
            for _ in range(self.batch):
                next(batches)
            _set_random_state(state)
            return batches
        return train

    def _casting(self):
        if self.autocast is None:
            return _NOTHING
        return flambeau.autocast("cpu", dtype=self.autocast)

    def _tell(self, event):
        for call in self._call[event]:
            call(self)

    def _gradients(self):
        return {name: p.grad for name, p in self.module.named_parameters() if p.grad is not None}

    # ------------------------------------------------------------------------------------------------- interruptions

    def _interrupted(self):
        where = f"stopped in epoch {self.epoch + 1} of {self.epochs} after step {self.step}"
        saver = next((c for c in self._callbacks if isinstance(c, Checkpoint)), None)
        if saver is None:
            return f"{where}; nothing was saved: give the trainer callbacks=[flambeau.train.Checkpoint(folder)] to be able to go on"
        path = saver.newest()
        if path is None:
            return f"{where}; there is no checkpoint in {saver.folder} yet"
        return f"{where}; the newest checkpoint is {path}. Go on with fit(..., resume=True) or resume={str(path)!r}"

    def _checkpoint_at(self, what):
        if what is True:
            saver = next((c for c in self._callbacks if isinstance(c, Checkpoint)), None)
            if saver is None:
                raise ValueError(
                    "[resume] resume=True needs a Checkpoint callback: pass the path of a checkpoint instead"
                )
            return saver.newest()
        what = os.fspath(what)
        return Checkpoint(what).newest() if os.path.isdir(what) else what


class _Nothing:
    """A context that does nothing, cheaper than contextlib.nullcontext."""

    def __enter__(self):
        return None

    def __exit__(self, *exception):
        return False


_NOTHING = _Nothing()


class _evaluating:
    """A context with a module in eval mode; each of its modules gets its own mode back."""

    def __init__(self, module):
        self.modes = [(m, m.training) for m in module.modules()]
        self.module = module

    def __enter__(self):
        self.module.eval()

    def __exit__(self, *exception):
        for module, mode in self.modes:
            module.training = mode


def _length(loader):
    try:
        return len(loader)
    except TypeError:
        return None


def _name(m):
    return getattr(m, "name", None) or type(m).__name__.lower()


def _number(value):
    return value.item() if isinstance(value, flambeau.Tensor) else value


def _random_state():
    """The states of the default generators of flambeau, Python and NumPy, as checkpoints can hold them."""
    return plain(Streams([]).states())


def _set_random_state(state):
    Streams([]).restore(state)
