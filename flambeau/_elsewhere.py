"""Functions of torch's that need another build than the CPU's, or that torch took away: calling one is an error that says so."""

from ._absent import public

# What they are for, by name.
_KINDS = {
    "native_norm": "a norm", "batch_norm_stats": "batch normalization over several GPUs", "batch_norm_elemt": "batch normalization over several GPUs",
    "batch_norm_backward_elemt": "batch normalization over several GPUs", "batch_norm_backward_reduce": "batch normalization over several GPUs",
    "batch_norm_gather_stats": "batch normalization over several GPUs",
    "batch_norm_gather_stats_with_counts": "batch normalization over several GPUs", "miopen_batch_norm": "batch normalization by MIOpen",
    "miopen_convolution": "convolution by MIOpen", "miopen_convolution_add_relu": "convolution by MIOpen",
    "miopen_convolution_relu": "convolution by MIOpen", "miopen_convolution_transpose": "convolution by MIOpen",
    "miopen_depthwise_convolution": "convolution by MIOpen", "miopen_rnn": "recurrent networks by MIOpen",
    "cudnn_affine_grid_generator": "affine_grid by cuDNN", "cudnn_batch_norm": "batch normalization by cuDNN",
    "cudnn_convolution": "convolution by cuDNN", "cudnn_convolution_add_relu": "convolution by cuDNN",
    "cudnn_convolution_relu": "convolution by cuDNN", "cudnn_convolution_transpose": "convolution by cuDNN",
    "cudnn_grid_sampler": "grid_sample by cuDNN",
}  # fmt: skip


def _refusing(name, what):
    def function(*args, **kwargs):
        raise NotImplementedError(f"[{name}] {what} is not there on the CPU, in torch neither")

    return public("flambeau", name, f"Torch's {what}: an error, on the CPU.", function)


__all__ = ["cudnn_is_acceptable", "solve"]
for _name, _what in _KINDS.items():
    globals()[_name] = _refusing(_name, _what)
    __all__.append(_name)


def cudnn_is_acceptable(tensor):
    """Whether cuDNN computes with a tensor: no.

    >>> flambeau.cudnn_is_acceptable(flambeau.ones(1))
    False
    """
    return False


def solve(input, A, *, out=None):
    """Torch removed it: use linalg.solve(A, B), with its arguments the other way round.

    >>> flambeau.solve(flambeau.ones(1, 1), flambeau.ones(1, 1))
    Traceback (most recent call last):
        ...
    RuntimeError: [solve] This function was deprecated since version 1.9 and is now removed: X = linalg.solve(A, B) instead of X = solve(B, A)
    """
    raise RuntimeError(
        "[solve] This function was deprecated since version 1.9 and is now removed: "
        "X = linalg.solve(A, B) instead of X = solve(B, A)"
    )
