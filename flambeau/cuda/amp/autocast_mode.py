"""The old names of flambeau.amp.autocast("cuda") and of its decorators."""

import warnings

from ... import amp, float16

__all__ = ["autocast", "custom_bwd", "custom_fwd"]


def _deprecated(name):
    message = f"`torch.cuda.amp.{name}(args...)` is deprecated. Please use `torch.amp.{name}(args..., device_type='cuda')` instead."
    warnings.warn(message, FutureWarning, stacklevel=3)


class autocast(amp.autocast):
    """flambeau.amp.autocast("cuda", ...): it does nothing, as there is no CUDA device, and warns of it.

    Args:
        enabled, dtype, cache_enabled: as there.

    >>> import warnings
    >>> with warnings.catch_warnings():
    ...     warnings.simplefilter("ignore")
    ...     with flambeau.cuda.amp.autocast():
    ...         flambeau.ones(2, 2).mm(flambeau.ones(2, 2)).dtype
    torch.float32
    """

    def __init__(self, enabled=True, dtype=float16, cache_enabled=True):
        _deprecated("autocast")
        super().__init__("cuda", dtype, enabled, cache_enabled)


def custom_fwd(fwd=None, *, cast_inputs=None):
    """flambeau.amp.custom_fwd(device_type="cuda"), with a FutureWarning.

    >>> import warnings
    >>> with warnings.catch_warnings():
    ...     warnings.simplefilter("ignore")
    ...     callable(flambeau.cuda.amp.custom_fwd(lambda ctx, x: x))
    True
    """
    _deprecated("custom_fwd")
    return amp.custom_fwd(fwd, device_type="cuda", cast_inputs=cast_inputs)


def custom_bwd(bwd):
    """flambeau.amp.custom_bwd(device_type="cuda"), with a FutureWarning.

    >>> import warnings
    >>> with warnings.catch_warnings():
    ...     warnings.simplefilter("ignore")
    ...     callable(flambeau.cuda.amp.custom_bwd(lambda ctx, x: x))
    True
    """
    _deprecated("custom_bwd")
    return amp.custom_bwd(bwd, device_type="cuda")
