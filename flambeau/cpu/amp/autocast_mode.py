"""The old name of flambeau.amp.autocast("cpu")."""

import warnings

from ... import amp, bfloat16

__all__ = ["autocast"]


class autocast(amp.autocast):
    """flambeau.amp.autocast("cpu", ...), with a FutureWarning.

    Args:
        enabled, dtype, cache_enabled: as there.

    >>> import warnings
    >>> with warnings.catch_warnings():
    ...     warnings.simplefilter("ignore")
    ...     flambeau.cpu.amp.autocast().fast_dtype
    torch.bfloat16
    """

    def __init__(self, enabled=True, dtype=bfloat16, cache_enabled=True):
        message = (
            "`torch.cpu.amp.autocast(args...)` is deprecated. Please use `torch.amp.autocast('cpu', args...)` instead."
        )
        warnings.warn(message, FutureWarning, stacklevel=2)
        super().__init__("cpu", dtype, enabled, cache_enabled)
