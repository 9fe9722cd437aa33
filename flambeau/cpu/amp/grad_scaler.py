"""The old name of flambeau.amp.GradScaler("cpu")."""

import warnings

from ... import amp

__all__ = ["GradScaler"]


class GradScaler(amp.GradScaler):
    """flambeau.amp.GradScaler("cpu", ...), with a FutureWarning.

    Args:
        init_scale, growth_factor, backoff_factor, growth_interval, enabled: as there.

    >>> import warnings
    >>> with warnings.catch_warnings():
    ...     warnings.simplefilter("ignore")
    ...     flambeau.cpu.amp.GradScaler().get_scale()
    65536.0
    """

    def __init__(self, init_scale=2.0**16, growth_factor=2.0, backoff_factor=0.5, growth_interval=2000, enabled=True):
        message = "`torch.cpu.amp.GradScaler(args...)` is deprecated. Please use `torch.amp.GradScaler('cpu', args...)` instead."
        warnings.warn(message, FutureWarning, stacklevel=2)
        super().__init__("cpu", init_scale, growth_factor, backoff_factor, growth_interval, enabled)
