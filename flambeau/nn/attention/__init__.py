"""Choosing how scaled_dot_product_attention computes: accepted for compatibility, there is one way here."""

import contextlib
import enum

__all__ = [
    "SDPBackend",
    "activate_flash_attention_impl",
    "current_flash_attention_impl",
    "list_flash_attention_impls",
    "register_flash_attention_impl",
    "restore_flash_attention_impl",
    "sdpa_kernel",
]


class SDPBackend(enum.IntEnum):
    """The ways that torch knows.

    Example::

        >>> flambeau.nn.attention.SDPBackend.MATH.value
        0
    """

    ERROR = -1
    MATH = 0
    FLASH_ATTENTION = 1
    EFFICIENT_ATTENTION = 2
    CUDNN_ATTENTION = 3
    OVERRIDEABLE = 4


WARN_FOR_UNFUSED_KERNELS = False  # there is one kernel, nothing to warn of
_overrideable = True  # the others are settings of backends.cuda


def _switches():
    """Each backend with the functions that ask for it and switch it, the most wanted first."""
    from flambeau.backends import cuda

    return {
        SDPBackend.CUDNN_ATTENTION: (cuda.cudnn_sdp_enabled, cuda.enable_cudnn_sdp),
        SDPBackend.FLASH_ATTENTION: (cuda.flash_sdp_enabled, cuda.enable_flash_sdp),
        SDPBackend.EFFICIENT_ATTENTION: (cuda.mem_efficient_sdp_enabled, cuda.enable_mem_efficient_sdp),
        SDPBackend.MATH: (cuda.math_sdp_enabled, cuda.enable_math_sdp),
        SDPBackend.OVERRIDEABLE: (lambda: _overrideable, _allow_overriding),
    }


def _allow_overriding(enabled):
    global _overrideable
    _overrideable = enabled


def _cur_sdpa_kernel_backends(with_priority=False):
    """The backends that are switched on."""
    return [backend for backend, (enabled, _) in _switches().items() if enabled()]


def _switch_on(backends):
    for backend, (_, enable) in _switches().items():
        enable(backend in backends)


@contextlib.contextmanager
def sdpa_kernel(backends, set_priority=False):
    """Accepts the wish for a backend, or several; attention is computed as always.

    Args:
        backends: an `SDPBackend` or a list of them; `backends.cuda.flash_sdp_enabled` and the like say so inside.
        set_priority: accepted.

    Example::

        >>> from flambeau.nn.attention import SDPBackend, sdpa_kernel
        >>> with sdpa_kernel(SDPBackend.MATH):
        ...     flambeau.backends.cuda.flash_sdp_enabled()
        False
    """
    if not isinstance(backends, list | SDPBackend):
        raise AssertionError(
            "Backend must be an instance of SDPBackend or a list of SDPBackend instances, "
            f"got {type(backends).__name__}"
        )
    before = _cur_sdpa_kernel_backends()
    _switch_on(backends if isinstance(backends, list) else [backends])
    try:
        yield {}
    finally:
        _switch_on(before)


def list_flash_attention_impls():
    """The implementations of flash attention that can be chosen: none, for they are for GPUs.

    Example::

        >>> flambeau.nn.attention.list_flash_attention_impls()
        []
    """
    return sorted(_implementations)


_implementations: dict = {}
_activated: list = []


def register_flash_attention_impl(impl, *, register_fn):
    """Adds an implementation of flash attention, which `activate_flash_attention_impl` calls.

    Args:
        impl: its name.
        register_fn: called when it is activated; gives None or something with `remove()`.

    Example::

        >>> from flambeau.nn import attention
        >>> attention.register_flash_attention_impl("mine", register_fn=lambda: None)
        >>> attention.activate_flash_attention_impl("mine")
        >>> attention.current_flash_attention_impl()
        'mine'
        >>> attention.restore_flash_attention_impl()
        >>> del attention._implementations["mine"]
    """
    _implementations[impl] = register_fn


def activate_flash_attention_impl(impl):
    """Chooses an implementation that is registered; a ValueError for others.

    Example::

        >>> try:
        ...     flambeau.nn.attention.activate_flash_attention_impl("none")
        ... except ValueError as error:
        ...     print(error)
        Unknown flash attention impl 'none'. Available implementations: []
    """
    if impl not in _implementations:
        raise ValueError(
            f"Unknown flash attention impl {impl!r}. Available implementations: {list_flash_attention_impls()}"
        )
    restore_flash_attention_impl(False)
    _activated.append((impl, _implementations[impl]()))


def current_flash_attention_impl():
    """The name of the implementation that was chosen, or None.

    Example::

        >>> flambeau.nn.attention.current_flash_attention_impl() is None
        True
    """
    return _activated[0][0] if _activated else None


def restore_flash_attention_impl(_raise_warn=True):
    """Goes back to the implementation that is always there.

    Example::

        >>> flambeau.nn.attention.restore_flash_attention_impl()
    """
    while _activated:
        _, handle = _activated.pop()
        if handle is not None:
            handle.remove()


def __getattr__(name):
    if name in ("bias", "flex_attention", "varlen"):  # loaded when first used
        import importlib

        return importlib.import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
