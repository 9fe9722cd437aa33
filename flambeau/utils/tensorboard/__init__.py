"""Logs for TensorBoard, written by the package tensorboard."""


def __getattr__(name):
    if name in ("FileWriter", "RecordWriter", "SummaryWriter"):
        try:
            from tensorboard.summary.writer.record_writer import RecordWriter
        except ImportError as error:
            raise ImportError(
                "[utils.tensorboard] TensorBoard's files are written by the package tensorboard: pip install tensorboard"
            ) from error
        from . import writer

        return RecordWriter if name == "RecordWriter" else getattr(writer, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
