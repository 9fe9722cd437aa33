"""What happens beside the training loop: progress, checkpoints, early stopping."""

import math
import os
import re
import shutil
import sys
import time

import flambeau

__all__ = ["Callback", "Checkpoint", "EarlyStopping", "Progress"]


class Callback:
    """Something to be told how training goes. Define the events you need; each gets the trainer.

    >>> class Shout(flambeau.train.Callback):
    ...     def on_epoch_end(self, trainer):
    ...         print("epoch", trainer.epoch, "done")
    >>> Shout().has("epoch_end"), Shout().has("step_end")
    (True, False)
    """

    def on_fit_start(self, trainer):
        """Before the first epoch."""

    def on_epoch_start(self, trainer):
        """Before the first batch of an epoch."""

    def on_step_end(self, trainer):
        """After each batch."""

    def on_epoch_end(self, trainer):
        """After each epoch and its validation; `trainer.history[-1]` has its numbers."""

    def on_fit_end(self, trainer):
        """After the last epoch, also when training was stopped or failed."""

    def has(self, event):
        """Whether the class defines an event."""
        return getattr(type(self), f"on_{event}") is not getattr(Callback, f"on_{event}")

    def state_dict(self):
        """What the callback has to remember in a checkpoint: numbers, strings, tensors in a dict."""
        return {}

    def load_state_dict(self, state):
        """Go on from a state."""


def _better(mode, min_delta=0.0):
    if mode not in ("min", "max"):
        raise ValueError(f"mode must be 'min' or 'max', got {mode!r}")
    if mode == "min":
        return lambda new, best: new < best - min_delta
    return lambda new, best: new > best + min_delta


def _monitored(trainer, name, who):
    row = trainer.history[-1]
    if name not in row:
        fix = ": give fit validation data" if name.startswith("val_") else ""
        raise KeyError(f"[{who}] no number is called {name!r}; this epoch has {', '.join(row)}{fix}")
    return row[name]


class EarlyStopping(Callback):
    """Ends training when a number has not become better for `patience` epochs.

    Args:
        monitor: the number, such as "val_loss".
        patience: epochs to wait.
        min_delta: the least change that counts.
        mode: "min" or "max".
        restore_best: give the module its best weights back at the end.

    >>> stop = flambeau.train.EarlyStopping("loss", patience=2)
    >>> stop.waited
    0
    """

    def __init__(self, monitor="val_loss", patience=5, *, min_delta=0.0, mode="min", restore_best=False):
        self.monitor, self.patience, self.restore_best = monitor, patience, restore_best
        self._is_better = _better(mode, min_delta)
        self._begin(mode)

    def _begin(self, mode):
        self.mode, self.best, self.waited, self.weights = mode, math.inf if mode == "min" else -math.inf, 0, None

    def on_fit_start(self, trainer):
        if trainer.epoch == trainer.batch == 0:  # another training with the same object
            self._begin(self.mode)

    def on_epoch_end(self, trainer):
        value = _monitored(trainer, self.monitor, "EarlyStopping")
        if self._is_better(value, self.best):
            self.best, self.waited = value, 0
            if self.restore_best:
                self.weights = {name: t.clone() for name, t in trainer.module.state_dict().items()}
            return
        self.waited += 1
        if self.waited >= self.patience:
            trainer.stop = True

    def on_fit_end(self, trainer):
        if self.weights is not None:
            trainer.module.load_state_dict(self.weights)

    def state_dict(self):
        return {"best": self.best, "waited": self.waited, "weights": self.weights}

    def load_state_dict(self, state):
        self.best, self.waited, self.weights = state["best"], state["waited"], state["weights"]


class Checkpoint(Callback):
    """Saves everything training needs to go on, after each epoch and each `every_steps` steps, and on Ctrl-C.

    A file appears complete or not at all; the newest ones are kept, and the best.

    Args:
        folder: where to; it is made if it is not there.
        every_epochs, every_steps: how often; None: not by that.
        keep: how many of the newest files to keep; None: all.
        monitor: a number such as "val_loss": the best epoch is in best.pt.
        mode: whether the best is the "min" or the "max".

    >>> flambeau.train.Checkpoint("runs/nowhere").newest() is None
    True
    """

    def __init__(self, folder, *, every_epochs=1, every_steps=None, keep=2, monitor=None, mode="min"):
        if keep is not None and keep < 1:
            raise ValueError(f"[Checkpoint] keep must be at least 1, got {keep}")
        self.folder, self.every_epochs, self.every_steps, self.keep = os.fspath(folder), every_epochs, every_steps, keep
        self.monitor, self._is_better = monitor, _better(mode)
        self.mode, self.best = mode, math.inf if mode == "min" else -math.inf

    def on_fit_start(self, trainer):
        if trainer.epoch == trainer.batch == 0:  # another training with the same object
            self.best = math.inf if self.mode == "min" else -math.inf

    def on_step_end(self, trainer):
        if self.every_steps and trainer.step % self.every_steps == 0 and trainer.batch % trainer.accumulate == 0:
            self.save(trainer)

    def on_epoch_end(self, trainer):
        if self.monitor is not None:
            value = _monitored(trainer, self.monitor, "Checkpoint")
            if self._is_better(value, self.best):
                self.best = value
                self._write(trainer, os.path.join(self.folder, "best.pt"))
        if self.every_epochs and trainer.epoch % self.every_epochs == 0:
            self.save(trainer)

    def save(self, trainer):
        """Save now; returns the path."""
        path = os.path.join(self.folder, f"step-{trainer.step:08d}.pt")
        self._write(trainer, path)
        for old in self._files()[: -self.keep] if self.keep else ():
            os.remove(old)
        return path

    def newest(self):
        """The newest checkpoint's path, or None."""
        files = self._files()
        return files[-1] if files else None

    def _write(self, trainer, path):
        os.makedirs(self.folder, exist_ok=True)
        flambeau.save(trainer.state_dict(), path)

    def _files(self):
        try:
            names = os.listdir(self.folder)
        except FileNotFoundError:
            return []
        found = [os.path.join(self.folder, name) for name in names if re.fullmatch(r"step-\d+\.pt", name)]
        return sorted(found, key=lambda path: (os.stat(path).st_mtime_ns, path))  # a new run may be in an old folder

    def state_dict(self):
        return {"best": self.best}

    def load_state_dict(self, state):
        self.best = state["best"]


class Progress(Callback):
    """A progress bar on a terminal, by tqdm where that is installed, and a line for each epoch.

    Args:
        file: where to; by default the standard error stream.
        interval: seconds between two changes of the bar.
        bar: whether there is a bar at all; it is only on terminals.

    >>> import io
    >>> flambeau.train.Progress(io.StringIO()).interval
    0.1
    """

    def __init__(self, file=None, interval=0.1, bar=True):
        self.file, self.interval, self.bar, self._bar = file, interval, bar, None

    def on_fit_start(self, trainer):
        self._out = self.file or sys.stderr
        self._tqdm = _tqdm() if self.bar and getattr(self._out, "isatty", lambda: False)() else None
        self._last = 0.0

    def on_epoch_start(self, trainer):
        self._began = time.perf_counter()
        if self._tqdm is not None:
            label = f"epoch {trainer.epoch + 1}/{trainer.epochs}"
            self._bar = self._tqdm(
                total=trainer.batches,
                initial=trainer.batch,
                desc=label,
                file=self._out,
                leave=False,
                mininterval=self.interval,
                **_size(),
            )

    def on_step_end(self, trainer):
        if self._bar is None:
            return
        now = time.perf_counter()
        if now - self._last < self.interval:
            return
        self._last = now
        self._bar.set_postfix_str(_shown(trainer._numbers(quick=True)), refresh=False)
        self._bar.update(trainer.batch - self._bar.n)

    def on_epoch_end(self, trainer):
        self._close()
        row = trainer.history[-1]
        numbers = {name: value for name, value in row.items() if name not in ("epoch", "step")}
        seconds = time.perf_counter() - self._began
        self._out.write(
            f"epoch {row['epoch']}/{trainer.epochs}  step {row['step']}  {seconds:.1f} s  {_shown(numbers)}\n"
        )
        self._out.flush()

    def on_fit_end(self, trainer):
        self._close()

    def _close(self):
        if self._bar is not None:
            self._bar.close()
            self._bar = None


def _shown(numbers):
    return "  ".join(f"{name} {value:.4g}" for name, value in numbers.items())


def _size():
    """The terminal's; tqdm by itself shows nothing where that is not known."""
    columns, lines = shutil.get_terminal_size()
    return {"ncols": columns - 1, "nrows": lines}


def _tqdm():
    try:
        from tqdm import tqdm
    except ImportError:
        return _Bar
    return tqdm


class _Bar:
    """What `Progress` needs of tqdm, for where that is not installed."""

    def __init__(self, total, initial, desc, file, leave, mininterval, ncols, nrows):
        self.total, self.n, self.desc, self.file = total, initial, desc, file
        self.began, self.first, self.text, self.ncols, self.shown = time.perf_counter(), initial, "", ncols, 0

    def set_postfix_str(self, text, refresh):
        self.text = text

    def update(self, count):
        self.n += count
        rate = (self.n - self.first) / max(time.perf_counter() - self.began, 1e-9)
        of, left = "", ""
        if self.total:
            done = min(self.n / self.total, 1.0)
            of = f"/{self.total} [{'#' * int(20 * done):20}]"
            left = f", {(self.total - self.n) / max(rate, 1e-9):.0f} s left"
        self._write(f"{self.desc}: {self.n}{of} {rate:.1f} batches/s{left}  {self.text}")

    def close(self):
        self._write("")

    def _write(self, line):
        line = line[: self.ncols]
        self.file.write("\r" + line.ljust(self.shown) + ("" if line else "\r"))
        self.file.flush()
        self.shown = len(line)
