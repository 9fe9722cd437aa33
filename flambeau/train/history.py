"""The numbers of a training run, one row per epoch."""

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
        rows = [row for row in self if row.get(name) is not None]
        if not rows:
            raise KeyError(f"[History] no row has {name!r}; there are {', '.join(self.history) or 'no rows'}")
        return (min if mode == "min" else max)(rows, key=lambda row: row[name])

    def plot(self, path=None, names=None):
        """Draw the numbers over the epochs, one panel for each with its validation; needs matplotlib.

        Args:
            path: the image to write; None: return the figure.
            names: which numbers; by default all but step and lr.
        """
        from matplotlib.figure import Figure

        columns = self.history
        names = names or [name for name in columns if not name.startswith("val_") and name not in ("step", "lr")]
        figure = Figure(figsize=(5 * len(names), 3.5), layout="constrained")
        epochs = [row["epoch"] for row in self]
        for place, name in enumerate(names, 1):
            panel = figure.add_subplot(1, len(names), place)
            for label, column in (("training", name), ("validation", f"val_{name}")):
                if column in columns:
                    panel.plot(epochs, columns[column], marker="o", markersize=3, label=label)
            panel.set_xlabel("epoch")
            panel.set_title(name)
            panel.grid(alpha=0.3)
            panel.legend()
        if path is None:
            return figure
        figure.savefig(path, dpi=120)
        return None
