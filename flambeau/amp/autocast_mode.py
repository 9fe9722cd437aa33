"""Regions in which functions choose their precision: products and convolutions compute in half precision, losses and sums
that need it in float32."""

import functools
import warnings
from collections.abc import Mapping

import flambeau

from ._casting import install, region

__all__ = [
    "autocast",
    "autocast_decorator",
    "autocast_decrement_nesting",
    "autocast_increment_nesting",
    "clear_autocast_cache",
    "custom_bwd",
    "custom_fwd",
    "get_autocast_dtype",
    "is_autocast_available",
    "is_autocast_cache_enabled",
    "is_autocast_enabled",
    "set_autocast_cache_enabled",
    "set_autocast_dtype",
    "set_autocast_enabled",
]

_DEFAULTS = {
    "cpu": flambeau.bfloat16, "cuda": flambeau.float16, "xpu": flambeau.float16, "mps": flambeau.float16, "mtia": flambeau.float16,
    "ipu": flambeau.float16, "xla": flambeau.bfloat16, "hpu": flambeau.bfloat16, "maia": flambeau.bfloat16,
    "privateuseone": flambeau.float16,
}  # fmt: skip
_LOWER = (flambeau.bfloat16, flambeau.float16)


def _known(device_type):
    """A kind of device that can be asked about."""
    if not isinstance(device_type, str):
        raise TypeError(f"[autocast] device_type must be str, not {type(device_type).__name__}")
    kind = flambeau.device(device_type).type
    if kind not in _DEFAULTS:
        raise RuntimeError(f"[autocast] there is no autocast for devices of type {kind!r}")
    return kind


def is_autocast_available(device_type):
    """Whether there is autocast for a kind of device.

    >>> flambeau.amp.is_autocast_available("cpu"), flambeau.amp.is_autocast_available("meta")
    (True, False)
    """
    return flambeau.device(device_type).type in _DEFAULTS


def is_autocast_enabled(device_type="cuda"):
    """Whether autocast is on for a kind of device, in this thread.

    >>> with flambeau.autocast("cpu"):
    ...     flambeau.is_autocast_enabled("cpu")
    True
    """
    return region.enabled.get(_known(device_type), False)


def set_autocast_enabled(device_type, enabled=None):
    """Switch autocast for a kind of device, "cuda" if none is given: what regions do on entry and exit.

    >>> flambeau.set_autocast_enabled("cpu", False)
    """
    if enabled is None:
        device_type, enabled = "cuda", device_type
    region.enabled[_known(device_type)] = bool(enabled)
    _activate()


def get_autocast_dtype(device_type):
    """The lower precision of a kind of device.

    >>> flambeau.get_autocast_dtype("cpu")
    torch.bfloat16
    """
    kind = _known(device_type)
    return region.dtypes.get(kind, _DEFAULTS[kind])


def set_autocast_dtype(device_type, dtype):
    """Set the lower precision of a kind of device.

    >>> flambeau.set_autocast_dtype("cpu", flambeau.bfloat16)
    """
    if not isinstance(dtype, flambeau.dtype):
        raise TypeError(f"[set_autocast_dtype] dtype must be torch.dtype, not {type(dtype).__name__}")
    region.dtypes[_known(device_type)] = dtype
    _activate()


def _activate():
    on = is_autocast_enabled("cpu")
    if on:
        install()
    region.active = get_autocast_dtype("cpu") if on else None


def is_autocast_cache_enabled():
    """Whether weights in lower precision are kept until the region ends.

    >>> flambeau.is_autocast_cache_enabled()
    True
    """
    return region.cache_enabled


def set_autocast_cache_enabled(enabled):
    """Say whether weights in lower precision are kept until the region ends.

    >>> flambeau.set_autocast_cache_enabled(True)
    """
    region.cache_enabled = enabled


def clear_autocast_cache():
    """Forget the weights that were kept in lower precision.

    >>> flambeau.clear_autocast_cache()
    """
    region.cache.clear()


def autocast_increment_nesting():
    """Count one region more; how many there are.

    >>> flambeau.autocast_increment_nesting(), flambeau.autocast_decrement_nesting()
    (1, 0)
    """
    region.nesting += 1
    return region.nesting


def autocast_decrement_nesting():
    """Count one region less; how many are left.

    >>> flambeau.autocast_increment_nesting(), flambeau.autocast_decrement_nesting()
    (1, 0)
    """
    region.nesting -= 1
    return region.nesting


def _deprecated(name, question, device_type, answer):
    """A function about one kind of device, of old."""

    def function(*args):
        warnings.warn(f"torch.{name}() is deprecated. Please use {question} instead.", DeprecationWarning, stacklevel=2)
        return answer(device_type, *args)

    function.__name__ = function.__qualname__ = name
    question = (
        question.replace("torch", "flambeau")
        .replace("set", "get")
        .replace("get_autocast_enabled", "is_autocast_enabled")
    )
    function.__doc__ = f"""An old form, with a DeprecationWarning, of what `amp.autocast_mode` has for all devices.

>>> {question}
{(get_autocast_dtype if "dtype" in name else is_autocast_enabled)(device_type)!r}
"""
    return function


for _short, _kind in (("cpu", "cpu"), ("gpu", "cuda"), ("ipu", "ipu"), ("xla", "xla")):
    for _name, _of, _answer in (
        (f"is_autocast_{_short}_enabled", "is_autocast_enabled", is_autocast_enabled),
        (f"set_autocast_{_short}_enabled", "set_autocast_enabled", set_autocast_enabled),
        (f"get_autocast_{_short}_dtype", "get_autocast_dtype", get_autocast_dtype),
        (f"set_autocast_{_short}_dtype", "set_autocast_dtype", set_autocast_dtype),
    ):
        __all__.append(_name)
        _call = f"torch.{_of}('{_kind}')"
        globals()[_name] = _deprecated(_name, _call, _kind, _answer)


def autocast_decorator(autocast_instance, func):
    """func, run in a region.

    >>> in_bfloat16 = flambeau.amp.autocast_mode.autocast_decorator(flambeau.autocast("cpu"), flambeau.matmul)
    >>> in_bfloat16(flambeau.ones(2), flambeau.ones(2))
    tensor(2., dtype=torch.bfloat16)
    """

    @functools.wraps(func)
    def decorate_autocast(*args, **kwargs):
        with autocast_instance:
            return func(*args, **kwargs)

    decorate_autocast.__script_unsupported = "@autocast() decorator is not supported in script mode"
    return decorate_autocast


class autocast:
    """A region, or a decorator, in which functions choose their precision.

    Products, convolutions and attention of float32 tensors are computed in the lower precision; losses, norms of matrices,
    transforms and decompositions in float32; the rest in what it is given. float64 is left alone. Gradients have the dtypes
    of what they are of, so backward needs no region.

    Args:
        device_type: "cpu"; regions of devices that are not there are accepted and do nothing.
        dtype: the lower precision, bfloat16 or float16; get_autocast_dtype(device_type) if None.
        enabled: False: functions compute in what they are given, also inside another region.
        cache_enabled: whether weights in lower precision are kept until the outermost region ends.

    >>> layer = flambeau.nn.Linear(2, 3)
    >>> with flambeau.autocast("cpu"):
    ...     y = layer(flambeau.ones(4, 2))
    ...     loss = flambeau.nn.functional.mse_loss(y, flambeau.zeros(4, 3))
    >>> y.dtype, loss.dtype
    (torch.bfloat16, torch.float32)
    """

    def __init__(self, device_type, dtype=None, enabled=True, cache_enabled=None):
        if not isinstance(device_type, str):
            raise ValueError(f"Expected `device_type` of type `str`, got: `{type(device_type)}`")
        if not is_autocast_available(device_type):
            raise RuntimeError(f"User specified an unsupported autocast device_type '{device_type}'")
        self.device = device_type
        self.fast_dtype = get_autocast_dtype(device_type) if dtype is None else dtype
        self._cache_enabled = is_autocast_cache_enabled() if cache_enabled is None else cache_enabled
        self._enabled = enabled and self._possible()

    def _possible(self):
        """Whether the region can do what it is asked to; a warning if not."""
        if self.device == "cuda" and not flambeau.cuda.is_available():
            warnings.warn("CUDA is not available or torch_xla is imported. Disabling autocast.", stacklevel=3)
            return False
        if self.fast_dtype not in _LOWER:
            title = self.device.upper()
            message = (
                f"In {title} autocast, but the target dtype is not supported. Disabling autocast.\n"
                f"{title} Autocast only supports dtypes of torch.bfloat16, torch.float16 currently."
            )
            warnings.warn(message, stacklevel=3)
            return False
        return True

    def __enter__(self):
        self.prev = is_autocast_enabled(self.device)
        self.prev_fastdtype = get_autocast_dtype(self.device)
        self.prev_cache_enabled = is_autocast_cache_enabled()
        set_autocast_enabled(self.device, self._enabled)
        set_autocast_dtype(self.device, self.fast_dtype)
        set_autocast_cache_enabled(self._cache_enabled)
        autocast_increment_nesting()
        return self

    def __exit__(self, *error):
        if autocast_decrement_nesting() == 0:
            clear_autocast_cache()
        set_autocast_enabled(self.device, self.prev)
        set_autocast_dtype(self.device, self.prev_fastdtype)
        set_autocast_cache_enabled(self.prev_cache_enabled)
        return False

    def __call__(self, func):
        return autocast_decorator(self, func)


def _cast(value, device_type, dtype):
    """Floating-point tensors of a kind of device in another dtype, through containers; float64 as it is."""
    if isinstance(value, flambeau.Tensor):
        ours = value.is_floating_point() and value.device.type == device_type and value.dtype is not flambeau.float64
        return value.to(dtype) if ours else value
    if isinstance(value, str | bytes):
        return value
    if isinstance(value, Mapping):
        return {_cast(k, device_type, dtype): _cast(v, device_type, dtype) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return type(value)([_cast(v, device_type, dtype) for v in value])
    return value


def _check_device_type(device_type):
    if not isinstance(device_type, str):
        raise ValueError(f"Expected `device_type` of type `str`, got: `{type(device_type)}`")


def custom_fwd(fwd=None, *, device_type, cast_inputs=None):
    """A decorator for the forward of a flambeau.autograd.Function that may be called inside regions.

    Args:
        fwd: the forward.
        device_type: the regions' kind of device.
        cast_inputs: if given, inputs are cast to it inside a region, and the forward runs outside; if not, it runs in it.

    >>> class Square(flambeau.autograd.Function):
    ...     @staticmethod
    ...     @flambeau.amp.custom_fwd(device_type="cpu", cast_inputs=flambeau.float32)
    ...     def forward(ctx, x):
    ...         ctx.save_for_backward(x)
    ...         return x * x
    ...     @staticmethod
    ...     @flambeau.amp.custom_bwd(device_type="cpu")
    ...     def backward(ctx, grad):
    ...         return 2 * ctx.saved_tensors[0] * grad
    >>> with flambeau.autocast("cpu"):
    ...     Square.apply(flambeau.ones(1, dtype=flambeau.bfloat16)).dtype
    torch.float32
    """
    _check_device_type(device_type)
    if fwd is None:
        return functools.partial(custom_fwd, device_type=device_type, cast_inputs=cast_inputs)

    @functools.wraps(fwd)
    def decorate_fwd(*args, **kwargs):
        args[0]._dtype = get_autocast_dtype(device_type)
        inside = is_autocast_enabled(device_type)
        args[0]._fwd_used_autocast = inside and cast_inputs is None
        if cast_inputs is None or not inside:
            return fwd(*args, **kwargs)
        with autocast(device_type, enabled=False):
            return fwd(*_cast(args, device_type, cast_inputs), **_cast(kwargs, device_type, cast_inputs))

    return decorate_fwd


def custom_bwd(bwd=None, *, device_type):
    """A decorator for the backward of a Function whose forward has custom_fwd: it runs as the forward did, in a region or not.

    Args:
        bwd: the backward.
        device_type: as of custom_fwd.

    >>> flambeau.amp.custom_bwd(device_type="cpu")
    functools.partial(...)
    """
    _check_device_type(device_type)
    if bwd is None:
        return functools.partial(custom_bwd, device_type=device_type)

    @functools.wraps(bwd)
    def decorate_bwd(*args, **kwargs):
        with autocast(device_type, enabled=args[0]._fwd_used_autocast, dtype=args[0]._dtype):
            return bwd(*args, **kwargs)

    return decorate_bwd
