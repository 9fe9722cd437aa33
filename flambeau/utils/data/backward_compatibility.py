"""Names that programs still import."""

import warnings

__all__ = ["worker_init_fn"]


def worker_init_fn(worker_id):
    """Does nothing: loaders share pipes among their workers by themselves.

    Example:
        >>> import warnings
        >>> with warnings.catch_warnings():
        ...     warnings.simplefilter("ignore")
        ...     worker_init_fn(0)
    """
    warnings.warn(
        "Usage of `backward_compatibility.worker_init_fn` is deprecated as `DataLoader` automatically applies sharding in "
        "every worker",
        FutureWarning,
        stacklevel=2,
    )
