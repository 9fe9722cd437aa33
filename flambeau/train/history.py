"""The numbers of a training run, one row per epoch."""

import math
import os

__all__ = ["History"]


class History(list):
    """A list of rows: dicts with epoch, step, loss, the metrics, val_... of the validation, and lr.

    >>> history = flambeau.train.History([{"epoch": 1, "loss": 2.0}, {"epoch": 2, "loss": 1.0}])
    >>> history.history["loss"], history.best("loss")
    ([2.0, 1.0], {'epoch': 2, 'loss': 1.0})
    """

    @property
    def history(self):
        """The same by name: {"loss": [...], ...}."""
        names = list(dict.fromkeys(name for row in self for name in row if name != "epoch"))
        return {name: [row.get(name) for row in self] for name in names}

    def best(self, name, mode="min"):
        """The row with the least (or with mode="max" the greatest) value of a number."""
        rows = [row for row in self if row.get(name) is not None and row[name] == row[name]]
        if not rows:
            raise KeyError(f"[History] no row has {name!r}; there are {', '.join(self.history) or 'no rows'}")
        return (min if mode == "min" else max)(rows, key=lambda row: row[name])

    def plot(self, path=None, names=None):
        """Draw the numbers over the epochs, one panel for each with its validation and best epoch; needs matplotlib.

        Args:
            path: the image to write, in a folder that is made if it is not there; None: return the figure.
            names: which numbers; by default all but step and lr.

        Raises:
            KeyError: there is no number of such a name.
            ValueError: there is no epoch yet.

        >>> history = flambeau.train.History([{"epoch": 1, "loss": 2.0}])
        >>> history.plot(names=["accuracy"])
        Traceback (most recent call last):
        ...
        KeyError: "[History] no row has 'accuracy'; there are loss"
        """
        columns = self.history
        if not self:
            raise ValueError("[History] there is nothing to draw before the first epoch")
        names = names or [name for name in columns if not name.startswith("val_") and name not in ("step", "lr")]
        for name in names:
            if name not in columns:
                raise KeyError(f"[History] no row has {name!r}; there are {', '.join(columns)}")
        from matplotlib.figure import Figure

        across = min(3, len(names))
        down = -(-len(names) // across)
        figure = Figure(figsize=(4.6 * across, 3.4 * down), layout="constrained")
        for place, name in enumerate(names, 1):
            self._draw(figure.add_subplot(down, across, place), name, columns)
        if path is None:
            return figure
        os.makedirs(os.path.dirname(os.fspath(path)) or ".", exist_ok=True)
        figure.savefig(path, dpi=120)
        return None

    def _draw(self, panel, name, columns):
        """One number and its validation, with the validation's value in the epoch with the least val_loss."""
        epochs = [row["epoch"] for row in self]
        dots = {"marker": "o", "markersize": 3} if len(epochs) <= 40 else {}
        for label, column, color in (("training", name, "tab:blue"), ("validation", f"val_{name}", "tab:orange")):
            if column in columns:
                values = [math.nan if value is None else value for value in columns[column]]
                panel.plot(epochs, values, label=label, color=color, **dots)
        losses = [value for value in columns.get("val_loss", ()) if value is not None and value == value]
        if losses and f"val_{name}" in columns:
            best = self.best("val_loss")
            label = f"epoch {best['epoch']}: {best[f'val_{name}']:.4g}"
            panel.plot(best["epoch"], best[f"val_{name}"], "*", markersize=11, color="tab:orange", label=label)
        panel.set(title=name, xlabel="epoch")
        panel.xaxis.get_major_locator().set_params(integer=True)
        panel.spines[["top", "right"]].set_visible(False)
        panel.grid(alpha=0.25)
        if f"val_{name}" in columns:
            panel.legend(frameon=False, fontsize="small")
