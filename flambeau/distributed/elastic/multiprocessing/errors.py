"""torch.distributed.elastic.multiprocessing.errors."""


class ChildFailedError(Exception):
    """A process that a launcher started has failed."""


def record(fn, error_handler=None):
    """A function whose errors a launcher writes down: the function itself."""
    return fn
