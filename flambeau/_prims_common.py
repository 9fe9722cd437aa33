"""torch._prims_common."""


def is_contiguous_or_false(tensor, memory_format=None):
    """Whether a tensor is contiguous."""
    return tensor.is_contiguous()
