"""Training without writing the loop: Trainer, or Model with compile, fit, evaluate and predict."""

import importlib

__all__ = [
    "AUC",
    "F1",
    "R2",
    "Accuracy",
    "CSVLogger",
    "Callback",
    "Checkpoint",
    "EarlyStopping",
    "History",
    "Interrupted",
    "Loss",
    "MeanAbsoluteError",
    "MeanSquaredError",
    "Metric",
    "Model",
    "Precision",
    "Progress",
    "Recall",
    "RootMeanSquaredError",
    "Summary",
    "TensorBoard",
    "TopKAccuracy",
    "Trainer",
    "metric",
    "summary",
]
# What is not among the metrics. A module is loaded when one of its names is first used: `flambeau.summary` needs no loaders.
_WHERE = {
    **dict.fromkeys(("Callback", "Checkpoint", "EarlyStopping", "Progress"), "callbacks"),
    **dict.fromkeys(("CSVLogger", "TensorBoard"), "loggers"),
    **dict.fromkeys(("Interrupted", "Trainer"), "trainer"),
    **dict.fromkeys(("Summary", "summary"), "_summary"),
    "History": "history",
    "Model": "model",
}


def __getattr__(name):
    if name in __all__:
        found = getattr(importlib.import_module(f"flambeau.train.{_WHERE.get(name, 'metrics')}"), name)
        globals()[name] = found
        return found
    if name in ("callbacks", "history", "loggers", "metrics", "model", "trainer"):
        return importlib.import_module(f"flambeau.train.{name}")
    raise AttributeError(f"module 'flambeau.train' has no attribute {name!r}")


def __dir__():
    return sorted({*globals(), *__all__})
