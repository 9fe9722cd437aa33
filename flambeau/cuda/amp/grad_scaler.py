"""The old name of flambeau.amp.GradScaler("cuda")."""

import warnings

from ... import amp

__all__ = ["GradScaler"]


class GradScaler(amp.GradScaler):
    """flambeau.amp.GradScaler("cuda", ...): it is disabled, as there is no CUDA device, and warns of it.

    Args:
        init_scale, growth_factor, backoff_factor, growth_interval, enabled: as there.

    >>> import warnings
    >>> with warnings.catch_warnings():
    ...     warnings.simplefilter("ignore")
    ...     flambeau.cuda.amp.GradScaler().is_enabled()
    False
    """

    def __init__(self, init_scale=2.0**16, growth_factor=2.0, backoff_factor=0.5, growth_interval=2000, enabled=True):
        message = "`torch.cuda.amp.GradScaler(args...)` is deprecated. Please use `torch.amp.GradScaler('cuda', args...)` instead."
        warnings.warn(message, FutureWarning, stacklevel=2)
        super().__init__("cuda", init_scale, growth_factor, backoff_factor, growth_interval, enabled)
