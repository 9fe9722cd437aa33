"""Training without writing the loop: Trainer, or Model with compile, fit, evaluate and predict."""

from flambeau.train.callbacks import Callback, Checkpoint, EarlyStopping, Progress
from flambeau.train.history import History
from flambeau.train.loggers import CSVLogger, TensorBoard
from flambeau.train.metrics import (
    AUC,
    F1,
    R2,
    Accuracy,
    Loss,
    MeanAbsoluteError,
    MeanSquaredError,
    Metric,
    Precision,
    Recall,
    RootMeanSquaredError,
    TopKAccuracy,
    metric,
)
from flambeau.train.model import Model
from flambeau.train.summary import Summary, summary
from flambeau.train.trainer import Interrupted, Trainer

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
