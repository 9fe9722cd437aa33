"""The training loop: epochs, validation, callbacks, checkpoints and going on from them."""

import contextlib
import inspect
import os

import flambeau
from flambeau.train._interrupt import Deferred
from flambeau.train._losses import Several, loss_function, threshold_of, warn_of_twice
from flambeau.train.callbacks import Callback, Checkpoint, Progress
from flambeau.train.history import History
from flambeau.train.metrics import Loss, PartLoss, name_of, state_of
from flambeau.train.metrics import metrics as listed
from flambeau.utils import _pytree
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
    last part is the target and the others are the module's arguments; a single dict goes to the arguments with its names, if
    forward has them. Another kind of step is a function.

    Args:
        module: the model.
        optimizer: over its parameters.
        loss: a name ("mse", "mae", "huber", "cross_entropy", "bce" of logits, "nll"), a function of (output, target), a module;
            or a list or dict of them for a module that gives a tuple or dict of outputs, whose losses are added.
        metrics: names ("accuracy", "auc", "f1", "mae", "mse", "precision", "r2", "recall", "rmse", "top5_accuracy"), functions of
            (output, target), or `Metric` objects; of several outputs a dict by name or place.
        scheduler: a learning rate scheduler, or a function that makes one of the optimizer. One with a plateau gets the validation
            loss, or the training loss without one.
        scheduler_every: "epoch" or "step".
        callbacks: `Callback` objects, asked in this order.
        step: instead of `loss`: a function of (module, batch) that returns the loss, or (loss, output, target).
        loss_weights: factors of several losses, in a list or dict like theirs.
        accumulate: batches whose mean gradient makes one optimizer step.
        clip: the largest norm of all gradients together.
        autocast: a dtype such as `flambeau.bfloat16` that forward passes run in.
        progress: show a progress bar, or lines where there is no terminal or with "lines".

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
        loss_weights=None,
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
        if autocast is not None and not isinstance(autocast, flambeau.dtype):
            raise TypeError(f"[Trainer] autocast must be a dtype such as flambeau.bfloat16, got {autocast!r}")
        self.module, self.optimizer = module, optimizer
        self.loss = None if loss is None else loss_function(loss, loss_weights)
        warn_of_twice(module, self.loss)
        if optimizer is not None:
            _check_optimizer(optimizer, module, step)
        self.scheduler = _scheduler(scheduler, optimizer)
        self.scheduler_every, self.accumulate, self.clip, self.autocast = scheduler_every, accumulate, clip, autocast
        self._step = self._own_step = step or self._default_step
        parts = self.loss.losses if isinstance(self.loss, Several) else ()
        self._metrics = [Loss(), *(PartLoss(key, self.loss) for key in parts)]
        self._metrics += listed(metrics, bool(parts), threshold_of(self.loss))
        self._watch(callbacks, progress)
        self._plateau = isinstance(self.scheduler, flambeau.optim.lr_scheduler.ReduceLROnPlateau)
        self.epoch = self.step = self.batch = 0
        self.history, self.stop, self.epochs, self.batches = History(), False, 0, None
        self._train, self._trained, self._going_on, self._named = None, False, None, None
        self._interrupt, self._inputs = None, 1

    def _watch(self, callbacks, progress):
        """Take these callbacks, and one for the progress."""
        callbacks = [callbacks] if isinstance(callbacks, Callback) else list(callbacks)
        for c in callbacks:
            _check_callback(c)
        shown = [] if not progress else [Progress(bar=progress not in ("lines", 2) or progress is True)]
        self._callbacks = [*shown, *callbacks]

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
        if self.optimizer is None:
            raise ValueError("[fit] the trainer has no optimizer")
        self._train, self.epochs, self.stop = train, epochs, False
        self.batches = _length(train)
        if resume:
            self.resume(resume)
        if self._going_on is None:  # an epoch that was broken off begins anew
            self.batch, self._trained = 0, False
        elif not self._trained:
            self._take_up(train)
        self._call = {event: [getattr(c, f"on_{event}") for c in self._callbacks if c.has(event)] for event in _EVENTS}
        self._between = False  # whether training could go on from the present state to the bit
        with Deferred(self._stop) as interrupt:
            self._interrupt = interrupt
            try:
                self._tell("fit_start")
                while self.epoch < epochs and not self.stop:
                    self._run_epoch(train, validation)
                if interrupt.asked:
                    self._between = True
                    raise KeyboardInterrupt
            except KeyboardInterrupt:
                raise Interrupted(self._interrupted()) from None
            finally:
                self._tell("fit_end")
                self._interrupt = None
        return self.history

    def _stop(self):
        self.stop = True

    def evaluate(self, loader):
        """The loss and the metrics over all batches of a loader, as a dict by name; the module is in eval mode."""
        saved = [state_of(m) for m in self._metrics]
        for m in self._metrics:
            m.reset()
        try:
            with _evaluating(self.module), flambeau.no_grad():
                for batch in loader:
                    _, value, output, target = self._results(batch)
                    self._measure(value, output, target)
                    if self._interrupt is not None and self._interrupt.asked:
                        raise KeyboardInterrupt
            if not self._metrics[0].count:
                raise ValueError(_no_batches("evaluate"))
            return self._numbers()
        finally:
            for m, state in zip(self._metrics, saved, strict=True):
                if state:
                    m.load_state_dict(state)

    def predict(self, loader, inputs=None):
        """The module's outputs for all batches, one behind the other.

        Args:
            loader: an iterable of batches.
            inputs: how many parts of a batch are the module's arguments, the first ones; by default those before the target in
                training, else the first.

        Returns:
            Tensor, or a tuple or dict of tensors where the module returns several.
        """
        made, inputs = [], inputs or self._inputs
        with _evaluating(self.module), flambeau.no_grad(), self._casting():
            for batch in loader:
                made.append(self._apply(self.module, batch[:inputs] if isinstance(batch, (tuple, list)) else [batch]))
        if not made:
            raise ValueError(_no_batches("predict"))
        if isinstance(made[0], dict):
            return {name: flambeau.cat([one[name] for one in made]) for name in made[0]}
        if isinstance(made[0], (tuple, list)):
            return tuple(flambeau.cat(parts) for parts in zip(*made, strict=True))
        return flambeau.cat(made)

    def state_dict(self):
        """Everything that training needs to go on from here as if it had not stopped; `flambeau.save` can write it."""
        state = {
            "format": 1,
            "module": self.module.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "progress": {"epoch": self.epoch, "step": self.step, "batch": self.batch, "trained": self._trained},
            "history": list(self.history),
            "random": _random_state(),
            "callbacks": [[type(c).__name__, c.state_dict()] for c in self._callbacks],
        }
        if self.scheduler is not None:
            state["scheduler"] = self.scheduler.state_dict()
        if self.batch:
            state["metrics"] = [state_of(m) for m in self._metrics]
            state["gradients"] = {} if self.batch % self.accumulate == 0 else self._gradients()
        if self._going_on is not None:
            state["loader"] = self._going_on
        elif hasattr(self._train, "state_dict"):
            state["loader"] = self._train.state_dict()
        return state

    def load_state_dict(self, state):
        """Be where another trainer was when it gave this state."""
        self.module.load_state_dict(state["module"])
        self.optimizer.load_state_dict(state["optimizer"])
        if self.scheduler is not None and "scheduler" in state:
            self.scheduler.load_state_dict(state["scheduler"])
        self.epoch, self.step, self.batch = (state["progress"][name] for name in ("epoch", "step", "batch"))
        self._trained = state["progress"].get("trained", False)
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
        self._going_on = state.get("loader", {})
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
        self._tell("epoch_start")
        if not self._trained and not self._train_epoch(train):
            return  # in the middle: a resumed run finishes the epoch
        self._trained = True
        row = {"epoch": self.epoch + 1, "step": self.step, **self._numbers()}
        if validation is not None:
            row.update({f"val_{name}": value for name, value in self._validate(validation).items()})
        self._take_up(train)
        row["lr"] = self.optimizer.param_groups[0]["lr"]
        if self.scheduler is not None and self.scheduler_every == "epoch":
            self._schedule(row.get("val_loss", row["loss"]))
        self.history.append(row)
        self.epoch, self.batch, self._trained = self.epoch + 1, 0, False
        self._tell("epoch_end")

    def _train_epoch(self, train):
        """Train on the batches that are left of the epoch; whether it is done."""
        if not self.batch:
            for m in self._metrics:
                m.reset()
            self.optimizer.zero_grad()
        for batch in self._remaining(train):
            self._train_on(batch)
            if self.stop and self.batch != self.batches:  # after the last batch the loader is to notice that it is done
                break
        if self.stop and (self.batches is None or self.batch < self.batches):
            return False
        if not self.batch:
            raise ValueError(_no_batches("fit"))
        if self.batch % self.accumulate:
            self._optimize()
        return True

    def _validate(self, validation):
        random = _random_state()
        try:
            return self.evaluate(validation)
        except KeyboardInterrupt:
            _set_random_state(random)
            self._between = True
            raise

    def _take_up(self, train):
        """Give the loader the state of a checkpoint; random numbers go on from here."""
        state, self._going_on = self._going_on, None
        if state and hasattr(train, "load_state_dict"):
            random = _random_state()
            if self._trained and "random" in state:
                state["random"] = {**state["random"], **random}
            train.load_state_dict(state)
            _set_random_state(random)

    def _train_on(self, batch):
        loss, value, output, target = self._results(batch)
        if value - value != 0:
            raise RuntimeError(self._not_finite(value, batch))
        try:
            (loss if self.accumulate == 1 else loss / self.accumulate).backward()
        except RuntimeError:
            if loss.requires_grad:
                raise
            raise RuntimeError(
                "[Trainer] the loss does not depend on any parameter that needs a gradient: all are frozen, or the output was "
                "detached or computed under no_grad"
            ) from None
        self.batch += 1
        if self.batch % self.accumulate == 0:
            self._optimize()
        self._measure(value, output, target)
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
        """(loss, its value, output, target) of a batch."""
        if self.autocast is None:
            made = self._step(self.module, batch)
        else:
            with self._casting():
                made = self._step(self.module, batch)
        if type(made) is not tuple:
            made = made, None, None
        try:
            loss, output, target = made
            return loss, loss.item(), output, target
        except Exception:
            _check_result(made)
            raise

    def _default_step(self, module, batch):
        if not isinstance(batch, (tuple, list)) or len(batch) < 2:
            raise TypeError(
                f"[Trainer] a batch must be (inputs..., target), got {_described(batch)}: pass step=, a function of (module, batch)"
            )
        self._inputs = len(batch) - 1
        target = batch[-1]
        output = self._apply(module, batch[:-1])
        return self.loss(output, target), output, target

    def _apply(self, module, inputs):
        """The module's output; a single dict goes to the arguments that have its names."""
        if len(inputs) != 1 or not isinstance(inputs[0], dict):
            return module(*inputs)
        names = tuple(inputs[0])
        if self._named is None or self._named[0] != names:
            self._named = names, _takes(module, names)
        return module(**inputs[0]) if self._named[1] else module(inputs[0])

    def _measure(self, value, output, target):
        metrics = self._metrics
        count = len(target) if type(target) is flambeau.Tensor and target.dim() else _samples(target)
        metrics[0].add(value * count, count)
        if len(metrics) > 1:
            output = output.detach() if isinstance(output, flambeau.Tensor) else _pytree.tree_map(_detached, output)
            for m in metrics[1:]:
                m.update(output, target)

    def _not_finite(self, value, batch):
        """What to say about a loss that is not finite; weights and optimizer are as they were before the batch."""
        bad = [t for t in _pytree.tree_leaves(batch) if isinstance(t, flambeau.Tensor) and not t.isfinite().all()]
        why = (
            f"the batch itself has values that are not finite, in a tensor of shape {tuple(bad[0].shape)}: clean the data"
            if bad
            else "try a smaller learning rate or clip=1.0, and look for its cause under flambeau.autograd.detect_anomaly()"
        )
        return f"[Trainer] the loss is {value} at step {self.step}, batch {self.batch} of epoch {self.epoch + 1}: {why}"

    def _numbers(self, quick=False):
        """The metrics' numbers by name; only those that are cheap to compute, if `quick`."""
        return {name_of(m): _number(m.compute()) for m in self._metrics if not quick or getattr(m, "quick", True)}

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
            return contextlib.nullcontext()
        return flambeau.autocast("cpu", dtype=self.autocast)

    def _tell(self, event):
        for call in self._call[event]:
            call(self)

    def _gradients(self):
        return {name: p.grad for name, p in self.module.named_parameters() if p.grad is not None}

    # ------------------------------------------------------------------------------------------------- interruptions

    def _interrupted(self):
        where = f"stopped in epoch {min(self.epoch + 1, self.epochs)} of {self.epochs} after step {self.step}"
        saver = next((c for c in self._callbacks if isinstance(c, Checkpoint)), None)
        if saver is None:
            return f"{where}; nothing was saved: give the trainer callbacks=[flambeau.train.Checkpoint(folder)] to be able to go on"
        path = saver.save(self) if self._between else saver.newest()
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


def _check_result(made):
    """Say what is wrong with what a step returned."""
    if len(made) != 3 or not isinstance(made[0], flambeau.Tensor):
        raise TypeError(
            f"[Trainer] a step must return the loss, a tensor, or (loss, output, target), got {_described(made[0])}"
        )
    if made[0].numel() != 1:
        raise RuntimeError(f"[Trainer] the loss must be one number, got shape {tuple(made[0].shape)}: take its mean()")


def _scheduler(given, optimizer):
    if given is None or hasattr(given, "step"):
        return given
    if not callable(given):
        raise TypeError(
            f"[Trainer] scheduler must be a learning rate scheduler, or a function that makes one of the optimizer, got {given!r}"
        )
    return given(optimizer)


def _check_optimizer(optimizer, module, step):
    if isinstance(optimizer, flambeau.optim.LBFGS):
        raise TypeError(
            "[Trainer] LBFGS takes the loss many times in a step: write the loop, with optimizer.step(closure)"
        )
    own = {id(p) for p in module.parameters()}
    if step is None and not any(id(p) in own for group in optimizer.param_groups for p in group["params"]):
        raise ValueError("[Trainer] the optimizer has none of the module's parameters: make it of module.parameters()")


def _check_callback(c):
    if not isinstance(c, Callback):
        raise TypeError(
            f"[Trainer] callbacks must be a list of flambeau.train.Callback objects, got {_described(c)}: derive a class from it"
        )
    wrong = [name for name in dir(c) if name.startswith("on_") and name[3:] not in _EVENTS]
    if wrong:
        raise ValueError(
            f"[Trainer] {type(c).__name__}.{wrong[0]} would never be called: the events are {', '.join(f'on_{e}' for e in _EVENTS)}"
        )


def _takes(module, names):
    """Whether forward has arguments of these names."""
    known = inspect.signature(module.forward).parameters
    return set(names) <= set(known) or any(p.kind is p.VAR_KEYWORD for p in known.values())


def _samples(target):
    leaf = next((t for t in _pytree.tree_leaves(target) if isinstance(t, flambeau.Tensor) and t.dim()), None)
    return 1 if leaf is None else len(leaf)


def _detached(value):
    return value.detach() if isinstance(value, flambeau.Tensor) else value


def _described(value):
    size = f" of {len(value)}" if isinstance(value, (tuple, list)) else ""
    return type(value).__name__ + size


def _no_batches(who):
    return (
        f"[{who}] the loader has no batches: the data is empty, drop_last dropped all of it, or an iterator has come to its "
        "end; what is gone through more than once must be a list or a DataLoader"
    )


def _number(value):
    return value.item() if isinstance(value, flambeau.Tensor) else value


def _random_state():
    """The states of the default generators of flambeau, Python and NumPy, as checkpoints can hold them."""
    return plain(Streams([]).states())


def _set_random_state(state):
    Streams([]).restore(state)
