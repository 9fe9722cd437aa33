"""Numbers of a run written down: CSV files and TensorBoard."""

import csv
import io
import os

from flambeau.serialization.atomic import AtomicFile
from flambeau.train.callbacks import Callback

__all__ = ["CSVLogger", "TensorBoard"]


class CSVLogger(Callback):
    """One line per epoch in a CSV file; a resumed run goes on in the same file, from the epoch it resumes at.

    Args:
        path: the file.

    >>> flambeau.train.CSVLogger("runs/log.csv").path
    'runs/log.csv'
    """

    def __init__(self, path):
        self.path = os.fspath(path)

    def on_epoch_end(self, trainer):
        rows = list(trainer.history)
        names = list(dict.fromkeys(name for row in rows for name in row))
        text = io.StringIO(newline="")
        writer = csv.DictWriter(text, names)
        writer.writeheader()
        writer.writerows(rows)
        os.makedirs(os.path.dirname(self.path) or ".", exist_ok=True)
        with AtomicFile(self.path) as file:
            file.write(text.getvalue().encode())


class TensorBoard(Callback):
    """Losses, metrics and learning rate for TensorBoard, per epoch and each `every_steps` steps; needs the tensorboard package.

    Args:
        folder: where the event files go.
        every_steps: how often the loss of a step is written; None: only epochs.

    >>> flambeau.train.TensorBoard("runs/a").folder
    'runs/a'
    """

    def __init__(self, folder, every_steps=100):
        self.folder, self.every_steps, self._writer = os.fspath(folder), every_steps, None

    def on_fit_start(self, trainer):
        from flambeau.utils.tensorboard import SummaryWriter

        self._writer = SummaryWriter(self.folder)

    def on_step_end(self, trainer):
        if self.every_steps and trainer.batch % trainer.accumulate == 0 and trainer.step % self.every_steps == 0:
            for name, value in trainer._numbers(quick=True).items():
                self._writer.add_scalar(f"step/{name}", value, trainer.step)

    def on_epoch_end(self, trainer):
        for name, value in trainer.history[-1].items():
            if name not in ("epoch", "step"):
                kind, _, rest = name.partition("val_")
                self._writer.add_scalar(
                    f"validation/{rest}" if not kind and rest else f"training/{name}", value, trainer.epoch
                )
        self._writer.flush()

    def on_fit_end(self, trainer):
        if self._writer is not None:
            self._writer.close()
