"""CUDA libraries, which are not there; their settings are remembered."""

import contextlib
import types

__all__ = [
    "can_use_cudnn_attention",
    "can_use_efficient_attention",
    "can_use_flash_attention",
    "cudnn_sdp_enabled",
    "enable_cudnn_sdp",
    "enable_flash_sdp",
    "enable_math_sdp",
    "enable_mem_efficient_sdp",
    "flash_sdp_enabled",
    "is_built",
    "is_flash_attention_available",
    "math_sdp_enabled",
    "mem_efficient_sdp_enabled",
    "preferred_linalg_library",
    "sdp_kernel",
]

matmul = types.SimpleNamespace(
    allow_tf32=False,
    allow_fp16_reduced_precision_reduction=True,
    allow_bf16_reduced_precision_reduction=True,
    allow_fp16_accumulation=False,
    fp32_precision="none",
)
cufft_plan_cache = types.SimpleNamespace(size=0, max_size=0, clear=lambda: None)
_sdp = {"flash": True, "mem_efficient": True, "math": True, "cudnn": True}


def is_built():
    """Whether CUDA support was compiled in: no.

    >>> flambeau.backends.cuda.is_built()
    False
    """
    return False


def is_flash_attention_available():
    """Whether the CUDA kernel for attention is there: no.

    >>> flambeau.backends.cuda.is_flash_attention_available()
    False
    """
    return False


def can_use_flash_attention(params, debug=False):
    """Whether the CUDA kernel can be used: no.

    >>> flambeau.backends.cuda.can_use_flash_attention(None)
    False
    """
    return False


def can_use_efficient_attention(params, debug=False):
    """Whether the CUDA kernel can be used: no.

    >>> flambeau.backends.cuda.can_use_efficient_attention(None)
    False
    """
    return False


def can_use_cudnn_attention(params, debug=False):
    """Whether cuDNN can be used: no.

    >>> flambeau.backends.cuda.can_use_cudnn_attention(None)
    False
    """
    return False


def flash_sdp_enabled():
    """What enable_flash_sdp was last told.

    >>> flambeau.backends.cuda.flash_sdp_enabled()
    True
    """
    return _sdp["flash"]


def enable_flash_sdp(enabled):
    """Allow or forbid one of torch's kernels for attention; remembered only.

    >>> flambeau.backends.cuda.enable_flash_sdp(True)
    """
    _sdp["flash"] = bool(enabled)


def mem_efficient_sdp_enabled():
    """What enable_mem_efficient_sdp was last told.

    >>> flambeau.backends.cuda.mem_efficient_sdp_enabled()
    True
    """
    return _sdp["mem_efficient"]


def enable_mem_efficient_sdp(enabled):
    """Allow or forbid one of torch's kernels for attention; remembered only.

    >>> flambeau.backends.cuda.enable_mem_efficient_sdp(True)
    """
    _sdp["mem_efficient"] = bool(enabled)


def math_sdp_enabled():
    """What enable_math_sdp was last told.

    >>> flambeau.backends.cuda.math_sdp_enabled()
    True
    """
    return _sdp["math"]


def enable_math_sdp(enabled):
    """Allow or forbid one of torch's kernels for attention; remembered only.

    >>> flambeau.backends.cuda.enable_math_sdp(True)
    """
    _sdp["math"] = bool(enabled)


def cudnn_sdp_enabled():
    """What enable_cudnn_sdp was last told.

    >>> flambeau.backends.cuda.cudnn_sdp_enabled()
    True
    """
    return _sdp["cudnn"]


def enable_cudnn_sdp(enabled):
    """Allow or forbid one of torch's kernels for attention; remembered only.

    >>> flambeau.backends.cuda.enable_cudnn_sdp(True)
    """
    _sdp["cudnn"] = bool(enabled)


@contextlib.contextmanager
def sdp_kernel(enable_flash=True, enable_math=True, enable_mem_efficient=True, enable_cudnn=True):
    """Choose torch's kernels for attention in a `with` block; remembered only.

    >>> with flambeau.backends.cuda.sdp_kernel(enable_math=False):
    ...     print(flambeau.backends.cuda.math_sdp_enabled())
    False
    """
    before = dict(_sdp)
    _sdp.update(flash=enable_flash, math=enable_math, mem_efficient=enable_mem_efficient, cudnn=enable_cudnn)
    try:
        yield {}
    finally:
        _sdp.update(before)


def preferred_linalg_library(backend=None):
    """Which library decomposes matrices on CUDA; there is no choice.

    >>> flambeau.backends.cuda.preferred_linalg_library()
    'default'
    """
    return "default"
